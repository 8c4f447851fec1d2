"""Successive halving: few noises for all schedules, all noises for the best of them."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._derived import take
from ._schedule import Schedule
from ._search import ScheduleSearch

FACTOR = 4


def screened_losses(
    problem: ScheduleSearch, population: Schedule, stages: int, chunk: int | None
) -> Float[Array, " p"]:
    """The losses of the best schedules, infinite for those that were dropped on the way.

    Each stage looks at four times as many training noises as the one before it, and keeps a
    quarter of the schedules; the last one looks at all noises.

    Args:
        problem: prepared.
        population: stacked schedules.
        stages: how many; one is the plain loss of all.
        chunk: how many run side by side.

    Returns:
        One number for each schedule.

    Source: Jamieson and Talwalkar, Non-stochastic best arm identification (AISTATS 2016), figure 3.
    """
    if stages == 1:
        return problem.losses(population, chunk)
    count = population.live.shape[0]
    index, losses = jnp.arange(count), jnp.zeros(count, problem.train.dtype)
    for schedules, noises in budget(count, len(problem.train), stages):
        index = index[jnp.argsort(losses)[:schedules]]
        losses = problem.with_noises(noises).losses(take(population, index), chunk)
    return jnp.full(count, jnp.inf, losses.dtype).at[index].set(losses)


def budget(schedules: int, noises: int, stages: int) -> list[tuple[int, int]]:
    """How many schedules are run on how many noises, stage by stage.

    Args:
        schedules: of the first stage.
        noises: of the last stage.
        stages: how many.

    Returns:
        Pairs.
    """
    share = lambda whole, times: max(1, whole // FACTOR**times)
    return [(share(schedules, k), share(noises, stages - 1 - k)) for k in range(stages)]
