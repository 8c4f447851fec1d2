"""The Gaussian bridge against formulas written from the joint law of both ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

import jaxsci
from jaxsci.bridge import ClosedForm, GaussianBridge, LightBridge

EPSILON = 0.7


def covariance(rng, dim, low=0.05, high=3.0):
    rotation = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    return rotation @ np.diag(np.exp(rng.uniform(np.log(low), np.log(high), dim))) @ rotation.T


def symmetric(matrix):
    return (matrix + matrix.T) / 2


@pytest.fixture(scope="module")
def setting():
    rng = np.random.default_rng(5)
    parts = rng.normal(size=4), covariance(rng, 4), rng.normal(size=4), covariance(rng, 4)
    return parts[0], symmetric(parts[1]), parts[2], symmetric(parts[3])


@pytest.fixture(scope="module")
def solution(setting):
    return jaxsci.solve(GaussianBridge(*setting, EPSILON), ClosedForm())


def plan(setting, epsilon=EPSILON):
    """The cross-covariance by matrix square roots: another formula than the one of the method."""
    a, b = setting[1], setting[3]
    root = linalg.sqrtm(a).real
    inner = linalg.sqrtm(root @ b @ root + epsilon**2 / 4 * np.eye(len(a))).real
    return root @ inner @ np.linalg.inv(root) - epsilon / 2 * np.eye(len(a))


def joint_drift(setting, t, x, epsilon=EPSILON):
    """$(E[x_1|x_t] - x)/(1-t)$ of the joint Gaussian law, with the factor $1-t$ cancelled.

    Cov(x_1, x_t) - Cov(x_t) = (1-t) ((1-t)(C^T - A) + t (B - C - eps I)).
    """
    m0, a, m1, b = setting
    cross, identity = plan(setting, epsilon), np.eye(len(m0))
    noise = epsilon * t * (1 - t) * identity
    law = (1 - t) ** 2 * a + t**2 * b + t * (1 - t) * (cross + cross.T) + noise
    gain = (1 - t) * (cross.T - a) + t * (b - cross - epsilon * identity)
    mean = (1 - t) * m0 + t * m1
    return m1 - m0 + gain @ np.linalg.solve(law, x - mean)


def test_the_formula_of_this_file_is_the_conditional_mean(setting):
    """Written out for a time inside, where nothing cancels."""
    m0, a, m1, b = setting
    cross, t, x = plan(setting), 0.4, np.array([0.3, -1.0, 2.0, 0.1])
    noise = EPSILON * t * (1 - t) * np.eye(4)
    law = (1 - t) ** 2 * a + t**2 * b + t * (1 - t) * (cross + cross.T) + noise
    with_end = (1 - t) * cross.T + t * b
    end = m1 + with_end @ np.linalg.solve(law, x - (1 - t) * m0 - t * m1)
    np.testing.assert_allclose(joint_drift(setting, t, x), (end - x) / (1 - t), rtol=1e-11)


@pytest.mark.parametrize("epsilon", [0.01, 0.7, 20.0])
@pytest.mark.parametrize("t", [0.0, 1e-9, 0.3, 0.9, 1 - 1e-9, 1.0])
def test_drift_at_any_time(setting, t, epsilon):
    model = jaxsci.solve(GaussianBridge(*setting, epsilon), ClosedForm()).value
    for x in np.random.default_rng(1).normal(size=(5, 4)) * 3:
        expected = joint_drift(setting, t, x, epsilon)
        error = np.linalg.norm(model.drift(t, jnp.asarray(x)) - expected)
        assert error <= 1e-9 * np.linalg.norm(expected)


def test_moments(setting, solution):
    assert isinstance(solution.value, LightBridge)
    assert float(solution.stats["residual"]) < 1e-13
    np.testing.assert_allclose(solution.cross_covariance, plan(setting), atol=1e-12)
    m0, a, m1, b = setting
    for t, mean, law in ((0.0, m0, a), (1.0, m1, b)):
        found = solution.marginal(t)
        np.testing.assert_allclose(found[0], mean, atol=1e-12)
        np.testing.assert_allclose(found[1], law, atol=1e-12)
    x = jnp.asarray(m0) + 1.0
    conditional = solution.value.conditional(x)
    slope = np.linalg.solve(a, plan(setting)).T
    np.testing.assert_allclose(conditional.mean(), m1 + slope @ np.ones(4), rtol=1e-10)
    schur = b - plan(setting).T @ np.linalg.solve(a, plan(setting))
    np.testing.assert_allclose(conditional.covariance(), schur, atol=1e-11)


def test_marginals_move_as_the_drift_says(setting, solution):
    """The Fokker-Planck equation of a linear drift: dP/dt = G P + P G^T + eps I, dm/dt = g(m)."""
    t, h = 0.35, 1e-5
    gain = jax.jacfwd(lambda x: solution.value.drift(t, x))(jnp.zeros(4))
    mean, law = solution.marginal(t)
    after, before = solution.marginal(t + h), solution.marginal(t - h)
    slopes = [(a - b) / (2 * h) for a, b in zip(after, before)]
    expected = gain @ law + law @ gain.T + EPSILON * np.eye(4)
    np.testing.assert_allclose(slopes[1], expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(slopes[0], solution.value.drift(t, mean), rtol=1e-7)


def test_marginal_formula(setting, solution):
    m0, a, m1, b = setting
    t, cross = 0.3, plan(setting)
    law = (1 - t) ** 2 * a + t**2 * b + t * (1 - t) * (cross + cross.T + EPSILON * np.eye(4))
    mean, found = solution.marginal(t)
    np.testing.assert_allclose(mean, (1 - t) * m0 + t * m1, rtol=1e-14)
    np.testing.assert_allclose(found, law, atol=1e-12)


def test_cost_is_the_dual_value_of_the_model(setting, solution):
    """With ends weighted by quadrature the dual functional is exact."""
    m0, a, m1, b = setting
    nodes = np.sqrt(4.0) * np.concatenate([np.eye(4), -np.eye(4)])  # exact for squares
    x0 = jnp.asarray(m0 + nodes @ np.linalg.cholesky(a).T)
    x1 = jnp.asarray(m1 + nodes @ np.linalg.cholesky(b).T)
    np.testing.assert_allclose(solution.cost, solution.value.cost(x0, x1), rtol=1e-12)


def test_a_start_in_a_point_is_a_brownian_bridge(setting):
    """A = 0: the plan does not depend on x, and S = B / eps."""
    m0, _, m1, b = setting
    found = jaxsci.solve(GaussianBridge(m0, np.zeros((4, 4)), m1, b, EPSILON), ClosedForm())
    np.testing.assert_allclose(found.value.spread.dense()[0], b / EPSILON, rtol=1e-12)
    np.testing.assert_allclose(found.marginal(0.0)[1], np.zeros((4, 4)), atol=1e-14)


def summary(problem):
    """A number that all of the solution enters."""
    found = jaxsci.solve(problem, ClosedForm(), throw=False)
    x = jnp.linspace(-1.0, 1.0, problem.mean0.size)
    return jnp.sum(jnp.sin(found.value.drift(0.6, x))) + found.cost + found.marginal(0.4)[1][0, 1]


@pytest.mark.parametrize("kind", ["generic", "isotropic", "zero start"])
def test_derivatives_against_central_differences(setting, kind):
    """Plain eigenvector derivatives are NaN where eigenvalues coincide."""
    m0, a, m1, b = setting
    if kind != "generic":
        a, b = (0.5 if kind == "isotropic" else 0.0) * np.eye(4), 2.0 * np.eye(4)
    problem = GaussianBridge(m0, a, m1, b, EPSILON)
    rng = np.random.default_rng(2)
    bend = [rng.normal(size=(4, 4)) / 10 for _ in range(2)]
    first = bend[0] @ bend[0].T if kind == "zero start" else symmetric(bend[0]) + np.eye(4)
    direction = GaussianBridge(bend[0][0], first, bend[1][0], symmetric(bend[1]) + np.eye(4), 1.0)
    move = lambda s: jax.tree.map(lambda leaf, d: leaf + s * d, problem, direction)
    value = jax.jit(lambda s: summary(move(s)))
    h = 1e-3
    if kind == "zero start":  # the covariance may only grow
        steps = np.array([-25, 48, -36, 16, -3]) / (12 * h)
        slope = sum(w * value(k * h) for k, w in enumerate(steps))
    else:
        slope = (8 * (value(h) - value(-h)) - value(2 * h) + value(-2 * h)) / (12 * h)
    gradient = jax.jit(jax.grad(summary))(problem)
    along = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient, direction))))
    np.testing.assert_allclose(along, slope, rtol=1e-6)
    np.testing.assert_allclose(jax.jvp(value, (0.0,), (1.0,))[1], slope, rtol=1e-6)


def test_second_derivative(setting):
    m0, _, m1, b = setting
    value = lambda e: summary(GaussianBridge(m0, 0.5 * np.eye(4), m1, b, e))
    slope, h = jax.jit(jax.grad(value)), 1e-4
    expected = (slope(EPSILON + h) - slope(EPSILON - h)) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(value)))(EPSILON), expected, rtol=1e-6)


def test_batches_and_single_precision(setting):
    epsilons = jnp.asarray([0.1, 1.0, 10.0])
    solve = lambda e: jaxsci.solve(GaussianBridge(*setting, e), ClosedForm()).cost
    batch = jax.jit(jax.vmap(solve))(epsilons)
    np.testing.assert_allclose(batch, [solve(e) for e in epsilons], rtol=1e-12)
    single = [jnp.asarray(part, jnp.float32) for part in setting]
    found = jaxsci.solve(GaussianBridge(*single, EPSILON), ClosedForm())
    assert found.value.centers.dtype == found.cost.dtype == jnp.float32
    assert float(found.stats["residual"]) < 1e-5


EYE, ZERO = np.eye(2), np.zeros(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((ZERO, EYE, np.zeros(3), EYE, 1.0), r"mean0 and mean1 must have the shape \(D,\)"),
        ((0.0, EYE, 0.0, EYE, 1.0), r"got \(\) and \(\)"),
        ((ZERO, EYE, np.array([0.0, np.nan]), EYE, 1.0), "mean1 is not finite"),
        ((ZERO, np.ones(2), ZERO, EYE, 1.0), r"covariance0 must have the shape \(2, 2\).*diag"),
        ((ZERO, np.array([[1.0, 0.3], [0.0, 1.0]]), ZERO, EYE, 1.0), "differs .* by 0.3; pass"),
        ((ZERO, -EYE, ZERO, EYE, 1.0), "covariance0 must be positive semi-definite.*is -1"),
        ((ZERO, EYE, ZERO, np.diag([1.0, 0.0]), 1.0), "covariance1 must be positive definite"),
        ((ZERO, EYE, ZERO, np.diag([1.0, np.inf]), 1.0), "covariance1 is not finite"),
        ((ZERO, EYE, ZERO, EYE, 0.0), "epsilon must be positive and finite, got 0.0; without"),
        ((ZERO, EYE, ZERO, EYE, np.ones(2)), "epsilon must be a number.*use jax.vmap"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianBridge(*arguments)


def test_residual_asks_for_one_component():
    problem = GaussianBridge(ZERO, EYE, ZERO, EYE, 1.0)
    with pytest.raises(ValueError, match="one component in dimension 2, got 3 in dimension 2"):
        problem.residual(LightBridge.blank(2, 3, 1.0))
    with pytest.raises(TypeError, match="GaussianBridge"):
        jaxsci.solve(LightBridge.blank(2, 3, 1.0), ClosedForm())
