"""The light unbalanced bridge against potentials on a grid, its limits and its optimality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

import jaxsci
from jaxsci.bridge import (
    LBFGS,
    Diagonal,
    GaussianMixture,
    LightBridge,
    UnbalancedBridge,
    UnbalancedLBFGS,
    Weighted,
)

EPSILON, TAU = 0.5, 2.0
GRID = np.linspace(-9, 9, 361)
STEP = GRID[1] - GRID[0]
KEY = jax.random.key(0)


def density(mean, variance):
    values = np.exp(-((GRID - mean) ** 2) / (2 * variance))
    return values / values.sum()


P, Q = density(-0.5, 0.6), density(1.0, 1.2)
SIDES = (
    Weighted(jnp.asarray(GRID[:, None]), jnp.asarray(P)),
    Weighted(jnp.asarray(GRID[:, None]), jnp.asarray(Q)),
)


def on_the_grid(tau):
    """Scaling iterations for the potentials, with the densities of p and q on the line."""
    costs = (GRID[:, None] - GRID) ** 2 / 2
    logs, psi = [np.log(P / STEP), np.log(Q / STEP)], np.zeros_like(GRID)
    for _ in range(100):
        phi = (logs[0] - logsumexp((psi - costs) / EPSILON, axis=1, b=STEP)) / (
            1 / EPSILON + 1 / tau
        )
        psi = (logs[1] - logsumexp((phi - costs) / EPSILON, axis=1, b=STEP)) / (
            1 / EPSILON + 1 / tau
        )
    plan = np.exp((phi[:, None] + psi - costs) / EPSILON)
    return phi, psi, plan, costs


@pytest.fixture(scope="module")
def fitted():
    model = UnbalancedBridge.blank(1, 1, EPSILON, TAU)
    return jaxsci.fit(model, SIDES, UnbalancedLBFGS(), key=KEY)


def test_potentials_mass_and_cost_against_the_grid(fitted):
    """For Gaussians one component is exact."""
    phi, psi, plan, costs = on_the_grid(TAU)
    model, inside = fitted.value, np.abs(GRID) < 3
    points = jnp.asarray(GRID[inside, None])
    np.testing.assert_allclose(model.start_potential(points), phi[inside], atol=1e-6)
    np.testing.assert_allclose(model.end_potential(points), psi[inside], atol=1e-6)
    np.testing.assert_allclose(model.mass, plan.sum() * STEP**2, rtol=1e-8)
    starts, ends = plan.sum(1) * STEP, plan.sum(0) * STEP
    ratios = starts / (P / STEP), ends / (Q / STEP)
    np.testing.assert_allclose(model.start_ratio(points), ratios[0][inside], rtol=1e-6)
    np.testing.assert_allclose(model.end_ratio(points), ratios[1][inside], rtol=1e-6)
    divergence = lambda law, ratio, p: (law * np.log(ratio)).sum() * STEP - law.sum() * STEP + 1
    entropy = (plan * (np.log(plan) - 1)).sum() * STEP**2
    primal = (plan * costs).sum() * STEP**2 + EPSILON * entropy
    primal += TAU * (divergence(starts, ratios[0], P) + divergence(ends, ratios[1], Q))
    found = model.cost(SIDES[0].points, SIDES[1].points, (SIDES[0].weights, SIDES[1].weights))
    np.testing.assert_allclose(found, primal, rtol=1e-8)


def samples():
    rng = np.random.default_rng(3)
    x = 0.4 * rng.normal(size=(60, 2))
    ends = np.array([[2.0, 0.0], [-2.0, 1.0]])[rng.integers(2, size=80)]
    return x, ends + 0.3 * rng.normal(size=(80, 2))


def fit_two(epsilon, tau, x, y, method=UnbalancedLBFGS(), throw=True):  # noqa: B008
    """Two components of the potential and one of the source: one program for all tests."""
    model = UnbalancedBridge.blank(2, 2, epsilon, tau, num_source=1)
    return jaxsci.fit(model, (x, y), method, key=KEY, throw=throw)


def test_mass_is_the_same_from_both_sides_and_in_closed_form():
    x, y = samples()
    solution = fit_two(0.7, 1.5, x, y)
    found = solution.value
    for mean in (found.start_ratio(x).mean(), found.end_ratio(y).mean()):
        np.testing.assert_allclose(mean, found.mass, rtol=1e-10)
    least = (2 * 1.5 + 0.7) * (found.mass - 1) + 0.7
    np.testing.assert_allclose(found.loss(x, y), least, rtol=1e-10)
    np.testing.assert_allclose(solution.stats["loss"], least, rtol=1e-10)
    shifted = UnbalancedBridge(found.bridge, found.source, found.log_mass + 0.01, 1.5)
    assert shifted.loss(x, y) > found.loss(x, y)
    np.testing.assert_allclose(shifted.scaled(x, y).loss(x, y), least, rtol=1e-10)


def test_the_balanced_limit():
    """tau to infinity: the plan of the light bridge, mass one, and an error of order 1/tau."""
    data = samples()
    exact = jaxsci.fit(LightBridge.blank(2, 2, 0.7), data, LBFGS(), key=KEY).value
    points, errors = jnp.asarray(data[0][:20]), []
    for tau in (1e3, 1e4):
        found = fit_two(0.7, tau, *data).value
        gap = found.bridge.conditional(points).mean() - exact.conditional(points).mean()
        errors.append([float(jnp.abs(gap).max()), float(abs(found.log_mass))])
    assert errors[1][0] < 1e-3
    np.testing.assert_allclose(np.divide(*errors), 10, rtol=0.1)


def test_far_away_samples_are_ignored():
    x, y = samples()
    near = y[:, 0] > 0
    y = np.where(near[:, None], y, y - np.array([12.0, 0.0]))
    found = fit_two(0.7, 1.5, x, y).value
    assert float(found.end_ratio(y[~near]).max()) < 0.1 < 0.5 < found.end_ratio(y[near]).min()
    starts = jax.jit(lambda: found.sample_start(jax.random.key(2), 4000))()
    np.testing.assert_allclose(starts.mean(0), found.source.mean(), atol=0.03)
    np.testing.assert_allclose(np.cov(starts.T), found.source.covariance(), atol=0.02)
    times = jnp.asarray([0.0, 0.5, 1.0])
    path = jax.jit(lambda x: found.sample(jax.random.key(1), x, times))(starts)
    assert path.shape == (3, 4000, 2)
    assert np.mean(np.asarray(path[2, :, 0]) < -6) < 0.02


def summary(epsilon, tau, shift):
    data = samples()
    moved = jnp.asarray(data[0]) + shift * jnp.asarray([1.0, 0.3])
    found = fit_two(epsilon, tau, moved, jnp.asarray(data[1]), throw=False).value
    x = jnp.asarray([0.2, 0.4])
    return found.mass + jnp.sum(jnp.sin(found.bridge.drift(0.5, x))) + found.start_potential(x)


def test_derivatives_of_the_fit():
    """In epsilon, in tau and in the samples."""
    at, h = np.array([0.7, 1.5, 0.2]), 2e-3
    value_and_slopes = jax.jit(jax.value_and_grad(summary, (0, 1, 2)))
    slopes = value_and_slopes(*at)[1]
    for step, slope in zip(np.eye(3) * h, slopes):
        sides = [value_and_slopes(*(at + k * step))[0] for k in (-2, -1, 1, 2)]
        difference = (8 * (sides[2] - sides[1]) - (sides[3] - sides[0])) / (12 * h)
        np.testing.assert_allclose(slope, difference, rtol=1e-6)


def test_a_cap_is_reported():
    found = fit_two(0.7, 1.5, *samples(), UnbalancedLBFGS(rtol=0.0, atol=0.0), throw=False)
    assert found.result == jaxsci.RESULTS.not_converged
    assert int(found.stats["num_steps"]) == 1000


def test_bad_input():
    with pytest.raises(ValueError, match=r"tau must be positive and finite, got 0\.0; use LightB"):
        UnbalancedBridge.blank(2, 2, 1.0, 0.0)
    with pytest.raises(ValueError, match="epsilon must be positive"):
        UnbalancedBridge.blank(2, 2, -1.0, 1.0)
    with pytest.raises(ValueError, match="num_source must be at least 1, got 0"):
        UnbalancedBridge.blank(2, 2, 1.0, 1.0, num_source=0)
    source = GaussianMixture(jnp.zeros(1), jnp.zeros((1, 3)), Diagonal(jnp.ones((1, 3))))
    with pytest.raises(ValueError, match=r"source must have the shape \(L, 2\), got \(1, 3\)"):
        UnbalancedBridge(LightBridge.blank(2, 2, 1.0), source, 0.0, 1.0)
    model, (x, y) = UnbalancedBridge.blank(2, 2, 1.0, 1.0, num_source=70), samples()
    with pytest.raises(ValueError, match="x0 has 60 samples for 70 components of the source"):
        jaxsci.fit(model, (x, y), UnbalancedLBFGS(), key=KEY)
    model = UnbalancedBridge.blank(2, 2, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"x1 must have the shape \(n, 2\)"):
        jaxsci.fit(model, (x, y[:, :1]), UnbalancedLBFGS(), key=KEY)
    with pytest.raises(ValueError, match="give a random key"):
        jaxsci.fit(model, (x, y), UnbalancedLBFGS(), key=None)
    with pytest.raises(TypeError, match="UnbalancedBridge"):
        jaxsci.fit(LightBridge.blank(2, 2, 1.0), (x, y), UnbalancedLBFGS(), key=KEY)
