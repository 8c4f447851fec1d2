"""Pictures of distributions of velocities, against the Maxwellians they relax to."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from ._axes import new_axes, new_panels

if TYPE_CHECKING:
    from ..kinetic import DisparateMassMixture, MixtureSolution, VelocityGrid

_LEVELS = np.linspace(0.05, 1.0, 12)  # of the largest value
_FINER = 4  # points drawn for one of the grid


def plot_distribution(
    grid: "VelocityGrid",
    distribution: Float[ArrayLike, "..."],
    *,
    peak: float | None = None,
    axes: Any = None,
) -> Any:
    """$f(v_1, v_2)$ as filled contours, and the Maxwellian of the same moments as dashed lines.

    Both have the same levels: where lines and colours agree, $f$ is in equilibrium. In 3-D the
    third component is integrated out.

    Args:
        grid: of the velocities.
        distribution: $f$, of the shape of the grid.
        peak: the value of the last colour; by default the largest one.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the distribution has another shape than the grid.
    """
    from ..kinetic import equilibrium  # here, so that other pictures need not load it

    f = np.asarray(distribution)
    if f.shape != grid.shape:
        raise ValueError(
            f"plot_distribution: the distribution must have the shape {grid.shape} of its grid, "
            f"got {f.shape}; of stored ones give one, stored[i]."
        )
    axes = new_axes(4.2, 4.2) if axes is None else axes
    shown, rest = _plane(grid, f), _plane(grid, np.asarray(equilibrium(grid, jnp.asarray(f))))
    levels = _LEVELS * (float(shown.max()) if peak is None else peak)
    axis = float(grid.axis[0]) + np.arange(len(shown)) * float(grid.spacing) / _FINER
    axes.contourf(axis, axis, shown.T, levels, cmap="Blues", extend="max")
    axes.contour(axis, axis, rest.T, levels[::3], colors="black", linewidths=0.7, linestyles="--")
    axes.set(aspect="equal", xlabel="$v_1$", ylabel="$v_2$")
    return axes


def plot_distributions(
    problem: "DisparateMassMixture",
    solution: "MixtureSolution",
    *,
    num: int = 4,
    speed: float = 3.5,
    axes: Any = None,
) -> Any:
    """Both species in the plane of velocities, at the start and at stored times.

    The light species is above, the heavy one, in scaled velocities, below; a row has one scale of
    colours. See `plot_distribution` for what is drawn.

    Args:
        problem: what was solved; it has the grids and the start.
        solution: with distributions, `store_every`.
        num: stored times to draw, evenly from the first to the last.
        speed: half width of the panels.
        axes: matplotlib axes of shape `(2, 1 + times)` to draw on; new ones by default.

    Returns:
        The axes, shape `(2, 1 + times)`.

    Raises:
        ValueError: if the solution is a sweep or of other grids, or the axes have another shape.
    """
    stored = [np.asarray(f) for f in solution.stored]
    species = (problem.light, problem.heavy)
    if any(f.shape[1:] != s.grid.shape for f, s in zip(stored, species)):
        raise ValueError(
            f"plot_distributions: the problem has grids of {[s.grid.shape for s in species]}, the "
            f"solution stores {[f.shape for f in stored]}; give the problem that was solved, and "
            "one element of a sweep."
        )
    count = len(solution.stored_times)
    picked = np.unique(np.linspace(0, count - 1, min(num, count)).round().astype(int))
    shape = (2, 1 + picked.size)
    panels = new_panels((1, 1), shape[1], 2.1 * shape[1], 4.4) if axes is None else np.asarray(axes)
    if panels.shape != shape:
        raise ValueError(
            f"plot_distributions: axes must have the shape {shape}, got {panels.shape}."
        )
    for row, one, kept in zip(panels, species, stored):
        frames = [np.asarray(one.distribution), *kept[picked]]
        peak = max(float(_plane(one.grid, f).max()) for f in frames)
        for panel, f in zip(row, frames):
            plot_distribution(one.grid, f, peak=peak, axes=panel)
            panel.set(xlim=(-speed, speed), ylim=(-speed, speed))
            panel.label_outer()
    times = [float(problem.start), *np.asarray(solution.stored_times)[picked]]
    for panel, time in zip(panels[0], times):
        panel.set_title(f"$t$ = {time:.2g}", fontsize="medium")
    for panel, name in zip(panels[:, 0], ("light", "heavy")):
        panel.set_ylabel(f"{name}, $v_2$")
    return panels


def _plane(grid: "VelocityGrid", f: np.ndarray) -> np.ndarray:
    """The trigonometric polynomial through $f(v_1, v_2)$ on a finer grid; $v_3$ is summed."""
    plane = f if grid.dim == 2 else f.sum(axis=2) * float(grid.spacing)
    n = grid.num_points
    steps, modes = np.arange(_FINER * n) / _FINER, np.fft.fftfreq(n, 1 / n)
    waves = np.exp(2j * np.pi / n * np.outer(steps, modes))
    finer = (waves @ np.fft.fft(np.eye(n))).real / n
    return finer @ plane @ finer.T
