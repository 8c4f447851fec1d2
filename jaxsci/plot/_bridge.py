"""Pictures of bridges: trajectories over the densities of both ends."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._axes import MEAN, TRUTH, new_axes

if TYPE_CHECKING:
    from ..bridge import LightBridge


def plot_bridge(
    bridge: "LightBridge",
    key: Array,
    x0: Float[Array, "n d"],
    x1: Float[Array, "m d"] | None = None,
    *,
    num_paths: int = 12,
    num_times: int = 60,
    max_points: int = 2000,
    axes: Any = None,
) -> Any:
    """$x_t$ for some starts, over both populations: the first two coordinates.

    Args:
        bridge: a light bridge in at least two dimensions.
        key: of the trajectories.
        x0: samples at time 0; the trajectories start at the first of them.
        x1: samples at time 1; by default where the bridge carries `x0`.
        num_paths: trajectories to draw.
        num_times: points on each of them.
        max_points: samples of each side to draw.
        axes: matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        ValueError: if the bridge is one-dimensional, or the samples do not fit it.
    """
    if bridge.dim < 2:
        raise ValueError(
            f"plot_bridge: the picture shows 2 dimensions, the bridge has {bridge.dim}."
        )
    if x0.ndim != 2 or x0.shape[1] != bridge.dim:
        raise ValueError(
            f"plot_bridge: x0 must have the shape (n, {bridge.dim}) of samples in the dimension of "
            f"the bridge, got {x0.shape}."
        )
    axes = new_axes(4.5, 4.5) if axes is None else axes
    first, second = jax.random.split(key)
    end = bridge.sample(first, x0[:max_points]) if x1 is None else x1[:max_points]
    times = jnp.linspace(0.0, 1.0, num_times, dtype=x0.dtype)
    paths = np.asarray(bridge.sample(second, x0[:num_paths], times))
    cloud: dict = {"s": 4, "alpha": 0.25, "linewidths": 0, "rasterized": True}
    axes.scatter(*np.asarray(x0[:max_points, :2]).T, color=MEAN, label="start", **cloud)
    axes.scatter(*np.asarray(end[:, :2]).T, color=TRUTH, label="end", **cloud)
    for path in np.moveaxis(paths, 1, 0):
        axes.plot(path[:, 0], path[:, 1], color="black", lw=0.7, alpha=0.7)
    axes.scatter(*paths[0, :, :2].T, s=14, color=MEAN, edgecolors="white", zorder=3)
    axes.scatter(*paths[-1, :, :2].T, s=14, color=TRUTH, edgecolors="white", zorder=3)
    axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    return axes
