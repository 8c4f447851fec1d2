"""Low rank plus diagonal."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._base import AbstractStructuredOperator
from ._factorisation import (
    AbstractFactorisation,
    CholeskyFactorisation,
    factorise_dense,
    refuse_square_root,
)
from ._parts import as_real
from ._tags import as_tags, common_tags, scaled_tags, shifted_tags

_EXACT = jax.lax.Precision.HIGHEST


def _dot(first: Array, second: Array) -> Array:
    return jnp.matmul(first, second, precision=_EXACT)


class WoodburyFactorisation(AbstractFactorisation):
    """$A = D + U V^T$ through the capacitance $C = I + V^T D^{-1} U$."""

    entries: Float[Array, " n"]
    left: Float[Array, "n r"]
    right: Float[Array, "n r"]
    capacitance: AbstractFactorisation

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$D^{-1} b - D^{-1} U C^{-1} V^T D^{-1} b$."""
        scaled = vector / self.entries
        correction = self.capacitance.solve(_dot(self.right.T, scaled))
        return scaled - _dot(self.left, correction) / self.entries

    def transpose(self) -> "WoodburyFactorisation":
        """$U$ and $V$ exchanged."""
        capacitance = self.capacitance.transpose()
        return WoodburyFactorisation(self.entries, self.right, self.left, capacitance)

    def logdet(self) -> Float[Array, ""]:
        """$\\sum \\log |d_i| + \\log |\\det C|$."""
        return jnp.sum(jnp.log(jnp.abs(self.entries))) + self.capacitance.logdet()

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = D^{1/2} (I + W (I + L)^{-1} W^T)$ with $W = D^{-1/2} U$ and $C = L L^T$.

        $S S^T = A$ because $P = I + L$ satisfies $P P^T = P + P^T + W^T W$. Needs $D > 0$.
        """
        if not isinstance(self.capacitance, CholeskyFactorisation):
            refuse_square_root("a low-rank plus diagonal matrix")
        root = jnp.sqrt(self.entries)
        lower = self.capacitance.lower
        inner = _dot(self.left.T, vector / root)
        pivot = lower + jnp.eye(lower.shape[0], dtype=lower.dtype)
        weights = jax.scipy.linalg.solve_triangular(pivot, inner, lower=True)
        return root * vector + _dot(self.left, weights)


class LowRankPlusDiagonal(AbstractStructuredOperator):
    """$A = \\mathrm{diag}(d) + U V^T$, solved with the Woodbury identity at $O(n r^2)$.

    Attributes:
        entries: $d$, shape `(n,)`, not zero.
        left: $U$, shape `(n, r)`.
        right: $V$, shape `(n, r)`; `None` for $V = U$, which makes $A$ symmetric.
        tags: lineax tags; declare positive semidefinite for $d > 0$ and $V = U$.
    """

    entries: Float[Array, " n"]
    left: Float[Array, "n r"]
    right: Float[Array, "n r"] | None
    tags: frozenset[object] = eqx.field(static=True)

    def __init__(
        self,
        entries: Float[Array, " n"],
        left: Float[Array, "n r"],
        right: Float[Array, "n r"] | None = None,
        tags: object = (),
    ):
        """Build from the diagonal and the thin factors.

        Args:
            entries: $d$.
            left: $U$.
            right: $V$, or `None` for $V = U$.
            tags: lineax tags.

        Raises:
            ValueError: if the shapes or dtypes do not fit together, or if positive
                semidefiniteness is declared with a separate `right`.
            TypeError: if a part is complex.
        """
        self.entries = as_real("LowRankPlusDiagonal: entries", entries)
        self.left = as_real("LowRankPlusDiagonal: left", left)
        self.right = None if right is None else as_real("LowRankPlusDiagonal: right", right)
        self.tags = as_tags(tags)
        if self.left.ndim != 2 or self.entries.shape != self.left.shape[:1]:
            raise ValueError(
                "LowRankPlusDiagonal: entries must have shape (n,) and left (n, r), got "
                f"{self.entries.shape} and {self.left.shape}."
            )
        if self.right is not None and self.right.shape != self.left.shape:
            raise ValueError(
                "LowRankPlusDiagonal: right must have the shape of left, "
                f"{self.left.shape}, got {self.right.shape}."
            )
        parts = [part for part in (self.entries, self.left, self.right) if part is not None]
        if len({part.dtype for part in parts}) > 1:
            names = ", ".join(str(part.dtype) for part in parts)
            raise ValueError(f"LowRankPlusDiagonal: parts must have one dtype, got {names}.")
        if self.right is not None and lx.positive_semidefinite_tag in self.tags:
            raise ValueError(
                "LowRankPlusDiagonal: a positive semidefinite operator is diag(d) + U U^T; leave "
                "out `right`."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """$n \\times n$."""
        return self.entries.shape[0], self.entries.shape[0]

    @property
    def dtype(self) -> Any:
        """That of the parts."""
        return self.entries.dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$d x + U (V^T x)$."""
        return self.entries * vector + _dot(self.left, _dot(self._right().T, vector))

    def transpose(self) -> "LowRankPlusDiagonal":
        """$U$ and $V$ exchanged."""
        tags = lx.transpose_tags(self.tags)
        if self.right is None:
            return LowRankPlusDiagonal(self.entries, self.left, None, tags)
        return LowRankPlusDiagonal(self.entries, self.right, self.left, tags)

    def dense(self) -> Float[Array, "n n"]:
        """The matrix."""
        return jnp.diag(self.entries) + _dot(self.left, self._right().T)

    def main_diagonal(self) -> Float[Array, " n"]:
        """$d_i + \\sum_k U_{ik} V_{ik}$."""
        return self.entries + jnp.sum(self.left * self._right(), axis=1)

    def factorise(self) -> WoodburyFactorisation:
        """The capacitance and its Cholesky or LU factors."""
        definite = lx.is_positive_semidefinite(self)
        identity = jnp.eye(self.left.shape[1], dtype=self.dtype)
        capacitance = identity + _dot(self._right().T / self.entries, self.left)
        factors = factorise_dense(capacitance, definite)
        return WoodburyFactorisation(self.entries, self.left, self._right(), factors)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "LowRankPlusDiagonal":
        """$c D + (c U) V^T$; a positive semidefinite one stays so with $\\sqrt c\\,U$."""
        tags = scaled_tags(self.tags, positive)
        if self.right is None and lx.positive_semidefinite_tag in tags:
            left = jnp.sqrt(factor) * self.left
            return LowRankPlusDiagonal(factor * self.entries, left, None, tags)
        scaled = factor * self.left
        tags = tags | ({lx.symmetric_tag} if self.right is None else frozenset())
        return LowRankPlusDiagonal(factor * self.entries, scaled, self._right(), tags)

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "LowRankPlusDiagonal":
        """$d + \\sigma$."""
        tags = shifted_tags(self.tags, positive)
        return LowRankPlusDiagonal(self.entries + amount, self.left, self.right, tags)

    def merge(self, other: lx.AbstractLinearOperator) -> "LowRankPlusDiagonal | None":
        """Diagonal matrices, and further columns of $U$ and $V$."""
        if isinstance(other, lx.DiagonalLinearOperator):
            entries = self.entries + lx.diagonal(other).astype(self.dtype)
            tags = frozenset({lx.symmetric_tag} if lx.is_symmetric(self) else ())
            return LowRankPlusDiagonal(entries, self.left, self.right, tags)
        if not isinstance(other, LowRankPlusDiagonal):
            return None
        left = jnp.concatenate([self.left, other.left], axis=1)
        right = None
        if not (self.right is None and other.right is None):
            right = jnp.concatenate([self._right(), other._right()], axis=1)
        tags = common_tags(self.tags, other.tags)
        return LowRankPlusDiagonal(self.entries + other.entries, left, right, tags)

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Without a separate $V$ the matrix is symmetric."""
        return check is lx.is_symmetric and self.right is None

    def _right(self) -> Array:
        return self.left if self.right is None else self.right
