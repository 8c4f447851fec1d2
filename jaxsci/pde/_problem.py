"""Statements of partial differential equations on boxes; no method in sight."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .._core import AbstractProblem
from ._boundary import AbstractCondition, Boundary
from ._check import check_conditions, check_noise, check_observations
from ._differential import DifferentialOperator, Orders
from ._domain import Box
from ._field import as_points, partial_of
from ._observations import Observations
from ._sample import sample_at


class Nonlinearity(eqx.Module):
    """A pointwise term $N(x, \\partial^{\\alpha_1} u, \\partial^{\\alpha_2} u, \\dots)$.

    Attributes:
        function: takes a point of shape `(d,)` and one scalar per multi-index; returns a scalar.
            A module-level function, or a Module, is compiled once; a lambda made anew for every
            problem is compiled for every problem.
        orders: the multi-indices $\\alpha_1, \\alpha_2, \\dots$; $u$ itself is all zeros.
    """

    function: Callable[..., Array]
    orders: tuple[Orders, ...] = eqx.field(static=True)

    def at(
        self, points: Float[Array, "n d"], *derivatives: Float[Array, " n"]
    ) -> Float[Array, " n"]:
        """$N$ at points, from the values of the derivatives there."""
        return jax.vmap(self.function)(points, *derivatives)


class AbstractPDE(AbstractProblem):
    """$L u + N(x, u, \\dots) = f$ in a box, with conditions on its sides and observations inside.

    Every final subclass has these fields or properties:

    Attributes:
        domain: the box.
        source: $f$: a number, a function of a point of shape `(d,)`, or an array of values at the
            nodes of the method that will be used.
        boundary: a `Boundary`, or one condition for all sides.
        observations: noisy observations of $u$, its derivatives or linear functionals.
        source_noise: standard deviation of the noise on the values of $f$; 0 if they are exact.
        operator: the linear part $L$.
        nonlinearity: $N$, or `None`.
    """

    domain: eqx.AbstractVar[Box]
    source: eqx.AbstractVar[Any]
    boundary: eqx.AbstractVar[Boundary | AbstractCondition]
    observations: eqx.AbstractVar[tuple[Observations, ...]]
    source_noise: eqx.AbstractVar[Any]
    operator: eqx.AbstractVar[DifferentialOperator]
    nonlinearity: eqx.AbstractVar[Nonlinearity | None]

    def __check_init__(self):
        if self.operator.dim != self.dim:
            raise ValueError(
                f"{type(self).__name__}: the operator has {self.operator.dim} dimension(s), the "
                f"domain {self.dim}."
            )
        check_conditions(type(self).__name__, self.conditions, self.max_orders)
        check_observations(self.domain, self.observations)
        check_noise("source_noise", self.source_noise, positive=False)

    @property
    def dim(self) -> int:
        """The number of dimensions, time included."""
        return self.domain.dim

    @property
    def conditions(self) -> Boundary:
        """The conditions of every side."""
        if isinstance(self.boundary, Boundary):
            return self.boundary
        return Boundary.everywhere(self.boundary, self.dim)

    @property
    def max_orders(self) -> Orders:
        """The highest derivative of $u$ in each dimension, nonlinear term included."""
        nonlinear = () if self.nonlinearity is None else self.nonlinearity.orders
        return tuple(
            max([own, *(orders[axis] for orders in nonlinear)])
            for axis, own in enumerate(self.operator.max_orders)
        )

    def residual(self, u: Callable, points: Float[Array, "n d"]) -> Float[Array, " n"]:
        """$L u + N(x, u, \\dots) - f$ at points.

        Args:
            u: any solution or field, or a plain function of one point of shape `(d,)`.
            points: where, shape `(n, d)`.

        Returns:
            The residual at every point; independent of the method that made `u`.
        """
        points = as_points(points, self.dim)
        total = -sample_at("source", self.source, points)
        for term in self.operator.terms:
            coefficient = sample_at("coefficient", term.coefficient, points)
            total = total + coefficient * partial_of(u, term.orders, points)
        if self.nonlinearity is not None:
            jet = [partial_of(u, orders, points) for orders in self.nonlinearity.orders]
            total = total + self.nonlinearity.at(points, *jet)
        return total

    def boundary_residual(
        self, u: Callable, points: Float[Array, "n d"]
    ) -> dict[str, Float[Array, " n"]]:
        """$a u + b\\,\\partial_j u - g$ for every condition, at points moved onto its side.

        Args:
            u: any field or plain function.
            points: shape `(n, d)`; the coordinate across a side is replaced by the side's own.

        Returns:
            One array per condition, named `"axis 0 lower"` and so on; a second condition at one
            side is `"axis 0 lower #2"`.
        """
        points = as_points(points, self.dim)
        corners = (self.domain.lower, self.domain.upper)
        residuals = {}
        for axis in range(self.dim):
            slope_orders = tuple(int(j == axis) for j in range(self.dim))
            for side, trace in self.conditions.traces(axis):
                at = points.at[:, axis].set(corners[side][axis])
                value = trace.value_weight * partial_of(u, (0,) * self.dim, at)
                slope = trace.slope_weight * partial_of(u, slope_orders, at)
                name = f"axis {axis} {('lower', 'upper')[side]}"
                name = f"{name} #2" if name in residuals else name
                residuals[name] = value + slope - sample_at(name, trace.data, at)
        return residuals


class AbstractLinearPDE(AbstractPDE):
    """A PDE without nonlinear terms."""

    @property
    def nonlinearity(self) -> Nonlinearity | None:
        """There is none."""
        return None


class AbstractNonlinearPDE(AbstractPDE):
    """A PDE with a pointwise nonlinear term."""


class LinearPDE(AbstractLinearPDE):
    """$L u = f$ with any linear differential operator $L$, see `AbstractPDE` for the fields."""

    domain: Box
    operator: DifferentialOperator
    source: Any
    boundary: Boundary | AbstractCondition
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0


class NonlinearPDE(AbstractNonlinearPDE):
    """$L u + N(x, u, \\dots) = f$, see `AbstractPDE` and `Nonlinearity` for the fields."""

    domain: Box
    operator: DifferentialOperator
    nonlinearity: Nonlinearity | None
    source: Any
    boundary: Boundary | AbstractCondition
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0
