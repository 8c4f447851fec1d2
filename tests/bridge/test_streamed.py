"""Samples on disk: the fit is that of the same samples in memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import RESULTS, fit
from jaxsci.bridge import LightBridge, LightSB, MomentMatching, Streamed, Weighted
from jaxsci.bridge import _streamed_sweep as streamed_sweep
from jaxsci.bridge._reference import mixture_pair

KEY = jax.random.key(3)
TIGHT = MomentMatching(rtol=1e-11, max_sweeps=100, num_moves=0)
BLANK = LightBridge.blank(2, 5, 1.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files of different lengths, none a multiple of a chunk."""
    folder = tmp_path_factory.mktemp("samples")
    pair = mixture_pair(2, 1.0, "A", 0)
    first, second = jax.random.split(jax.random.key(0))
    sides = pair.start(first, 9_000), pair.end(second, 12_001)
    for name, side in zip("xy", sides):
        np.save(folder / name, np.asarray(side))
    return sides, tuple(np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")


def test_the_same_as_in_memory(files):
    sides, on_disk = files
    data = tuple(Streamed(side, chunk=2500) for side in on_disk)
    found = fit(BLANK, data, TIGHT, key=KEY)
    assert found.stats["num_sweeps"] > 2  # the part in memory alone is not enough
    settle = MomentMatching(rtol=1e-11, max_sweeps=100, num_moves=0, from_model=True)
    same = fit(found.value, sides, settle, key=KEY)
    np.testing.assert_allclose(found.value.centers, same.value.centers, atol=1e-5)
    np.testing.assert_allclose(found.stats["loss"], found.value.loss(*sides), rtol=1e-12)


def test_weights_and_one_side_in_memory(files):
    sides, on_disk = files
    weights = np.where(np.arange(12_001) < 6_000, 1 / 6_000, 0.0)
    data = sides[0], Streamed(on_disk[1], weights, chunk=5000)
    found = fit(BLANK, data, TIGHT, key=KEY)
    half = Weighted(sides[1], jnp.asarray(weights))
    loss = found.value.loss(sides[0], half.points, (jnp.full(9_000, 1 / 9_000), half.weights))
    np.testing.assert_allclose(found.stats["loss"], loss, rtol=1e-12)
    assert loss < BLANK.loss(sides[0], sides[1][:6_000])


def test_sorted_files_are_sampled_evenly():
    part = Streamed(np.sort(np.random.default_rng(0).normal(size=(10_000, 1)), axis=0)).subset(100)
    assert abs(float(part.points.mean())) < 0.05
    assert np.unique(part.points).size == 100


def test_an_interruption_keeps_the_last_sweep(files, monkeypatch):
    _, on_disk = files
    calls, run = [], streamed_sweep._advanced

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(streamed_sweep, "_advanced", interrupted)
    data = tuple(Streamed(side, chunk=2500) for side in on_disk)
    found = fit(BLANK, data, TIGHT, key=KEY, throw=False)
    assert found.result == RESULTS.interrupted
    assert found.stats["num_sweeps"] == 2
    assert np.isfinite(found.value.centers).all()


GOOD = np.random.default_rng(0).normal(size=(300, 2))
BROKEN = GOOD.copy()
BROKEN[207, 1] = np.inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Streamed("samples.npy"), r"shape \(n, D\), got None; open the file"),
        (lambda: Streamed(GOOD[:, 0]), r"shape \(n, D\), got \(300,\)"),
        (lambda: Streamed(GOOD, np.ones(3)), r"weights must have the shape \(300,\), got \(3,\)"),
        (lambda: Streamed(GOOD, chunk=0), "at least 1 row, got 0"),
        (lambda: fit(BLANK, (GOOD, Streamed(GOOD[:, :1])), TIGHT, key=KEY), r"x1 .* \(300, 1\)"),
        (lambda: fit(BLANK, (Streamed(GOOD[:3]), GOOD), TIGHT, key=KEY), "at least 5 samples"),
        (lambda: fit(BLANK, (GOOD, Streamed(BROKEN, chunk=100)), TIGHT, key=KEY), "row 207"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_methods_that_need_memory_say_so():
    with pytest.raises(TypeError, match=r"only MomentMatching reads; .* x0\.subset"):
        fit(BLANK, (Streamed(GOOD), GOOD), LightSB(max_steps=1), key=KEY)
