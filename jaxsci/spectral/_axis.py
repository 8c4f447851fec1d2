"""The matrices of one dimension, with its boundary conditions eliminated."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..approx import (
    chebyshev_nodes,
    chebyshev_reference,
    clenshaw_curtis_weights,
    fourier_reference,
    periodic_nodes,
)
from ._plan import AxisPlan


class AxisMatrices(eqx.Module):
    """The matrices of one dimension with $n$ nodes, of which $m$ conditions eliminate.

    The mixed coordinates of nodal values $u$ are the $m$ boundary functionals $B u$ followed by
    the values $R u$ at the $n - m$ nodes that are collocation points; $[B; R]$ is invertible.

    Attributes:
        mixed: $[B; R]$.
        extend: its inverse $[E_B, E_R]$.
        full: $D^{(k)}$ by order $k > 0$.
        inner: $M_k = R D^{(k)} E_R$ by order, for unknowns with homogeneous conditions.
    """

    mixed: Float[Array, "n n"]
    extend: Float[Array, "n n"]
    full: dict[int, Float[Array, "n n"]]
    inner: dict[int, Float[Array, "i i"]]


def nodes_of(
    plan: AxisPlan, lower: Float[Array, ""], upper: Float[Array, ""]
) -> Float[Array, " n"]:
    """The nodes that carry the unknowns."""
    points = periodic_nodes if plan.periodic else chebyshev_nodes
    return points(lower, upper, plan.n)


def inner_weights_of(plan: AxisPlan, dtype: jnp.dtype) -> Float[Array, " i"]:
    """Weights of sum 1 that make sums over collocation points integrals, for norms."""
    if plan.periodic:
        weights = jnp.ones(plan.n, dtype)
    else:
        zero = jnp.zeros((), dtype)
        weights = clenshaw_curtis_weights(zero, zero + 1, plan.n)[plan.inner]
    return weights / weights.sum()


def reference_derivatives(
    plan: AxisPlan, orders: tuple[int, ...], dtype: jnp.dtype
) -> dict[int, Float[Array, "n n"]]:
    """$D^{(k)}$ on $[-1, 1]$ (one period $2\\pi$ if periodic) by order $k > 0$, 1 included.

    They depend on counts alone and enter the compiled core as arguments.
    """
    table = fourier_reference if plan.periodic else chebyshev_reference
    return {k: jnp.asarray(table(plan.n, k), dtype) for k in sorted({1, *orders} - {0})}


def reference_inner(plan: AxisPlan, order: int) -> np.ndarray:
    """$M_k$ on $[-1, 1]$, on the host, for a plan that `is_reference`."""
    first, wanted = chebyshev_reference(plan.n, 1), chebyshev_reference(plan.n, order)
    table = np.array([[kind == "value", kind == "slope"] for kind in plan.kinds], float)
    boundary = _functionals(np, plan, table.reshape(-1, 2), first)
    return _inner(plan, wanted, _border(np, plan, boundary)[1])


def axis_matrices(
    plan: AxisPlan,
    length: Float[Array, ""],
    weights: Float[Array, "m 2"],
    reference: dict[int, Float[Array, "n n"]],
) -> AxisMatrices:
    """Build the matrices of one dimension.

    Args:
        plan: its static facts.
        length: the edge length.
        weights: $(a, b)$ of every condition $a u + b u' = g$.
        reference: `reference_derivatives`.

    Returns:
        The matrices, differentiable with respect to the length and the weights.
    """
    scale = (2 * jnp.pi if plan.periodic else 2) / length
    full = {k: matrix * scale**k for k, matrix in reference.items()}
    identity = jnp.eye(plan.n, dtype=full[1].dtype)
    if not plan.sides:
        return AxisMatrices(identity, identity, full, full)
    boundary = _functionals(jnp, plan, weights, full[1])
    inverse, border = _border(jnp, plan, boundary)
    outer = jnp.concatenate([inverse, border], axis=1)
    unit = jnp.eye(plan.num_inner, plan.n, plan.num_conditions, dtype=outer.dtype)
    first = plan.inner.start
    extend = jnp.concatenate([outer[:first], unit, outer[first:]])
    mixed = jnp.concatenate([boundary, identity[plan.inner]])
    return AxisMatrices(mixed, extend, full, {k: _inner(plan, d, border) for k, d in full.items()})


def _functionals(xp: Any, plan: AxisPlan, weights: Any, first: Any) -> Any:
    """$B$: one row $a\\,e + b\\,e D$ per condition, with $e$ the unit vector of its end."""
    ends = [(plan.n - 1) * side for side in plan.sides]
    value = np.eye(plan.n)[ends]
    slope = xp.stack([first[end] for end in ends]) if ends else value
    return weights[:, :1] * xp.asarray(value, weights.dtype) + weights[:, 1:] * slope


def _border(xp: Any, plan: AxisPlan, boundary: Any) -> tuple[Any, Any]:
    """Outer values from the others, $u_o = B_o^{-1}(g - B_i u_i)$: $B_o^{-1}$, $-B_o^{-1} B_i$."""
    inner = plan.inner
    outer = xp.concatenate([boundary[:, : inner.start], boundary[:, inner.stop :]], axis=1)
    inverse = _small_inverse(xp, outer)
    return inverse, -inverse @ boundary[:, inner]


def _small_inverse(xp: Any, matrix: Any) -> Any:
    """By cofactors up to size 2, which compiles at once."""
    if matrix.shape[0] > 2:
        return xp.linalg.inv(matrix)
    if matrix.shape[0] == 1:
        return 1 / matrix
    (a, b), (c, d) = matrix
    return xp.stack([xp.stack([d, -b]), xp.stack([-c, a])]) / (a * d - b * c)


def _inner(plan: AxisPlan, matrix: Any, border: Any) -> Any:
    """$R D E_R$: what is left of a matrix when the outer values are eliminated."""
    rows, inner = matrix[plan.inner], plan.inner
    before = rows[:, : inner.start] @ border[: inner.start]
    after = rows[:, inner.stop :] @ border[inner.start :]
    return rows[:, inner] + before + after
