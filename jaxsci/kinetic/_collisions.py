"""Collisions within one species: Boltzmann, BGK, ES-BGK, Fokker-Planck."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import concrete
from ._grid import VelocityGrid, scaled
from ._kernels import Kernel
from ._moments import equilibrium, fluid_moments, moments
from ._ornstein_uhlenbeck import ornstein_uhlenbeck
from ._relaxation import relax
from ._small import solve_small
from ._spectral import CollisionQuadrature, boltzmann, collision_rate, spectral_tables
from ._validation import positive, scalar


class AbstractCollisions(eqx.Module):
    """$Q(f)$ of one species; its invariants are mass, momentum and energy."""

    @property
    def temperature_exponent(self) -> Float[Array, ""] | float:
        """$\\alpha$: at the same shape of the distribution, rates scale as $nT^\\alpha$."""
        return 0.0

    def tables(self, grid: VelocityGrid, quadrature: CollisionQuadrature) -> PyTree[Array]:
        """Arrays that depend on counts alone, computed once and passed to compiled code."""
        return None

    @abc.abstractmethod
    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """$Q(f)$."""

    @abc.abstractmethod
    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """A rate $\\mu$ that makes the steps of `relax` stable."""

    def step(
        self,
        grid: VelocityGrid,
        tables: PyTree[Array],
        f: Float[Array, "..."],
        time: Float[Array, ""],
        variant: str,
    ) -> Float[Array, "..."]:
        """$f$ after `time` of these collisions alone, see `relax`; not yet corrected."""
        operator = lambda g: self.operator(grid, tables, g)
        rate = self.rate(grid, tables, f)
        return relax(operator, variant, f, equilibrium(grid, f), rate, time)


class Boltzmann(AbstractCollisions):
    """$Q(f, f)$ of `boltzmann`, by the fast spectral method.

    Attributes:
        kernel: `VariableHardSphere` or `VariableSoftSphere`.
    """

    kernel: Kernel

    @property
    def temperature_exponent(self) -> Float[Array, ""] | float:
        """Half the exponent of the kernel."""
        return self.kernel.exponent / 2

    def tables(self, grid: VelocityGrid, quadrature: CollisionQuadrature) -> PyTree[Array]:
        """See `AbstractCollisions.tables`."""
        return spectral_tables(grid, quadrature)

    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """See `AbstractCollisions.operator`."""
        return boltzmann(grid, self.kernel, tables, f)

    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """The mean collision rate, or half of the largest on the grid if that is more."""
        rates = collision_rate(grid, self.kernel, tables, f)
        mean = grid.integrate(rates * f) / grid.integrate(f)
        return jnp.maximum(mean, jnp.max(rates) / 2)


class BGK(AbstractCollisions):
    """$Q(f) = Cn\\,(M - f)$.

    Attributes:
        constant: $C$.

    Source: P. Bhatnagar, E. Gross, M. Krook, Phys. Rev. 94 (1954) 511.
    """

    constant: Float[Array, ""]

    def __init__(self, constant: ArrayLike = 1.0):
        self.constant = positive("BGK: constant", constant, "leave the collisions out instead.")

    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """See `AbstractCollisions.operator`."""
        return self.rate(grid, tables, f) * (equilibrium(grid, f) - f)

    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """$Cn$."""
        return self.constant * grid.integrate(f)


class EllipsoidalBGK(AbstractCollisions):
    """$Q(f) = Cn\\,(G - f)$, a Gaussian $G$ of covariance $(1 - \\beta)TI + \\beta\\Theta$.

    The stress decays with the rate $(1-\\beta)Cn$, the heat flux with $Cn$: Prandtl number
    $1/(1-\\beta)$.

    Attributes:
        constant: $C$.
        prandtl: $1/(1 - \\beta)$, at least $1 - 1/d$; $2/3$ is a monatomic gas in 3-D.

    Source: L. Holway, Phys. Fluids 9 (1966) 1658; P. Andries, P. Le Tallec, J.-P. Perlat,
    B. Perthame, Eur. J. Mech. B 19 (2000) 813.
    """

    constant: Float[Array, ""]
    prandtl: Float[Array, ""]

    def __init__(self, constant: ArrayLike = 1.0, prandtl: ArrayLike = 2 / 3):
        self.constant = positive(
            "EllipsoidalBGK: constant", constant, "leave the collisions out instead."
        )
        self.prandtl = scalar("EllipsoidalBGK: prandtl", prandtl)
        if concrete(self.prandtl) and not self.prandtl >= 0.5:
            raise ValueError(
                f"EllipsoidalBGK: prandtl must be at least 1 - 1/d, got {float(self.prandtl):g}: "
                "below, the Gaussian has no positive covariance."
            )

    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """See `AbstractCollisions.operator`."""
        return self.rate(grid, tables, f) * (self._gaussian(grid, f) - f)

    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """$Cn$."""
        return self.constant * grid.integrate(f)

    def _gaussian(self, grid: VelocityGrid, f: Float[Array, "..."]) -> Float[Array, "..."]:
        found = moments(grid, f)
        share = 1 - 1 / self.prandtl
        eye = jnp.eye(grid.dim, dtype=f.dtype)
        covariance = (1 - share) * found.temperature * eye + share * found.stress / found.density
        c = (grid.points - found.velocity).reshape(-1, grid.dim)
        scaled_c, determinant = solve_small(covariance, c.T)
        height = found.density / jnp.sqrt((2 * np.pi) ** grid.dim * determinant)
        return (height * jnp.exp(-0.5 * jnp.sum(c.T * scaled_c, axis=0))).reshape(grid.shape)


class FokkerPlanck(AbstractCollisions):
    """$Q(f) = Cn\\,\\nabla\\cdot((v - u)f + T\\nabla f)$: many small deflections.

    Its flow is an Ornstein-Uhlenbeck flow, taken exactly: no variant and no stiffness.

    Attributes:
        constant: $C$.

    Source: A. Lenard, I. Bernstein, Phys. Rev. 112 (1958) 1456; J. Dougherty, Phys. Fluids 7
    (1964) 1788.
    """

    constant: Float[Array, ""]

    def __init__(self, constant: ArrayLike = 1.0):
        self.constant = positive(
            "FokkerPlanck: constant", constant, "leave the collisions out instead."
        )

    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """See `AbstractCollisions.operator`; spectral derivatives."""
        n, u, temperature = fluid_moments(grid, f)
        return self.constant * n * fokker_planck(grid, f, u, temperature)

    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """$CnTk^2$ of the highest wave: explicit steps must resolve it."""
        n, _, temperature = fluid_moments(grid, f)
        highest = np.pi / grid.spacing
        return self.constant * n * temperature * grid.dim * highest**2

    def step(
        self,
        grid: VelocityGrid,
        tables: PyTree[Array],
        f: Float[Array, "..."],
        time: Float[Array, ""],
        variant: str,
    ) -> Float[Array, "..."]:
        """The exact flow, whatever the variant."""
        n, u, temperature = fluid_moments(grid, f)
        return fokker_planck_flow(grid, f, u, temperature, self.constant * n * time)


def fokker_planck(
    grid: VelocityGrid,
    f: Float[Array, "..."],
    velocity: Float[Array, " d"],
    temperature: Float[Array, ""],
) -> Float[Array, "..."]:
    """$\\nabla\\cdot((v - u)f + T\\nabla f)$ by spectral derivatives.

    Args:
        grid: the velocity grid.
        f: the distribution.
        velocity: $u$.
        temperature: $T$.

    Returns:
        The operator at the points of the grid.
    """
    waves, c = grid.waves, grid.points - velocity
    found = temperature * grid.back(scaled(-jnp.sum(waves**2, axis=-1), grid.transform(f)))
    for i in range(grid.dim):
        found = found + derivative(grid, waves[..., i], c[..., i] * f)
    return found


def fokker_planck_flow(
    grid: VelocityGrid,
    f: Float[Array, "..."],
    velocity: Float[Array, " d"],
    temperature: Float[Array, ""],
    time: Float[Array, ""],
) -> Float[Array, "..."]:
    """The exact flow of `fokker_planck`.

    Args:
        grid: the velocity grid.
        f: the distribution.
        velocity: $u$.
        temperature: $T$.
        time: of the flow.

    Returns:
        The distribution after it.
    """
    variance = -temperature * jnp.expm1(-2 * time)
    return ornstein_uhlenbeck(grid, f, velocity, jnp.exp(-time), variance)


def derivative(
    grid: VelocityGrid, k: Float[Array, "..."], f: Float[Array, "..."]
) -> Float[Array, "..."]:
    """The derivative along one axis, $ik\\hat f$.

    Args:
        grid: the velocity grid.
        k: the component of `grid.waves` along the axis.
        f: values; the highest mode, whose derivative the grid does not see, is left out.

    Returns:
        Values of the derivative.
    """
    z = grid.transform(f)
    k = jnp.where(jnp.abs(k) < (1 - 1e-6) * np.pi / grid.spacing, k, 0)
    return grid.back(jax.lax.complex(-k * jnp.imag(z), k * jnp.real(z)))
