"""Fields: functions of a point whose partial derivatives are known in closed form."""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ._differential import Orders


class AbstractField(eqx.Module):
    """A scalar function on a box that can be evaluated and differentiated at points."""

    dim: eqx.AbstractVar[int]

    @abc.abstractmethod
    def partial(self, orders: Orders, points: Float[Array, "n d"]) -> Float[Array, " n"]:
        """$\\partial^{\\alpha} u$ at `points`, for the multi-index `orders`."""

    def __call__(self, points: Float[Array, "... d"]) -> Float[Array, "..."]:
        """$u$ at points of shape `(..., d)`."""
        points = as_points(points, self.dim)
        values = self.partial((0,) * self.dim, points.reshape(-1, self.dim))
        return values.reshape(points.shape[:-1])


class AbstractTensorField(AbstractField):
    """$u(x) = \\sum_{i_1 \\dots i_d} C_{i_1 \\dots i_d} \\prod_j \\varphi^{(j)}_{i_j}(x_j)$.

    Evaluation on a tensor grid costs one small matrix product per dimension.
    """

    coefficients: eqx.AbstractVar[Float[Array, "..."]]

    @abc.abstractmethod
    def basis(self, axis: int, x: Float[Array, " n"], order: int) -> Float[Array, "n r"]:
        """The derivative of `order` of the basis functions of dimension `axis` at `x`."""

    def partial(self, orders: Orders, points: Float[Array, "n d"]) -> Float[Array, " n"]:
        """See `AbstractField.partial`."""
        values = [self.basis(j, points[:, j], order) for j, order in enumerate(orders)]
        return contract_points(self.coefficients, values)

    def partial_on_grid(
        self, orders: Orders, axes: Sequence[Float[Array, " _"]]
    ) -> Float[Array, "..."]:
        """$\\partial^{\\alpha} u$ on the tensor grid of `axes`, shape `(n_1, ..., n_d)`."""
        matrices = [self.basis(j, axes[j], order) for j, order in enumerate(orders)]
        return along_all(matrices, self.coefficients)

    def on_grid(self, *axes: Float[Array, " _"]) -> Float[Array, "..."]:
        """$u$ on the tensor grid of `axes`, one vector of coordinates per dimension."""
        return self.partial_on_grid((0,) * self.dim, axes)


def contract_points(
    tensor: Float[Array, "..."], matrices: Sequence[Float[Array, "n _"]]
) -> Float[Array, " n"]:
    """$\\sum C_{ij\\dots} A_{ni} B_{nj} \\dots$ for every point $n$."""
    result = jnp.tensordot(matrices[0], tensor, axes=1)
    for matrix in matrices[1:]:
        result = jnp.einsum("nj...,nj->n...", result, matrix)
    return result


def as_points(points: Any, dim: int) -> Float[Array, "... d"]:
    """Check that `points` has the shape `(..., dim)`.

    Raises:
        ValueError: if the last axis is not the coordinates.
    """
    points = jnp.asarray(points)
    if points.ndim == 0 or points.shape[-1] != dim:
        raise ValueError(
            f"points must have shape (..., {dim}), one row of {dim} coordinate(s) per point, got "
            f"{points.shape}." + (" Add an axis: x[:, None]." if dim == 1 else "")
        )
    return points


def partial_of(
    function: Callable[[Array], Array], orders: Orders, points: Float[Array, "n d"]
) -> Float[Array, " n"]:
    """$\\partial^{\\alpha} u$: in closed form for an `AbstractField`, else by forward mode.

    Args:
        function: an `AbstractField`, or a plain function of one point of shape `(d,)`.
        orders: the multi-index.
        points: where.

    Returns:
        The derivative at every point.
    """
    if isinstance(function, AbstractField):
        return function.partial(orders, points)
    for axis, order in enumerate(orders):
        for _ in range(order):
            function = _directional(function, axis)
    return jax.vmap(function)(points)


def _directional(function: Callable, axis: int) -> Callable:
    def derivative(x):
        return jax.jvp(function, (x,), (jnp.zeros_like(x).at[axis].set(1.0),))[1]

    return functools.wraps(function)(derivative) if hasattr(function, "__name__") else derivative
