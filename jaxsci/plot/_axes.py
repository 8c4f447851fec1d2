"""Axes to draw on; the only place that asks for matplotlib."""

from typing import Any

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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "jaxsci.plot needs matplotlib, which is not installed. To get it:\n"
            '  pip install "jaxsci[plot]"'
        ) from error
    return tidy(Figure(figsize=(width, height), layout="constrained").add_subplot())


def tidy(axes: Any) -> Any:
    """Take away the upper and the right border."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes
