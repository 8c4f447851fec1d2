"""Collisions between the species as exactly conservative flows: scattering, then exchange."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._correction import Fluid, set_fluid
from ._grid import VelocityGrid
from ._kernels import VariableHardSphere
from ._moments import collision_invariants, fluid_moments
from ._ornstein_uhlenbeck import ornstein_uhlenbeck, translate
from ._profile import ProfileTables, kernel_averages, spherical_profile


class Scattered(eqx.Module):
    """What scattering did to the two gases within a step.

    Attributes:
        fluids: $(n, u, T)$ of both afterwards, exact where distributions are to rounding.
        light: rise of $T_L$ by the heat of the drift.
        heavy: rise of $T_H$ by it.
        amount: $\\rho\\,\\Delta t$ of the drift's decay $e^{-\\rho t}$, averaged over speeds.
    """

    fluids: tuple[Fluid, Fluid]
    light: Float[Array, ""]
    heavy: Float[Array, ""]
    amount: Float[Array, ""]


def scatter(
    grids: tuple[VelocityGrid, VelocityGrid],
    tables: ProfileTables,
    kernel: VariableHardSphere,
    epsilon: Float[Array, ""],
    f: tuple[Float[Array, "..."], Float[Array, "..."]],
    time: Float[Array, ""],
    hold: Callable[[Float[Array, "..."]], Float[Array, "..."]],
) -> tuple[tuple[Float[Array, "..."], Float[Array, "..."]], Scattered]:
    """$\\varepsilon^{-2}n_HS_u$ solved exactly, with the recoil of the heavy species.

    In the common frame $u_* = (n_Hu_H + \\varepsilon n_LU_L)/(n_H + \\varepsilon^2n_L)$, which no
    collision changes, every anisotropic part decays:
    $$f \\leftarrow \\bar f + e^{-\\nu t}(f - \\bar f), \\quad \\nu(c) =
    \\frac{n_H + \\varepsilon^2n_L}{1 + \\varepsilon^2}\\frac{C|c|^\\gamma}{\\varepsilon^2}, \\quad
    c = v - \\varepsilon u_*.$$
    The heavy distribution is translated by the momentum lost. The energy of the drift becomes
    heat, the share $\\varepsilon^2/(1 + \\varepsilon^2)$ of it in the heavy species. For Maxwell
    molecules velocities and heat are exact at every mass ratio.

    Args:
        grids: of the light and the heavy species.
        tables: of the light grid.
        kernel: between the species.
        epsilon: the root of the mass ratio.
        f: the two distributions.
        time: $\\Delta t$.
        hold: puts back what scattering is to leave as it is; the identity for all of it.

    Returns:
        The two distributions, not yet corrected, and what became of the gases.
    """
    light_grid, heavy_grid = grids
    (n, first, warm), (m, second, cold) = (fluid_moments(*pair) for pair in zip(grids, f))
    total = m + epsilon**2 * n
    center = epsilon * (m * second + epsilon * n * first) / total
    profile = spherical_profile(light_grid, tables, f[0], center)
    amount = time * total / ((1 + epsilon**2) * epsilon**2)
    scattered = hold(_decay(light_grid, f[0], profile, center, kernel, amount))
    # over the density before: what is held keeps its momentum to rounding
    arrived = collision_invariants(light_grid, scattered)[1] / n
    recoil = epsilon * n / m * (first - arrived)
    released = _drift_energy(n, m, epsilon, first, second)
    released = released - _drift_energy(n, m, epsilon, arrived, second + recoil)
    share = epsilon**2 / (1 + epsilon**2)
    dim = light_grid.dim
    heat = 2 / dim * (1 - share) * released / n, 2 / dim * share * released / m
    light, heavy = (n, arrived, warm + heat[0]), (m, second + recoil, cold + heat[1])
    mean_amount = amount * kernel_averages(profile, kernel).collision
    moved = translate(heavy_grid, f[1], recoil, heat[1])
    return (scattered, moved), Scattered((light, heavy), *heat, mean_amount)


def _decay(grid, f, profile, center, kernel, amount):
    """Inside the sphere that the profile covers; there is nothing outside."""
    square = jnp.sum((grid.points - center) ** 2, axis=-1)
    inside = square < grid.half_width**2
    rate = collision_frequency(grid, kernel, square)
    mean = profile(square)
    return jnp.where(inside, mean + jnp.exp(-rate * amount) * (f - mean), f)


def collision_frequency(
    grid: VelocityGrid, kernel: VariableHardSphere, square: Float[Array, "..."]
) -> Float[Array, "..."]:
    """$C|c|^\\gamma$, with a floor below which the power would have no derivative.

    Args:
        grid: the velocity grid, which sets the floor.
        kernel: of the collisions.
        square: $|c|^2$.

    Returns:
        The frequency for each velocity.
    """
    away = jnp.maximum(square, 1e-16 * grid.half_width**2)
    return kernel.constant * away ** (kernel.exponent / 2)


def _drift_energy(n, m, epsilon, first, second):
    drift = first - epsilon * second
    return 0.5 * n * m / (m + epsilon**2 * n) * jnp.sum(drift**2)


def exchange(
    grids: tuple[VelocityGrid, VelocityGrid],
    tables: ProfileTables,
    kernel: VariableHardSphere,
    epsilon: Float[Array, ""],
    f: tuple[Float[Array, "..."], Float[Array, "..."]],
    scattered: Scattered,
    time: Float[Array, ""],
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Energy between the species, on the slow time scale.

    Temperatures follow $\\dot T_H = 2(hT_L - kT_H)n_L$, $n_L\\dot T_L = -n_H\\dot T_H$ exactly,
    with the friction $k$ and the heating $h$ of the light distribution at the start of the step,
    times $a^2 = (1 + \\varepsilon^2)^{-2}$, which makes Maxwell molecules exact at every mass
    ratio. Ornstein-Uhlenbeck flows carry the distributions to these temperatures, the light one
    as a surrogate of $n_H\\nabla\\cdot[\\nu_1(T_H\\nabla f + cf)]$ whose shape collisions repair.

    Args:
        grids: of the light and the heavy species.
        tables: of the light grid.
        kernel: between the species.
        epsilon: the root of the mass ratio.
        f: the two distributions after scattering and collisions.
        scattered: with the heat of the drift, released as the square of the drift decays.
        time: $\\Delta t$.

    Returns:
        The two distributions, conserved to rounding.
    """
    (n, u, warm), (m, w, cold) = scattered.fluids
    averages = kernel_averages(spherical_profile(grids[0], tables, f[0], epsilon * w), kernel)
    slower = (1 + epsilon**2) ** -2
    k, h = slower * averages.friction, slower * averages.heating
    rise = 2 * n * _excess_integral(k, h, n, m, (warm, cold), scattered, time)
    hot, less = cold + rise, warm - m / n * rise
    light = _carry(grids[0], f[0], (n, u, warm), less, jnp.exp(-m * h * time))
    heavy = _carry(grids[1], f[1], (m, w, cold), hot, jnp.exp(-n * k * time))
    return light, heavy


