"""Kronecker products, and Kronecker products plus a multiple of the identity."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, ArrayLike, Float

from jaxsci._core import concrete

from ._base import AbstractStructuredOperator
from ._factorisation import AbstractFactorisation
from ._parts import (
    as_factor,
    common_dtype,
    dense_factor,
    factor_along,
    factorise_factor,
    scale_factor,
    tag_factor,
)
from ._spectral import spectral_factorisation
from ._tags import as_tags, not_negative, scaled_tags, shifted_tags
from ._tensor import outer_product


class KroneckerFactorisation(AbstractFactorisation):
    """$(\\otimes A_i)^{-1} = \\otimes A_i^{-1}$, one factorisation per factor."""

    factors: tuple[AbstractFactorisation, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """One solve per fibre along every axis."""
        return self._along_all([factor.solve for factor in self.factors], vector)

    def transpose(self) -> "KroneckerFactorisation":
        """Factor by factor."""
        transposed = tuple(factor.transpose() for factor in self.factors)
        return KroneckerFactorisation(transposed, self.sizes)

    def logdet(self) -> Float[Array, ""]:
        """$\\sum_i (N / n_i) \\log |\\det A_i|$."""
        total = reduce(lambda a, b: a * b, self.sizes)
        terms = [total // n * f.logdet() for n, f in zip(self.sizes, self.factors)]
        return reduce(jnp.add, terms)

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = \\otimes S_i$."""
        return self._along_all([factor.sqrt_mv for factor in self.factors], vector)

    def _along_all(self, functions: Sequence[Callable], vector: Array) -> Array:
        tensor = vector.reshape(self.sizes)
        for axis, function in enumerate(functions):
            front = jnp.moveaxis(tensor, axis, 0)
            flat = jax.vmap(function, 1, 1)(front.reshape(front.shape[0], -1))
            tensor = jnp.moveaxis(flat.reshape(front.shape), 0, axis)
        return tensor.ravel()


class Kronecker(AbstractStructuredOperator):
    """$A = A_1 \\otimes A_2 \\otimes \\dots \\otimes A_d$.

    Acts on vectors whose reshape to `(n_1, ..., n_d)` has one axis per factor:
    $A x = \\mathrm{vec}(A_1 \\times_1 \\dots A_d \\times_d X)$, at $O(N \\sum n_i)$ operations.
    It is symmetric, positive semidefinite, diagonal or triangular if all its factors are.

    Attributes:
        factors: the factors as operators.
    """

    factors: tuple[lx.AbstractLinearOperator, ...]

    def __init__(
        self,
        factors: Sequence[Float[Array, "m n"] | lx.AbstractLinearOperator],
        tags: object = (),
    ):
        """Build the product.

        Args:
            factors: matrices, of any shapes, or lineax operators on vectors.
            tags: lineax tags that hold for every factor given as a matrix.

        Raises:
            ValueError: if there is no factor, a factor is not a matrix, or dtypes differ.
            TypeError: if a factor is complex.
        """
        if len(factors) == 0:
            raise ValueError("Kronecker: needs at least one factor.")
        self.factors = tuple(
            as_factor(f"Kronecker: factor {k}", factor, as_tags(tags))
            for k, factor in enumerate(factors)
        )
        common_dtype("Kronecker", self.factors)

    @property
    def tags(self) -> frozenset[object]:
        """None of its own: properties follow from the factors."""
        return frozenset()

    @property
    def shape(self) -> tuple[int, int]:
        """Products of the factors' rows and columns."""
        rows = reduce(lambda a, b: a * b, [f.out_size() for f in self.factors])
        return rows, reduce(lambda a, b: a * b, [f.in_size() for f in self.factors])

    @property
    def dtype(self) -> Any:
        """The dtype of the factors."""
        return self.factors[0].out_structure().dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " m"]:
        """One product per axis."""
        tensor = vector.reshape([factor.in_size() for factor in self.factors])
        for axis, factor in enumerate(self.factors):
            tensor = factor_along(factor, tensor, axis)
        return tensor.ravel()

    def transpose(self) -> "Kronecker":
        """$\\otimes A_i^T$."""
        return Kronecker([factor.T for factor in self.factors])

    def dense(self) -> Float[Array, "m n"]:
        """The Kronecker product of the factors' matrices."""
        return reduce(jnp.kron, [dense_factor(factor) for factor in self.factors])

    def main_diagonal(self) -> Float[Array, " n"]:
        """The Kronecker product of the factors' diagonals."""
        self._check_square_factors("the diagonal")
        return outer_product(
            [lx.diagonal(factor).astype(self.dtype) for factor in self.factors]
        ).ravel()

    def factorise(self) -> KroneckerFactorisation:
        """Cholesky or LU of every factor, or the factor's own factorisation."""
        self._check_square_factors("a factorisation")
        sizes = tuple(factor.in_size() for factor in self.factors)
        return KroneckerFactorisation(tuple(factorise_factor(f) for f in self.factors), sizes)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "Kronecker":
        """$(c A_1) \\otimes A_2 \\otimes \\dots$."""
        first, *rest = self.factors
        return Kronecker([scale_factor(first, factor, positive), *rest])

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "Shifted":
        """$A + \\sigma I$ as a `Shifted`."""
        return Shifted(self, amount, positive=positive)

    def merge(self, other: lx.AbstractLinearOperator) -> None:
        """A sum of two products is not a product."""
        return None

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """A property holds if all factors have it; see the class."""
        if check is lx.is_negative_semidefinite:
            return len(self.factors) == 1 and check(self.factors[0])
        if check is lx.is_tridiagonal:
            *outer, last = self.factors
            return all(lx.is_diagonal(factor) for factor in outer) and check(last)
        return all(check(factor) for factor in self.factors)

    def with_tags(self, tags: object) -> "Kronecker":
        """The properties are declared for every factor."""
        return Kronecker([tag_factor(factor, tags) for factor in self.factors])

    def _check_square_factors(self, purpose: str) -> None:
        shapes = [(factor.out_size(), factor.in_size()) for factor in self.factors]
        if any(rows != columns for rows, columns in shapes):
            raise ValueError(f"Kronecker: {purpose} needs square factors, got shapes {shapes}.")


