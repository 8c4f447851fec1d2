"""Pictures: epochal relaxation, and equilibration times."""

from typing import Any

import numpy as np


def draw_epochs(solutions: dict[float, Any]) -> Any:
    """Anisotropies and the difference of temperatures over time, one panel a mass ratio."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(solutions), figsize=(4 * len(solutions), 3.2), sharey=True)
    for axis, (epsilon, found) in zip(np.atleast_1d(axes), solutions.items()):
        times = np.asarray(found.times)
        difference = np.abs(np.asarray(found.light.temperature - found.heavy.temperature))
        curves = {
            "light anisotropy": found.light.anisotropy,
            "heavy anisotropy": found.heavy.anisotropy,
            "$|T_L - T_H|$": difference,
        }
        for name, values in curves.items():
            axis.loglog(times[1:], np.maximum(np.asarray(values)[1:], 1e-12), label=name)
        for time in (epsilon**2, epsilon, 1.0):
            axis.axvline(time, color="0.8", lw=0.8, zorder=0)
        axis.set(title=f"$\\varepsilon$ = {epsilon:g}", xlabel="time", ylim=(1e-7, 2))
    np.atleast_1d(axes)[0].legend(frameon=False)
    figure.tight_layout()
    return figure


def draw_equilibration(sweep: dict[str, np.ndarray]) -> Any:
    """Times over the mass ratio, one curve a density ratio."""
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6, 3.4))
    for column, ratio in enumerate(sweep["ratio"]):
        label = f"$n_H/n_L$ = {ratio:.2g}"
        axis.semilogx(sweep["epsilon"] ** 2, sweep["time"][:, column], marker=".", label=label)
    axis.set(xlabel="mass ratio", ylabel="time to 1/e of $T_L - T_H$")
    axis.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure
