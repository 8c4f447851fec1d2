"""The Gram matrix of $L v$ on a tensor grid as a sum of Kronecker products, never formed."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import Orders
from ._kronecker_axis import Axis


class GridOperator(eqx.Module):
    """$A = \\sum_{s,t} c_s (\\bigotimes_j K_j^{(\\alpha_{sj}, \\alpha_{tj})})\\,c_t + \\eta$.

    $K^{(a,b)} = \\partial^a_x \\partial^b_y k^c(X, X)$; $c_s$, $c_t$ and $\\eta$ are diagonal.

    Attributes:
        matrices: per dimension, $K^{(a,b)}$ for all pairs of its orders, shape `(o, o, n, n)`.
        axis_orders: per dimension, the orders that occur.
        coefficients: $c_t$ on the grid, one array per term.
        orders: the multi-indices $\\alpha_t$.
        noise: the variances $\\eta$ on the grid, jitter included.
    """

    matrices: tuple[Float[Array, "o o n n"], ...]
    axis_orders: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    coefficients: tuple[Float[Array, "..."], ...]
    orders: tuple[Orders, ...] = eqx.field(static=True)
    noise: Float[Array, "..."]

    def matrix(self, axis: int, a: int, b: int) -> Float[Array, "n n"]:
        """$K_j^{(a,b)}$."""
        known = self.axis_orders[axis]
        return self.matrices[axis][known.index(a), known.index(b)]

    def pair(self, s: int, t: int) -> list[Float[Array, "n n"]]:
        """The Kronecker factors of the terms $s$ and $t$."""
        return [
            self.matrix(axis, self.orders[s][axis], self.orders[t][axis])
            for axis in range(len(self.matrices))
        ]

    def noiseless(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        """$(A - \\mathrm{diag}(\\eta))\\,v$ for `v` on the grid."""
        total = jnp.zeros_like(v)
        for s, outer in enumerate(self.coefficients):
            inner = [along_all(self.pair(s, t), c * v) for t, c in enumerate(self.coefficients)]
            total = total + outer * sum(inner[1:], inner[0])
        return total

    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        """$A v$."""
        return self.noiseless(v) + self.noise * v

    def dense(self) -> Float[Array, "m m"]:
        """The matrix without its noise, for grids of a few thousand points."""
        size = self.noise.size
        total = jnp.zeros((size, size), self.noise.dtype)
        for s, outer in enumerate(self.coefficients):
            for t, inner in enumerate(self.coefficients):
                product = jnp.ones((1, 1), self.noise.dtype)
                for factor in self.pair(s, t):
                    product = jnp.kron(product, factor)
                total = total + outer.ravel()[:, None] * product * inner.ravel()[None, :]
        return (total + total.T) / 2


def grid_operator(
    axes: tuple[Axis, ...],
    coefficients: tuple[Float[Array, "..."], ...],
    orders: tuple[Orders, ...],
    noise: Float[Array, "..."],
    jitter: Float[Array, ""],
) -> GridOperator:
    """Evaluate the kernels of every dimension; jitter is relative to the mean variance of $L v$."""
    used = tuple(tuple(sorted({o[j] for o in orders})) for j in range(len(axes)))
    matrices = tuple(_covariances(axis, u) for axis, u in zip(axes, used))
    bare = GridOperator(matrices, used, coefficients, orders, jnp.zeros_like(noise))
    return GridOperator(
        matrices, used, coefficients, orders, noise**2 + jitter * mean_variance(bare)
    )


def _covariances(axis: Axis, orders: tuple[int, ...]) -> Float[Array, "o o n n"]:
    """$K^{(a,b)}$ for all pairs of orders; $K^{(b,a)}$ is the transpose of $K^{(a,b)}$."""
    x = axis.nodes
    upper = {(a, b): axis.conditioned(x, a, x, b) for a in orders for b in orders if a <= b}
    row = lambda a: [upper[a, b] if a <= b else upper[b, a].T for b in orders]
    return jnp.stack([jnp.stack(row(a)) for a in orders])


def mean_variance(operator: GridOperator) -> Float[Array, ""]:
    """$\\mathrm{tr}(A) / N$ of the noiseless operator."""
    total = jnp.zeros_like(operator.noise)
    for s, outer in enumerate(operator.coefficients):
        for t, inner in enumerate(operator.coefficients):
            product = jnp.ones((), operator.noise.dtype)
            for factor in operator.pair(s, t):
                product = product[..., None] * jnp.diagonal(factor)
            total = total + outer * inner * product
    return jnp.mean(total)
