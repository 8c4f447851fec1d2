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
        told: the log-SNR at which the model is asked.
        state: $a$.
        data: $b$.
        noise: $c$.
        kick: $d$, the deviation of fresh noise.
        corrected: whether point n is corrected.
        corrector_state: of the states before point n.
        corrector_data: of the x0 at point n and before.
        corrector_noise: of the eps at point n and before.
        live: not padding.
        analytic: where the model value is the prior mean.
    """

    log_snr: Float[Array, " n+1"]
    told: Float[Array, " n"]
    state: Float[Array, "n w"]
    data: Float[Array, "n w"]
    noise: Float[Array, "n w"]
    kick: Float[Array, " n"]
    corrected: Bool[Array, " n"]
    corrector_state: Float[Array, "n w"]
    corrector_data: Float[Array, "n w+1"]
    corrector_noise: Float[Array, "n w+1"]
    live: Bool[Array, " n"]
    analytic: Bool[Array, " n"]


class _Step(eqx.Module):
    """One step, or all of them with a leading axis; points: its end, then the past ones."""

    points: Float[Array, " w+1"]
    start: Bool[Array, " w+1"]
    is_noise: Bool[Array, ""]
    tau: Float[Array, ""]
    basis: Array

    @property
    def begin(self) -> Array:
        return jnp.sum(jnp.where(self.start, self.points, 0))

    @property
    def h(self) -> Array:
        """The length; one where a dead step has none, so that nothing is divided by zero."""
        length = self.points[0] - self.begin
        return jnp.where(length == 0, jnp.ones_like(length), length)

    @property
    def zeta(self) -> Array:
        """The argument of phi: $h$ for eps, $-(1+\\tau) h$ for x0."""
        return jnp.where(self.is_noise, self.h, -(1 + self.tau) * self.h)

    @property
    def whole(self) -> Array:
        """The weight of a constant prediction: $-(1+\\tau) s (e^h - 1)$, or $1 - e^\\zeta$."""
        s = jnp.exp(-self.points[0])
        return jnp.where(self.is_noise, -(1 + self.tau) * s, -1.0) * jnp.expm1(self.zeta)


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
    past = schedule.log_snr[jnp.maximum(point, 0)]
    start = jax.nn.one_hot(schedule.start + 1, w + 1, dtype=jnp.bool_)
    step = _Step(
        jnp.concatenate([schedule.log_snr[1:, None], past], axis=1),
        start,
        schedule.prediction == 1,
        schedule.stochastic,
        schedule.basis,
    )
    moving = (schedule.live & ~schedule.to_zero)[:, None]  # the others have no length
    others = jnp.pad(point >= 0, ((0, 0), (1, 0))) & ~start & moving
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
    u, measure = (jnp.asarray(part, step.tau.dtype) for part in _FINE)
    phi = phi_functions(step.zeta)
    measure = measure * jnp.exp(step.zeta * (1 - u)) / phi[0]
    end = _variable(step.basis, step.h, step.begin, clock)
    x = _variable(step.basis, step.points - step.begin, step.begin, clock) / end
    nodes = _variable(step.basis, step.h * u, step.begin, clock) / end
    part = lagrange_means(x, options.active, nodes, measure)
    masks = jnp.stack([options.active, options.first])
    (slope, low_slope), (bend, _) = jax.vmap(derivative_weights, (None, 0))(x, masks)
    factor = _factor(options.scaling, step.zeta, phi) * (1 + options.relaxation * step.h)
    scaled = (factor * low_slope - slope) * phi[1] + (options.second - 1) * bend * 2 * phi[2]
    part = part + jnp.where(step.basis == 0, scaled / phi[0], 0)
    return part + jnp.where(step.start, 1 - jnp.sum(part), 0)


def _variable(basis: Array, away: Array, begin: Array, clock: AbstractNoise) -> Array:
    """The variable of the interpolation at log-SNR `begin + away`, zero at the start."""
    time = clock.time(begin + away) - clock.time(begin)
    return jnp.where(basis == 0, away, jnp.where(basis == 1, jnp.expm1(-away), time))


def _factor(scaling: Array, zeta: Array, phi: Array) -> Array:
    """The factor on the first derivative, see `SCALINGS`."""
    half = jnp.expm1(zeta) / 2
    kinds = [jnp.ones_like(zeta), 0.5 / phi[1], phi[0] / (2 * phi[1]), 1 + half, 1 - half]
    return jnp.stack(kinds)[scaling]


def _assembled(schedule: Schedule, step: _Step, predicted: Array, redone: Array) -> Coefficients:
    """Sort the weights by what they multiply, and add what the schedule adds."""
    is_noise, zero = step.is_noise[:, None], schedule.to_zero[:, None]
    length, zeta, whole = jax.vmap(lambda one: (one.h, one.zeta, one.whole))(step)
    kept = jnp.where(step.is_noise, jnp.ones_like(zeta), jnp.exp(zeta))
    state = jnp.where(step.start, kept[:, None], 0)[:, 1:]
    s = jnp.exp(-step.points[:, 0])
    of_data, of_noise = -jnp.expm1(-(1 + step.tau) * length), -s * jnp.expm1(length)
    only_x0 = jnp.zeros_like(state).at[:, 0].set(1)
    split = lambda wanted, weights: jnp.where(wanted, weights, jnp.zeros_like(weights))
    data = (
        split(~is_noise, whole[:, None] * predicted[:, 1:]) + schedule.extra_data * of_data[:, None]
    )
    noise = (
        split(is_noise, whole[:, None] * predicted[:, 1:])
        + schedule.extra_noise * of_noise[:, None]
    )
    fixed = whole[:, None] * (redone + schedule.extra_corrector)
    live = schedule.live
    corrected = schedule.corrector & ~schedule.to_zero & live & jnp.append(live[1:], False)
    later = lambda rows: jnp.roll(rows, 1, axis=0)  # a step is corrected when the next begins
    return Coefficients(
        log_snr=schedule.log_snr,
        told=schedule.log_snr[:-1] + schedule.shift,
        state=jnp.where(zero, 0, state + schedule.extra_state),
        data=jnp.where(zero, only_x0, data),
        noise=jnp.where(zero, 0, noise),
        kick=jnp.where(schedule.to_zero, 0, _deviation(step, length, s)),
        corrected=later(corrected),
        corrector_state=later(state),
        corrector_data=later(split(~is_noise, fixed)),
        corrector_noise=later(split(is_noise, fixed)),
        live=live,
        analytic=schedule.analytic & (jnp.arange(schedule.num_steps) == 0),
    )


def _deviation(step: _Step, length: Array, s: Array) -> Array:
    """Of fresh noise; the root has no derivative at zero, so it is not asked for one there."""
    of_noise, of_data = step.tau * jnp.expm1(2 * length), -jnp.expm1(-2 * step.tau * length)
    variance = jnp.where(step.is_noise, of_noise, of_data)
    noisy = variance > 0
    return jnp.where(noisy, s * jnp.sqrt(jnp.where(noisy, variance, 1)), 0)
