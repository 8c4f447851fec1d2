"""The eigendecomposition of one symmetric matrix, computed once and reused."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._tensor import check_square


class SymmetricEigen(eqx.Module):
    """$A = Q \\,\\mathrm{diag}(\\lambda)\\, Q^T$.

    Derivatives go through `matrix` alone: `values` and `vectors` are constants to
    differentiation, because the derivative of the eigenvectors is infinite where eigenvalues
    repeat, while the solutions computed from them are smooth.

    Attributes:
        matrix: $A$, shape `(n, n)`, symmetric.
        values: $\\lambda$, ascending, shape `(n,)`.
        vectors: $Q$, orthogonal, eigenvectors in columns, shape `(n, n)`.
    """

    matrix: Float[Array, "n n"]
    values: Float[Array, " n"]
    vectors: Float[Array, "n n"]


def symmetric_eigen(matrix: Float[Array, "n n"]) -> SymmetricEigen:
    """The eigendecomposition of a symmetric matrix, ready for reuse.

    Args:
        matrix: $A$, shape `(n, n)`. Only its symmetric part enters the decomposition.

    Returns:
        A `SymmetricEigen`.

    Raises:
        ValueError: if `matrix` is not square.
    """
    matrix = jnp.asarray(matrix)
    check_square("symmetric_eigen: matrix", matrix)
    values, vectors = jnp.linalg.eigh(jax.lax.stop_gradient(matrix))
    return SymmetricEigen(matrix, values, vectors)


def as_eigen(axis: "SymmetricEigen | Array") -> SymmetricEigen:
    """A decomposition as it is, a matrix decomposed."""
    return axis if isinstance(axis, SymmetricEigen) else symmetric_eigen(axis)
