"""The rivals of the table that are not part of the library: second-order finite differences."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxsci.approx import interpolation_matrix, uniform_nodes
from jaxsci.linalg import along_all, fast_diagonalisation
from jaxsci.pde import AbstractPDE, SampledPDE, sample_problem


class NotCovered(Exception):
    """This rival has no program for the problem."""


def finite_differences(problem: AbstractPDE, num: int, test_axes: tuple[Array, ...]) -> Array:
    """Second-order central differences on `num` uniform points per dimension.

    Dirichlet problems for the Laplacian: Newton's method in one dimension, fast diagonalisation of
    the five-point stencil in two. Values between the nodes are interpolated by cubic splines of
    local four-point polynomials, whose error is of higher order than the scheme's.

    Args:
        problem: a Poisson problem, or a one-dimensional Allen-Cahn problem.
        num: points per dimension.
        test_axes: where the solution is wanted.

    Returns:
        The solution on the tensor grid of `test_axes`.

    Raises:
        NotCovered: for other problems.
    """
    orders = [term.orders for term in problem.operator.terms]
    if any(max(each) != 2 or sum(each) != 2 for each in orders):
        raise NotCovered
    if problem.dim > 2 or (problem.dim == 2 and problem.nonlinearity is not None):
        raise NotCovered
    domain = problem.domain
    axes = tuple(uniform_nodes(domain.lower[j], domain.upper[j], num) for j in range(problem.dim))
    sampled = sample_problem(problem, axes)
    values = _line(sampled) if problem.dim == 1 else _square(sampled)
    between = [_local_interpolation(x, t) for x, t in zip(axes, test_axes)]
    return along_all(between, values)


def _second_difference(nodes: Float[Array, " n"]) -> Float[Array, "m n"]:
    n, step = nodes.shape[0], nodes[1] - nodes[0]
    rows = jnp.eye(n - 2, n) - 2 * jnp.eye(n - 2, n, 1) + jnp.eye(n - 2, n, 2)
    return rows / step**2


def _line(sampled: SampledPDE) -> Array:
    matrix = _second_difference(sampled.axes[0])
    left, right = (trace.data for trace in sampled.traces[0])
    values = jnp.linspace(left, right, sampled.shape[0])
    steps = 1 if sampled.nonlinearity is None else 12
    for _ in range(steps):
        slope = jnp.zeros_like(values)
        if sampled.nonlinearity is not None:
            slope = sampled.nonlinear_slope(0, values)
        residual = (sampled.source - sampled.nonlinear_term(values))[1:-1] - matrix @ values
        jacobian = matrix[:, 1:-1] + jnp.diag(slope[1:-1])
        values = values.at[1:-1].add(jnp.linalg.solve(jacobian, residual))
    return values


def _square(sampled: SampledPDE) -> Array:
    matrices = [_second_difference(nodes) for nodes in sampled.axes]
    values = jnp.zeros(sampled.shape)
    (west, east), (south, north) = ([t.data for t in traces] for traces in sampled.traces)
    values = values.at[0].set(west).at[-1].set(east)
    values = values.at[:, 0].set(south).at[:, -1].set(north)
    walls = matrices[0] @ values[:, 1:-1] + values[1:-1] @ matrices[1].T
    inner = [matrix[:, 1:-1] for matrix in matrices]
    right = sampled.source[1:-1, 1:-1] - walls
    return values.at[1:-1, 1:-1].set(fast_diagonalisation(inner, right))


def _local_interpolation(nodes: Array, points: Array) -> Float[Array, "m n"]:
    """Cubic interpolation through the four nearest nodes, as a matrix."""
    step = nodes[1] - nodes[0]
    first = jnp.clip(jnp.floor((points - nodes[0]) / step).astype(int) - 1, 0, nodes.size - 4)

    def row(point, start):
        index = start + jnp.arange(4)
        local = interpolation_matrix(nodes[index], point[None])[0]
        return jnp.zeros(nodes.size).at[index].set(local)

    return jax.vmap(row)(points, first)


def relative_error(found: Array, exact: Array) -> float:
    """$\\|\\hat u - u\\|_2 / \\|u\\|_2$."""
    ratio = jnp.linalg.norm((found - exact).ravel()) / jnp.linalg.norm(exact.ravel())
    return float(ratio) if math.isfinite(float(ratio)) else math.nan
