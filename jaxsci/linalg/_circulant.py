"""Circulant matrices: diagonal in the Fourier basis."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Complex, Float

from ._base import DIAGONAL_QUERIES, AbstractStructuredOperator
from ._factorisation import AbstractFactorisation, refuse_square_root
from ._parts import as_real
from ._tags import as_tags, common_tags, scaled_tags, shifted_tags


class CirculantFactorisation(AbstractFactorisation):
    """The eigenvalues $\\hat c = F c$ at the non-negative frequencies."""

    spectrum: Complex[Array, " half"]
    size: int = eqx.field(static=True)
    definite: bool = eqx.field(static=True)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$F^{-1} (F b / \\hat c)$."""
        return self._filter(1 / self.spectrum, vector)

    def transpose(self) -> "CirculantFactorisation":
        """Conjugate eigenvalues."""
        return CirculantFactorisation(self.spectrum.conj(), self.size, self.definite)

    def logdet(self) -> Float[Array, ""]:
        """$\\sum_k \\log |\\hat c_k|$ over all frequencies, negative ones by symmetry."""
        log = jnp.log(jnp.abs(self.spectrum))
        middle = log[1 : (self.size + 1) // 2]
        return jnp.sum(log) + jnp.sum(middle)

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = F^{-1} \\sqrt{\\hat c} F$, symmetric; NaN where an eigenvalue is negative."""
        if not self.definite:
            refuse_square_root("a circulant matrix")
        root = jnp.sqrt(self.spectrum.real).astype(self.spectrum.dtype)
        return self._filter(root, vector)

    def _filter(self, response: Array, vector: Array) -> Array:
        return jnp.fft.irfft(response * jnp.fft.rfft(vector), self.size)


class Circulant(AbstractStructuredOperator):
    """$A_{ij} = c_{(i - j) \\bmod n}$, products and solves by FFT.

    Attributes:
        column: $c$, the first column.
        tags: lineax tags; symmetric if $c_k = c_{n-k}$.
    """

    column: Float[Array, " n"]
    tags: frozenset[object] = eqx.field(static=True)

    def __init__(self, column: Float[Array, " n"], tags: object = ()):
        """Build from the first column.

        Args:
            column: $c$, shape `(n,)`.
            tags: lineax tags.

        Raises:
            ValueError: if `column` is not a vector.
            TypeError: if it is complex.
        """
        self.column = as_real("Circulant: column", column)
        if self.column.ndim != 1:
            raise ValueError(f"Circulant: column must be a vector, got shape {self.column.shape}.")
        self.tags = as_tags(tags)

    @property
    def shape(self) -> tuple[int, int]:
        """$n \\times n$."""
        return self.column.shape[0], self.column.shape[0]

    @property
    def dtype(self) -> Any:
        """That of the column."""
        return self.column.dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """A circular convolution."""
        product = jnp.fft.rfft(self.column) * jnp.fft.rfft(vector)
        return jnp.fft.irfft(product, self.column.shape[0])

    def transpose(self) -> "Circulant":
        """$c'_k = c_{-k}$."""
        return Circulant(jnp.roll(self.column[::-1], 1), lx.transpose_tags(self.tags))

    def dense(self) -> Float[Array, "n n"]:
        """The matrix."""
        index = jnp.arange(self.column.shape[0])
        return self.column[(index[:, None] - index[None, :]) % self.column.shape[0]]

    def main_diagonal(self) -> Float[Array, " n"]:
        """$c_0$ everywhere."""
        return jnp.full_like(self.column, self.column[0])

    def factorise(self) -> CirculantFactorisation:
        """One FFT."""
        definite = lx.is_positive_semidefinite(self)
        return CirculantFactorisation(jnp.fft.rfft(self.column), self.column.shape[0], definite)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "Circulant":
        """$c$ scaled."""
        return Circulant(factor * self.column, scaled_tags(self.tags, positive))

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "Circulant":
        """$c_0 + \\sigma$."""
        return Circulant(self.column.at[0].add(amount), shifted_tags(self.tags, positive))

    def merge(self, other: lx.AbstractLinearOperator) -> "Circulant | None":
        """Circulant matrices are closed under addition."""
        if not isinstance(other, Circulant):
            return None
        return Circulant(self.column + other.column, common_tags(self.tags, other.tags))

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Nothing follows from the shape alone, except for a single entry."""
        return self.column.shape[0] == 1 and check in DIAGONAL_QUERIES
