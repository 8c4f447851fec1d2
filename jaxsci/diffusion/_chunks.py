"""Many schedules through one function, in chunks of equal size."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree


def map_chunks(function: Callable[[Any], Any], items: PyTree, chunk: int) -> PyTree:
    """`jax.vmap(function)` on at most `chunk` items at a time, one chunk after another.

    `jax.lax.map` with a batch size compiles the function a second time for what is left over at
    the end. Here all chunks have one size; at most one item a chunk is computed twice for it.

    Args:
        function: of one item.
        items: stacked along the leading axis of every leaf.
        chunk: how many run side by side.

    Returns:
        The stacked results.
    """
    num = jax.tree.leaves(items)[0].shape[0]
    parts = -(-num // chunk)
    if parts == 1:
        return jax.vmap(function)(items)
    size = -(-num // parts)

    def split(leaf: Any) -> Any:
        filled = jnp.concatenate([leaf, leaf[: parts * size - num]])
        return filled.reshape(parts, size, *leaf.shape[1:])

    found = jax.lax.map(jax.vmap(function), jax.tree.map(split, items))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:num], found)
