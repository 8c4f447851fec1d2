"""The equation on a tensor grid, in the coefficients of orthonormal bases."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import SylvesterFactors, along, along_all, sylvester_factors
from ..pde import Observations, Orders, SampledPDE
from ._axis import Axis, AxisData
from ._features import FeatureSlots, Interval
from ._scales import Scales


class Grid(eqx.Module):
    """The data of a fit in two or three dimensions.

    Attributes:
        sampled: the statement at the nodes.
        validation: the statement at independent points, or `None`.
        observations: observations of $u$.
        intervals: the axes of the box.
        quadratures: quadrature weights of the nodes.
        scales: the noise levels.
        resolutions: per axis, points of the quadrature that orthonormalises its features.
    """

    sampled: SampledPDE
    validation: SampledPDE | None
    observations: tuple[Observations, ...]
    intervals: tuple[Interval, ...]
    quadratures: tuple[Float[Array, " n"], ...]
    scales: Scales
    resolutions: tuple[int, ...] = eqx.field(static=True)

    @property
    def max_orders(self) -> Orders:
        """The highest derivative in each dimension."""
        every = (*self.sampled.orders, *self.sampled.nonlinear_orders)
        return tuple(max(column) for column in zip(*every))

    @property
    def is_kronecker_sum(self) -> bool:
        """True if the linear part is separable with constant coefficients."""
        separable = all(sum(o > 0 for o in orders) <= 1 for orders in self.sampled.orders)
        return separable and self.sampled.is_constant

    @property
    def is_direct(self) -> bool:
        """True if the fast factors solve the equation itself."""
        return self.is_kronecker_sum and self.sampled.nonlinearity is None


def axes_data(grid: Grid, slots: tuple[FeatureSlots, ...]) -> tuple[AxisData, ...]:
    """What the axes are built from, for given features."""
    return tuple(_axis_data(grid, features, j) for j, features in enumerate(slots))


def _axis_data(grid: Grid, features: FeatureSlots, j: int) -> AxisData:
    sampled = grid.sampled
    fresh = sampled if grid.validation is None else grid.validation
    traces = sampled.traces[j]
    weights = [jnp.stack([trace.value_weight, trace.slope_weight]) for trace in traces]
    return AxisData(
        features,
        grid.intervals[j],
        sampled.axes[j],
        fresh.axes[j],
        jnp.stack(weights) if weights else jnp.zeros((0, 2), sampled.source.dtype),
        tuple(trace.side for trace in traces),
        sampled.periodic[j],
        grid.max_orders[j],
        grid.resolutions[j],
    )


def apply_operator(grid: Grid, axes: tuple[Axis, ...], tensor: Array) -> Float[Array, "..."]:
    """$L u$ at the nodes, for coefficients of shape `(r_1, ..., r_d)`."""
    sampled = grid.sampled
    if sampled.is_constant:
        total = jnp.zeros_like(tensor)
        for coefficient, orders in zip(sampled.coefficients, sampled.orders):
            total = total + coefficient * _differentiated(axes, tensor, orders)
        return at_nodes(axes, total, (0,) * len(axes))
    total = jnp.zeros_like(sampled.source)
    for coefficient, orders in zip(sampled.coefficients, sampled.orders):
        total = total + coefficient * at_nodes(axes, tensor, orders)
    return total


def _differentiated(axes: tuple[Axis, ...], tensor: Array, orders: Orders) -> Array:
    """$\\partial^{\\alpha}$ in coefficients; the span of the features is closed under it."""
    for axis, order in enumerate(orders):
        if order:
            tensor = along(axes[axis].differentiate[order], tensor, axis)
    return tensor


def at_nodes(axes: tuple[Axis, ...], tensor: Array, orders: Orders) -> Float[Array, "..."]:
    """$\\partial^{\\alpha} u$ at the nodes."""
    return along_all([axis.evaluate[order] for axis, order in zip(axes, orders)], tensor)


def source_residual(grid: Grid, axes: tuple[Axis, ...], tensor: Array) -> Float[Array, "..."]:
    """$f - L u - N(u)$ at the nodes."""
    residual = grid.sampled.source - apply_operator(grid, axes, tensor)
    if grid.sampled.nonlinearity is None:
        return residual
    return residual - grid.sampled.nonlinear_term(*_arguments(grid, axes, tensor))


def _arguments(grid: Grid, axes: tuple[Axis, ...], tensor: Array) -> list[Array]:
    return [at_nodes(axes, tensor, orders) for orders in grid.sampled.nonlinear_orders]


def tangent_slopes(
    grid: Grid, axes: tuple[Axis, ...], tensor: Array
) -> tuple[Float[Array, "..."], ...]:
    """$\\partial N / \\partial(\\partial^{\\alpha} u)$ at the nodes, one per argument of $N$."""
    if grid.sampled.nonlinearity is None:
        return ()
    values = _arguments(grid, axes, tensor)
    return tuple(grid.sampled.nonlinear_slope(k, *values) for k in range(len(values)))


def apply_slopes(
    grid: Grid, axes: tuple[Axis, ...], slopes: tuple[Array, ...], direction: Array
) -> Float[Array, "..."]:
    """$N'(u) v$ at the nodes."""
    total = jnp.zeros_like(grid.sampled.source)
    for slope, orders in zip(slopes, grid.sampled.nonlinear_orders):
        total = total + slope * at_nodes(axes, direction, orders)
    return total


