"""The search: objectives, shortest paths, and schedules better than every fixed one."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion_models import smooth_mixture

from jaxsci import RESULTS, Loop, diffusion, solve
from jaxsci._core import _loop
from jaxsci.diffusion import EDM
from jaxsci.diffusion._dynamic import shortest_path
from jaxsci.diffusion._gradient import best_starts
from jaxsci.diffusion._mutation import draw, mutate
from jaxsci.diffusion._times import log_steps, with_log_steps

EVALS = 4


@pytest.fixture(scope="module")
def problem():
    draw = diffusion.ScheduleSearch.draw
    options = {"num_train": 48, "num_valid": 96, "teacher_steps": 48}
    return draw(smooth_mixture(), EVALS, EDM(), (2,), jax.random.key(0), **options).prepared()


def test_the_teacher_has_converged(problem):
    grid = diffusion.rho_grid(EDM(), 96)
    finer = jax.jit(lambda y: diffusion.fine_path(smooth_mixture(), grid, y)[-1])(problem.train)
    np.testing.assert_allclose(problem.targets[0], finer, atol=1e-4)


def test_shortest_path_against_all_paths():
    costs = np.random.default_rng(0).uniform(size=(8, 8))
    costs[np.tril_indices(8)] = np.inf
    length = lambda path: sum(costs[i, j] for i, j in itertools.pairwise(path))
    every = [(0, *inner, 7) for inner in itertools.combinations(range(1, 7), 3)]
    assert tuple(np.asarray(shortest_path(jnp.asarray(costs), 4))) == min(every, key=length)


def test_objectives_against_their_definitions():
    random = np.random.default_rng(1)
    x, y = jnp.asarray(random.normal(size=(40, 3))), jnp.asarray(random.normal(size=(30, 3)) + 1)
    kernel = lambda a, b: 1 / (1 + np.sum((a[:, None] - b) ** 2, axis=-1) / 2)
    exact = kernel(x, x).mean() - 2 * kernel(x, y).mean() + kernel(y, y).mean()
    np.testing.assert_allclose(diffusion.MMD((1.0,))(x, y), exact, rtol=1e-10)
    first, second = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    root = np.sqrt(np.linalg.eigvals(first @ second).real).sum()
    gap = np.sum((np.mean(x, axis=0) - np.mean(y, axis=0)) ** 2)
    exact = gap + np.trace(first) + np.trace(second) - 2 * root
    np.testing.assert_allclose(diffusion.FrechetDistance()(x, y), exact, rtol=1e-9)


def test_log_steps_are_an_inverse_and_keep_padding_and_ends():
    grid = diffusion.rho_grid(EDM(), EVALS)
    padded = diffusion.pad_schedule(diffusion.ddim(grid), EVALS + 2)
    same = with_log_steps(padded, log_steps(padded))
    np.testing.assert_allclose(same.log_snr, padded.log_snr, rtol=1e-12)
    moved = with_log_steps(padded, jnp.asarray([0.0, 2.0, -1.0, 0.5, 9.0, 9.0])).log_snr
    assert (np.diff(moved[: EVALS + 1]) > 0).all()
    np.testing.assert_array_equal(moved[EVALS:], grid[-1])


def test_mutants_are_possible_schedules_of_the_same_cost(key):
    parents = diffusion.candidates(jnp.log(jnp.asarray([1 / 80, 500.0])), EVALS)
    one = lambda draws, parent: mutate(draws, parent, 0.5, 0.5)
    count = parents.live.shape[0]
    draws = draw(key, *parents.live.shape, parents.log_snr.dtype)
    children = jax.jit(jax.vmap(one))(draws, parents)
    np.testing.assert_array_equal(children.num_evals, EVALS)
    assert 0 < int(children.analytic.sum()) < count
    for index in range(count):
        child = jax.tree.map(lambda leaf, i=index: np.asarray(leaf[i]), children)
        diffusion.Schedule(**vars(child))  # refuses what is impossible
        assert (np.diff(child.log_snr[: child.live.sum() + 1]) > 0).all()


TIMES = diffusion.GradientTimes(max_steps=20, num_starts=2)
COEFFICIENTS = diffusion.GradientCoefficients(max_steps=20, num_starts=2)
EVOLUTION = diffusion.Evolution(max_steps=4, population=32, pool=8)


def combined(checkpoint=None):
    """Four stages with five saves: one each, and two of the evolution."""
    return diffusion.Combined(TIMES, EVOLUTION, COEFFICIENTS, checkpoint)


@pytest.fixture(scope="module")
def straight(problem):
    return solve(problem, combined(), key=jax.random.key(0))


def test_every_stage_of_the_combined_search_beats_all_fixed_samplers(problem, straight):
    """On noises that no search has seen; and the report is what the schedule does on them."""
    stats = straight.stats
    gains = np.asarray(stats["fixed_rmse"] / stats["stage_rmse"])
    assert gains.shape == (4,)
    assert gains.min() > 1.1
    assert stats["gain"] > 1.5
    assert int(straight.value.num_evals) == EVALS
    errors = problem.residual(straight.value)
    np.testing.assert_allclose(stats["rmse"], np.sqrt(np.mean(np.square(errors))), rtol=1e-6)
    np.testing.assert_allclose(stats["median"], np.median(errors), rtol=1e-6)
    np.testing.assert_allclose(stats["train_loss"], problem.loss(straight.value), rtol=1e-6)
    assert float(stats["train_loss"]) == float(stats["stage_loss"].min())


def test_coefficients_alone_improve_fixed_samplers(problem):
    """From the two best of them, in units of the best fixed error on the validation noises."""
    blind = problem.without_validation()
    start = best_starts(blind, None, 2)
    method = dataclasses.replace(COEFFICIENTS, start=start)
    found = solve(blind, method, key=None, loop=Loop(chunk=40))
    assert set(found.stats) == {"train_loss", "population", "losses", "num_steps"}
    rms = lambda schedule: float(jnp.sqrt(jnp.mean(problem.residual(schedule) ** 2)))
    fixed = min(rms(jax.tree.map(lambda leaf, i=i: leaf[i], start)) for i in range(2))
    assert fixed / rms(found.value) > 1.1
    moved = np.abs(np.asarray(found.value.extra_data)).max()
    assert 0 < moved < 0.1


def test_dynamic_programming_finds_a_grid(problem):
    """It has only Euler's errors to see."""
    found = solve(problem, diffusion.DynamicProgramming(num_times=20, num_noises=16))
    assert int(found.value.num_evals) == EVALS
    assert found.stats["gain"] > 0.5


