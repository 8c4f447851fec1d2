"""Exact flows that move, contract and spread a distribution: Fourier, no CFL condition."""

import functools

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._grid import VelocityGrid, multiplicity, scaled


def ornstein_uhlenbeck(
    grid: VelocityGrid,
    f: Float[Array, "..."],
    center: Float[Array, " d"],
    contraction: Float[Array, ""],
    variance: Float[Array, ""],
) -> Float[Array, "..."]:
    """The law of $u + e(v - u) + \\sqrt s\\,\\xi$ for $v \\sim f$ and a normal $\\xi$.

    It solves $\\partial_tf = \\nabla\\cdot(k(v-u)f + \\tfrac12D\\nabla f)$ with $e = e^{-kt}$ and
    $s = D(1 - e^{-2kt})/(2k)$. On each axis one matrix,
    $A_{ij} = \\tfrac1N\\sum_ke^{-sk^2/2}\\cos k(v_i - u - e(v_j - u))$.

    Args:
        grid: the velocity grid.
        f: the distribution.
        center: $u$.
        contraction: $e \\in (0, 1]$.
        variance: $s \\ge 0$.

    Returns:
        The distribution after the flow.
    """
    apply = functools.partial(_along, grid, contraction=contraction, variance=variance)
    for axis in range(grid.dim):
        f = jnp.moveaxis(jnp.tensordot(apply(center[axis]), f, axes=(1, axis)), 0, axis)
    return f


def _along(
    grid: VelocityGrid, center: Array, *, contraction: Array, variance: Array
) -> Float[Array, "n n"]:
    k, c = grid.wave_numbers(half=True), grid.axis - center
    damping = jnp.asarray(multiplicity(grid.num_points), k.dtype) * jnp.exp(-variance * k**2 / 2)
    there, here = jnp.outer(c, k), jnp.outer(contraction * c, k)
    even = (jnp.cos(there) * damping) @ jnp.cos(here).T
    return (even + (jnp.sin(there) * damping) @ jnp.sin(here).T) / grid.num_points


def translate(
    grid: VelocityGrid, f: Float[Array, "..."], shift: Float[Array, " d"], variance: ArrayLike = 0.0
) -> Float[Array, "..."]:
    """$f(v - x)$, convolved with a normal density of variance $s$ per component.

    Args:
        grid: the velocity grid.
        f: the distribution.
        shift: $x$.
        variance: $s \\ge 0$.

    Returns:
        The distribution after the move.
    """
    damping = jnp.exp(-jnp.asarray(variance, f.dtype) * jnp.sum(grid.waves**2, axis=-1) / 2)
    return grid.back(scaled(damping, grid.transform(f)) * grid.waves_at(-shift))
