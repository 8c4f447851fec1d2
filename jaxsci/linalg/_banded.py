"""Banded matrices."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._banded_factors import banded_cholesky, banded_lu
from ._base import DIAGONAL_QUERIES, AbstractStructuredOperator
from ._factorisation import AbstractFactorisation
from ._parts import as_real
from ._tags import as_tags, common_tags, scaled_tags, shifted_tags


class Banded(AbstractStructuredOperator):
    """A square matrix with $A_{ij} = 0$ for $i - j > l$ and $j - i > u$.

    Stored as in LAPACK: `bands[u + i - j, j]` $= A_{ij}$, so row $u$ is the main diagonal; the
    unused corners are ignored. Factorised in $O(n (l + u)^2)$ by a sequential sweep: Cholesky if
    declared positive semidefinite, elimination with partial pivoting otherwise.

    Attributes:
        bands: shape `(l + u + 1, n)`.
        lower: $l$.
        upper: $u$.
        tags: lineax tags.
    """

    bands: Float[Array, "w n"]
    lower: int = eqx.field(static=True)
    upper: int = eqx.field(static=True)
    tags: frozenset[object] = eqx.field(static=True)

    def __init__(self, bands: Float[Array, "w n"], lower: int, upper: int, tags: object = ()):
        """Build from the bands.

        Args:
            bands: shape `(lower + upper + 1, n)`.
            lower: number of bands below the main diagonal.
            upper: number of bands above it.
            tags: lineax tags.

        Raises:
            ValueError: if the shape of `bands` does not fit the bandwidths, or these the size.
            TypeError: if `bands` is complex.
        """
        self.bands = as_real("Banded: bands", bands)
        self.lower, self.upper, self.tags = lower, upper, as_tags(tags)
        shape = self.bands.shape
        if min(lower, upper) < 0 or len(shape) != 2 or shape[0] != lower + upper + 1:
            raise ValueError(
                f"Banded: bands must have shape (lower + upper + 1, n) = ({lower + upper + 1}, n), "
                f"got {shape}."
            )
        if max(lower, upper) >= shape[1]:
            raise ValueError(
                f"Banded: bandwidths ({lower}, {upper}) must be below the size {shape[1]}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """$n \\times n$."""
        return self.bands.shape[1], self.bands.shape[1]

    @property
    def dtype(self) -> Any:
        """That of the bands."""
        return self.bands.dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """One product per band."""
        bands = [_shifted(band * vector, self.upper - k) for k, band in enumerate(self.bands)]
        return sum(bands[1:], start=bands[0])

    def transpose(self) -> "Banded":
        """The bands in the opposite order, moved by their offset."""
        rows = [_shifted(band, self.upper - k) for k, band in enumerate(self.bands)]
        tags = lx.transpose_tags(self.tags)
        return Banded(jnp.stack(rows[::-1]), self.upper, self.lower, tags)

    def dense(self) -> Float[Array, "n n"]:
        """The matrix."""
        return jax.vmap(self.mv, 1, 1)(jnp.eye(self.shape[0], dtype=self.dtype))

    def main_diagonal(self) -> Float[Array, " n"]:
        """Row $u$ of the bands."""
        return self.bands[self.upper]

    def factorise(self) -> AbstractFactorisation:
        """Banded Cholesky or LU."""
        rows = self.transpose().bands.T  # rows[i, c] = A[i, i - lower + c]
        if lx.is_positive_semidefinite(self):
            return banded_cholesky(rows[:, self.lower :])
        return banded_lu(rows, self.lower)

    def scale(self, factor: Float[Array, ""], positive: bool) -> "Banded":
        """Bands scaled."""
        tags = scaled_tags(self.tags, positive)
        return Banded(factor * self.bands, self.lower, self.upper, tags)

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "Banded":
        """The main diagonal plus $\\sigma$."""
        bands = self.bands.at[self.upper].add(amount)
        return Banded(bands, self.lower, self.upper, shifted_tags(self.tags, positive))

    def merge(self, other: lx.AbstractLinearOperator) -> "Banded | None":
        """Banded, tridiagonal and diagonal matrices add up to banded ones."""
        if isinstance(other, lx.DiagonalLinearOperator):
            diagonal = lx.diagonal(other).astype(self.dtype)
            symmetric = frozenset({lx.symmetric_tag} if lx.is_symmetric(self) else ())
            bands = self.bands.at[self.upper].add(diagonal)
            return Banded(bands, self.lower, self.upper, symmetric)
        if not isinstance(other, Banded):
            return None
        lower, upper = max(self.lower, other.lower), max(self.upper, other.upper)
        pads = [((upper - one.upper, lower - one.lower), (0, 0)) for one in (self, other)]
        bands = jnp.pad(self.bands, pads[0]) + jnp.pad(other.bands, pads[1])
        return Banded(bands, lower, upper, common_tags(self.tags, other.tags))

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Properties of the bandwidths."""
        if self.lower == self.upper == 0:
            return check in DIAGONAL_QUERIES
        if check is lx.is_tridiagonal:
            return max(self.lower, self.upper) <= 1
        if check is lx.is_lower_triangular:
            return self.upper == 0
        return check is lx.is_upper_triangular and self.lower == 0


def _shifted(band: Array, offset: int) -> Array:
    """Entry $j$ moves to $j - $ `offset`; what leaves is dropped, zeros enter."""
    if offset >= 0:
        return jnp.pad(band[offset:], (0, offset))
    return jnp.pad(band[:offset], (-offset, 0))
