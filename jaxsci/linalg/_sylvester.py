"""Sylvester equations and their analogues in more dimensions, factorised once."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._eigen import SymmetricEigen, symmetric_eigen
from ._schur import ComplexSchur, back_substitute, complex_schur
from ._tensor import along, as_float, check_square, check_tensor, outer_sum, tensor_sum


class SpectralInverse(eqx.Module):
    """All axes symmetric: division by the sums of the eigenvalues."""

    eigens: tuple[SymmetricEigen, ...]
    shift: Float[Array, ""]

    def __call__(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """The solution for one right-hand side."""
        axes = range(len(self.eigens))
        spectrum = outer_sum([eigen.values for eigen in self.eigens]) + self.shift
        return _rotate(self.eigens, axes, _unrotate(self.eigens, axes, tensor) / spectrum)

    def transpose(self) -> "SpectralInverse":
        """The operator is symmetric."""
        return self


class BatchedLUInverse(eqx.Module):
    """One general axis: the others are diagonalised, and each eigenvalue sum gets its own LU.

    $(A_k + (\\sigma + \\lambda_{i_1} + \\dots) I)\\, c_i = f_i$ for every multi-index $i$.
    """

    eigens: tuple[SymmetricEigen, ...]
    lu: Float[Array, "batch n n"]
    pivots: Array
    axis: int = eqx.field(static=True)
    transposed: bool = eqx.field(static=True)

    def __call__(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """The solution for one right-hand side."""
        axes = [axis for axis in range(tensor.ndim) if axis != self.axis]
        columns = jnp.moveaxis(_unrotate(self.eigens, axes, tensor), self.axis, -1)
        solve = lambda lu, pivots, rhs: jax.scipy.linalg.lu_solve(
            (lu, pivots), rhs, trans=int(self.transposed)
        )
        solved = jax.vmap(solve)(self.lu, self.pivots, columns.reshape(-1, columns.shape[-1]))
        return _rotate(
            self.eigens, axes, jnp.moveaxis(solved.reshape(columns.shape), -1, self.axis)
        )

    def transpose(self) -> "BatchedLUInverse":
        """The same factors, applied in the opposite order."""
        return BatchedLUInverse(self.eigens, self.lu, self.pivots, self.axis, not self.transposed)


class SchurInverse(eqx.Module):
    """Two or more general axes: complex Schur forms and back-substitution."""

    eigens: tuple[SymmetricEigen, ...]
    schurs: tuple[ComplexSchur, ...]
    shift: Float[Array, ""]
    axes: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """The solution for one right-hand side."""
        rest = [axis for axis in range(tensor.ndim) if axis not in self.axes]
        rotated = _unrotate(self.eigens, rest, tensor).astype(self.schurs[0].triangle.dtype)
        for axis, schur in zip(self.axes, self.schurs):
            rotated = along(schur.unitary.conj().T, rotated, axis)
        front = jnp.moveaxis(rotated, self.axes, range(len(self.axes)))
        flat = front.reshape(*front.shape[: len(self.axes)], -1)
        triangles = [schur.triangle for schur in self.schurs]
        solved = back_substitute(triangles, self._shifts(flat), flat).reshape(front.shape)
        solved = jnp.moveaxis(solved, range(len(self.axes)), self.axes)
        for axis, schur in zip(self.axes, self.schurs):
            solved = along(schur.unitary, solved, axis)
        return _rotate(self.eigens, rest, solved.real)

    def _shifts(self, flat: Array) -> Array:
        return _spectral_shifts(self.eigens, self.shift).astype(flat.dtype)

    def transpose(self) -> "SchurInverse":
        """The Schur forms of the transposed matrices."""
        schurs = tuple(schur.transpose() for schur in self.schurs)
        return SchurInverse(self.eigens, schurs, self.shift, self.axes)


class SylvesterFactors(eqx.Module):
    """A factorised $\\sum_j A_j \\times_j X + \\sigma X = F$, for many right-hand sides.

    Derivatives go through `matrices` and `shift`; the factorisation is a constant to them.

    Attributes:
        matrices: $A_1, \\dots, A_d$.
        shift: $\\sigma$.
        inverse: the factorisation, a function of the right-hand side.
    """

    matrices: tuple[Float[Array, "n n"], ...]
    shift: Float[Array, ""]
    inverse: SpectralInverse | BatchedLUInverse | SchurInverse

    def transpose(self) -> "SylvesterFactors":
        """The factors of $\\sum_j A_j^T \\times_j X + \\sigma X$; nothing is factorised again."""
        matrices = tuple(matrix.T for matrix in self.matrices)
        return SylvesterFactors(matrices, self.shift, self.inverse.transpose())


def sylvester_factors(
    matrices: Sequence[Float[Array, "n n"] | SymmetricEigen],
    shift: float | Float[Array, ""] = 0.0,
    *,
    symmetric: Sequence[bool] | None = None,
) -> SylvesterFactors:
    """Factorise $\\sum_j A_j \\times_j X + \\sigma X$.

    Symmetric axes are diagonalised. One general axis costs an LU per eigenvalue sum of the
    others (real arithmetic, any device); two or more take complex Schur forms (CPU only).

    Args:
        matrices: one square matrix per axis; a `SymmetricEigen` reuses a decomposition.
        shift: $\\sigma$, a scalar.
        symmetric: for each axis, whether its matrix is symmetric; a `SymmetricEigen` always is.

    Returns:
        `SylvesterFactors`, for `solve_sylvester` and `solve_tensor_sum`.

    Raises:
        ValueError: if a matrix is not square or `symmetric` has another length.
    """
    symmetric = [False] * len(matrices) if symmetric is None else list(symmetric)
    if len(symmetric) != len(matrices):
        raise ValueError(
            f"sylvester_factors: got {len(matrices)} matrices and {len(symmetric)} symmetry flags; "
            "give one flag per matrix."
        )
    raw = tuple(m.matrix if isinstance(m, SymmetricEigen) else jnp.asarray(m) for m in matrices)
    for axis, matrix in enumerate(raw):
        check_square(f"sylvester_factors: matrix {axis}", matrix)
    shift = as_float(shift, raw[0])
    given = [m if isinstance(m, SymmetricEigen) else None for m in matrices]
    flags = [flag or eigen is not None for flag, eigen in zip(symmetric, given)]
    frozen = jax.lax.stop_gradient(raw)
    eigens = tuple(
        jax.lax.stop_gradient(symmetric_eigen(matrix) if eigen is None else eigen)
        for matrix, eigen, flag in zip(frozen, given, flags)
        if flag
    )
    general = tuple(axis for axis, flag in enumerate(flags) if not flag)
    inverse = _factorise(frozen, eigens, general, jax.lax.stop_gradient(shift))
    return SylvesterFactors(raw, shift, inverse)


def _factorise(matrices, eigens, general, shift):
    if not general:
        return SpectralInverse(eigens, shift)
    if len(general) > 1:
        schurs = tuple(complex_schur(matrices[axis]) for axis in general)
        return SchurInverse(eigens, schurs, shift, general)
    (axis,) = general
    sums = _spectral_shifts(eigens, shift)[:, None, None]
    identity = jnp.eye(matrices[axis].shape[0], dtype=shift.dtype)
    lu, pivots = jax.scipy.linalg.lu_factor(matrices[axis] + sums * identity)
    return BatchedLUInverse(eigens, lu, pivots, axis, False)


def _spectral_shifts(eigens: Sequence[SymmetricEigen], shift: Array) -> Array:
    """$\\sigma + \\lambda_{i_1} + \\dots$ over the symmetric axes, as one vector."""
    if not eigens:
        return jnp.reshape(shift, (1,))
    return jnp.ravel(outer_sum([eigen.values for eigen in eigens]) + shift)


def solve_tensor_sum(
    factors: SylvesterFactors, right_side: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Solve $\\sum_j A_j \\times_j X + \\sigma X = F$ with given factors.

    Args:
        factors: from `sylvester_factors`.
        right_side: $F$, a tensor with one axis per matrix.

    Returns:
        $X$, of the shape of $F$; differentiable in the matrices, $\\sigma$ and $F$.

    Raises:
        ValueError: if the shape of $F$ does not match.
    """
    shape = tuple(matrix.shape[0] for matrix in factors.matrices)
    check_tensor("solve_tensor_sum: right_side", right_side, shape)
    inverse = jax.lax.stop_gradient(factors.inverse)
    return jax.lax.custom_linear_solve(
        lambda tensor: tensor_sum(factors.matrices, tensor, factors.shift),
        right_side,
        lambda _, rhs: inverse(rhs),
        lambda _, rhs: inverse.transpose()(rhs),
    )


