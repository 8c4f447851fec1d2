"""One axis of a tensor-product problem: an orthonormal basis and everything expressed in it.

The features of an axis are orthonormalised in $L^2(-1, 1)$; differentiation, boundary conditions
and projection from the nodes become small matrices. Conditions are eliminated: a function is a
smooth lifting of the boundary data plus an element of the null space of the conditions.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..approx import chebyshev_nodes, clenshaw_curtis_weights
from ._features import FeatureSlots, Interval, feature_jet

_DEPENDENT = 1e-9  # a feature with a smaller part of its own adds rounding, not approximation
_LIFT_DECAY = 1e-2  # weight per degree: the lifting prefers the lowest polynomials


class Axis(eqx.Module):
    """Matrices of one axis; `r` slots, `n` nodes, `m` boundary conditions.

    Attributes:
        slots: the features.
        interval: the axis.
        weights: $W$: the orthonormal functions are `features @ W`.
        evaluate: per order, the derivative at the nodes, `(n, r)`.
        check: per order, the derivative at the fresh points, `(v, r)`.
        differentiate: per order, $\\partial^k$ in coefficients, `(r, r)`.
        project: least-squares coefficients of values at the nodes, `(r, n)`.
        boundary: $B$, rows of unit length, `(m, r)`.
        boundary_norms: what the rows were divided by.
        lift: $E$ with $B E = I$, `(r, m)`.
        null: $Z$, an orthonormal basis of the null space of $B$, `(r, r - m)`.
        test: $\\tilde Z^T$ with $\\tilde Z^T Z = I$, `(r - m, r)`.
        padding: the diagonal of padding, in the coordinates of `null`.
    """

    slots: FeatureSlots
    interval: Interval
    weights: Float[Array, "r r"]
    evaluate: tuple[Float[Array, "n r"], ...]
    check: tuple[Float[Array, "v r"], ...]
    differentiate: tuple[Float[Array, "r r"], ...]
    project: Float[Array, "r n"]
    boundary: Float[Array, "m r"]
    boundary_norms: Float[Array, " m"]
    lift: Float[Array, "r m"]
    null: Float[Array, "r k"]
    test: Float[Array, "k r"]
    padding: Float[Array, " k"]


class AxisData(eqx.Module):
    """What an axis is built from.

    Attributes:
        slots: the features.
        interval: the axis.
        nodes: where the equation is imposed.
        fresh: where it is checked.
        condition_weights: $(a, b)$ of every condition $a u + b u' = g$, shape `(m, 2)`.
        sides: the side of every condition, 0 or 1.
        periodic: whether the sides are identified.
        max_order: the highest derivative in the equation along this axis.
        resolution: Clenshaw-Curtis points that integrate all products of features.
    """

    slots: FeatureSlots
    interval: Interval
    nodes: Float[Array, " n"]
    fresh: Float[Array, " v"]
    condition_weights: Float[Array, "m 2"]
    sides: tuple[int, ...] = eqx.field(static=True)
    periodic: bool = eqx.field(static=True)
    max_order: int = eqx.field(static=True)
    resolution: int = eqx.field(static=True)


def build_axes(data: tuple[AxisData, ...]) -> tuple[Axis, ...]:
    """Assemble all axes; axes of one shape are built by one program."""
    kinds = {(jax.tree.structure(d), tuple(map(jnp.shape, jax.tree.leaves(d)))) for d in data}
    if len(kinds) > 1:
        return tuple(build_axis(each) for each in data)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *data)
    together = jax.lax.map(build_axis, stacked)
    return tuple(jax.tree.map(lambda leaf, j=j: leaf[j], together) for j in range(len(data)))


def build_axis(data: AxisData) -> Axis:
    """Assemble the matrices of one axis."""
    slots, interval, order = data.slots, data.interval, data.max_order
    unit = Interval(-jnp.ones_like(interval.lower), jnp.ones_like(interval.upper))
    dtype = data.nodes.dtype
    quadrature = chebyshev_nodes(-1.0, 1.0, data.resolution).astype(dtype)
    places = [quadrature, interval.to_unit(data.nodes), interval.to_unit(data.fresh)]
    places.append(jnp.asarray([-1.0, 1.0], dtype))
    # one evaluation at all the points keeps the compiled program small
    jet = feature_jet(slots, unit, jnp.concatenate(places), max(order, 1))
    cuts = [quadrature.size, quadrature.size + data.nodes.size]
    cuts.append(cuts[-1] + data.fresh.size)
    parts = [jnp.split(each / interval.half**k, cuts) for k, each in enumerate(jet)]
    fine, at_nodes, at_fresh, at_ends = ([part[i] for part in parts] for i in range(4))
    weights, triangle, differentiate, kept = _orthonormalise(slots, fine)
    evaluate = tuple(each @ weights for each in at_nodes)
    raw = _condition_rows(data, at_ends)
    norms = jnp.linalg.norm(raw @ weights, axis=1)
    raw = raw / norms[:, None]
    boundary = raw @ weights
    null = jnp.linalg.qr(boundary.T, mode="complete")[0][:, boundary.shape[0] :]
    return Axis(
        slots,
        interval,
        weights,
        evaluate,
        tuple(each @ weights for each in at_fresh),
        differentiate,
        _pseudo_inverse(evaluate[0], kept),
        boundary,
        norms,
        _lifting(raw, triangle, boundary),
        null,
        _test_space(data, [each @ weights for each in at_ends], null),
        jnp.einsum("ik,i,ik->k", null, 1 - kept, null),
    )


def _orthonormalise(
    slots: FeatureSlots, jet: list[Array]
) -> tuple[Array, Array, tuple[Array, ...], Array]:
    """QR of the features on a Clenshaw-Curtis grid, and differentiation in the new basis."""
    num, dtype = jet[0].shape[0], jet[0].dtype
    root = jnp.sqrt(clenshaw_curtis_weights(-1.0, 1.0, num).astype(dtype))[:, None]
    values = root * jet[0]
    scale = jnp.linalg.norm(values, axis=0) + (1 - slots.active)
    q, triangle = _full_rank_qr(values / scale, slots.active)
    independent = jnp.abs(jnp.diagonal(triangle)) > _DEPENDENT
    kept = jnp.where(independent, slots.active, 0.0)
    identity = jnp.eye(slots.size, dtype=dtype)
    inverse = jax.scipy.linalg.solve_triangular(triangle, identity)
    weights = inverse / scale[:, None] * kept
    q = root * q * kept
    differentiate = tuple(q.T @ (each @ weights) for each in jet)
    return weights, triangle * scale, differentiate, kept


def _full_rank_qr(values: Array, kept: Array) -> tuple[Array, Array]:
    """QR with a unit row below every empty column, so that R is regular and differentiable."""
    q, r = jnp.linalg.qr(jnp.concatenate([values * kept, jnp.diag(1 - kept)]))
    return q[: values.shape[0]], r


def _pseudo_inverse(values: Array, kept: Array) -> Array:
    """Least-squares coefficients from values at the nodes; zero rows for padding."""
    q, r = _full_rank_qr(values, kept)
    return jax.scipy.linalg.solve_triangular(r, q.T) * kept[:, None]


def _condition_rows(data: AxisData, ends: list[Array]) -> Array:
    """The conditions as rows over the features."""
    if data.periodic:
        return jnp.stack([jnp.diff(ends[k], axis=0)[0] for k in range(data.max_order)])
    rows = [
        a * ends[0][side] + b * ends[1][side]
        for (a, b), side in zip(data.condition_weights, data.sides)
    ]
    return jnp.stack(rows) if rows else jnp.zeros((0, data.slots.size), ends[0].dtype)


def _lifting(raw: Array, triangle: Array, boundary: Array) -> Array:
    """The smoothest functions with unit traces: combinations of the lowest polynomials.

    The band at zero comes first, so that slots 0, 1, ... are Legendre polynomials.
    """
    count = boundary.shape[0]
    if count == 0:
        return boundary.T
    low = raw[:, : count + 2]
    decay = _LIFT_DECAY ** jnp.arange(count + 2).astype(raw.dtype)
    low_lift = decay[:, None] * jnp.linalg.solve(low * decay @ low.T, low).T
    lift = triangle[:, : count + 2] @ low_lift
    return lift @ (2 * jnp.eye(count, dtype=raw.dtype) - boundary @ lift)


def _test_space(data: AxisData, ends: list[Array], null: Array) -> Array:
    """Galerkin, or Petrov-Galerkin if both conditions of an axis are at one side.

    Functions with $u = u' = 0$ at the start are tested with functions with $v = v' = 0$ at the
    end, which makes $\\langle u'', v\\rangle = \\langle u, v''\\rangle$.
    """
    if len(data.sides) < 2 or len(set(data.sides)) > 1:
        return null.T
    other = 1 - data.sides[0]
    rows = jnp.stack([ends[0][other], ends[1][other] * data.interval.half])
    opposite = jnp.linalg.qr(rows.T, mode="complete")[0][:, rows.shape[0] :]
    return jnp.linalg.solve(opposite.T @ null, opposite.T)
