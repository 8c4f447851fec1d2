"""Samples of both sides: checked on the host, weighted, cut into blocks for the compiled core."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._core import concrete


class Weighted(eqx.Module):
    """Samples that count differently.

    Attributes:
        points: shape `(n, D)`.
        weights: not negative, summing to one.
    """

    points: Float[Array, "n d"]
    weights: Float[Array, " n"]


class Blocks(eqx.Module):
    """Samples in blocks that stay in the cache, a small fair subset first, then all of them.

    Attributes:
        points: shape `(b, c, D)`.
        weights: shape `(b, c)`; zero where the last block is padded.
        num_few: blocks of the subset; 0 if all the samples are few.
    """

    points: Float[Array, "b c d"]
    weights: Float[Array, "b c"]
    num_few: int = eqx.field(static=True)

    def span(self, few: Bool[Array, ""]) -> tuple[Array, Array]:
        """The first block and the one after the last, of the subset or of all."""
        total = self.points.shape[0]
        few = few & (self.num_few > 0)
        return jnp.where(few, 0, self.num_few), jnp.where(few, self.num_few, total)


def check_samples(owner: str, data: Any, model: Any) -> tuple[Weighted, Weighted]:
    """The two sides, as weighted samples in the dtype of the model.

    Args:
        owner: the method, for messages.
        data: `(x0, x1)`, arrays of shape `(n, D)` or `Weighted`.
        model: with `dim` and `num_components`.

    Raises:
        TypeError: if `data` is not a pair.
        ValueError: if shapes disagree, a row is not finite, samples are too few, or weights do not
            sum to one.
    """
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise TypeError(f"{owner}: data must be the pair (x0, x1), got {type(data).__name__}.")
    first, second = (_one(owner, name, side, model) for name, side in zip(("x0", "x1"), data))
    return first, second


def _one(owner: str, name: str, side: Any, model: Any) -> Weighted:
    dtype = model.centers.dtype
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
        bad = np.flatnonzero(~np.isfinite(np.asarray(points)).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{owner}: {name} is not finite in {bad.size} row(s), the first is row {bad[0]}; "
                "remove or repair them."
            )
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


def blocks(key: Array, samples: Weighted, size: int, num_few: int) -> Blocks:
    """Cut into blocks of `size`, with a random subset of `num_few` blocks before them."""
    num, dim = samples.points.shape
    size = min(size, num)
    count = -(-num // size)
    pad = count * size - num
    points = jnp.pad(samples.points, ((0, pad), (0, 0)), mode="edge")
    weights = jnp.pad(samples.weights, (0, pad))
    if num_few < count:
        # drawn with replacement: without it, all would have to be sorted
        index = jax.random.randint(key, (num_few * size,), 0, num)
        points = jnp.concatenate([samples.points[index], points])
        weights = jnp.concatenate([samples.weights[index], weights])
    few = num_few if num_few < count else 0
    return Blocks(points.reshape(-1, size, dim), weights.reshape(-1, size), few)
