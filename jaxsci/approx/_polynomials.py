"""Orthogonal polynomials and their derivatives by three-term recurrences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._nodes import check_count


def legendre_values(
    x: Float[Array, " n"], degree_max: int, order: int = 0
) -> Float[Array, "n degrees"]:
    """$P_k^{(m)}(x)$ for $k = 0 \\dots K$: Legendre polynomials or their $m$-th derivatives.

    The derivatives follow the differentiated recurrence
    $(k+1) P_{k+1}^{(m)} = (2k+1)(x P_k^{(m)} + m P_k^{(m-1)}) - k P_{k-1}^{(m)}$.

    Args:
        x: points in $[-1, 1]$, shape `(n,)`.
        degree_max: the highest degree $K$.
        order: the order $m$ of the derivative.

    Returns:
        Shape `(n, degree_max + 1)`, one column per degree.

    Raises:
        ValueError: if `degree_max` or `order` is negative.
    """
    return legendre_jet(x, degree_max, order)[order]


def legendre_jet(
    x: Float[Array, " n"], degree_max: int, max_order: int
) -> Float[Array, "orders n degrees"]:
    """$P_k^{(m)}(x)$ for $k = 0 \\dots K$ and all orders $m = 0 \\dots M$, in one recurrence.

    Args:
        x: points in $[-1, 1]$, shape `(n,)`.
        degree_max: the highest degree $K$.
        max_order: the highest order $M$.

    Returns:
        Shape `(M + 1, n, K + 1)`; its slice `[m]` is `legendre_values(x, K, m)`.

    Raises:
        ValueError: if `degree_max` or `max_order` is negative.
    """
    _check("legendre_jet", degree_max, max_order)
    k = np.arange(degree_max)
    rates = np.stack([(2 * k + 1) / (k + 1), k / (k + 1)], axis=1)
    return jnp.moveaxis(_three_term(x, rates, max_order), 0, 2)


def chebyshev_values(
    x: Float[Array, " n"], degree_max: int, order: int = 0
) -> Float[Array, "n degrees"]:
    """$T_k^{(m)}(x)$ for $k = 0 \\dots K$: Chebyshev polynomials or their $m$-th derivatives.

    The derivatives follow the differentiated recurrence
    $T_{k+1}^{(m)} = 2 (x T_k^{(m)} + m T_k^{(m-1)}) - T_{k-1}^{(m)}$.

    Args:
        x: points in $[-1, 1]$, shape `(n,)`.
        degree_max: the highest degree $K$.
        order: the order $m$ of the derivative.

    Returns:
        Shape `(n, degree_max + 1)`, one column per degree.

    Raises:
        ValueError: if `degree_max` or `order` is negative.
    """
    _check("chebyshev_values", degree_max, order)
    k = np.arange(degree_max)
    return _three_term(x, np.stack([np.where(k == 0, 1.0, 2.0), np.sign(k)], axis=1), order)[
        :, order
    ].T


def _check(name: str, degree_max: int, order: int) -> None:
    check_count(f"{name} (degree_max)", degree_max, 0)
    check_count(f"{name} (order)", order, 0)


@functools.partial(jax.jit, static_argnames=("order",))
def _three_term(x: Array, rates: np.ndarray, order: int) -> Array:
    """$p_{k+1} = u_k\\,x\\,p_k - b_k\\,p_{k-1}$, all derivatives to `order`; rates $(u, b)$."""
    chain = jnp.arange(1, order + 1).astype(x.dtype)[:, None]

    def advance(carry, rate):
        current, previous = carry
        lower_orders = jnp.pad(chain * current[:-1], ((1, 0), (0, 0)))
        following = rate[0] * (x * current + lower_orders) - rate[1] * previous
        return (following, current), following

    start = jnp.zeros((order + 1, x.shape[0]), x.dtype).at[0].set(1)
    carry = (start, jnp.zeros_like(start))
    _, rows = jax.lax.scan(advance, carry, jnp.asarray(rates, x.dtype))
    return jnp.concatenate([start[None], rows])
