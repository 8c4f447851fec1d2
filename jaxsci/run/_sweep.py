"""Parameter sweeps: one function, many values, in chunks that can be interrupted and resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree
from tqdm import tqdm

from ._executors import AbstractExecutor, Vectorised, default_executor
from ._sweep_store import SweepStore

DEFAULT_BATCH = 64


def sweep(
    function: Callable[..., PyTree[Array]],
    values: PyTree[Array],
    *,
    key: Array | None = None,
    batch: int | None = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
    executor: AbstractExecutor | None = None,
) -> PyTree[Array]:
    """$y_i = f(x_i)$, or $f(x_i, k_i)$ with $k_i = \\mathrm{fold\\_in}(k, i)$, for all $i < n$.

    The sweep is cut into chunks of `batch` elements; the last is padded, so that one program is
    compiled. Element $i$ depends on $x_i$, $k$ and $i$ alone: not on the batch size, the executor
    or the number of devices (with `Mapped` to the last bit, otherwise to rounding). Nothing is
    thrown per element: result codes that $f$ returns come back one per element, and an element
    that fails leaves the others as they are.

    Args:
        function: $f$, traceable by JAX; returns a pytree of arrays and result codes. Large arrays
            it needs belong into a module or `eqx.Partial`, not into a closure.
        values: the $x_i$: a pytree of arrays that share the leading axis $n$.
        key: the random key $k$; if given, $f$ takes an element and its own key.
        batch: elements per chunk, 64 by default; memory grows with it.
        progress: show a progress bar.
        checkpoint: a folder to keep finished chunks in. The same call made again computes only
            the missing ones. It knows the values and the key, but cannot know the code of $f$:
            name another folder when that changes.
        executor: `Vectorised()`, `Mapped()` or `Sharded()`; by default what suits the machine.

    Returns:
        The outputs, stacked along a leading axis of length $n$.

    Raises:
        ValueError: if the values do not share a leading axis, if `batch` is not positive, or if
            `checkpoint` holds another sweep.
    """
    count = _length(values)
    executor = default_executor() if executor is None else executor
    batch = _whole_batch(batch, count, executor.width())
    store = None if checkpoint is None else _store(checkpoint, function, values, key, count)

    def compute(start: int, stop: int) -> PyTree:
        chunk, index = _chunk(values, start, batch, count)
        output = jax.device_get(executor(function, chunk, index, key))
        return jax.tree.map(lambda leaf: leaf[: stop - start], output)

    parts = []
    with tqdm(total=count, desc="sweep", disable=not progress) as bar:
        for start in range(0, count, batch):
            stop = min(start + batch, count)
            parts.append(compute(start, stop) if store is None else store.get(start, stop, compute))
            bar.update(stop - start)
    return jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *parts)


def _length(values: PyTree) -> int:
    leaves = jax.tree.leaves(values)
    shapes = [np.shape(leaf) for leaf in leaves]
    lengths = {shape[0] for shape in shapes if shape}
    if not leaves or () in shapes or len(lengths) != 1 or lengths == {0}:
        raise ValueError(
            f"sweep: the values must be arrays that share a leading axis, one entry per element; "
            f"got shapes {shapes}. Put what is the same for all elements into the function."
        )
    return lengths.pop()


def _whole_batch(batch: int | None, count: int, width: int) -> int:
    """The batch, no longer than the sweep, rounded up to fill all devices."""
    if batch is not None and batch < 1:
        raise ValueError(f"sweep: batch must be at least 1 element, got {batch}.")
    wanted = min(DEFAULT_BATCH if batch is None else batch, count)
    return -(-wanted // width) * width


def _chunk(values: PyTree, start: int, batch: int, count: int) -> tuple[PyTree, np.ndarray]:
    """Elements `start` onwards; past the end the last one is repeated to keep the shape."""
    index = np.minimum(np.arange(start, start + batch), count - 1)
    return jax.tree.map(lambda leaf: leaf[index], values), index


def _store(folder: str | Path, function: Any, values: Any, key: Any, count: int) -> SweepStore:
    first = _chunk(values, 0, 1, count)
    shape = eqx.filter_eval_shape(Vectorised(), function, *first, key)
    return SweepStore(Path(folder), shape, (function, values, key), count)
