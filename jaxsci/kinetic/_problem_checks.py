"""Is a statement meaningful? Named errors with the numbers, before anything is compiled."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float
from scipy.special import erfc, gamma

from .._core import concrete
from ._grid import VelocityGrid
from ._kernels import VariableHardSphere

_OUTSIDE = 1e-6  # of the mass may lie beyond the box
_ALIASED = 1e-3  # of the transform of a Maxwellian may be left at the highest wave
_NEGATIVE = 1e-3  # of the largest value: rounding and ringing, not a mistake


def check_horizon(name: str, start: Float[Array, ""], end: Float[Array, ""]) -> None:
    """Time runs forward.

    Raises:
        ValueError: with both times.
    """
    if concrete((start, end)) and not end > start:
        raise ValueError(
            f"{name}: end must be later than start, got {float(end):g} and {float(start):g}: the "
            "time step would not be positive."
        )


def check_distribution(grid: VelocityGrid, f: Float[Array, "..."]) -> None:
    """A distribution with positive density and temperature that fits its grid.

    Raises:
        ValueError: saying what is wrong, with the number.
    """
    if f.shape != grid.shape:
        raise ValueError(
            f"Species: distribution must have the shape {grid.shape} of the grid, got {f.shape}."
        )
    if not concrete((grid, f)):
        return
    density, velocity, temperature = host_fluid(grid, f)
    values = np.asarray(f)
    if not np.isfinite(values).all():
        raise ValueError("Species: the distribution is not finite; look for divisions by zero.")
    if not density > 0:
        raise ValueError(f"Species: the density must be positive, got {density:g}.")
    if not temperature > 0:
        raise ValueError(f"Species: the temperature must be positive, got {temperature:g}.")
    if values.min() < -_NEGATIVE * values.max():
        raise ValueError(
            f"Species: the distribution is negative, {values.min():.3g} at the least; densities of "
            "particles are not."
        )
    check_box("Species", grid, velocity, temperature)


def check_mixture(problem: Any) -> None:
    """The two species go together, and their equilibrium fits both grids.

    Raises:
        ValueError: if dimensions or dtypes differ, or a box is too small.
        TypeError: if the kernel between the species is not `VariableHardSphere`.
    """
    light, heavy = problem.light.grid, problem.heavy.grid
    if (light.dim, light.dtype) != (heavy.dim, heavy.dtype):
        raise ValueError(
            "DisparateMassMixture: both grids must have the same dim and dtype, got "
            f"{light.dim}, {light.dtype} and {heavy.dim}, {heavy.dtype}."
        )
    if not isinstance(problem.cross, VariableHardSphere):
        raise TypeError(
            "DisparateMassMixture: cross must be a VariableHardSphere, got "
            f"{type(problem.cross).__name__}: the exact scattering flow needs one rate for all "
            "harmonics. VariableSoftSphere is for collisions within a species."
        )
    if concrete((problem.light, problem.heavy, problem.epsilon)):
        _check_equilibrium(problem)


def _check_equilibrium(problem: Any) -> None:
    species = (problem.light, problem.heavy)
    (n, u, warm), (m, w, cold) = (host_fluid(s.grid, s.distribution) for s in species)
    eps, dim = float(problem.epsilon), problem.light.grid.dim
    common = (m * w + eps * n * u) / (m + eps**2 * n)
    drift = n * m / (m + eps**2 * n) * np.sum((u - eps * w) ** 2)
    final = (n * warm + m * cold + drift / dim) / (n + m)
    hottest = max(warm + np.sum((u - eps * w) ** 2) / dim, final)  # behind the initial layer
    check_box("DisparateMassMixture (light)", species[0].grid, eps * common, hottest)
    check_box("DisparateMassMixture (heavy)", species[1].grid, common, max(cold, final))


def check_box(name: str, grid: VelocityGrid, velocity: np.ndarray, temperature: float) -> None:
    """A Maxwellian fits the box and is resolved by the grid.

    Raises:
        ValueError: with the mass outside, or with what the grid does not resolve.
    """
    width, deviation = float(grid.half_width), np.sqrt(temperature)
    sides = np.concatenate([width - velocity, width + velocity]) / deviation
    outside = float(np.sum(0.5 * erfc(sides / np.sqrt(2))))
    if outside > _OUTSIDE:
        needed = 6 * deviation + np.abs(velocity).max()
        raise ValueError(
            f"{name}: the velocity box is too small: {outside:.2e} of the mass of a Maxwellian of "
            f"temperature {temperature:.4g} lies outside half_width = {width:g}. Take half_width = "
            f"{needed:.3g}, and more points."
        )
    left = np.exp(-0.5 * temperature * (np.pi / float(grid.spacing)) ** 2)
    if left > _ALIASED:
        count = int(2 * np.ceil(np.sqrt(2 * np.log(1e6)) * width / (np.pi * deviation)))
        raise ValueError(
            f"{name}: the grid is too coarse: {left:.2e} of the transform of a Maxwellian of "
            f"temperature {temperature:.4g} is left at its highest wave. Take {count} points per "
            "axis."
        )


def host_fluid(grid: VelocityGrid, f: Array) -> tuple[float, np.ndarray, float]:
    """$(n, u, T)$ in numpy, so that nothing is compiled.

    Args:
        grid: a concrete grid.
        f: a concrete distribution.

    Returns:
        Density, velocity, temperature.
    """
    values = np.asarray(f, np.float64)
    step = 2 * float(grid.half_width) / grid.num_points
    axis = (np.arange(grid.num_points) + 0.5) * step - float(grid.half_width)
    points = np.stack(np.meshgrid(*[axis] * grid.dim, indexing="ij"), -1).reshape(-1, grid.dim)
    weights = values.ravel() * step**grid.dim
    density = float(weights.sum())
    if not density > 0:
        return density, np.zeros(grid.dim), float("nan")
    velocity = weights @ points / density
    square = weights @ np.sum((points - velocity) ** 2, axis=1)
    return density, velocity, float(square / density / grid.dim)


def mean_collision_rate(kernel: VariableHardSphere, temperature: float, dim: int) -> float:
    """$C\\langle|v|^\\gamma\\rangle$ over a Maxwellian, on the host.

    Args:
        kernel: concrete.
        temperature: of the Maxwellian.
        dim: $d$.

    Returns:
        The rate per particle.
    """
    exponent = float(kernel.exponent)
    ratio = gamma((dim + exponent) / 2) / gamma(dim / 2)
    return float(kernel.constant) * (2 * temperature) ** (exponent / 2) * ratio
