"""Pictures of schedules: what every step of a sampler does, on the axis of log-SNR."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import MEAN, TRUTH, new_axes

if TYPE_CHECKING:
    from ..diffusion import Schedule

_COLOURS = {"data": MEAN, "noise": TRUTH}


def plot_schedules(schedules: Mapping[str, "Schedule"], *, axes: Any = None) -> Any:
    """$\\lambda_0 < ... < \\lambda_N$ of each schedule as a strip: every step and its decisions.

    A bar is a step, in the colour of what it expands (data or noise), hatched if it adds fresh
    noise; on it stand its order and a plus if its coefficients are changed by additions. A line
    below leads from the point where a step starts, if that is not the last one. A dot is an
    evaluation of the model, a ring an analytic one, a cross the step that denoises, a diamond the
    corrector of the step that ends there, a tick the time that the model is told, if it differs.

    Args:
        schedules: names and schedules, the first on top; padding is left out.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes; `axes.legend()` explains the marks.

    Raises:
        ValueError: if there is no schedule, or one is a stacked population.
    """
    if not schedules:
        raise ValueError("plot_schedules: give at least one schedule.")
    for name, schedule in schedules.items():
        if schedule.log_snr.ndim != 1:
            raise ValueError(
                f"plot_schedules: {name!r} is a population, with log_snr of the shape "
                f"{schedule.log_snr.shape}; give its schedules one by one."
            )
    axes = new_axes(7.0, 0.9 + 0.45 * len(schedules)) if axes is None else axes
    for row, schedule in enumerate(schedules.values()):
        steps = _steps(schedule)
        _bars(axes, -row, steps)
        _marks(axes, -row, steps)
    axes.set(xlabel="half-log-SNR $\\lambda$", ylim=(0.6 - len(schedules), 0.6))
    axes.set_yticks(-np.arange(len(schedules)), list(schedules))
    return axes


def _steps(schedule: "Schedule") -> dict[str, np.ndarray]:
    """The fields of the live steps, one number a step."""
    live = np.asarray(schedule.live)
    names = ("prediction", "order", "stochastic", "corrector", "shift", "to_zero")
    steps = {name: np.asarray(getattr(schedule, name))[live] for name in names}
    times, number = np.asarray(schedule.log_snr), np.arange(live.size)
    tables = (schedule.extra_state, schedule.extra_data, schedule.extra_noise)
    added = sum(np.abs(np.asarray(table)).sum(axis=1) for table in tables)
    wide = {
        "begin": times[:-1],
        "end": times[1:],
        "from": times[number - np.asarray(schedule.start)],
        "added": added > 0,
        "analytic": (number == 0) & bool(schedule.analytic),
    }
    steps |= {name: values[live] for name, values in wide.items()}
    # the last point is never evaluated, so it is not corrected
    last = np.arange(live.sum()) == live.sum() - 1
    return steps | {"corrector": steps["corrector"] & ~last & ~steps["to_zero"]}


def _bars(axes: Any, height: float, steps: dict[str, np.ndarray]) -> None:
    left, width = steps["begin"], steps["end"] - steps["begin"]
    for code, kind in enumerate(_COLOURS):
        for noisy in (False, True):
            chosen = (steps["prediction"] == code) & ((steps["stochastic"] > 0) == noisy)
            chosen &= width != 0
            if chosen.any():
                label = _once(axes, f"{kind}, with noise" if noisy else kind)
                hatch, rows = "//" if noisy else None, np.full(chosen.sum(), height)
                style: dict = {"color": _COLOURS[kind], "alpha": 0.45, "edgecolor": "white"}
                places: dict = {"left": left[chosen], "height": 0.36}
                axes.barh(rows, width[chosen], **places, hatch=hatch, label=label, **style)
    for n in np.flatnonzero(width):
        text = f"{steps['order'][n]}{'+' if steps['added'][n] else ''}"
        axes.text(left[n] + width[n] / 2, height, text, ha="center", va="center", fontsize=8)
    for n in np.flatnonzero(steps["from"] != left):
        ends, label = (steps["from"][n], steps["end"][n]), _once(axes, "starts earlier")
        axes.plot(ends, [height - 0.24] * 2, "|-", color="black", ms=4, lw=1, label=label)


def _marks(axes: Any, height: float, steps: dict[str, np.ndarray]) -> None:
    begin, told = steps["begin"], steps["begin"] + steps["shift"]
    asked = ~steps["analytic"] & ~steps["to_zero"]
    kinds = (
        ("evaluation", begin[asked], "o", "black", 4, 0.0),
        ("analytic", begin[steps["analytic"]], "o", "white", 4, 0.0),
        ("denoising", begin[steps["to_zero"]], "X", "black", 7, 0.0),
        ("corrector", steps["end"][steps["corrector"]], "D", "none", 8, 0.0),
        ("told time", told[asked & (told != begin)], "|", "black", 7, -0.34),
    )
    for label, places, marker, fill, size, below in kinds:
        if places.size:
            axes.plot(
                places,
                np.full(places.size, height + below),
                marker,
                color="black",
                markerfacecolor=fill,
                markersize=size,
                label=_once(axes, label),
                clip_on=False,
            )


def _once(axes: Any, label: str) -> str:
    """The label, hidden from the legend if it is there already."""
    return f"_{label}" if label in axes.get_legend_handles_labels()[1] else label
