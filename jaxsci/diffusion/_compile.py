"""From a schedule to the coefficients of a linear multistep method."""

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


class Coefficients(eqx.Module):
    """$y_{n+1} = \\sum_j a_{nj} y_{n-j} + b_{nj} D_{n-j} + c_{nj} \\varepsilon_{n-j} + d_n z_n$.

    Row n also holds what corrects the point n when its model value is known, column 0 being the
    new value.

    Attributes:
        log_snr: $\\lambda_n$ of the states.
        begun: the log-SNR at which step n begins, less than $\\lambda_n$ after churn.
        told: the log-SNR at which the model is asked.
        state: $a$.
        data: $b$.
        noise: $c$.
        kick: $d$, the deviation of fresh noise.
        churn: the deviation of the noise that is added before the model is asked.
        corrected: whether point n is corrected.
        corrector_state: of the states before point n.
        corrector_data: of the x0 at point n and before.
        corrector_noise: of the eps at point n and before.
        live: not padding.
        analytic: where the model value is the prior mean.
    """

    log_snr: Float[Array, " n+1"]
    begun: Float[Array, " n"]
    told: Float[Array, " n"]
    state: Float[Array, "n w"]
    data: Float[Array, "n w"]
    noise: Float[Array, "n w"]
    kick: Float[Array, " n"]
    churn: Float[Array, " n"]
    corrected: Bool[Array, " n"]
    corrector_state: Float[Array, "n w"]
    corrector_data: Float[Array, "n w+1"]
    corrector_noise: Float[Array, "n w+1"]
    live: Bool[Array, " n"]
    analytic: Bool[Array, " n"]


class _Step(eqx.Module):
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


def _steps(schedule: Schedule, point: Array) -> _Step:
    """All steps, their past points being those numbered `point`."""
    past = _begun(schedule)[jnp.maximum(point, 0)]
    points = jnp.concatenate([schedule.log_snr[1:, None], past], axis=1)
    start = jnp.arange(-1, schedule.window, dtype=jnp.int32) == schedule.start[:, None]
    begin = jnp.sum(jnp.where(start, points, 0), axis=1)
    length = points[:, 0] - begin
    h = jnp.where(length == 0, 1, length)
    zeta = jnp.where(schedule.prediction == 1, h, -(1 + schedule.stochastic) * h)
    return _Step(points, start, begin, h, zeta, schedule.basis)


def _begun(schedule: Schedule) -> Float[Array, " n"]:
    """The log-SNR at which each step begins."""
    return schedule.log_snr[:-1] - jnp.log1p(schedule.churn)


def compile_schedule(schedule: Schedule, clock: AbstractNoise | None = None) -> Coefficients:
    """$y = y_i - (1+\\tau) s h\\sum_k\\varphi_{k+1}(h) h^k\\varepsilon_i^{(k)}$, or as below.

    $y = e^\\zeta y_i - \\zeta\\sum_k\\varphi_{k+1}(\\zeta) h^k D_i^{(k)}$, $\\zeta = -(1+\\tau)h$.
    Here $y = x/\\alpha$, $s = \\sigma/\\alpha$, $h = \\lambda-\\lambda_i$; derivatives are of
    the interpolation. Fresh noise has the deviation $s\\sqrt{\\tau (e^{2h}-1)}$ with eps,
    $s\\sqrt{1-e^{-2\\tau h}}$ with x0.

    Args:
        schedule: one schedule; `jax.vmap` for many.
        clock: whose time the basis "time" is; the default is `VPLinear()`.

    Returns:
        The coefficients, in the dtype of the times.

    Source: Lu et al., DPM-Solver (NeurIPS 2022), equation 3.6; notation of the class `Schedule`.
    """
    n, w = schedule.num_steps, schedule.window
    point = jnp.arange(n)[:, None] - jnp.arange(w)
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
    weights = jax.vmap(one_step)(step, options)
    return _assembled(schedule, step, weights[:, 0], weights[:, 1])


class _Options(eqx.Module):
    """Which points the interpolation uses, and the factors on its derivatives."""

    active: Bool[Array, " w+1"]
    first: Bool[Array, " w+1"]
    scaling: Array
    relaxation: Array
    second: Array


def _weights(step: _Step, options: _Options, clock: AbstractNoise) -> Float[Array, " w+1"]:
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


def _places(step: _Step, u: Array, clock: AbstractNoise) -> tuple[Array, Array, Array]:
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


def _assembled(schedule: Schedule, step: _Step, predicted: Array, redone: Array) -> Coefficients:
    """Sort the weights by what they multiply, and add what the schedule adds."""
    is_noise, live, to_zero = schedule.prediction == 1, schedule.live, schedule.to_zero
    gamma = schedule.churn
    tau, s = 1 + schedule.stochastic, jnp.exp(-step.points[:, 0])
    # of a constant prediction: -(1 + tau) s (e^h - 1), or 1 - e^zeta
    whole = jnp.where(is_noise, -tau * s, -1) * jnp.expm1(step.zeta)
    of_data, of_noise = -jnp.expm1(-tau * step.h), -s * jnp.expm1(step.h)
    kept = jnp.where(is_noise, 1, jnp.exp(step.zeta))
    state = jnp.where(step.start, kept[:, None], 0)[:, 1:]
    sort = lambda weights: (
        jnp.where(is_noise[:, None], 0, whole[:, None] * weights),
        jnp.where(is_noise[:, None], whole[:, None] * weights, 0),
    )
    data, noise = sort(predicted[:, 1:])
    data, noise = (
        data + schedule.extra_data * of_data[:, None],
        noise + schedule.extra_noise * of_noise[:, None],
    )
    corrector_data, corrector_noise = sort(redone + schedule.extra_corrector)
    only_x0 = jnp.arange(schedule.window) == 0
    ending = lambda rows, last: jnp.where(to_zero[:, None], jnp.asarray(last, s.dtype), rows)
    corrected = schedule.corrector & ~to_zero & live & jnp.append(live[1:], False)
    later = lambda rows: jnp.roll(rows, 1, axis=0)  # a step is corrected when the next begins
    return Coefficients(
        log_snr=schedule.log_snr,
        begun=_begun(schedule),
        told=_begun(schedule) + schedule.shift,
        state=ending(state + schedule.extra_state, 0),
        data=ending(data, only_x0),
        noise=ending(noise, 0),
        kick=jnp.where(to_zero, 0, _deviation(schedule, step.h, s)),
        churn=schedule.churn_noise * jnp.exp(-schedule.log_snr[:-1]) * _root(gamma * (2 + gamma)),
        corrected=later(corrected),
        corrector_state=later(state),
        corrector_data=later(corrector_data),
        corrector_noise=later(corrector_noise),
        live=live,
        analytic=schedule.analytic & (jnp.arange(schedule.num_steps) == 0),
    )


def _deviation(schedule: Schedule, h: Array, s: Array) -> Array:
    """Of fresh noise at the end of each step."""
    tau = schedule.stochastic
    of_noise, of_data = tau * jnp.expm1(2 * h), -jnp.expm1(-2 * tau * h)
    return s * _root(jnp.where(schedule.prediction == 1, of_noise, of_data))


def _root(variance: Array) -> Array:
    """The root has no derivative at zero, so it is not asked for one there."""
    noisy = variance > 0
    return jnp.where(noisy, jnp.sqrt(jnp.where(noisy, variance, 1)), 0)
