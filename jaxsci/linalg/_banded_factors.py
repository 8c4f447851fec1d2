"""Factorisations of banded matrices in $O(n b^2)$, one moving window per row."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._factorisation import AbstractFactorisation, refuse_square_root


def solve_upper(rows: Float[Array, "n w"], vector: Float[Array, " n"]) -> Float[Array, " n"]:
    """$U x = b$ with `rows[k, c]` $= U_{k, k+c}$."""

    def step(following, row_and_entry):
        row, entry = row_and_entry
        solved = (entry - row[1:] @ following) / row[0]
        return jnp.concatenate([solved[None], following])[: following.shape[0]], solved

    start = jnp.zeros(rows.shape[1] - 1, rows.dtype)
    return jax.lax.scan(step, start, (rows, vector), reverse=True)[1]


def solve_upper_transposed(
    rows: Float[Array, "n w"], vector: Float[Array, " n"]
) -> Float[Array, " n"]:
    """$U^T x = b$ with `rows[k, c]` $= U_{k, k+c}$."""

    def step(pending, row_and_entry):
        row, entry = row_and_entry
        solved = (entry - pending[0]) / row[0]
        return _advance(pending + solved * row), solved

    return jax.lax.scan(step, jnp.zeros(rows.shape[1], rows.dtype), (rows, vector))[1]


class BandedCholesky(AbstractFactorisation):
    """$A = U^T U$, positive definite; `rows[k, c]` $= U_{k, k+c}$."""

    rows: Float[Array, "n w"]

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Two banded triangular solves."""
        return solve_upper(self.rows, solve_upper_transposed(self.rows, vector))

    def transpose(self) -> "BandedCholesky":
        """Symmetric."""
        return self

    def logdet(self) -> Float[Array, ""]:
        """$2 \\sum \\log U_{kk}$."""
        return 2 * jnp.sum(jnp.log(self.rows[:, 0]))

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = U^T$, banded."""
        size = vector.shape[0]
        products = self.rows * vector[:, None]
        shifted = [
            jnp.concatenate([jnp.zeros(c, vector.dtype), products[: size - c, c]])[:size]
            for c in range(self.rows.shape[1])
        ]
        return sum(shifted[1:], start=shifted[0])


class BandedLU(AbstractFactorisation):
    """Elimination with partial pivoting, $M_{n-1} \\cdots M_0 A = U$.

    Attributes:
        rows: $U_{k, k+c}$, shape `(n, lower + width)`.
        multipliers: the entries of each $M_k$ below its pivot, shape `(n, lower)`.
        swaps: which row of its window step $k$ brought to the top, shape `(n,)`.
        transposed: whether this stands for $A^T$.
    """

    rows: Float[Array, "n w"]
    multipliers: Float[Array, "n lower"]
    swaps: Array
    transposed: bool = eqx.field(static=True, default=False)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Replay the elimination on $b$, then substitute back; in the other order for $A^T$."""
        if self.transposed:
            return self._undo(solve_upper_transposed(self.rows, vector))
        return solve_upper(self.rows, self._replay(vector))

    def transpose(self) -> "BandedLU":
        """The same factors in the opposite order."""
        return BandedLU(self.rows, self.multipliers, self.swaps, not self.transposed)

    def logdet(self) -> Float[Array, ""]:
        """$\\sum \\log |U_{kk}|$."""
        return jnp.sum(jnp.log(jnp.abs(self.rows[:, 0])))

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Refused."""
        refuse_square_root("a general banded matrix")

    def _replay(self, vector: Array) -> Array:
        """$M_{n-1} \\cdots M_0 b$."""
        lower = self.multipliers.shape[1]

        def step(window, inputs):
            multiplier, swap, entry = inputs
            window = _swap(window, swap)
            reduced = window[1:] - multiplier * window[0]
            return jnp.concatenate([reduced, entry[None]]), window[0]

        entering = jnp.concatenate([vector, jnp.zeros(lower + 1, vector.dtype)])
        inputs = (self.multipliers, self.swaps, entering[lower + 1 :])
        return jax.lax.scan(step, entering[: lower + 1], inputs)[1]

    def _undo(self, vector: Array) -> Array:
        """$M_0^T \\cdots M_{n-1}^T z$: the window moves up and its last entry is final."""
        size, lower = self.multipliers.shape

        def step(below, inputs):
            multiplier, swap, entry = inputs
            window = jnp.concatenate([(entry - multiplier @ below)[None], below])
            window = _swap(window, swap)
            return window[:-1], window[-1]

        start = jnp.zeros(lower, vector.dtype)
        inputs = (self.multipliers, self.swaps, vector)
        head, tail = jax.lax.scan(step, start, inputs, reverse=True)
        return jnp.concatenate([head, tail])[:size]


def banded_cholesky(rows: Float[Array, "n w"]) -> BandedCholesky:
    """Factorise a symmetric positive definite banded matrix.

    Args:
        rows: its upper triangle, `rows[k, c]` $= A_{k, k+c}$, zero beyond the matrix.

    Returns:
        The factors; NaN if the matrix is not positive definite.
    """
    width = rows.shape[1]

    def step(pending, row):
        # pending[r, c] is what earlier rows take from A[k + r, k + c]
        reduced = row - pending[0]
        factor = reduced / jnp.sqrt(reduced[0])
        updated = pending + factor[:, None] * _aligned(factor)
        return jnp.pad(updated[1:], ((0, 1), (0, 0))), factor

    def _aligned(factor):
        # row r of the window stores columns k + r, k + r + 1, ...
        padded = jnp.concatenate([factor, jnp.zeros(width - 1, factor.dtype)])
        return padded[jnp.arange(width)[:, None] + jnp.arange(width)[None, :]]

    start = jnp.zeros((width, width), rows.dtype)
    return BandedCholesky(jax.lax.scan(step, start, rows)[1])


def banded_lu(rows: Float[Array, "n w"], lower: int) -> BandedLU:
    """Factorise a banded matrix by elimination with partial pivoting.

    Args:
        rows: `rows[i, c]` $= A_{i, i - l + c}$ for the lower bandwidth $l$, zero beyond the matrix.
        lower: $l$.

    Returns:
        The factors; infinite or NaN if the matrix is singular.
    """
    width = rows.shape[1]
    entering = jnp.concatenate([rows, jnp.zeros((lower + 1, width), rows.dtype)])
    first = [jnp.pad(entering[i, lower - i :], (0, lower - i)) for i in range(lower + 1)]

    def step(window, row):
        swap = jnp.argmax(jnp.abs(window[:, 0]))
        window = _swap(window, swap)
        multiplier = window[1:, 0] / window[0, 0]
        reduced = window[1:] - multiplier[:, None] * window[0]
        shifted = jnp.pad(reduced[:, 1:], ((0, 0), (0, 1)))
        return jnp.concatenate([shifted, row[None]]), (window[0], multiplier, swap)

    xs = entering[lower + 1 :]
    _, (pivots, multipliers, swaps) = jax.lax.scan(step, jnp.stack(first), xs)
    return BandedLU(pivots, multipliers, swaps)


def _advance(window: Array) -> Array:
    return jnp.concatenate([window[1:], jnp.zeros_like(window[:1])])


def _swap(window: Array, index: Array) -> Array:
    """Exchange the first row of the window with row `index`."""
    first, chosen = window[0], window[index]
    return window.at[index].set(first).at[0].set(chosen)
