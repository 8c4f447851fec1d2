"""Bridges of an Ornstein-Uhlenbeck reference against Gaussian laws written in its own time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import jaxsci
from jaxsci.bridge import (
    LBFGS,
    ClosedForm,
    Diagonal,
    GaussianBridge,
    LightBridge,
    OrnsteinUhlenbeck,
    Weighted,
)

EPSILON = 0.6
ENDS = (0.3, 0.5, -0.4, 1.7)  # mean and variance at both ends


def gaussian(rate, epsilon=EPSILON, ends=ENDS):
    """By the public route: transform the start, solve, transform back."""
    process = OrnsteinUhlenbeck(rate, epsilon)
    mean0, variance0, mean1, variance1 = (jnp.asarray(number) for number in ends)
    shrink = process.decay(1.0)
    problem = GaussianBridge(
        shrink * mean0[None],
        shrink**2 * variance0[None, None],
        mean1[None],
        variance1[None, None],
        process.brownian_epsilon,
    )
    return process.bridge(jaxsci.solve(problem, ClosedForm(), throw=False).value)


def covariance(rate, epsilon, s, t):
    """Of the reference from a point: eps int_0^min e^{-b(s-u)} e^{-b(t-u)} du, by midpoints."""
    u = (np.arange(200_000) + 0.5) / 200_000 * min(s, t)
    return epsilon * np.mean(np.exp(-rate * (s + t - 2 * u))) * min(s, t)


def plan_covariance(rate):
    """Cov(x_0, x_1): the plan of least divergence from the reference, by a search over numbers.

    Of a Gaussian plan between the marginals it is -log(ab - c^2)/2 + (b - 2 c e^{-b} + ...)/2 s^2
    up to constants; its derivative in c vanishes once.
    """
    _, a, _, b = ENDS
    noise, slope = covariance(rate, EPSILON, 1.0, 1.0), np.exp(-rate)
    limit = np.sqrt(a * b) * (1 - 1e-12)
    return optimize.brentq(lambda c: c / (a * b - c**2) - slope / noise, -limit, limit, xtol=1e-15)


def given_both_ends(rate, t):
    """Weights of x_0 and x_1 in E[x_t|x_0, x_1], and its variance."""
    to_end, own = covariance(rate, EPSILON, t, 1.0), covariance(rate, EPSILON, t, t)
    on_end = to_end / covariance(rate, EPSILON, 1.0, 1.0)
    return np.exp(-rate * t) - on_end * np.exp(-rate), on_end, own - on_end * to_end


@pytest.mark.parametrize("rate", [-0.8, 0.01, 1.3])
def test_gaussian_drift_and_transition(rate):
    bridge, cross = gaussian(rate), plan_covariance(rate)
    m0, a, m1, b = ENDS
    x = 0.9
    for t in (0.2, 0.7):
        on_start, on_end, rest = given_both_ends(rate, t)
        # the law given the start
        slope = cross / a
        mean = on_start * x + on_end * (m1 + slope * (x - m0))
        law = bridge.transition(jnp.asarray([x]), t)
        np.testing.assert_allclose(law.mean(), [mean], rtol=1e-8)
        variance = rest + on_end**2 * (b - cross * slope)
        np.testing.assert_allclose(law.covariance(), [[variance]], rtol=1e-8)
        # drift: -b x + eps grad log h, with the reference's transition to the end
        var_t = on_start**2 * a + on_end**2 * b + 2 * on_start * on_end * cross + rest
        mean_t = on_start * m0 + on_end * m1
        end = m1 + (on_start * cross + on_end * b) / var_t * (x - mean_t)
        left = 1 - t
        to_end = covariance(rate, 1.0, left, left)
        drift = -rate * x + np.exp(-rate * left) * (end - np.exp(-rate * left) * x) / to_end
        np.testing.assert_allclose(bridge.drift(t, jnp.asarray([x])), [drift], rtol=1e-8)


@pytest.mark.parametrize("rate", [-0.8, 1.3])
def test_the_marginals_follow_the_drift_to_the_end(rate):
    """dm/dt = g(m), dV/dt = 2 G V + eps: Runge-Kutta from the first marginal reaches the last."""
    bridge = gaussian(rate)

    def slope(t, state):
        mean, variance = state
        drift = lambda x: bridge.drift(t, x[None])[0]
        return jnp.stack([drift(mean), 2 * jax.grad(drift)(mean) * variance + EPSILON])

    def step(state, t):
        h = 1 / 200
        k1 = slope(t, state)
        k2 = slope(t + h / 2, state + h / 2 * k1)
        k3 = slope(t + h / 2, state + h / 2 * k2)
        return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(t + h, state + h * k3)), None

    state = jax.lax.scan(step, jnp.asarray(ENDS[:2]), jnp.arange(200) / 200)[0]
    np.testing.assert_allclose(state, ENDS[2:], rtol=1e-7)


@pytest.mark.parametrize("t", [0.0, 0.2, 0.7, 1.0])
def test_brownian_limit(t):
    """The difference is of second order in b.

    A linear drift is a gradient: to first order in b the change of measure depends on the ends
    alone, and these are given.
    """
    mean0, variance0, mean1, variance1 = (jnp.asarray([number]) for number in ENDS)
    problem = GaussianBridge(mean0, jnp.diag(variance0), mean1, jnp.diag(variance1), EPSILON)
    plain, x = jaxsci.solve(problem, ClosedForm()).value, jnp.asarray([0.9])
    np.testing.assert_allclose(gaussian(0.0).drift(t, x), plain.drift(t, x), rtol=1e-14)
    gaps = [float((gaussian(b).drift(t, x) - plain.drift(t, x))[0]) for b in (1e-2, 1e-3)]
    np.testing.assert_allclose(gaps[0] / gaps[1], 100, rtol=1e-2)


@pytest.mark.parametrize("rate", [0.03, 0.0499, 0.9])
def test_derivatives_in_the_rate(rate):

    def value(b):
        bridge = gaussian(b)
        inside, last = bridge.drift(0.4, jnp.asarray([0.9])), bridge.drift(1.0, jnp.ones(1))
        return inside[0] + jnp.sin(5 * last[0])

    compiled, h = jax.jit(value), 1e-3
    slope = 8 * (compiled(rate + h) - compiled(rate - h)) - compiled(rate + 2 * h)
    slope = (slope + compiled(rate - 2 * h)) / (12 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(value))(rate), slope, rtol=1e-6)


def test_the_clock_is_smooth_where_the_series_ends():
    rates = np.array([-0.3, -0.0501, -0.0499, -1e-9, 0.0, 1e-9, 0.0499, 0.0501, 0.3])
    for rate in rates:
        process = OrnsteinUhlenbeck(rate, 1.0)
        exact = 1.0 if rate == 0 else -np.expm1(-2 * rate) / (2 * rate)
        np.testing.assert_allclose(process.brownian_epsilon, exact, rtol=1e-14)
        clock = 0.3 if rate == 0 else np.expm1(0.6 * rate) / np.expm1(2 * rate)
        np.testing.assert_allclose(process.clock(0.3), clock, rtol=1e-14)


def test_a_fit_to_samples_by_the_documented_route(key):
    """The bridge of weighted samples, at all times, against the reference's own laws."""
    rng = np.random.default_rng(0)
    x0 = 0.5 * rng.normal(size=(300, 2))
    x1 = (
        rng.normal(size=(300, 2)) * 0.4
        + np.array([[2.0, 0.0], [-2.0, 0.5]])[rng.integers(2, size=300)]
    )
    process = OrnsteinUhlenbeck(0.7, EPSILON)
    start = process.brownian_start(Weighted(jnp.asarray(x0), jnp.full(300, 1 / 300)))
    np.testing.assert_allclose(start.points, process.brownian_start(x0))
    template = LightBridge.blank(2, 2, process.brownian_epsilon)
    bridge = process.bridge(jaxsci.fit(template, (start, x1), LBFGS(), key=key).value)
    many = jnp.repeat(jnp.asarray(x0), 40, axis=0)
    times = jnp.asarray([0.0, 0.5, 1.0])
    path = jax.jit(lambda x: bridge.sample(jax.random.key(2), x, times))(many)
    np.testing.assert_allclose(path[0], many, atol=1e-12)
    np.testing.assert_allclose(path[2].mean(0), x1.mean(0), atol=0.05)
    np.testing.assert_allclose(path[2].var(0), x1.var(0), rtol=0.05)
    law = bridge.transition(jnp.asarray(x0), 0.5)
    np.testing.assert_allclose(path[1].mean(0), law.mean().mean(0), atol=0.03)
    ends = jax.jit(lambda x: bridge.sample(jax.random.key(2), x))(many)
    np.testing.assert_allclose(ends, path[2], atol=1e-12)
    np.testing.assert_allclose(bridge.conditional(x0).mean(), bridge.transition(x0, 1.0).mean())


