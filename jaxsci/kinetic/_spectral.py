"""The fast spectral Boltzmann operator on one velocity grid, for any two masses."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from ._grid import VelocityGrid, scaled
from ._kernels import Kernel, VariableSoftSphere
from ._radial import directions, radii, speed_weights, sphere_area, spherical_wave
from ._validation import count


class CollisionQuadrature(eqx.Module):
    """How the relative velocity $g = \\rho s$ of a collision is integrated.

    The integrand is periodic with the period $2L$ of the grid: beyond $\\rho = L$ the two partners
    would meet their images, so that the reach cannot exceed the half width of the grid.

    Attributes:
        num_radii: nodes in $\\rho$.
        num_angles: $M$: half the number of angles in 2-D; the number of polar nodes in 3-D, where
            it must be even, with $2M$ azimuths each.
        reach: $R/L$, the largest relative speed over the half width of the grid.
    """

    num_radii: int = eqx.field(static=True, default=16)
    num_angles: int = eqx.field(static=True, default=8)
    reach: float = eqx.field(static=True, default=1.0)

    def __check_init__(self):
        count("CollisionQuadrature: num_radii", self.num_radii, 2)
        count("CollisionQuadrature: num_angles", self.num_angles, 2)
        if not 0 < self.reach <= 1:
            raise ValueError(
                f"CollisionQuadrature: reach must lie in (0, 1], got {self.reach}: relative speeds "
                "beyond the half width L of the grid alias the convolution (R > L). Take a wider "
                "grid instead."
            )


class SpectralTables(eqx.Module):
    """What the operator needs besides the distributions: functions of counts and masses alone.

    Attributes:
        ahead: for each axis, phases of the shift by $a\\rho s$, shape `(radii, angles, modes)`.
        behind: phases of the shift by $-b\\rho s$.
        gain: mean of $e^{-ia\\rho\\,\\xi\\cdot\\sigma}$ over directions, shape `(radii, modes)`.
        loss: mean of $e^{i\\rho\\,\\xi\\cdot s}$.
        vectors: the directions $s$.
        weights: of the directions.
        quadrature: the counts.
        equal: whether the two masses are.
    """

    ahead: tuple[Complex[Array, "r m _"], ...]
    behind: tuple[Complex[Array, "r m _"], ...]
    gain: Float[Array, "r ..."]
    loss: Float[Array, "r ..."]
    vectors: Float[Array, "m d"]
    weights: Float[Array, " m"]
    quadrature: CollisionQuadrature = eqx.field(static=True)
    equal: bool = eqx.field(static=True)


def spectral_tables(
    grid: VelocityGrid,
    quadrature: CollisionQuadrature = CollisionQuadrature(),  # noqa: B008 (immutable)
    mass_ratio: float = 1.0,
) -> SpectralTables:
    """Tables of `boltzmann` for a grid.

    Args:
        grid: the velocity grid; only its counts and dtype enter.
        quadrature: of the relative velocity.
        mass_ratio: $m_j/m_i$, the mass of the partner over that of the particle looked at.

    Returns:
        Arrays, to be passed to compiled functions as arguments.
    """
    key = (grid.num_points, grid.dim, quadrature, float(mass_ratio))
    ahead, behind, gain, loss, vectors, weights = _host_tables(*key)
    cast = lambda x: jnp.asarray(x, grid.dtype)
    phases = lambda axes: tuple(jax.lax.complex(cast(x.real), cast(x.imag)) for x in axes)
    return SpectralTables(
        phases(ahead),
        phases(behind),
        cast(gain),
        cast(loss),
        cast(vectors),
        cast(weights),
        quadrature,
        mass_ratio == 1.0,
    )


@functools.lru_cache(maxsize=8)
def _host_tables(n: int, dim: int, quadrature: CollisionQuadrature, mass_ratio: float) -> tuple:
    ahead, behind = mass_ratio / (1 + mass_ratio), 1 / (1 + mass_ratio)
    rho = radii(quadrature.num_radii, dim) * quadrature.reach  # in units of L
    vectors, weights = directions(quadrature.num_angles, dim, half=mass_ratio == 1.0)
    speed = np.pi * mode_length(n, dim)
    mean = lambda part: spherical_wave(np.multiply.outer(part * rho, speed), dim)
    shifts = np.multiply.outer(rho, vectors)
    return (
        shift_phases(n, ahead * shifts),
        shift_phases(n, -behind * shifts),
        mean(ahead),
        mean(1.0),
        vectors,
        weights,
    )


def mode_length(n: int, dim: int) -> np.ndarray:
    """$|m|$ of the modes of the half transform, on the host."""
    full, half = np.fft.fftfreq(n, 1 / n), np.arange(n // 2 + 1.0)
    parts = np.meshgrid(*[full] * (dim - 1), half, indexing="ij")
    return np.sqrt(sum(part**2 for part in parts))


def shift_phases(n: int, shifts: np.ndarray) -> tuple[np.ndarray, ...]:
    """$e^{i\\pi m x}$ on each axis: the factors that turn $f(v)$ into $f(v + xL)$.

    The highest mode of an even grid is $\\cos$ alone, so its factor is the real part.

    Args:
        n: points per axis.
        shifts: $x$, shape `(..., dim)`, on the host.

    Returns:
        One array `(..., modes)` per axis; the last axis has the modes of the half transform.
    """
    dim = shifts.shape[-1]
    modes = [np.fft.fftfreq(n, 1 / n)] * (dim - 1) + [np.arange(n // 2 + 1.0)]
    phases = []
    for axis, m in enumerate(modes):
        phase = np.exp(1j * np.pi * shifts[..., axis, None] * m)
        highest = np.abs(m) == n // 2
        phases.append(np.where(highest, phase.real, phase))
    return tuple(phases)


def shifted(
    grid: VelocityGrid, coefficients: Complex[Array, "..."], phases: tuple[Array, ...]
) -> Float[Array, "m ..."]:
    """$f(v + x_m)$ for many shifts, from the transform of $f$.

    Args:
        grid: the velocity grid.
        coefficients: `grid.transform(f)`.
        phases: of `shift_phases`, each `(m, modes)`.

    Returns:
        Shape `(m, N, ..., N)`.
    """
    return grid.back(coefficients * outer(phases))


def outer(phases: tuple[Array, ...]) -> Complex[Array, "m ..."]:
    """The product of one factor per axis, batched over the first.

    Args:
        phases: arrays `(m, modes)`.

    Returns:
        Shape `(m, modes, ..., modes)`.
    """
    if len(phases) == 2:
        return phases[0][:, :, None] * phases[1][:, None, :]
    x, y, z = phases
    return x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]


def boltzmann(
    grid: VelocityGrid,
    kernel: Kernel,
    tables: SpectralTables,
    f: Float[Array, "..."],
    partner: Float[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """$Q(f, h)(v) = \\int\\!\\int B(|g|, \\chi)\\,[f(v')h(v_*') - f(v)h(v_*)]\\,d\\sigma\\,dv_*$.

    With $a = m_j/M$, $b = m_i/M$, centre of mass $V$ and $g = \\rho s$ the gain is, mode by mode,

    $$\\hat Q^+(\\xi) = \\int\\! d\\rho\\,\\rho^{d-1}\\,C\\rho^\\gamma \\int\\! ds\\,
    \\Big[\\int b(s\\cdot\\sigma)\\,e^{-ia\\rho\\,\\xi\\cdot\\sigma}d\\sigma\\Big]
    \\,\\mathcal F\\big[f(\\cdot + a\\rho s)\\,h(\\cdot - b\\rho s)\\big](\\xi),$$

    $J_0(a\\rho|\\xi|)$ or $\\mathrm{sinc}$ in brackets where all directions are alike. It costs
    $O(N_\\rho M N^d\\log N)$; the loss is one convolution.

    Args:
        grid: the velocity grid of both distributions.
        kernel: of the collisions.
        tables: `spectral_tables(grid, ...)`.
        f: the distribution that changes.
        partner: $h$, by default $f$.

    Returns:
        The rate of change of `f`; conserved to spectral accuracy, see `restore`.

    Source: I. Gamba, J. Haack, C. Hauck, J. Hu, SIAM J. Sci. Comput. 39 (2017) B658.
    """
    other = grid.transform(f if partner is None else partner)
    weights = _radial_weights(grid, kernel, tables)
    gain = _gain(grid, kernel, tables, weights, grid.transform(f), other)
    return gain - f * _loss_rate(grid, tables, weights, other)


def collision_rate(
    grid: VelocityGrid, kernel: Kernel, tables: SpectralTables, partner: Float[Array, "..."]
) -> Float[Array, "..."]:
    """$\\int C|v - v_*|^\\gamma h(v_*)\\,dv_*$, how often a particle of velocity $v$ collides.

    Args:
        grid: the velocity grid.
        kernel: of the collisions.
        tables: `spectral_tables(grid, ...)`.
        partner: $h$.

    Returns:
        The rate at every point of the grid.
    """
    weights = _radial_weights(grid, kernel, tables)
    return _loss_rate(grid, tables, weights, grid.transform(partner))


def _radial_weights(
    grid: VelocityGrid, kernel: Kernel, tables: SpectralTables
) -> Float[Array, " r"]:
    """For $\\int_0^R C\\rho^{d-1+\\gamma}(\\cdot)\\,d\\rho$."""
    quadrature, gamma = tables.quadrature, kernel.exponent.astype(grid.dtype)
    reach = quadrature.reach * grid.half_width
    weights = speed_weights(quadrature.num_radii, grid.dim, gamma, reach)
    return kernel.constant.astype(grid.dtype) * weights


def _loss_rate(
    grid: VelocityGrid, tables: SpectralTables, weights: Array, other: Complex[Array, "..."]
) -> Float[Array, "..."]:
    kernel_transform = jnp.tensordot(weights, tables.loss, axes=1) * sphere_area(grid.dim)
    return grid.back(scaled(kernel_transform, other))


def _gain(
    grid: VelocityGrid,
    kernel: Kernel,
    tables: SpectralTables,
    weights: Float[Array, " r"],
    first: Complex[Array, "..."],
    second: Complex[Array, "..."],
) -> Float[Array, "..."]:
    scatter = _scattering(grid, kernel, tables)

    @jax.checkpoint
    def add_radius(total, radius):
        ahead, behind, mean, outgoing, weight = radius
        pairs = shifted(grid, first, ahead) * shifted(grid, second, behind)
        if scatter is None:
            spread = grid.transform(jnp.tensordot(tables.weights, pairs, axes=1))
            spread = scaled(mean, spread)
        else:
            aligned = grid.transform(jnp.tensordot(scatter, pairs, axes=1))
            spread = jnp.sum(jnp.conj(outer(outgoing)) * aligned, axis=0)
        return total + scaled(weight, spread), None

    outgoing = _all_directions(tables) if scatter is not None else tables.ahead
    rows = (tables.ahead, tables.behind, tables.gain, outgoing, weights)
    return grid.back(jax.lax.scan(add_radius, jnp.zeros_like(first), rows)[0])


def _all_directions(tables: SpectralTables) -> tuple[Array, ...]:
    """Phases of the outgoing directions $\\sigma$: both of each antipodal pair."""
    if not tables.equal:
        return tables.ahead
    return tuple(jnp.concatenate([p, jnp.conj(p)], axis=1) for p in tables.ahead)


def _scattering(
    grid: VelocityGrid, kernel: Kernel, tables: SpectralTables
) -> Float[Array, "out m"] | None:
    """$w_\\sigma w_s\\,b(s\\cdot\\sigma)$, of sum $w_s$ over the outgoing directions."""
    if not isinstance(kernel, VariableSoftSphere):
        return None
    cosine = tables.vectors @ tables.vectors.T
    matrix = kernel.angular(cosine, grid.dim)
    if tables.equal:  # the incoming pair is even in s: its two directions are one
        reverse = kernel.angular(-cosine, grid.dim)
        matrix = jnp.concatenate([matrix + reverse, reverse + matrix]) / 2
        weights = jnp.concatenate([tables.weights, tables.weights]) / 2
    else:
        weights = tables.weights
    matrix = matrix * weights[:, None]
    return matrix / jnp.sum(matrix, axis=0) * tables.weights
