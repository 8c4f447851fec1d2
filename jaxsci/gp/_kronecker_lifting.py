"""A smooth function with given boundary data: transfinite interpolation."""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import AbstractPDE, sample_at, tensor_points
from ._kronecker_axis import Axis

Data = tuple[Array | None, ...]


def boundary_data(problem: AbstractPDE, coordinates: Sequence[Float[Array, " _"]]) -> Data:
    """Per dimension the data of its conditions, shape `(s, ...)` over the other coordinates.

    User callables are sampled here. A dimension without conditions has `None`.

    Raises:
        ValueError: if boundary values are an array: the lifting samples them at nodes of its own.
    """
    for axis in range(problem.dim):
        for _, trace in problem.conditions.traces(axis):
            if not callable(trace.data) and jnp.ndim(trace.data) > 0:
                raise ValueError(
                    f"KroneckerGP: the boundary values of dimension {axis} are an array; in two "
                    "and three dimensions give a function of the point, or a number."
                )
    return tuple(_data_of(problem, axis, coordinates) for axis in range(problem.dim))


def _data_of(problem: AbstractPDE, axis: int, coordinates: Sequence[Array]) -> Array | None:
    ends = (problem.domain.lower[axis], problem.domain.upper[axis])
    points = lambda end: jnp.take(
        tensor_points(tuple(end[None] if j == axis else x for j, x in enumerate(coordinates))),
        0,
        axis=axis,
    )
    if problem.conditions.is_periodic(axis):
        shape = points(ends[0]).shape[:-1]
        return jnp.zeros((problem.max_orders[axis], *shape), ends[0].dtype)
    names = ("lower", "upper")
    rows = [
        sample_at(f"boundary value, axis {axis} {names[side]}", trace.data, points(ends[side]))
        for side, trace in problem.conditions.traces(axis)
    ]
    return jnp.stack(rows) if rows else None


def lifting(axes: tuple[Axis, ...], data: Data) -> Float[Array, "..."]:
    """Coefficients in the extended bases of $w = (I - \\prod_j (I - P_j))\\,u$.

    $P_j u = \\sum_s \\varphi_{j,s}(x_j)\\,(B_{j,s} u)$; the data $B_{j,s} u$, functions of the
    other coordinates, are Chebyshev interpolants. The Boolean sum $\\sum P_j - \\sum P_i P_j
    + \\dots$ satisfies all conditions whose data agree where sides meet (Gordon 1971), and with
    these $\\varphi$ it is the posterior mean of the product prior given all traces.

    Args:
        axes: the dimensions.
        data: from `boundary_data` at the Chebyshev nodes of every dimension.

    Returns:
        A tensor of shape `(s_1 + n_1, ..., s_d + n_d)`.
    """
    shape = [axis.num_traces + axis.nodes.shape[0] for axis in axes]
    result = jnp.zeros(shape, axes[0].nodes.dtype)
    own = {j: jnp.moveaxis(part, 0, j) for j, part in enumerate(data) if part is not None}
    for count in range(1, len(axes) + 1):
        for chosen in itertools.combinations(own, count):
            sign = 1.0 if count % 2 else -1.0
            block = _traces_along(axes, own[chosen[0]], chosen[1:])
            result = result.at[_slots(axes, chosen)].add(sign * block)
    return result


def _traces_along(axes: tuple[Axis, ...], block: Array, others: tuple[int, ...]) -> Array:
    """$B_i$ applied to interpolated data, for every further dimension $i$."""
    matrices: list[Array | None] = [None] * len(axes)
    for i in others:
        matrices[i] = axes[i].traces_of_polynomials()
    return along_all(matrices, block)


def _slots(axes: tuple[Axis, ...], chosen: tuple[int, ...]) -> tuple[slice, ...]:
    """Where a block sits: trace slots along `chosen`, polynomial slots along the others."""
    return tuple(
        slice(0, axis.num_traces) if j in chosen else slice(axis.num_traces, None)
        for j, axis in enumerate(axes)
    )
