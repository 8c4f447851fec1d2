"""The search: objectives, shortest paths, and schedules better than every fixed one."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion_models import smooth_mixture

from jaxsci import Loop, diffusion, solve
from jaxsci.diffusion import EDM
from jaxsci.diffusion._dynamic import shortest_path
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


METHODS = {
    "times": diffusion.GradientTimes(max_steps=30, num_starts=2),
    "evolution": diffusion.Evolution(max_steps=4, population=32, pool=8),
    "dynamic": diffusion.DynamicProgramming(num_times=20, num_noises=16),
}


@pytest.mark.parametrize("name", METHODS)
def test_searched_schedules_against_all_fixed_ones(name, problem, key):
    """On noises that no search has seen; the dynamic programme has only Euler's errors to see."""
    found = solve(problem, METHODS[name], key=key)
    assert int(found.value.num_evals) == EVALS
    errors = problem.residual(found.value)
    np.testing.assert_allclose(found.stats["rmse"], np.sqrt(np.mean(np.square(errors))), rtol=1e-6)
    np.testing.assert_allclose(found.stats["median"], np.median(errors), rtol=1e-6)
    assert found.stats["gain"] > (0.5 if name == "dynamic" else 1.1)


def test_an_interrupted_search_goes_on_from_its_checkpoint(problem, key, tmp_path):
    whole = METHODS["evolution"]
    file = Loop(chunk=2, checkpoint=tmp_path / "state")
    half = dataclasses.replace(whole, max_steps=2)
    solve(problem, half, key=key, loop=file)
    resumed = solve(problem, whole, key=key, loop=file)
    straight = solve(problem, whole, key=key, loop=Loop(chunk=2))
    assert int(resumed.stats["num_steps"]) == 4
    np.testing.assert_array_equal(resumed.value.log_snr, straight.value.log_snr)


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
    with pytest.raises(ValueError, match="num_times = 3"):
        solve(search, diffusion.DynamicProgramming(num_times=3))
