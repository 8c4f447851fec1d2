"""The fine solution that samplers are measured against."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._denoiser import AbstractDenoiser, checked_answer

# the classical Runge-Kutta method: each stage starts from the slope before it
_PARTS = (0.0, 0.5, 0.5, 1.0)
_WEIGHTS = (1 / 6, 1 / 3, 1 / 3, 1 / 6)


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
    """One step. The stages are a loop: the program holds the network once."""
    h = ends[1] - ends[0]

    def stage(carry: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[Any, None]:
        (slope, mean), (part, weight) = carry, row
        there, s = y + part * h * slope, jnp.exp(-ends[0] - part * h)
        slope = checked_answer(denoiser, there, s, jnp.zeros((), jnp.int32)) - there
        return (slope, mean + weight * slope), None

    rows = jnp.asarray(_PARTS, y.dtype), jnp.asarray(_WEIGHTS, y.dtype)
    (_, mean), _ = jax.lax.scan(stage, (jnp.zeros_like(y), jnp.zeros_like(y)), rows)
    return y + h * mean
