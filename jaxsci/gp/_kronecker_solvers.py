"""Solving with the grid operator: Cholesky when small, preconditioned conjugate gradients else."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ._gram import GramFactor, cholesky_with_jitter
from ._kernels import total
from ._kronecker_operator import GridOperator, mean_variance


class AbstractGridSolver(eqx.Module):
    """$A^{-1}$ on grids."""

    @abc.abstractmethod
    def solve(self, b: Float[Array, "..."]) -> Float[Array, "..."]:
        """$A^{-1} b$ for one right-hand side on the grid."""


class DenseSolver(AbstractGridSolver):
    """By the Cholesky factor of the assembled matrix; has a log-determinant."""

    factor: GramFactor

    def solve(self, b: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractGridSolver.solve`."""
        return self.factor.solve(b.ravel()).reshape(b.shape)


class LowRank(eqx.Module):
    """$P = H H^T + \\nu I$: the largest eigenfunctions of the product prior, mapped by $L$.

    Per dimension the joint covariance of all derivatives at the nodes has the factor
    $(F_a)_a$, $K^{(a,b)} \\approx F_a F_b^T$; the columns of $H = \\sum_t c_t \\bigotimes_j
    F_{j, \\alpha_{tj}}$ with the largest norm are kept, and $P^{-1}$ follows from Woodbury's
    identity. For constant coefficients $H^T H$ is assembled from products of small one-dimensional
    matrices; for variable ones $H$ is formed once, `rank` numbers per node.

    Attributes:
        factors: $F$, per dimension, shape `(o, n, r)`.
        chosen: the multi-indices of the columns kept, one vector per dimension.
        cholesky: of $H^T H + \\nu I$.
        level: $\\nu$: the noise and what the columns left out carry, per point.
    """

    factors: tuple[Float[Array, "o n r"], ...]
    chosen: tuple[Array, ...]
    cholesky: Float[Array, "m m"]
    level: Float[Array, ""]

    def __init__(self, operator: GridOperator, rank: int, varying: bool):
        """Choose and factorise; nothing here is differentiated."""
        operator = jax.lax.stop_gradient(operator)
        self.factors = tuple(_joint_factor(matrices) for matrices in operator.matrices)
        sizes = self._sizes(operator)
        kept = min(rank, math.prod(sizes.shape))
        self.chosen = jnp.unravel_index(jax.lax.top_k(sizes.ravel(), kept)[1], sizes.shape)
        inner = self._inner_varying(operator) if varying else self._inner_constant(operator)
        left_out = mean_variance(operator) - jnp.trace(inner) / operator.noise.size
        largest = jnp.max(jnp.diagonal(inner))
        least = 4 * kept * jnp.finfo(inner.dtype).eps * largest
        self.level = jnp.maximum(jnp.mean(operator.noise) + jnp.maximum(left_out, 0.0), least)
        scale = largest + self.level
        shifted = (inner + self.level * jnp.eye(kept, dtype=inner.dtype)) / scale
        self.cholesky = cholesky_with_jitter(shifted, 0.0)[0] * jnp.sqrt(scale)

    def __call__(self, v: Float[Array, "..."], operator: GridOperator) -> Float[Array, "..."]:
        """$P^{-1} v = (v - H (H^T H + \\nu I)^{-1} H^T v) / \\nu$."""
        coordinates = jax.scipy.linalg.cho_solve((self.cholesky, True), self._down(v, operator))
        return (v - self._up(coordinates, operator)) / self.level

    def _up(self, coordinates: Array, operator: GridOperator) -> Array:
        """$H$."""
        shape = [factor.shape[-1] for factor in self.factors]
        tensor = jnp.zeros(shape, coordinates.dtype).at[self.chosen].set(coordinates)
        return total(
            [
                c * along_all(self._of_term(operator, t), tensor)
                for t, c in enumerate(operator.coefficients)
            ]
        )

    def _down(self, v: Array, operator: GridOperator) -> Array:
        """$H^T$."""
        return total(
            [
                along_all([f.T for f in self._of_term(operator, t)], c * v)[self.chosen]
                for t, c in enumerate(operator.coefficients)
            ]
        )

    def _of_term(self, operator: GridOperator, t: int) -> list[Array]:
        orders = operator.orders[t]
        return [
            factor[known.index(order)]
            for factor, known, order in zip(self.factors, operator.axis_orders, orders)
        ]

    def _pairs(self, operator: GridOperator):
        """For all pairs of terms: the mean coefficients' product, and $F_{j,s}^T F_{j,t}$."""
        means = [jnp.mean(c) for c in operator.coefficients]
        for s, first in enumerate(means):
            for t, second in enumerate(means):
                both = zip(self._of_term(operator, s), self._of_term(operator, t))
                yield first * second, [f.T @ g for f, g in both]

    def _sizes(self, operator: GridOperator) -> Array:
        """The squared norms of all columns of $H$, for mean coefficients."""
        parts = []
        for product, matrices in self._pairs(operator):
            for small in matrices:
                product = product[..., None] * jnp.diagonal(small)
            parts.append(product)
        return total(parts)

    def _inner_constant(self, operator: GridOperator) -> Array:
        """$H^T H$ from one-dimensional products."""
        parts = []
        for product, matrices in self._pairs(operator):
            for small, index in zip(matrices, self.chosen):
                product = product * small[index[:, None], index]
            parts.append(product)
        return total(parts)

    def _inner_varying(self, operator: GridOperator) -> Array:
        """$H^T H$ from $H$ itself."""
        parts = []
        for t, c in enumerate(operator.coefficients):
            product = jnp.ones((1, 1), c.dtype)
            for factor, index in zip(self._of_term(operator, t), self.chosen):
                columns = factor[:, index]
                product = (product[:, None, :] * columns[None]).reshape(-1, columns.shape[1])
            parts.append(c.ravel()[:, None] * product)
        columns = total(parts)
        return columns.T @ columns


