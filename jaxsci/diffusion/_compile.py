"""From a schedule to the coefficients of a linear multistep method."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._noise import AbstractNoise
from ._schedule import Schedule
from ._weights import Step, begun, step_weights


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
    step, weights = step_weights(schedule, clock)
    return _assembled(schedule, step, weights[:, 0], weights[:, 1])


def _assembled(schedule: Schedule, step: Step, predicted: Array, redone: Array) -> Coefficients:
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
        begun=begun(schedule),
        told=begun(schedule) + schedule.shift,
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
