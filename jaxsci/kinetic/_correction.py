"""The conservative correction: mass, momentum and energy restored to rounding."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._grid import VelocityGrid
from ._moments import fluid_moments, maxwellian
from ._small import solve_small

Fluid = tuple[Float[Array, ""], Float[Array, " d"], Float[Array, ""]]


def conserve(
    grid: VelocityGrid,
    f: Float[Array, "..."],
    mass: Float[Array, ""],
    momentum: Float[Array, " d"],
    energy: Float[Array, ""],
    weight: Float[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """$f + W(v)\\,(\\alpha + \\beta\\cdot c + \\delta(|c|^2/T - d))$ with prescribed invariants.

    Of all changes of $f$ it is the smallest in $\\int(\\cdot)^2/W$. The $d + 2$ numbers solve a
    linear system with discrete sums, so what is asked for is met to rounding.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.
        mass: $\\int f$ asked for.
        momentum: $\\int vf$ asked for.
        energy: $\\int\\tfrac12|v|^2f$ asked for.
        weight: $W$; by default the Maxwellian that has the invariants.

    Returns:
        The corrected distribution.
    """
    velocity = momentum / mass
    temperature = (2 * energy / mass - jnp.sum(velocity**2)) / grid.dim
    if weight is None:
        weight = maxwellian(grid, mass, velocity, temperature)
    basis = _invariants(grid, velocity, temperature)
    asked = jnp.zeros(basis.shape[0], f.dtype).at[0].set(mass)  # centred: nothing else
    return _corrected(grid, f, basis, weight, asked)


def conserve_rate(
    grid: VelocityGrid,
    rate: Float[Array, "..."],
    f: Float[Array, "..."],
    momentum: Float[Array, " d"] | None = None,
    energy: Float[Array, ""] | None = None,
) -> Float[Array, "..."]:
    """A rate of change with $\\int\\cdot = 0$ and prescribed changes of momentum and energy.

    Args:
        grid: the velocity grid.
        rate: of change of `f`.
        f: the distribution; its Maxwellian is the weight of the correction.
        momentum: $\\int v\\,\\partial_tf$ asked for, zero by default.
        energy: $\\int\\tfrac12|v|^2\\partial_tf$ asked for, zero by default.

    Returns:
        The corrected rate.
    """
    n, u, temperature = fluid_moments(grid, f)
    momentum = jnp.zeros_like(u) if momentum is None else momentum
    energy = jnp.zeros_like(n) if energy is None else energy
    basis = _invariants(grid, u, temperature)
    excess = 2 * (energy - u @ momentum) / temperature
    asked = jnp.concatenate(
        [jnp.zeros_like(n)[None], momentum / jnp.sqrt(temperature), excess[None]]
    )
    return _corrected(grid, rate, basis, maxwellian(grid, n, u, temperature), asked)


def _corrected(grid, f, basis, weight, asked):
    found = basis @ f.ravel() * grid.cell_volume
    gram = (basis * weight.ravel()) @ basis.T * grid.cell_volume
    coefficients, _ = solve_small(gram, (asked - found)[:, None])
    return f + weight * (coefficients[:, 0] @ basis).reshape(grid.shape)


def set_fluid(
    grid: VelocityGrid,
    f: Float[Array, "..."],
    fluid: Fluid,
    weight: Float[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """`f` corrected to $(n, u, T)$.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.
        fluid: density, velocity and temperature asked for.
        weight: see `conserve`.

    Returns:
        The corrected distribution.
    """
    n, u, temperature = fluid
    energy = 0.5 * n * (jnp.sum(u**2) + grid.dim * temperature)
    return conserve(grid, f, n, n * u, energy, weight)


def restore(
    grid: VelocityGrid, f: Float[Array, "..."], like: Float[Array, "..."]
) -> Float[Array, "..."]:
    """`f` with mass, momentum and energy of `like`.

    Args:
        grid: the velocity grid.
        f: the distribution to correct.
        like: the distribution whose invariants are right.

    Returns:
        The corrected distribution.
    """
    return set_fluid(grid, f, fluid_moments(grid, like))


def limit_positive(grid: VelocityGrid, f: Float[Array, "..."]) -> Float[Array, "..."]:
    """$\\max(f, 0)$, with the invariants of $f$ restored by a factor $1 + O(\\text{what was cut})$.

    The correction has the weight $\\max(f, 0)$, so zeros stay and small values are scaled.

    Args:
        grid: the velocity grid.
        f: the distribution, of the shape of the grid.

    Returns:
        A distribution that is not negative as long as what was cut is small.
    """
    cut = jnp.maximum(f, 0)
    return set_fluid(grid, cut, fluid_moments(grid, f), weight=cut)


def _invariants(
    grid: VelocityGrid, velocity: Float[Array, " d"], temperature: Float[Array, ""]
) -> Float[Array, "m p"]:
    """$1$, $c/\\sqrt T$ and $|c|^2/T - d$: orthogonal for the Maxwellian."""
    c = ((grid.points - velocity) / jnp.sqrt(temperature)).reshape(-1, grid.dim).T
    return jnp.concatenate([jnp.ones_like(c[:1]), c, jnp.sum(c**2, axis=0)[None] - grid.dim])
