"""The log-determinant of a Kronecker sum whose factors are not all symmetric."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._sylvester import (
    BatchedLUInverse,
    SchurInverse,
    SylvesterFactors,
    solve_tensor_sum,
)
from ._tensor import outer_sum

_CHUNK = 64  # columns of the inverse that are held at once


def sylvester_logdet(factors: SylvesterFactors) -> Float[Array, ""]:
    """$\\log |\\det(\\oplus A_j + \\sigma I)|$ from its factorisation.

    The value is read off the triangular factors. The derivative $\\mathrm{tr}(A^{-1} dA)$ takes
    one solve per unknown, in chunks: correct to every order, at $O(N^2 \\sum n_j)$ operations and
    $O(N)$ memory.

    Args:
        factors: from `sylvester_factors`.

    Returns:
        A scalar.
    """
    inverse = jax.lax.stop_gradient(factors.inverse)
    return _logdet(inverse, factors.matrices, factors.shift)


@jax.custom_jvp
def _logdet(inverse, matrices, shift):
    del matrices, shift
    return jnp.sum(jnp.log(jnp.abs(_pivots(inverse))))


@_logdet.defjvp
def _logdet_jvp(primals, tangents):
    """$\\mathrm{tr}(A^{-1} dA) = \\sum_j \\mathrm{tr}(G_j dA_j + A^{-1} d\\sigma)$."""
    inverse, matrices, shift = primals
    _, matrix_dots, shift_dot = tangents
    traces = _partial_traces(SylvesterFactors(matrices, shift, inverse))
    slope = jnp.trace(traces[0]) * shift_dot
    pairs = zip(traces, matrix_dots)
    tangent = sum((jnp.sum(trace.T * dot) for trace, dot in pairs), start=slope)
    return _logdet(inverse, matrices, shift), tangent


def _pivots(inverse: BatchedLUInverse | SchurInverse) -> Array:
    """Numbers whose product is the determinant, up to sign."""
    if isinstance(inverse, BatchedLUInverse):
        return jnp.diagonal(inverse.lu, axis1=-2, axis2=-1)
    values = [eigen.values for eigen in inverse.eigens]
    diagonals = [jnp.diagonal(schur.triangle) for schur in inverse.schurs]
    values = [value.astype(diagonals[0].dtype) for value in values]
    return outer_sum(diagonals + values) + inverse.shift.astype(diagonals[0].dtype)


def _partial_traces(factors: SylvesterFactors) -> list[Array]:
    """$(G_j)_{kl} = \\sum_a (A^{-1})_{(k,a),(l,a)}$, where $a$ runs over the other axes."""
    shape = tuple(matrix.shape[0] for matrix in factors.matrices)

    @jax.checkpoint
    def fibres(index):
        unit = jnp.zeros(shape, factors.shift.dtype).at[index].set(1)
        column = solve_tensor_sum(factors, unit)
        along = lambda j: (*index[:j], slice(None), *index[j + 1 :])
        return [column[along(j)] for j in range(len(shape))]

    grid = tuple(jnp.ravel(axis) for axis in jnp.indices(shape))
    collected = jax.lax.map(fibres, grid, batch_size=_CHUNK)
    traces = []
    for j, columns in enumerate(collected):
        others = tuple(k for k in range(len(shape)) if k != j)
        traces.append(jnp.sum(columns.reshape(*shape, -1), axis=others).T)
    return traces
