"""The expectation step: loss, component masses and moments of both sides, block by block."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._data import Blocks
from ._model import LightBridge
from ._spread import AbstractSpread, Diagonal, Full


class Moments(eqx.Module):
    """Of one side, under the posterior probabilities of the components.

    Attributes:
        mass: $E p_k$.
        mean: $\\mu_k$.
        spread: the covariances.
        overlap: $E p_k p_l$.
        log_sum: $E\\log\\sum_k e^{\\cdot}$ of the terms.
    """

    mass: Float[Array, " k"]
    mean: Float[Array, "k d"]
    spread: AbstractSpread
    overlap: Float[Array, "k k"]
    log_sum: Float[Array, ""]


class Statistics(eqx.Module):
    """Both sides at a model.

    Attributes:
        start: the side of $x$, posteriors under $c$.
        end: the side of $y$, posteriors under $v$.
    """

    start: Moments
    end: Moments

    @property
    def loss(self) -> Float[Array, ""]:
        """$E\\log c - E\\log v$."""
        return self.start.log_sum - self.end.log_sum


def statistics(model: LightBridge, start: Blocks, end: Blocks, few: Bool[Array, ""]) -> Statistics:
    """Both sides; over the few samples of the subset, or over all."""
    full = isinstance(model.spread, Full)
    return Statistics(
        _moments(model.normaliser_terms, start, model.spread.shape, full, few),
        _moments(model.potential_terms, end, model.spread.shape, full, few),
    )


def _moments(
    terms: Callable[[Array], Array],
    blocks: Blocks,
    shape: tuple[int, int],
    full: bool,
    few: Array,
) -> Moments:
    num, dim = shape
    dtype = blocks.points.dtype
    second = jnp.zeros((num, dim, dim) if full else shape, dtype)
    zeros = (jnp.zeros((), dtype), jnp.zeros(num, dtype), jnp.zeros(shape, dtype), second)
    start = (jnp.zeros((), dtype), *zeros, jnp.zeros((num, num), dtype))

    def add(b, sums):
        points, weights = blocks.points[b], blocks.weights[b]
        return jax.tree.map(jnp.add, sums, block_sums(terms(points), points, weights, full))

    # a dynamic range of blocks: the coarse and the fine stage are one program
    sums = jax.lax.fori_loop(*blocks.span(few), add, start)
    total, log_sum, mass, first, second, overlap = sums
    safe = jnp.where(mass > 0, mass, 1)
    mean = first / safe[:, None]
    if full:
        spread = Full(second / safe[:, None, None] - mean[:, :, None] * mean[:, None, :])
    else:
        spread = Diagonal(jnp.maximum(second / safe[:, None] - mean**2, 0))
    return Moments(mass / total, mean, spread, overlap / total, log_sum / total)


def block_sums(
    terms: Float[Array, "c k"], points: Float[Array, "c d"], weights: Float[Array, " c"], full: bool
) -> tuple[Array, ...]:
    """Weight, log-sum, masses, first and second moments, overlaps of one block."""
    peak = jnp.max(terms, axis=1, keepdims=True)
    shifted = jnp.exp(terms - peak)
    size = jnp.sum(shifted, axis=1, keepdims=True)
    posterior = shifted / size
    weighted = posterior * weights[:, None]
    log_sum = jnp.sum(weights * (jnp.log(size) + peak)[:, 0])
    if full:
        second = jax.lax.map(lambda p: (points * p[:, None]).T @ points, weighted.T)
    else:
        second = weighted.T @ points**2
    sums = jnp.sum(weights), log_sum, jnp.sum(weighted, axis=0), weighted.T @ points
    return (*sums, second, weighted.T @ posterior)
