"""A sampler as data: what each step does, in arrays."""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from .._core import concrete
from ._schedule_checks import check_schedule

PREDICTIONS = ("data", "noise")
SCALINGS = ("none", "bh1", "bh2", "exp+", "exp-")
BASES = ("log_snr", "s", "time")
MAX_ORDER = 4


class Schedule(eqx.Module):
    """$y_{n+1} = \\mathrm{Taylor}_{p_n}(y_{n-i_n}, F)$ on $\\lambda_0...\\lambda_N$, F = x0 or eps.

    Step n starts from the point $i_n$ steps back, expands the prediction F there to `order` $p_n$
    with derivatives estimated from the most recent other points, and integrates it exactly
    against the exponential (`compile_schedule` has the formulas). Every field is an array: vmap
    over schedules, differentiate in times and coefficients, mutate fields, all in one program.

    Attributes:
        log_snr: $\\lambda_n$, monotone; growing from noise to data, falling for inversion.
        prediction: what is expanded, 0 "data" or 1 "noise".
        order: $p_n$, 1 to 4.
        estimate: how many other points estimate the first derivative, at most $p_n - 1$.
        start: $i_n$, how many steps back the step starts.
        scaling: factor of the first derivative: "none", "bh1", "bh2", "exp+", "exp-".
        relaxation: $c$ of one more factor $1 + c h$ on the first derivative.
        second_scale: factor of the second derivative.
        basis: the variable of the interpolation: "log_snr" (Taylor), "s" or "time" (Lagrange;
            there the three factors are not used).
        corrector: redo the step, one order higher, once the model knows its end point. It costs
            no evaluation: the next step needs it anyway.
        corrector_scaling: as `scaling`, for the corrector.
        extra_state: added to the weights of the last states.
        extra_data: added to the weights of the last x0, in units of the whole step.
        extra_noise: added to the weights of the last eps, in units of the whole step.
        extra_corrector: added to the corrector's weights of F, the new value first.
        shift: added to the log-SNR that the model is told, not to the state's.
        stochastic: $\\tau \\ge 0$, the strength of fresh noise; 0 is the ODE, 1 the reverse SDE.
        churn: $\\gamma \\ge 0$: before the model is asked, fresh noise raises the level of the
            state from s to $(1 + \\gamma) s$, and the step begins there.
        churn_noise: the deviation of that noise over what the level asks for; 1 keeps the law.
        to_zero: the step ends at the denoised signal itself, noise zero.
        live: steps that are not live do nothing and cost nothing (padding at the end).
        analytic: the first model value is the prior mean instead; saves one evaluation.

    Source: Liu et al., A unified sampling framework for solver searching of diffusion
        probabilistic models (ICLR 2024).
    """

    log_snr: Float[Array, " n+1"]
    prediction: Int[Array, " n"]
    order: Int[Array, " n"]
    estimate: Int[Array, " n"]
    start: Int[Array, " n"]
    scaling: Int[Array, " n"]
    relaxation: Float[Array, " n"]
    second_scale: Float[Array, " n"]
    basis: Int[Array, " n"]
    corrector: Bool[Array, " n"]
    corrector_scaling: Int[Array, " n"]
    extra_state: Float[Array, "n w"]
    extra_data: Float[Array, "n w"]
    extra_noise: Float[Array, "n w"]
    extra_corrector: Float[Array, "n w+1"]
    shift: Float[Array, " n"]
    stochastic: Float[Array, " n"]
    churn: Float[Array, " n"]
    churn_noise: Float[Array, " n"]
    to_zero: Bool[Array, " n"]
    live: Bool[Array, " n"]
    analytic: Bool[Array, ""]

    def __init__(
        self,
        log_snr: Float[ArrayLike, " n+1"],
        *,
        prediction: str | Sequence[str] | Int[ArrayLike, "..."] = "data",
        order: int | Sequence[int] | Int[Array, "..."] = 1,
        estimate: int | Sequence[int] | Int[Array, "..."] = MAX_ORDER,
        start: int | Sequence[int] | Int[Array, "..."] = 0,
        scaling: str | Sequence[str] | Int[ArrayLike, "..."] = "none",
        relaxation: ArrayLike = 0.0,
        second_scale: ArrayLike = 1.0,
        basis: str | Sequence[str] | Int[ArrayLike, "..."] = "log_snr",
        corrector: bool | Sequence[bool] | Bool[Array, "..."] = False,
        corrector_scaling: str | Sequence[str] | Int[ArrayLike, "..."] = "none",
        extra_state: ArrayLike = 0.0,
        extra_data: ArrayLike = 0.0,
        extra_noise: ArrayLike = 0.0,
        extra_corrector: ArrayLike = 0.0,
        shift: ArrayLike = 0.0,
        stochastic: ArrayLike = 0.0,
        churn: ArrayLike = 0.0,
        churn_noise: ArrayLike = 1.0,
        to_zero: bool | Sequence[bool] | Bool[Array, "..."] = False,
        live: bool | Sequence[bool] | Bool[Array, "..."] = True,
        analytic: bool | Bool[Array, ""] = False,
        window: int = MAX_ORDER,
    ):
        """Assemble a schedule; every field may be one value for all steps.

        Args:
            log_snr: the times, as half-log-SNR.
            prediction: see the attributes, for this and what follows.
            order: 1 to 4.
            estimate: larger values mean order - 1.
            start: steps back.
            scaling: of the first derivative.
            relaxation: of the first derivative.
            second_scale: of the second derivative.
            basis: variable of the interpolation.
            corrector: whether.
            corrector_scaling: of the corrector.
            extra_state: (N, W) or a number.
            extra_data: (N, W) or a number.
            extra_noise: (N, W) or a number.
            extra_corrector: (N, W + 1) or a number.
            shift: of the evaluation.
            stochastic: strength of noise.
            churn: noise before the step.
            churn_noise: its deviation.
            to_zero: denoise instead.
            live: not padding.
            analytic: analytic first step.
            window: W, how many past points the weights can reach.

        Raises:
            ValueError: if a name is unknown, times are not monotone, or a step asks for more
                earlier points than there are.
        """
        self.log_snr = _inexact(log_snr)
        if self.log_snr.ndim != 1 or self.log_snr.size < 2:
            raise ValueError(
                "Schedule: log_snr must hold the N + 1 times of N >= 1 steps, got the shape "
                f"{self.log_snr.shape}."
            )
        n, dtype = self.log_snr.size - 1, self.log_snr.dtype
        whole = lambda name, value: _filled(name, value, (n,), jnp.int32)
        real = lambda name, value: _filled(name, value, (n,), dtype)
        flag = lambda name, value: _filled(name, value, (n,), jnp.bool_)
        table = lambda name, value: _filled(name, value, (n, window), dtype)
        self.prediction = whole("prediction", codes("prediction", prediction, PREDICTIONS))
        self.order = whole("order", order)
        self.estimate = _clipped(whole("estimate", estimate), self.order)
        self.start = whole("start", start)
        self.scaling = whole("scaling", codes("scaling", scaling, SCALINGS))
        self.relaxation = real("relaxation", relaxation)
        self.second_scale = real("second_scale", second_scale)
        self.basis = whole("basis", codes("basis", basis, BASES))
        self.corrector = flag("corrector", corrector)
        corrector_codes = codes("corrector_scaling", corrector_scaling, SCALINGS)
        self.corrector_scaling = whole("corrector_scaling", corrector_codes)
        self.extra_state = table("extra_state", extra_state)
        self.extra_data = table("extra_data", extra_data)
        self.extra_noise = table("extra_noise", extra_noise)
        self.extra_corrector = _filled("extra_corrector", extra_corrector, (n, window + 1), dtype)
        self.shift = real("shift", shift)
        self.stochastic = real("stochastic", stochastic)
        self.churn = real("churn", churn)
        self.churn_noise = real("churn_noise", churn_noise)
        self.to_zero = flag("to_zero", to_zero)
        self.live = flag("live", live)
        self.analytic = _filled("analytic", analytic, (), jnp.bool_)
        check_schedule(self)

    @property
    def num_steps(self) -> int:
        """N, padding included."""
        return self.live.shape[-1]

    @property
    def window(self) -> int:
        """W, how many past points the weights can reach."""
        return self.extra_state.shape[-1]

    @property
    def num_evals(self) -> Int[Array, "..."]:
        """How often the model is called, exactly: once at the start of each live step.

        The end point is not evaluated; an analytic first step saves one call; a step `to_zero`
        and a second step at the same noise level count as any other.
        """
        saved = self.analytic.astype(jnp.int32)
        return jnp.sum(self.live, axis=-1, dtype=jnp.int32) - saved

    @property
    def is_random(self) -> bool:
        """Whether it adds noise; also if that is not known, in a transformation."""
        strengths = self.stochastic, self.churn
        return not concrete(strengths) or any((np.asarray(size) > 0).any() for size in strengths)

    def astype(self, dtype: Any) -> "Schedule":
        """The same schedule with real fields in another precision."""
        cast = lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.inexact) else x
        return jax.tree.map(cast, self)


