"""What bounds a gas in space: mirrors, and walls that give back particles of their own."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._grid import VelocityGrid
from ._moments import maxwellian
from ._validation import positive


class AbstractWall(eqx.Module):
    """A wall at one end of the interval; no particle passes it."""


class Specular(AbstractWall):
    """$f(v_1, v_2, \\dots) = f(-v_1, v_2, \\dots)$: a mirror, energy stays."""


class Diffuse(AbstractWall):
    """$f = \\rho M_w$ for velocities into the gas: particles forget where they came from.

    $M_w$ has the temperature and the velocity of the wall, and $\\rho$ makes as many particles
    return as arrive.

    Attributes:
        temperature: $T_w$ of the wall, one for both species.
        velocity: of the wall along itself, in heavy units: a number, its second component, or
            shape `(d - 1,)`.
    """

    temperature: Float[Array, ""]
    velocity: Float[Array, "..."]

    def __init__(self, temperature: ArrayLike, velocity: ArrayLike = 0.0):
        self.temperature = positive(
            "Diffuse: temperature of the wall",
            temperature,
            "use Specular for a wall without a temperature.",
        )
        self.velocity = jnp.asarray(velocity, self.temperature.dtype)
        if self.velocity.shape not in ((), (1,), (2,)):
            raise ValueError(
                "Diffuse: velocity must be a number or one along each direction of the wall, got "
                f"the shape {self.velocity.shape}."
            )

    def emitted(self, grid: VelocityGrid, scale: ArrayLike = 1.0) -> Float[Array, "..."]:
        """$M_w$ of density one.

        Args:
            grid: of the species.
            scale: from heavy velocities to those of the species, $\\varepsilon$ for the light one.

        Returns:
            The values, of the shape of the grid.
        """
        along = jnp.atleast_1d(scale * self.velocity).astype(grid.dtype)
        velocity = jnp.zeros(grid.dim, grid.dtype).at[1 : 1 + along.shape[0]].set(along)
        return maxwellian(grid, 1.0, velocity, self.temperature)


def kept_by(walls: tuple[AbstractWall, AbstractWall] | None) -> tuple[str, ...]:
    """Which sums over the cells the walls leave alone.

    Args:
        walls: left and right, or `None` if periodic.

    Returns:
        Both masses; momentum if periodic; energy unless a wall is diffuse.
    """
    masses = ("light_mass", "heavy_mass")
    if walls is None:
        return (*masses, "momentum", "energy")
    return masses if any(isinstance(wall, Diffuse) for wall in walls) else (*masses, "energy")
