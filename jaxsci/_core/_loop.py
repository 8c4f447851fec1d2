"""The one iteration loop: chunks of steps are compiled, the host loops over the chunks."""

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree
from tqdm import tqdm

from ._nouns import AbstractIterativeMethod, AbstractSolution
from ._results import RESULTS, concrete


class Loop(eqx.Module):
    """How to watch and protect long work; it never changes the answer.

    Attributes:
        chunk: steps per compiled chunk; the host looks up between chunks.
        progress: show a progress bar with the method's metrics.
        checkpoint: a file to save the state to after every chunk, and to resume from.
    """

    chunk: int = eqx.field(static=True, default=100)
    progress: bool = eqx.field(static=True, default=False)
    checkpoint: str | Path | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.chunk < 1:
            raise ValueError(f"Loop: chunk must be at least 1 step, got {self.chunk}.")


def iterate(
    problem: Any, method: AbstractIterativeMethod, key: Array | None, loop: Loop
) -> AbstractSolution:
    """Run `method` on `problem` to its end.

    On concrete inputs the host drives chunks; inside a transformation (`jit`, `vmap`, `grad`) the
    same steps run as one checkpointed scan that reverse-mode can differentiate.
    """
    data, state = method.init(problem, key)
    if concrete((method, data, state)):
        state, stats, interrupted = _host_loop(method, data, state, loop)
    else:
        state, stats, interrupted = _traced_loop(method, data, state, loop), {}, False
    stats = {"num_steps": state[0], **stats}
    solution = method.finish(problem, data, state[1], stats)
    if interrupted:
        return eqx.tree_at(lambda s: s.result, solution, RESULTS.interrupted)
    return solution


def _advance(method, data, counted):
    """One step, unless the method is done or its last step is behind it."""
    count, state = counted
    stop = (count >= method.max_steps) | method.done(data, state)
    return jax.lax.cond(
        stop,
        lambda pair: pair,
        lambda pair: (pair[0] + 1, _step(method, data, pair[1])),
        (count, state),
    )


@eqx.filter_jit
def _step(method, data, state):
    return method.step(data, state)


def _scan(method, data, counted, length):
    body = lambda carry, _: (_advance(method, data, carry), None)
    return jax.lax.scan(body, counted, None, length=length)[0]


@eqx.filter_jit
def _run_chunk(method, data, counted, length: int):
    counted = _scan(method, data, counted, length)
    return counted, method.done(data, counted[1]), method.metrics(counted[1])


def _traced_loop(method, data, state, loop: Loop):
    full, rest = divmod(method.max_steps, loop.chunk)
    chunk = jax.checkpoint(lambda carry: _scan(method, data, carry, loop.chunk))
    counted = (jnp.asarray(0), state)
    if full:  # a scan of no steps would still be compiled
        counted = jax.lax.scan(lambda c, _: (chunk(c), None), counted, None, length=full)[0]
    return _scan(method, data, counted, rest) if rest else counted


def _host_loop(method, data, state, loop: Loop) -> tuple[tuple[Array, PyTree], dict, bool]:
    counted = _resume(loop, method, (jnp.asarray(0), state))
    interrupted = False
    bar = tqdm(
        total=method.max_steps,
        initial=int(counted[0]),
        disable=not loop.progress,
        desc=type(method).__name__,
    )
    with bar:
        try:
            while int(counted[0]) < method.max_steps:
                counted, done, metrics = _run_chunk(method, data, counted, loop.chunk)
                bar.update(int(counted[0]) - bar.n)
                bar.set_postfix({name: f"{float(size):.3g}" for name, size in metrics.items()})
                _save(loop, method, counted)
                if bool(done):
                    break
        except KeyboardInterrupt:  # the last finished chunk is kept
            interrupted = True
    return counted, {}, interrupted


def _signature(method, counted) -> dict:
    leaves = [[list(jnp.shape(leaf)), str(leaf.dtype)] for leaf in jax.tree.leaves(counted)]
    return {"format": 1, "method": type(method).__name__, "leaves": leaves}


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_keys(tree: PyTree) -> PyTree:
    """Random keys as the integers they hold, which can be written to a file."""
    return jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, tree)


def _with_keys(like: PyTree, plain: PyTree) -> PyTree:
    """The inverse of `_without_keys`, with the key types of `like`."""
    wrap = lambda key, x: jax.random.wrap_key_data(x, impl=jax.random.key_impl(key))
    return jax.tree.map(lambda old, x: wrap(old, x) if _is_key(old) else x, like, plain)


def _save(loop: Loop, method, counted) -> None:
    if loop.checkpoint is None:
        return
    path = Path(loop.checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write((json.dumps(_signature(method, counted)) + "\n").encode())
        eqx.tree_serialise_leaves(file, _without_keys(counted))
    partial.replace(path)  # atomic: an interruption never leaves half a checkpoint


def _resume(loop: Loop, method, counted):
    if loop.checkpoint is None or not Path(loop.checkpoint).exists():
        return counted
    with Path(loop.checkpoint).open("rb") as file:
        found = _header(loop.checkpoint, file.readline())
        if found != _signature(method, counted):
            raise ValueError(
                f"checkpoint {loop.checkpoint} belongs to another run: it holds a "
                f"{found.get('method')} state with {len(found.get('leaves', []))} arrays of other "
                f"shapes than this {type(method).__name__} needs. Name another file, or delete it."
            )
        return _with_keys(counted, eqx.tree_deserialise_leaves(file, _without_keys(counted)))


def _header(name: str | Path, line: bytes) -> dict:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not a checkpoint of this library. Name another file.")
    return found
