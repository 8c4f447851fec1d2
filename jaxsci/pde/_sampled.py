"""A statement sampled on a tensor grid: arrays only, ready for a compiled core."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._differential import Orders
from ._domain import tensor_points
from ._problem import AbstractPDE, Nonlinearity
from ._sample import sample_at


class SampledTrace(eqx.Module):
    """$a\\,u + b\\,\\partial_j u = g$ at one side, with $g$ sampled on the other axes' nodes.

    Attributes:
        value_weight: $a$.
        slope_weight: $b$.
        data: $g$ on the face, shape `(n_1, ..., n_d)` without the axis across the side.
        side: 0 for the lower, 1 for the upper side.
    """

    value_weight: Float[Array, ""]
    slope_weight: Float[Array, ""]
    data: Float[Array, "..."]
    side: int = eqx.field(static=True)


class SampledPDE(eqx.Module):
    """What a method on a tensor grid needs of a problem.

    Attributes:
        axes: the nodes of every dimension.
        source: $f$ on the grid.
        coefficients: one per term, a scalar or an array on the grid.
        traces: per dimension, its conditions.
        nonlinearity: the nonlinear term, or `None`.
        orders: the multi-index of every term.
        periodic: per dimension, whether it is periodic.
    """

    axes: tuple[Float[Array, " _"], ...]
    source: Float[Array, "..."]
    coefficients: tuple[Float[Array, "..."], ...]
    traces: tuple[tuple[SampledTrace, ...], ...]
    nonlinearity: Nonlinearity | None
    orders: tuple[Orders, ...] = eqx.field(static=True)
    periodic: tuple[bool, ...] = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per dimension."""
        return tuple(axis.shape[0] for axis in self.axes)

    @property
    def is_constant(self) -> bool:
        """True if every coefficient is a scalar."""
        return all(coefficient.ndim == 0 for coefficient in self.coefficients)

    @property
    def nonlinear_orders(self) -> tuple[Orders, ...]:
        """The multi-indices of the nonlinear term's arguments."""
        return () if self.nonlinearity is None else self.nonlinearity.orders

    def nonlinear_term(self, *derivatives: Float[Array, "..."]) -> Float[Array, "..."]:
        """$N(x, \\partial^{\\alpha_1} u, \\dots)$ on the grid; zero if there is none."""
        if self.nonlinearity is None:
            return jnp.zeros_like(self.source)
        points = tensor_points(self.axes).reshape(-1, len(self.axes))
        values = self.nonlinearity.at(points, *(each.ravel() for each in derivatives))
        return values.reshape(self.shape)

    def nonlinear_slope(
        self, position: int, *derivatives: Float[Array, "..."]
    ) -> Float[Array, "..."]:
        """$\\partial N / \\partial(\\partial^{\\alpha} u)$ for the argument at `position`."""
        # the term is pointwise, so that one tangent of ones differentiates at every point
        tangents = tuple(
            jnp.ones_like(each) if k == position else jnp.zeros_like(each)
            for k, each in enumerate(derivatives)
        )
        return jax.jvp(self.nonlinear_term, derivatives, tangents)[1]


def sample_problem(
    problem: AbstractPDE, axes: tuple[Float[Array, " _"], ...], *, faces: bool = True
) -> SampledPDE:
    """Evaluate the user's functions on a tensor grid and on its faces.

    Args:
        problem: the statement.
        axes: the nodes of every dimension.
        faces: sample the boundary data as well.

    Returns:
        Arrays, in the dtype of the nodes.

    Raises:
        ValueError: if a function returns the wrong shape or something not finite.
    """
    points = tensor_points(axes)
    terms = problem.operator.terms
    return SampledPDE(
        axes,
        sample_at("source", problem.source, points),
        tuple(_coefficient(term.coefficient, points) for term in terms),
        tuple(_faces(problem, axes, axis) if faces else () for axis in range(problem.dim)),
        problem.nonlinearity,
        tuple(term.orders for term in terms),
        tuple(problem.conditions.is_periodic(axis) for axis in range(problem.dim)),
    )


def _coefficient(coefficient: Any, points: Array) -> Array:
    if not callable(coefficient) and jnp.ndim(coefficient) == 0:
        return jnp.asarray(coefficient, points.dtype)
    return sample_at("coefficient", coefficient, points)


def _faces(problem: AbstractPDE, axes: tuple[Array, ...], axis: int) -> tuple[SampledTrace, ...]:
    corners = (problem.domain.lower, problem.domain.upper)
    faces = []
    for side, trace in problem.conditions.traces(axis):
        at = corners[side][axis][None]
        points = tensor_points((*axes[:axis], at, *axes[axis + 1 :])).squeeze(axis)
        value_weight = jnp.asarray(trace.value_weight, at.dtype)
        slope_weight = jnp.asarray(trace.slope_weight, at.dtype)
        name = f"boundary value (dimension {axis}, {('lower', 'upper')[side]} side)"
        data = sample_at(name, trace.data, points)
        faces.append(SampledTrace(value_weight, slope_weight, data, side))
    return tuple(faces)