def codes(name: str, value: Any, names: tuple[str, ...]) -> Any:
    """Names as their places in `names`; numbers as they are.

    Raises:
        ValueError: if a name is not known.
    """
    single = isinstance(value, str)
    if not single and not (isinstance(value, list | tuple) and isinstance(value[0], str)):
        return value
    unknown = [one for one in ([value] if single else value) if one not in names]
    if unknown:
        raise ValueError(
            f"Schedule: unknown {name} {unknown[0]!r}; it must be one of {', '.join(names)}."
        )
    return names.index(value) if single else [names.index(one) for one in value]


def _clipped(estimate: Array, order: Array) -> Array:
    """At least 1, at most order - 1."""
    if concrete((estimate, order)):
        return jnp.asarray(np.clip(estimate, 1, np.maximum(np.asarray(order) - 1, 1)))
    return jnp.clip(estimate, 1, jnp.maximum(order - 1, 1))


def _inexact(values: Any) -> Array:
    array = jnp.asarray(values)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def _filled(name: str, value: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    # numbers that are known stay on the host: building a schedule compiles nothing
    on_host = concrete(value)
    array = np.asarray(value, dtype) if on_host else jnp.asarray(value, dtype)
    if np.broadcast_shapes(array.shape, (1,) * len(shape)) not in _fitting(shape):
        raise ValueError(
            f"Schedule: {name} must be one value or have the shape {shape}, got {array.shape}."
        )
    spread = np.broadcast_to(array, shape) if on_host else jnp.broadcast_to(array, shape)
    return jnp.asarray(spread)


def _fitting(shape: tuple[int, ...]) -> set[tuple[int, ...]]:
    """The shapes that broadcast to this one."""
    return {tuple(s) for s in itertools.product(*[(1, size) for size in shape])}