def validation_residual(grid: Grid, axes: tuple[Axis, ...], tensor: Array) -> Float[Array, "..."]:
    """$f - L u - N(u)$ on points that the fit has not seen."""
    fresh = grid.validation
    if fresh is None:
        return source_residual(grid, axes, tensor)
    at = lambda orders: along_all([axis.check[o] for axis, o in zip(axes, orders)], tensor)
    residual = fresh.source
    for coefficient, orders in zip(fresh.coefficients, fresh.orders):
        residual = residual - coefficient * at(orders)
    return residual - fresh.nonlinear_term(*(at(orders) for orders in fresh.nonlinear_orders))


def boundary_lift(grid: Grid, axes: tuple[Axis, ...]) -> Float[Array, "..."]:
    """A smooth tensor whose traces are the boundary data, axis after axis.

    $C \\leftarrow C + E_j (\\hat g_j - B_j C)$ leaves the traces of earlier axes as they are, since
    the data agree where sides meet.
    """
    tensor = jnp.zeros(tuple(axis.slots.size for axis in axes), grid.sampled.source.dtype)
    for j, axis in enumerate(axes):
        traces = grid.sampled.traces[j]
        if not traces:
            continue
        others = [other.project for k, other in enumerate(axes) if k != j]
        data = [along_all(others, trace.data) for trace in traces]
        data = [values / norm for values, norm in zip(data, axis.boundary_norms)]
        target = jnp.stack(data, axis=j)
        tensor = tensor + along(axis.lift, target - along(axis.boundary, tensor, j), j)
    return tensor


def face_residuals(
    grid: Grid, axes: tuple[Axis, ...], tensor: Array
) -> tuple[Float[Array, "..."], ...]:
    """$g - B u$ on the nodes of every face, axis after axis."""
    residuals = []
    for j, axis in enumerate(axes):
        others = [other.evaluate[0] for k, other in enumerate(axes) if k != j]
        rows = axis.boundary * axis.boundary_norms[:, None]
        for number, trace in enumerate(grid.sampled.traces[j]):
            found = along_all(others, jnp.tensordot(rows[number], tensor, axes=(0, j)))
            residuals.append(trace.data - found)
    return tuple(residuals)


def to_interior(axes: tuple[Axis, ...], values: Array) -> Float[Array, "..."]:
    """Values at the nodes, projected onto the test space."""
    return along_all([axis.test @ axis.project for axis in axes], values)


def from_interior(axes: tuple[Axis, ...], interior: Array) -> Float[Array, "..."]:
    """Coefficients of the function that vanishes under all conditions."""
    return along_all([axis.null for axis in axes], interior)


def fast_factors(grid: Grid, axes: tuple[Axis, ...]) -> SylvesterFactors:
    """Factorise the separable, constant-coefficient part of the operator.

    Variable coefficients enter with their mean. Padding gets diagonal entries so large that no
    sum with the spectrum of another axis can vanish.
    """
    sampled, dtype = grid.sampled, grid.sampled.source.dtype
    shift = jnp.zeros((), dtype)
    matrices = [jnp.zeros_like(axis.differentiate[0]) for axis in axes]
    for coefficient, orders in zip(sampled.coefficients, sampled.orders):
        mean = jnp.mean(coefficient)
        derived = [axis for axis, order in enumerate(orders) if order]
        if len(derived) == 1:
            (j,) = derived
            matrices[j] = matrices[j] + mean * axes[j].differentiate[orders[j]]
        elif not derived:
            shift = shift + mean
    inner = [axis.test @ m @ axis.null for axis, m in zip(axes, matrices)]
    big = 10 * (sum(jnp.linalg.norm(m) for m in inner) + jnp.abs(shift) + 1)
    inner = [
        m - big * (1 + 0.37 * j) * jnp.diag(axis.padding)
        for j, (axis, m) in enumerate(zip(axes, inner))
    ]
    symmetric = [_is_symmetric(grid, axis) for axis in range(len(axes))]
    return sylvester_factors(inner, shift, symmetric=symmetric)


def _is_symmetric(grid: Grid, axis: int) -> bool:
    """Even derivatives with one condition at each side, or periodic, are self-adjoint."""
    odd = any(orders[axis] % 2 for orders in grid.sampled.orders)
    sides = [trace.side for trace in grid.sampled.traces[axis]]
    return not odd and (grid.sampled.periodic[axis] or sorted(sides) == [0, 1])
