"""Posterior covariances of tensor-product Gaussian processes, never formed as a matrix.

The projected data are $\\hat F = A C + \\varepsilon$, with $A$ the Kronecker sum and $\\varepsilon$
of covariance $\\sigma^2 \\otimes_j S_j$.
"""

import abc
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import SylvesterFactors, along_all, outer_product, outer_sum


class AbstractCovariance(eqx.Module):
    """The covariance of the interior coefficients given the source and the boundary data."""

    @abc.abstractmethod
    def apply(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """The covariance times a tensor."""

    @abc.abstractmethod
    def variance(self, rows: Sequence[Float[Array, "n k"]]) -> Float[Array, " n"]:
        """The variance of $\\sum C_{ij..} a_{ni} b_{nj} \\dots$ for every point $n$."""

    @abc.abstractmethod
    def variance_on_grid(self, rows: Sequence[Float[Array, "_ k"]]) -> Float[Array, "..."]:
        """The same on a tensor grid."""

    @abc.abstractmethod
    def draw(self, key: Array) -> Float[Array, "..."]:
        """One tensor of this covariance."""


class ModeCovariance(AbstractCovariance):
    """All axes symmetric: diagonal in the eigenbasis.

    $v_i = \\big(\\lambda_i^2 / (\\sigma^2 \\prod_j S_{j,i_j}) + s^{-2}\\big)^{-1}$
    with the diagonal of $S_j$ in the eigenbasis, which for equally spaced nodes is the whole of
    $S_j$ up to the ends.

    Attributes:
        vectors: the eigenvectors of every axis.
        variances: $v$.
    """

    vectors: tuple[Float[Array, "k k"], ...]
    variances: Float[Array, "..."]

    def apply(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractCovariance.apply`."""
        rotated = along_all([v.T for v in self.vectors], tensor)
        return along_all(self.vectors, self.variances * rotated)

    def variance(self, rows: Sequence[Float[Array, "n k"]]) -> Float[Array, " n"]:
        """See `AbstractCovariance.variance`."""
        squares = [(row @ v) ** 2 for row, v in zip(rows, self.vectors)]
        total = squares[0] @ self.variances.reshape(self.variances.shape[0], -1)
        total = total.reshape(-1, *self.variances.shape[1:])
        for square in squares[1:]:
            total = jnp.einsum("ni...,ni->n...", total, square)
        return total

    def variance_on_grid(self, rows: Sequence[Float[Array, "_ k"]]) -> Float[Array, "..."]:
        """See `AbstractCovariance.variance_on_grid`."""
        return along_all([(row @ v) ** 2 for row, v in zip(rows, self.vectors)], self.variances)

    def draw(self, key: Array) -> Float[Array, "..."]:
        """See `AbstractCovariance.draw`."""
        white = jax.random.normal(key, self.variances.shape, self.variances.dtype)
        return along_all(self.vectors, jnp.sqrt(self.variances) * white)


class SolveCovariance(AbstractCovariance):
    """An axis without symmetry: $\\sigma^2 A^{-1} (\\otimes_j S_j) A^{-T}$, by solves; flat prior.

    Attributes:
        factors: $A$, factorised.
        roots: square roots of $\\sigma^{2/d} S_j$.
    """

    factors: SylvesterFactors
    roots: tuple[Float[Array, "k k"], ...]

    def apply(self, tensor: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractCovariance.apply`."""
        whitened = along_all(
            [root.T for root in self.roots], self.factors.transpose().inverse(tensor)
        )
        return self.factors.inverse(along_all(self.roots, whitened))

    def variance(self, rows: Sequence[Float[Array, "n k"]]) -> Float[Array, " n"]:
        """See `AbstractCovariance.variance`; one transposed solve per point."""
        transposed = self.factors.transpose().inverse

        def one(row):
            whitened = along_all([root.T for root in self.roots], transposed(outer_product(row)))
            return jnp.sum(whitened**2)

        return jax.lax.map(one, tuple(rows))

    def variance_on_grid(self, rows: Sequence[Float[Array, "_ k"]]) -> Float[Array, "..."]:
        """See `AbstractCovariance.variance_on_grid`."""
        shape = tuple(row.shape[0] for row in rows)
        index = jnp.meshgrid(*(jnp.arange(n) for n in shape), indexing="ij")
        points = [row[i.ravel()] for row, i in zip(rows, index)]
        return self.variance(points).reshape(shape)

    def draw(self, key: Array) -> Float[Array, "..."]:
        """See `AbstractCovariance.draw`."""
        shape = tuple(root.shape[0] for root in self.roots)
        white = jax.random.normal(key, shape, self.roots[0].dtype)
        return self.factors.inverse(along_all(self.roots, white))


def mode_covariance(
    factors: SylvesterFactors,
    projections: Sequence[Float[Array, "k n"]],
    noise: Float[Array, ""],
    prior: Float[Array, ""],
) -> tuple[ModeCovariance, Float[Array, "..."]]:
    """The covariance for symmetric axes, and the noise variances of the modes.

    Args:
        factors: of the Kronecker sum; all axes symmetric.
        projections: per axis, from values at the nodes to interior coefficients.
        noise: $\\sigma$.
        prior: $s$.

    Returns:
        The covariance and $\\sigma^2 \\prod_j S_{j,i_j}$.
    """
    eigens = factors.inverse.eigens
    spectrum = outer_sum([eigen.values for eigen in eigens]) + factors.shift
    spread = [jnp.sum((e.vectors.T @ p) ** 2, axis=1) for e, p in zip(eigens, projections)]
    # padding has no data of its own; a positive number avoids 0/0 there
    spread = [jnp.where(each > 0, each, jnp.max(each)) for each in spread]
    noises = noise**2 * outer_product(spread)
    variances = 1 / (spectrum**2 / noises + prior**-2)
    return ModeCovariance(tuple(e.vectors for e in eigens), variances), noises


def solve_covariance(
    factors: SylvesterFactors, projections: Sequence[Float[Array, "k n"]], noise: Float[Array, ""]
) -> SolveCovariance:
    """The covariance when an axis is not symmetric.

    Args:
        factors: of the Kronecker sum.
        projections: per axis, from values at the nodes to interior coefficients.
        noise: $\\sigma$.

    Returns:
        The covariance.
    """
    share = noise ** (1 / len(projections))
    roots = tuple(share * jnp.linalg.qr(p.T, mode="r").T for p in projections)
    return SolveCovariance(factors, roots)
