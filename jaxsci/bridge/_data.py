"""Samples of both sides: checked on the host, weighted, cut into blocks for the compiled core."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .._core import concrete

_GOLDEN = (5**0.5 - 1) / 2


class Weighted(eqx.Module):
    """Samples that count differently.

    Attributes:
        points: shape `(n, D)`.
        weights: not negative, summing to one.
    """

    points: Float[Array, "n d"]
    weights: Float[Array, " n"]


class Blocks(eqx.Module):
    """Samples of both sides, looked at block by block so that the work stays in the cache.

    Attributes:
        sides: all samples of the start and of the end.
        subsets: some of the start and of the end; `None` where all are few.
        middle: of both sides; blocks come relative to it, where quadratic forms lose no digits.
        size: samples in a block.
    """

    sides: tuple[Weighted, ...]
    subsets: tuple[Weighted, ...] | None
    middle: Float[Array, "2 d"]
    size: int = eqx.field(static=True)

    def count(self, side: Int[Array, ""], few: Int[Array, ""]) -> Int[Array, ""]:
        """How many blocks to look at: `few` of the subset, or all for zero."""
        counts = lambda group: jnp.asarray([-(-s.points.shape[0] // self.size) for s in group])
        every = counts(self.sides)[side]
        if self.subsets is None:  # the same for every `few`, also where that differs in a `vmap`
            return every
        return jnp.where(few == 0, every, jnp.minimum(few, counts(self.subsets)[side]))

    def block(self, side: Int[Array, ""], few: Int[Array, ""], number: Array) -> Weighted:
        """One block, centred. The last one reaches back into the one before, without weight."""
        groups = self.sides if self.subsets is None else self.sides + self.subsets
        cuts = [lambda b, samples=samples: _cut(samples, b, self.size) for samples in groups]
        part = side if self.subsets is None else jnp.where(few == 0, side, 2 + side)
        found = jax.lax.switch(part, cuts, number)
        return Weighted(found.points - self.middle[side], found.weights)

    def some(self, side: int, size: int) -> Weighted:
        """At most `size` samples of one side, centred."""
        few = subset(self.sides[side], size)
        return Weighted(few.points - self.middle[side], few.weights)


def _cut(samples: Weighted, number: Array, size: int) -> Weighted:
    first = number * size
    start = jnp.minimum(first, samples.points.shape[0] - size)
    cut = lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, size)
    fresh = start + jnp.arange(size) >= first
    return Weighted(cut(samples.points), jnp.where(fresh, cut(samples.weights), 0))


def check_samples(owner: str, data: Any, model: Any) -> tuple[Weighted, Weighted]:
    """The two sides, as weighted samples in the dtype of the model.

    Args:
        owner: the method, for messages.
        data: `(x0, x1)`, arrays of shape `(n, D)` or `Weighted`.
        model: with `dim` and `num_components`.

    Raises:
        TypeError: if `data` is not a pair, or not in memory.
        ValueError: if shapes disagree, a row is not finite, samples are too few, or weights do not
            sum to one.
    """
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise TypeError(f"{owner}: data must be the pair (x0, x1), got {type(data).__name__}.")
    first, second = (_one(owner, name, side, model) for name, side in zip(("x0", "x1"), data))
    return first, second


def check_finite(owner: str, name: str, points: np.ndarray, first: int = 0) -> None:
    """Refuse rows that are not finite.

    Args:
        owner: the method, for messages.
        name: what the rows are called.
        points: shape `(n, D)`.
        first: the number of the first row.

    Raises:
        ValueError: naming the first bad row.
    """
    with np.errstate(all="ignore"):
        if np.isfinite(points.sum()):  # a sum is cheap, and not finite if one entry is not
            return
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{owner}: {name} is not finite in {bad.size} row(s), the first is row "
            f"{first + bad[0]}; remove or repair them."
        )


def _one(owner: str, name: str, side: Any, model: Any) -> Weighted:
    dtype = model.centers.dtype
    if hasattr(side, "chunks"):
        raise TypeError(
            f"{owner}: {name} is Streamed, which only MomentMatching reads; give it a part that "
            f"fits into memory: {name}.subset(100_000)."
        )
    points = jnp.asarray(side.points if isinstance(side, Weighted) else side, dtype)
    if points.ndim != 2 or points.shape[1] != model.dim:
        raise ValueError(
            f"{owner}: {name} must have the shape (n, {model.dim}) of samples in the dimension of "
            f"the model, got {points.shape}."
        )
    num = points.shape[0]
    if num < model.num_components:
        raise ValueError(
            f"{owner}: {name} has {num} samples for {model.num_components} components; take fewer "
            "components."
        )
    if concrete(points):
        check_finite(owner, name, np.asarray(points))
    if not isinstance(side, Weighted):
        return Weighted(points, jnp.full(num, 1 / num, dtype))
    weights = jnp.asarray(side.weights, dtype)
    if weights.shape != (num,):
        raise ValueError(
            f"{owner}: the weights of {name} must have the shape ({num},), got {weights.shape}."
        )
    if concrete(weights):
        total, least = float(weights.sum()), float(weights.min())
        if least < 0 or abs(total - 1) > 1e-5:
            raise ValueError(
                f"{owner}: the weights of {name} must not be negative and sum to one, got the sum "
                f"{total:.6g} and the least {least:.3g}; divide by the sum."
            )
    return Weighted(points, weights)


def blocks(sides: tuple[Weighted, Weighted], size: int, num_few: int) -> Blocks:
    """Blocks of `size` of both sides, with subsets of `num_few` blocks unless all are few."""
    nums = [side.points.shape[0] for side in sides]
    size = min(size, max(nums))
    padded = lambda num: tuple(_at_least(subset(side, num), size) for side in sides)
    middle = jnp.stack([side.weights @ side.points for side in sides])
    padded = lambda some: tuple(_at_least(samples, size) for samples in some)
    most = num_few * size
    subsets = padded(subset(side, most) for side in sides) if max(nums) > most else None
    return Blocks(padded(sides), subsets, middle, size)


def _at_least(side: Weighted, num: int) -> Weighted:
    """Padded by samples without weight."""
    pad = max(num - side.points.shape[0], 0)
    points = jnp.pad(side.points, ((0, pad), (0, 0)), mode="edge") if pad else side.points
    return Weighted(points, jnp.pad(side.weights, (0, pad)) if pad else side.weights)


def subset(samples: Weighted, size: int) -> Weighted:
    """At most `size` of the samples, and any part of them, is spread evenly over all the rows."""
    index = even_rows(samples.points.shape[0], size)
    weights = samples.weights[index]
    return Weighted(samples.points[index], weights / jnp.sum(weights))


def even_rows(num: int, size: int) -> np.ndarray:
    """At most `size` numbers below `num`, each once, evenly spread however the rows are sorted.

    They go in steps of about the golden ratio of `num`, coprime to it.
    """
    step = round(num * _GOLDEN)
    while math.gcd(step, num) != 1:
        step += 1
    return np.arange(min(size, num)) * step % num
