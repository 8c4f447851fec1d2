"""Fits of a light bridge: recovery, the guard, hard cases, derivatives, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import RESULTS, JaxsciError, fit
from jaxsci.bridge import (
    LBFGS,
    Diagonal,
    LightBridge,
    LightSB,
    LightSBM,
    MomentMatching,
    Weighted,
    _moment_matching,
    bridge_spread,
    conditional_bw_uvp,
)
from jaxsci.bridge._data import blocks
from jaxsci.bridge._reference import mixture_pair
from jaxsci.bridge._sweep import REFUSALS, guarded_sweeps

KEY = jax.random.key(5)


def data(dim=2, epsilon=1.0, variant="A", num=20_000, seed=0):
    pair = mixture_pair(dim, epsilon, variant, seed)
    first, second = jax.random.split(jax.random.key(seed))
    return pair, pair.start(first, num), pair.end(second, num)


def score(pair, model, x0, x1):
    return float(conditional_bw_uvp(model, pair.truth, x0[:100], jnp.sum(jnp.var(x1, axis=0))))


@pytest.mark.parametrize(("epsilon", "most"), [(0.1, 0.5), (1.0, 0.15), (10.0, 0.04)])
def test_moment_matching_finds_the_truth(epsilon, most):
    pair, x0, x1 = data(epsilon=epsilon)
    found = fit(LightBridge.blank(2, 5, epsilon), (x0, x1), MomentMatching(), key=KEY)
    assert score(pair, found.value, x0, x1) < most
    assert found.stats["loss"] < pair.truth.loss(x0, x1)


def test_full_matrices_see_what_diagonals_cannot():
    pair, x0, x1 = data(4, 0.5, "B", 20_000)
    blanks = [LightBridge.blank(4, 5, 0.5, full=full) for full in (True, False)]
    found = [fit(blank, (x0, x1), MomentMatching(), key=KEY) for blank in blanks]
    scores = [score(pair, each.value, x0, x1) for each in found]
    assert scores[0] < scores[1] / 1.5
    assert found[0].stats["loss"] < pair.truth.loss(x0, x1) < found[1].stats["loss"]


@pytest.mark.parametrize(
    ("method", "most"),
    [(LBFGS(), 0.3), (LightSB(0.01, 1500), 1.0), (LightSBM(0.01, 1500), 2.0)],
    ids=["LBFGS", "LightSB", "LightSBM"],
)
def test_the_other_methods_find_it_too(method, most):
    pair, x0, x1 = data(num=5000)
    found = fit(LightBridge.blank(2, 12, 1.0), (x0, x1), method, key=KEY, throw=False)
    assert score(pair, found.value, x0, x1) < most


def test_sweeps_never_raise_the_loss():
    # heavy tails far from the origin: plain sweeps blow up here
    random = np.random.default_rng(0)
    x = jnp.asarray(random.standard_t(3, size=(2000, 6)) * 3)
    y = jnp.asarray(random.standard_t(3, size=(2000, 6)) * 3 + 5 * random.integers(0, 3, (2000, 1)))
    uniform = lambda points: Weighted(points, jnp.full(2000, 1 / 2000))
    both = blocks((uniform(x), uniform(y)), 2000, 1)
    spread = Diagonal(jnp.ones((4, 6)))
    state, losses = LightBridge(jnp.zeros(4), y[:4], spread, 0.1), []
    every = jnp.asarray(0)
    step = jax.jit(lambda m: guarded_sweeps(m, both, every, jnp.asarray(3), jnp.asarray(0.0)))
    for _ in range(12):
        swept = step(state)
        state, loss = swept.model, float(swept.found.loss)
        losses.append(loss)
    assert np.all(np.diff(losses) <= 1e-9 * np.abs(losses[0]))
    assert losses[-1] < losses[0]


def test_where_no_sweep_helps_a_quasi_newton_method_goes_on(monkeypatch):
    _, x0, x1 = data(num=500)
    model = LightBridge.blank(2, 3, 1.0)
    sweeps, run = MomentMatching(max_sweeps=2, rtol=1e-9), _moment_matching._fit

    def stuck(*args):
        found = run(*args)
        assert found.result != RESULTS.successful
        refused = jnp.asarray(REFUSALS)
        return eqx.tree_at(lambda s: s.stats["refused"], found, refused)

    early = fit(model, (x0, x1), sweeps, key=KEY, throw=False)
    monkeypatch.setattr(_moment_matching, "_fit", stuck)
    rescued = fit(model, (x0, x1), sweeps, key=KEY)
    assert rescued.stats["num_steps"] > 1
    assert rescued.stats["loss"] < early.stats["loss"]


def test_one_component_is_the_gaussian_bridge_after_one_sweep():
    _, x0, x1 = data()
    method = MomentMatching(max_sweeps=2)
    model = fit(LightBridge.blank(2, 1, 1.0), (x0, x1), method, key=KEY, throw=False).value
    start, end = (Diagonal(jnp.var(x, axis=0)[None]) for x in (x0, x1))
    spread = bridge_spread(start, end, jnp.asarray(1.0))
    np.testing.assert_allclose(model.spread.values, spread.values, rtol=1e-6)
    centers = x1.mean(0) - spread.mv(x0.mean(0)[None])[0]
    np.testing.assert_allclose(model.centers[0], centers, rtol=1e-6)


def test_columns_that_do_not_vary():
    _, x0, x1 = data(num=2000)
    flat = jnp.zeros((2000, 1))
    for full in (False, True):
        wide = jnp.hstack([x0, flat]), jnp.hstack([x1, flat + 2.0])
        found = fit(LightBridge.blank(3, 4, 1.0, full=full), wide, MomentMatching(), key=KEY)
        ends = found.value.sample(KEY, wide[0])
        assert np.isfinite(ends).all()
        np.testing.assert_allclose(ends[:, 2], 2.0, atol=0.02)


def test_weights_count_like_copies():
    _, x0, x1 = data(num=600)
    twice = jnp.concatenate([x1, x1[:200]])
    weights = jnp.concatenate([jnp.full(200, 2.0), jnp.ones(400)]) / 800
    model = LightBridge.blank(2, 2, 1.0)
    start = fit(model, (x0, x1), MomentMatching(), key=KEY).value
    method = MomentMatching(from_model=True, rtol=0.0, max_sweeps=300)
    copied = fit(start, (x0, twice), method, key=KEY, throw=False)
    weighted = fit(start, (x0, Weighted(x1, weights)), method, key=KEY, throw=False)
    np.testing.assert_allclose(copied.value.centers, weighted.value.centers, rtol=1e-5)
    np.testing.assert_allclose(copied.stats["loss"], weighted.stats["loss"], rtol=1e-10)


@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_derivatives_through_the_fit(full):
    _, x0, x1 = data(num=300, seed=3)
    tight = {"rtol": 0.0, "max_sweeps": 1000, "num_newton": 2}
    blank = LightBridge.blank(2, 3, 1.0, full=full)
    base = fit(blank, (x0, x1), MomentMatching(**tight), key=KEY, throw=False).value
    again = MomentMatching(from_model=True, **tight)

    def outcome(epsilon, shift):
        model = eqx.tree_at(lambda m: m.epsilon, base, epsilon)
        moved = x1 + shift * jnp.sin(x1)
        found = fit(model, (x0, moved), again, key=KEY, throw=False).value
        shape = found.centers[0, 0] + found.spread.dense()[1, 0, 0] + found.log_weights[2]
        return jnp.stack([found.cost(x0, moved), shape])

    found = jax.jit(jax.jacrev(outcome, argnums=(0, 1)))(jnp.asarray(1.0), jnp.asarray(0.0))
    run, h = jax.jit(outcome), 2e-3
    for at, slope in zip(((h, 0.0), (0.0, h)), found):
        moved = lambda k, at=at: run(1.0 + k * at[0], k * at[1])
        central = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * h)
        np.testing.assert_allclose(slope, central, rtol=1e-6, atol=1e-8)


def test_sweeps_over_epsilon_in_one_call():
    _, x0, x1 = data(num=1000)
    one = lambda epsilon: fit(
        LightBridge.blank(2, 3, epsilon), (x0, x1), MomentMatching(), key=KEY, throw=False
    )
    many = jax.vmap(one)(jnp.asarray([0.5, 1.0, 2.0]))
    single = one(jnp.asarray(1.0))
    np.testing.assert_allclose(many.stats["loss"][1], single.stats["loss"], atol=1e-6)
    drift = jax.vmap(lambda model: model.drift(0.5, x0[:3]))(many.value)
    np.testing.assert_allclose(drift[1], single.value.drift(0.5, x0[:3]), atol=1e-2)
    np.testing.assert_array_equal(np.asarray(many.result == RESULTS.successful), True)


def test_too_few_sweeps_are_reported():
    _, x0, x1 = data(epsilon=0.1, num=3000)
    with pytest.raises(JaxsciError, match="MomentMatching"):
        fit(LightBridge.blank(2, 5, 0.1), (x0, x1), MomentMatching(max_sweeps=1), key=KEY)


GOOD = np.random.default_rng(0).normal(size=(30, 2))
BROKEN = GOOD.copy()
BROKEN[7, 1] = np.nan
METHODS = (MomentMatching(), LBFGS(), LightSB(max_steps=2))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((GOOD, GOOD[:, :1]), r"x1 must have the shape \(n, 2\)"),
        ((GOOD[:3], GOOD), "3 samples for 4 components"),
        ((BROKEN, GOOD), "row 7"),
        ((Weighted(jnp.asarray(GOOD), jnp.ones(30)), GOOD), "sum to one"),
        ((Weighted(jnp.asarray(GOOD), jnp.full(29, 1 / 29)), GOOD), r"shape \(30,\)"),
    ],
    ids=["dimension", "few", "nan", "sum", "length"],
)
def test_bad_samples(method, sides, message):
    with pytest.raises(ValueError, match=message):
        fit(LightBridge.blank(2, 4, 1.0), sides, method, key=KEY)


def test_data_must_be_a_pair():
    with pytest.raises(TypeError, match="pair"):
        fit(LightBridge.blank(2, 4, 1.0), jnp.asarray(GOOD), MomentMatching(), key=KEY)


def test_a_method_with_no_starts():
    with pytest.raises(ValueError, match="num_starts must be at least 1"):
        MomentMatching(num_starts=0)
