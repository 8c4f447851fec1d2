"""Distances between two sets of samples, in memory that grows with their number alone."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._validation import finite_rows, inexact, positive, simplex

_ROWS = 16  # points whose distances to all others are held at a time
_PILOT = 1000  # samples of each side that the median of the distances is taken of

Pair = tuple[ArrayLike | None, ArrayLike | None]
Side = tuple[Float[Array, "n d"], Float[Array, " n"]]  # points and weights


def bw_uvp(
    samples: Float[Array, "n d"], target: Float[Array, "m d"], weights: Pair = (None, None)
) -> Float[Array, ""]:
    """$100\\,BW^2(N(m, C), N(m^*, C^*)) / \\operatorname{tr} C^*$, in per cent.

    The unexplained variance of a marginal, from the first two moments of samples of it; singular
    covariances are allowed. Finite samples of the truth do not score zero.

    Args:
        samples: of the model, at time 1.
        target: of the truth.
        weights: of both, each summing to one; equal by default.

    Raises:
        ValueError: if shapes or weights are wrong, or a row is not finite.

    Source: A. Korotin et al., Wasserstein-2 generative networks (2021), section 5.
    """
    return _bw_uvp(*_sides("bw_uvp", samples, target, weights))


def energy_distance(
    x: Float[Array, "n d"], y: Float[Array, "m d"], weights: Pair = (None, None)
) -> Float[Array, ""]:
    """$2 E|x - y| - E|x - x'| - E|y - y'|$, over all pairs, a point with itself included.

    Never negative, and zero for equal weighted samples alone. Published tables of single-cell
    data show half of it.

    Args:
        x: samples, shape `(n, D)`.
        y: samples, shape `(m, D)`.
        weights: of both, each summing to one; equal by default.

    Raises:
        ValueError: if shapes or weights are wrong, or a row is not finite.

    Source: G. Székely, M. Rizzo, Energy statistics (2013).
    """
    return _energy(*_sides("energy_distance", x, y, weights))


def mmd(
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    bandwidth: ArrayLike | None = None,
    weights: Pair = (None, None),
) -> Float[Array, ""]:
    """$E k(x, x') + E k(y, y') - 2 E k(x, y)$, $k(x, y) = e^{-|x - y|^2/2h^2}$.

    The squared maximum mean discrepancy, over all pairs, a point with itself included.

    Args:
        x: samples, shape `(n, D)`.
        y: samples, shape `(m, D)`.
        bandwidth: $h$; by default the median distance between the samples of both sides (at most
            1000 evenly chosen ones of each), a constant to differentiation.
        weights: of both, each summing to one; equal by default.

    Raises:
        ValueError: if shapes or weights are wrong, a row is not finite, or the bandwidth is not
            positive.

    Source: A. Gretton et al., A kernel two-sample test (2012).
    """
    first, second = _sides("mmd", x, y, weights)
    width = None
    if bandwidth is not None:
        remedy = "leave it out for the median distance."
        width = positive("mmd: bandwidth", bandwidth, first[0].dtype, remedy)
    return _mmd(first, second, width)


def sliced_wasserstein(
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    key: Array,
    num_projections: int = 128,
    weights: Pair = (None, None),
) -> Float[Array, ""]:
    """$(E_\\theta W_2^2(\\theta^T x, \\theta^T y))^{1/2}$ over random directions $\\theta$.

    Args:
        x: samples, shape `(n, D)`.
        y: samples, shape `(m, D)`.
        key: of the directions.
        num_projections: how many; the error falls with its square root.
        weights: of both, each summing to one; equal by default.

    Raises:
        ValueError: if shapes or weights are wrong, a row is not finite, or there are no
            projections.

    Source: N. Bonneel et al., Sliced and Radon Wasserstein barycenters of measures (2015).
    """
    if num_projections < 1:
        raise ValueError(
            f"sliced_wasserstein: num_projections must be at least 1, got {num_projections}."
        )
    return _sliced(*_sides("sliced_wasserstein", x, y, weights), key, num_projections)


def _sides(owner: str, x: ArrayLike, y: ArrayLike, weights: Pair) -> tuple[Side, Side]:
    first = inexact(x)
    second = inexact(y, first.dtype)
    if not (isinstance(weights, tuple) and len(weights) == 2):
        raise ValueError(f"{owner}: weights must be a pair, for both sides; use None for equal.")
    finite_rows(f"{owner}: the first argument", first)
    finite_rows(f"{owner}: the second argument", second)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"{owner}: both sides must have the same dimension, got the shapes {first.shape} and "
            f"{second.shape}."
        )
    sides = []
    for name, points, side in zip(("first", "second"), (first, second), weights):
        title = f"{owner}: weights of the {name} side"
        sides.append((points, simplex(title, side, points.shape[0], points.dtype)))
    return sides[0], sides[1]


@jax.jit
def _bw_uvp(first: Side, second: Side) -> Float[Array, ""]:
    (mean0, root0), (mean1, root1) = _moments(*first), _moments(*second)
    variances = jnp.sum(root0**2), jnp.sum(root1**2)
    cross = jnp.sum(jnp.linalg.svd(root0 @ root1.T, compute_uv=False))
    distance = jnp.sum((mean0 - mean1) ** 2) + variances[0] + variances[1] - 2 * cross
    return 100 * distance / variances[1]


@jax.jit
def _energy(first: Side, second: Side) -> Float[Array, ""]:
    within = _mean_of_pairs(_root, first, first) + _mean_of_pairs(_root, second, second)
    return 2 * _mean_of_pairs(_root, first, second) - within


@jax.jit
def _mmd(first: Side, second: Side, bandwidth: Array | None) -> Float[Array, ""]:
    width = _median_distance(first[0], second[0]) if bandwidth is None else bandwidth
    kernel = lambda squares: jnp.exp(-squares / (2 * width**2))
    within = _mean_of_pairs(kernel, first, first) + _mean_of_pairs(kernel, second, second)
    return within - 2 * _mean_of_pairs(kernel, first, second)


@partial(jax.jit, static_argnums=3)
def _sliced(first: Side, second: Side, key: Array, num: int) -> Float[Array, ""]:
    (x, a), (y, b) = first, second
    directions = jax.random.normal(key, (num, x.shape[1]), x.dtype)
    directions = directions / jnp.linalg.norm(directions, axis=1, keepdims=True)
    squares = jax.lax.map(lambda d: _squared_wasserstein(x @ d, a, y @ d, b), directions)
    return jnp.sqrt(jnp.mean(squares))


def _moments(points: Array, weights: Array) -> tuple[Float[Array, " d"], Float[Array, "r d"]]:
    """The mean, and $R$ with $R^T R$ the covariance: no square root of a singular matrix."""
    mean = weights @ points
    scaled = jnp.sqrt(weights)[:, None] * (points - mean)
    return mean, jnp.linalg.qr(scaled, mode="r")


def _mean_of_pairs(
    function: Callable[[Array], Array], first: Side, second: Side
) -> Float[Array, ""]:
    """$\\sum_{ij} a_i b_j f(|x_i - y_j|^2)$, a few rows at a time, in derivatives too."""
    points, weights = second

    @jax.checkpoint
    def row(inputs: tuple[Array, Array]) -> Array:
        point, weight = inputs
        return weight * (function(jnp.sum((points - point) ** 2, axis=1)) @ weights)

    return jnp.sum(jax.lax.map(row, first, batch_size=_ROWS))


def _root(squares: Array) -> Array:
    """The square root, with the derivative zero at zero."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)


