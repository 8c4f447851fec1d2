"""Pictures: epochal relaxation, equilibration times, the tube."""

from typing import Any

import numpy as np
from ap_boltzmann_space import tube

from jaxsci import plot, solve
from jaxsci.kinetic import BGK, AsymptoticPreserving, LimitEquations, MixtureSolution


def draw_epochs(solutions: dict[float, MixtureSolution]) -> Any:
    """Anisotropies and the difference of temperatures over time, one panel a mass ratio."""
    panels = plot.new_panels(columns=len(solutions), width=4.0 * len(solutions), height=3.2)[0]
    for axes, (epsilon, found) in zip(panels, solutions.items()):
        plot.plot_epochs(found, axes=axes)
        axes.legend(frameon=False, fontsize="small")
        axes.set_title(f"$\\varepsilon$ = {epsilon:g}")
        axes.label_outer()
    return panels[0].figure


def draw_equilibration(sweep: dict[str, np.ndarray]) -> Any:
    """Times over the mass ratio, one curve a density ratio."""
    axes = plot.new_axes(6.0, 3.4)
    for column, ratio in enumerate(sweep["ratio"]):
        label = f"$n_H/n_L$ = {ratio:.2g}"
        axes.semilogx(sweep["epsilon"] ** 2, sweep["time"][:, column], marker=".", label=label)
    axes.set(xlabel="mass ratio", ylabel="time to 1/e of $T_L - T_H$")
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    return axes.figure


def draw_tube() -> Any:
    """The tube with jumps at two mass ratios over the limit equations."""
    law, panels = BGK(2.0), None
    for epsilon, line in ((1e-1, ":"), (1e-6, "-")):
        found = solve(tube(epsilon, 100, law), AsymptoticPreserving(100, limiter=True))
        label = f"$\\varepsilon$ = {epsilon:g},"
        panels = plot.plot_flow(found, label=label, line=line, axes=panels)
    limit = solve(tube(1.0, 400, law), LimitEquations(800))
    panels = plot.plot_flow(limit, label="limit,", line="--", axes=panels)
    panels[0].legend(frameon=False, fontsize="x-small", ncols=3)
    return panels[0].figure
