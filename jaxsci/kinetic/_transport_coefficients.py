"""Friction, diffusion and heat conduction of the light species, by Sonine polynomials."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from ._grid import VelocityGrid
from ._moments import maxwellian
from ._small import solve_small
from ._spectral import CollisionQuadrature

# points per axis, and half the width over the thermal speed
_OWN_GRID = {2: (40, 8.0), 3: (32, 7.3)}


def maxwellian_friction(problem: Any, temperature: Float[Array, "..."]) -> Float[Array, "..."]:
    """$k(T) = \\tfrac{d+\\gamma}dC(2T)^{\\gamma/2}\\Gamma(\\tfrac{d+\\gamma}2)/\\Gamma(\\tfrac d2)$
    of one light particle.

    Args:
        problem: a mixture, whose cross kernel counts.
        temperature: of the light species.

    Returns:
        The friction.
    """
    dim, gamma = problem.light.grid.dim, problem.cross.exponent
    ratio = jnp.exp(gammaln((dim + gamma) / 2) - gammaln(jnp.full_like(gamma, dim / 2)))
    mean = problem.cross.constant * (2 * temperature) ** (gamma / 2) * ratio
    return (dim + gamma) / dim * mean


class SonineTransport(eqx.Module):
    """$(m\\nu_1 - L_Q)f_1 = -v_1M\\,[\\partial_x\\ln p + (\\tfrac{|v|^2}{2T} - \\tfrac{d+2}2)
    \\partial_x\\ln T]$, solved by $f_1 = M\\sum_ka_kv_1S_k(|v|^2/2T)$, $S_k = L_k^{(d/2)}$.

    $M$ has density $n$ and temperature $T$, $p = nT$, and $\\nu_1 = C|v|^\\gamma$ is the rate of
    scattering by $m$ heavy particles. With $\\zeta = |v|^2/2T$ and
    $$B_{jk} = \\tfrac1p\\langle v_1S_j, (m\\nu_1 - L_Q)Mv_1S_k\\rangle
    = mT^{\\gamma/2}X_{jk} + nT^\\alpha W_{jk},$$
    $\\alpha$ the `temperature_exponent` of the collisions, the first two rows and columns of
    $B^{-1}$ give the flux of particles and the flux $h$ of heat over $T$ beyond that of enthalpy,
    $$J = -\\Lambda_{00}\\,\\partial_xp - n\\Lambda_{01}\\,\\partial_xT, \\qquad
    h = -\\Lambda_{01}\\,\\partial_xp - n\\Lambda_{11}\\,\\partial_xT, \\qquad
    Q = T(\\tfrac{d+2}2J + h).$$

    Attributes:
        cross: $X$, in closed form.
        own: $W$; its first row and column vanish, as collisions within keep momentum.
        cross_exponent: $\\gamma/2$.
        own_exponent: $\\alpha$.
        dim: $d$.

    Source: S. Chapman, T. Cowling, The Mathematical Theory of Non-Uniform Gases (1970), chapter 10,
    for a Lorentz gas with collisions of its own.
    """

    cross: Float[Array, "k k"]
    own: Float[Array, "k k"]
    cross_exponent: Float[Array, ""]
    own_exponent: Float[Array, ""]
    dim: int = eqx.field(static=True)

    def __call__(
        self, n: Float[Array, ""], m: Float[Array, ""], temperature: Float[Array, ""]
    ) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
        """$(\\Lambda_{00}, \\Lambda_{01}, \\Lambda_{11})$ in one place; `vmap` takes many.

        Args:
            n: density of the light species.
            m: density of the heavy species.
            temperature: of the light species.

        Returns:
            The coefficients.
        """
        matrix = m * temperature**self.cross_exponent * self.cross
        matrix = matrix + n * temperature**self.own_exponent * self.own
        right = jnp.eye(matrix.shape[0], 2, dtype=matrix.dtype)
        inverse, _ = solve_small(matrix, right)
        norm = 1 + self.dim / 2  # of S_1
        return inverse[0, 0], -norm * inverse[0, 1], norm**2 * inverse[1, 1]


def sonine_transport(
    problem: Any,
    reference: Float[Array, ""],
    num_polynomials: int,
    quadrature: CollisionQuadrature,
) -> SonineTransport:
    """The matrices of a mixture.

    Args:
        problem: whose light species and cross kernel count.
        reference: a temperature at which the collisions within are linearised; for others
            they follow from `temperature_exponent`.
        num_polynomials: how many, at least two.
        quadrature: of these collisions.

    Returns:
        The coefficients as functions of densities and temperature.
    """
    light, cross = problem.light, problem.cross
    half = cross.exponent / 2
    between = cross.constant * 2**half * cross_matrix(half, num_polynomials, light.grid.dim)
    within = own_matrix(light, reference, num_polynomials, quadrature)
    exponent = jnp.asarray(light.collisions.temperature_exponent, light.grid.dtype)
    return SonineTransport(between, within / reference**exponent, half, exponent, light.grid.dim)


def cross_matrix(delta: Float[Array, ""], num: int, dim: int) -> Float[Array, "k k"]:
    """$\\Gamma(\\tfrac d2 + 1)^{-1}\\int_0^\\infty\\zeta^{d/2+\\delta}e^{-\\zeta}S_jS_k\\,d\\zeta$,

    from $L_k^{(\\alpha)} = \\sum_i\\tfrac{(-\\delta)_{k-i}}{(k-i)!}L_i^{(\\alpha+\\delta)}$ and the
    orthogonality of the latter: smooth in $\\delta$.

    Args:
        delta: half the exponent of the kernel.
        num: how many polynomials.
        dim: $d$.

    Returns:
        The matrix.
    """
    steps = jnp.arange(1, num, dtype=delta.dtype)
    weights = jnp.cumprod(jnp.concatenate([jnp.ones_like(steps[:1]), (steps - 1 - delta) / steps]))
    order = np.arange(num)
    lag = order[:, None] - order
    change = jnp.where(lag >= 0, weights[np.maximum(lag, 0)], 0)
    i = jnp.arange(num, dtype=delta.dtype)
    start = jnp.full_like(delta, dim / 2 + 1)
    norms = jnp.exp(gammaln(i + delta + dim / 2 + 1) - gammaln(i + 1) - gammaln(start))
    return (change * norms) @ change.T


def own_matrix(
    species: Any, temperature: Float[Array, ""], num: int, quadrature: CollisionQuadrature
) -> Float[Array, "k k"]:
    """$-\\tfrac1T\\langle v_1S_j, L_Q(Mv_1S_k)\\rangle$ at density one.

    The tails of polynomials ask for more points than a distribution: the operator is evaluated on
    a grid of its own, so that the coefficients do not depend on the grid of the problem.

    Args:
        species: its dimension and collisions count.
        temperature: $T$.
        num: how many polynomials.
        quadrature: of the collisions.

    Returns:
        The matrix, symmetric and with the zeros that it has without errors of the grid.
    """
    collisions, dim = species.collisions, species.grid.dim
    points, width = _OWN_GRID[dim]
    grid = VelocityGrid(points, width * jnp.sqrt(temperature), dim)
    tables = collisions.tables(grid, quadrature)
    equilibrium = maxwellian(grid, 1.0, 0.0, temperature)
    square = jnp.sum(grid.points**2, axis=-1) / (2 * temperature)
    basis = grid.points[..., 0] * _sonine(square, num, dim)
    operator = lambda f: collisions.operator(grid, tables, f)
    linear = lambda shape: jax.jvp(operator, (equilibrium,), (equilibrium * shape,))[1]
    rates = jax.lax.map(linear, basis[1:]).reshape(num - 1, -1)
    found = -basis[1:].reshape(num - 1, -1) @ rates.T * (grid.cell_volume / temperature)
    return jnp.zeros((num, num), grid.dtype).at[1:, 1:].set((found + found.T) / 2)


def _sonine(z: Float[Array, "..."], num: int, dim: int) -> Float[Array, "k ..."]:
    """$L_k^{(d/2)}(z)$ for $k < $ `num`."""
    a = dim / 2
    values = [jnp.ones_like(z), 1 + a - z]
    for k in range(1, num - 1):
        values.append(((2 * k + 1 + a - z) * values[-1] - (k + a) * values[-2]) / (k + 1))
    return jnp.stack(values[:num])
