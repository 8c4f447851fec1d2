"""What all structured operators share: shape, size guard, sums that keep the structure, queries."""

import abc
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, ArrayLike, Float

from jaxsci._core import concrete

from ._factorisation import AbstractFactorisation
from ._guard import check_dense
from ._tags import as_tags, not_negative


class AbstractStructuredOperator(lx.AbstractLinearOperator):
    """A real matrix with structure, as a lineax operator on vectors.

    `A + B` and `c * A` keep the structure where there is one to keep: multiples of the identity
    always, sums of two operators of one kind where that kind is closed under addition. Properties
    (symmetric, positive semidefinite, ...) are declared with lineax tags or inferred from parts;
    they are not checked numerically.
    """

    tags: eqx.AbstractVar[frozenset[object]]

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    @abc.abstractmethod
    def dtype(self) -> Any:
        """The floating dtype of the entries."""

    @abc.abstractmethod
    def dense(self) -> Float[Array, "m n"]:
        """The matrix; `as_matrix` calls it after the size guard."""

    @abc.abstractmethod
    def main_diagonal(self) -> Float[Array, " n"]:
        """The entries $A_{ii}$ of a square operator."""

    @abc.abstractmethod
    def factorise(self) -> AbstractFactorisation:
        """The factorisation this structure is made for."""

    @abc.abstractmethod
    def scale(self, factor: Float[Array, ""], positive: bool) -> "AbstractStructuredOperator":
        """$c A$, of the same structure; `positive` says whether to take $c \\ge 0$."""

    @abc.abstractmethod
    def add_identity(
        self, amount: Float[Array, ""], positive: bool
    ) -> "AbstractStructuredOperator":
        """$A + \\sigma I$, still structured; `positive` says whether to take $\\sigma \\ge 0$."""

    @abc.abstractmethod
    def merge(self, other: lx.AbstractLinearOperator) -> "AbstractStructuredOperator | None":
        """$A + B$ if it has this structure too, else `None`."""

    @abc.abstractmethod
    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Whether the property that the lineax query `check` asks for follows from the parts."""

    def with_tags(self, tags: object) -> "AbstractStructuredOperator":
        """The same operator with further declared properties."""
        return dataclasses.replace(self, tags=self.tags | as_tags(tags))

    def as_matrix(self) -> Float[Array, "m n"]:
        """The dense matrix; above the size limit a `DenseSizeError`."""
        check_dense(f"{type(self).__name__}.as_matrix", *self.shape)
        return self.dense()

    def in_structure(self) -> jax.ShapeDtypeStruct:
        """A vector with one entry per column."""
        return jax.ShapeDtypeStruct((self.shape[1],), self.dtype)

    def out_structure(self) -> jax.ShapeDtypeStruct:
        """A vector with one entry per row."""
        return jax.ShapeDtypeStruct((self.shape[0],), self.dtype)

    def __add__(self, other: lx.AbstractLinearOperator) -> lx.AbstractLinearOperator:
        structured = self.plus(other)
        return super().__add__(other) if structured is None else structured

    def __sub__(self, other: lx.AbstractLinearOperator) -> lx.AbstractLinearOperator:
        return self + (-other)

    def __mul__(self, other: ArrayLike) -> "AbstractStructuredOperator":
        if jnp.ndim(other) != 0:
            raise ValueError(
                f"{type(self).__name__}: only scalars multiply an operator, got shape "
                f"{jnp.shape(other)}."
            )
        # the sign is looked at before the number becomes an array, which may be a traced one
        return self.scale(jnp.asarray(other, self.dtype), not_negative(other))

    def __truediv__(self, other: ArrayLike) -> "AbstractStructuredOperator":
        if jnp.ndim(other) != 0:
            raise ValueError(
                f"{type(self).__name__}: only scalars divide an operator, got shape "
                f"{jnp.shape(other)}."
            )
        return self.scale(1 / jnp.asarray(other, self.dtype), not_negative(other))

    def __neg__(self) -> "AbstractStructuredOperator":
        return self.scale(jnp.asarray(-1, self.dtype), False)

    def plus(self, other: lx.AbstractLinearOperator) -> "AbstractStructuredOperator | None":
        """$A + B$ with its structure kept, or `None` if there is none to keep."""
        if not isinstance(other, lx.AbstractLinearOperator):
            raise TypeError(
                f"{type(self).__name__}: only operators can be added, got "
                f"{type(other).__name__}. Write A + s * lineax.IdentityLinearOperator("
                "A.in_structure()) to shift."
            )
        if (other.out_size(), other.in_size()) != self.shape:
            raise ValueError(
                f"{type(self).__name__} of shape {self.shape} cannot be added to an operator of "
                f"shape {(other.out_size(), other.in_size())}."
            )
        multiple = identity_multiple(other)
        if multiple is None:
            return self.merge(other)
        self.check_square("adding a multiple of the identity")
        amount, positive = multiple
        return self.add_identity(jnp.asarray(amount, self.dtype), positive)

    def check_square(self, purpose: str) -> None:
        """Refuse rectangular operators where only square ones make sense."""
        rows, columns = self.shape
        if rows != columns:
            raise ValueError(
                f"{type(self).__name__}: {purpose} needs a square operator, got {rows} x {columns}."
            )


def identity_multiple(operator: lx.AbstractLinearOperator) -> tuple[ArrayLike, bool] | None:
    """`(amount, positive)` if `operator` is a multiple of the identity by construction."""
    if isinstance(operator, lx.IdentityLinearOperator):
        return 1.0, True
    if isinstance(operator, lx.TaggedLinearOperator):
        return identity_multiple(operator.operator)
    if not isinstance(operator, lx.MulLinearOperator | lx.DivLinearOperator | lx.NegLinearOperator):
        return None
    inner = identity_multiple(operator.operator)
    if inner is None:
        return None
    amount, positive = jnp.asarray(inner[0]), inner[1]
    if isinstance(operator, lx.NegLinearOperator):
        return -amount, concrete(amount) and not_negative(-amount)
    scalar = jnp.asarray(operator.scalar)
    total = amount / scalar if isinstance(operator, lx.DivLinearOperator) else amount * scalar
    return total, not_negative(total) if concrete(total) else positive and not_negative(scalar)


_CHECKS: dict[Any, set[object]] = {
    lx.is_symmetric: {
        lx.symmetric_tag,
        lx.positive_semidefinite_tag,
        lx.negative_semidefinite_tag,
        lx.diagonal_tag,
    },
    lx.is_diagonal: {lx.diagonal_tag},
    lx.is_tridiagonal: {lx.tridiagonal_tag, lx.diagonal_tag},
    lx.has_unit_diagonal: {lx.unit_diagonal_tag},
    lx.is_lower_triangular: {lx.lower_triangular_tag, lx.diagonal_tag},
    lx.is_upper_triangular: {lx.upper_triangular_tag, lx.diagonal_tag},
    lx.is_positive_semidefinite: {lx.positive_semidefinite_tag},
    lx.is_negative_semidefinite: {lx.negative_semidefinite_tag},
}

# what every diagonal matrix is
DIAGONAL_QUERIES = [check for check, tags in _CHECKS.items() if lx.diagonal_tag in tags]


def register_queries(kind: type[AbstractStructuredOperator]) -> None:
    """Answer every lineax query for `kind` and its subclasses.

    `linearise`, `materialise` and `conj` return the operator itself: it is linear already, its
    arrays are all there is to materialise, and it is real.
    """
    for query in (lx.linearise, lx.materialise, lx.conj):
        query.register(kind, lambda operator: operator)
    lx.diagonal.register(kind, lambda operator: operator.main_diagonal())
    lx.tridiagonal.register(kind, _tridiagonal)
    for check, tags in _CHECKS.items():
        check.register(kind, functools.partial(_holds, check, tags))


def _holds(check, tags: set[object], operator: AbstractStructuredOperator) -> bool:
    return bool(operator.tags & tags) or operator.infers(check)


def _tridiagonal(operator: AbstractStructuredOperator) -> tuple[Array, Array, Array]:
    """Main, lower and upper diagonal; a tridiagonal operator is probed with three vectors."""
    operator.check_square("tridiagonal")
    size = operator.shape[0]
    if not lx.is_tridiagonal(operator):
        matrix = operator.as_matrix()
        return jnp.diagonal(matrix), jnp.diagonal(matrix, -1), jnp.diagonal(matrix, 1)
    index = jnp.arange(size)
    colour = index % 3  # columns of one colour do not share rows
    probes = (colour[None, :] == jnp.arange(3)[:, None]).astype(operator.dtype)
    products = jax.vmap(operator.mv)(probes)
    lower = products[colour[:-1], index[1:]]
    upper = products[colour[1:], index[:-1]]
    return products[colour, index], lower, upper


register_queries(AbstractStructuredOperator)
