"""Errors of the fast spectral operator, of kernel averages, and orders in time."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxsci import solve
from jaxsci.kinetic import (
    AsymptoticPreserving,
    BoltzmannRelaxation,
    CollisionQuadrature,
    Species,
    VariableHardSphere,
    VelocityGrid,
    boltzmann,
    collision_invariants,
    maxwellian,
    spectral_tables,
)
from jaxsci.kinetic._correction import conserve_rate
from jaxsci.kinetic._pointwise import collide_heavy_at
from jaxsci.kinetic._profile import kernel_averages, profile_tables, spherical_profile
from jaxsci.kinetic._reference import bkw, friction, gaussian_pair

operator = jax.jit(boltzmann)


@dataclass(frozen=True)
class Resolution:
    """Points per axis, half width of the box, radii and angles of the relative velocity."""

    num_points: int
    half_width: float
    num_radii: int
    num_angles: int

    def grid(self, dim: int) -> VelocityGrid:
        """The velocity grid."""
        return VelocityGrid(self.num_points, self.half_width, dim)

    @property
    def quadrature(self) -> CollisionQuadrature:
        """Of the relative velocity."""
        return CollisionQuadrature(self.num_radii, self.num_angles)


COARSE, FINE = Resolution(32, 7.0, 16, 8), Resolution(64, 10.0, 28, 14)
SOLID = Resolution(32, 7.0, 14, 6)


def squares(grid: VelocityGrid) -> np.ndarray:
    """$|v|^2$ on the grid."""
    return np.sum(np.asarray(grid.points) ** 2, axis=-1)


def bkw_error(resolution: Resolution, time: float, dim: int) -> float:
    """Largest difference of the operator and the exact rate."""
    grid = resolution.grid(dim)
    f, rate = bkw(squares(grid), time, dim)
    tables = spectral_tables(grid, resolution.quadrature)
    found = operator(grid, VariableHardSphere(), tables, jnp.asarray(f))
    return float(jnp.abs(found - rate).max())


def hard_spheres_in_three_dimensions() -> dict[str, float]:
    """Against direct quadrature at three velocities, and the invariants after correction."""
    grid, kernel = SOLID.grid(3), VariableHardSphere(1.0, 1.0)
    density, _ = gaussian_pair(3)
    f = jax.jit(jax.vmap(density))(grid.points.reshape(-1, 3)).reshape(grid.shape)
    rate = operator(grid, kernel, spectral_tables(grid, SOLID.quadrature), f)
    at = jnp.asarray([[0.3, -0.5, 0.2], [1.1, 0.4, -0.8], [-0.6, 1.3, 0.5]])
    # two equal masses: the operator between species at epsilon = 1
    exact = jax.jit(
        lambda v: jax.lax.map(
            lambda x: collide_heavy_at(kernel, density, density, jnp.ones(()), x, 10.0, 28, 10), v
        )
    )(at)
    found = jax.vmap(grid.interpolant(rate))(at)
    mended = conserve_rate(grid, rate, f)
    mass, momentum, energy = collision_invariants(grid, mended)
    kept = max(abs(float(mass)), float(jnp.abs(momentum).max()), abs(float(energy)))
    return {"error": float(jnp.abs(found - exact).max()), "conservation": kept}


def average_error(exponents: tuple[float, ...]) -> float:
    """Largest relative error of friction and heating over Maxwellians, 2-D and 3-D."""
    worst = 0.0
    for dim, exponent in ((d, e) for d in (2, 3) for e in exponents):
        grid = VelocityGrid(32, 7.5, dim)
        center = jnp.asarray([0.1, -0.05, 0.02])[:dim]
        f = maxwellian(grid, 1.3, center, 1.0)
        profile = spherical_profile(grid, profile_tables(grid, 48), f, center)
        found = kernel_averages(profile, VariableHardSphere(0.8, exponent))
        exact = friction(1.0, 0.8, exponent, dim)
        worst = max(worst, *(abs(float(k) / exact - 1) for k in (found.friction, found.heating)))
    return worst


def order_in_time(variant: str, counts: tuple[int, ...] = (5, 10, 20)) -> dict[str, list[float]]:
    """Errors on the exact solution from t = 1 to t = 3, and the orders between them."""
    grid = VelocityGrid(40, 8.0)
    start, exact = (bkw(squares(grid), time, 2)[0] for time in (1.0, 3.0))
    problem = BoltzmannRelaxation(Species(grid, start), 2.0)
    quadrature = CollisionQuadrature(20, 8)
    errors = [
        float(jnp.abs(solve(problem, AsymptoticPreserving(n, variant, quadrature=quadrature)).value
                      - exact).max())
        for n in counts
    ]  # fmt: skip
    return {"errors": errors, "orders": list(np.log2(np.array(errors[:-1]) / errors[1:]))}
