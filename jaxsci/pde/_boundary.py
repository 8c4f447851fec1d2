"""Boundary and initial conditions, each side of the box its own."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float

Data = Callable[[Float[Array, " d"]], Any] | ArrayLike


class Trace(NamedTuple):
    """One linear condition at a side: $a\\,u + b\\,\\partial u/\\partial x_j = g$.

    The derivative is along the axis, not along the outward normal.
    """

    value_weight: Any
    slope_weight: Any
    data: Data


class AbstractCondition(eqx.Module):
    """What is prescribed at one side of the box."""

    @abc.abstractmethod
    def traces(self, sign: int) -> tuple[Trace, ...]:
        """The conditions, for the upper side (`sign=1`) or the lower side (`sign=-1`)."""


class Dirichlet(AbstractCondition):
    """$u = g$. `value` is a number or a function of a point of shape `(d,)`."""

    value: Any = 0.0

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        return (Trace(1.0, 0.0, self.value),)


class Neumann(AbstractCondition):
    """$\\partial u / \\partial n = g$ along the outward normal."""

    value: Any = 0.0

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        return (Trace(0.0, float(sign), self.value),)


class Robin(AbstractCondition):
    """$\\alpha\\,u + \\beta\\,\\partial u / \\partial n = g$ along the outward normal.

    Attributes:
        alpha: the number $\\alpha$.
        beta: the number $\\beta$.
        value: $g$, a number or a function of the point.
    """

    alpha: Any
    beta: Any
    value: Any = 0.0

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        return (Trace(self.alpha, sign * self.beta, self.value),)


class Initial(AbstractCondition):
    """$u = u_0$ and, for equations of second order in time, $\\partial u/\\partial t = v_0$.

    Attributes:
        value: $u_0$, a number or a function of the point.
        velocity: $v_0$, or `None` for equations of first order in time.
    """

    value: Any = 0.0
    velocity: Any = None

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        if sign > 0:
            raise ValueError("Initial: initial data belong to the lower side of the time axis.")
        start = (Trace(1.0, 0.0, self.value),)
        return start if self.velocity is None else (*start, Trace(0.0, 1.0, self.velocity))


class Periodic(AbstractCondition):
    """$u$ and its derivatives agree at the two sides of the axis."""

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        return ()


class Free(AbstractCondition):
    """Nothing is prescribed (an outflow side, or the final time)."""

    def traces(self, sign: int) -> tuple[Trace, ...]:
        """See `AbstractCondition.traces`."""
        return ()


class Boundary(eqx.Module):
    """The conditions on all sides of a box.

    One argument per dimension: a pair `(lower, upper)`, or one condition for both sides;
    `Initial` alone leaves the final time free.

        Boundary(Dirichlet(0.0), (Neumann(1.0), Dirichlet(g)))    # x both sides, y each its own
        Boundary(Periodic(), Initial(u0))                          # x periodic, then time

    Attributes:
        sides: per dimension, the condition at its lower and at its upper side.
    """

    sides: tuple[tuple[AbstractCondition, AbstractCondition], ...]

    def __init__(self, *axes: AbstractCondition | tuple[AbstractCondition, AbstractCondition]):
        """Collect the conditions of every axis.

        Raises:
            TypeError: if something else than conditions is given.
            ValueError: if only one side of an axis is periodic.
        """
        self.sides = tuple(_pair(axis, given) for axis, given in enumerate(axes))

    @classmethod
    def everywhere(cls, condition: AbstractCondition, dim: int) -> "Boundary":
        """The same condition on all sides of a `dim`-dimensional box."""
        return cls(*(condition,) * dim)

    def is_periodic(self, axis: int) -> bool:
        """True if the dimension `axis` is periodic."""
        return isinstance(self.sides[axis][0], Periodic)

    def traces(self, axis: int) -> tuple[tuple[int, Trace], ...]:
        """The conditions of one dimension: pairs of the side (0 lower, 1 upper) and its trace."""
        lower, upper = self.sides[axis]
        return (
            *((0, trace) for trace in lower.traces(-1)),
            *((1, trace) for trace in upper.traces(1)),
        )


def _pair(axis: int, given: Any) -> tuple[AbstractCondition, AbstractCondition]:
    pair = (given, Free() if isinstance(given, Initial) else given)
    pair = given if isinstance(given, tuple) else pair
    if len(pair) != 2 or not all(isinstance(side, AbstractCondition) for side in pair):
        raise TypeError(
            f"Boundary: dimension {axis} takes one condition or a pair (lower, upper) of "
            f"Dirichlet, Neumann, Robin, Periodic, Initial or Free, got {given!r}."
        )
    if isinstance(pair[0], Periodic) != isinstance(pair[1], Periodic):
        raise ValueError(
            f"Boundary: dimension {axis} is periodic at one side only. Periodic sides come in "
            "pairs: give Periodic() for the whole dimension."
        )
    return pair
