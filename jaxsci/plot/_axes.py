"""Axes to draw on; the only place that asks for matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MEAN, BAND, TRUTH = "#1f4e79", "#8fb8de", "#c0392b"


def new_axes(width: float = 6.0, height: float = 4.0) -> Any:
    """Axes on a figure of their own, without the borders that carry no information.

    The figure belongs to no window and no global list: `axes.figure.savefig(path)` writes it.

    Args:
        width: of the figure, in inches.
        height: of the figure, in inches.

    Returns:
        matplotlib `Axes`.

    Raises:
        ImportError: if matplotlib is missing; the message says how to install it.
    """
    return tidy(_figure(width, height).add_subplot())


def new_panels(
    heights: Sequence[float] = (1.0,), columns: int = 1, width: float = 6.0, height: float = 4.0
) -> np.ndarray:
    """Rows and columns of axes on one figure; a column shares its abscissa, a row its ordinate.

    Args:
        heights: of the rows, relative to each other.
        columns: how many.
        width: of the figure, in inches.
        height: of the figure, in inches.

    Returns:
        matplotlib `Axes`, shape `(len(heights), columns)`.

    Raises:
        ImportError: if matplotlib is missing; the message says how to install it.
    """
    panels = _figure(width, height).subplots(
        len(heights), columns, sharex="col", sharey="row", height_ratios=heights, squeeze=False
    )
    for axes in panels.flat:
        tidy(axes)
    return panels


def tidy(axes: Any) -> Any:
    """Take away the upper and the right border."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "jaxsci.plot needs matplotlib, which is not installed. To get it:\n"
            '  pip install "jaxsci[plot]"'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")
