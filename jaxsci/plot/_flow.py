"""Pictures of mixtures in space: densities, velocities and temperatures along the tube."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import MEAN, TRUTH, new_panels

if TYPE_CHECKING:
    from ..kinetic import FlowSolution, LimitFlowSolution


def plot_flow(
    solution: "FlowSolution | LimitFlowSolution",
    *,
    level: int = -1,
    label: str = "",
    line: str = "-",
    axes: Any = None,
) -> Any:
    """Densities, velocities along $x$ and temperatures of both species at one time.

    The light species is drawn in the first colour, its velocity $U_L/\\varepsilon$ in heavy units;
    the heavy species in the second. Solutions may be laid over each other.

    Args:
        solution: of `MixtureFlow`, by the kinetic method or by the limit equations.
        level: which of `solution.times`, the last by default.
        label: put before the name of the species in legends.
        line: a matplotlib line style.
        axes: three matplotlib axes to draw on; new ones below each other by default.

    Returns:
        The three axes.

    Raises:
        ValueError: if the solution is a sweep, or there are not three axes.
    """
    if np.ndim(solution.times) != 1:
        raise ValueError(
            f"plot_flow: the solution is a sweep of shape {np.shape(solution.times)[:-1]}; take "
            "one element with jax.tree.map(lambda leaf: leaf[i], solution)."
        )
    panels = new_panels((1, 1, 1), 1, 5.0, 6.0)[:, 0] if axes is None else np.asarray(axes)
    if panels.shape != (3,):
        raise ValueError(
            f"plot_flow: axes must be three, got the shape {panels.shape}; "
            "new_panels((1, 1, 1))[:, 0] are three below each other."
        )
    x, name = np.asarray(solution.positions), f"{label} " if label else ""
    for panel, (title, light, heavy) in zip(panels, _fields(solution, level)):
        if light is not None:
            panel.plot(x, light, line, color=MEAN, lw=1.5, label=f"{name}light")
        panel.plot(x, heavy, line, color=TRUTH, lw=1.5, label=f"{name}heavy")
        panel.set(xlabel="$x$", ylabel=title)
        panel.label_outer()
    return panels


def _fields(solution, level):
    """Names and both curves; in the limit there is one velocity that moves."""
    if hasattr(solution, "temperatures"):
        (n, m), (warm, cold) = solution.densities, solution.temperatures
        velocities = (None, solution.velocity[..., 0])
    else:
        light, heavy = solution.light, solution.heavy
        n, m, warm, cold = light.density, heavy.density, light.temperature, heavy.temperature
        velocities = (light.velocity[..., 0] / solution.epsilon, heavy.velocity[..., 0])
    rows = (("density", n, m), ("velocity", *velocities), ("temperature", warm, cold))
    at = lambda a: None if a is None else np.asarray(a)[level]
    return [(title, at(first), at(second)) for title, first, second in rows]