def test_samples_of_the_reference():
    process = OrnsteinUhlenbeck(1.5, EPSILON)
    x = jnp.full((40_000, 1), 0.8)
    path = process.sample(jax.random.key(3), x, jnp.asarray([0.3, 1.0]))[..., 0]
    for place, t in zip(path, (0.3, 1.0)):
        np.testing.assert_allclose(place.mean(), 0.8 * np.exp(-1.5 * t), atol=0.01)
        np.testing.assert_allclose(place.var(), covariance(1.5, EPSILON, t, t), rtol=0.03)
    expected = covariance(1.5, EPSILON, 0.3, 1.0)
    np.testing.assert_allclose(np.cov(path)[0, 1], expected, rtol=0.08)


def test_bad_input():
    with pytest.raises(ValueError, match="epsilon must be positive and finite, got -1"):
        OrnsteinUhlenbeck(1.0, -1.0)
    with pytest.raises(ValueError, match=r"rate must be a number, got the shape \(2,\)"):
        OrnsteinUhlenbeck(np.ones(2), 1.0)
    with pytest.raises(ValueError, match="rate must be finite, got nan"):
        OrnsteinUhlenbeck(np.nan, 1.0)
    other = LightBridge(jnp.zeros(1), jnp.zeros((1, 2)), Diagonal(jnp.ones((1, 2))), 1.0)
    with pytest.raises(ValueError, match=r"epsilon 0\.432332 of the transformed.*, got 1; use"):
        OrnsteinUhlenbeck(1.0, 1.0).bridge(other)
