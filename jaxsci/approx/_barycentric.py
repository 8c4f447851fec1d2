"""Polynomial interpolation and differentiation by the barycentric formula."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._nodes import chebyshev_nodes, check_count, float_dtype


@jax.jit
def barycentric_weights(nodes: Float[Array, " n"]) -> Float[Array, " n"]:
    """$w_j \\propto 1/\\prod_{k \\ne j}(x_j - x_k)$, scaled to the largest modulus 1.

    The product is a sum of logarithms, so that it neither overflows nor underflows.

    Args:
        nodes: distinct nodes, shape `(n,)`.

    Returns:
        The weights; a common factor does not matter in the barycentric formula.
    """
    distance = _off_diagonal(nodes[:, None] - nodes[None, :])
    logarithm = -jnp.log(jnp.abs(distance)).sum(axis=1)
    return jnp.sign(distance).prod(axis=1) * jnp.exp(logarithm - logarithm.max())


def chebyshev_weights(n: int) -> np.ndarray:
    """The barycentric weights of `chebyshev_nodes`: $(-1)^j$, halved at both ends."""
    weights = (-1.0) ** np.arange(n)
    weights[[0, -1]] *= 0.5
    return weights


@jax.jit
def interpolation_matrix(
    nodes: Float[Array, " n"], x: Float[Array, " m"], weights: Float[Array, " n"] | None = None
) -> Float[Array, "m n"]:
    """$\\ell_j(x_i)$: from values at `nodes` to the values of their polynomial at `x`.

    Second barycentric formula, $\\ell_j(x) = \\frac{w_j}{x - x_j} / \\sum_k \\frac{w_k}{x - x_k}$;
    Berrut and Trefethen, SIAM Review 46 (2004), eq. 4.2. At a node the row is a unit vector.

    Args:
        nodes: distinct nodes, shape `(n,)`.
        x: where to evaluate, shape `(m,)`.
        weights: `barycentric_weights(nodes)` if they are known.

    Returns:
        Shape `(m, n)`.
    """
    weights = barycentric_weights(nodes) if weights is None else weights
    distance = x[:, None] - nodes[None, :]
    hit = distance == 0
    terms = weights / jnp.where(hit, 1, distance)
    regular = terms / terms.sum(axis=1, keepdims=True)
    return jnp.where(hit.any(axis=1, keepdims=True), hit.astype(regular.dtype), regular)


@functools.partial(jax.jit, static_argnames=("order",))
def differentiation_matrix(
    nodes: Float[Array, " n"], order: int = 1, weights: Float[Array, " n"] | None = None
) -> Float[Array, "n n"]:
    """$D^{(m)}_{ij} = \\ell_j^{(m)}(x_i)$: from values at `nodes` to their $m$-th derivative there.

    Args:
        nodes: distinct nodes, shape `(n,)`.
        order: the order $m$; 0 is the identity.
        weights: `barycentric_weights(nodes)` if they are known.

    Returns:
        Shape `(n, n)`.

    Raises:
        ValueError: if `order` is negative.
    """
    check_count("differentiation_matrix (order)", order, 0)
    weights = barycentric_weights(nodes) if weights is None else weights
    return _welfert(jnp, nodes[:, None] - nodes[None, :], weights, order)


def chebyshev_differentiation(
    lower: ArrayLike, upper: ArrayLike, n: int, order: int = 1
) -> Float[Array, "n n"]:
    """The derivative of order $m$ on `chebyshev_nodes(lower, upper, n)`.

    Node distances are products of sines of exact multiples of $\\pi/(2n-2)$, so that every entry
    has nearly full relative accuracy; Weideman and Reddy, ACM TOMS 26 (2000) 465-519. The matrix
    of $[-1, 1]$ is made on the host, once per count and order, and scaled.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 2.
        order: the order $m$; 0 is the identity.

    Returns:
        Shape `(n, n)`.

    Raises:
        ValueError: if `n` is less than 2 or `order` negative.
    """
    check_count("chebyshev_differentiation", n, 2)
    check_count("chebyshev_differentiation (order)", order, 0)
    dtype = float_dtype(lower, upper)
    length = jnp.asarray(upper, dtype) - jnp.asarray(lower, dtype)
    return jnp.asarray(chebyshev_reference(n, order), dtype) * (2 / length) ** order


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def chebyshev_cardinals(xi: Float[Array, " m"], n: int, order: int = 0) -> Float[Array, "m n"]:
    """$\\ell_j^{(m)}(\\xi_i)$ of the Chebyshev nodes of $[-1, 1]$.

    Differentiating it with respect to `xi` gives the next order, also at the nodes themselves.

    Args:
        xi: where, in $[-1, 1]$, shape `(m,)`.
        n: the number of nodes, at least 2.
        order: the order of the derivative.

    Returns:
        Shape `(m, n)`.
    """
    one = jnp.ones((), xi.dtype)
    weights = jnp.asarray(chebyshev_weights(n), xi.dtype)
    interpolate = interpolation_matrix(chebyshev_nodes(-one, one, n), xi, weights)
    if order == 0:
        return interpolate
    return interpolate @ chebyshev_differentiation(-one, one, n, order)


@chebyshev_cardinals.defjvp
def _chebyshev_cardinals_jvp(n, order, primals, tangents):
    (xi,), (tangent,) = primals, tangents
    value = chebyshev_cardinals(xi, n, order)
    return value, tangent[:, None] * chebyshev_cardinals(xi, n, order + 1)


def _off_diagonal(distance: Array) -> Array:
    """`distance` with ones on the diagonal."""
    return jnp.where(jnp.eye(distance.shape[0], dtype=bool), 1, distance)


def _welfert(xp: Any, distance: Any, weights: Any, order: int) -> Any:
    """$D^{(m)}_{ij} = \\frac{m}{x_i - x_j} (\\frac{w_j}{w_i} D^{(m-1)}_{ii} - D^{(m-1)}_{ij})$.

    Welfert, SIAM J. Numer. Anal. 34 (1997). The diagonal is the negative sum of the others
    (constants have no derivative), which cancels most of the rounding error. `xp` is `numpy` for
    fixed nodes and `jax.numpy` for traced ones.
    """
    n = distance.shape[0]
    diagonal = xp.eye(n, dtype=bool)
    distance = xp.where(diagonal, 1, distance)
    ratio = weights[None, :] / weights[:, None]
    matrix = xp.eye(n, dtype=distance.dtype)
    for m in range(1, order + 1):
        raised = m / distance * (ratio * xp.diagonal(matrix)[:, None] - matrix)
        raised = xp.where(diagonal, 0, raised)
        matrix = xp.where(diagonal, -raised.sum(axis=1, keepdims=True), raised)
    return matrix


@functools.lru_cache(maxsize=32)
def chebyshev_reference(n: int, order: int) -> np.ndarray:
    """`chebyshev_differentiation` on $[-1, 1]$ as a constant of the host, kept per count and order.

    With $x_i - x_j = 2 \\sin\\frac{\\pi(i+j)}{2(n-1)} \\sin\\frac{\\pi(i-j)}{2(n-1)}$.

    Args:
        n: the number of nodes, at least 2.
        order: the order of the derivative.

    Returns:
        Shape `(n, n)`, float64; do not write to it.
    """
    m = 2 * (n - 1)
    k = np.arange(m + 1)
    sines = np.sin(np.pi * np.minimum(k, m - k) / m)
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    distance = 2 * sines[i + j] * np.sign(i - j) * sines[np.abs(i - j)]
    return _welfert(np, distance, chebyshev_weights(n), order)
