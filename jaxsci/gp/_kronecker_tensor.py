"""Conditioning on a tensor grid in two and three dimensions."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core import RESULTS
from ..approx import chebyshev_nodes
from ..linalg import along_all
from ..pde import AbstractPDE, Orders, check_corners, validation_axes, verdict
from ._conditioning import beyond_noise, mean_square, relative
from ._functionals import Functionals, gram
from ._gram import factorise
from ._gram_method import validation_block
from ._kernels import AbstractKernel
from ._kronecker_axis import Axis, conditioned_covariance, trace_functionals
from ._kronecker_lifting import Data, boundary_data, lifting
from ._kronecker_operator import GridOperator, grid_operator
from ._kronecker_solution import (
    Assimilated,
    KroneckerGPSolution,
    against,
    inner_products,
    mean_on_grid,
    rows_with_grid,
)
from ._kronecker_solvers import AbstractGridSolver, DenseSolver, IterativeSolver, LowRank
from ._statement import Block, equation, observed


class Settings(NamedTuple):
    """Static choices of the solver.

    Attributes:
        rank: of the preconditioner; 0 assembles and factorises the matrix.
        max_steps: of conjugate gradients.
        varying: whether a coefficient is a function.
    """

    rank: int
    max_steps: int
    varying: bool


class Statement(eqx.Module):
    """A problem sampled on a tensor grid; user callables have been called.

    Attributes:
        traces: per dimension, the conditions as functionals of one variable.
        nodes: per dimension.
        ends: per dimension.
        boundary: per dimension, the data of the conditions at the others' Chebyshev nodes.
        equation: $L u = f$ at the nodes.
        observations: noisy data inside.
    """

    traces: tuple[tuple[Functionals, ...], ...]
    nodes: tuple[Float[Array, " _"], ...]
    ends: tuple[Float[Array, "2"], ...]
    boundary: Data
    equation: Block
    observations: tuple[Block, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid."""
        return tuple(x.shape[0] for x in self.nodes)

    def on_grid(self, flat: Float[Array, " m"]) -> Float[Array, "..."]:
        """A vector over the nodes as a grid."""
        return flat.reshape(self.shape)


class Unseen(eqx.Module):
    """What the answer is judged by: the equation and the conditions on the shifted grid."""

    equation: Block
    coordinates: tuple[Float[Array, " _"], ...]
    boundary: Data
    sides: tuple[Float[Array, " _"], ...]


def sample_statement(problem: AbstractPDE, grid: Float[Array, "... d"]) -> Statement:
    """Sample everything at the nodes."""
    check_corners("KroneckerGP", problem.domain, problem.conditions)
    dim = problem.dim
    nodes = tuple(
        grid[tuple(slice(None) if i == j else 0 for i in range(dim))][:, j] for j in range(dim)
    )
    low, high = problem.domain.lower, problem.domain.upper
    chebyshev = [chebyshev_nodes(low[j], high[j], x.shape[0]) for j, x in enumerate(nodes)]
    return Statement(
        tuple(trace_functionals(problem, j) for j in range(dim)),
        nodes,
        tuple(jnp.stack([low[j], high[j]]) for j in range(dim)),
        boundary_data(problem, chebyshev),
        equation(problem, grid, problem.source_noise),
        tuple(observed(part, grid.dtype) for part in problem.observations),
    )


def sample_unseen(problem: AbstractPDE, statement: Statement) -> Unseen:
    """Sample everything between the nodes; a source that is an array is known at them alone."""
    shifted = validation_axes(problem.domain, statement.shape)
    block = validation_block(problem, statement.shape)
    here = (statement.equation, statement.nodes) if block is None else (block, shifted)
    return Unseen(*here, boundary_data(problem, shifted), shifted)


class Conditioned(NamedTuple):
    """The posterior's ingredients."""

    axes: tuple[Axis, ...]
    lift: Array
    operator: GridOperator
    solver: AbstractGridSolver
    rest: Array
    plain: Array
    data: Assimilated | None
    misfit: Array


