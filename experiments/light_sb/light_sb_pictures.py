"""Pictures: a swiss roll, a gallery of planar problems, handwritten digits turned into others."""

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxsci import fit
from jaxsci.bridge import LightBridge, MomentMatching
from jaxsci.plot import plot_bridge

DIGITS = importlib.util.find_spec("sklearn") is not None
_NUM = 10_000


def gaussian(key: Array, num: int) -> Float[Array, "n 2"]:
    """A round population in the middle."""
    return jax.random.normal(key, (num, 2))


def swiss_roll(key: Array, num: int) -> Float[Array, "n 2"]:
    """A spiral with a little noise."""
    first, second = jax.random.split(key)
    angle = 1.5 * jnp.pi * (1 + 2 * jax.random.uniform(first, (num,)))
    roll = angle[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) / 2
    return roll + 0.2 * jax.random.normal(second, (num, 2))


def eight(key: Array, num: int) -> Float[Array, "n 2"]:
    """Eight clusters on a circle."""
    first, second = jax.random.split(key)
    angle = jnp.pi / 4 * jax.random.randint(first, (num,), 0, 8)
    circle = 5 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return circle + 0.3 * jax.random.normal(second, (num, 2))


def moons(key: Array, num: int) -> Float[Array, "n 2"]:
    """Two interlocking half circles."""
    first, second, third = jax.random.split(key, 3)
    angle = jnp.pi * jax.random.uniform(first, (num,))
    side = jnp.where(jax.random.bernoulli(second, 0.5, (num,)), 1.0, -1.0)
    arc = jnp.stack([jnp.cos(angle) - 0.5, jnp.sin(angle) - 0.3], axis=1)
    return 3 * side[:, None] * arc + 0.2 * jax.random.normal(third, (num, 2))


def checkerboard(key: Array, num: int) -> Float[Array, "n 2"]:
    """Every other square of a board of four by four."""
    first, second, third = jax.random.split(key, 3)
    column = jax.random.randint(first, (num,), 0, 4)
    row = 2 * jax.random.randint(second, (num,), 0, 2) + column % 2
    corner = 2.0 * jnp.stack([column, row], axis=1) - 4
    return corner + 2 * jax.random.uniform(third, (num, 2))


# start, end, epsilon, components
GALLERY = {
    "swiss roll": (gaussian, swiss_roll, 0.1, 60),
    "eight clusters to moons": (eight, moons, 0.1, 30),
    "moons": (gaussian, moons, 0.03, 30),
    "checkerboard": (gaussian, checkerboard, 0.3, 40),
}


def gallery(num: int = _NUM) -> Any:
    """One panel per problem."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(GALLERY), 4), layout="constrained")
    for axes, (title, problem) in zip(figure.subplots(1, len(GALLERY)), GALLERY.items()):
        draw_panel(axes, title, *problem, num=num)
    return figure


def draw_panel(
    axes: Any, title: str, start: Any, end: Any, epsilon: float, components: int, num: int
) -> None:
    """Fit one planar problem and draw its trajectories."""
    keys = jax.random.split(jax.random.key(1), 4)
    data = start(keys[0], num), end(keys[1], num)
    blank = LightBridge.blank(2, components, epsilon, full=True)
    method = MomentMatching(num_starts=2, max_sweeps=30)
    bridge = fit(blank, data, method, key=keys[2], throw=False).value
    plot_bridge(bridge, keys[3], *data, axes=axes)
    axes.set_title(f"{title}, eps = {epsilon:g}", fontsize=10)


def digits(source: int = 2, target: int = 5, components: int = 16, shown: int = 10) -> Any:
    """Scikit-learn's digits in the space of their principal components: twos become fives."""
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]

    images, labels = load_digits(return_X_y=True)
    both = images[(labels == source) | (labels == target)]
    center = both.mean(axis=0)
    axes = np.linalg.svd(both - center, full_matrices=False)[2][:components]
    start, end = (jnp.asarray((images[labels == d] - center) @ axes.T) for d in (source, target))
    scale = float(jnp.std(start[:, 0]))
    blank = LightBridge.blank(components, 4, 0.05, full=True)
    data = start / scale, end / scale
    bridge = fit(blank, data, MomentMatching(), key=jax.random.key(0), throw=False).value
    times = jnp.linspace(0, 1, 6)
    paths = bridge.sample(jax.random.key(1), data[0][:shown], times)
    pictures = np.asarray(scale * paths) @ axes + center
    figure = Figure(figsize=(0.7 * shown, 0.75 * times.size), layout="constrained")
    for row, panels in zip(pictures, figure.subplots(times.size, shown)):
        for picture, panel in zip(row, panels):
            panel.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
            panel.set_axis_off()
    return figure
