"""The solution of a search: a schedule, and how it does on noises that nobody has seen."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core import RESULTS, AbstractSolution, freeze
from ._candidates import candidate_names, candidates
from ._derived import join, take
from ._lanes import map_lanes
from ._objectives import error_summary
from ._schedule import Schedule
from ._search import ScheduleSearch, finite


class SearchSolution(AbstractSolution):
    """A schedule, and how it does on noises that the search has not seen.

    Attributes:
        value: the schedule.
        result: a `RESULTS` code.
        stats: "train_loss"; "rmse", "median" and "tail" (95 %) on the validation noises; the same
            of the best fixed sampler, chosen in hindsight on those noises and constant to
            differentiation; the ratio of both "rmse", "gain". Without validation noises
            "train_loss" alone.
    """

    value: Schedule
    result: RESULTS
    stats: dict[str, Any]

    __repr__ = AbstractSolution.__repr__


class Judged(eqx.Module):
    """What a population and all fixed samplers do on both sets of noises.

    Attributes:
        losses: of each schedule of the population, on the training noises.
        errors: of each, on the validation noises.
        rivals: the same of each fixed sampler.
    """

    losses: Float[Array, " k"]
    errors: Float[Array, "k m"]
    rivals: Float[Array, "f m"]


@eqx.filter_jit
def judge(problem: ScheduleSearch, population: Schedule) -> Judged:
    """Run everything once.

    Args:
        problem: prepared, with validation noises.
        population: stacked schedules, few of them.
    """
    fixed = candidates(problem.span, problem.num_evals)
    every = join(population, fixed)
    losses, errors = map_lanes(problem.loss_and_errors, every, problem.starts())
    num = population.live.shape[0]
    return Judged(finite(losses[:num]), errors[:num], freeze(errors[num:]))


def report_search(
    problem: ScheduleSearch,
    population: Schedule,
    losses: Float[Array, " k"] | None,
    stats: dict[str, Any],
) -> SearchSolution:
    """The best of a population, with its errors.

    Args:
        problem: prepared.
        population: stacked schedules.
        losses: of each, as the search has seen them; with validation noises they are computed
            again beside the errors.
        stats: of the method.

    Returns:
        The solution.
    """
    if problem.valid is not None:
        return report_judged(judge(problem, population), population, stats)
    losses = problem.losses(population) if losses is None else losses
    best = jnp.argmin(losses)
    value = take(population, best)
    return SearchSolution(value, _code(losses[best]), {"train_loss": losses[best], **stats})


def report_judged(judged: Judged, population: Schedule, stats: dict[str, Any]) -> SearchSolution:
    """The best of a population that is judged already.

    Args:
        judged: by `judge`.
        population: the same.
        stats: of the method.

    Returns:
        The solution.
    """
    best = jnp.argmin(judged.losses)
    rival = jnp.argmin(jnp.mean(judged.rivals**2, axis=1))
    pair = error_summary(jnp.stack([judged.errors[best], judged.rivals[rival]]))
    found = {name: both[0] for name, both in pair.items()}
    baseline = {f"fixed_{name}": both[1] for name, both in pair.items()}
    numbers = {"train_loss": judged.losses[best], **found, **baseline}
    numbers["gain"] = baseline["fixed_rmse"] / found["rmse"]
    value = take(population, best)
    return SearchSolution(value, _code(found["rmse"]), {**numbers, **stats})


def best_fixed(problem: ScheduleSearch) -> str:
    """The name of the fixed sampler and grid with the least validation error.

    Args:
        problem: the search, with validation noises.

    Returns:
        "solver, grid".
    """
    problem = problem.prepared()
    errors = jax.lax.map(problem.residual, candidates(problem.span, problem.num_evals))
    return candidate_names(problem.num_evals)[int(jnp.argmin(jnp.mean(errors**2, axis=1)))]


def _code(size: Array) -> RESULTS:
    fine = jnp.isfinite(size)
    return RESULTS.where(fine, RESULTS.successful, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
