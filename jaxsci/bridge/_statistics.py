"""The expectation step: loss, component masses and moments of both sides, block by block."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from ._data import Blocks, Weighted
from ._exponents import Exponents
from ._model import LightBridge
from ._spread import AbstractSpread, Diagonal, Full


class Moments(eqx.Module):
    """Of one side, under the posterior probabilities of the components.

    Attributes:
        mass: $E p_k$.
        mean: $\\mu_k$.
        spread: the covariances.
        overlap: $E p_k p_l$.
        log_sum: $E\\log\\sum_k e^{\\cdot}$ of the exponents.
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


class Sums(eqx.Module):
    """Weighted sums over samples, which add up over blocks.

    Attributes:
        weight: of all samples.
        log_sum: $\\log\\sum_k e^{\\cdot}$.
        mass: posteriors $p_k$.
        first: $p_k x$.
        second: $p_k x x^T$, or its diagonal.
        overlap: $p_k p_l$.
    """

    weight: Float[Array, ""]
    log_sum: Float[Array, ""]
    mass: Float[Array, " k"]
    first: Float[Array, "k d"]
    second: Float[Array, "k d ..."]
    overlap: Float[Array, "k k"]

    def moments(self) -> Moments:
        """The averages; a component without mass has none, and gets zeros."""
        mean, spread = mean_and_spread(self.mass, self.first, self.second)
        total = self.weight
        return Moments(self.mass / total, mean, spread, self.overlap / total, self.log_sum / total)


def statistics(model: LightBridge, data: Blocks, few: Int[Array, ""]) -> Statistics:
    """Both sides; over `few` blocks of the subset, or over all samples where it is zero."""
    full = isinstance(model.spread, Full)
    zeros = no_sums(model)
    # packed into one array each: a smaller program
    exponents, unpack_exponents = packed_exponents(model)
    unpack = ravel_pytree(zeros.moments())[1]

    # the sides in a loop: one program for both
    def one(side: tuple[Array, Array]) -> Array:
        index, exponents = side
        sums = side_sums(unpack_exponents(exponents), data, index, few, full, zeros)
        return ravel_pytree(sums.moments())[0]

    first, second = jax.lax.map(one, (jnp.arange(2), exponents))
    return Statistics(unpack(first), unpack(second))  # pyright: ignore[reportArgumentType]


def side_sums(
    terms: Exponents, data: Blocks, side: Array, few: Array, full: bool, zeros: Sums
) -> Sums:
    """Over the blocks of one side; over `few` blocks of its subset, or over all for zero."""
    start, unpack = ravel_pytree(zeros)

    def add(number: Array, sums: Array) -> Array:
        block = data.block(side, few, number)
        return sums + ravel_pytree(block_sums(terms(block.points), block, full))[0]

    return unpack(jax.lax.fori_loop(0, data.count(side, few), add, start))  # pyright: ignore[reportReturnType]


def packed_exponents(model: LightBridge) -> tuple[Float[Array, "2 p"], Any]:
    """Those of the normaliser and of the potential, flat, and how to unpack them."""
    first, unpack = ravel_pytree(model.normaliser_exponents())
    return jnp.stack([first, ravel_pytree(model.potential_exponents())[0]]), unpack


def no_sums(model: LightBridge) -> Sums:
    """Of no samples."""
    num, dim = model.spread.shape
    zeros = lambda *shape: jnp.zeros(shape, model.centers.dtype)
    second = zeros(num, dim, dim) if isinstance(model.spread, Full) else zeros(num, dim)
    return Sums(zeros(), zeros(), zeros(num), zeros(num, dim), second, zeros(num, num))


def block_sums(terms: Float[Array, "k c"], block: Weighted, full: bool) -> Sums:
    """Of one block, with posteriors $p = \\operatorname{softmax}$ of the terms."""
    points, weights = block.points, block.weights
    peak = jnp.max(terms, axis=0)
    shifted = jnp.exp(terms - peak)
    size = jnp.sum(shifted, axis=0)
    posterior = shifted / size
    weighted = posterior * weights
    log_sum = jnp.sum(weights * (jnp.log(size) + peak))
    mass, first = jnp.sum(weighted, axis=1), weighted @ points
    second = second_moments(weighted, points, full)
    return Sums(jnp.sum(weights), log_sum, mass, first, second, weighted @ posterior.T)


def second_moments(
    weights: Float[Array, "k n"], points: Float[Array, "n d"], full: bool
) -> Float[Array, "k d ..."]:
    """$\\sum_n w_{kn} x_n x_n^T$, or its diagonal."""
    if full:
        return jax.lax.map(lambda w: (points * w[:, None]).T @ points, weights)
    return weights @ points**2


def mean_and_spread(
    mass: Float[Array, " k"], first: Float[Array, "k d"], second: Float[Array, "k d ..."]
) -> tuple[Float[Array, "k d"], AbstractSpread]:
    """Means and covariances from sums; zeros where there is no mass."""
    safe = jnp.where(mass > 0, mass, 1)
    mean = first / safe[:, None]
    if second.ndim == 2:
        return mean, Diagonal(jnp.maximum(second / safe[:, None] - mean**2, 0))
    outer = mean[:, :, None] * mean[:, None, :]
    return mean, Full(second / safe[:, None, None] - outer)
