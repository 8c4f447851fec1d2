"""Toeplitz matrices: products by FFT, Cholesky factors by the Schur algorithm."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._base import AbstractStructuredOperator
from ._factorisation import AbstractFactorisation, CholeskyFactorisation, factorise_dense
from ._guard import check_dense
from ._parts import as_real
from ._tags import as_tags, common_tags, scaled_tags, shifted_tags


class Toeplitz(AbstractStructuredOperator):
    """$A_{ij} = t_{i-j}$: a stationary kernel on equispaced points.

    Products take $O(n \\log n)$. A positive definite one is factorised by the Schur algorithm in
    $O(n^2)$ operations and memory; any other square one by dense LU. Above the size guard use
    an iterative solver, to which the fast products are what it needs.

    Attributes:
        column: the first column, $t_0, t_1, \\dots$.
        row: the first row, $t_0, t_{-1}, \\dots$; `None` for a symmetric matrix.
        tags: lineax tags.
    """

    column: Float[Array, " m"]
    row: Float[Array, " n"] | None
    tags: frozenset[object] = eqx.field(static=True)

    def __init__(
        self,
        column: Float[Array, " m"],
        row: Float[Array, " n"] | None = None,
        tags: object = (),
    ):
        """Build from the first column and row.

        Args:
            column: the first column, shape `(m,)`.
            row: the first row, shape `(n,)`; its first entry is ignored in favour of the
                column's. `None` makes the matrix symmetric.
            tags: lineax tags.

        Raises:
            ValueError: if `column` or `row` is not a vector, or their dtypes differ.
            TypeError: if one is complex.
        """
        self.column = as_real("Toeplitz: column", column)
        self.row = None if row is None else as_real("Toeplitz: row", row)
        for name, part in (("column", self.column), ("row", self.row)):
            if part is not None and (part.ndim != 1 or part.dtype != self.column.dtype):
                raise ValueError(
                    f"Toeplitz: {name} must be a vector of dtype {self.column.dtype}, got shape "
                    f"{part.shape} and dtype {part.dtype}."
                )
        self.tags = as_tags(tags)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.column.shape[0], self._row().shape[0]

    @property
    def dtype(self) -> Any:
        """That of the column."""
        return self.column.dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " m"]:
        """A convolution, circular in a length that leaves room for all of it."""
        rows, columns = self.shape
        length = 1 << (rows + columns - 2).bit_length()
        padding = jnp.zeros(length - rows - columns + 1, self.dtype)
        kernel = jnp.concatenate([self.column, padding, self._row()[:0:-1]])
        product = jnp.fft.rfft(kernel) * jnp.fft.rfft(vector, length)
        return jnp.fft.irfft(product, length)[:rows]

    def transpose(self) -> "Toeplitz":
        """Row and column exchanged."""
        tags = lx.transpose_tags(self.tags)
        if self.row is None:
            return Toeplitz(self.column, None, tags)
        return Toeplitz(self.row.at[0].set(self.column[0]), self.column, tags)

    def dense(self) -> Float[Array, "m n"]:
        """The matrix."""
        rows, columns = self.shape
        entries = jnp.concatenate([self._row()[:0:-1], self.column])
        index = jnp.arange(rows)[:, None] - jnp.arange(columns)[None, :]
        return entries[index + columns - 1]

    def main_diagonal(self) -> Float[Array, " n"]:
        """$t_0$ everywhere."""
        self.check_square("the diagonal")
        return jnp.full_like(self.column, self.column[0])

    def factorise(self) -> AbstractFactorisation:
        """Schur algorithm if positive definite, dense LU otherwise."""
        self.check_square("a factorisation")
        check_dense("Toeplitz.factorise", *self.shape)
        if lx.is_positive_semidefinite(self):
            return CholeskyFactorisation(toeplitz_cholesky(self.column))
        return factorise_dense(self.dense(), definite=False)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "Toeplitz":
        """Row and column scaled."""
        row = None if self.row is None else factor * self.row
        return Toeplitz(factor * self.column, row, scaled_tags(self.tags, positive))

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "Toeplitz":
        """$t_0 + \\sigma$."""
        column = self.column.at[0].add(amount)
        return Toeplitz(column, self.row, shifted_tags(self.tags, positive))

    def merge(self, other: lx.AbstractLinearOperator) -> "Toeplitz | None":
        """Toeplitz matrices are closed under addition."""
        if not isinstance(other, Toeplitz):
            return None
        both = self.row is None and other.row is None
        row = None if both else self._row() + other._row()
        return Toeplitz(self.column + other.column, row, common_tags(self.tags, other.tags))

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Without a row of its own the matrix is symmetric."""
        return check is lx.is_symmetric and self.row is None

    def _row(self) -> Array:
        return self.column if self.row is None else self.row


def toeplitz_cholesky(column: Float[Array, " n"]) -> Float[Array, "n n"]:
    """The lower triangular $L$ with $L L^T = T$ for a positive definite symmetric Toeplitz $T$.

    $T - Z T Z^T = u u^T - v v^T$ with the down-shift $Z$; each step takes $u$ as the next
    column of $L$, shifts it, and removes the new leading entry of $v$ by a hyperbolic rotation.

    Args:
        column: the first column of $T$.

    Returns:
        $L$; NaN if $T$ is not positive definite.

    Source: A. W. Bojanczyk, R. P. Brent, F. R. de Hoog, D. R. Sweet, SIAM J. Matrix Anal.
    Appl. 16 (1995), 40-57 (stability of the mixed rotation used here).
    """

    def step(generators, k):
        upper, lower = generators
        shifted = jnp.concatenate([jnp.zeros_like(upper[:1]), upper[:-1]])
        reflection = lower[k] / shifted[k]
        scale = jnp.sqrt((1 - reflection) * (1 + reflection))
        rotated = (shifted - reflection * lower) / scale
        # above k both generators hold rounding errors only, which never reach a later pivot
        return (rotated, scale * lower - reflection * rotated), rotated

    first = column / jnp.sqrt(column[0])
    start = (first, first.at[0].set(0))
    _, columns = jax.lax.scan(step, start, jnp.arange(1, column.shape[0]))
    return jnp.tril(jnp.concatenate([first[None], columns]).T)
