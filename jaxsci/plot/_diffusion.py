"""Pictures of samplers: their trajectories, their errors, their samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import ArrayLike, Float

from ._axes import MEAN, new_axes


def plot_trajectories(
    states: Float[ArrayLike, "m n d"],
    log_snr: Float[ArrayLike, " m"],
    *,
    data: Float[ArrayLike, "k d"] | None = None,
    colour: str = "black",
    marks: bool = True,
    axes: Any = None,
) -> Any:
    """$x_\\lambda = y/\\sqrt{1+s^2}$ from noise to data: the first two coordinates.

    The states of a sampler are $y = x_0 + s\\varepsilon$, which begin as wide as the noise. Drawn
    with the variance preserved, they begin as a standard normal and end as data.

    Args:
        states: y, from `DiffusionModel.trajectory` or `fine_path`.
        log_snr: the times of the states, $s = e^{-\\lambda}$.
        data: samples to draw beneath.
        colour: of the trajectories.
        marks: a dot at every state; without, the lines alone.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the states are not (M, N, D) with M times and D at least 2.
    """
    states, log_snr = np.asarray(states), np.asarray(log_snr)
    if states.ndim != 3 or states.shape[2] < 2 or log_snr.shape != states.shape[:1]:
        raise ValueError(
            "plot_trajectories: states must have the shape (M, N, D) with D >= 2 and log_snr the "
            f"shape (M,), got {states.shape} and {log_snr.shape}."
        )
    axes = new_axes(4.5, 4.5) if axes is None else axes
    if data is not None:
        cloud = np.asarray(data)[:, :2]
        axes.scatter(*cloud.T, s=4, alpha=0.25, linewidths=0, color=MEAN, rasterized=True)
    drawn = states / np.sqrt(1 + np.exp(-2 * log_snr))[:, None, None]
    for path in np.moveaxis(drawn, 1, 0):
        axes.plot(*path[:, :2].T, ".-" if marks else "-", color=colour, lw=0.7, ms=3, alpha=0.8)
    axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    return axes


def plot_solver_errors(
    num_evals: Sequence[int],
    errors: Mapping[str, Float[ArrayLike, " n"]],
    *,
    emphasis: Sequence[str] = (),
    axes: Any = None,
) -> Any:
    """Error against number of function evaluations, both logarithmic, one line a solver.

    Args:
        num_evals: the numbers of evaluations.
        errors: names and errors, one for each number; NaN where a solver cannot be had.
        emphasis: names to draw thick; they should be few.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes, each line labelled.

    Raises:
        ValueError: if an error is missing, or an emphasised name.
    """
    numbers = np.asarray(num_evals)
    table = {name: np.asarray(values) for name, values in errors.items()}
    wrong = {name: values.shape for name, values in table.items() if values.shape != numbers.shape}
    if wrong or not set(emphasis) <= set(table):
        raise ValueError(
            f"plot_solver_errors: every solver needs {numbers.size} errors and every emphasised "
            f"name a solver, got other shapes {wrong} and {[*emphasis]} of {[*table]}."
        )
    axes = new_axes() if axes is None else axes
    for name, values in table.items():
        strong = name in emphasis
        axes.plot(numbers, values, "o-", ms=5 if strong else 3, lw=2.5 if strong else 1, label=name)
    axes.set(xscale="log", yscale="log", xlabel="function evaluations", ylabel="error")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.set_xticks([], minor=True)
    return axes


def plot_sample_rows(
    samples: Mapping[str, Float[ArrayLike, "n ..."]],
    image: tuple[int, int],
    *,
    num: int = 12,
    limits: tuple[float, float] | None = None,
    axes: Any = None,
) -> Any:
    """Images side by side: one row a sampler, one column a noise.

    Args:
        samples: names and samples, from the same noises in the same order; grey images, flat or
            not.
        image: height and width of an image.
        num: how many of the samples to draw.
        limits: the values of black and white; by default those of the first row.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the samples are no such images.
    """
    height, width = image
    table = {name: np.asarray(x) for name, x in samples.items()}
    pixels = {name: int(np.prod(x.shape[1:])) for name, x in table.items()}
    wrong = {name: table[name].shape for name in table if pixels[name] != height * width}
    if wrong or not table:
        raise ValueError(
            f"plot_sample_rows: give samples of {height} x {width} pixels, got the shapes {wrong}."
        )
    rows = [_row(x[:num], image) for x in table.values()]
    low, high = limits or (np.nanmin(rows[0]), np.nanmax(rows[0]))
    axes = new_axes(0.5 * num + 1.2, 0.55 * len(rows)) if axes is None else axes
    axes.imshow(np.concatenate(rows), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_yticks((np.arange(len(rows)) + 0.5) * (height + 1) - 1, list(samples))
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return axes


def _row(samples: np.ndarray, image: tuple[int, int]) -> np.ndarray:
    """Images in a row, with an empty pixel to the right of and below each."""
    tiles = samples.reshape(-1, *image).astype(float)
    framed = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    return np.concatenate(list(framed), axis=1)
