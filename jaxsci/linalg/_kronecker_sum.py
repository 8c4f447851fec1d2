"""Kronecker sums: separable operators such as a Laplacian on a tensor grid."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, ArrayLike, Float

from jaxsci._core import concrete

from ._base import AbstractStructuredOperator
from ._factorisation import AbstractFactorisation, refuse_square_root
from ._parts import (
    as_factor,
    common_dtype,
    dense_factor,
    factor_along,
    scale_factor,
    tag_factor,
)
from ._spectral import spectral_factorisation
from ._sylvester import SylvesterFactors, sylvester_factors
from ._sylvester_logdet import sylvester_logdet
from ._tags import as_tags, common_tags, not_negative
from ._tensor import outer_sum


class SylvesterFactorisation(AbstractFactorisation):
    """A Kronecker sum with at least one factor that is not symmetric."""

    factors: SylvesterFactors

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Batched LU or complex Schur forms, see `sylvester_factors`."""
        sizes = [matrix.shape[0] for matrix in self.factors.matrices]
        return self.factors.inverse(vector.reshape(sizes)).ravel()

    def transpose(self) -> "SylvesterFactorisation":
        """The same factors."""
        return SylvesterFactorisation(self.factors.transpose())

    def logdet(self) -> Float[Array, ""]:
        """$\\log |\\det A|$ from the triangular factors."""
        return sylvester_logdet(self.factors)

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Refused."""
        refuse_square_root("a Kronecker sum with factors that are not symmetric")


class KroneckerSum(AbstractStructuredOperator):
    """$A = A_1 \\otimes I \\otimes I + I \\otimes A_2 \\otimes I + \\dots + \\sigma I$.

    Acts on vectors whose reshape to `(n_1, ..., n_d)` has one axis per factor. Symmetric factors
    are diagonalised; one general factor takes batched LU, more take complex Schur forms.

    Attributes:
        factors: the square factors as operators.
        shift: $\\sigma$.
        positive: whether $\\sigma \\ge 0$.
    """

    factors: tuple[lx.AbstractLinearOperator, ...]
    shift: Float[Array, ""]
    positive: bool = eqx.field(static=True)

    def __init__(
        self,
        factors: Sequence[Float[Array, "n n"] | lx.AbstractLinearOperator],
        shift: ArrayLike = 0.0,
        tags: object = (),
        *,
        positive: bool | None = None,
    ):
        """Build the sum.

        Args:
            factors: square matrices or lineax operators on vectors.
            shift: $\\sigma$.
            tags: lineax tags that hold for every factor given as a matrix.
            positive: whether $\\sigma \\ge 0$, so that positive semidefinite factors make such a
                sum; `None` looks at a concrete number and takes a traced one to be.

        Raises:
            ValueError: if a factor is not square, the shift not a scalar, or dtypes differ.
            TypeError: if a factor is complex.
        """
        if len(factors) == 0:
            raise ValueError("KroneckerSum: needs at least one factor.")
        if jnp.ndim(shift) != 0:
            raise ValueError(f"KroneckerSum: shift must be a scalar, got shape {jnp.shape(shift)}.")
        self.factors = tuple(
            as_factor(f"KroneckerSum: factor {k}", factor, as_tags(tags))
            for k, factor in enumerate(factors)
        )
        for k, factor in enumerate(self.factors):
            if factor.in_size() != factor.out_size():
                raise ValueError(
                    f"KroneckerSum: factor {k} must be square, got shape "
                    f"{(factor.out_size(), factor.in_size())}."
                )
        self.positive = not_negative(shift) if positive is None else positive
        self.shift = jnp.asarray(shift, common_dtype("KroneckerSum", self.factors))

    @property
    def tags(self) -> frozenset[object]:
        """None of its own: properties follow from the factors and the shift."""
        return frozenset()

    @property
    def shape(self) -> tuple[int, int]:
        """$N \\times N$ with $N = \\prod n_i$."""
        size = reduce(lambda a, b: a * b, [factor.in_size() for factor in self.factors])
        return size, size

    @property
    def dtype(self) -> Any:
        """The dtype of the factors."""
        return self.factors[0].out_structure().dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """One product per axis, added."""
        tensor = vector.reshape([factor.in_size() for factor in self.factors])
        total = self.shift * tensor
        for axis, factor in enumerate(self.factors):
            total = total + factor_along(factor, tensor, axis)
        return total.ravel()

    def transpose(self) -> "KroneckerSum":
        """The sum of the transposed factors."""
        transposed = [factor.T for factor in self.factors]
        return KroneckerSum(transposed, self.shift, positive=self.positive)

    def dense(self) -> Float[Array, "n n"]:
        """The matrix."""
        total = self.shift * jnp.eye(self.shape[0], dtype=self.dtype)
        eyes = [jnp.eye(factor.in_size(), dtype=self.dtype) for factor in self.factors]
        for axis, factor in enumerate(self.factors):
            parts = [dense_factor(factor) if k == axis else eye for k, eye in enumerate(eyes)]
            total = total + reduce(jnp.kron, parts)
        return total

    def main_diagonal(self) -> Float[Array, " n"]:
        """Sums of the factors' diagonals, plus $\\sigma$."""
        diagonals = [lx.diagonal(factor).astype(self.dtype) for factor in self.factors]
        return outer_sum(diagonals).ravel() + self.shift

    def factorise(self) -> AbstractFactorisation:
        """Eigendecompositions if all factors are symmetric, else see `sylvester_factors`."""
        matrices = [dense_factor(factor) for factor in self.factors]
        symmetric = [lx.is_symmetric(factor) for factor in self.factors]
        if all(symmetric):
            definite = lx.is_positive_semidefinite(self)
            return spectral_factorisation(matrices, self.shift, "sum", definite)
        return SylvesterFactorisation(sylvester_factors(matrices, self.shift, symmetric=symmetric))

    def scale(self, factor: Float[Array, ""], positive: bool) -> "KroneckerSum":
        """Every factor and $\\sigma$ times $c$."""
        factors = [scale_factor(part, factor, positive) for part in self.factors]
        return KroneckerSum(factors, factor * self.shift, positive=self.positive and positive)

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "KroneckerSum":
        """$\\sigma + \\tau$ in place of $\\sigma$."""
        total = self.shift + amount
        sign = None if concrete(total) else self.positive and positive
        return KroneckerSum(self.factors, total, positive=sign)

    def merge(self, other: lx.AbstractLinearOperator) -> "KroneckerSum | None":
        """The sum of two Kronecker sums over the same axes, if all factors are matrices."""
        if not isinstance(other, KroneckerSum) or not _mergeable(self, other):
            return None
        factors = [
            lx.MatrixLinearOperator(a.matrix + b.matrix, common_tags(a.tags, b.tags))
            for a, b in zip(self.factors, other.factors)
            if isinstance(a, lx.MatrixLinearOperator) and isinstance(b, lx.MatrixLinearOperator)
        ]
        total = self.shift + other.shift
        sign = None if concrete(total) else self.positive and other.positive
        return KroneckerSum(factors, total, positive=sign)

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """A property holds if all factors have it; see the class."""
        if check is lx.has_unit_diagonal or check is lx.is_negative_semidefinite:
            return False
        if check is lx.is_tridiagonal:
            *outer, last = self.factors
            return all(lx.is_diagonal(factor) for factor in outer) and check(last)
        if check is lx.is_positive_semidefinite and not self.positive:
            return False
        return all(check(factor) for factor in self.factors)

    def with_tags(self, tags: object) -> "KroneckerSum":
        """Declared for every factor; positive semidefinite covers a negative shift too."""
        factors = [tag_factor(factor, tags) for factor in self.factors]
        positive = self.positive or lx.positive_semidefinite_tag in as_tags(tags)
        return KroneckerSum(factors, self.shift, positive=positive)


def _mergeable(first: KroneckerSum, second: KroneckerSum) -> bool:
    matrices = all(
        isinstance(factor, lx.MatrixLinearOperator) for factor in first.factors + second.factors
    )
    sizes = [[factor.in_size() for factor in one.factors] for one in (first, second)]
    return matrices and sizes[0] == sizes[1]
