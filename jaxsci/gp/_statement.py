"""From a problem statement to functionals with data: the equation, the conditions, observations."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete
from ..pde import AbstractPDE, DifferentialOperator, Observations, Trace, sample_at
from ._functionals import Functionals

SidePoints = Callable[[int, int], Float[Array, "m d"]]


class Block(eqx.Module):
    """$\\ell_i u = y_i + \\sigma_i \\varepsilon_i$: functionals, their data and noise.

    Attributes:
        functionals: $\\ell_i$.
        data: $y_i$.
        noise: the standard deviations $\\sigma_i$; 0 where the data are exact.
    """

    functionals: Functionals
    data: Float[Array, " m"]
    noise: Float[Array, " m"]


class Blocks(eqx.Module):
    """All data of a statement.

    Attributes:
        equation: $L u = f$ at the nodes.
        conditions: what is prescribed on the sides, exact.
        observations: noisy data inside.
    """

    equation: Block
    conditions: tuple[Block, ...]
    observations: tuple[Block, ...]

    @property
    def all(self) -> tuple[Block, ...]:
        """In the order of the Gram matrix."""
        return (self.equation, *self.conditions, *self.observations)

    @property
    def functionals(self) -> tuple[Functionals, ...]:
        """In the order of the Gram matrix."""
        return tuple(block.functionals for block in self.all)


def equation(problem: AbstractPDE, points: Float[Array, "... d"], noise: ArrayLike) -> Block:
    """$L u(x_i) = f(x_i) + \\sigma_i \\varepsilon_i$ at points of shape `(..., d)`."""
    data = sample_at("source", problem.source, points).ravel()
    noise = jnp.asarray(noise)
    if noise.shape not in ((), points.shape[:-1]):
        raise ValueError(
            f"source_noise must be a number or have the shape {points.shape[:-1]} of the nodes, "
            f"got {noise.shape}."
        )
    noise = jnp.broadcast_to(noise, points.shape[:-1]).ravel().astype(data.dtype)
    flat = points.reshape(-1, points.shape[-1])
    return Block(_apply(problem.operator, flat[:, None]), data, noise)


def conditions(problem: AbstractPDE, axis: int, side_points: SidePoints) -> tuple[Block, ...]:
    """What is prescribed across one dimension: one block per trace, or the periodic pairs.

    Args:
        problem: the statement.
        axis: the dimension.
        side_points: maps `(axis, side)` to the points on that side, side 0 lower, 1 upper.

    Returns:
        Blocks of exact data.
    """
    if problem.conditions.is_periodic(axis):
        lower, upper = side_points(axis, 0), side_points(axis, 1)
        return tuple(_periodic(axis, n, lower, upper) for n in range(problem.max_orders[axis]))
    names = ("lower", "upper")
    return tuple(
        _trace(f"axis {axis} {names[side]}", axis, trace, side_points(axis, side))
        for side, trace in problem.conditions.traces(axis)
    )


def observed(observations: Observations, dtype: Any) -> Block:
    """$y_i = \\sum_q w_{iq} (D u)(x_{iq}) + \\sigma_i \\varepsilon_i$."""
    points = observations.points.astype(dtype)
    points = points if points.ndim == 3 else points[:, None]
    functionals = _apply(observations.operator, points)
    if observations.weights is not None:
        weighted = functionals.coefficients * observations.weights.astype(dtype)
        functionals = Functionals(points, weighted, functionals.orders)
    noise = jnp.broadcast_to(observations.noise, (observations.num,)).astype(dtype)
    return Block(functionals, observations.values.astype(dtype), noise)


def _apply(operator: DifferentialOperator | None, points: Float[Array, "m q d"]) -> Functionals:
    """$u \\mapsto (D u)(x_{iq})$, terms of equal order collected; `None` is the identity."""
    if operator is None:
        ones = jnp.ones((1, *points.shape[:-1]), points.dtype)
        return Functionals(points, ones, ((0,) * points.shape[-1],))
    collected: dict[tuple[int, ...], Array] = {}
    for term in operator.terms:
        value = sample_at("coefficient", term.coefficient, points)
        known = collected.get(term.orders)
        collected[term.orders] = value if known is None else known + value
    return Functionals(points, jnp.stack(list(collected.values())), tuple(collected))


def _trace(name: str, axis: int, trace: Trace, points: Float[Array, "m d"]) -> Block:
    """$a u + b\\,\\partial_j u = g$; a weight that is plainly zero needs no smoothness."""
    num, dim = points.shape
    weights = {(0,) * dim: trace.value_weight, _unit(axis, 1, dim): trace.slope_weight}
    kept = {orders: w for orders, w in weights.items() if not is_zero(w)}
    rows = [jnp.broadcast_to(jnp.asarray(w, points.dtype), (num, 1)) for w in kept.values()]
    functionals = Functionals(points[:, None], jnp.stack(rows), tuple(kept))
    data = sample_at(f"boundary value, {name}", trace.data, points)
    return Block(functionals, data, jnp.zeros_like(data))


def _periodic(axis: int, order: int, lower: Array, upper: Array) -> Block:
    """$\\partial_j^n u(\\text{lower}) - \\partial_j^n u(\\text{upper}) = 0$."""
    num, dim = lower.shape
    points = jnp.stack([lower, upper], axis=1)
    signs = jnp.broadcast_to(jnp.asarray([1.0, -1.0], lower.dtype), (1, num, 2))
    zero = jnp.zeros(num, lower.dtype)
    return Block(Functionals(points, signs, (_unit(axis, order, dim),)), zero, zero)


def _unit(axis: int, order: int, dim: int) -> tuple[int, ...]:
    return tuple(order if j == axis else 0 for j in range(dim))


def is_zero(weight: Any) -> bool:
    """True for a weight that is plainly zero, so that its derivative need not exist."""
    return concrete(weight) and bool(np.all(np.asarray(weight) == 0))
