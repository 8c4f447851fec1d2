"""Parities in $v_1$, and values in cells and at the faces between them."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._grid import VelocityGrid


class LightState(NamedTuple):
    """$f_L = r + \\varepsilon j$ with $r$ even and $j$ odd in $v_1$.

    Attributes:
        even: $r$ in the cells, shape `(cells, N, ..., N)`.
        odd: $j$ at the faces: `cells` of them, each the left one of its cell, if periodic, or
            `cells + 1` between walls.
    """

    even: Float[Array, "cells ..."]
    odd: Float[Array, "faces ..."]


def odd_part(f: Float[Array, "..."], axis: int = 0) -> Float[Array, "..."]:
    """$(f(v_1) - f(-v_1))/2$."""
    return (f - jnp.flip(f, axis)) / 2


def even_part(f: Float[Array, "..."], axis: int = 0) -> Float[Array, "..."]:
    """$(f(v_1) + f(-v_1))/2$."""
    return (f + jnp.flip(f, axis)) / 2


def first_component(grid: VelocityGrid) -> Float[Array, "..."]:
    """$v_1$, in a shape that broadcasts over distributions."""
    return grid.axis.reshape(-1, *[1] * (grid.dim - 1))


def neighbours(
    a: Float[Array, "cells ..."], periodic: bool
) -> tuple[Float[Array, "faces ..."], Float[Array, "faces ..."]]:
    """The cells left and right of each face; at walls the same on both sides."""
    if periodic:
        return jnp.roll(a, 1, axis=0), a
    return jnp.concatenate([a[:1], a]), jnp.concatenate([a, a[-1:]])


def cells_to_faces(a: Float[Array, "cells ..."], periodic: bool) -> Float[Array, "faces ..."]:
    """Means of neighbours; at walls the value of the next cell."""
    left, right = neighbours(a, periodic)
    return (left + right) / 2


def faces_to_cells(a: Float[Array, "faces ..."], periodic: bool) -> Float[Array, "cells ..."]:
    """Means of the two faces of each cell."""
    return (a + jnp.roll(a, -1, axis=0)) / 2 if periodic else (a[1:] + a[:-1]) / 2


def outflow(a: Float[Array, "faces ..."], periodic: bool) -> Float[Array, "cells ..."]:
    """Right face less left face of each cell."""
    return jnp.roll(a, -1, axis=0) - a if periodic else a[1:] - a[:-1]


def limit_odd(grid: VelocityGrid, state: LightState, epsilon: Float[Array, ""]) -> LightState:
    """$\\varepsilon|j| \\le r$ on both sides of each face, so that $f_L \\ge 0$ in all cells.

    The momentum of what is cut is given to velocities that have room, each in proportion to it.

    Args:
        grid: the velocity grid.
        state: with $r \\ge 0$.
        epsilon: $\\varepsilon$.

    Returns:
        The state with the odd part within the bound, and its momentum as long as there is room.
    """
    periodic = state.odd.shape[0] == state.even.shape[0]
    inside = 1 - 8 * jnp.finfo(grid.dtype).eps  # so that rounding makes nothing negative
    bound = inside * jnp.minimum(*neighbours(state.even, periodic)) / epsilon
    cut = jnp.clip(state.odd, -bound, bound)
    v = first_component(grid)
    room = jnp.sign(v) * (bound - jnp.abs(cut))
    lost, most = grid.integrate(v * (state.odd - cut)), grid.integrate(v * room)
    share = jnp.clip(lost / jnp.where(most > 0, most, 1), -1, 1)
    return LightState(state.even, cut + share.reshape(-1, *[1] * grid.dim) * room)
