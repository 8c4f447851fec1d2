"""The discrete problem: unknowns at collocation points, boundary data lifted to all nodes."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import Nonlinearity, Orders, SampledPDE, tensor_points
from ._axis import AxisMatrices, axis_matrices
from ._operator import Operator, Tensor, differentiate
from ._plan import Plan
from ._sample import Samples


class Discrete(eqx.Module):
    """$L V + N(V) = F$ for the values $V$ at the collocation points.

    The solution is $u = u_0 + E V$: the lift $u_0$ carries the boundary data and vanishes at the
    collocation points, $E$ extends $V$ to all nodes with homogeneous conditions.

    Attributes:
        axes: the matrices of every dimension.
        operator: the linear part at the collocation points.
        defect: $F = f - L u_0$.
        lift: $u_0$ at the nodes.
        lift_jet: the derivatives of $u_0$ that the nonlinear term takes, at collocation points.
        points: the collocation points, shape `(t, d)`.
        nonlinearity: the nonlinear term, or `None`.
    """

    axes: tuple[AxisMatrices, ...]
    operator: Operator
    defect: Tensor
    lift: Tensor
    lift_jet: tuple[Tensor, ...]
    points: Float[Array, "t d"]
    nonlinearity: Nonlinearity | None

    def nodal(self, unknown: Tensor) -> Tensor:
        """All nodal values from those at the collocation points."""
        extend = [axis.extend[:, -count:] for axis, count in zip(self.axes, unknown.shape)]
        return self.lift + along_all(extend, unknown)

    def jet(self, unknown: Tensor) -> tuple[Tensor, ...]:
        """The derivatives that the nonlinear term takes, at the collocation points."""
        inner = [axis.inner for axis in self.axes]
        return tuple(
            differentiate(unknown, orders, inner) + lifted
            for orders, lifted in zip(nonlinear_orders(self.nonlinearity), self.lift_jet)
        )

    def nonlinear_term(self, jet: tuple[Tensor, ...]) -> Tensor:
        """$N$ from the derivatives at the collocation points."""
        if self.nonlinearity is None:
            return jnp.zeros_like(self.defect)
        flat = (derivative.reshape(-1) for derivative in jet)
        return self.nonlinearity.at(self.points, *flat).reshape(self.defect.shape)

    def residual(self, unknown: Tensor) -> Tensor:
        """$L V + N - F$."""
        linear = self.operator.inner(unknown, self.axes) - self.defect
        return linear + self.nonlinear_term(self.jet(unknown))


def nonlinear_orders(nonlinearity: Nonlinearity | None) -> tuple[Orders, ...]:
    """The multi-indices that the nonlinear term takes."""
    return () if nonlinearity is None else nonlinearity.orders


def discretise(plan: Plan, samples: Samples, references: tuple[dict[int, Array], ...]) -> Discrete:
    """Matrices, lifted boundary data and data at the collocation points.

    Args:
        plan: the static facts.
        samples: the problem's data.
        references: `reference_derivatives` of every dimension.

    Returns:
        The discrete problem.
    """
    own, lengths = samples.nodes, samples.domain.lengths
    axes = tuple(
        axis_matrices(axis, lengths[j], _weights(own, j), references[j])
        for j, axis in enumerate(plan.axes)
    )
    coefficients = tuple(
        each if each.ndim == 0 else restrict(plan, each) for each in own.coefficients
    )
    lift = boundary_lift(plan, axes, own)
    full = [axis.full for axis in axes]
    at_points = lambda orders: restrict(plan, differentiate(lift, orders, full))
    lifted = sum(c * at_points(orders) for c, orders in zip(coefficients, own.orders))
    inner = tuple(x[axis.inner] for axis, x in zip(plan.axes, own.axes))
    return Discrete(
        axes,
        Operator(coefficients, own.orders),
        restrict(plan, own.source) - lifted,
        lift,
        tuple(at_points(orders) for orders in own.nonlinear_orders),
        tensor_points(inner).reshape(-1, plan.dim),
        own.nonlinearity,
    )


def restrict(plan: Plan, nodal: Tensor) -> Tensor:
    """From values at all nodes to those at the collocation points."""
    return nodal[tuple(axis.inner for axis in plan.axes)]


def boundary_lift(plan: Plan, axes: tuple[AxisMatrices, ...], own: SampledPDE) -> Tensor:
    """Nodal values with the prescribed boundary functionals, zero at the collocation points.

    In mixed coordinates, in which the first $m_j$ entries along dimension $j$ are boundary
    functionals, the data of a face fill one slice, its own edges included.
    """
    mixed = jnp.zeros(plan.shape, own.source.dtype)
    for j, traces in enumerate(own.traces):
        others = [axis.mixed for k, axis in enumerate(axes) if k != j]
        for row, trace in enumerate(traces):
            face = jnp.expand_dims(along_all(others, trace.data), j)
            mixed = jax.lax.dynamic_update_slice_in_dim(mixed, face, row, j)
    return along_all([axis.extend for axis in axes], mixed)


def _weights(own: SampledPDE, axis: int) -> Float[Array, "m 2"]:
    pairs = [jnp.stack([trace.value_weight, trace.slope_weight]) for trace in own.traces[axis]]
    return jnp.stack(pairs) if pairs else jnp.zeros((0, 2), own.source.dtype)
