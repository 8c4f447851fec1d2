"""Genes of a schedule: crossover and mutation, as pure functions of random numbers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from ._schedule import MAX_ORDER, Schedule
from ._times import log_steps, with_log_steps

# the decisions of a step that are exchanged together with it
_GENES = (
    "prediction",
    "order",
    "estimate",
    "start",
    "scaling",
    "relaxation",
    "second_scale",
    "basis",
    "corrector",
    "corrector_scaling",
    "extra_state",
    "extra_data",
    "extra_noise",
    "extra_corrector",
    "shift",
)
# orders 1 to 4 have the chances 0.2, 0.4, 0.3 and 0.1
_ORDER_LEVELS = np.array([[0.2], [0.6], [0.9]])


class Draws(eqx.Module):
    """The random numbers of one child, or of many with a leading axis.

    Attributes:
        parents: uniform, for two places in the pool.
        whole: uniform: whether to cross, how to mix the times, whether to switch the first step.
        steps: uniform, for each decision of each step.
        normal: of the relaxations and of the log steps.
    """

    parents: Float[Array, "2"]
    whole: Float[Array, "3"]
    steps: Float[Array, "10 n"]
    normal: Float[Array, "2 n"]


def draw(key: Array, num: int, num_steps: int, dtype: Any) -> Draws:
    """Random numbers for a generation: two draws for all of it, each would be a program.

    Args:
        key: a random key.
        num: children.
        num_steps: of a schedule.
        dtype: of the numbers.
    """
    first, second = jax.random.split(key)
    parents, whole, steps = jnp.split(
        jax.random.uniform(first, (num, 5 + 10 * num_steps), dtype), (2, 5), axis=1
    )
    normal = jax.random.normal(second, (num, 2, num_steps), dtype)
    return Draws(parents, whole, steps.reshape(num, 10, num_steps), normal)


def crossover(draws: Draws, first: Schedule, second: Schedule, rate: ArrayLike) -> Schedule:
    """Each step from one of two parents, the times a mean of both; or the first parent as it is.

    Args:
        draws: random numbers.
        first: the parent that the child takes after.
        second: the other.
        rate: the chance that anything is exchanged.

    Returns:
        The child.
    """
    whether, part, _ = draws.whole
    from_second = (draws.steps[0] < 0.5) & (whether < jnp.asarray(rate, whether.dtype))
    child = eqx.tree_at(_genes, first, _chosen(from_second, _genes(second), _genes(first)))
    steps = log_steps(first) + part * (log_steps(second) - log_steps(first))
    alike = jnp.all(first.live == second.live)
    moved = with_log_steps(child, steps)
    keep = alike & from_second.any()
    return eqx.tree_at(lambda s: s.log_snr, child, jnp.where(keep, moved.log_snr, child.log_snr))


def mutate(draws: Draws, schedule: Schedule, rate: ArrayLike, analytic: ArrayLike) -> Schedule:
    """Every decision of every step changes with a small chance.

    Args:
        draws: random numbers.
        schedule: with one spare row, which an analytic first step fills: the number of
            evaluations never changes.
        rate: the chance for each decision.
        analytic: the chance to switch the analytic first step.

    Returns:
        The mutant.
    """
    n, real = schedule.live.shape[0], schedule.log_snr.dtype
    chance, (relaxed, stretched) = draws.steps, draws.normal
    hit = chance < jnp.asarray(rate, real)
    order = 1 + jnp.sum(chance[1] > _ORDER_LEVELS.astype(real), axis=0, dtype=jnp.int32)
    # orders that reach before the first point, or start nowhere, are not used
    reach = jnp.minimum(jnp.arange(1, n + 1, dtype=jnp.int32), MAX_ORDER)
    order = jnp.minimum(jnp.where(hit[2], order, schedule.order), reach)
    estimate = 1 + (chance[3] * (MAX_ORDER - 1)).astype(jnp.int32)
    changed = {
        "order": order,
        "estimate": jnp.where(hit[4], estimate, schedule.estimate),
        "prediction": jnp.where(hit[5], 1 - schedule.prediction, schedule.prediction),
        "corrector": schedule.corrector ^ hit[6],
        "relaxation": schedule.relaxation + jnp.where(hit[7], 0.03 * relaxed, 0),
        "second_scale": jnp.where(hit[8], 1.5 - schedule.second_scale, schedule.second_scale),
    }
    pick = lambda s: tuple(getattr(s, name) for name in changed)
    child = eqx.tree_at(pick, schedule, tuple(changed.values()))
    moved = _switched(child, draws.whole[2] < jnp.asarray(analytic, real))
    steps = log_steps(moved) + jnp.where(hit[9], 0.2 * stretched, 0)
    return with_log_steps(moved, steps)


def _switched(schedule: Schedule, whether: Bool[Array, ""]) -> Schedule:
    """Switch the analytic first step, and with it the last row."""
    analytic = schedule.analytic ^ whether
    live = schedule.live.at[-1].set(analytic)
    # the new last step takes half of what was the last one, or gives its length back
    times = schedule.log_snr
    middle = (times[-3] + times[-1]) / 2
    split = times.at[-2].set(jnp.where(analytic, middle, times[-1]))
    times = jnp.where(whether, split, times)
    return eqx.tree_at(lambda s: (s.analytic, s.live, s.log_snr), schedule, (analytic, live, times))


def _genes(schedule: Schedule) -> tuple[Array, ...]:
    return tuple(getattr(schedule, name) for name in _GENES)


def _chosen(flags: Array, new: tuple[Array, ...], old: tuple[Array, ...]) -> tuple[Array, ...]:
    wide = lambda like: flags.reshape(flags.shape + (1,) * (like.ndim - 1))
    return tuple(jnp.where(wide(a), a, b) for a, b in zip(new, old, strict=True))
