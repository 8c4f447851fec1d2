"""Collisions of the light species where its odd part lives: at the faces between cells."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._exchange import collision_frequency
from ._mixture_step import MixtureStep
from ._moments import fluid_moments
from ._parity import LightState, cells_to_faces, even_part, first_component, neighbours, odd_part
from ._profile import spherical_profile


class FaceCollisions(NamedTuple):
    """How collisions change $j$ at each face, $\\varepsilon^2\\dot j = \\nu(j_* - j) + Lj$.

    Attributes:
        rate: $\\nu$ of scattering by the heavy species, even in $v_1$.
        target: $j_*$, the odd part of the spherical mean about the common velocity.
        own: $Lj$ of the light species with itself, linear about $r$; it has no momentum.
        penalty: $\\mu \\ge$ half of the largest eigenvalue of $-L$, shape `(faces,)`.
    """

    rate: Float[Array, "faces ..."]
    target: Float[Array, "faces ..."]
    own: Float[Array, "faces ..."]
    penalty: Float[Array, " faces"]


def collide_faces(
    step: MixtureStep,
    state: LightState,
    heavy: tuple[Float[Array, " cells"], Float[Array, "cells d"]],
    width: Float[Array, ""],
    periodic: bool,
) -> FaceCollisions:
    """Rates and targets at all faces.

    Args:
        step: grids, kernels and tables.
        state: of the light species.
        heavy: density and velocity in the cells.
        width: $\\Delta x$.
        periodic: or between walls, through which no gas moves.

    Returns:
        See `FaceCollisions`.
    """
    density, velocity = heavy
    total = cells_to_faces(density, periodic)
    drift = cells_to_faces(density[:, None] * velocity, periodic) / total[:, None]
    if not periodic:
        drift = drift.at[jnp.array([0, -1]), 0].set(0)
    left, right = neighbours(state.even, periodic)
    at_face = lambda *a: _collide(step, width, *a)
    return jax.vmap(at_face)(left, right, state.odd, total, drift)


def _collide(step, width, left, right, odd, density, velocity) -> FaceCollisions:
    grid, eps, kernel = step.grids[0], step.epsilon, step.cross
    base = (left + right) / 2
    n, u, temperature = fluid_moments(grid, base + eps * odd)
    total = density + eps**2 * n
    center = eps * (density * velocity + eps * n * u) / total
    strength = total / (1 + eps**2)
    friction = strength * collision_frequency(grid, kernel, grid.dim * temperature)
    lean = _upwind_share(velocity[0] * width * friction / temperature)
    upstream = base - lean * (right - left) / 2
    profile = spherical_profile(grid, step.profile, upstream + eps * odd, center)
    square = jnp.sum((grid.points - center) ** 2, axis=-1)
    inside = square < grid.half_width**2
    rate = strength * collision_frequency(grid, kernel, square)
    target = jnp.where(inside & jnp.flip(inside, 0), odd_part(profile(square)) / eps, 0)
    own, penalty = _among_themselves(step, base, odd)
    return FaceCollisions(even_part(rate), target, own, penalty)


def _upwind_share(peclet):
    """$\\coth(P/2) - 2/P$ of drift over diffusion in a cell: no oscillations, second order.

    Source: A. Il'in, Math. Notes 6 (1969) 596.
    """
    small = jnp.abs(peclet) < 1e-2
    safe = jnp.where(small, 1, peclet)
    return jnp.where(small, peclet / 6, 1 / jnp.tanh(safe / 2) - 2 / safe)


def _among_themselves(step, base, odd):
    """$\\varepsilon^{2-p}$ times the derivative of $Q_{LL}$ at $r$ in the direction of $j$."""
    grid, collisions, tables = step.grids[0], step.collisions[0], step.tables[0]
    scale = step.epsilon**2 * step.stiffness[0]
    operator = lambda f: collisions.operator(grid, tables, f)
    _, change = jax.jvp(operator, (base,), (odd,))
    v = first_component(grid)
    shape = v * base
    excess = grid.integrate(v * change) / grid.integrate(v * shape)
    own = odd_part(change - excess * shape)
    return scale * own, scale * collisions.rate(grid, tables, base)
