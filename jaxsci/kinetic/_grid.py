"""Uniform velocity grids: points, sums, wave numbers, and the trigonometric interpolant."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Complex, Float

from ._validation import count, positive


class VelocityGrid(eqx.Module):
    """$v_i = -L + (i + \\tfrac12)h$ on each axis, $h = 2L/N$; integrals are sums times $h^d$.

    The grid is symmetric and does not contain zero. Distributions on it are taken as periodic with
    period $2L$, so that sums and Fourier derivatives are accurate to the size of what is left of
    the distribution at the boundary.

    Attributes:
        num_points: $N$, an even number of points per axis.
        half_width: $L$, in the velocity unit of the species.
        dim: 2 or 3 velocity components.
    """

    num_points: int = eqx.field(static=True)
    half_width: Float[Array, ""]
    dim: int = eqx.field(static=True)

    def __init__(self, num_points: int, half_width: ArrayLike, dim: int = 2):
        count("VelocityGrid: num_points", num_points, 4)
        if num_points % 2:
            raise ValueError(f"VelocityGrid: num_points must be even, got {num_points}.")
        if dim not in (2, 3):
            raise ValueError(f"VelocityGrid: dim must be 2 or 3 velocity components, got {dim!r}.")
        self.num_points, self.dim = num_points, dim
        self.half_width = positive(
            "VelocityGrid: half_width", half_width, "six thermal speeds are a good width."
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a distribution: `(N,) * dim`."""
        return (self.num_points,) * self.dim

    @property
    def dtype(self) -> jnp.dtype:
        """Of the velocities."""
        return self.half_width.dtype

    @property
    def spacing(self) -> Float[Array, ""]:
        """$h$."""
        return 2 * self.half_width / self.num_points

    @property
    def cell_volume(self) -> Float[Array, ""]:
        """$h^d$."""
        return self.spacing**self.dim

    @property
    def axis(self) -> Float[Array, " n"]:
        """The coordinates of one axis."""
        return self.half_width * jnp.asarray(_reference_axis(self.num_points), self.dtype)

    @property
    def points(self) -> Float[Array, "... d"]:
        """The velocities, shape `(N, ..., N, dim)`."""
        return jnp.stack(jnp.meshgrid(*[self.axis] * self.dim, indexing="ij"), axis=-1)

    def wave_numbers(self, half: bool = False) -> Float[Array, " m"]:
        """$k_m = \\pi m/L$ of one axis in the order of the FFT, or of `rfft` if `half`."""
        return jnp.asarray(_modes(self.num_points, half), self.dtype) * (np.pi / self.half_width)

    @property
    def waves(self) -> Float[Array, "... d"]:
        """The wave vectors of `transform`, shape `(N, ..., N/2 + 1, dim)`."""
        axes = [self.wave_numbers()] * (self.dim - 1) + [self.wave_numbers(half=True)]
        return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)

    def integrate(self, f: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\sum_i f_i h^d$ over the last `dim` axes."""
        return jnp.sum(f, axis=tuple(range(-self.dim, 0))) * self.cell_volume

    def waves_at(self, x: Float[Array, " d"]) -> Complex[Array, "..."]:
        """$e^{ik\\cdot x}$ of every mode, $\\cos k_ix_i$ for the highest of an axis.

        The highest mode of an axis stands for both signs of $k_i$; with one of them a distribution
        would lose its symmetries.
        """
        factors = [self._waves_along(i, x[i]) for i in range(self.dim)]
        return functools.reduce(lambda product, factor: product[..., None] * factor, factors)

    def _waves_along(self, i: int, x: Array) -> Complex[Array, " m"]:
        k = self.wave_numbers(half=i == self.dim - 1)
        sine = jnp.where(jnp.arange(k.shape[0]) == self.num_points // 2, 0, jnp.sin(k * x))
        return jax.lax.complex(jnp.cos(k * x), sine)

    def transform(self, f: Float[Array, "..."]) -> Complex[Array, "..."]:
        """The discrete Fourier transform over the last `dim` axes (half of it: f is real)."""
        return jnp.fft.rfftn(f, axes=tuple(range(-self.dim, 0)))

    def back(self, coefficients: Complex[Array, "..."]) -> Float[Array, "..."]:
        """The inverse of `transform`."""
        return jnp.fft.irfftn(coefficients, self.shape, axes=tuple(range(-self.dim, 0)))

    def interpolant(self, f: Float[Array, "..."]) -> "Interpolant":
        """The trigonometric polynomial through the values of `f`."""
        return Interpolant(self, self.transform(f))


class Interpolant(eqx.Module):
    """$f(v) = N^{-d}\\sum_k \\hat f_k e^{ik\\cdot(v - v_0)}$, $v_0$ the first point of the grid.

    Attributes:
        grid: the grid.
        coefficients: `grid.transform` of the values.
    """

    grid: VelocityGrid
    coefficients: Complex[Array, "..."]

    def __call__(self, v: Float[Array, " d"]) -> Float[Array, ""]:
        """The value at one velocity."""
        grid = self.grid
        wave = jnp.real(self.coefficients * grid.waves_at(v - grid.axis[0]))
        twice = jnp.asarray(multiplicity(grid.num_points), grid.dtype)
        return jnp.sum(twice * wave) / grid.num_points**grid.dim


def scaled(factor: Float[Array, "..."], z: Complex[Array, "..."]) -> Complex[Array, "..."]:
    """A real multiple of complex numbers, also under strict promotion of types.

    Args:
        factor: real numbers.
        z: complex numbers; the shapes broadcast.

    Returns:
        `factor * z`.
    """
    return jax.lax.complex(factor * jnp.real(z), factor * jnp.imag(z))


def multiplicity(n: int) -> np.ndarray:
    """How often a mode of the half transform stands in the full one: 1, 2, ..., 2, 1."""
    twice = np.full(n // 2 + 1, 2.0)
    twice[[0, -1]] = 1.0
    return twice


@functools.lru_cache(maxsize=64)
def _reference_axis(n: int) -> np.ndarray:
    return (2 * np.arange(n) + 1 - n) / n


@functools.lru_cache(maxsize=64)
def _modes(n: int, half: bool) -> np.ndarray:
    return np.arange(n // 2 + 1.0) if half else np.fft.fftfreq(n, 1.0 / n)