class Shifted(AbstractStructuredOperator):
    """$A = A_1 \\otimes \\dots \\otimes A_d + \\sigma I$, what `K + s * I` becomes.

    Symmetric factors are diagonalised once, and solves, determinant and square root cost
    $O(N \\sum n_i)$ each: the covariance of gridded data plus white noise.

    Attributes:
        operator: the Kronecker product, square.
        amount: $\\sigma$, a scalar.
        tags: lineax tags.
        positive: whether $\\sigma \\ge 0$.
    """

    operator: Kronecker
    amount: Float[Array, ""]
    tags: frozenset[object] = eqx.field(static=True)
    positive: bool = eqx.field(static=True)

    def __init__(
        self,
        operator: Kronecker,
        amount: ArrayLike,
        tags: object = (),
        *,
        positive: bool | None = None,
    ):
        """Shift a Kronecker product.

        Args:
            operator: a square `Kronecker`.
            amount: $\\sigma$.
            tags: further lineax tags of the sum.
            positive: whether $\\sigma \\ge 0$, so that a positive semidefinite product stays one;
                `None` looks at a concrete number and takes a traced one to be.

        Raises:
            TypeError: if `operator` is not a `Kronecker`: others are shifted with `A + s * I`.
            ValueError: if the operator is not square or the shift not a scalar.
        """
        if not isinstance(operator, Kronecker):
            raise TypeError(
                f"Shifted: wraps a Kronecker, got {type(operator).__name__}. Write "
                "A + s * lineax.IdentityLinearOperator(A.in_structure()) for other structures."
            )
        operator.check_square("a shift")
        if jnp.ndim(amount) != 0:
            raise ValueError(f"Shifted: amount must be a scalar, got shape {jnp.shape(amount)}.")
        self.operator = operator
        self.amount = jnp.asarray(amount, operator.dtype)
        self.tags = as_tags(tags)
        self.positive = not_negative(amount) if positive is None else positive

    @property
    def shape(self) -> tuple[int, int]:
        """That of the product."""
        return self.operator.shape

    @property
    def dtype(self) -> Any:
        """That of the product."""
        return self.operator.dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$K x + \\sigma x$."""
        return self.operator.mv(vector) + self.amount * vector

    def transpose(self) -> "Shifted":
        """$K^T + \\sigma I$."""
        transposed = self.operator.transpose()
        tags = lx.transpose_tags(self.tags)
        return Shifted(transposed, self.amount, tags, positive=self.positive)

    def dense(self) -> Float[Array, "n n"]:
        """The matrix."""
        return self.operator.dense() + self.amount * jnp.eye(self.shape[0], dtype=self.dtype)

    def main_diagonal(self) -> Float[Array, " n"]:
        """The diagonal of the product, plus $\\sigma$."""
        return self.operator.main_diagonal() + self.amount

    def factorise(self) -> AbstractFactorisation:
        """The eigendecompositions of the factors, which must be symmetric."""
        if not all(lx.is_symmetric(factor) for factor in self.operator.factors):
            raise TypeError(
                "Shifted: K + s I is factorised through the eigenvectors of symmetric factors, "
                "and not all factors of this Kronecker are declared symmetric. If they are, build "
                "it with tags=lineax.symmetric_tag (or positive_semidefinite_tag); if not, use an "
                "iterative solver such as lineax.GMRES."
            )
        matrices = [dense_factor(factor) for factor in self.operator.factors]
        definite = lx.is_positive_semidefinite(self)
        return spectral_factorisation(matrices, self.amount, "product", definite)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "Shifted":
        """$c K + c \\sigma I$."""
        tags = scaled_tags(self.tags, positive)
        scaled = self.operator.scale(factor, positive)
        return Shifted(scaled, factor * self.amount, tags, positive=self.positive and positive)

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "Shifted":
        """$K + (\\sigma + \\tau) I$."""
        total, tags = self.amount + amount, shifted_tags(self.tags, positive)
        sign = None if concrete(total) else self.positive and positive
        return Shifted(self.operator, total, tags, positive=sign)

    def merge(self, other: lx.AbstractLinearOperator) -> None:
        """Not closed under addition."""
        return None

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Properties that a multiple of the identity leaves alone."""
        if check is lx.is_positive_semidefinite:
            return self.positive and check(self.operator)
        if check is lx.is_negative_semidefinite or check is lx.has_unit_diagonal:
            return False
        return check(self.operator)
