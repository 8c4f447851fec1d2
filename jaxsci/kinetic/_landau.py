"""The Landau operator: grazing collisions of charged particles."""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import concrete
from ._collisions import AbstractCollisions, derivative, fokker_planck, fokker_planck_flow
from ._grid import VelocityGrid, scaled
from ._moments import fluid_moments
from ._radial import radii, speed_weights, sphere_area
from ._spectral import CollisionQuadrature, mode_length
from ._validation import positive, scalar


class LandauTables(eqx.Module):
    """Means over directions $s$ on the modes of the grid, shape `(radii, modes)`.

    Attributes:
        across: factor of $\\delta_{ij}$ in the mean of $(\\delta_{ij} - s_is_j)e^{i\\rho\\xi s}$.
        along: factor of $\\hat\\xi_i\\hat\\xi_j$.
        quadrature: the counts.
    """

    across: Float[Array, "r ..."]
    along: Float[Array, "r ..."]
    quadrature: CollisionQuadrature = eqx.field(static=True)


class Landau(AbstractCollisions):
    """$Q(f) = \\nabla\\cdot\\int A(v - v_*)\\,[f_*\\nabla f - f\\nabla_*f_*]\\,dv_*$,

    $A(z) = C|z|^{\\gamma+2}(I - \\hat z\\hat z^T)$; $\\gamma = -3$ are Coulomb forces in 3-D.
    Convolutions by FFT with the transform of $A$ on $|z| \\le R$, in which the means over
    directions are Bessel functions and the power of the speed is integrated exactly.

    Diffusion is stiff on a fine grid: steps carry $Q - L$ along the exact flow of the Fokker-Planck
    operator $L$ with the largest diffusion, of order 1, or 2 for "two-stage". Long steps end at the
    Maxwellian. They are accurate while the diffusion varies little, as for Coulomb forces.

    Attributes:
        constant: $C$.
        exponent: $\\gamma > -4$.

    Source: L. Landau, Phys. Z. Sowjetunion 10 (1936) 154; L. Pareschi, G. Russo, G. Toscani,
    J. Comput. Phys. 165 (2000) 216; S. Jin, B. Yan, J. Comput. Phys. 230 (2011) 6420.
    """

    constant: Float[Array, ""]
    exponent: Float[Array, ""]

    def __init__(self, constant: ArrayLike = 1.0, exponent: ArrayLike = -3.0):
        self.constant = positive("Landau: constant", constant, "leave the collisions out instead.")
        self.exponent = scalar("Landau: exponent", exponent)
        if concrete(self.exponent) and not -4 < self.exponent <= 1:
            raise ValueError(
                f"Landau: exponent must lie in (-4, 1], got {float(self.exponent):g}: -3 are "
                "Coulomb forces."
            )

    @property
    def temperature_exponent(self) -> Float[Array, ""] | float:
        """$\\gamma/2$: the tensor scales as $T^{\\gamma/2+1}$, two derivatives take one power."""
        return self.exponent / 2

    def tables(self, grid: VelocityGrid, quadrature: CollisionQuadrature) -> PyTree[Array]:
        """See `AbstractCollisions.tables`; only the radii of the quadrature are used."""
        across, along = _host_tables(grid.num_points, grid.dim, quadrature)
        return LandauTables(
            jnp.asarray(across, grid.dtype), jnp.asarray(along, grid.dtype), quadrature
        )

    def operator(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """See `AbstractCollisions.operator`."""
        waves = grid.waves
        slopes = [derivative(grid, waves[..., i], f) for i in range(grid.dim)]
        kernel = self._kernel(grid, tables)
        through = lambda i, j, g: grid.back(scaled(kernel[i][j], grid.transform(g)))
        total = jnp.zeros_like(f)
        for i in range(grid.dim):
            flux = jnp.zeros_like(f)
            for j, slope in enumerate(slopes):
                flux = flux + through(i, j, f) * slope - f * through(i, j, slope)
            total = total + derivative(grid, waves[..., i], flux)
        return total

    def rate(
        self, grid: VelocityGrid, tables: PyTree[Array], f: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """The largest diffusion over $T$: of the Fokker-Planck operator that carries the step."""
        kernel = self._kernel(grid, tables)
        trace = jnp.sum(jnp.stack([kernel[i][i] for i in range(grid.dim)]), axis=0)
        _, _, temperature = fluid_moments(grid, f)
        diffusion = grid.back(scaled(trace, grid.transform(f))) / grid.dim
        return jnp.max(diffusion) / temperature

    def step(
        self,
        grid: VelocityGrid,
        tables: PyTree[Array],
        f: Float[Array, "..."],
        time: Float[Array, ""],
        variant: str,
    ) -> Float[Array, "..."]:
        """$e^{tL}(f + t(Q - L)f)$, or its midpoint form for "two-stage"."""
        _, u, temperature = fluid_moments(grid, f)
        rate = self.rate(grid, tables, f)
        carrier = lambda g: fokker_planck(grid, g, u, temperature)
        rest = lambda g: self.operator(grid, tables, g) - rate * carrier(g)
        flow = lambda g, t: fokker_planck_flow(grid, g, u, temperature, rate * t)
        if variant != "two-stage":
            return flow(f + time * rest(f), time)
        middle = flow(f + time / 2 * rest(f), time / 2)
        return flow(f, time) + time * flow(rest(middle), time / 2)

    def _kernel(self, grid: VelocityGrid, tables: LandauTables) -> list[list[Array]]:
        """The transform of $A_{ij}$ on $|z| \\le R$."""
        num, reach = tables.quadrature.num_radii, tables.quadrature.reach * grid.half_width
        radial = speed_weights(num, grid.dim, self.exponent + 2, reach)
        radial = self.constant * sphere_area(grid.dim) * radial
        across, along = (jnp.tensordot(radial, t, axes=1) for t in (tables.across, tables.along))
        square = jnp.sum(grid.waves**2, axis=-1)
        unit = grid.waves / jnp.sqrt(jnp.where(square > 0, square, 1))[..., None]
        axes = range(grid.dim)
        return [
            [along * unit[..., i] * unit[..., j] + (across if i == j else 0) for j in axes]
            for i in axes
        ]


@functools.lru_cache(maxsize=8)
def _host_tables(
    n: int, dim: int, quadrature: CollisionQuadrature
) -> tuple[np.ndarray, np.ndarray]:
    """With $J_k$ (spherical $j_k$ in 3-D): $J_0 - J_1/z$ across and $J_2$ along."""
    rho = np.pi * quadrature.reach * radii(quadrature.num_radii, dim)
    z = np.multiply.outer(rho, mode_length(n, dim))
    bessel = scipy.special.jv if dim == 2 else scipy.special.spherical_jn
    away = np.where(z > 0, z, 1.0)
    ratio = np.where(z > 0, bessel(1, away) / away, 1 / dim)
    return bessel(0, z) - ratio, bessel(2, z)
