"""Moments of a distribution, and Maxwellians."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._grid import VelocityGrid
from ._validation import positive


class Moments(eqx.Module):
    """$n = \\int f$, $nu = \\int vf$, $dnT = \\int|c|^2 f$ with $c = v - u$, and what follows.

    Unit mass: temperatures are variances of one velocity component.

    Attributes:
        density: $n$.
        velocity: $u$, shape `(..., d)`.
        temperature: $T$.
        stress: $\\int c \\otimes c f$, shape `(..., d, d)`; its trace is $dnT$.
        heat_flux: $\\tfrac12\\int c|c|^2 f$, shape `(..., d)`.
        entropy: $\\int f\\log f$ over where $f > 0$.
    """

    density: Float[Array, "..."]
    velocity: Float[Array, "... d"]
    temperature: Float[Array, "..."]
    stress: Float[Array, "... d d"]
    heat_flux: Float[Array, "... d"]
    entropy: Float[Array, "..."]

    @property
    def momentum(self) -> Float[Array, "... d"]:
        """$nu$."""
        return self.density[..., None] * self.velocity

    @property
    def energy(self) -> Float[Array, "..."]:
        """$\\tfrac12\\int|v|^2 f = \\tfrac12 n(|u|^2 + dT)$."""
        dim = self.velocity.shape[-1]
        square = jnp.sum(self.velocity**2, axis=-1)
        return 0.5 * self.density * (square + dim * self.temperature)

    @property
    def anisotropy(self) -> Float[Array, "..."]:
        """$|P - nTI|/(nT)$, the Frobenius norm of the traceless stress over the pressure."""
        dim = self.velocity.shape[-1]
        pressure = self.density * self.temperature
        eye = jnp.eye(dim, dtype=pressure.dtype)
        traceless = self.stress - pressure[..., None, None] * eye
        return jnp.sqrt(jnp.sum(traceless**2, axis=(-2, -1))) / pressure


def collision_invariants(
    grid: VelocityGrid, f: Float[Array, "..."]
) -> tuple[Float[Array, ""], Float[Array, " d"], Float[Array, ""]]:
    """$\\int f$, $\\int vf$ and $\\int\\tfrac12|v|^2f$.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.

    Returns:
        Mass, momentum and energy.
    """
    v = grid.points
    axes = tuple(range(grid.dim))
    momentum = jnp.tensordot(f, v, axes=(axes, axes)) * grid.cell_volume
    return grid.integrate(f), momentum, 0.5 * grid.integrate(f * jnp.sum(v**2, axis=-1))


def moments(grid: VelocityGrid, f: Float[Array, "..."]) -> Moments:
    """All moments of one distribution; `jax.vmap` takes many.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.

    Returns:
        The moments, without leading axes.
    """
    density, velocity, temperature = fluid_moments(grid, f)
    c = grid.points - velocity
    flat, weight = c.reshape(-1, grid.dim), f.ravel() * grid.cell_volume
    square = jnp.sum(flat**2, axis=-1)
    positive = f > 0
    logarithm = jnp.log(jnp.where(positive, f, 1))
    return Moments(
        density,
        velocity,
        temperature,
        stress=(flat * weight[:, None]).T @ flat,
        heat_flux=0.5 * (weight * square) @ flat,
        entropy=grid.integrate(jnp.where(positive, f * logarithm, 0)),
    )


def fluid_moments(
    grid: VelocityGrid, f: Float[Array, "..."]
) -> tuple[Float[Array, ""], Float[Array, " d"], Float[Array, ""]]:
    """$(n, u, T)$ of one distribution.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.

    Returns:
        Density, velocity and temperature; centred before they are squared.
    """
    axes = tuple(range(grid.dim))
    density = grid.integrate(f)
    velocity = jnp.tensordot(f, grid.points, axes=(axes, axes)) * grid.cell_volume / density
    square = jnp.sum((grid.points - velocity) ** 2, axis=-1)
    return density, velocity, grid.integrate(f * square) / (grid.dim * density)


def maxwellian(
    grid: VelocityGrid, density: ArrayLike, velocity: ArrayLike, temperature: ArrayLike
) -> Float[Array, "..."]:
    """$M(v) = n\\,(2\\pi T)^{-d/2}\\exp(-|v - u|^2/(2T))$ at the points of the grid.

    Args:
        grid: the velocity grid.
        density: $n$.
        velocity: $u$, one number for all components or shape `(d,)`.
        temperature: $T$.

    Returns:
        The values, of the shape of the grid.

    Raises:
        ValueError: if density or temperature is not positive, or the velocity has another shape.
    """
    n, temperature = (
        positive(f"maxwellian: {name}", value, "a gas has particles and they move.", grid.dtype)
        for name, value in (("density", density), ("temperature", temperature))
    )
    u = jnp.asarray(velocity, grid.dtype)
    if u.shape not in ((), (grid.dim,)):
        raise ValueError(
            f"maxwellian: velocity must be a number or have the shape ({grid.dim},), got {u.shape}."
        )
    square = jnp.sum((grid.points - u) ** 2, axis=-1)
    return n * (2 * np.pi * temperature) ** (-grid.dim / 2) * jnp.exp(-square / (2 * temperature))


def equilibrium(grid: VelocityGrid, f: Float[Array, "..."]) -> Float[Array, "..."]:
    """The Maxwellian with density, velocity and temperature of `f`.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.

    Returns:
        The values, of the shape of the grid.
    """
    return maxwellian(grid, *fluid_moments(grid, f))