def solve_sylvester(
    left: Float[Array, "m m"] | SymmetricEigen,
    right: Float[Array, "n n"] | SymmetricEigen,
    right_side: Float[Array, "m n"],
    *,
    symmetric: tuple[bool, bool] = (False, False),
) -> Float[Array, "m n"]:
    """Solve $A X + X B^T = F$.

    To solve for many right-hand sides, factorise once with
    `factors = sylvester_factors([A, B])` and call `solve_tensor_sum(factors, F)`.

    Args:
        left: $A$.
        right: $B$, which acts on the columns as $X B^T$.
        right_side: $F$.
        symmetric: whether $A$ and $B$ are symmetric; `SymmetricEigen` arguments are.

    Returns:
        $X$, differentiable in $A$, $B$ and $F$ by implicit differentiation.

    Raises:
        ValueError: if the shapes do not match.

    Source: R. H. Bartels, G. W. Stewart, Commun. ACM 15 (1972), 820-826.
    """
    return solve_tensor_sum(sylvester_factors([left, right], symmetric=symmetric), right_side)


def _rotate(eigens: Sequence[SymmetricEigen], axes: Sequence[int], tensor: Array) -> Array:
    """From the eigenbasis back, along `axes`."""
    for axis, eigen in zip(axes, eigens):
        tensor = along(eigen.vectors, tensor, axis)
    return tensor


def _unrotate(eigens: Sequence[SymmetricEigen], axes: Sequence[int], tensor: Array) -> Array:
    """Into the eigenbasis, along `axes`."""
    for axis, eigen in zip(axes, eigens):
        tensor = along(eigen.vectors.T, tensor, axis)
    return tensor
