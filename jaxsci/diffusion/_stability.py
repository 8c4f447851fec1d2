"""What a schedule makes of errors of the model, and lower orders where that is too much."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._noise import AbstractNoise
from ._schedule import MAX_ORDER, Schedule
from ._weights import step_weights


def amplification(schedule: Schedule, clock: AbstractNoise | None = None) -> Float[Array, "n 2"]:
    """$\\sum_j|b_{nj}|/|\\sum_j b_{nj}|$: how often an error of the model's values is multiplied.

    The Lebesgue constant of each step. It is one for order one, at most eight for the named
    samplers on the usual grids, and a power of the ratio of neighbouring steps where they are very
    uneven: the rounding errors of the model then grow by it, and so do the method's own.

    Args:
        schedule: one schedule; `jax.vmap` for many.
        clock: see `compile_schedule`.

    Returns:
        Of the predictor and of the corrector of each step.
    """
    _, weights = step_weights(schedule, clock)
    return jnp.sum(jnp.abs(weights), axis=2)


def stable_orders(
    schedule: Schedule, limit: ArrayLike = 10.0, clock: AbstractNoise | None = None
) -> Schedule:
    """The same schedule with each order lowered until the amplification is within a limit.

    A corrector that is above the limit is left out.

    Args:
        schedule: one schedule; `jax.vmap` for many.
        limit: of `amplification`.
        clock: see `compile_schedule`.

    Returns:
        A schedule of the same times and as many evaluations.
    """
    tops = jnp.arange(1, MAX_ORDER + 1, dtype=jnp.int32)
    lowered = lambda top: eqx.tree_at(lambda s: s.order, schedule, jnp.minimum(schedule.order, top))
    sizes = jax.vmap(lambda top: amplification(lowered(top), clock))(tops)
    fits = sizes <= jnp.asarray(limit, sizes.dtype)
    best = jnp.max(jnp.where(fits[:, :, 0], tops[:, None], 1), axis=0)
    corrected = jnp.take_along_axis(fits[:, :, 1], best[None] - 1, axis=0)[0]
    new = jnp.minimum(schedule.order, best), schedule.corrector & corrected
    return eqx.tree_at(lambda s: (s.order, s.corrector), schedule, new)
