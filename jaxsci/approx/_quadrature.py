"""Quadrature weights for the nodes of this room: $\\int_a^b f \\approx \\sum_i w_i f(x_i)$."""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._nodes import check_count, float_dtype, gauss_legendre_nodes


def trapezoid_weights(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """Trapezoidal rule on `uniform_nodes`: $h\\,(1/2, 1, \\dots, 1, 1/2)$.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 2.

    Returns:
        The weights, with sum $b - a$.

    Raises:
        ValueError: if `n` is less than 2.
    """
    check_count("trapezoid_weights", n, 2)
    shape = np.ones(n)
    shape[[0, -1]] = 0.5
    return _scaled(lower, upper, shape / (n - 1))


def clenshaw_curtis_weights(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """Clenshaw-Curtis weights on `chebyshev_nodes`, exact for polynomials of degree $n - 1$.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 2.

    Returns:
        The weights, all positive, with sum $b - a$.

    Raises:
        ValueError: if `n` is less than 2.
    """
    check_count("clenshaw_curtis_weights", n, 2)
    return _scaled(lower, upper, _clenshaw_curtis(n))


def gauss_legendre_weights(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """The weights of `gauss_legendre_nodes`.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 1.

    Returns:
        The weights, all positive, with sum $b - a$.

    Raises:
        ValueError: if `n` is less than 1.
    """
    return gauss_legendre_nodes(lower, upper, n)[1]


def _scaled(lower: ArrayLike, upper: ArrayLike, weights: np.ndarray) -> Float[Array, " n"]:
    dtype = float_dtype(lower, upper)
    length = jnp.asarray(upper, dtype) - jnp.asarray(lower, dtype)
    return length * jnp.asarray(weights, dtype)


@functools.lru_cache(maxsize=64)
def _clenshaw_curtis(n: int) -> np.ndarray:
    """Weights of sum 1: the cosine transform of the moments $\\int T_k = 2/(1 - k^2)$, $k$ even.

    Waldvogel, BIT 46 (2006) 195-202.
    """
    m = n - 1
    moments = np.zeros(n)
    moments[::2] = 2.0 / (1.0 - np.arange(0, n, 2) ** 2)
    periodic = np.concatenate([moments, moments[m - 1 : 0 : -1]])
    weights = np.fft.ifft(periodic).real[:n]
    weights[1:m] *= 2
    return weights / weights.sum()
