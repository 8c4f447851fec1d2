"""One scan that runs every sampler."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete
from ._compile import Coefficients, compile_schedule
from ._denoiser import AbstractDenoiser, checked_answer
from ._lanes import anywhere, map_lanes
from ._noise import AbstractNoise
from ._schedule import Schedule

Hook = Callable[[Array, Array, Array], Array]


class _Carry(eqx.Module):
    """The point that was predicted, the points behind it (latest first), the last noise."""

    y: Float[Array, "..."]
    states: Float[Array, "w ..."]
    data: Float[Array, "w ..."]
    noise: Float[Array, "w ..."]
    kick: Float[Array, "..."]


def integrate(
    denoiser: AbstractDenoiser,
    schedule: Schedule,
    y: Float[Array, "..."],
    *,
    key: Array | None = None,
    mean: ArrayLike = 0.0,
    hook: Hook | None = None,
    path: bool = False,
    clock: AbstractNoise | None = None,
) -> Float[Array, "..."]:
    """Follow $dy/ds = (y - D(y, s))/s$ from the first to the last time of the schedule.

    The program depends on the lengths of the schedule's arrays alone: two schedules of one
    maximal length share it. Each step is checkpointed: the memory of a gradient is that of one
    evaluation of the network, and of the few states of every step.

    Args:
        denoiser: $D$.
        schedule: what the steps do.
        y: where to start, $x/\\alpha$; any shape that the denoiser takes. Noise of level
            $s_0 = e^{-\\lambda_0}$, or a clean signal plus such noise to start in the middle.
        key: a random key, for schedules that add noise.
        mean: the prior mean, which an analytic first step takes for the model's value.
        hook: `hook(y, s, step)` returns what replaces the state after each step, for
            inpainting and constraints; a pure function.
        path: return all states, not the last alone.
        clock: see `compile_schedule`.

    Returns:
        The last state in the shape of `y`, or all N + 1 of them with a leading axis.

    Raises:
        ValueError: if the denoiser answers in another shape, or noise is asked for without a key.
    """
    if schedule.log_snr.ndim != 1:
        raise ValueError(
            f"integrate runs one schedule, got log_snr of the shape {schedule.log_snr.shape}; use "
            "run_population for many."
        )
    noisy = schedule.is_random
    if key is None and noisy and concrete((schedule.stochastic, schedule.churn)):
        raise ValueError(
            "integrate: this schedule adds noise (stochastic or churn > 0); give a random key, or "
            "set both to zero."
        )
    coefficients = _jitted_compile(schedule.astype(y.dtype), clock)
    return _jitted_scan(denoiser, coefficients, y, key if noisy else None, mean, hook, path)


def run_scan(
    denoiser: AbstractDenoiser,
    coefficients: Coefficients,
    y: Float[Array, "..."],
    key: Array | None = None,
    mean: ArrayLike = 0.0,
    hook: Hook | None = None,
    path: bool = False,
) -> Float[Array, "..."]:
    """`integrate` with coefficients that are compiled already, unchecked.

    Args:
        denoiser: see `integrate`, for this and what follows.
        coefficients: of a linear multistep method.
        y: where to start.
        key: a random key.
        mean: the prior mean.
        hook: replaces states.
        path: return all states.

    Returns:
        The last state, or all of them.
    """
    num_steps, window = coefficients.state.shape
    prior = jnp.broadcast_to(jnp.asarray(mean, y.dtype), y.shape)
    times = coefficients.log_snr
    rows = (jnp.arange(num_steps), times[1:], _without_times(coefficients))

    def body(carry: _Carry, row: Any) -> tuple[_Carry, Array | None]:
        step, there, c = row
        if key is not None:
            carry = eqx.tree_at(lambda k: k.y, carry, carry.y + _churned(key, step, c.churn, y))
        clean = _model_value(denoiser, c, carry.y, prior, step)
        carry = _pushed(carry, c, clean, jnp.exp(-c.begun))
        kick = jnp.zeros_like(y) if key is None else _fresh(key, step, c.kick, y)
        moved = _combined(c.state, carry.states) + _combined(c.data, carry.data) + kick
        moved = jnp.where(c.live, moved + _combined(c.noise, carry.noise), carry.y)
        if hook is not None:
            moved = hook(moved, jnp.exp(-there), step)
        return eqx.tree_at(lambda k: (k.y, k.kick), carry, (moved, kick)), moved if path else None

    past = jnp.zeros((window, *y.shape), y.dtype)
    begin = _Carry(y, past, past, past, jnp.zeros_like(y))
    end, states = jax.lax.scan(jax.checkpoint(body, prevent_cse=False), begin, rows)
    return end.y if states is None else jnp.concatenate([y[None], states])


# two programs: the coefficients do not depend on the model, nor the scan on the clock
_jitted_compile = eqx.filter_jit(compile_schedule)
_jitted_scan = eqx.filter_jit(run_scan)


def _without_times(coefficients: Coefficients) -> Coefficients:
    """What the scan slices: all but the times, of which there is one more."""
    return eqx.tree_at(lambda c: c.log_snr, coefficients, coefficients.log_snr[:-1])


def _model_value(
    denoiser: AbstractDenoiser, c: Coefficients, y: Array, prior: Array, step: Array
) -> Array:
    """The only place where the model is called; padding and analytic steps do not call it."""
    ask = lambda: checked_answer(denoiser, y, jnp.exp(-c.told), step)
    needed = c.live & ~c.analytic
    return jnp.where(needed, jax.lax.cond(anywhere(needed), ask, lambda: prior), prior)


def _pushed(carry: _Carry, c: Coefficients, clean: Array, s: Array) -> _Carry:
    """Correct the point with its own model value, and put it in front of the past ones."""
    noise = (carry.y - clean) / s
    redone = _combined(c.corrector_state, carry.states) + carry.kick
    redone += c.corrector_data[0] * clean + _combined(c.corrector_data[1:], carry.data)
    redone += c.corrector_noise[0] * noise + _combined(c.corrector_noise[1:], carry.noise)
    y = jnp.where(c.corrected, redone, carry.y)
    push = lambda new, old: jnp.concatenate([new[None], old[:-1]])
    fields = push(y, carry.states), push(clean, carry.data), push(noise, carry.noise)
    return _Carry(y, *fields, carry.kick)


@jax.custom_jvp
def _combined(weights: Float[Array, " w"], past: Float[Array, "w ..."]) -> Float[Array, "..."]:
    """$\\sum_j w_j y_j$; products one by one are fused with all else of a step."""
    return functools.reduce(operator.add, [weights[j] * past[j] for j in range(weights.size)])


@_combined.defjvp
def _combined_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> Any:
    """As dot products: transposed, they are products too, not sums and paddings one by one."""
    (weights, past), (turned, moved) = primals, tangents
    dot = lambda w, y: jnp.einsum("w,w...->...", w, y, precision=jax.lax.Precision.HIGHEST)
    return _combined(weights, past), dot(turned, past) + dot(weights, moved)


def _fresh(key: Array, step: Array, deviation: Array, y: Array) -> Array:
    return deviation * jax.random.normal(jax.random.fold_in(key, step), y.shape, y.dtype)


def _churned(key: Array, step: Array, deviation: Array, y: Array) -> Array:
    """Most steps have no churn, and draw no numbers for it."""
    own = jax.random.fold_in(key, step)
    fresh = lambda: _fresh(own, jnp.ones_like(step), deviation, y)
    return jax.lax.cond(deviation > 0, fresh, lambda: jnp.zeros_like(y))


def run_population(
    denoiser: AbstractDenoiser,
    schedules: Schedule,
    y: Float[Array, "..."],
    *,
    chunk: int | None = None,
    mean: ArrayLike = 0.0,
) -> Float[Array, "p ..."]:
    """Every schedule of a population on the same start, in one compiled call.

    Args:
        denoiser: $D$.
        schedules: one pytree whose arrays have a leading axis of P schedules (`stack_schedules`);
            without noise.
        y: where all of them start.
        chunk: how many run side by side; the chunks run one after another. By default as many
            as the cache of a core holds.
        mean: see `integrate`.

    Returns:
        The P last states.

    Raises:
        ValueError: if the denoiser answers in another shape, or there is no leading axis.
    """
    if schedules.log_snr.ndim != 2:
        raise ValueError(
            "run_population: the schedules must be stacked, with log_snr of the shape (P, N + 1), "
            f"got {schedules.log_snr.shape}; see stack_schedules."
        )
    return _population(denoiser, schedules.astype(y.dtype), y, chunk, mean)


@eqx.filter_jit
def _population(
    denoiser: AbstractDenoiser, schedules: Schedule, y: Array, chunk: int | None, mean: ArrayLike
) -> Array:
    one = lambda schedule: run_scan(denoiser, compile_schedule(schedule), y, None, mean)
    return map_lanes(one, schedules, y, chunk)