def condition_on_grid(
    kernels: tuple[AbstractKernel, ...],
    statement: Statement,
    jitter: Array,
    settings: Settings,
    solver_rtol: Array,
) -> Conditioned:
    """Lift the boundary data, solve with the grid operator, update by the observations."""
    parts = zip(kernels, statement.traces, statement.nodes, statement.ends)
    axes = tuple(Axis(*part) for part in parts)
    lift = lifting(axes, statement.boundary)
    functionals = statement.equation.functionals
    coefficients = tuple(statement.on_grid(c[:, 0]) for c in functionals.coefficients)
    noise = statement.on_grid(statement.equation.noise)
    operator = grid_operator(axes, coefficients, functionals.orders, noise, jitter)
    solver = _solver(operator, settings, solver_rtol)
    rest = statement.on_grid(statement.equation.data)
    for orders, c in zip(functionals.orders, coefficients):
        rest = rest - c * _lifted(axes, lift, orders, statement.nodes)
    plain = solver.solve(rest)
    data, misfit = _assimilate(axes, lift, operator, solver, plain, statement.observations)
    return Conditioned(axes, lift, operator, solver, rest, plain, data, misfit)


def _solver(operator: GridOperator, settings: Settings, rtol: Array) -> AbstractGridSolver:
    if settings.rank == 0:
        noise = jnp.sqrt(operator.noise).ravel()
        return DenseSolver(factorise(operator.dense(), noise, 0.0))
    return IterativeSolver(
        operator, LowRank(operator, settings.rank, settings.varying), rtol, settings.max_steps
    )


def _lifted(axes: tuple[Axis, ...], lift: Array, orders: Orders, coordinates) -> Array:
    matrices = [axis.extended(x, a) for axis, a, x in zip(axes, orders, coordinates)]
    return along_all(matrices, lift)


def _assimilate(axes, lift, operator, solver, plain, blocks: tuple[Block, ...]):
    """The Schur complement of the data given the equation, one grid solve per datum."""
    if not blocks:
        return None, jnp.zeros(0, plain.dtype)
    functionals = tuple(block.functionals for block in blocks)
    rows = jnp.concatenate([rows_with_grid(axes, operator, f) for f in functionals])
    solved = jax.lax.map(solver.solve, rows)
    prior = jnp.block(
        [[conditioned_covariance(axes, f, g) for g in functionals] for f in functionals]
    )
    schur = prior - inner_products(rows, solved)
    noise = jnp.concatenate([block.noise for block in blocks])
    factor = factorise((schur + schur.T) / 2, noise, 0.0)
    lifted = jnp.concatenate([_lifted_at(axes, lift, f) for f in functionals])
    misfit = jnp.concatenate([block.data for block in blocks]) - lifted - against(rows, plain)
    return Assimilated(functionals, rows, solved, factor, factor.solve(misfit)), misfit


def _lifted_at(axes: tuple[Axis, ...], lift: Array, functionals: Functionals) -> Array:
    """$\\ell_i w$."""
    m, q, dim = functionals.points.shape
    flat = functionals.points.reshape(-1, dim)
    total = jnp.zeros((m, q), flat.dtype)
    for orders, c in zip(functionals.orders, functionals.coefficients):
        matrices = [axis.extended(flat[:, j], orders[j]) for j, axis in enumerate(axes)]
        result = jnp.tensordot(matrices[0], lift, axes=1)
        for matrix in matrices[1:]:
            result = jnp.einsum("nj...,nj->n...", result, matrix)
        total = total + c * result.reshape(m, q)
    return jnp.sum(total, axis=1)


def evidence_on_grid(c: Conditioned) -> Float[Array, ""]:
    """$\\log p(f, y \\mid g)$ of the equation and the observations given the boundary traces."""
    assert isinstance(c.solver, DenseSolver)
    fit = jnp.sum(c.rest * c.plain) + c.solver.factor.logdet()
    count = c.rest.size + c.misfit.size
    if c.data is not None:
        fit = fit + c.misfit @ c.data.weights + c.data.factor.logdet()
    return -0.5 * (fit + count * math.log(2 * math.pi))


