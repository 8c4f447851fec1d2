"""The problem's functions on the nodes and on the validation grid: arrays for the compiled core."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..approx import chebyshev_cardinals, fourier_cardinals
from ..linalg import along_all
from ..pde import (
    AbstractPDE,
    Box,
    SampledPDE,
    SampledTrace,
    sample_at,
    sample_problem,
    tensor_points,
    validation_axes,
)
from ._axis import nodes_of
from ._plan import Plan


class Samples(eqx.Module):
    """Arrays only, apart from the nonlinear term, which acts on unknowns.

    Attributes:
        domain: the box.
        nodes: the problem on the method's own nodes.
        check: the problem on the validation grid.
    """

    domain: Box
    nodes: SampledPDE
    check: SampledPDE


@eqx.filter_jit
def grids(plan: Plan, domain: Box) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The nodes and the validation coordinates of every dimension."""
    nodes = tuple(
        nodes_of(axis, domain.lower[j], domain.upper[j]) for j, axis in enumerate(plan.axes)
    )
    return nodes, validation_axes(domain, plan.shape)


def cardinals(
    plan: Plan, domain: Box, axis: int, x: Float[Array, " m"], order: int
) -> Float[Array, "m n"]:
    """The derivative of `order` of the interpolation basis of dimension `axis` at `x`."""
    lower, length = domain.lower[axis], domain.lengths[axis]
    if plan.axes[axis].periodic:
        scale = 2 * jnp.pi / length
        return fourier_cardinals(scale * (x - lower), plan.axes[axis].n, order) * scale**order
    scale = 2 / length
    return chebyshev_cardinals(scale * (x - lower) - 1, plan.axes[axis].n, order) * scale**order


def sample(plan: Plan, problem: AbstractPDE) -> Samples:
    """Call the user's functions, once each per grid.

    Raises:
        ValueError: if a function returns the wrong shape or something not finite.
    """
    nodes, check = grids(plan, problem.domain)
    own = sample_problem(problem, nodes)
    return Samples(problem.domain, own, _validation(plan, problem, own, check))


def _validation(
    plan: Plan, problem: AbstractPDE, own: SampledPDE, axes: tuple[Array, ...]
) -> SampledPDE:
    """The problem on the validation grid; data given as nodal values are interpolated there."""
    domain, dims = problem.domain, tuple(range(problem.dim))
    points = tensor_points(axes)

    def at(name: str, data: Any, nodal: Array, points: Array, over: tuple[int, ...]) -> Array:
        if callable(data) or jnp.ndim(data) == 0:
            return sample_at(name, data, points)
        return along_all([cardinals(plan, domain, j, axes[j], 0) for j in over], nodal)

    coefficients = tuple(
        nodal if nodal.ndim == 0 else at("coefficient", term.coefficient, nodal, points, dims)
        for term, nodal in zip(problem.operator.terms, own.coefficients)
    )
    corners = (domain.lower, domain.upper)
    traces = []
    for axis in dims:
        faces = []
        others = tuple(j for j in dims if j != axis)
        for sampled, (side, trace) in zip(own.traces[axis], problem.conditions.traces(axis)):
            place = (*axes[:axis], corners[side][axis][None], *axes[axis + 1 :])
            face = tensor_points(place).squeeze(axis)
            data = at("boundary value", trace.data, sampled.data, face, others)
            faces.append(SampledTrace(sampled.value_weight, sampled.slope_weight, data, side))
        traces.append(tuple(faces))
    source = at("source", problem.source, own.source, points, dims)
    return SampledPDE(
        axes, source, coefficients, tuple(traces), own.nonlinearity, own.orders, own.periodic
    )
