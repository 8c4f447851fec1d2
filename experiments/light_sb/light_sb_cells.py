"""A trajectory problem in the shape of single-cell data, generated or from a user's file.

Three time points of a branching population in the space of 50 principal components; the middle one
is held out.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxsci import fit
from jaxsci.bridge import LightBridge, LightSB, MomentMatching, energy_distance

FORMAT = (
    "Wanted: an .npz file or a mapping with X_pca (cells x components; also as obsm['X_pca']) and "
    "day (one label per cell; also as obs['day'])."
)
_DIM = 50
_BRANCHES = 14


class _Landscape(NamedTuple):
    """How a population moves: a curved trunk and curved branches that leave it in turn."""

    trunk: np.ndarray
    branches: np.ndarray
    leaves: np.ndarray
    roots: np.ndarray


def generated_cells(seed: int, num: int, dim: int = _DIM) -> list[Float[Array, "n d"]]:
    """Three time points of a population that branches again and again, with decaying variances.

    A progenitor moves along a curve; branches leave it one after the other and bend away. Every
    branch has a covariance of its own, turned against the axes; noise is skewed and heavy in its
    tails. Coordinates are principal components of all cells, in units of the first deviation.

    Args:
        seed: of the population.
        num: cells per time point.
        dim: principal components.
    """
    random = np.random.default_rng([20231174, seed, dim])
    decay = 1 / np.sqrt(1 + np.arange(dim))
    landscape = _Landscape(
        random.normal(size=(2, dim)) * decay,
        random.normal(size=(_BRANCHES, 2, dim)) * decay,
        np.linspace(0.1, 0.7, _BRANCHES),  # the ages at which branches leave the trunk
        random.normal(size=(_BRANCHES, dim, dim)) / np.sqrt(dim) * decay,
    )
    days = [_day(random, age, num, landscape) for age in (0.15, 0.55, 1.0)]
    everything = np.concatenate(days)
    center = everything.mean(axis=0)
    axes = np.linalg.svd(everything - center, full_matrices=False)[2]
    days = [(day - center) @ axes.T for day in days]
    scale = np.concatenate(days)[:, 0].std()
    return [jnp.asarray(day / scale) for day in days]


def _day(random: np.random.Generator, age: float, num: int, shape: _Landscape) -> np.ndarray:
    ages = np.clip(age + 0.1 * random.normal(size=num), 0, 1.4)[:, None]
    fate = random.integers(_BRANCHES, size=num)
    apart = np.maximum(ages - shape.leaves[fate][:, None], 0)
    branch = shape.branches[fate]
    place = 4 * ages * shape.trunk[0] + 3 * ages**2 * shape.trunk[1]
    place = place + 6 * apart * branch[:, 0] + 8 * apart**2 * branch[:, 1]
    skewed = random.gamma(2.0, size=place.shape) - 2
    tails = np.sqrt(4 / random.chisquare(4, size=(num, 1)))
    return place + 0.4 * tails * np.einsum("nij,nj->ni", shape.roots[fate], skewed)


def load_cells(
    source: str | Path | Mapping[str, Any] | Any, *, num_components: int = _DIM
) -> list[Float[Array, "n d"]]:
    """The cells of each day, in the order of the days, scaled to a first deviation of one.

    Args:
        source: the path of an .npz file with arrays `X_pca` and `day`; or a mapping of such
            arrays; or anything with `obsm` and `obs` such as an AnnData object.
        num_components: how many of the leading principal components to keep.

    Raises:
        ValueError: naming what is missing, or what does not fit.
    """
    name = str(source) if isinstance(source, str | Path) else "the cells"
    arrays = _read(Path(source)) if isinstance(source, str | Path) else source
    points = np.asarray(_entry(name, arrays, "obsm", "X_pca"))
    labels = np.asarray(_entry(name, arrays, "obs", "day")).ravel()
    if points.ndim != 2 or points.dtype.kind not in "fiu":
        raise ValueError(
            f"{name}: X_pca must be a matrix of numbers, cells by components, got the shape "
            f"{points.shape} and type {points.dtype}. {FORMAT}"
        )
    if labels.shape != points.shape[:1]:
        raise ValueError(
            f"{name}: there are {labels.size} labels in day for {points.shape[0]} cells in X_pca."
        )
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name}: X_pca is not finite in {bad.size} cell(s), the first is {bad[0]}."
        )
    known = np.unique(labels)
    if known.size < 3:
        raise ValueError(
            f"{name}: day has the label(s) {', '.join(map(str, known))}; a start, a middle to "
            "hold out and an end are needed: three."
        )
    points = points[:, :num_components].astype(float)
    size = points[:, 0].std()
    if size == 0:
        raise ValueError(f"{name}: the first principal component in X_pca does not vary.")
    points = (points - points.mean(axis=0)) / size
    return [jnp.asarray(points[labels == day]) for day in known]


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, AttributeError, EOFError) as error:
        raise ValueError(f"{path}: not an .npz file of plain arrays. {FORMAT}") from error


def _entry(name: str, arrays: Any, group: str, key: str) -> Any:
    """`arrays[key]`, or `arrays.obsm[key]` and `arrays["obsm"][key]`."""
    inner = arrays.get(group, {}) if isinstance(arrays, Mapping) else getattr(arrays, group, {})
    for place in (arrays if isinstance(arrays, Mapping) else {}, inner):
        if key in place:
            return place[key]
    present = sorted(map(str, arrays)) if isinstance(arrays, Mapping) else sorted(map(str, inner))
    raise ValueError(
        f"{name}: there is no {key}; found: {', '.join(present) or 'nothing'}. {FORMAT}"
    )


def trajectory(
    days: list[Float[Array, "n d"]], epsilon: float, steps: int, key: Array
) -> dict[str, dict[str, float]]:
    """Energy distances at the held-out middle day and at the target day, for both fits.

    The first day is carried to the last; the middle one is compared with the bridge at its time.
    Both fits have ten components and diagonal shape matrices.

    Args:
        days: the cells of three days, or more, of which the first, the middle and the last count.
        epsilon: of the reference process.
        steps: of `LightSB`, at the published rate 1e-2 for cells.
        key: a random key.

    Returns:
        `middle`, `target` and `loss` for each method; `baseline`: the first day, unmoved.
    """
    start, middle, end = days[0], days[len(days) // 2], days[-1]
    methods = {
        "moment_matching": MomentMatching(),
        "light_sb": LightSB(learning_rate=1e-2, max_steps=steps, start_spread=0.1),
    }
    fitting, moving = jax.random.split(key)
    blank = LightBridge.blank(start.shape[1], 10, epsilon)
    found = {"baseline": _distances((start, start), middle, end)}
    for name, method in methods.items():
        solution = fit(blank, (start, end), method, key=fitting, throw=False)
        moved = solution.value.sample(moving, start, jnp.array([0.5, 1.0]))
        loss = float(solution.stats["loss"])
        found[name] = _distances(moved, middle, end) | {"loss": loss}
    return found


def _distances(moved: Any, middle: Array, end: Array) -> dict[str, float]:
    """Half the energy distance, as tables of single-cell data show it."""
    half = lambda x, y: float(energy_distance(x, y)) / 2
    return {"middle": half(moved[0], middle), "target": half(moved[1], end)}
