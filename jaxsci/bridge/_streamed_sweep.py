"""Sweeps of moment matching over samples on disk: the host reads, compiled code adds up."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._data import Blocks, Weighted
from ._model import LightBridge
from ._spread import Full
from ._statistics import Statistics, Sums, no_sums, packed_exponents, side_sums
from ._streamed import Streamed
from ._sweep import Sweeps, advanced, blank_sweeps, proposed, unfinished


def streamed_sweeps(
    model: LightBridge,
    sides: tuple[Streamed, Streamed],
    middle: Float[Array, "2 d"],
    max_sweeps: Array,
    rtol: Array,
    block_size: int,
) -> tuple[Sweeps, bool]:
    """`guarded_sweeps` over all samples of both sides; memory holds one piece at a time.

    Args:
        model: where to start, relative to `middle`.
        sides: the samples.
        middle: of both sides, about.
        max_sweeps: the most sweeps.
        rtol: the fall of the loss, in nats, that counts as standing still.
        block_size: samples that are worked on at a time.

    Returns:
        The last state, and whether it was interrupted from the keyboard.
    """
    state = blank_sweeps(model)
    try:
        while bool(unfinished(state, max_sweeps, rtol)):
            trial = _proposed(state)
            found = [_total(trial, side, sides[side], middle[side], block_size) for side in (0, 1)]
            state = _advanced(state, trial, *found)
    except KeyboardInterrupt:  # the last finished sweep is kept
        return state, True
    return state, False


_proposed = eqx.filter_jit(proposed)


@eqx.filter_jit
def _advanced(state: Sweeps, trial: LightBridge, start: Sums, end: Sums) -> Sweeps:
    return advanced(state, trial, Statistics(start.moments(), end.moments()))


def _total(model: LightBridge, side: int, samples: Streamed, middle: Array, size: int) -> Sums:
    sums = no_sums(model)
    which = jnp.asarray(side)
    for chunk in samples.chunks("MomentMatching", model.centers.dtype):
        sums = _added(sums, model, which, chunk, middle, min(size, chunk.weights.shape[0]))
    return sums


@eqx.filter_jit
def _added(
    sums: Sums, model: LightBridge, side: Array, chunk: Weighted, middle: Array, size: int
) -> Sums:
    exponents, unpack = packed_exponents(model)
    terms: Any = unpack(exponents[side])
    data = Blocks((chunk,), None, middle[None], size)
    zero = jnp.asarray(0)
    new = side_sums(terms, data, zero, zero, isinstance(model.spread, Full), no_sums(model))
    return jax.tree.map(jnp.add, sums, new)
