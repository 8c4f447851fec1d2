"""One solver for all structures, and the functions of an operator: logdet, square root, factors."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from jaxsci._core import RESULTS, linear_solve

from ._base import AbstractStructuredOperator, identity_multiple
from ._factorisation import AbstractFactorisation


def as_structured(operator: lx.AbstractLinearOperator) -> AbstractStructuredOperator:
    """The structured operator behind lineax's own sums, multiples and tags.

    `s * I + K` and `lineax.TaggedLinearOperator(K, tags)` are lineax objects; this gives back what
    `K + s * I` and a tagged `K` would have been.

    Args:
        operator: a lineax operator.

    Returns:
        A structured operator equal to it.

    Raises:
        TypeError: if there is no structure to be found.
    """
    structured = _find(operator)
    if structured is None:
        raise TypeError(
            f"StructuredSolver, logdet and sqrt_mv need a structured operator (Kronecker, "
            f"KroneckerSum, Shifted, Toeplitz, Circulant, LowRankPlusDiagonal, Banded, "
            f"BlockDiagonal, or a multiple, shift or tag of one), got a {type(operator).__name__}. "
            "Build one from jaxsci.linalg, use lineax.AutoLinearSolver(well_posed=True) for a "
            "small dense matrix, or lineax.CG or lineax.GMRES for a large one."
        )
    return structured


def _find(operator: lx.AbstractLinearOperator) -> AbstractStructuredOperator | None:
    if isinstance(operator, AbstractStructuredOperator):
        return operator
    if isinstance(operator, lx.AddLinearOperator):
        return _find_sum(operator.operator1, operator.operator2)
    if not isinstance(
        operator,
        lx.TaggedLinearOperator
        | lx.MulLinearOperator
        | lx.DivLinearOperator
        | lx.NegLinearOperator,
    ):
        return None
    inner = _find(operator.operator)
    if inner is None:
        return None
    if isinstance(operator, lx.TaggedLinearOperator):
        return inner.with_tags(operator.tags)
    if isinstance(operator, lx.MulLinearOperator):
        return inner * operator.scalar
    return inner / operator.scalar if isinstance(operator, lx.DivLinearOperator) else -inner


def _find_sum(first, second) -> AbstractStructuredOperator | None:
    for one, other in ((first, second), (second, first)):
        structured = _find(one)
        if structured is not None:
            plain = other if identity_multiple(other) is not None else (_find(other) or other)
            total = structured.plus(plain)
            if total is not None:
                return total
    return None


class StructuredSolver(lx.AbstractLinearSolver[AbstractFactorisation]):
    """A direct solve by the operator's own factorisation, without ever forming a dense matrix.

    Works in `jaxsci._core.linear_solve` and in `lineax.linear_solve(..., throw=False)`; the state
    is the factorisation, reused for every right-hand side, for the transpose and for
    derivatives.
    """

    def init(
        self, operator: lx.AbstractLinearOperator, options: dict[str, Any]
    ) -> AbstractFactorisation:
        """Factorise, unless `options["factors"]` holds the factorisation already."""
        structured = as_structured(operator)
        structured.check_square("a solve")
        return options["factors"] if "factors" in options else structured.factorise()

    def compute(
        self, state: AbstractFactorisation, vector: Float[Array, " n"], options: dict[str, Any]
    ) -> tuple[Float[Array, " n"], lx.RESULTS, dict[str, Any]]:
        """One solve; a singular operator shows as non-finite entries."""
        del options
        solution = state.solve(vector)
        finite = jnp.all(jnp.isfinite(solution))
        return solution, lx.RESULTS.where(finite, lx.RESULTS.successful, lx.RESULTS.singular), {}

    def transpose(
        self, state: AbstractFactorisation, options: dict[str, Any]
    ) -> tuple[AbstractFactorisation, dict[str, Any]]:
        """The same factors for the transpose."""
        return state.transpose(), options

    def conj(
        self, state: AbstractFactorisation, options: dict[str, Any]
    ) -> tuple[AbstractFactorisation, dict[str, Any]]:
        """The operators are real."""
        return state, options

    def assume_full_rank(self) -> bool:
        """The operator must be invertible."""
        return True


class Factorised(eqx.Module):
    """An operator with its factorisation, for many uses of one factorisation.

    Attributes:
        operator: $A$.
        factors: its factorisation.
    """

    operator: AbstractStructuredOperator
    factors: AbstractFactorisation

    def solve(self, vector: Float[Array, " n"]) -> tuple[Float[Array, " n"], RESULTS]:
        """$A^{-1} b$ and a result code, differentiable in $A$ and $b$."""
        frozen = jax.lax.stop_gradient(self.factors)
        return linear_solve(self.operator, vector, StructuredSolver(), options={"factors": frozen})

    def logdet(self) -> Float[Array, ""]:
        """$\\log |\\det A|$."""
        return self.factors.logdet()

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S x$ with $S S^T = A$."""
        return self.factors.sqrt_mv(vector)


def factorise(operator: lx.AbstractLinearOperator) -> Factorised:
    """Factorise once; solve, take the determinant and sample many times.

    Args:
        operator: a structured operator $A$, square.

    Returns:
        A `Factorised`, differentiable in the operator's arrays.

    Raises:
        TypeError: if the operator has no structure.
        ValueError: if it is not square.
    """
    structured = as_structured(operator)
    structured.check_square("a factorisation")
    return Factorised(structured, structured.factorise())


def logdet(operator: lx.AbstractLinearOperator) -> Float[Array, ""]:
    """$\\log |\\det A|$ without forming $A$; $d \\log\\det A = \\mathrm{tr}(A^{-1} dA)$.

    Args:
        operator: a structured operator $A$, square.

    Returns:
        A scalar; $-\\infty$ or NaN if $A$ is singular.

    Raises:
        TypeError: if the operator has no structure.
        ValueError: if it is not square.
    """
    return factorise(operator).logdet()


def sqrt_mv(operator: lx.AbstractLinearOperator, vector: Float[Array, " n"]) -> Float[Array, " n"]:
    """$S x$ with $S S^T = A$: draws from $N(0, A)$ when $x$ is standard normal.

    Which square root it is depends on the structure: Cholesky factors where there are some, the
    symmetric root for spectral factorisations.

    Args:
        operator: a structured operator $A$, declared positive semidefinite.
        vector: $x$, shape `(n,)`.

    Returns:
        $S x$, shape `(n,)`.

    Raises:
        TypeError: if the operator has no structure or is not declared positive semidefinite.
        ValueError: if it is not square.
    """
    return factorise(operator).sqrt_mv(vector)
