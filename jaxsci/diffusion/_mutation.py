"""Genes of a schedule: crossover and mutation, as pure functions of a key."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool

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
_ORDER_CHANCES = (0.2, 0.4, 0.3, 0.1)


def crossover(key: Array, first: Schedule, second: Schedule, rate: ArrayLike) -> Schedule:
    """Each step from one of two parents, the times a mean of both; or the first parent as it is.

    Args:
        key: a random key.
        first: the parent that the child takes after.
        second: the other.
        rate: the chance that anything is exchanged.

    Returns:
        The child.
    """
    whether, which, mix = jax.random.split(key, 3)
    n = first.live.shape[0]
    from_second = jax.random.bernoulli(which, 0.5, (n,))
    from_second = from_second & jax.random.bernoulli(whether, _real(rate, first))
    child = eqx.tree_at(_genes, first, _chosen(from_second, _genes(second), _genes(first)))
    part = jax.random.uniform(mix, (), first.log_snr.dtype)
    steps = log_steps(first) + part * (log_steps(second) - log_steps(first))
    alike = jnp.all(first.live == second.live)
    moved = with_log_steps(child, steps)
    keep = alike & from_second.any()
    return eqx.tree_at(lambda s: s.log_snr, child, jnp.where(keep, moved.log_snr, child.log_snr))


def mutate(key: Array, schedule: Schedule, rate: ArrayLike, analytic: ArrayLike) -> Schedule:
    """Every decision of every step changes with a small chance.

    Args:
        key: a random key.
        schedule: with one spare row, which an analytic first step fills: the number of
            evaluations never changes.
        rate: the chance for each decision.
        analytic: the chance to switch the analytic first step.

    Returns:
        The mutant.
    """
    keys = jax.random.split(key, 12)
    n, real = schedule.live.shape[0], schedule.log_snr.dtype
    hit = lambda k: jax.random.bernoulli(k, _real(rate, schedule), (n,))
    normal = lambda k, size: size * jax.random.normal(k, (n,), real)
    chance = jnp.log(jnp.asarray(_ORDER_CHANCES, real))
    order = 1 + jax.random.categorical(keys[0], chance, shape=(n,)).astype(jnp.int32)
    order = jnp.where(hit(keys[1]), order, schedule.order)
    # orders that reach before the first point, or start nowhere, are not used
    reach = jnp.minimum(jnp.arange(1, n + 1, dtype=jnp.int32), MAX_ORDER)
    order = jnp.minimum(order, reach)
    estimate = jax.random.randint(keys[2], (n,), 1, MAX_ORDER, jnp.int32)
    flip = lambda k, value: jnp.where(hit(k), ~value, value)
    changed = {
        "order": order,
        "estimate": jnp.where(hit(keys[3]), estimate, schedule.estimate),
        "prediction": jnp.where(hit(keys[4]), 1 - schedule.prediction, schedule.prediction),
        "corrector": flip(keys[5], schedule.corrector),
        "relaxation": schedule.relaxation + jnp.where(hit(keys[6]), normal(keys[7], 0.03), 0),
        "second_scale": jnp.where(hit(keys[8]), 1.5 - schedule.second_scale, schedule.second_scale),
    }
    pick = lambda s: tuple(getattr(s, name) for name in changed)
    child = eqx.tree_at(pick, schedule, tuple(changed.values()))
    moved = _switched(child, jax.random.bernoulli(keys[9], _real(analytic, schedule)))
    steps = log_steps(moved) + jnp.where(hit(keys[10]), normal(keys[11], 0.2), 0)
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


def _real(rate: ArrayLike, schedule: Schedule) -> Array:
    return jnp.asarray(rate, schedule.log_snr.dtype)
