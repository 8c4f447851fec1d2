"""The full operators between two species, each on a grid of its own: exact at any mass ratio."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ._grid import VelocityGrid, multiplicity, scaled
from ._kernels import VariableHardSphere
from ._radial import directions, radii, speed_weights
from ._spectral import CollisionQuadrature

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]


class CrossTables(eqx.Module):
    """What `cross_operators` needs besides the distributions; it depends on $\\varepsilon$.

    Attributes:
        speeds: $\\rho$, shape `(radii,)`.
        weights: for $\\int C\\rho^{d-1+\\gamma}d\\rho$.
        vectors: directions $s$, and the weights of `angular`.
        angular: weights of the directions.
        light_gain: mean of $e^{-ia\\rho\\,\\xi\\cdot\\sigma}$ on the modes of the light grid.
        light_loss: mean of $e^{i\\rho\\,\\xi\\cdot s}$ on the fine light grid.
        heavy_gain: mean of $e^{i\\varepsilon a\\rho\\,\\zeta\\cdot\\sigma}$ on the heavy grid.
    """

    speeds: Float[Array, " r"]
    weights: Float[Array, " r"]
    vectors: Float[Array, "m d"]
    angular: Float[Array, " m"]
    light_gain: Float[Array, "r ..."]
    light_loss: Float[Array, "r ..."]
    heavy_gain: Float[Array, "r ..."]


def cross_tables(
    grids: tuple[VelocityGrid, VelocityGrid],
    kernel: VariableHardSphere,
    epsilon: Float[Array, ""],
    quadrature: CollisionQuadrature,
) -> CrossTables:
    """Tables of `cross_operators`; all of it may be traced.

    Args:
        grids: of the light and the heavy species.
        kernel: between them.
        epsilon: the root of the mass ratio.
        quadrature: of the relative velocity; its reach is in units of the light half width.

    Returns:
        The tables.
    """
    light, heavy = grids
    dim, dtype, num = light.dim, light.dtype, quadrature.num_radii
    reach, a = quadrature.reach * light.half_width, 1 / (1 + epsilon**2)
    vectors, angular = directions(quadrature.num_angles, dim, False)
    speeds = reach * jnp.asarray(radii(num, dim), dtype)
    weights = speed_weights(num, dim, kernel.exponent.astype(dtype), reach)
    weights = kernel.constant.astype(dtype) * weights
    mean = functools.partial(_mean_wave, speeds=speeds)
    return CrossTables(
        speeds,
        weights,
        jnp.asarray(vectors, dtype),
        jnp.asarray(angular, dtype),
        mean(_fine(light), a),
        mean(_fine(light), jnp.ones_like(a)),
        mean(heavy, epsilon * a),
    )


def _fine(grid: VelocityGrid) -> VelocityGrid:
    """Twice as many points, for products of two functions with the modes of `grid`."""
    return VelocityGrid(2 * grid.num_points, grid.half_width, grid.dim)


def _mean_wave(grid: VelocityGrid, part: Array, speeds: Array) -> Float[Array, "r ..."]:
    """Mean of $e^{i\\,part\\,\\rho\\,\\xi\\cdot\\sigma}$: sinc, or $J_0$ as a sum of cosines.

    With $n$ angles the sum is exact up to $J_{2n}$, which is nothing below $z = 2n - 20$.
    """
    length = jnp.sqrt(jnp.sum(grid.waves**2, axis=-1))
    z = part * speeds.reshape(-1, *[1] * grid.dim) * length
    if grid.dim == 3:
        return jnp.sinc(z / np.pi)
    num = int(np.ceil(np.pi * grid.num_points / np.sqrt(2) / 2)) + 12
    cosines = jnp.asarray(np.sin(np.pi * (np.arange(num) + 0.5) / num), z.dtype)
    return jax.lax.map(lambda row: jnp.mean(jnp.cos(row[..., None] * cosines), axis=-1), z)


def cross_operators(
    grids: tuple[VelocityGrid, VelocityGrid],
    tables: CrossTables,
    epsilon: Float[Array, ""],
    f: Pair,
) -> Pair:
    """$Q_{LH}(v)$ and $Q_{HL}(w)$, at a cost that does not depend on $\\varepsilon$.

    As `boltzmann`, with $v = \\varepsilon w + g$: the light operator multiplies
    $f_L(\\cdot + a\\rho s)$ with the heavy distribution seen on the light grid, whose transform
    is $\\hat f_H(\\varepsilon\\xi)$; the heavy one multiplies $f_H(w)$ with $f_L(\\varepsilon w +
    \\rho s)$, the light interpolant on the heavy grid.

    Args:
        grids: of the light and the heavy species.
        tables: `cross_tables(grids, ...)`.
        epsilon: the root of the mass ratio.
        f: the two distributions.

    Returns:
        The two operators, not divided by $\\varepsilon^2$; the heavy one is a difference of size
        $\\varepsilon$.
    """
    return (
        _light_operator(grids, tables, epsilon, f),
        _heavy_operator(grids, tables, epsilon, f),
    )


def resolved_quadrature(grid: VelocityGrid) -> CollisionQuadrature:
    """As many radii as points and half as many angles: a small mass ratio needs all of them.

    The heavy species is nearly a point in light velocities, so that products have the finest
    scale of the grid, unlike products within one species.

    Args:
        grid: of the light species.

    Returns:
        The counts.
    """
    return CollisionQuadrature(grid.num_points, 2 * (grid.num_points // 4))


@functools.partial(jax.jit, static_argnames="quadrature")
def between_species(
    grids: tuple[VelocityGrid, VelocityGrid],
    kernel: VariableHardSphere,
    epsilon: Float[Array, ""],
    f: Pair,
    quadrature: CollisionQuadrature,
) -> Pair:
    """`cross_operators` with its tables."""
    tables = cross_tables(grids, kernel, epsilon, quadrature)
    return cross_operators(grids, tables, epsilon, f)


def _shift(grid: VelocityGrid, x: Float[Array, "m d"]) -> Complex[Array, "m ..."]:
    """$e^{ik\\cdot x}$ for the half transform."""
    phase = jnp.tensordot(x, grid.waves, axes=(1, grid.dim))
    return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))


def _light_operator(grids, tables, epsilon, f):
    light, heavy = grids
    fine, a = _fine(light), 1 / (1 + epsilon**2)
    first = _refined(light, fine, f[0])
    second = _heavy_waves(fine, heavy, epsilon, f[1])

    def add_radius(total, row):
        speed, weight, mean = row
        x = speed * tables.vectors
        ahead = fine.back(first * _shift(fine, a * x))
        behind = fine.back(second * _shift(fine, -(1 - a) * x))
        pairs = jnp.tensordot(tables.angular, ahead * behind, axes=1)
        return total + scaled(weight * mean, fine.transform(pairs)), None

    rows = (tables.speeds, tables.weights, tables.light_gain)
    gain, _ = jax.lax.scan(jax.checkpoint(add_radius), jnp.zeros_like(first), rows)
    rate = jnp.tensordot(tables.weights, tables.light_loss, axes=1) * jnp.sum(tables.angular)
    loss = fine.transform(fine.back(first) * fine.back(scaled(rate, second)))
    return light.back(_coarse(light, fine, gain - loss))


def _refined(grid: VelocityGrid, fine: VelocityGrid, f: Array) -> Complex[Array, "..."]:
    """The transform on the fine grid of the interpolant of `f`."""
    there, here = _common_modes(grid)
    z = _centred(grid, grid.transform(f), 1.0)
    wide = jnp.zeros((*fine.shape[:-1], grid.num_points + 1), z.dtype).at[there].set(z[here])
    return _centred(fine, wide, -1.0) * 2**grid.dim


def _coarse(grid: VelocityGrid, fine: VelocityGrid, z: Array) -> Complex[Array, "..."]:
    """The modes of the coarse grid out of those of the fine one."""
    there, here = _common_modes(grid)
    shape = (*grid.shape[:-1], grid.num_points // 2 + 1)
    kept = jnp.zeros(shape, z.dtype).at[here].set(_centred(fine, z, 1.0)[there])
    return _centred(grid, kept, -1.0) / 2**grid.dim


def _common_modes(grid: VelocityGrid) -> tuple[tuple, tuple]:
    """Indices of the modes below the highest of `grid`, on the fine grid and on its own."""
    n, half = grid.num_points, grid.num_points // 2
    positive = np.arange(half)
    there = np.concatenate([positive, np.arange(2 * n - half + 1, 2 * n)])
    here = np.concatenate([positive, np.arange(half + 1, n)])
    index = lambda full: np.ix_(*[full] * (grid.dim - 1), positive)
    return index(there), index(here)


def _centred(grid: VelocityGrid, z: Array, sign: float) -> Complex[Array, "..."]:
    """Phases that put the origin of a transform from the first point to velocity zero."""
    phase = sign * jnp.sum(grid.waves, axis=-1) * grid.axis[0]
    return z * jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))


def _heavy_waves(fine: VelocityGrid, heavy: VelocityGrid, epsilon: Array, f: Array):
    """The transform on the fine light grid of $f_H$ as a density of $v = \\varepsilon w$."""
    density = f * (heavy.cell_volume / fine.cell_volume)
    z = jax.lax.complex(density, jnp.zeros_like(density))
    for axis in range(heavy.dim):
        k = fine.wave_numbers(half=axis == heavy.dim - 1)
        phase = jnp.outer(k, epsilon * heavy.axis - fine.axis[0])
        wave = jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))
        z = jnp.moveaxis(jnp.tensordot(wave, z, axes=(1, axis)), 0, axis)
    return z


def _heavy_operator(grids, tables, epsilon, f):
    light, heavy = grids
    first, a = light.transform(f[0]), 1 / (1 + epsilon**2)
    waves = _light_waves(light, heavy, epsilon)

    def add_radius(total, row):
        speed, weight, mean = row
        x = speed * tables.vectors
        met = f[1] * _on_heavy(light, waves, first * _shift(light, x))  # f_H(w) f_L(eps w + x)
        shifted = heavy.transform(met) * _shift(heavy, -epsilon * a * x)
        gain = scaled(mean, jnp.tensordot(tables.angular.astype(shifted.dtype), shifted, axes=1))
        loss = heavy.transform(jnp.tensordot(tables.angular, met, axes=1))
        return total + scaled(weight, gain - loss), None

    rows = (tables.speeds, tables.weights, tables.heavy_gain)
    start = jnp.zeros_like(heavy.transform(f[1]))
    return heavy.back(jax.lax.scan(jax.checkpoint(add_radius), start, rows)[0])


def _light_waves(light: VelocityGrid, heavy: VelocityGrid, epsilon: Array) -> list[Array]:
    """$e^{ik(\\varepsilon w - v_0)}$ on each axis, shape `(w, k)`."""
    found = []
    for axis in range(light.dim):
        k = light.wave_numbers(half=axis == light.dim - 1)
        phase = jnp.outer(epsilon * heavy.axis - light.axis[0], k)
        found.append(jax.lax.complex(jnp.cos(phase), jnp.sin(phase)))
    twice = jnp.asarray(multiplicity(light.num_points) / light.num_points**light.dim, light.dtype)
    found[-1] = scaled(twice, found[-1])
    return found


def _on_heavy(light: VelocityGrid, waves: list[Array], z: Array) -> Float[Array, "m ..."]:
    """Values of light interpolants, batched, at the points $\\varepsilon w$ of the heavy grid."""
    for axis in range(light.dim - 1, -1, -1):
        z = jnp.moveaxis(jnp.tensordot(z, waves[axis], axes=(axis + 1, 1)), -1, axis + 1)
    return jnp.real(z)