def _median_distance(x: Array, y: Array) -> Float[Array, ""]:
    """Of different points of the pooled samples; one if all of them coincide."""
    pilot = lambda points: points[:: -(-points.shape[0] // _PILOT)]
    pooled = jax.lax.stop_gradient(jnp.concatenate([pilot(x), pilot(y)]))
    row = lambda point: jnp.sum((pooled - point) ** 2, axis=1)
    squares = jax.lax.map(row, pooled, batch_size=_ROWS)
    median = jnp.sqrt(jnp.median(squares[jnp.triu_indices(pooled.shape[0], 1)]))
    return jnp.where(median > 0, median, 1)


def _squared_wasserstein(x: Array, a: Array, y: Array, b: Array) -> Float[Array, ""]:
    """$\\int_0^1 (F_x^{-1}(q) - F_y^{-1}(q))^2 dq$ of weighted numbers, exactly."""
    (x, a), (y, b) = _sorted(x, a), _sorted(y, b)
    levels = jnp.sort(jnp.concatenate([a, b]))
    lengths = jnp.diff(levels, prepend=0.0)
    middles = jax.lax.stop_gradient(levels - lengths / 2)
    at = lambda values, sums: values[jnp.minimum(jnp.searchsorted(sums, middles), values.size - 1)]
    return jnp.sum(lengths * (at(x, a) - at(y, b)) ** 2)


def _sorted(values: Array, weights: Array) -> tuple[Array, Array]:
    """Values in order, and the distribution function at them."""
    order = jnp.argsort(values)
    return values[order], jnp.cumsum(weights[order])
