"""Flight of the heavy species: upwind with limited slopes, conservative and positive."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._grid import VelocityGrid
from ._walls import AbstractWall, Diffuse

Walls = tuple[AbstractWall, AbstractWall] | None


def fly(
    grid: VelocityGrid, f: Float[Array, "cells ..."], way: Float[Array, ""], walls: Walls
) -> Float[Array, "cells ..."]:
    """$\\partial_tf + w_1\\partial_xf = 0$ over $\\Delta t$, for all velocities at once.

    $f$ is reconstructed as a line in each cell, with limited slopes, moved exactly and averaged
    again: second order where $f$ is smooth; no new extrema and no negative values for
    $|w_1|\\Delta t \\le \\Delta x$.

    Args:
        grid: of the velocities.
        f: the distribution in every cell.
        way: $\\Delta t/\\Delta x$.
        walls: left and right, or `None` if periodic.

    Returns:
        The distribution after the flight.

    Source: B. van Leer, J. Comput. Phys. 23 (1977) 276, with slopes of our own.
    """
    moved = way * grid.axis.reshape(-1, *[1] * (grid.dim - 1))
    padded = _padded(f, walls)
    flux = _upwind(padded, moved)
    if walls is not None:
        flux = flux.at[0].set(_at_wall(grid, flux[0], moved, walls[0]))
        flux = flux.at[-1].set(-mirror(_at_wall(grid, -mirror(flux[-1]), moved, walls[1])))
    return f - (flux[1:] - flux[:-1])


def mirror(f: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
    """$f(-v_1, v_2, \\dots)$ of one distribution."""
    return jnp.flip(f, axis=0)


def _padded(f, walls):
    """Two more cells at each end."""
    if walls is None:
        return jnp.concatenate([f[-2:], f, f[:2]])
    reflect = lambda first, second: jnp.stack([mirror(second), mirror(first)])
    left, right = reflect(f[0], f[1]), reflect(f[-1], f[-2])[::-1]
    return jnp.concatenate([left, f, right])


def _upwind(padded, moved):
    """What passes each face within the step, in units of a cell: faces between inner cells."""
    before, here, after = padded[:-2], padded[1:-1], padded[2:]
    slope = _limited_slope(here - before, after - here)
    left, right = here[:-1], here[1:]
    forward = left + (1 - moved) / 2 * slope[:-1]
    backward = right - (1 + moved) / 2 * slope[1:]
    return moved * jnp.where(moved > 0, forward, backward)


def _limited_slope(a, b):
    """$\\tfrac{a+b}2(1 - u^4)^3$, $u = \\tfrac{a-b}{a+b}$, for differences of one sign, else zero.

    Below twice the smaller of the two, and close to their mean. Unlike van Leer's harmonic mean,
    $\\tfrac{a+b}2(1 - u^2)$, it has two continuous derivatives where one of them changes its sign.
    """
    same = a * b > 0
    total = jnp.where(same, a + b, 1)
    return jnp.where(same, total / 2 * (1 - ((a - b) / total) ** 4) ** 3, 0)


def _at_wall(grid, flux, moved, wall):
    """The flux through a left wall; `flux` is that of a mirror."""
    if not isinstance(wall, Diffuse):
        return flux
    arriving = jnp.where(moved < 0, flux, 0)
    leaving = jnp.where(moved > 0, moved * wall.emitted(grid), 0)
    return arriving - leaving * (jnp.sum(arriving) / jnp.sum(leaving))