def _excess_integral(k, h, n, m, temperatures, scattered, time):
    """$\\int x$ of $x = hT_L - kT_H$: $\\dot x = -rx + s\\,\\theta(t)$, $r = 2(mh + nk)$.

    $\\theta = 2\\rho e^{-2\\rho t}/(1 - e^{-2\\rho\\Delta t})$ spreads the heat of the drift.
    """
    rate, source = 2 * (m * h + n * k), h * scattered.light - k * scattered.heavy
    end = h * temperatures[0] - k * temperatures[1]  # if nothing but the drift's heat happened
    square = 2 * scattered.amount  # of the drift decays twice as fast
    weight = _mean_exponential(square - rate * time) / _mean_exponential(square)
    x = jnp.exp(-rate * time) * (end - source + source * weight)
    return (end - x) / rate


def _mean_exponential(z):
    """$(1 - e^{-z})/z$."""
    away = jnp.abs(z) > 1e-6
    return jnp.where(away, -jnp.expm1(-z) / jnp.where(away, z, 1), 1 - z / 2)


def _carry(grid, f, fluid, temperature, contraction):
    """An Ornstein-Uhlenbeck flow that ends at `temperature`, around the mean of `f`."""
    n, u, before = fluid
    contraction = jnp.minimum(contraction, jnp.sqrt(temperature / before))
    variance = jnp.maximum(temperature - contraction**2 * before, 0)
    return set_fluid(
        grid, ornstein_uhlenbeck(grid, f, u, contraction, variance), (n, u, temperature)
    )
