"""The fine solution that samplers are measured against."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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
    ask = lambda y, lam: checked_answer(denoiser, y, jnp.exp(-lam), jnp.zeros((), jnp.int32)) - y

    def step(y: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        h, middle = ends[1] - ends[0], (ends[0] + ends[1]) / 2
        first = ask(y, ends[0])
        second = ask(y + h / 2 * first, middle)
        third = ask(y + h / 2 * second, middle)
        last = ask(y + h * third, ends[1])
        moved = y + h / 6 * (first + 2 * second + 2 * third + last)
        return moved, moved

    _, states = jax.lax.scan(step, y, (log_snr[:-1], log_snr[1:]))
    return jnp.concatenate([y[None], states])
