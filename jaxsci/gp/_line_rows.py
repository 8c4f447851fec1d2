"""The rows of the one-dimensional least-squares problem, whitened."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..pde import Observations, SampledPDE, sample_at
from ._features import FeatureSlots, Interval, feature_jet
from ._scales import Scales


class Line(eqx.Module):
    """The data of a fit in one dimension.

    Attributes:
        sampled: the statement at the nodes.
        validation: the statement at independent points, or `None`.
        observations: observations of $u$.
        interval: the domain.
        quadrature: quadrature weights of the nodes.
        scales: the noise levels.
    """

    sampled: SampledPDE
    validation: SampledPDE | None
    observations: tuple[Observations, ...]
    interval: Interval
    quadrature: Float[Array, " n"]
    scales: Scales

    @property
    def max_order(self) -> int:
        """The highest derivative in the equation."""
        return max(o[0] for o in (*self.sampled.orders, *self.sampled.nonlinear_orders))


class Design(eqx.Module):
    """The feature matrices of a fit; they depend on the bands and not on the weights.

    Attributes:
        jet: derivatives of the features at the nodes, by order.
        boundary: right-hand sides and rows of the conditions.
        observed: per group of observations, values, rows and noise.
        active: which slots are features.
    """

    jet: tuple[Float[Array, "n r"], ...]
    boundary: tuple[Float[Array, " m"], Float[Array, "m r"]]
    observed: tuple[tuple[Float[Array, " k"], Float[Array, "k r"], Float[Array, " k"]], ...]
    active: Float[Array, " r"]


def design(line: Line, slots: FeatureSlots) -> Design:
    """Evaluate the features wherever the data are."""
    nodes = line.sampled.axes[0]
    jet = feature_jet(slots, line.interval, nodes, line.max_order)
    observed = tuple(_observed(each, line.interval, slots) for each in line.observations)
    return Design(jet, _boundary(line, slots), observed, slots.active)


def whitened(line: Line, rows: Design, weights: Array) -> tuple[Array, Array]:
    """$\\rho(c)$ and $-\\partial\\rho/\\partial c$, boundary rows first (the heaviest)."""
    scales = line.scales
    data, boundary = rows.boundary
    blocks = [((data - boundary @ weights) / scales.boundary, boundary / scales.boundary)]
    for values, features, noise in rows.observed:
        blocks.append(((values - features @ weights) / noise, features / noise[:, None]))
    residual, jacobian = source_rows(line.sampled, rows.jet, weights)
    blocks.append((residual / scales.noise, jacobian / scales.noise))
    # padding has no data: a unit row keeps the triangular factor regular
    precision = jnp.where(rows.active > 0, 1 / scales.prior, 1.0)
    blocks.append((-precision * weights, jnp.diag(precision)))
    return jnp.concatenate([r for r, _ in blocks]), jnp.concatenate([j for _, j in blocks])


def source_rows(sampled: SampledPDE, jet: tuple[Array, ...], weights: Array) -> tuple[Array, Array]:
    """$f - L\\Phi c - N(\\Phi c)$ and minus its derivative in $c$."""
    jacobian = jnp.zeros_like(jet[0])
    for coefficient, (order,) in zip(sampled.coefficients, sampled.orders):
        jacobian = jacobian + coefficient[..., None] * jet[order]
    residual = sampled.source - jacobian @ weights
    if sampled.nonlinearity is None:
        return residual, jacobian
    values = [jet[order] @ weights for (order,) in sampled.nonlinear_orders]
    residual = residual - sampled.nonlinear_term(*values)
    for position, (order,) in enumerate(sampled.nonlinear_orders):
        jacobian = jacobian + sampled.nonlinear_slope(position, *values)[:, None] * jet[order]
    return residual, jacobian


def _boundary(line: Line, slots: FeatureSlots) -> tuple[Array, Array]:
    """Right-hand sides and feature rows of the conditions at the two ends."""
    ends = jnp.stack([line.interval.lower, line.interval.upper])
    order = max(orders[0] for orders in line.sampled.orders)
    jet = feature_jet(slots, line.interval, ends, max(order - 1, 1))
    if line.sampled.periodic[0]:
        # a derivative's jump is measured in the unit of u
        jumps = [jnp.diff(jet[k], axis=0)[0] * line.interval.half**k for k in range(order)]
        return jnp.zeros(order, ends.dtype), jnp.stack(jumps)
    traces = line.sampled.traces[0]
    if not traces:
        return jnp.zeros(0, ends.dtype), jnp.zeros((0, slots.size), ends.dtype)
    rows = [t.value_weight * jet[0][t.side] + t.slope_weight * jet[1][t.side] for t in traces]
    return jnp.stack([t.data for t in traces]), jnp.stack(rows)


def _observed(
    observed: Observations, interval: Interval, slots: FeatureSlots
) -> tuple[Array, Array, Array]:
    x = observed.flat_points()[:, 0]
    noise = jnp.broadcast_to(observed.noise, observed.values.shape)
    if observed.operator is None:
        rows = feature_jet(slots, interval, x, 0)[0]
    else:
        jet = feature_jet(slots, interval, x, observed.operator.max_orders[0])
        rows = jnp.zeros_like(jet[0])
        for term in observed.operator.terms:
            coefficient = sample_at("observation coefficient", term.coefficient, x[:, None])
            rows = rows + coefficient[:, None] * jet[term.orders[0]]
    return observed.values, observed.reduce(rows), noise


def log_noise_volume(line: Line, num_boundary: int) -> Float[Array, ""]:
    """$\\log\\det$ of the whitening: the sum of the logarithms of all standard deviations."""
    total = line.sampled.source.size * jnp.log(line.scales.noise)
    total = total + num_boundary * jnp.log(line.scales.boundary)
    for observed in line.observations:
        noise = jnp.broadcast_to(observed.noise, observed.values.shape)
        total = total + jnp.sum(jnp.log(noise))
    return total
