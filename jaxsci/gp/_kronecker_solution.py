"""The posterior on a tensor grid in two and three dimensions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS
from ..linalg import along_all
from ..pde import Orders, as_points, contract_points
from ._functionals import Functionals, evaluation
from ._gram import GramFactor, cholesky_with_jitter
from ._kronecker_axis import Axis, conditioned_covariance
from ._kronecker_operator import GridOperator
from ._kronecker_solvers import AbstractGridSolver
from ._solution import AbstractGPSolution


class Assimilated(eqx.Module):
    """Observations, as a low-rank update of the grid's own solve.

    Attributes:
        functionals: what was observed.
        rows: their covariances with the equation, shape `(m, ...)`.
        solved: $A^{-1}$ of the rows.
        factor: of the Schur complement, the covariance of the data given the equation.
        weights: of the data in the posterior mean.
    """

    functionals: tuple[Functionals, ...]
    rows: Float[Array, "m ..."]
    solved: Float[Array, "m ..."]
    factor: GramFactor
    weights: Float[Array, " m"]


class KroneckerGPSolution(AbstractGPSolution):
    """$u = w + v$: a lifting $w$ of the boundary data and the posterior of $v$.

    Attributes:
        value: the posterior mean at the nodes.
        result: a `RESULTS` code.
        stats: residuals, jitter; the log marginal likelihood where it was affordable.
        dim: the number of dimensions.
        axes: the conditioned kernels.
        lift: coefficients of $w$ in the extended bases.
        operator: the Gram operator $A$ of the equation.
        solver: $A^{-1}$.
        weights: $A^{-1}(f - L w)$, after the update by observations.
        data: the observations, or `None`.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    dim: int = eqx.field(static=True)
    axes: tuple[Axis, ...]
    lift: Float[Array, "..."]
    operator: GridOperator
    solver: AbstractGridSolver
    weights: Float[Array, "..."]
    data: Assimilated | None

    __repr__ = AbstractGPSolution.__repr__

    def partial(self, orders: Orders, points: Float[Array, "n d"]) -> Float[Array, " n"]:
        """$\\partial^\\alpha$ of the posterior mean at points."""
        return _mean(self, orders, as_points(points, self.dim))

    def partial_on_grid(
        self, orders: Orders, coordinates: tuple[Float[Array, " _"], ...]
    ) -> Float[Array, "..."]:
        """$\\partial^\\alpha$ of the posterior mean on a tensor grid."""
        return _mean_on_grid(self, orders, coordinates)

    def on_grid(self, *coordinates: Float[Array, " _"]) -> Float[Array, "..."]:
        """The posterior mean on a tensor grid, one vector of coordinates per dimension."""
        return _mean_on_grid(self, (0,) * self.dim, coordinates)

    def std(self, points: Float[Array, "n d"], orders: Orders | None = None) -> Float[Array, " n"]:
        """The posterior standard deviation of $\\partial^\\alpha u$, by one solve per point.

        It is computed as a difference, so deviations below about $10^{-8}$ (float64) of the prior's
        cannot be resolved and are reported as that.

        Args:
            points: shape `(n, d)`.
            orders: $\\alpha$; `None` is $u$ itself.

        Returns:
            One deviation per point.
        """
        orders = (0,) * self.dim if orders is None else orders
        return _std(self, orders, as_points(points, self.dim))

    def sample(
        self,
        key: Array,
        points: Float[Array, "n d"],
        num_samples: int = 1,
        orders: Orders | None = None,
    ) -> Float[Array, "s n"]:
        """Joint draws of $\\partial^\\alpha u$ at points, by one solve per point.

        Args:
            key: a random key.
            points: shape `(n, d)`; a dense matrix of `n` by `n` is factorised.
            num_samples: the number of draws.
            orders: $\\alpha$; `None` is $u$ itself.

        Returns:
            One draw per row.
        """
        orders = (0,) * self.dim if orders is None else orders
        return _sample(self, key, as_points(points, self.dim), num_samples, orders)


def rows_with_grid(
    axes: tuple[Axis, ...], operator: GridOperator, left: Functionals
) -> Float[Array, "m ..."]:
    """$\\mathrm{cov}(\\ell_i v, L v(X))$ on the grid, shape `(m, n_1, ..., n_d)`."""
    m, q, dim = left.points.shape
    flat = left.points.reshape(-1, dim)
    total = jnp.zeros((m, *operator.noise.shape), flat.dtype)
    for a, scale in zip(left.orders, left.coefficients):
        for b, coefficient in zip(operator.orders, operator.coefficients):
            product = scale.ravel()
            for j, axis in enumerate(axes):
                matrix = axis.conditioned(flat[:, j], a[j], axis.nodes, b[j])
                product = product[..., None] * matrix.reshape(-1, *(1,) * j, axis.nodes.shape[0])
            summed = jnp.sum(product.reshape(m, q, *operator.noise.shape), axis=1)
            total = total + coefficient * summed
    return total


def against(rows: Float[Array, "m ..."], grid: Float[Array, "..."]) -> Float[Array, " m"]:
    """Inner products of every row with one grid function."""
    return jnp.tensordot(rows, grid, axes=grid.ndim)


def inner_products(
    left: Float[Array, "m ..."], right: Float[Array, "n ..."]
) -> Float[Array, "m n"]:
    """Inner products of every row of two lists of grid functions."""
    return left.reshape(left.shape[0], -1) @ right.reshape(right.shape[0], -1).T