def interrupt_after(monkeypatch, saves):
    """Ctrl-C as soon as so many checkpoints are written; returns the list of those written."""
    written, save = [], _loop._save

    def saved(loop, method, counted):
        save(loop, method, counted)
        written.append(loop.checkpoint)
        if len(written) == saves:
            raise KeyboardInterrupt

    monkeypatch.setattr(_loop, "_save", saved)
    return written


def test_an_interrupted_combined_search_goes_on_from_its_checkpoint(
    problem, straight, key, tmp_path, monkeypatch
):
    """In the middle of the evolution: nothing is done twice, and every bit is the same."""
    method = combined(tmp_path / "stages")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        half = solve(problem, method, key=key, throw=False)
    assert half.result == RESULTS.interrupted
    assert half.stats["stage_loss"].shape == (2,)
    with monkeypatch.context() as patch:
        written = interrupt_after(patch, None)
        whole = solve(problem, method, key=key)
    assert [file.name for file in written] == ["stage2", "stage3", "stage4"]
    for found, exact in zip(jax.tree.leaves(whole.value), jax.tree.leaves(straight.value)):
        np.testing.assert_array_equal(found, exact)
    np.testing.assert_array_equal(whole.stats["stage_loss"], straight.stats["stage_loss"])
    fewer = dataclasses.replace(method, times=dataclasses.replace(TIMES, num_starts=1))
    with pytest.raises(ValueError, match="belongs to another run"):
        solve(problem, fewer, key=key)