class IterativeSolver(AbstractGridSolver):
    """By conjugate gradients preconditioned with `LowRank`.

    Attributes:
        operator: $A$.
        preconditioner: $P$.
        rtol: the residual, relative to the right-hand side, at which to stop.
        max_steps: the most steps.
    """

    operator: GridOperator
    preconditioner: LowRank
    rtol: Float[Array, ""]
    max_steps: int = eqx.field(static=True)

    def solve(self, b: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractGridSolver.solve`; differentiated implicitly."""
        frozen = jax.lax.stop_gradient(self.operator)
        precondition = lambda v: self.preconditioner(v, frozen)
        iterate = lambda _, rhs: conjugate_gradients(
            frozen, precondition, rhs, self.rtol, self.max_steps
        )
        return jax.lax.custom_linear_solve(self.operator, b, iterate, symmetric=True)


def conjugate_gradients(matvec, precondition, b, rtol, max_steps: int) -> Float[Array, "..."]:
    """Solve $A x = b$ to $\\|b - A x\\| \\le \\mathrm{rtol}\\,\\|b\\|$, if `max_steps` suffice.

    Args:
        matvec: $A$, symmetric and positive definite.
        precondition: $P^{-1}$, the same.
        b: the right-hand side, of any shape.
        rtol: the relative residual.
        max_steps: static.

    Returns:
        $x$. A caller judges by the residual, not by a flag.
    """
    dot = lambda x, y: jnp.sum(x * y)
    target = rtol**2 * dot(b, b)
    z = precondition(b)
    start = (0, jnp.zeros_like(b), b, z, dot(b, z))

    def unfinished(carry):
        count, _, r, _, _ = carry
        return (count < max_steps) & (dot(r, r) > target)

    def step(carry):
        count, x, r, p, rho = carry
        image = matvec(p)
        length = rho / dot(p, image)
        x, r = x + length * p, r - length * image
        z = precondition(r)
        rho_next = dot(r, z)
        return count + 1, x, r, z + rho_next / rho * p, rho_next

    return jax.lax.while_loop(unfinished, step, start)[1]


def _joint_factor(matrices: Float[Array, "o o n n"]) -> Float[Array, "o n r"]:
    """$F$ with $F_a F_b^T \\approx K^{(a,b)}$, the leading $r = n$ columns.

    All orders are scaled to one trace before the eigendecomposition, or the highest would drown
    the values.
    """
    num, _, n, _ = matrices.shape
    traces = jnp.trace(jnp.diagonal(matrices, axis1=0, axis2=1), axis1=0, axis2=1)
    scale = jnp.sqrt(jnp.where(traces > 0, traces, 1.0))
    scaled = matrices / scale[:, None, None, None] / scale[None, :, None, None]
    joint = jnp.moveaxis(scaled, 2, 1).reshape(num * n, num * n)
    values, vectors = jnp.linalg.eigh((joint + joint.T) / 2)
    root = vectors[:, -n:] * jnp.sqrt(jnp.maximum(values[-n:], 0.0))
    return root.reshape(num, n, n) * scale[:, None, None]
