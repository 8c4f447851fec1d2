"""Pictures of parameter sweeps."""

from typing import Any

import numpy as np
from jaxtyping import ArrayLike, Bool, Float

from ._axes import MEAN, TRUTH, new_axes


def plot_sweep(
    values: Float[ArrayLike, " n"],
    quantity: Float[ArrayLike, " n"],
    *,
    successful: Bool[ArrayLike, " n"] | None = None,
    log: bool = False,
    axes: Any = None,
) -> Any:
    """$q(\\theta_i)$ for all values $\\theta_i$ of a sweep, failed elements crossed out.

    Args:
        values: the parameter, shape `(n,)`.
        quantity: what was computed, shape `(n,)`.
        successful: which elements passed their own checks; all by default.
        log: a logarithmic vertical axis.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the arrays are not vectors of one length.
    """
    values, quantity = np.asarray(values), np.asarray(quantity)
    good = np.ones(values.shape, bool) if successful is None else np.asarray(successful)
    if values.ndim != 1 or values.shape != quantity.shape or values.shape != good.shape:
        raise ValueError(
            "plot_sweep: values, quantity and successful must be vectors of one length, got "
            f"shapes {values.shape}, {quantity.shape} and {good.shape}."
        )
    axes = new_axes() if axes is None else axes
    axes.plot(values, quantity, "-", color=MEAN, lw=1, alpha=0.5)
    axes.plot(values[good], quantity[good], ".", color=MEAN, ms=5)
    if not good.all():
        axes.plot(values[~good], quantity[~good], "x", color=TRUTH, ms=6, label="failed")
    axes.set(yscale="log" if log else "linear")
    return axes