@eqx.filter_jit
def _mean(solution: KroneckerGPSolution, orders: Orders, points: Array) -> Array:
    axes, operator = solution.axes, solution.operator
    along = list(zip(axes, orders, points.T))
    total = contract_points(solution.lift, [axis.extended(x, a) for axis, a, x in along])
    for term, coefficient in zip(operator.orders, operator.coefficients):
        matrices = [axis.conditioned(x, a, axis.nodes, b) for (axis, a, x), b in zip(along, term)]
        total = total + contract_points(coefficient * solution.weights, matrices)
    if solution.data is not None:
        here = evaluation(points, orders)
        known = _with_data(solution, here)
        total = total + known @ solution.data.weights
    return total


@eqx.filter_jit
def _mean_on_grid(solution: KroneckerGPSolution, orders: Orders, coordinates) -> Array:
    return mean_on_grid(solution, orders, coordinates)


def mean_on_grid(
    solution: KroneckerGPSolution, orders: Orders, coordinates, memory: dict | None = None
) -> Float[Array, "..."]:
    """$\\partial^\\alpha$ of the posterior mean on a tensor grid, inside compiled code.

    Args:
        solution: the posterior.
        orders: $\\alpha$.
        coordinates: one vector per dimension.
        memory: keeps the matrices of one dimension for further calls with the same coordinates:
            a second-order operator would trace each of them several times.

    Returns:
        An array over the grid.
    """
    memory = {} if memory is None else memory
    axes, operator = solution.axes, solution.operator
    along = list(zip(axes, orders, coordinates))

    def kept(key, make, *arguments):
        if key not in memory:
            memory[key] = make(*arguments)
        return memory[key]

    extended = [kept((j, a), axis.extended, x, a) for j, (axis, a, x) in enumerate(along)]
    mean = along_all(extended, solution.lift)
    for term, coefficient in zip(operator.orders, operator.coefficients):
        matrices = [
            kept((j, a, b), axis.conditioned, x, a, axis.nodes, b)
            for j, ((axis, a, x), b) in enumerate(zip(along, term))
        ]
        mean = mean + along_all(matrices, coefficient * solution.weights)
    if solution.data is not None:
        mean = mean + _data_on_grid(solution.axes, solution.data, along)
    return mean


def _data_on_grid(axes: tuple[Axis, ...], data: Assimilated, along) -> Array:
    """The observations' part of the mean: a sum of products of functions of one variable."""
    total, start = jnp.zeros((), data.weights.dtype), 0
    for block in data.functionals:
        stop = start + block.num
        flat = block.points.reshape(-1, len(axes))
        for b, coefficient in zip(block.orders, block.coefficients):
            product = (coefficient * data.weights[start:stop, None]).ravel()
            for j, (axis, a, x) in enumerate(along):
                matrix = axis.conditioned(x, a, flat[:, j], b[j])
                product = product[..., None, :] * matrix if j else product * matrix
            total = total + jnp.sum(product, axis=-1)
        start = stop
    return total


def _with_data(solution: KroneckerGPSolution, here: Functionals) -> Array:
    assert solution.data is not None
    blocks = solution.data.functionals
    return jnp.concatenate([conditioned_covariance(solution.axes, here, b) for b in blocks], axis=1)


@eqx.filter_jit
def _std(solution: KroneckerGPSolution, orders: Orders, points: Array) -> Array:
    def one(point):
        here = evaluation(point[None], orders)
        prior = conditioned_covariance(solution.axes, here, here)[0, 0]
        row = rows_with_grid(solution.axes, solution.operator, here)[0]
        explained = jnp.sum(row * solution.solver.solve(row))
        if solution.data is not None:
            rest = _with_data(solution, here)[0] - against(solution.data.solved, row)
            explained = explained + rest @ solution.data.factor.solve(rest)
        floor = jnp.finfo(point.dtype).eps * jnp.maximum(prior, 0.0)
        return jnp.sqrt(jnp.maximum(prior - explained, floor))

    return jax.lax.map(one, points)


@eqx.filter_jit
def _sample(
    solution: KroneckerGPSolution, key: Array, points: Array, num_samples: int, orders: Orders
) -> Array:
    here = evaluation(points, orders)
    prior = conditioned_covariance(solution.axes, here, here)
    rows = rows_with_grid(solution.axes, solution.operator, here)
    solved = jax.lax.map(solution.solver.solve, rows)
    matrix = prior - inner_products(rows, solved)
    if solution.data is not None:
        rest = _with_data(solution, here) - inner_products(rows, solution.data.solved)
        matrix = matrix - rest @ solution.data.factor.solve(rest.T)
    variance = jnp.diagonal(prior)
    scale = jnp.sqrt(jnp.where(variance > 0, variance, 1.0))
    correlation = matrix / scale[:, None] / scale
    correlation = (correlation + correlation.T) / 2
    jitter = cholesky_with_jitter(correlation, 0.0)[1]
    root = jnp.linalg.cholesky(correlation + jitter * jnp.eye(scale.size, dtype=scale.dtype))
    draws = jax.random.normal(key, (num_samples, scale.size), scale.dtype)
    return _mean(solution, orders, points) + draws @ root.T * scale
