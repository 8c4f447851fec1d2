"""Matrices or operators as parts of a larger operator."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._base import AbstractStructuredOperator
from ._factorisation import AbstractFactorisation, DiagonalFactorisation, factorise_dense
from ._guard import check_dense
from ._tags import as_tags, scaled_tags


def as_real(name: str, value: object) -> Float[Array, "..."]:
    """`value` as a real floating array; integers become floats, complex numbers are refused."""
    array = jnp.asarray(value)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(f"{name} is complex; the operators of jaxsci.linalg are real.")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def as_factor(name: str, factor: object, tags: frozenset[object]) -> lx.AbstractLinearOperator:
    """An operator between vectors: a matrix is wrapped with `tags`, an operator kept."""
    if isinstance(factor, lx.MatrixLinearOperator):
        return lx.MatrixLinearOperator(factor.matrix, factor.tags | tags)
    if not isinstance(factor, lx.AbstractLinearOperator):
        matrix = as_real(name, factor)
        if matrix.ndim != 2:
            raise ValueError(f"{name} must be a matrix, got shape {matrix.shape}.")
        return lx.MatrixLinearOperator(matrix, tags)
    for structure in (factor.in_structure(), factor.out_structure()):
        if not isinstance(structure, jax.ShapeDtypeStruct) or structure.ndim != 1:
            raise ValueError(f"{name} must act on vectors, got the structure {structure}.")
    return factor


def common_dtype(name: str, factors: Sequence[lx.AbstractLinearOperator]):
    """The one dtype of all factors."""
    dtypes = [factor.out_structure().dtype for factor in factors]
    if len(set(dtypes)) > 1:
        names = ", ".join(str(dtype) for dtype in dtypes)
        raise ValueError(f"{name}: all factors must have one dtype, got {names}. Cast them first.")
    return dtypes[0]


def dense_factor(factor: lx.AbstractLinearOperator) -> Float[Array, "m n"]:
    """The matrix of one factor, within the size guard."""
    check_dense(type(factor).__name__, factor.out_size(), factor.in_size())
    return factor.as_matrix().astype(factor.out_structure().dtype)


def factor_along(
    factor: lx.AbstractLinearOperator, tensor: Float[Array, "..."], axis: int
) -> Float[Array, "..."]:
    """The factor applied to every fibre of the tensor along `axis`."""
    front = jnp.moveaxis(tensor, axis, 0)
    if isinstance(factor, lx.MatrixLinearOperator):
        flat = jnp.matmul(
            factor.matrix, front.reshape(front.shape[0], -1), precision=jax.lax.Precision.HIGHEST
        )
    else:
        flat = jax.vmap(factor.mv, 1, 1)(front.reshape(front.shape[0], -1))
    return jnp.moveaxis(flat.reshape(-1, *front.shape[1:]), 0, axis)


def factorise_factor(factor: lx.AbstractLinearOperator) -> AbstractFactorisation:
    """A structured factor brings its own factorisation; others are diagonal or dense."""
    if isinstance(factor, AbstractStructuredOperator):
        return factor.factorise()
    if lx.is_diagonal(factor):
        return DiagonalFactorisation(lx.diagonal(factor).astype(factor.out_structure().dtype))
    return factorise_dense(dense_factor(factor), lx.is_positive_semidefinite(factor))


def scale_factor(
    factor: lx.AbstractLinearOperator, scalar: Float[Array, ""], positive: bool
) -> lx.AbstractLinearOperator:
    """$c A$ for one factor, keeping its structure and, for $c \\ge 0$, its definiteness."""
    if isinstance(factor, AbstractStructuredOperator):
        return factor.scale(scalar, positive)
    if isinstance(factor, lx.MatrixLinearOperator):
        return lx.MatrixLinearOperator(scalar * factor.matrix, scaled_tags(factor.tags, positive))
    definite = positive and lx.is_positive_semidefinite(factor)
    scaled = factor * scalar
    return lx.TaggedLinearOperator(scaled, lx.positive_semidefinite_tag) if definite else scaled


def tag_factor(factor: lx.AbstractLinearOperator, tags: object) -> lx.AbstractLinearOperator:
    """The factor with further declared properties."""
    if isinstance(factor, AbstractStructuredOperator):
        return factor.with_tags(tags)
    if isinstance(factor, lx.MatrixLinearOperator):
        return lx.MatrixLinearOperator(factor.matrix, factor.tags | as_tags(tags))
    return lx.TaggedLinearOperator(factor, as_tags(tags))
