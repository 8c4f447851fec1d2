"""One asymptotic-preserving collision step of a mixture in one place; `vmap` takes many cells."""

import functools

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ._collisions import AbstractCollisions
from ._correction import limit_positive
from ._exchange import exchange, scatter
from ._flow import MixtureFlow
from ._grid import VelocityGrid
from ._kernels import VariableHardSphere
from ._parity import even_part, odd_part
from ._problem import DisparateMassMixture
from ._profile import ProfileTables, profile_tables
from ._spectral import CollisionQuadrature

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]


class MixtureStep(eqx.Module):
    """$(f_L, f_H) \\mapsto$ both after $\\Delta t$: scattering, self-collisions, exchange.

    Four flows one after the other, conservative and stable for every $\\Delta t/\\varepsilon^2$:

    1. `scatter`, $\\varepsilon^{-2}n_HS_u$ with the recoil, exact;
    2. $\\varepsilon^{-p}Q_{LL}$ and 3. $\\varepsilon^{-q}Q_{HH}$, by `relax`;
    4. `exchange` of energy, on the scale of $\\Delta t$; here invariants are set to rounding.

    For one cell: arrays of the shape of the grids. `jax.vmap(step, (0, 0, None))` takes a leading
    axis of cells.

    Attributes:
        grids: of the light and the heavy species.
        collisions: within both.
        tables: of both collisions.
        profile: tables of spherical means on the light grid.
        cross: the kernel between the species.
        epsilon: the root of the mass ratio.
        stiffness: $(\\varepsilon^{-p}, \\varepsilon^{-q})$.
        variant: see `relax`.
        limiter: whether to keep distributions from being negative.
        hold_odd: leave the part of $f_L$ odd in $v_1$, and with it the momentum along $x$, as it
            is: in space it is moved and scattered between the cells.
    """

    grids: tuple[VelocityGrid, VelocityGrid]
    collisions: tuple[AbstractCollisions, AbstractCollisions]
    tables: tuple[PyTree[Array], PyTree[Array]]
    profile: ProfileTables
    cross: VariableHardSphere
    epsilon: Float[Array, ""]
    stiffness: tuple[Float[Array, ""], Float[Array, ""]]
    variant: str = eqx.field(static=True)
    limiter: bool = eqx.field(static=True)
    hold_odd: bool = eqx.field(static=True, default=False)

    def __call__(self, light: Float[Array, "..."], heavy: Float[Array, "..."], time: Array) -> Pair:
        """Both distributions after `time`.

        Args:
            light: $f_L$.
            heavy: $f_H$.
            time: $\\Delta t$.

        Returns:
            The two distributions.
        """
        cross = (self.grids, self.profile, self.cross, self.epsilon)
        hold = functools.partial(_with_odd, light) if self.hold_odd else lambda f: f
        f, scattered = scatter(*cross, (light, heavy), time, hold)
        f = self._collide(f, time)
        light, heavy = exchange(*cross, (hold(f[0]), f[1]), scattered, time)
        if self.hold_odd:
            light = even_part(light)
        if self.limiter:
            light, heavy = (limit_positive(g, h) for g, h in zip(self.grids, (light, heavy)))
        return light, heavy

    def _collide(self, f: Pair, time: Array) -> Pair:
        light, heavy = (
            collisions.step(grid, tables, h, time * stiffness, self.variant)
            for grid, collisions, tables, h, stiffness in zip(
                self.grids, self.collisions, self.tables, f, self.stiffness
            )
        )
        return light, heavy


def _with_odd(of, f):
    return odd_part(of) + even_part(f)


def mixture_step(
    problem: DisparateMassMixture | MixtureFlow,
    quadrature: CollisionQuadrature,
    variant: str = "exponential",
    limiter: bool = False,
    num_radii: int | None = None,
    hold_odd: bool = False,
) -> MixtureStep:
    """The step of a problem.

    Args:
        problem: the mixture; its distributions are not used.
        quadrature: of the collisions within the species.
        variant: see `relax`.
        limiter: whether to keep distributions from being negative.
        num_radii: of spherical means; by default $3N/2$.
        hold_odd: see `MixtureStep`.

    Returns:
        The step.
    """
    species = (problem.light, problem.heavy)
    grid, eps = problem.light.grid, problem.epsilon
    num = 3 * grid.num_points // 2 if num_radii is None else num_radii
    light, heavy = (s.collisions.tables(s.grid, quadrature) for s in species)
    return MixtureStep(
        (grid, problem.heavy.grid),
        (problem.light.collisions, problem.heavy.collisions),
        (light, heavy),
        profile_tables(grid, num),
        problem.cross,
        eps,
        (jnp.power(eps, -problem.light_exponent), jnp.power(eps, -problem.heavy_exponent)),
        variant,
        limiter,
        hold_odd,
    )
