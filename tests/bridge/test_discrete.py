"""Sinkhorn's iteration against linear programming limits, naive loops and central differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

import jaxsci
from jaxsci.bridge import (
    ClosedForm,
    DiscreteBridge,
    GaussianBridge,
    LightBridge,
    Sinkhorn,
    SinkhornBridge,
)

EPSILON = 0.4
TIGHT = Sinkhorn(rtol=1e-13)


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 1.5, 12), rng.uniform(0.5, 1.5, 9)
    weights = [w / w.sum() for w in weights]
    return rng.normal(size=(12, 3)), rng.normal(size=(9, 3)) + 0.5, *weights


@pytest.fixture(scope="module")
def problem(clouds):
    return DiscreteBridge(clouds[0], clouds[1], EPSILON, clouds[2], clouds[3])


@pytest.fixture(scope="module")
def solution(problem):
    return jaxsci.solve(problem, TIGHT)


def naive_plan(x0, x1, a, b, epsilon=EPSILON, steps=20_000):
    kernel = np.exp(-((x0[:, None] - x1) ** 2).sum(-1) / (2 * epsilon))
    right = np.ones(len(x1))
    for _ in range(steps):
        left = a / (kernel @ right)
        right = b / (kernel.T @ left)
    return left[:, None] * kernel * right


def test_plan_and_cost(clouds, problem, solution):
    expected = naive_plan(*clouds)
    assert isinstance(solution.value, SinkhornBridge)
    np.testing.assert_allclose(solution.value.plan, expected, atol=1e-13)
    assert float(problem.residual(solution.value.plan)) < 1e-12
    assert float(solution.stats["residual"]) < 1e-12
    costs = ((clouds[0][:, None] - clouds[1]) ** 2).sum(-1) / 2
    relative = expected * np.log(expected / np.outer(clouds[2], clouds[3]))
    np.testing.assert_allclose(
        solution.value.cost, (expected * costs).sum() + EPSILON * relative.sum(), rtol=1e-12
    )


def test_small_noise_tends_to_the_assignment(clouds):
    x0, x1 = clouds[0][:9], clouds[1]
    found = jaxsci.solve(DiscreteBridge(x0, x1, 0.01), Sinkhorn(rtol=1e-3))
    costs = ((x0[:, None] - x1) ** 2).sum(-1) / 2
    rows, columns = optimize.linear_sum_assignment(costs)
    np.testing.assert_array_equal(jnp.argmax(found.value.plan, axis=1), columns)
    # the entropic cost exceeds the optimal one by eps KL, at most eps log n
    best = costs[rows, columns].mean()
    assert best <= float(found.value.cost) <= best + 0.01 * np.log(9) + 1e-3


def test_conditional_plans_in_and_out_of_sample(clouds, solution):
    bridge, x1 = solution.value, clouds[1]
    rows = np.asarray(bridge.plan) / clouds[2][:, None]
    np.testing.assert_allclose(bridge.weights(jnp.asarray(clouds[0])), rows, atol=1e-12)
    np.testing.assert_allclose(bridge.mean(jnp.asarray(clouds[0])), rows @ x1, atol=1e-12)
    law = bridge.covariance(jnp.asarray(clouds[0]))
    np.testing.assert_allclose(law[3], np.cov(x1.T, aweights=rows[3], ddof=0), atol=1e-12)
    new = np.array([0.3, -0.2, 1.0])
    terms = clouds[3] * np.exp(
        np.asarray(bridge.potential1) / EPSILON - ((x1 - new) ** 2).sum(1) / (2 * EPSILON)
    )
    np.testing.assert_allclose(bridge.weights(jnp.asarray(new)), terms / terms.sum(), rtol=1e-11)
    assert bridge.weights(jnp.zeros((2, 5, 3))).shape == (2, 5, 9)
    assert bridge.covariance(jnp.zeros((2, 5, 3))).shape == (2, 5, 3, 3)


@pytest.mark.parametrize("t", [0.0, 0.35, 0.95])
def test_drift_is_the_gradient_of_the_log_potential(clouds, solution, t):
    """eps grad log h, h(x, t) = sum_j b_j e^{psi_j / eps} N(y_j; x, eps (1-t) I)."""
    bridge = solution.value

    def log_potential(x):
        squares = jnp.sum((jnp.asarray(clouds[1]) - x) ** 2, axis=1)
        exponent = (bridge.potential1 - squares / (2 * (1 - t))) / EPSILON
        return EPSILON * jax.nn.logsumexp(exponent, b=jnp.asarray(clouds[3]))

    x = jnp.asarray([0.4, 0.1, -0.6])
    np.testing.assert_allclose(bridge.drift(t, x), jax.grad(log_potential)(x), rtol=1e-10)


def test_many_points_of_gaussians_approach_the_gaussian_bridge():
    """Quantiles of one-dimensional Gaussians: no sampling noise."""
    quantiles = stats.norm.ppf((np.arange(300) + 0.5) / 300)[:, None]
    found = jaxsci.solve(DiscreteBridge(quantiles, 1 + 2 * quantiles, 1.0), Sinkhorn()).value
    exact = jaxsci.solve(
        GaussianBridge(np.zeros(1), np.eye(1), np.ones(1), 4 * np.eye(1), 1.0), ClosedForm()
    ).value
    x = jnp.asarray([[-0.7], [0.0], [0.9]])
    np.testing.assert_allclose(found.mean(x), exact.conditional(x).mean(), atol=0.03)
    np.testing.assert_allclose(found.drift(0.5, x), exact.drift(0.5, x), atol=0.03)


def test_samples(clouds, solution, key):
    bridge = solution.value
    x = jnp.broadcast_to(jnp.asarray([0.1, 0.2, 0.3]), (20_000, 3))
    draw = jax.jit(lambda *inputs: bridge.sample(key, *inputs))
    ends = draw(x)
    np.testing.assert_allclose(ends.mean(0), bridge.mean(x[0]), atol=0.03)
    np.testing.assert_allclose(np.cov(ends.T), bridge.covariance(x[0]), atol=0.04)
    times = jnp.asarray([0.0, 0.5, 1.0])
    path = draw(x, times)
    assert path.shape == (3, 20_000, 3)
    np.testing.assert_allclose(path[0], x, atol=1e-12)
    np.testing.assert_allclose(path[2], ends, atol=1e-12)
    law = bridge.covariance(x[0]) / 4 + EPSILON / 4 * np.eye(3)
    np.testing.assert_allclose(np.cov(path[1].T), law, atol=0.03)


def summary(problem):
    """A number that plan, potentials and conditional plans enter, but no gauge."""
    bridge = jaxsci.solve(problem, TIGHT, throw=False).value
    new = jnp.asarray([0.2, -0.3, 0.5])
    sums = bridge.potential0[0] + bridge.potential1[1]
    moments = jnp.sum(jnp.sin(bridge.mean(new))) + bridge.covariance(new)[0, 1]
    return jnp.sum(jnp.cos(30 * bridge.plan)) + bridge.cost + sums + moments


value, slope = jax.jit(summary), jax.jit(jax.grad(summary))


def test_derivatives_against_central_differences(problem):
    """In points, weights and epsilon; weights keep their sum."""
    rng = np.random.default_rng(4)
    move = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), problem)
    flat = lambda weights: (weights - weights.mean()) / 100
    where = lambda p: (p.weights0, p.weights1)
    move = eqx.tree_at(where, move, (flat(move.weights0), flat(move.weights1)))
    at = lambda s: value(jax.tree.map(lambda leaf, m: leaf + s * m, problem, move))
    h = 1e-3
    difference = (8 * (at(h) - at(-h)) - at(2 * h) + at(-2 * h)) / (12 * h)
    leaves = map(jax.tree.leaves, (slope(problem), move))
    along = sum(jnp.vdot(g, m) for g, m in zip(*leaves))
    np.testing.assert_allclose(along, difference, rtol=1e-6)


def test_a_point_without_mass_does_not_count(clouds):
    """On both sides, and so far away that its share of a plan would overflow."""
    idle = lambda weights: np.append(weights[:-1] / weights[:-1].sum(), 0.0)
    away = lambda points: np.append(points[:-1], [[50.0, 0.0, 0.0]], axis=0)
    inside = clouds[0][:-1], clouds[1][:-1], idle(clouds[2])[:-1], idle(clouds[3])[:-1]
    far = DiscreteBridge(
        away(clouds[0]), away(clouds[1]), EPSILON, idle(clouds[2]), idle(clouds[3])
    )
    found = jaxsci.solve(far, TIGHT).value
    plan = np.asarray(found.plan)
    np.testing.assert_allclose(plan[:-1, :-1], naive_plan(*inside), atol=1e-12)
    np.testing.assert_array_equal(plan[-1], 0)
    np.testing.assert_array_equal(plan[:, -1], 0)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope(far)))
    near = found.weights(jnp.asarray([49.0, 0.0, 0.0]))
    np.testing.assert_allclose(jnp.sum(near[:-1]), 1, rtol=1e-12)
    assert near[-1] == 0


def test_derivative_of_the_cost_is_the_partial_one(clouds, problem, solution):
    """The envelope theorem: dC/d eps = KL(plan | a b)."""
    cost = lambda e: (
        jaxsci.solve(
            DiscreteBridge(clouds[0], clouds[1], e, clouds[2], clouds[3]), TIGHT, throw=False
        ).value.cost
    )
    plan = np.asarray(solution.value.plan)
    relative = (plan * np.log(plan / np.outer(clouds[2], clouds[3]))).sum()
    np.testing.assert_allclose(jax.grad(cost)(EPSILON), relative, rtol=1e-9)


def test_a_cap_is_reported_and_batches_keep_their_codes(clouds, problem):
    found = jaxsci.solve(problem, Sinkhorn(max_steps=2), throw=False)
    assert found.result == jaxsci.RESULTS.not_converged
    assert int(found.stats["num_steps"]) == 2
    with pytest.raises(jaxsci.JaxsciError, match="last step"):
        jaxsci.solve(problem, Sinkhorn(max_steps=2))

    def solve(e):
        one = DiscreteBridge(clouds[0], clouds[1], e)
        found = jaxsci.solve(one, Sinkhorn(400), throw=False)
        return found.value.cost, found.result

    costs, codes = jax.jit(jax.vmap(solve))(jnp.asarray([1e-3, 1.0]))
    np.testing.assert_array_equal(codes == jaxsci.RESULTS.successful, [False, True])
    np.testing.assert_allclose(costs[1], solve(1.0)[0], rtol=1e-12)


def test_single_precision(clouds):
    single = DiscreteBridge(*(jnp.asarray(c, jnp.float32) for c in clouds[:2]), EPSILON)
    found = jaxsci.solve(single, Sinkhorn())
    assert found.value.plan.dtype == jnp.float32
    even = np.full(12, 1 / 12), np.full(9, 1 / 9)
    np.testing.assert_allclose(found.value.plan, naive_plan(*clouds[:2], *even), atol=1e-5)


X0, X1 = np.zeros((4, 2)), np.ones((3, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(4), X1, 1.0), r"x0 must be samples of the shape \(n, D\), got \(4,\)"),
        ((X0, np.ones((3, 3)), 1.0), r"same dimension D, got the shapes \(4, 2\) and \(3, 3\)"),
        ((X0, np.zeros((0, 2)), 1.0), r"x1 must be samples .* got \(0, 2\)"),
        ((X0, np.array([[1, 1], [np.nan, 1]]), 1.0), "x1 is not finite in 1 row.* row 1"),
        ((X0, X1, -1.0), "epsilon must be positive and finite, got -1.0"),
        ((X0, X1, np.ones(2)), "epsilon must be a number"),
        ((X0, X1, 1.0, np.ones(4)), "weights0 must not be negative and sum to one, got the sum 4"),
        ((X0, X1, 1.0, None, np.array([1.5, 0.0, -0.5])), "weights1 .* the least -0.5"),
        ((X0, X1, 1.0, None, np.ones(4) / 4), r"weights1 must have the shape \(3,\), got \(4,\)"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        DiscreteBridge(*arguments)


def test_other_problems_are_refused():
    with pytest.raises(TypeError, match="DiscreteBridge"):
        jaxsci.solve(LightBridge.blank(2, 3, 1.0), Sinkhorn())
