"""Many schedules in one program: how many run side by side."""

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, PyTree

_IN_CACHE = 8192  # numbers whose model evaluation stays in the cache of one core
_ON_DEVICE = 1 << 22  # numbers that keep an accelerator busy


def map_lanes(
    program: Callable[[Any], Any], rows: PyTree, y: Array, wanted: int | None = None
) -> PyTree:
    """`program` of every row: side by side in lanes, one set of lanes after another.

    On one core more lanes only push each other out of the cache: with 32 digits a schedule takes
    0.57 ms in lanes of 8 and 1.3 ms in lanes of 256. A single lane is not batched at all, so that
    steps that are skipped cost nothing.

    Args:
        program: of one row.
        rows: arrays with a leading axis.
        y: the states of one lane.
        wanted: lanes; by default as many as the cache of a core holds, or an accelerator needs.

    Returns:
        The results, stacked.
    """
    room = _IN_CACHE if jax.default_backend() == "cpu" else _ON_DEVICE
    lanes = max(1, room // max(y.size, 1)) if wanted is None else wanted
    return jax.lax.map(program, rows, batch_size=lanes if lanes > 1 else None)
