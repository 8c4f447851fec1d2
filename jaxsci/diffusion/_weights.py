"""The weights of the model's values in every step, and in its correction."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._lagrange import derivative_weights, lagrange_means
from ._noise import AbstractNoise, VPLinear
from ._phi import gauss_legendre, phi_functions
from ._schedule import Schedule

# the time of a variance-preserving schedule varies fast with log-SNR: finer than for phi
_FINE = gauss_legendre(32)


class Step(eqx.Module):
    """One step, or all of them with a leading axis; points: its end, then the past ones.

    `h` is the length, one where a dead step has none, so that nothing is divided by zero; `zeta`
    the argument of phi: $h$ for eps, $-(1+\\tau) h$ for x0.
    """

    points: Float[Array, "n w+1"]
    start: Bool[Array, "n w+1"]
    begin: Float[Array, " n"]
    h: Float[Array, " n"]
    zeta: Float[Array, " n"]
    basis: Array


def _steps(schedule: Schedule, point: Array) -> Step:
    """All steps, their past points being those numbered `point`."""
    past = begun(schedule)[jnp.maximum(point, 0)]
    points = jnp.concatenate([schedule.log_snr[1:, None], past], axis=1)
    start = jnp.arange(-1, schedule.window, dtype=jnp.int32) == schedule.start[:, None]
    begin = jnp.sum(jnp.where(start, points, 0), axis=1)
    length = points[:, 0] - begin
    h = jnp.where(length == 0, 1, length)
    zeta = jnp.where(schedule.prediction == 1, h, -(1 + schedule.stochastic) * h)
    return Step(points, start, begin, h, zeta, schedule.basis)


def begun(schedule: Schedule) -> Float[Array, " n"]:
    """The log-SNR at which each step begins."""
    return schedule.log_snr[:-1] - jnp.log1p(schedule.churn)


def step_weights(
    schedule: Schedule, clock: AbstractNoise | None = None
) -> tuple[Step, Float[Array, "n 2 w+1"]]:
    """$b_{nj}/\\sum_j b_{nj}$ of $F_{n-j}$ in step n: by the interpolation that it asks for.

    Args:
        schedule: one schedule.
        clock: see `compile_schedule`.

    Returns:
        The steps; and of each the weights of the predictor and of the corrector, of the value at
        the end of the step first. They add up to one.
    """
    w = schedule.window
    point = jnp.arange(schedule.num_steps)[:, None] - jnp.arange(w)
    step = _steps(schedule, point)
    moving = (schedule.live & ~schedule.to_zero)[:, None]  # the others have no length
    others = jnp.pad(point >= 0, ((0, 0), (1, 0))) & ~step.start & moving
    rank = jnp.cumsum(others, axis=1, dtype=jnp.int32)
    active = others & (rank < schedule.order[:, None])
    first = active & (rank <= schedule.estimate[:, None])
    new = (jnp.arange(w + 1) == 0) & moving
    # the predictor and the corrector of every step, side by side in one small program
    both = lambda predictor, corrector: jnp.stack([predictor, corrector], axis=1)
    plain = jnp.ones_like(schedule.relaxation)
    options = _Options(
        both(active, active | new),
        both(first, active | new),
        both(schedule.scaling, schedule.corrector_scaling),
        both(schedule.relaxation, 0 * plain),
        both(schedule.second_scale, plain),
    )
    time = VPLinear() if clock is None else clock
    one_step = lambda step, options: jax.vmap(lambda o: _weights(step, o, time))(options)
    return step, jax.vmap(one_step)(step, options)


class _Options(eqx.Module):
    """Which points the interpolation uses, and the factors on its derivatives."""

    active: Bool[Array, " w+1"]
    first: Bool[Array, " w+1"]
    scaling: Array
    relaxation: Array
    second: Array


def _weights(step: Step, options: _Options, clock: AbstractNoise) -> Float[Array, " w+1"]:
    """The weights of the values of F at all points of one step, over that of a constant F.

    Means over the step with the weight $e^{(1-u)\\zeta}$, $u$ from 0 to 1: exact interpolation,
    and what the factors on the first two derivatives of a Taylor expansion change of it.
    """
    u, measure = (jnp.asarray(part, step.zeta.dtype) for part in _FINE)
    phi = phi_functions(step.zeta)
    measure = measure * jnp.exp(step.zeta * (1 - u)) / phi[0]
    x, gaps, nodes = _places(step, u, clock)
    part = lagrange_means(x, gaps, options.active, nodes, measure)
    slope, bend = derivative_weights(x, gaps, options.active)
    low_slope, _ = derivative_weights(x, gaps, options.first)
    factor = _factor(options.scaling, step.zeta, phi) * (1 + options.relaxation * step.h)
    scaled = (factor * low_slope - slope) * phi[1] + (options.second - 1) * bend * 2 * phi[2]
    part = part + jnp.where(step.basis == 0, scaled / phi[0], 0)
    return part + jnp.where(step.start, 1 - jnp.sum(part), 0)


def _places(step: Step, u: Array, clock: AbstractNoise) -> tuple[Array, Array, Array]:
    """The points, their gaps and the nodes in the variable of the interpolation.

    From 0 at the start of the step to 1 at its end. Gaps are differences of log-SNR as they were
    given: of two close points, far from the start, the differences to the start have no digits.
    """
    m, along = step.points.size, step.h * u
    ends = jnp.append(step.points, step.begin)
    times = clock.time(jnp.concatenate([ends, step.begin + along]))
    away = step.points - ends[:, None]
    level = jnp.exp(step.begin - ends)[:, None]  # s there, over s at the start
    in_time = times[:m] - times[: m + 1, None]
    gaps = jax.lax.select_n(step.basis, away, level * jnp.expm1(-away), in_time)
    nodes = jax.lax.select_n(step.basis, along, jnp.expm1(-along), times[m + 1 :] - times[m])
    unit = jnp.where(gaps[m, 0] == 0, 1, gaps[m, 0])
    return gaps[m] / unit, gaps[:m] / unit, nodes / unit


def _factor(scaling: Array, zeta: Array, phi: Array) -> Array:
    """The factor on the first derivative, see `SCALINGS`."""
    half = jnp.expm1(zeta) / 2
    kinds = [jnp.ones_like(zeta), 0.5 / phi[1], phi[0] / (2 * phi[1]), 1 + half, 1 - half]
    return jax.lax.select_n(scaling, *kinds)
