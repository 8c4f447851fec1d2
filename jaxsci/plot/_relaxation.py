"""Pictures of relaxing gases: the three epochs of a mixture, entropy, conservation."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import MEAN, TRUTH, new_axes, new_panels

if TYPE_CHECKING:
    from ..kinetic import MixtureSolution, RelaxationSolution

_DEPTH = 1e-8  # of the largest value: below, the epochs are over and rounding is left
_ROUNDING = 1e-17  # where a defect of zero is drawn on a logarithmic axis


def plot_relaxation(solution: "MixtureSolution", *, axes: Any = None) -> Any:
    """Epochs, entropy and conservation one below the other, over one logarithmic axis of time.

    Args:
        solution: of a mixture; geometric steps (`first_step`) show all epochs.
        axes: three matplotlib axes to draw on; new ones on one figure by default.

    Returns:
        The three axes: of `plot_epochs`, `plot_entropy` and `plot_defects`.

    Raises:
        ValueError: if the solution is a sweep, or there are not three axes.
    """
    _check_single("plot_relaxation", solution)
    panels = new_panels((2.2, 1, 1.2), 1, 6.0, 7.0)[:, 0] if axes is None else np.asarray(axes)
    if panels.shape != (3,):
        raise ValueError(
            f"plot_relaxation: axes must be three, got the shape {panels.shape}; "
            "new_panels((2, 1, 1))[:, 0] are three below each other."
        )
    draws = (plot_epochs, plot_entropy, plot_defects)
    for draw, panel in zip(draws, panels):
        draw(solution, axes=panel)  # pyright: ignore[reportArgumentType]
        panel.label_outer()
    panels[0].legend(frameon=False, fontsize="small")
    panels[2].legend(frameon=False, fontsize="small", ncols=2)
    return panels


def plot_epochs(solution: "MixtureSolution", *, axes: Any = None) -> Any:
    """$|P - nTI|/nT$ of both species and $|T_L - T_H|$ over time, both axes logarithmic.

    Dots are `time_scales`, where a curve has fallen to $1/e$; the legend gives them in units of
    $\\varepsilon^2$, $\\varepsilon$ and 1, which grey lines mark.

    Args:
        solution: of a mixture; geometric steps (`first_step`) show all epochs.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes; `axes.legend()` explains the curves.

    Raises:
        ValueError: if the solution is a sweep.
    """
    _check_single("plot_epochs", solution)
    axes = new_axes() if axes is None else axes
    light, heavy, epsilon = solution.light, solution.heavy, float(solution.epsilon)
    difference = np.abs(np.asarray(light.temperature - heavy.temperature))
    scales = solution.time_scales
    curves = (
        ("light anisotropy", light.anisotropy, scales.light, MEAN, epsilon**2, " $\\varepsilon^2$"),
        ("heavy anisotropy", heavy.anisotropy, scales.heavy, TRUTH, epsilon, " $\\varepsilon$"),
        ("$|T_L - T_H|$", difference, scales.temperature, "black", 1.0, ""),
    )
    times, top = _elapsed(solution), 0.0
    for name, values, scale, colour, unit, symbol in curves:
        values, scale = np.asarray(values), float(scale)
        top = max(top, float(values.max()))
        axes.axvline(unit, color="0.85", lw=0.8, zorder=0)
        label = f"{name}: {scale / unit:.2g}{symbol}" if np.isfinite(scale) else name
        axes.plot(times[1:], values[1:], color=colour, lw=1.5, label=label)
        if np.isfinite(scale):
            axes.plot(scale, values[0] / np.e, "o", color=colour, ms=5)
    axes.set(xscale="log", yscale="log", ylim=(_DEPTH * top, 2 * top))
    axes.set(xlabel="time", ylabel="distance from equilibrium")
    return axes


def plot_entropy(solution: "MixtureSolution | RelaxationSolution", *, axes: Any = None) -> Any:
    """$H = \\int f\\log f$ over a logarithmic time, summed over the species.

    Args:
        solution: of a mixture or of one gas.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the solution is a sweep.
    """
    _check_single("plot_entropy", solution)
    axes = new_axes() if axes is None else axes
    entropy = np.asarray(solution.entropy)
    axes.axhline(entropy[0], color="0.85", lw=0.8, zorder=0)  # where it started
    axes.plot(_elapsed(solution)[1:], entropy[1:], color=MEAN, lw=1.5)
    axes.set(xscale="log", xlabel="time", ylabel="$\\int f\\,\\log f$")
    return axes


def plot_defects(solution: "MixtureSolution | RelaxationSolution", *, axes: Any = None) -> Any:
    """Relative changes of mass, momentum and energy over time, both axes logarithmic.

    Args:
        solution: of a mixture or of one gas.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes, each line labelled; exact zeros are drawn at 1e-17.

    Raises:
        ValueError: if the solution is a sweep.
    """
    _check_single("plot_defects", solution)
    axes = new_axes() if axes is None else axes
    times = _elapsed(solution)
    for name, defect in solution.defects.items():
        shown = np.maximum(np.asarray(defect)[1:], _ROUNDING)
        axes.plot(times[1:], shown, lw=1, label=name.replace("_", " "))
    axes.set(xscale="log", yscale="log", xlabel="time", ylabel="relative defect")
    return axes


def _elapsed(solution: Any) -> np.ndarray:
    """Time since the start; the first level is zero and has no place on a logarithmic axis."""
    times = np.asarray(solution.times)
    return times - times[0]


def _check_single(name: str, solution: Any) -> None:
    shape = np.shape(solution.times)
    if len(shape) != 1:
        raise ValueError(
            f"{name}: the solution is a sweep, its times have the shape {shape}; pick one element: "
            "jax.tree.map(lambda leaf: leaf[0], solution)."
        )
