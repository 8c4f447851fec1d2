"""Symmetric Toeplitz matrices as GP-HM meets them: one factorisation, derivatives by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._gram import solve_with_factor


class ToeplitzFactor(eqx.Module):
    """$T = C C^T$ with $T_{ij} = c_{|i-j|}$, factorised once for solves and log-determinant.

    Attributes:
        column: $c$, the only thing that derivatives are taken in.
        matrix: $T$.
        cholesky: $C$, a constant of differentiation.
    """

    column: Float[Array, " n"]
    matrix: Float[Array, "n n"]
    cholesky: Float[Array, "n n"]

    def __init__(self, column: Float[Array, " n"], jitter: ArrayLike):
        """Factorise $T + \\epsilon I$; not positive definite in this precision gives NaN."""
        self.column = column.at[0].add(jnp.asarray(jitter, column.dtype))
        self.matrix = toeplitz(self.column, 0)
        self.cholesky = jnp.linalg.cholesky(jax.lax.stop_gradient(self.matrix))

    def solve(self, b: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
        """$T^{-1} b$."""
        return solve_with_factor(self.matrix, self.cholesky, b)

    def logdet(self) -> Float[Array, ""]:
        """$\\log\\det T$."""
        return _logdet(self.column, self.cholesky)


def toeplitz(column: Float[Array, " n"], order: int) -> Float[Array, "n n"]:
    """$T_{ij} = c_{i-j}$ with $c_{-m} = (-1)^n c_m$: derivatives of even kernels alternate.

    A circulant of period $2n-1$ holds it: repeating one period and cutting it into rows that are
    one shorter shifts every row by one. No gather, so the transpose is a sum and no scatter.
    """
    n = column.shape[0]
    negative = -column[1:] if order % 2 else column[1:]  # c_{-m}, on the upper diagonals
    period = jnp.concatenate([column[:1], negative, column[:0:-1]])
    rows = jnp.tile(period, n)[: n * (2 * n - 2)].reshape(n, 2 * n - 2) if n > 1 else period[None]
    return rows[:, :n]


@jax.custom_jvp
def _logdet(column: Array, cholesky: Array) -> Array:
    return 2 * jnp.sum(jnp.log(jnp.diagonal(cholesky)))


@_logdet.defjvp
def _logdet_jvp(primals, tangents):
    column, cholesky = primals
    return _logdet(column, cholesky), jnp.dot(_diagonal_sums(column, cholesky), tangents[0])


def _diagonal_sums(column: Array, cholesky: Array) -> Array:
    """$\\partial \\log\\det T / \\partial c_k$, the sums of the $\\pm k$-th diagonals of $T^{-1}$.

    From the first column $x = T^{-1} e_0$ alone, by the Gohberg-Semencul formula:
    $\\sum_i (T^{-1})_{i, i+k} = x_0^{-1} \\sum_j (n - k - 2j)\\, x_j x_{j+k}$.
    No inverse is formed.
    """
    n = column.shape[0]
    first = jnp.zeros_like(column).at[0].set(1.0)
    x = solve_with_factor(toeplitz(column, 0), cholesky, first)
    j = jnp.arange(n, dtype=x.dtype)
    plain = _correlate(x, x)
    weighted = _correlate(j * x, x)
    sums = ((n - j) * plain - 2 * weighted) / x[0]
    return sums.at[1:].multiply(2.0)


def _correlate(a: Array, b: Array) -> Array:
    """$\\sum_j a_j b_{j+k}$ for $k = 0 \\dots n-1$."""
    return jnp.correlate(b, a, mode="full")[a.shape[0] - 1 :]