def test_the_relaxed_objective_moves_starts_within_their_ball(problem):
    """A radius of zero is no relaxation; a larger one lowers the loss, and stays inside."""
    blind, level = problem.without_validation(), float(jnp.exp(-problem.span[0]))
    ends = {}
    for radius in (0.0, 0.01):
        method = dataclasses.replace(TIMES, max_steps=8, radius=jnp.asarray(radius))
        data, state = method.init(blind, None)
        for _ in range(8):
            state = advanced(method, data, state)
        ends[radius] = state
        sizes = np.sqrt(np.mean(np.asarray(state.offset) ** 2, axis=-1)) / level
        assert sizes.shape == (2, len(blind.train))
        assert sizes.max() <= radius * (1 + 1e-9)
    assert sizes.min() > 0
    assert (ends[0.01].loss < ends[0.0].loss).all()
    plain = dataclasses.replace(TIMES, max_steps=8)
    data, state = plain.init(blind, None)
    for _ in range(8):
        state = advanced(plain, data, state)
    np.testing.assert_allclose(ends[0.0].loss, state.loss, rtol=1e-9)
    np.testing.assert_allclose(ends[0.0].best, state.best, rtol=1e-7, atol=1e-9)
    # the report is about the starts as they were
    relaxed = dataclasses.replace(TIMES, max_steps=8, radius=jnp.asarray(0.01))
    found = relaxed.finish(problem, relaxed.init(problem, None)[0], ends[0.01], {})
    np.testing.assert_allclose(found.stats["train_loss"], problem.loss(found.value), rtol=1e-6)
    assert found.stats["train_loss"] > ends[0.01].loss.min()


advanced = eqx.filter_jit(lambda method, data, state: method.step(data, state))


def test_bad_searches_are_refused(key):
    y = jnp.ones((4, 2))
    with pytest.raises(ValueError, match="num_evals must be at least 2, got 1"):
        diffusion.ScheduleSearch(smooth_mixture(), 1, jnp.zeros(2), y, y)
    with pytest.raises(ValueError, match=r"one shape, got \(4, 2\) and \(4, 3\)"):
        diffusion.ScheduleSearch(smooth_mixture(), 4, jnp.zeros(2), y, jnp.ones((4, 3)))
    search = diffusion.ScheduleSearch(smooth_mixture(), 4, jnp.zeros(2), y, y)
    for method in (diffusion.Evolution(), diffusion.Combined()):
        with pytest.raises(ValueError, match="random key"):
            solve(search, method)
    with pytest.raises(ValueError, match="population and pool"):
        diffusion.Evolution(population=1)
    with pytest.raises(ValueError, match="proposals and stages must be at least 1, got 0 and 1"):
        diffusion.Evolution(proposals=0)
    with pytest.raises(ValueError, match="remembers 64 schedules, fewer than the population of 2"):
        diffusion.Evolution(proposals=2, predictor=diffusion.RankPredictor(memory=64))
    with pytest.raises(ValueError, match="valid=None"):
        diffusion.ScheduleSearch(smooth_mixture(), 4, jnp.zeros(2), y, None).residual(None)
    wrong = diffusion.ScheduleSearch(lambda y, s, step: y[:, 0], 4, jnp.zeros(2), y, y)
    with pytest.raises(ValueError, match=r"shape \(8,\) for y of the shape \(8, 2\)"):
        solve(wrong, diffusion.DynamicProgramming())
    with pytest.raises(ValueError, match="num_times = 3"):
        solve(search, diffusion.DynamicProgramming(num_times=3))
