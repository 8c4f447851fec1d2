"""The model: every quantity against its definition."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.bridge import Diagonal, Full, LightBridge, sde_terms
from jaxsci.bridge._reference import mixture_pair

EPSILON = 0.7


def bridge(full, dim=2):
    random = np.random.default_rng(3)
    roots = random.normal(size=(3, dim, dim)) / 2
    matrices = jnp.asarray(roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(dim))
    spread = Full(matrices) if full else Diagonal(jnp.diagonal(matrices, axis1=1, axis2=2))
    centers = jnp.asarray(random.normal(size=(3, dim)))
    return LightBridge(jnp.asarray([0.1, -0.4, 0.3]), centers, spread, EPSILON)


BOTH = pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])


def on_a_grid(function, reach=14.0, num=401):
    """The integral over the plane, by the trapezoidal rule."""
    line = jnp.linspace(-reach, reach, num)
    points = jnp.stack(jnp.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return jnp.sum(function(points), axis=0) * (line[1] - line[0]) ** 2, points


@BOTH
def test_the_plan_is_a_density_and_the_normaliser_its_integral(full):
    model, x = bridge(full), jnp.asarray([0.4, -0.8])
    plan = lambda y: jnp.exp(model.log_plan(jnp.broadcast_to(x, y.shape), y))
    np.testing.assert_allclose(on_a_grid(plan)[0], 1.0, rtol=1e-9)
    potential = lambda y: jnp.exp(y @ x / EPSILON + model.log_potential(y))
    np.testing.assert_allclose(jnp.log(on_a_grid(potential)[0]), model.log_normaliser(x), rtol=1e-9)


@BOTH
def test_moments_of_the_conditional_plan(full):
    model, x = bridge(full), jnp.asarray([0.4, -0.8])
    law = model.conditional(x)
    weigh = lambda y, g: jnp.exp(model.log_plan(jnp.broadcast_to(x, y.shape), y))[:, None] * g
    mean = on_a_grid(lambda y: weigh(y, y))[0]
    second = on_a_grid(lambda y: weigh(y, (y[:, :, None] * y[:, None]).reshape(-1, 4)))[0]
    np.testing.assert_allclose(law.mean(), mean, rtol=1e-9)
    covariance = second.reshape(2, 2) - jnp.outer(mean, mean)
    np.testing.assert_allclose(law.covariance(), covariance, rtol=1e-8)
    y = jnp.asarray([[0.3, 0.2], [-1.0, 2.0]])
    np.testing.assert_allclose(
        model.conditional(jnp.stack([x, x])).log_density(y),
        model.log_plan(jnp.stack([x, x]), y),
        rtol=1e-12,
    )


@BOTH
@pytest.mark.parametrize("t", [0.0, 1e-9, 0.4, 0.95])
def test_the_drift_is_the_gradient_of_the_heat_flow_of_the_potential(full, t):
    """$g = \\varepsilon\\nabla\\log E\\,e^{|y|^2/2\\varepsilon} v(y)$ over the noise to come."""
    model, x = bridge(full), jnp.asarray([0.4, -0.8])

    def log_flow(x):
        kernel = lambda y: -jnp.sum((y - x) ** 2, axis=-1) / (2 * EPSILON * (1 - t))
        energy = lambda y: jnp.sum(y**2, axis=-1) / (2 * EPSILON)
        flow = lambda y: jnp.exp(kernel(y) + energy(y) + model.log_potential(y))
        return jnp.log(on_a_grid(flow, 14, 701)[0])

    slope = jax.grad(log_flow)
    np.testing.assert_allclose(model.drift(t, x), EPSILON * slope(x), rtol=2e-6)


@BOTH
def test_the_drift_at_the_end_is_that_of_the_potential(full):
    model, x = bridge(full), jnp.asarray([[0.4, -0.8], [2.0, 1.0]])
    end = jax.vmap(jax.grad(lambda y: y @ y / 2 + EPSILON * model.log_potential(y)))(x)
    np.testing.assert_allclose(model.drift(1.0, x), end, rtol=1e-10)


@BOTH
def test_samples_follow_the_transition_densities(full):
    model, x = bridge(full), jnp.asarray([0.4, -0.8])
    starts = jnp.broadcast_to(x, (40_000, 2))
    paths = model.sample(jax.random.key(0), starts, jnp.asarray([0.3, 1.0]))
    assert paths.shape == (2, 40_000, 2)
    for t, places in zip((0.3, 1.0), paths):
        law = model.transition(x, t)
        spread = jnp.sqrt(jnp.diagonal(law.covariance()) / 40_000)
        np.testing.assert_array_less(jnp.abs(places.mean(0) - law.mean()), 4.5 * spread)
        np.testing.assert_allclose(jnp.cov(places.T), law.covariance(), atol=0.03)


def test_diffrax_integrates_the_same_law():
    model, x = bridge(False), jnp.asarray([0.4, -0.8])

    def end(key):
        terms = sde_terms(model, key, (2,), tol=1e-2)
        found = diffrax.diffeqsolve(terms, diffrax.EulerHeun(), 0.0, 1.0, 0.02, x, throw=False)
        return found.ys[-1]

    ends = jax.jit(jax.vmap(end))(jax.random.split(jax.random.key(1), 4000))
    law = model.conditional(x)
    np.testing.assert_allclose(ends.mean(0), law.mean(), atol=0.08)
    np.testing.assert_allclose(jnp.cov(ends.T), law.covariance(), atol=0.15)


def test_the_reverse_bridge_is_bayes_rule():
    model = bridge(True)
    starts = jax.random.normal(jax.random.key(2), (5, 2))
    back = model.reverse(starts)
    y = jnp.asarray([0.5, 0.1])
    joint = model.log_plan(starts, jnp.broadcast_to(y, (5, 2)))
    np.testing.assert_allclose(back.log_posterior(y), jax.nn.log_softmax(joint), rtol=1e-10)
    half = jnp.stack([model.transition(s, 0.5).log_density(y) for s in starts])
    np.testing.assert_allclose(back.log_posterior(y, 0.5), jax.nn.log_softmax(half), rtol=1e-9)
    mean = jax.nn.softmax(half) @ starts
    np.testing.assert_allclose(back.drift(0.5, y), (mean - y) / 0.5, rtol=1e-9)
    drawn = back.sample(jax.random.key(3), jnp.broadcast_to(y, (2000, 2)))
    share = jnp.mean(jnp.all(drawn == starts[1], axis=1))
    np.testing.assert_allclose(share, jax.nn.softmax(joint)[1], atol=0.04)


def test_the_cost_is_the_cost():
    """Energy minus epsilon times the entropy of the conditional plan, for data from the model."""
    pair = mixture_pair(2, 1.0, seed=4)
    x0, x1 = pair.start(jax.random.key(0), 40_000), pair.end(jax.random.key(1), 40_000)
    y = pair.truth.sample(jax.random.key(2), x0)
    cost = jnp.sum((x0 - y) ** 2, axis=1) / 2 + pair.truth.log_plan(x0, y)
    np.testing.assert_allclose(pair.truth.cost(x0, x1), cost.mean(), atol=0.06)


def test_a_factor_of_the_weights_changes_nothing():
    model = bridge(False)
    scaled = eqx.tree_at(lambda m: m.log_weights, model, model.log_weights + 3.0)
    x = jnp.asarray([[0.1, 0.2]])
    np.testing.assert_allclose(model.drift(0.5, x), scaled.drift(0.5, x), rtol=1e-12)
    np.testing.assert_allclose(model.log_plan(x, x + 1), scaled.log_plan(x, x + 1), rtol=1e-12)


@BOTH
def test_moving_the_data_moves_the_plan(full):
    model = bridge(full)
    start, end = jnp.asarray([1.0, -2.0]), jnp.asarray([0.5, 3.0])
    x, y = jnp.asarray([[0.1, 0.2]]), jnp.asarray([[1.0, -1.0]])
    moved = model.shifted(start, end)
    np.testing.assert_allclose(moved.log_plan(x + start, y + end), model.log_plan(x, y), rtol=1e-12)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_epsilon_must_be_positive(epsilon):
    with pytest.raises(ValueError, match="epsilon must be positive"):
        LightBridge.blank(2, 3, epsilon)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(K, D\)"):
        LightBridge(jnp.zeros(2), jnp.zeros((3, 2)), Diagonal(jnp.ones((3, 2))), 1.0)
    with pytest.raises(ValueError, match="at least 1"):
        LightBridge.blank(2, 0, 1.0)


def test_equal_starts_in_compiled_code():
    # a fused product of a broadcast and a maximum over components once read foreign memory
    pair = mixture_pair(2, 1.0, "A", 0)
    start = jnp.asarray([0.3, -0.7])
    plan = pair.truth.conditional(start)
    many = lambda x: pair.truth.conditional(jnp.broadcast_to(x, (1000, 2)))
    weights = jax.jit(lambda x: many(x).log_weights)(start)
    np.testing.assert_allclose(weights, jnp.broadcast_to(plan.log_weights, (1000, 5)), rtol=1e-12)
    ends = jax.jit(lambda key, x: many(x).sample(key))(jax.random.key(0), start)
    error = jnp.abs(jnp.mean(ends, axis=0) - plan.mean())
    assert np.all(error < 5 * jnp.sqrt(jnp.diagonal(plan.covariance()) / 1000))
