"""Fast diagonalisation: separable symmetric systems in one, two and three dimensions."""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Float

from ._eigen import SymmetricEigen, as_eigen
from ._tensor import along_all, as_float, check_tensor, outer_sum, tensor_sum


def fast_diagonalisation(
    axes: Sequence[SymmetricEigen | Float[Array, "n n"]],
    right_side: Float[Array, "..."],
    shift: float | Float[Array, ""] = 0.0,
) -> Float[Array, "..."]:
    """Solve $\\sum_j (I \\otimes \\dots A_j \\dots \\otimes I)\\, C + \\sigma C = F$.

    With $A_j = Q_j \\Lambda_j Q_j^T$ the solution is
    $C = (\\otimes Q_j)\\,[(\\otimes Q_j^T) F / (\\lambda_{i_1} + \\dots + \\sigma)]$
    at $O(N \\sum n_j)$ operations. Derivatives with respect to the matrices, $\\sigma$ and $F$
    are those of the linear system; the eigenvectors are never differentiated, so repeated
    eigenvalues do no harm.

    Args:
        axes: for each axis a symmetric matrix, or its `symmetric_eigen` to reuse it.
        right_side: $F$, a tensor with one axis per matrix, shape `(n_1, ..., n_d)`.
        shift: $\\sigma$, a scalar.

    Returns:
        $C$, of the shape of $F$. Entries are infinite or NaN if the system is singular.

    Raises:
        ValueError: if the shapes do not match.

    Source: R. E. Lynch, J. R. Rice, D. H. Thomas, Numer. Math. 6 (1964), 185-199.
    """
    eigens = [as_eigen(axis) for axis in axes]
    shape = tuple(eigen.values.shape[0] for eigen in eigens)
    check_tensor("fast_diagonalisation: right_side", right_side, shape)
    shift = as_float(shift, right_side)
    matrices = [eigen.matrix for eigen in eigens]
    vectors = [jax.lax.stop_gradient(eigen.vectors) for eigen in eigens]
    transposed = [vector.T for vector in vectors]
    values = [jax.lax.stop_gradient(eigen.values) for eigen in eigens]
    spectrum = outer_sum(values) + jax.lax.stop_gradient(shift)
    return jax.lax.custom_linear_solve(
        lambda tensor: tensor_sum(matrices, tensor, shift),
        right_side,
        lambda _, rhs: along_all(vectors, along_all(transposed, rhs) / spectrum),
        symmetric=True,
    )
