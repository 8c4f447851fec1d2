"""Kronecker sums of one-dimensional matrices: factor every dimension once, then substitute."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, Inexact

from ..linalg import along_all
from ._axis import reference_inner
from ._plan import AxisPlan


class Factor(eqx.Module):
    """$M = S\\,T\\,S^{-1}$ with $T$ diagonal (a vector) or upper triangular (a matrix).

    Attributes:
        left: $S$; `None` if $M$ is diagonal already.
        core: $T$.
        right: $S^{-1}$.
    """

    left: Inexact[Array, "n n"] | None
    core: Inexact[Array, "n *n"]
    right: Inexact[Array, "n n"] | None

    def transposed(self) -> "Factor":
        """The factors of $M^T$; a lower triangle is turned upside down."""
        if self.left is None or self.right is None:
            return self
        if self.core.ndim == 1:
            return Factor(self.right.T, self.core, self.left.T)
        return Factor(self.right.T[:, ::-1], self.core.T[::-1, ::-1], self.left.T[::-1])


@functools.lru_cache(maxsize=32)
def reference_factor(plan: AxisPlan, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The factors of $M_k$ on $[-1, 1]$, on the host, once per process.

    Without mixed conditions $M_k$ depends on nothing but the counts. Second derivatives with one
    value or slope prescribed at each side have real negative eigenvalues and eigenvectors of
    condition below 10; all else, such as time with its initial data, is far from normal and gets
    a Schur form.
    """
    matrix = reference_inner(plan, order)
    if order == 2 and plan.sides == (0, 1):
        values, vectors = np.linalg.eig(matrix)
        if np.isrealobj(values):
            return vectors, values, np.linalg.inv(vectors)
    triangle, unitary = scipy.linalg.schur(matrix, output="complex")[:2]
    return unitary, triangle, unitary.conj().T


def fourier_factor(n: int, dtype: jnp.dtype) -> tuple[Array, Array]:
    """The unitary discrete Fourier transform, which diagonalises every circulant matrix."""
    phase = 2 * np.pi * (np.outer(np.arange(n), np.arange(n)) % n) / n
    matrix = np.exp(1j * phase) / np.sqrt(n)
    complex_dtype = np.result_type(dtype, np.complex64)
    return jnp.asarray(matrix, complex_dtype), jnp.asarray(matrix.conj(), complex_dtype)


def separable_solve(
    factors: tuple[Factor, ...], shift: Float[Array, ""], rhs: Float[Array, "..."]
) -> Float[Array, "..."]:
    """$\\bigl(\\sum_j I \\otimes M_j \\otimes I + s I\\bigr) X = F$.

    Diagonal cores are divided by (fast diagonalisation; Lynch, Rice, Thomas, Numer. Math. 6),
    triangular ones substituted backwards (Bartels and Stewart, Comm. ACM 15).

    Args:
        factors: one per dimension.
        shift: $s$.
        rhs: $F$, shape `(n_1, ..., n_d)`.

    Returns:
        $X$, of the same shape.
    """
    dtype = np.result_type(*(factor.core.dtype for factor in factors))
    cast = lambda matrix: None if matrix is None else matrix.astype(dtype)
    inside = along_all([cast(factor.right) for factor in factors], rhs.astype(dtype))
    cores = [factor.core.astype(dtype) for factor in factors]
    solved = _substitute(cores, shift.astype(dtype), inside)
    return jnp.real(along_all([cast(factor.left) for factor in factors], solved))


def _substitute(cores: list[Array], shift: Array, rhs: Array) -> Array:
    triangular = [axis for axis, core in enumerate(cores) if core.ndim == 2]
    if not triangular:
        total = shift
        for axis, core in enumerate(cores):
            total = total + core.reshape((-1,) + (1,) * (len(cores) - 1 - axis))
        return rhs / total
    axis = triangular[0]
    if len(cores) == 1:
        shifted = cores[0] + shift * jnp.eye(rhs.shape[0], dtype=rhs.dtype)
        return jax.scipy.linalg.solve_triangular(shifted, rhs)
    others = cores[:axis] + cores[axis + 1 :]
    solved = _back_substitution(cores[axis], others, shift, jnp.moveaxis(rhs, axis, 0))
    return jnp.moveaxis(solved, 0, axis)


def _back_substitution(triangle: Array, others: list[Array], shift: Array, rhs: Array) -> Array:
    """From the last row up: row $i$ is a smaller system with the shift $s + T_{ii}$."""

    def step(solved, row):
        index, coupling, part = row
        part = part - jnp.tensordot(coupling, solved, axes=1)
        value = _substitute(others, shift + triangle[index, index], part)
        return solved.at[index].set(value), None

    index = jnp.arange(rhs.shape[0])
    rows = (index, jnp.triu(triangle, 1), rhs)
    return jax.lax.scan(step, jnp.zeros_like(rhs), rows, reverse=True)[0]
