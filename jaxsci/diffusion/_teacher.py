"""The fine solution that samplers are measured against."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core import runge_kutta
from ._denoiser import AbstractDenoiser, checked_answer


def fine_path(
    denoiser: AbstractDenoiser, log_snr: Float[Array, " m+1"], y: Float[Array, "..."]
) -> Float[Array, "m+1 ..."]:
    """$dy/d\\lambda = D(y, e^{-\\lambda}) - y$ by the classical Runge-Kutta method.

    Args:
        denoiser: $D$.
        log_snr: a fine grid; four evaluations a step.
        y: where to start.

    Returns:
        The states at all times of the grid.
    """

    def follow(y: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        moved = _moved(denoiser, y, ends)
        return moved, moved

    _, states = jax.lax.scan(follow, y, (log_snr[:-1], log_snr[1:]))
    return jnp.concatenate([y[None], states])


def fine_end(
    denoiser: AbstractDenoiser, log_snr: Float[Array, " m+1"], y: Float[Array, "..."]
) -> Float[Array, "..."]:
    """The last state of `fine_path`, without the memory of the others.

    Args:
        denoiser: $D$.
        log_snr: a fine grid.
        y: where to start.
    """
    follow = lambda y, ends: (_moved(denoiser, y, ends), None)
    return jax.lax.scan(follow, y, (log_snr[:-1], log_snr[1:]))[0]


def _moved(denoiser: AbstractDenoiser, y: Array, ends: tuple[Array, Array]) -> Array:
    def rate(lam: Array, y: Array) -> Array:
        return checked_answer(denoiser, y, jnp.exp(-lam), jnp.zeros((), jnp.int32)) - y

    return runge_kutta(rate, y, ends[1] - ends[0], ends[0])
