"""From a step to a solution: the march, the histories, the verdict."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._grid import VelocityGrid
from ._march import march
from ._moments import moments
from ._solution import (
    MixtureSolution,
    RelaxationSolution,
    judge,
    mixture_defects,
    relaxation_defects,
)

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]


def record_mixture(
    step: Callable[[Pair, Array], Pair],
    grids: tuple[VelocityGrid, VelocityGrid],
    epsilon: Float[Array, ""],
    start: Pair,
    times: Float[Array, " n"],
    store_every: int,
) -> MixtureSolution:
    """March a mixture from level to level and record it."""
    observe = lambda f: tuple(moments(grid, h) for grid, h in zip(grids, f))
    last, (light, heavy), kept = march(step, observe, start, times, store_every)
    result, stats = judge(last, mixture_defects(light, heavy, epsilon))
    return MixtureSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=last,
        result=result,
        stats={**stats, "num_steps": jnp.asarray(times.shape[0] - 1)},
        times=times,
        light=light,
        heavy=heavy,
        stored_times=times[store_every::store_every],
        stored=kept,
        epsilon=epsilon,
    )


def record_relaxation(
    step: Callable[[Array, Array], Array],
    grid: VelocityGrid,
    start: Float[Array, "..."],
    times: Float[Array, " n"],
    store_every: int,
) -> RelaxationSolution:
    """March one species from level to level and record it."""
    observe = lambda f: moments(grid, f)
    last, history, kept = march(step, observe, start, times, store_every)
    result, stats = judge((last,), relaxation_defects(history))
    return RelaxationSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=last,
        result=result,
        stats={**stats, "num_steps": jnp.asarray(times.shape[0] - 1)},
        times=times,
        moments=history,
        stored_times=times[store_every::store_every],
        stored=kept,
    )