@eqx.filter_jit
def log_evidence_on_grid(kernels, statement: Statement, jitter: Array) -> Float[Array, ""]:
    """`evidence_on_grid`, compiled once per shape."""
    settings, unused = Settings(0, 0, False), jnp.zeros_like(jitter)
    return evidence_on_grid(condition_on_grid(kernels, statement, jitter, settings, unused))


@eqx.filter_jit
def solve_on_grid(
    kernels: tuple[AbstractKernel, ...],
    statement: Statement,
    unseen: Unseen,
    jitter: Array,
    rtol: Array,
    solver_rtol: Array,
    settings: Settings,
) -> KroneckerGPSolution:
    """Condition, and judge on the shifted grid."""
    c = condition_on_grid(kernels, statement, jitter, settings, solver_rtol)
    weights = c.plain
    if c.data is not None:
        weights = weights - jnp.tensordot(c.data.weights, c.data.solved, axes=1)
    solution = KroneckerGPSolution(
        value=jnp.zeros(statement.shape, jitter.dtype),
        result=RESULTS.successful,
        stats={},
        dim=len(c.axes),
        axes=c.axes,
        lift=c.lift,
        operator=c.operator,
        solver=c.solver,
        weights=weights,
        data=c.data,
    )
    value = mean_on_grid(solution, (0,) * solution.dim, statement.nodes)
    on_nodes = _residual_on_nodes(solution, c.rest)
    off_nodes, size = _residual(solution, unseen.equation, unseen.coordinates)
    boundary = _boundary_residual(solution, unseen, jnp.sqrt(mean_square(value.ravel())))
    stats = {
        "residual": relative(on_nodes, size),
        "validation_residual": relative(off_nodes, size),
        "boundary_residual": boundary,
        "jitter": jitter,
    }
    if isinstance(c.solver, DenseSolver):
        stats["log_marginal_likelihood"] = evidence_on_grid(c)
    result = verdict(
        beyond_noise(on_nodes, size, statement.equation.noise),
        beyond_noise(off_nodes, size, unseen.equation.noise),
        boundary,
        rtol,
    )
    where = lambda s: (s.value, s.result, s.stats)
    return eqx.tree_at(where, solution, (value, result, stats))


def _residual(solution: KroneckerGPSolution, block: Block, coordinates) -> tuple[Array, Array]:
    """$L u - f$ on a grid, flat, and the size of its terms."""
    memory: dict = {}
    terms = [
        coefficient[:, 0] * mean_on_grid(solution, orders, coordinates, memory).ravel()
        for orders, coefficient in zip(block.functionals.orders, block.functionals.coefficients)
    ]
    size = jnp.sqrt(mean_square(block.data) + sum(mean_square(term) for term in terms))
    return sum(terms[1:], terms[0]) - block.data, size


def _residual_on_nodes(solution: KroneckerGPSolution, rest: Array) -> Array:
    """$L v - (f - L w)$ at the nodes, flat, from the Gram operator itself."""
    found = solution.operator.noiseless(solution.weights)
    if solution.data is not None:
        found = found + jnp.tensordot(solution.data.weights, solution.data.rows, axes=1)
    return (found - rest).ravel()


def _boundary_residual(solution: KroneckerGPSolution, unseen: Unseen, typical: Array) -> Array:
    """The largest violation of a condition between the nodes, relative to the data and to $u$."""
    worst = jnp.zeros_like(typical)
    for j, data in enumerate(unseen.boundary):
        if data is None:
            continue
        matrices = [axis.extended(x, 0) for axis, x in zip(solution.axes, unseen.sides)]
        matrices[j] = _traces_of_extended(solution.axes[j])
        found = jnp.moveaxis(along_all(matrices, solution.lift), j, 0)
        scale = jnp.max(jnp.abs(data)) + typical
        violation = jnp.max(jnp.abs(found - data))
        worst = jnp.maximum(worst, violation / jnp.where(scale > 0, scale, 1.0))
    return worst


def _traces_of_extended(axis: Axis) -> Array:
    """$B$ applied to the extended basis; the identity on its cardinal part, up to rounding."""
    return jnp.concatenate(
        [gram(axis.kernel, axis.traces) @ axis.inverse, axis.traces_of_polynomials()], axis=1
    )
