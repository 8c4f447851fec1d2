"""Products of matrices with the axes of a tensor."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

_EXACT = jax.lax.Precision.HIGHEST


def along(
    matrix: Inexact[Array, "m n"], tensor: Inexact[Array, "..."], axis: int
) -> Inexact[Array, "..."]:
    """$(A \\times_k C)_{..i..} = \\sum_j A_{ij} C_{..j..}$, the mode product.

    Args:
        matrix: $A$, shape `(m, n)`.
        tensor: $C$, with `n` entries along `axis`.
        axis: $k$, from 0.

    Returns:
        A tensor with `m` entries along `axis`.
    """
    if axis == tensor.ndim - 1:
        return jnp.matmul(tensor, matrix.T, precision=_EXACT)
    contracted = jnp.tensordot(matrix, tensor, axes=(1, axis), precision=_EXACT)
    return contracted if axis == 0 else jnp.moveaxis(contracted, 0, axis)


def along_all(
    matrices: Sequence[Inexact[Array, "m n"] | None], tensor: Inexact[Array, "..."]
) -> Inexact[Array, "..."]:
    """$(A_1 \\otimes \\dots \\otimes A_d)\\,\\mathrm{vec}\\,C$; `None` stands for the identity."""
    for axis, matrix in enumerate(matrices):
        if matrix is not None:
            tensor = along(matrix, tensor, axis)
    return tensor


def tensor_sum(
    matrices: Sequence[Inexact[Array, "n n"]],
    tensor: Inexact[Array, "..."],
    shift: Inexact[Array, ""],
) -> Inexact[Array, "..."]:
    """$\\sum_j A_j \\times_j C + \\sigma C$, the Kronecker sum applied to a tensor."""
    total = shift * tensor
    for axis, matrix in enumerate(matrices):
        total = total + along(matrix, tensor, axis)
    return total


def outer_sum(vectors: Sequence[Inexact[Array, " n"]]) -> Inexact[Array, "..."]:
    """$s_{i_1 \\dots i_d} = \\sum_k v^{(k)}_{i_k}$."""
    return sum(_spread(vectors), start=jnp.zeros((), jnp.result_type(*vectors)))


def outer_product(vectors: Sequence[Inexact[Array, " n"]]) -> Inexact[Array, "..."]:
    """$p_{i_1 \\dots i_d} = \\prod_k v^{(k)}_{i_k}$."""
    return math.prod(_spread(vectors), start=jnp.ones((), jnp.result_type(*vectors)))


def _spread(vectors: Sequence[Array]) -> list[Array]:
    """Each vector along its own axis, ready to broadcast against the others."""
    rank = len(vectors)
    return [
        vector.reshape([-1 if k == axis else 1 for k in range(rank)])
        for axis, vector in enumerate(vectors)
    ]


def as_float(value: object, like: Array) -> Array:
    """`value` as an array of the dtype of `like`, so that strict promotion is satisfied."""
    return jnp.asarray(value, dtype=like.dtype)


def check_square(name: str, matrix: Array) -> None:
    """Refuse anything but a square matrix, by name."""
    if jnp.ndim(matrix) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{name} must be a square matrix, got shape {jnp.shape(matrix)}. Batches of matrices "
            "are handled by jax.vmap."
        )


def check_tensor(name: str, tensor: Array, shape: tuple[int, ...]) -> None:
    """Refuse a right-hand side whose shape does not match the matrices, by name."""
    if jnp.shape(tensor) != shape:
        raise ValueError(
            f"{name} must have shape {shape}, one axis per matrix, got {jnp.shape(tensor)}. "
            "Several right-hand sides are handled by jax.vmap."
        )
