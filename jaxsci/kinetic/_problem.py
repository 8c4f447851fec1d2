"""The equations: relaxation of one species, and of two whose masses differ widely."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractProblem
from ._collisions import AbstractCollisions, Boltzmann
from ._direct import between_species, resolved_quadrature
from ._grid import VelocityGrid
from ._kernels import VariableHardSphere
from ._problem_checks import (
    check_distribution,
    check_homogeneous,
    check_horizon,
    check_mixture,
)
from ._spectral import CollisionQuadrature
from ._validation import cast, positive, scalar


class Species(eqx.Module):
    """A distribution on its own velocity grid, and its collisions with itself.

    Attributes:
        grid: the velocity grid; in scaled velocities for the heavy species of a mixture.
        distribution: $f$ at the points of the grid; in space, with an axis of cells before.
        collisions: within the species; Maxwell molecules by default.
    """

    grid: VelocityGrid
    distribution: Float[Array, "..."]
    collisions: AbstractCollisions

    def __init__(
        self,
        grid: VelocityGrid,
        distribution: Float[ArrayLike, "..."],
        collisions: AbstractCollisions | None = None,
    ):
        self.grid = grid
        self.distribution = jnp.asarray(distribution, grid.dtype)
        collisions = Boltzmann(VariableHardSphere()) if collisions is None else collisions
        self.collisions = cast(collisions, grid.dtype)
        check_distribution(grid, self.distribution)


class BoltzmannRelaxation(AbstractProblem):
    """$\\partial_tf = \\mathrm{Kn}^{-1}Q(f)$ for $t_0 \\le t \\le t_1$.

    Attributes:
        species: $f$ at $t_0$ and $Q$.
        end: $t_1$.
        knudsen: $\\mathrm{Kn}$.
        start: $t_0$.
    """

    species: Species
    end: Float[Array, ""]
    knudsen: Float[Array, ""]
    start: Float[Array, ""]

    def __init__(
        self, species: Species, end: ArrayLike, knudsen: ArrayLike = 1.0, start: ArrayLike = 0.0
    ):
        dtype = species.grid.dtype
        self.species = species
        self.end = scalar("BoltzmannRelaxation: end", end, dtype)
        self.start = scalar("BoltzmannRelaxation: start", start, dtype)
        self.knudsen = positive(
            "BoltzmannRelaxation: knudsen", knudsen, "small values are stiff, not zero.", dtype
        )
        check_horizon("BoltzmannRelaxation", self.start, self.end)
        check_homogeneous("BoltzmannRelaxation", species)

    def residual(
        self,
        distribution: Float[Array, "..."],
        rate: Float[Array, "..."],
        quadrature: CollisionQuadrature = CollisionQuadrature(),  # noqa: B008 (immutable)
    ) -> Float[Array, "..."]:
        """$\\partial_tf - Q(f)/\\mathrm{Kn}$ for a candidate and its rate of change."""
        grid, collisions = self.species.grid, self.species.collisions
        tables = collisions.tables(grid, quadrature)
        return rate - collisions.operator(grid, tables, distribution) / self.knudsen

    def continued(self, distribution: Float[Array, "..."], end: ArrayLike) -> "BoltzmannRelaxation":
        """The same gas from `self.end` to `end`, from a stored distribution."""
        species = Species(self.species.grid, distribution, self.species.collisions)
        return BoltzmannRelaxation(species, end, self.knudsen, self.end)


class DisparateMassMixture(AbstractProblem):
    """$\\partial_tf_L = \\varepsilon^{-p}Q_{LL} + \\varepsilon^{-2}Q_{LH}$, and the heavy species

    $\\partial_tf_H = \\varepsilon^{-q}Q_{HH} + \\varepsilon^{-2}Q_{HL}$, with $\\varepsilon^2 =
    m_L/m_H$ and heavy velocities $\\varepsilon w$. Both thermal speeds are of order one in these
    units; time is the relaxation time of the temperatures. With $g = v - \\varepsilon w$,
    $$v' = v + \\frac{|g|\\sigma - g}{1 + \\varepsilon^2}, \\qquad
    w' = w - \\varepsilon\\frac{|g|\\sigma - g}{1 + \\varepsilon^2};$$
    $n_L$, $n_H$, $\\varepsilon P_L + P_H$ and $E_L + E_H$, $E = \\int\\tfrac12|\\cdot|^2f$, stay.

    Attributes:
        light: $f_L(v)$ at the start, its grid and collisions.
        heavy: $f_H(w)$.
        epsilon: $\\varepsilon$.
        end: the final time.
        cross: kernel between the species.
        light_exponent: $p$, 2 by default.
        heavy_exponent: $q$, 1 by default, the value of hard spheres; the kernel $|g|^\\gamma$ of
            one law for all collisions has $2 - \\gamma$.
        start: the initial time.

    Source: P. Degond, B. Lucquin-Desreux, Math. Models Methods Appl. Sci. 6 (1996) 405.
    """

    light: Species
    heavy: Species
    epsilon: Float[Array, ""]
    end: Float[Array, ""]
    cross: VariableHardSphere
    light_exponent: Float[Array, ""]
    heavy_exponent: Float[Array, ""]
    start: Float[Array, ""]

    def __init__(
        self,
        light: Species,
        heavy: Species,
        epsilon: ArrayLike,
        end: ArrayLike,
        cross: VariableHardSphere | None = None,
        light_exponent: ArrayLike = 2.0,
        heavy_exponent: ArrayLike = 1.0,
        start: ArrayLike = 0.0,
    ):
        name, dtype = "DisparateMassMixture", light.grid.dtype
        self.light, self.heavy = light, heavy
        self.epsilon = positive(
            f"{name}: epsilon",
            epsilon,
            "it is the square root of the mass ratio; LimitEquations are the limit at zero.",
            dtype,
        )
        self.end = scalar(f"{name}: end", end, dtype)
        self.start = scalar(f"{name}: start", start, dtype)
        self.cross = cast(VariableHardSphere() if cross is None else cross, dtype)
        self.light_exponent = scalar(f"{name}: light_exponent", light_exponent, dtype)
        self.heavy_exponent = scalar(f"{name}: heavy_exponent", heavy_exponent, dtype)
        check_horizon(name, self.start, self.end)
        check_mixture(self)

    def residual(
        self,
        distributions: tuple[Float[Array, "..."], Float[Array, "..."]],
        rates: tuple[Float[Array, "..."], Float[Array, "..."]],
        quadrature: CollisionQuadrature = CollisionQuadrature(),  # noqa: B008 (immutable)
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Both equations for candidates and their rates of change, with the full operators."""
        grids = (self.light.grid, self.heavy.grid)
        fine = resolved_quadrature(self.light.grid)
        there, back = between_species(grids, self.cross, self.epsilon, distributions, fine)
        parts = (
            (self.light, self.light_exponent, there),
            (self.heavy, self.heavy_exponent, back),
        )
        return tuple(  # pyright: ignore[reportReturnType]
            rate
            - self.epsilon**-exponent
            * species.collisions.operator(
                species.grid, species.collisions.tables(species.grid, quadrature), f
            )
            - self.epsilon**-2.0 * cross
            for (species, exponent, cross), f, rate in zip(parts, distributions, rates)
        )

    def continued(
        self, distributions: tuple[Float[Array, "..."], Float[Array, "..."]], end: ArrayLike
    ) -> "DisparateMassMixture":
        """The same mixture from `self.end` to `end`, from stored distributions."""
        light, heavy = (
            Species(species.grid, f, species.collisions)
            for species, f in zip((self.light, self.heavy), distributions)
        )
        return DisparateMassMixture(
            light, heavy, self.epsilon, end, self.cross,
            self.light_exponent, self.heavy_exponent, self.end,
        )  # fmt: skip
