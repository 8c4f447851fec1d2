"""Spherical means of a distribution about any centre, and kernel averages over them."""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._grid import VelocityGrid, multiplicity
from ._kernels import VariableHardSphere
from ._radial import (
    even_analysis,
    even_values,
    radii,
    speed_weights,
    sphere_area,
    spherical_wave,
)
from ._spectral import mode_length


class ProfileTables(eqx.Module):
    """What `spherical_profile` needs besides the distribution.

    Attributes:
        wave: mean of $e^{ik\\cdot c}$ over $|c| = r_j$, shape `(radii, modes)`.
        analysis: from values at the radii to coefficients of even polynomials.
    """

    wave: Float[Array, "r ..."]
    analysis: Float[Array, "r r"]


def profile_tables(grid: VelocityGrid, num_radii: int) -> ProfileTables:
    """Tables for a grid, from its counts alone."""
    wave, analysis = _host_tables(grid.num_points, grid.dim, num_radii)
    return ProfileTables(jnp.asarray(wave, grid.dtype), jnp.asarray(analysis, grid.dtype))


@functools.lru_cache(maxsize=8)
def _host_tables(n: int, dim: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    speeds = np.multiply.outer(np.pi * radii(num, dim), mode_length(n, dim))
    wave = spherical_wave(speeds, dim) * multiplicity(n) / n**dim
    return wave, even_analysis(num, dim)


class SphericalProfile(eqx.Module):
    """$\\bar f(|c|)$, the mean of $f$ over spheres $|c| \\le L$ about a centre.

    Attributes:
        coefficients: of even polynomials in $|c|/L$.
        values: at the radii.
        radius: $L$.
        dim: $d$.
    """

    coefficients: Float[Array, " r"]
    values: Float[Array, " r"]
    radius: Float[Array, ""]
    dim: int = eqx.field(static=True)

    def __call__(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\bar f$ at $|c|^2 \\le L^2$; no meaning beyond."""
        t = jnp.minimum(square / self.radius**2, 1)
        return even_values(self.coefficients, t, self.dim)

    def moment(self, exponent: Float[Array, ""]) -> Float[Array, ""]:
        """$\\int_{|c| \\le L}|c|^\\gamma f\\,dc$, through the kink at zero."""
        weights = speed_weights(self.values.shape[0], self.dim, exponent, self.radius)
        return sphere_area(self.dim) * weights @ self.values


def spherical_profile(
    grid: VelocityGrid, tables: ProfileTables, f: Float[Array, "..."], center: Float[Array, " d"]
) -> SphericalProfile:
    """The exact means of the trigonometric interpolant: each wave has the mean $J_0(|k|r)$.

    Args:
        grid: the velocity grid.
        tables: `profile_tables(grid, ...)`.
        f: the distribution.
        center: the common centre of the spheres.

    Returns:
        The profile up to the radius $L$, where spheres begin to meet the images of the box.
    """
    wave = jnp.real(grid.transform(f) * grid.waves_at(center - grid.axis[0]))
    values = jnp.tensordot(tables.wave, wave, axes=grid.dim)
    return SphericalProfile(tables.analysis @ values, values, grid.half_width, grid.dim)


class KernelAverages(eqx.Module):
    """How fast one heavy particle and the light species exchange momentum and energy.

    Attributes:
        collision: $\\bar\\nu = C\\langle|c|^\\gamma\\rangle$.
        friction: $k = \\tfrac{d+\\gamma}d\\bar\\nu$, drag on a slow heavy particle.
        heating: $q/T$ with $q = \\tfrac1dC\\langle|c|^{2+\\gamma}\\rangle$; it is $k$ for a
            Maxwellian.
    """

    collision: Float[Array, ""]
    friction: Float[Array, ""]
    heating: Float[Array, ""]


def kernel_averages(profile: SphericalProfile, kernel: VariableHardSphere) -> KernelAverages:
    """Per light particle; what lies beyond the profile is taken to be like the rest.

    Args:
        profile: of the light distribution about the heavy velocity.
        kernel: between the species.

    Returns:
        The averages: exact for Maxwell molecules whatever the box.
    """
    gamma = kernel.exponent.astype(profile.values.dtype)
    zero = jnp.zeros_like(gamma)
    rate = kernel.constant.astype(gamma.dtype)
    mean = rate * profile.moment(gamma) / profile.moment(zero)
    friction = mean * (profile.dim + gamma) / profile.dim
    heating = rate * profile.moment(2 + gamma) / profile.moment(2 + zero)
    return KernelAverages(mean, friction, heating)
