"""What every factorisation can do, and the factorisations of dense and diagonal matrices."""

import abc
from typing import NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_EXACT = jax.lax.Precision.HIGHEST


class AbstractFactorisation(eqx.Module):
    """A factorised square $A$: computed once, used for solves, determinant and square root.

    `logdet` and `sqrt_mv` may be differentiated; `solve` is differentiated by its caller as the
    solution of a linear system, never through the factors.
    """

    @abc.abstractmethod
    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$A^{-1} b$."""

    @abc.abstractmethod
    def transpose(self) -> "AbstractFactorisation":
        """The factorisation of $A^T$, from the same factors."""

    @abc.abstractmethod
    def logdet(self) -> Float[Array, ""]:
        """$\\log |\\det A|$."""

    @abc.abstractmethod
    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S x$ with a fixed square $S$ such that $S S^T = A$."""


def refuse_square_root(what: str) -> NoReturn:
    """The error of a square root that was asked of an operator not declared semidefinite."""
    raise TypeError(
        f"sqrt_mv: {what} is not declared positive semidefinite, so it has no real square root. "
        "If it is, say so with tags=lineax.positive_semidefinite_tag when you build it."
    )


class CholeskyFactorisation(AbstractFactorisation):
    """$A = L L^T$, positive definite."""

    lower: Float[Array, "n n"]

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Two triangular solves."""
        return jax.scipy.linalg.cho_solve((self.lower, True), vector)

    def transpose(self) -> "CholeskyFactorisation":
        """Symmetric."""
        return self

    def logdet(self) -> Float[Array, ""]:
        """$2 \\sum \\log L_{ii}$."""
        return 2 * jnp.sum(jnp.log(jnp.diagonal(self.lower)))

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = L$."""
        return jnp.matmul(self.lower, vector, precision=_EXACT)


class LUFactorisation(AbstractFactorisation):
    """$P A = L U$, any invertible matrix."""

    lu: Float[Array, "n n"]
    pivots: Array
    transposed: bool = eqx.field(static=True, default=False)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Two triangular solves and a permutation."""
        return jax.scipy.linalg.lu_solve((self.lu, self.pivots), vector, int(self.transposed))

    def transpose(self) -> "LUFactorisation":
        """The same factors in the opposite order."""
        return LUFactorisation(self.lu, self.pivots, not self.transposed)

    def logdet(self) -> Float[Array, ""]:
        """$\\sum \\log |U_{ii}|$."""
        return jnp.sum(jnp.log(jnp.abs(jnp.diagonal(self.lu))))

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Refused."""
        refuse_square_root("a general matrix")


class DiagonalFactorisation(AbstractFactorisation):
    """$A = \\mathrm{diag}(d)$."""

    entries: Float[Array, " n"]

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$b / d$."""
        return vector / self.entries

    def transpose(self) -> "DiagonalFactorisation":
        """Symmetric."""
        return self

    def logdet(self) -> Float[Array, ""]:
        """$\\sum \\log |d_i|$."""
        return jnp.sum(jnp.log(jnp.abs(self.entries)))

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = \\mathrm{diag}(\\sqrt d)$; NaN where $d < 0$."""
        return jnp.sqrt(self.entries) * vector


def factorise_dense(matrix: Float[Array, "n n"], definite: bool) -> AbstractFactorisation:
    """Cholesky if the matrix is declared positive (semi)definite, LU otherwise.

    Args:
        matrix: $A$.
        definite: whether it is declared positive semidefinite.

    Returns:
        A factorisation; its entries are NaN if the declaration is wrong or $A$ is singular.
    """
    if definite:
        return CholeskyFactorisation(jnp.linalg.cholesky(matrix))
    lu, pivots = jax.scipy.linalg.lu_factor(matrix)
    return LUFactorisation(lu, pivots)
