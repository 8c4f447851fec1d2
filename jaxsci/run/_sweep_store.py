"""Finished chunks of a sweep on disk."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._storage import write_arrays, write_json


class SweepStore:
    """A folder of chunks, one file for elements `start` to `stop - 1`.

    The folder belongs to one sweep: its function's name and arrays, its values and its key are
    fingerprinted. Elements do not depend on the batch size, so neither does the fingerprint: a
    chunk cut differently is computed anew beside the old ones.
    """

    def __init__(self, folder: Path, shape: PyTree, inputs: Any, count: int):
        self.folder = folder
        self._leaves, self._structure = jax.tree.flatten(shape)
        folder.mkdir(parents=True, exist_ok=True)
        outputs = [[list(leaf.shape[1:]), str(leaf.dtype)] for leaf in self._leaves]
        self._claim({"count": count, "inputs": _fingerprint(inputs), "outputs": outputs})

    def get(self, start: int, stop: int, compute: Callable[[int, int], PyTree]) -> PyTree:
        """The chunk from disk if it is there, otherwise computed and stored."""
        path = self.folder / f"{start:09d}-{stop:09d}.npz"
        if path.exists():
            return self._read(path)
        output = compute(start, stop)
        leaves = jax.tree.leaves(output)
        write_arrays(path, {f"leaf{place}": leaf for place, leaf in enumerate(leaves)})
        return output

    def _read(self, path: Path) -> PyTree:
        with np.load(path) as file:
            leaves = [
                file[f"leaf{place}"].view(leaf.dtype)  # npz forgets the names of bfloat16 and such
                for place, leaf in enumerate(self._leaves)
            ]
        return jax.tree.unflatten(self._structure, leaves)

    def _claim(self, signature: dict[str, Any]) -> None:
        path = self.folder / "sweep.json"
        if not path.exists():
            write_json(path, signature)
            return
        found = json.loads(path.read_text())
        differs = [name for name in signature if found.get(name) != signature[name]]
        if differs:
            raise ValueError(
                f"sweep: the checkpoint {self.folder} belongs to another sweep: its "
                f"{' and '.join(differs)} differ. Name another folder, or delete this one."
            )


def _fingerprint(inputs: Any) -> str:
    """A digest of all arrays in `inputs` and of the names of all functions."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(inputs):
        digest.update(jax.tree_util.keystr(path).encode())
        if eqx.is_array(leaf) or isinstance(leaf, np.ndarray):
            array = _plain(leaf)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        else:
            digest.update(_name(leaf).encode())
    return digest.hexdigest()


def _name(leaf: Any) -> str:
    """A number or text itself, a function by its name: never an address in memory."""
    if isinstance(leaf, bool | int | float | complex | str):
        return repr(leaf)
    return getattr(leaf, "__qualname__", type(leaf).__qualname__)


def _plain(array: Any) -> np.ndarray:
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return np.asarray(array)
