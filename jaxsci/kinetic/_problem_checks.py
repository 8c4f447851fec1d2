"""Is a statement meaningful? Named errors with the numbers, before anything is compiled."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float
from scipy.special import erfc, gamma

from .._core import concrete
from ._grid import VelocityGrid
from ._kernels import VariableHardSphere
from ._walls import AbstractWall

_OUTSIDE = 1e-6  # of the mass may lie beyond the box
_ALIASED = 1e-3  # of the transform of a Maxwellian may be left at the highest wave
_FEWEST_CELLS = 3  # slopes look at both neighbours
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
    if f.shape[-grid.dim :] != grid.shape or f.ndim > grid.dim + 1:
        raise ValueError(
            f"Species: distribution must have the shape {grid.shape} of the grid, or one axis of "
            f"cells before it, got {f.shape}."
        )
    if concrete((grid, f)):
        for values in np.asarray(f).reshape(-1, *grid.shape):
            _check_values(grid, values)


def _check_values(grid: VelocityGrid, values: np.ndarray) -> None:
    density, velocity, temperature = host_fluid(grid, values)
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
    for species in (problem.light, problem.heavy):
        check_homogeneous("DisparateMassMixture", species)
    _check_pair("DisparateMassMixture", problem)


def check_homogeneous(name: str, species: Any) -> None:
    """One distribution, not one a cell.

    Raises:
        ValueError: with the shape.
    """
    if species.distribution.shape != species.grid.shape:
        raise ValueError(
            f"{name}: the distribution of a gas without space has the shape {species.grid.shape} "
            f"of its grid, got {species.distribution.shape}; MixtureFlow takes one a cell."
        )


def check_flow(problem: Any) -> None:
    """As `check_mixture`, in every cell, and the walls.

    Raises:
        ValueError: if the species differ in their cells, or one wall is periodic alone.
        TypeError: if a wall is no wall.
    """
    shapes = [s.distribution.shape for s in (problem.light, problem.heavy)]
    cells = [shape[0] if len(shape) > s.grid.dim else 0 for shape, s in
             zip(shapes, (problem.light, problem.heavy))]  # fmt: skip
    if cells[0] != cells[1] or cells[0] < _FEWEST_CELLS:
        raise ValueError(
            "MixtureFlow: both distributions need a first axis of as many cells, at least "
            f"{_FEWEST_CELLS}, got the shapes {shapes[0]} and {shapes[1]}."
        )
    walls = problem.walls
    if walls is not None and not (
        isinstance(walls, tuple)
        and len(walls) == 2
        and all(isinstance(wall, AbstractWall) for wall in walls)
    ):
        raise TypeError(
            "MixtureFlow: walls must be None (periodic) or a pair of Specular or Diffuse, got "
            f"{walls!r}."
        )
    faces = cells[0] + (walls is not None)
    if problem.odd is not None and problem.odd.shape != (faces, *problem.light.grid.shape):
        raise ValueError(
            f"MixtureFlow: odd must have the shape {(faces, *problem.light.grid.shape)} of "
            f"distributions at the faces, got {problem.odd.shape}."
        )
    _check_pair("MixtureFlow", problem)


def _check_pair(name: str, problem: Any) -> None:
    light, heavy = problem.light.grid, problem.heavy.grid
    if (light.dim, light.dtype) != (heavy.dim, heavy.dtype):
        raise ValueError(
            f"{name}: both grids must have the same dim and dtype, got "
            f"{light.dim}, {light.dtype} and {heavy.dim}, {heavy.dtype}."
        )
    if not isinstance(problem.cross, VariableHardSphere):
        raise TypeError(
            f"{name}: cross must be a VariableHardSphere, got "
            f"{type(problem.cross).__name__}: the exact scattering flow needs one rate for all "
            "harmonics. VariableSoftSphere is for collisions within a species."
        )
    if concrete((problem.light, problem.heavy, problem.epsilon)):
        cells = (
            np.asarray(s.distribution).reshape(-1, *s.grid.shape)
            for s in (problem.light, problem.heavy)
        )
        for pair in zip(*cells):
            _check_equilibrium(name, (light, heavy), float(problem.epsilon), pair)


def _check_equilibrium(
    name: str,
    grids: tuple[VelocityGrid, VelocityGrid],
    eps: float,
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    (n, u, warm), (m, w, cold) = (host_fluid(*each) for each in zip(grids, pair))
    dim = grids[0].dim
    common = (m * w + eps * n * u) / (m + eps**2 * n)
    drift = n * m / (m + eps**2 * n) * np.sum((u - eps * w) ** 2)
    final = (n * warm + m * cold + drift / dim) / (n + m)
    hottest = max(warm + np.sum((u - eps * w) ** 2) / dim, final)  # behind the initial layer
    check_box(f"{name} (light)", grids[0], eps * common, hottest)
    check_box(f"{name} (heavy)", grids[1], common, max(cold, final))


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
    spacing = 2 * width / grid.num_points  # `grid.spacing` is an array of its trace inside `jit`
    left = np.exp(-0.5 * temperature * (np.pi / spacing) ** 2)
    if left > _ALIASED:
        count = int(2 * np.ceil(np.sqrt(2 * np.log(1e6)) * width / (np.pi * deviation)))
        raise ValueError(
            f"{name}: the grid is too coarse: {left:.2e} of the transform of a Maxwellian of "
            f"temperature {temperature:.4g} is left at its highest wave. Take {count} points per "
            "axis."
        )


def host_fluid(grid: VelocityGrid, f: Array | np.ndarray) -> tuple[float, np.ndarray, float]:
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
