"""What is known before any number is: counts, kinds of conditions, orders, the way to solve."""

import equinox as eqx
import numpy as np

from ..pde import AbstractPDE, Orders, Trace


class AxisPlan(eqx.Module):
    """The static facts of one dimension.

    Attributes:
        n: the number of nodes.
        periodic: Fourier nodes if true, Chebyshev-Lobatto nodes if false.
        sides: the side (0 lower, 1 upper) of every condition.
        kinds: `"value"`, `"slope"` or `"mixed"`, what every condition prescribes.
    """

    n: int = eqx.field(static=True)
    periodic: bool = eqx.field(static=True)
    sides: tuple[int, ...] = eqx.field(static=True)
    kinds: tuple[str, ...] = eqx.field(static=True)

    @property
    def num_conditions(self) -> int:
        """How many unknowns the conditions eliminate."""
        return len(self.sides)

    @property
    def num_inner(self) -> int:
        """How many collocation points are left."""
        return self.n - self.num_conditions

    @property
    def inner(self) -> slice:
        """The nodes that are collocation points: one less at a side for each of its conditions."""
        return slice(self.sides.count(0), self.n - self.sides.count(1))

    @property
    def is_reference(self) -> bool:
        """True if the eliminated matrices depend on nothing but this plan and the edge length."""
        return "mixed" not in self.kinds


class Plan(eqx.Module):
    """The static facts of a discretisation.

    Attributes:
        axes: one plan per dimension.
        orders: the multi-indices of the linear operator's terms.
        nonlinear_orders: the multi-indices that the nonlinear term takes.
        strategy: `"dense"`, `"separable"` or `"krylov"`.
        max_steps: Newton steps at most.
    """

    axes: tuple[AxisPlan, ...]
    orders: tuple[Orders, ...] = eqx.field(static=True)
    nonlinear_orders: tuple[Orders, ...] = eqx.field(static=True)
    strategy: str = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes per dimension."""
        return tuple(axis.n for axis in self.axes)

    @property
    def inner_shape(self) -> tuple[int, ...]:
        """Collocation points per dimension."""
        return tuple(axis.num_inner for axis in self.axes)

    def axis_orders(self, axis: int) -> tuple[int, ...]:
        """The positive orders of the terms that differentiate in `axis` alone, ascending."""
        alone = (o for o in self.orders if o[axis] and sum(k > 0 for k in o) == 1)
        return tuple(sorted({orders[axis] for orders in alone}))


def make_plan(
    problem: AbstractPDE, num_points: int | tuple[int, ...], dense_limit: int, max_steps: int
) -> Plan:
    """Read the static facts off a problem.

    Raises:
        ValueError: if the counts do not fit the problem.
    """
    counts = _counts(problem, num_points)
    axes = tuple(_axis_plan(problem, axis, n) for axis, n in enumerate(counts))
    orders = tuple(term.orders for term in problem.operator.terms)
    nonlinear = () if problem.nonlinearity is None else problem.nonlinearity.orders
    constant = all(
        not callable(term.coefficient) and np.ndim(term.coefficient) == 0
        for term in problem.operator.terms
    )
    one_axis = all(sum(order > 0 for order in term) <= 1 for term in orders)
    small = np.prod([axis.num_inner for axis in axes]) <= dense_limit
    if problem.dim == 1:
        strategy = "dense"
    elif not nonlinear and constant and one_axis:
        strategy = "separable"
    else:
        strategy = "dense" if small else "krylov"
    return Plan(axes, orders, nonlinear, strategy, max_steps)


def _counts(problem: AbstractPDE, num_points: int | tuple[int, ...]) -> tuple[int, ...]:
    counts = (num_points,) * problem.dim if isinstance(num_points, int) else num_points
    if len(counts) != problem.dim:
        raise ValueError(
            f"ChebyshevCollocation: num_points has {len(counts)} entries, the problem has "
            f"{problem.dim} dimension(s). Give one count for all, or one per dimension."
        )
    for axis, (n, order) in enumerate(zip(counts, problem.max_orders)):
        if n < order + 1:
            raise ValueError(
                f"ChebyshevCollocation: dimension {axis} has {n} point(s); an operator of order "
                f"{order} needs at least {order + 1}. Raise num_points."
            )
    return counts


def _axis_plan(problem: AbstractPDE, axis: int, n: int) -> AxisPlan:
    traces = problem.conditions.traces(axis)
    return AxisPlan(
        n=max(n, 2),
        periodic=problem.conditions.is_periodic(axis),
        sides=tuple(side for side, _ in traces),
        kinds=tuple(_kind(trace) for _, trace in traces),
    )


def _kind(trace: Trace) -> str:
    zero = lambda weight: isinstance(weight, float) and weight == 0.0
    if zero(trace.slope_weight):
        return "value"
    return "slope" if zero(trace.value_weight) else "mixed"
