"""How one chunk of a sweep is computed: vectorised, one after another, or across devices."""

import abc
import os
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Int, PyTree

from ._environment import usable_cpus


class AbstractExecutor(eqx.Module):
    """Applies a function to every element of a chunk."""

    @abc.abstractmethod
    def width(self) -> int:
        """A chunk's length must be a multiple of this."""

    @abc.abstractmethod
    def __call__(
        self,
        function: Callable[..., PyTree[Array]],
        chunk: PyTree[Array],
        index: Int[Array | np.ndarray, " batch"],
        key: Array | None,
    ) -> PyTree[Array]:
        """`function` of each element along the leading axis of `chunk`.

        Args:
            function: called as `function(element)`, or `function(element, key)` given a key.
            chunk: arrays with the leading axis `batch`.
            index: each element's place in the whole sweep.
            key: a random key, or `None`.

        Returns:
            The outputs, stacked along a new leading axis.
        """


class Vectorised(AbstractExecutor):
    """`jit(vmap(function))`: all elements of a chunk at once."""

    def width(self) -> int:
        return 1

    def __call__(self, function, chunk, index, key):
        return _vectorised(function, chunk, index, key)


class Mapped(AbstractExecutor):
    """`jit(lax.map(function))`: one element after another, in one compiled program.

    An iterative solver stops for each element when that element is done; vectorised, all run to
    the slowest. Each element's program does not know the chunk's length, so results are the same
    to the last bit whatever the batch size.
    """

    def width(self) -> int:
        return 1

    def __call__(self, function, chunk, index, key):
        return _mapped(function, chunk, index, key)


class Sharded(AbstractExecutor):
    """`jit(vmap(function))` with each chunk spread over all local devices (Auto mesh)."""

    def width(self) -> int:
        return len(jax.local_devices())

    def __call__(self, function, chunk, index, key):
        devices = jax.local_devices()
        mesh = jax.make_mesh(
            (len(devices),), ("sweep",), axis_types=(AxisType.Auto,), devices=devices
        )
        chunk, index = jax.device_put((chunk, index), NamedSharding(mesh, PartitionSpec("sweep")))
        everywhere = NamedSharding(mesh, PartitionSpec())
        function, key = eqx.filter_shard((function, key), everywhere)
        return _vectorised(function, chunk, index, key)


def default_executor() -> AbstractExecutor:
    """The executor that suits this machine.

    Returns:
        `Sharded` on several devices, `Mapped` on a single CPU thread, `Vectorised` otherwise.
    """
    if len(jax.local_devices()) > 1:
        return Sharded()
    if jax.default_backend() == "cpu" and _one_thread():
        return Mapped()
    return Vectorised()


def _one_thread() -> bool:
    flags = os.environ.get("XLA_FLAGS", "")
    return usable_cpus() == 1 or "xla_cpu_multi_thread_eigen=false" in flags


def _element(function: Any, value: Any, index: Any, key: Any) -> Any:
    """Element `index` of the sweep: its key depends on its index alone."""
    return function(value) if key is None else function(value, jax.random.fold_in(key, index))


@eqx.filter_jit
def _vectorised(function, chunk, index, key):
    return jax.vmap(lambda value, place: _element(function, value, place, key))(chunk, index)


@eqx.filter_jit
def _mapped(function, chunk, index, key):
    return jax.lax.map(lambda pair: _element(function, pair[0], pair[1], key), (chunk, index))
