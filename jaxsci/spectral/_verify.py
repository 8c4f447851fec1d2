"""How well a candidate satisfies the equation, at its own nodes and where it was not asked to."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import Orders
from ._discrete import Discrete
from ._operator import Tensor, differentiate
from ._plan import Plan
from ._sample import Samples, cardinals


def residuals(
    plan: Plan,
    samples: Samples,
    discrete: Discrete,
    unknown: Tensor,
    nodal: Tensor,
    weights: Tensor,
) -> dict[str, Float[Array, ""]]:
    """Relative root mean squares of the three residuals.

    The equation is measured against the sum of the moduli of its terms, a boundary condition
    against its terms taken over the whole domain.

    Args:
        plan: the static facts.
        samples: the problem on nodes and validation grid.
        discrete: the discrete problem.
        unknown: the solution at the collocation points.
        nodal: the solution at the nodes.
        weights: norm weights of the collocation points.

    Returns:
        `node_residual`, `validation_residual`, `boundary_residual`.
    """
    check = samples.check
    jet = _Jet(plan, samples, discrete, nodal)
    derivatives = [jet(orders) for orders in check.orders]
    linear = [c * value for c, value in zip(check.coefficients, derivatives)]
    nonlinear = check.nonlinear_term(*(jet(orders) for orders in check.nonlinear_orders))
    terms = [*linear, nonlinear, -check.source]
    scale = _rms(jnp.asarray(sum(jnp.abs(term) for term in terms)))
    node = jnp.sqrt((weights * discrete.residual(unknown) ** 2).sum())
    return {
        "node_residual": _ratio(node, scale),
        "validation_residual": _ratio(_rms(jnp.asarray(sum(terms))), scale),
        "boundary_residual": _boundary(plan, samples, jet),
    }


class _Jet:
    """Derivatives of the interpolant on the validation grid.

    Differentiating at the nodes first and interpolating then needs no product of two matrices.
    """

    def __init__(self, plan: Plan, samples: Samples, discrete: Discrete, nodal: Tensor):
        self.plan, self.nodal = plan, nodal
        self.full = [axis.full for axis in discrete.axes]
        self.interpolate = [
            cardinals(plan, samples.domain, axis, x, 0) for axis, x in enumerate(samples.check.axes)
        ]

    def __call__(self, orders: Orders) -> Tensor:
        return along_all(self.interpolate, differentiate(self.nodal, orders, self.full))

    def on_side(self, axis: int, side: int, order: int) -> Tensor:
        """The solution, or its slope across the side, on the validation points of a side."""
        orders = tuple(order * (j == axis) for j in range(self.plan.dim))
        derivative = differentiate(self.nodal, orders, self.full)
        face = jnp.take(derivative, -side, axis=axis)  # the nodes hold both ends
        return along_all(self.interpolate[:axis] + self.interpolate[axis + 1 :], face)


def _boundary(plan: Plan, samples: Samples, jet: _Jet) -> Float[Array, ""]:
    worst = jnp.zeros((), jet.nodal.dtype)
    size = _rms(jet((0,) * plan.dim))
    for axis in range(plan.dim):
        slope_orders = tuple(int(j == axis) for j in range(plan.dim))
        for trace, kind in zip(samples.check.traces[axis], plan.axes[axis].kinds):
            value = trace.value_weight * jet.on_side(axis, trace.side, 0)
            scale = jnp.abs(trace.value_weight) * size + _rms(trace.data)
            if kind != "value":
                value = value + trace.slope_weight * jet.on_side(axis, trace.side, 1)
                scale = scale + jnp.abs(trace.slope_weight) * _rms(jet(slope_orders))
            worst = jnp.maximum(worst, _ratio(_rms(value - trace.data), scale))
    return worst


def _rms(tensor: Tensor) -> Float[Array, ""]:
    return jnp.sqrt((tensor**2).mean())


def _ratio(part: Float[Array, ""], whole: Float[Array, ""]) -> Float[Array, ""]:
    """`part / whole`, where nothing of nothing is nothing."""
    return jnp.where(part == 0, 0, part / jnp.where(whole == 0, 1, whole))
