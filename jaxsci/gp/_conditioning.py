"""Conditioning a Gaussian process on blocks of functionals, and judging what came out."""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import RESULTS
from ..pde import Orders, verdict
from ._functionals import cross_covariance, evaluation, gram
from ._gram import GramFactor, factorise
from ._kernels_box import AbstractBoxKernel
from ._statement import Block, Blocks


class Conditioned(NamedTuple):
    """A Gaussian process given its data.

    Attributes:
        factor: the factorised Gram matrix $A$ of all data.
        weights: $A^{-1} y$; $E[\\ell u \\mid y] = \\mathrm{cov}(\\ell u, y)\\,A^{-1} y$.
        residual: $y - \\ell \\mu$ at the data themselves.
        data: $y$.
    """

    factor: GramFactor
    weights: Float[Array, " m"]
    residual: Float[Array, " m"]
    data: Float[Array, " m"]


def condition(kernel: AbstractBoxKernel, blocks: Blocks, jitter: ArrayLike) -> Conditioned:
    """The weights of the posterior mean, by one Cholesky factorisation."""
    data = jnp.concatenate([block.data for block in blocks.all])
    noise = jnp.concatenate([block.noise for block in blocks.all])
    matrix = gram(kernel, blocks.functionals)
    factor = factorise(matrix, noise, jitter)
    weights = factor.solve(data)
    return Conditioned(factor, weights, data - matrix @ weights, data)


def evidence(conditioned: Conditioned) -> Float[Array, ""]:
    """$\\log p(y) = -\\tfrac12 y^T A^{-1} y - \\tfrac12 \\log\\det A - \\tfrac m2 \\log 2\\pi$."""
    fit = jnp.dot(conditioned.data, conditioned.weights)
    constant = conditioned.data.shape[0] * math.log(2 * math.pi)
    return -0.5 * (fit + conditioned.factor.logdet() + constant)


@eqx.filter_jit
def log_evidence(
    kernel: AbstractBoxKernel, blocks: Blocks, jitter: Float[Array, ""]
) -> Float[Array, ""]:
    """`evidence` of the blocks, compiled once per shape."""
    return evidence(condition(kernel, blocks, jitter))


@eqx.filter_jit
def solve_and_judge(
    kernel: AbstractBoxKernel,
    blocks: Blocks,
    validation: Block | None,
    jitter: Float[Array, ""],
    rtol: Float[Array, ""],
) -> tuple[Conditioned, Array, RESULTS, dict[str, Array]]:
    """Condition on the data, and decide on independent points whether to believe the answer.

    Args:
        kernel: the prior.
        blocks: the data.
        validation: the equation at points the method has not seen. `None` if the source is known
            at the nodes only: then every node is predicted from all the other data instead.
        jitter: relative to the variances.
        rtol: what is asked of the residuals.

    Returns:
        The conditioned process, the posterior mean at the nodes, the code and the statistics.
    """
    conditioned = condition(kernel, blocks, jitter)
    num, nodes = blocks.equation.functionals.num, blocks.equation
    unseen = nodes if validation is None else validation
    mean = _mean(kernel, blocks, conditioned)
    terms = jnp.stack([mean(term) for term in unseen.functionals.terms()])
    size = jnp.sqrt(mean_square(unseen.data) + jnp.sum(jax.vmap(mean_square)(terms)))
    on_nodes = conditioned.residual[:num]
    jets = _jets_at_nodes(blocks, mean)
    predicted = leave_one_out(conditioned)[:num] if validation is None else None
    off_nodes = jnp.sum(terms, axis=0) - unseen.data if predicted is None else predicted
    stats = {
        "residual": relative(on_nodes, size),
        "validation_residual": relative(off_nodes, size),
        "boundary_residual": _boundary_residual(conditioned, blocks, jets),
        "log_marginal_likelihood": evidence(conditioned),
        "jitter": conditioned.factor.jitter,
    }
    result = verdict(
        beyond_noise(on_nodes, size, nodes.noise),
        beyond_noise(off_nodes, size, unseen.noise),
        stats["boundary_residual"],
        rtol,
    )
    return conditioned, next(iter(jets.values())), result, stats


def _mean(kernel: AbstractBoxKernel, blocks: Blocks, conditioned: Conditioned) -> Callable:
    """$\\ell \\mapsto E[\\ell u]$."""
    system = blocks.functionals
    return lambda left: cross_covariance(kernel, left, system) @ conditioned.weights


def leave_one_out(conditioned: Conditioned) -> Float[Array, " m"]:
    """$y_i - \\mu_{-i} = [A^{-1} y]_i / [A^{-1}]_{ii}$: every datum predicted from all the others.

    Rasmussen and Williams 2006, eq. 5.12.
    """
    return conditioned.weights / conditioned.factor.inverse_diagonal()


def relative(residual: Array, size: Array) -> Float[Array, ""]:
    """The root mean square of a residual relative to the size of the terms of the equation."""
    return jnp.sqrt(mean_square(residual)) / jnp.where(size > 0, size, 1.0)


def beyond_noise(residual: Array, size: Array, noise: Array) -> Float[Array, ""]:
    """`relative`, or 0 if noise explains the residual: if it is below three deviations."""
    explained = mean_square(residual) <= 9 * mean_square(noise)
    return jnp.where(explained, 0.0, relative(residual, size))


def _jets_at_nodes(blocks: Blocks, mean: Callable) -> dict[Orders, Array]:
    """The posterior mean at the nodes, then every derivative that a condition speaks of."""
    points = blocks.equation.functionals.points[:, 0]
    wanted = [orders for block in blocks.conditions for orders in block.functionals.orders]
    distinct = dict.fromkeys([(0,) * points.shape[-1], *wanted])
    return {orders: mean(evaluation(points, orders)) for orders in distinct}


def _boundary_residual(
    conditioned: Conditioned, blocks: Blocks, jets: dict[Orders, Array]
) -> Float[Array, ""]:
    """The largest violation of a condition, relative to its data and to the terms it balances."""
    start, worst = blocks.equation.functionals.num, jnp.zeros((), conditioned.data.dtype)
    for block in blocks.conditions:
        stop = start + block.functionals.num
        size = jnp.max(jnp.abs(block.data))
        for orders, coefficients in zip(block.functionals.orders, block.functionals.coefficients):
            typical = jnp.sqrt(mean_square(jets[orders]))
            size = size + jnp.max(jnp.abs(coefficients)) * typical
        violation = jnp.max(jnp.abs(conditioned.residual[start:stop]))
        worst = jnp.maximum(worst, violation / jnp.where(size > 0, size, 1.0))
        start = stop
    return worst


def mean_square(x: Float[Array, " m"]) -> Float[Array, ""]:
    """The mean of the squares."""
    return jnp.mean(x**2)
