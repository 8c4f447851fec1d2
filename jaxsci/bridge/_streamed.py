"""Samples that do not fit into memory: read in pieces, as often as a fit sweeps over them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._data import Weighted, check_finite, even_rows


@dataclass(frozen=True)
class Streamed:
    """Samples on disk, or in anything else that is read by slices.

    Attributes:
        points: shape `(n, D)`: a `numpy.memmap`, an HDF5 or Zarr dataset, or any object with
            `shape` that can be sliced and indexed by increasing rows.
        weights: shape `(n,)`, of the same kind, summing to one; equal if not given.
        chunk: rows that are in memory at a time.

    Raises:
        ValueError: if a shape or the size of a chunk makes no sense.
    """

    points: Any
    weights: Any = None
    chunk: int = 65_536

    def __post_init__(self):
        shape = getattr(self.points, "shape", None)
        if shape is None or len(shape) != 2 or shape[0] < 1:
            raise ValueError(
                f"Streamed: points must have the shape (n, D), got {shape}; open the file first, "
                "for example with numpy.load(name, mmap_mode='r')."
            )
        if self.weights is not None and tuple(self.weights.shape) != (shape[0],):
            raise ValueError(
                f"Streamed: weights must have the shape ({shape[0]},), got {self.weights.shape}."
            )
        if self.chunk < 1:
            raise ValueError(f"Streamed: chunk must be at least 1 row, got {self.chunk}.")

    @property
    def num(self) -> int:
        """How many samples there are."""
        return int(self.points.shape[0])

    def chunks(self, owner: str, dtype: Any) -> Iterator[Weighted]:
        """All samples, piece by piece, the last one padded by samples without weight.

        Args:
            owner: who reads, for messages.
            dtype: of the pieces.

        Raises:
            ValueError: naming the first row that is not finite.
        """
        size = min(self.chunk, self.num)
        for first in range(0, self.num, size):
            rows = slice(first, min(first + size, self.num))
            points = np.asarray(self.points[rows], dtype)
            check_finite(owner, "a streamed sample", points, first)
            pad = size - points.shape[0]
            weights = np.pad(self._weights(rows, points.shape[0], dtype), (0, pad))
            yield Weighted(
                jnp.asarray(np.pad(points, ((0, pad), (0, 0)), mode="edge")), jnp.asarray(weights)
            )

    def subset(self, size: int, dtype: Any = float) -> Weighted:
        """At most `size` samples in memory, spread evenly over the rows.

        Args:
            size: the most samples.
            dtype: of the samples.
        """
        rows = np.sort(even_rows(self.num, size))  # files are read forwards
        points = np.asarray(self.points[rows], dtype)
        weights = self._weights(rows, rows.size, dtype)
        return Weighted(jnp.asarray(points), jnp.asarray(weights / weights.sum()))

    def _weights(self, rows: Any, num: int, dtype: Any) -> np.ndarray:
        if self.weights is None:
            return np.full(num, 1 / self.num, dtype)
        return np.asarray(self.weights[rows], dtype)


def check_streamed(owner: str, data: tuple[Any, ...], model: Any) -> tuple[Streamed, Streamed]:
    """Both sides, as if all came from disk.

    Args:
        owner: the method, for messages.
        data: `(x0, x1)`, each `Streamed`, `Weighted` or an array.
        model: with `dim` and `num_components`.

    Raises:
        ValueError: if shapes disagree or samples are too few.
    """
    first, second = (_streamed(side) for side in data)
    for name, side in (("x0", first), ("x1", second)):
        if side.points.shape[1] != model.dim or side.num < model.num_components:
            raise ValueError(
                f"{owner}: {name} must have the shape (n, {model.dim}) with at least "
                f"{model.num_components} samples, one for each component, got {side.points.shape}."
            )
    return first, second


def _streamed(side: Any) -> Streamed:
    if isinstance(side, Streamed):
        return side
    if isinstance(side, Weighted):
        return Streamed(np.asarray(side.points), np.asarray(side.weights))
    return Streamed(np.asarray(side))
