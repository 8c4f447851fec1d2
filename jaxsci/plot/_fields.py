"""Pictures of solutions: a line with its error band, a map with its observations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from ..pde import AbstractField, AbstractTensorField, Box, tensor_points
from ._axes import BAND, MEAN, TRUTH, new_axes


def plot_field_1d(
    solution: AbstractField,
    x: Float[ArrayLike, " n"],
    *,
    exact: Callable[..., Any] | None = None,
    deviations: float = 2.0,
    axes: Any = None,
) -> Any:
    """$u(x) \\pm k\\,\\mathrm{sd}(x)$: the solution as a line, its uncertainty as a band.

    Args:
        solution: a solution in one dimension; without a method `std` there is no band.
        x: where to draw it, shape `(n,)`.
        exact: the exact solution, a function of a point of shape `(1,)`, drawn dashed.
        deviations: $k$, half the width of the band in standard deviations.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the solution is not one-dimensional.
    """
    _check_dim("plot_field_1d", solution, 1)
    axes = new_axes() if axes is None else axes
    points = jnp.asarray(x)[:, None]
    mean = np.asarray(solution(points))
    x = np.asarray(x)
    if hasattr(solution, "std"):
        half = deviations * np.asarray(solution.std(points))  # pyright: ignore[reportAttributeAccessIssue]
        label = f"± {deviations:g} sd"
        axes.fill_between(x, mean - half, mean + half, color=BAND, lw=0, label=label)
    axes.plot(x, mean, color=MEAN, lw=1.5, label="solution")
    if exact is not None:
        truth = np.asarray(jax.vmap(exact)(points))
        axes.plot(x, truth, "--", color=TRUTH, lw=1, label="exact")
    axes.set(xlabel="x", ylabel="u", xlim=(x[0], x[-1]))
    return axes


def plot_field_2d(
    solution: AbstractField,
    domain: Box,
    *,
    points: Float[ArrayLike, "n 2"] | None = None,
    values: Float[ArrayLike, " n"] | None = None,
    num: int = 200,
    axes: Any = None,
) -> Any:
    """$u(x, y)$ as a map with a colour bar, the colours symmetric about zero if $u$ changes sign.

    Args:
        solution: a solution in two dimensions.
        domain: the rectangle to draw.
        points: places to mark, shape `(n, 2)`, such as those of observations.
        values: what was observed there; the marks take its colour from the same scale.
        num: pixels per dimension.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the solution is not two-dimensional, or values come without points.
    """
    _check_dim("plot_field_2d", solution, 2)
    if values is not None and points is None:
        raise ValueError("plot_field_2d: values were given without points; say where they belong.")
    axes = new_axes(5.0, 4.2) if axes is None else axes
    grid = [jnp.linspace(domain.lower[j], domain.upper[j], num) for j in range(2)]
    tensor = isinstance(solution, AbstractTensorField)  # then a grid costs two small products
    field = np.asarray(solution.on_grid(*grid) if tensor else solution(tensor_points(tuple(grid))))
    style = _colours(field)
    image = axes.pcolormesh(
        *map(np.asarray, grid), field.T, shading="gouraud", rasterized=True, **style
    )
    if points is not None:
        x, y = np.asarray(points).T
        colour: dict = {"c": "white"} if values is None else {"c": np.asarray(values), **style}
        axes.scatter(x, y, s=14, edgecolors="black", linewidths=0.5, **colour)
    axes.figure.colorbar(image, ax=axes, label="u", shrink=0.9)
    axes.set(xlabel="x", ylabel="y", aspect="equal")
    return axes


def _colours(field: np.ndarray) -> dict:
    """Diverging colours about zero, or sequential ones for a field of one sign."""
    low, high = float(field.min()), float(field.max())
    if low < 0 < high:
        bound = max(-low, high)
        return {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def _check_dim(name: str, solution: AbstractField, dim: int) -> None:
    if solution.dim != dim:
        raise ValueError(
            f"{name}: the solution has {solution.dim} dimension(s), the picture shows {dim}. "
            "Use plot_field_1d for one and plot_field_2d for two."
        )
