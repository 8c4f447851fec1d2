"""Kronecker sums of triangular matrices: complex Schur forms and back-substitution."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float


class ComplexSchur(eqx.Module):
    """$A = Z T Z^H$ with $Z$ unitary and $T$ upper triangular.

    Attributes:
        unitary: $Z$, shape `(n, n)`.
        triangle: $T$, shape `(n, n)`; its diagonal holds the eigenvalues.
    """

    unitary: Complex[Array, "n n"]
    triangle: Complex[Array, "n n"]

    def transpose(self) -> "ComplexSchur":
        """The form of $A^T$: with the reversal $J$, $Z' = \\bar Z J$ and $T' = J T^T J$."""
        return ComplexSchur(self.unitary.conj()[:, ::-1], self.triangle.T[::-1, ::-1])


def complex_schur(matrix: Float[Array, "n n"]) -> ComplexSchur:
    """The complex Schur form of a real matrix. JAX computes it on CPU only."""
    triangle, unitary = jax.scipy.linalg.schur(matrix, output="complex")
    return ComplexSchur(unitary, jnp.triu(triangle))


def back_substitute(
    triangles: Sequence[Complex[Array, "n n"]],
    shifts: Complex[Array, " batch"],
    right_side: Complex[Array, "..."],
) -> Complex[Array, "..."]:
    """Solve $\\sum_j T_j \\times_j X + X \\,\\mathrm{diag}(\\mu) = F$ for upper triangular $T_j$.

    The last triangular axis is resolved slice by slice from its end,
    $(\\sum_{j<r} T_j \\times_j + t_{kk} + \\mu) X_k = F_k - \\sum_{l>k} t_{kl} X_l$,
    and the first axis by triangular solves.

    Args:
        triangles: $T_1, \\dots, T_r$.
        shifts: $\\mu$, one per entry of the last axis of $F$.
        right_side: $F$, shape `(n_1, ..., n_r, batch)`.

    Returns:
        $X$, of the shape of $F$.
    """
    *inner, last = triangles
    if not inner:
        return _shifted_triangular(last, shifts, right_side)
    slices = jnp.moveaxis(right_side, -2, 0)

    def resolve(known, k):
        # rows of `known` beyond k are final, the others still zero, and T is upper triangular
        coupled = jnp.tensordot(last[k], known, axes=1)
        solved = back_substitute(inner, shifts + last[k, k], slices[k] - coupled)
        return known.at[k].set(solved), None

    order = jnp.arange(last.shape[0])
    known, _ = jax.lax.scan(resolve, jnp.zeros_like(slices), order, reverse=True)
    return jnp.moveaxis(known, 0, -2)


def _shifted_triangular(triangle: Array, shifts: Array, right_side: Array) -> Array:
    """$(T + \\mu_b I) x_b = f_b$ for every column $b$ of the right-hand side."""
    identity = jnp.eye(triangle.shape[0], dtype=triangle.dtype)
    solve = lambda shift, rhs: jax.scipy.linalg.solve_triangular(triangle + shift * identity, rhs)
    if shifts.shape[0] == 1:
        return solve(shifts[0], right_side)
    return jax.vmap(solve, in_axes=(0, 1), out_axes=1)(shifts, right_side)
