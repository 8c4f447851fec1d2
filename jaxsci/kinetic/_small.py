"""Linear systems of a few rows, written out: nothing of LAPACK to batch."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def solve_small(
    matrix: Float[Array, "m m"], right: Float[Array, "m k"]
) -> tuple[Float[Array, "m k"], Float[Array, ""]]:
    """Gauss-Jordan elimination without pivots, for positive definite matrices.

    Args:
        matrix: at most five rows.
        right: the right-hand sides, one a column.

    Returns:
        The solutions and the determinant of the matrix.
    """
    rows = jnp.concatenate([matrix, right], axis=1)
    determinant = jnp.ones((), matrix.dtype)
    for i in range(matrix.shape[0]):
        determinant = determinant * rows[i, i]
        pivot = rows[i] / rows[i, i]
        this = np.arange(matrix.shape[0])[:, None] == i
        rows = jnp.where(this, pivot, rows - rows[:, i : i + 1] * pivot)
    return rows[:, matrix.shape[0] :], determinant
