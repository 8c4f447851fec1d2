"""How much better a searched schedule is than the best fixed sampler on noises it has not seen."""

import functools
import statistics
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxsci import solve
from jaxsci.diffusion import (
    EDM,
    AbstractDenoiser,
    Combined,
    Schedule,
    ScheduleSearch,
    candidate_names,
    candidates,
    dpm_solver,
    heun,
)
from jaxsci.diffusion._candidates import GRIDS as EDM_GRIDS

GRIDS = {name: functools.partial(make, EDM()) for name, make in EDM_GRIDS.items()}


def search_problem(
    denoiser: AbstractDenoiser,
    dim: int,
    num_evals: int,
    seed: int,
    *,
    num_train: int = 256,
    num_valid: int = 1024,
) -> ScheduleSearch:
    """A search on the levels 80 to 0.002 with the teacher's ends in place.

    Args:
        denoiser: the model.
        dim: of one sample.
        num_evals: evaluations of a schedule.
        seed: of all noises.
        num_train: noises of the loss.
        num_valid: fresh noises.
    """
    key = jax.random.key(seed)
    problem = ScheduleSearch.draw(
        denoiser,
        num_evals,
        EDM(),
        (dim,),
        key,
        num_train=num_train,
        num_valid=num_valid,
        dtype="float32",
    )
    return problem.prepared()


def single_step_rivals(num_evals: int) -> dict[str, Schedule]:
    """The samplers that take several evaluations a step, where the number allows them."""
    found = {}
    for grid, make in GRIDS.items():
        if num_evals % 2 == 0:
            found[f"heun, {grid}"] = heun(make(num_evals // 2))
            found[f"dpm_solver 2, {grid}"] = dpm_solver(make(num_evals // 2), 2)
        if num_evals % 3 == 0:
            found[f"dpm_solver 3, {grid}"] = dpm_solver(make(num_evals // 3), 3)
    return found


@eqx.filter_jit
def _errors(problem: ScheduleSearch, population: Schedule) -> Array:
    return jax.lax.map(problem.residual, population, batch_size=8)


def fixed_errors(problem: ScheduleSearch) -> dict[str, float]:
    """Root mean square error of every fixed sampler on every grid, on the fresh noises."""
    names = candidate_names(problem.num_evals)
    errors = _errors(problem, candidates(problem.span, problem.num_evals))
    found = dict(zip(names, _rmse(errors), strict=True))
    for name, schedule in single_step_rivals(problem.num_evals).items():
        one = jax.tree.map(lambda leaf: leaf[None], schedule.astype(problem.span.dtype))
        found[name] = _rmse(_errors(problem, one))[0]
    return found


def schedule_error(problem: ScheduleSearch, schedule: Schedule) -> float:
    """Root mean square error of one schedule on the fresh noises."""
    return _rmse(_errors(problem, jax.tree.map(lambda leaf: leaf[None], schedule)))[0]


def _rmse(errors: Array) -> list[float]:
    return jnp.sqrt(jnp.mean(errors**2, axis=1)).tolist()


def gain(problem: ScheduleSearch, seed: int, method: Any = None) -> dict[str, Any]:
    """Search, and compare with the fixed sampler that is best on the fresh noises in hindsight.

    Args:
        problem: prepared.
        seed: of the evolution.
        method: the search; the default by default.
    """
    begin = time.process_time()
    search = Combined() if method is None else method
    solution = solve(problem, search, key=jax.random.key(seed), throw=False)
    jax.block_until_ready(solution.value)
    seconds = time.process_time() - begin
    rivals = fixed_errors(problem)
    best = min(rivals, key=lambda name: rivals[name])
    number = lambda name: float(solution.stats[name])
    return {
        "schedule": solution.value,
        "rmse": number("rmse"),
        "median": number("median"),
        "tail": number("tail"),
        "train_rmse": number("train_loss") ** 0.5,
        "stages": jnp.asarray(solution.stats.get("stage_rmse", [])).tolist(),
        "fixed": best,
        "fixed_rmse": rivals[best],
        "fixed_median": number("fixed_median"),
        "gain": rivals[best] / number("rmse"),
        "seconds": seconds,
        "rivals": rivals,
    }


def median_gain(
    denoiser: AbstractDenoiser,
    dim: int,
    num_evals: int,
    seeds: range,
    *,
    method: Any = None,
    **sizes: int,
) -> dict[str, Any]:
    """`gain` for several seeds of noises and evolution; numbers are medians over them."""
    found = [
        gain(search_problem(denoiser, dim, num_evals, 100 * seed, **sizes), seed, method)
        for seed in seeds
    ]
    numbers = ("rmse", "median", "tail", "train_rmse", "fixed_rmse", "fixed_median", "gain")
    medians = {name: statistics.median(each[name] for each in found) for name in numbers}
    gains = [each["gain"] for each in found]
    rivals = {
        name: statistics.median(each["rivals"][name] for each in found)
        for name in found[0]["rivals"]
    }
    return {
        **medians,
        "stages": found[0]["stages"],
        "least_gain": min(gains),
        "gains": gains,
        "fixed": found[0]["fixed"],
        "seconds": found[0]["seconds"],
        "warm_seconds": statistics.median(each["seconds"] for each in found[1:] or found),
        "schedule": found[0]["schedule"],
        "rivals": rivals,
    }


def num_schedule_evaluations(method: Combined, num_evals: int) -> dict[str, int]:
    """How many schedules a search runs: gradients counted once, and as three forward runs."""
    fixed, times, bred = len(candidate_names(num_evals)), method.times, method.evolution
    last = method.coefficients
    plain = 2 * fixed + times.num_starts + bred.max_steps * bred.population + 2 * bred.pool
    slopes = 2 * times.max_steps * times.num_starts + last.max_steps * last.num_starts
    return {"schedules": plain + slopes, "forward_runs": plain + 3 * slopes}
