"""The posterior of a Gram method: mean, deviation and samples from its factorised matrix."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS
from ..pde import Orders, as_points
from ._functionals import Functionals, covariance, cross_covariance, evaluation, variances
from ._gram import GramFactor, cholesky_with_jitter
from ._kernels_box import AbstractBoxKernel
from ._solution import AbstractGPSolution

_AT_ONCE = 1024  # points per chunk: bounds the memory of evaluations on large test grids


class GramGPSolution(AbstractGPSolution):
    """The exact Gaussian posterior given finitely many functionals of $u$.

    $$\\mu(x) = k_*(x)^T A^{-1} y,\\qquad
      \\mathrm{cov}(x, x') = k(x, x') - k_*(x)^T A^{-1} k_*(x').$$

    Attributes:
        value: $\\mu$ at the method's nodes.
        result: a `RESULTS` code.
        stats: residuals, log marginal likelihood, jitter.
        dim: the number of dimensions.
        kernel: the prior.
        functionals: what was conditioned on.
        weights: $A^{-1} y$.
        factor: the factorised $A$.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    dim: int = eqx.field(static=True)
    kernel: AbstractBoxKernel
    functionals: tuple[Functionals, ...]
    weights: Float[Array, " m"]
    factor: GramFactor

    __repr__ = AbstractGPSolution.__repr__

    def partial(self, orders: Orders, points: Float[Array, "n d"]) -> Float[Array, " n"]:
        """$\\partial^\\alpha \\mu$ at points."""
        return _mean(self, orders, as_points(points, self.dim))

    def std(self, points: Float[Array, "n d"], orders: Orders | None = None) -> Float[Array, " n"]:
        """The posterior standard deviation of $\\partial^\\alpha u$ at points.

        It is computed as a difference, so deviations below about $10^{-8}$ (float64) of the prior's
        cannot be resolved and are reported as that.

        Args:
            points: shape `(n, d)`.
            orders: $\\alpha$; `None` is $u$ itself.

        Returns:
            One deviation per point.
        """
        return _std(self, self._orders(orders), as_points(points, self.dim))

    def sample(
        self,
        key: Array,
        points: Float[Array, "n d"],
        num_samples: int = 1,
        orders: Orders | None = None,
    ) -> Float[Array, "s n"]:
        """Joint draws of $\\partial^\\alpha u$ at points.

        Args:
            key: a random key.
            points: shape `(n, d)`; a dense matrix of `n` by `n` is factorised.
            num_samples: the number of draws.
            orders: $\\alpha$; `None` is $u$ itself.

        Returns:
            One draw per row.
        """
        points = as_points(points, self.dim)
        return _sample(self, key, points, num_samples, self._orders(orders))

    def _orders(self, orders: Orders | None) -> Orders:
        return (0,) * self.dim if orders is None else orders


@eqx.filter_jit
def _mean(solution: GramGPSolution, orders: Orders, points: Array) -> Array:
    return _chunked(lambda x: _rows(solution, orders, x) @ solution.weights, points)


@eqx.filter_jit
def _std(solution: GramGPSolution, orders: Orders, points: Array) -> Array:
    def chunk(x):
        rows = _rows(solution, orders, x)
        prior = variances(solution.kernel, evaluation(x, orders))
        explained = jnp.sum(rows.T * solution.factor.solve(rows.T), axis=0)
        return jnp.sqrt(jnp.maximum(prior - explained, jnp.finfo(x.dtype).eps * prior))

    return _chunked(chunk, points)


@eqx.filter_jit
def _sample(
    solution: GramGPSolution, key: Array, points: Array, num_samples: int, orders: Orders
) -> Array:
    rows = _rows(solution, orders, points)
    here = evaluation(points, orders)
    prior = covariance(solution.kernel, here, here)
    matrix = prior - rows @ solution.factor.solve(rows.T)
    scale = jnp.sqrt(jnp.diagonal(prior))
    correlation = matrix / scale[:, None] / scale[None, :]
    root = _differentiable_root((correlation + correlation.T) / 2)
    draws = jax.random.normal(key, (num_samples, points.shape[0]), points.dtype)
    return rows @ solution.weights + draws @ root.T * scale


def _differentiable_root(matrix: Array) -> Array:
    """A Cholesky factor; the jitter that rounding asks for is found first."""
    jitter = cholesky_with_jitter(matrix, 0.0)[1]
    return jnp.linalg.cholesky(matrix + jitter * jnp.eye(matrix.shape[0], dtype=matrix.dtype))


def _rows(solution: GramGPSolution, orders: Orders, points: Array) -> Array:
    """$k_*$: the covariances of $\\partial^\\alpha u(x)$ with the data."""
    return cross_covariance(solution.kernel, evaluation(points, orders), solution.functionals)


def _chunked(function: Any, points: Array) -> Array:
    """`function` on at most `_AT_ONCE` rows at a time; the last chunk is padded."""
    num = points.shape[0]
    if num <= _AT_ONCE:
        return function(points)
    chunks = -(-num // _AT_ONCE)
    padding = jnp.broadcast_to(points[-1:], (chunks * _AT_ONCE - num, points.shape[1]))
    batches = jnp.concatenate([points, padding]).reshape(chunks, _AT_ONCE, -1)
    return jax.lax.map(function, batches).reshape(-1)[:num]
