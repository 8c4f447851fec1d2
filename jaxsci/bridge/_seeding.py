"""Where moment matching starts: clusters of the end, and moves out of poor ones."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._data import Weighted
from ._model import LightBridge
from ._riccati import bridge_spread
from ._spread import AbstractSpread, Full
from ._statistics import Statistics, mean_and_spread, second_moments

_LLOYD = 10
_WEIGHT_STEPS = 10
_TINY = 1e-12


def seed(
    draws: Float[Array, " k"], template: LightBridge, start: Weighted, end: Weighted
) -> LightBridge:
    """A bridge from all of the start to every cluster of the end.

    Args:
        draws: uniform random numbers, which decide on the clusters.
        template: K, the kind of shape matrices, epsilon.
        start: some samples at time 0.
        end: some samples at time 1.
    """
    num, full = template.num_components, isinstance(template.spread, Full)
    labels = _clusters(draws, end, num)
    masses, means, target = _moments(labels, end, full)
    _, middle, whole = _moments(jnp.ones_like(start.weights[None]), start, full)
    floor = 1e-3 * jnp.mean(jnp.diagonal(target.dense(), axis1=1, axis2=2))
    source: AbstractSpread = jax.tree.map(lambda leaf: leaf.repeat(num, 0), whole)
    spread = bridge_spread(source, target.affine(1.0, floor), template.epsilon)
    centers = means - spread.mv(jnp.broadcast_to(middle, means.shape))
    model = LightBridge(jnp.log(masses + _TINY), centers, spread, template.epsilon)
    return _with_masses(model, start, masses)


def _moments(
    labels: Float[Array, "k n"], side: Weighted, full: bool
) -> tuple[Array, Array, AbstractSpread]:
    weighted = labels * side.weights
    mass = jnp.sum(weighted, axis=1)
    second = second_moments(weighted, side.points, full)
    return mass, *mean_and_spread(mass, weighted @ side.points, second)


def _with_masses(model: LightBridge, start: Weighted, masses: Array) -> LightBridge:
    """Weights by Sinkhorn's iteration on K numbers, with all shapes held."""
    terms = model.normaliser_exponents()(start.points) - model.log_weights[:, None]

    def step(log_weights, _):
        found = jax.nn.softmax(terms + log_weights[:, None], axis=0) @ start.weights
        change = jnp.log(masses + _TINY) - jnp.log(found + _TINY)
        return log_weights + change, None

    begin = model.log_weights - terms @ start.weights
    log_weights = jax.lax.scan(step, begin, None, length=_WEIGHT_STEPS)[0]
    return LightBridge(log_weights, model.centers, model.spread, model.epsilon)


def _clusters(draws: Float[Array, " k"], side: Weighted, num: int) -> Float[Array, "k n"]:
    """k-means++ and Lloyd's iteration; one-hot labels."""
    points, weights = side.points, side.weights
    squares = jnp.sum(points**2, axis=1)

    def choose(nearest, draw):
        chances = jnp.cumsum(weights * nearest)
        center = points[jnp.sum(chances < draw * chances[-1])]
        return jnp.minimum(nearest, jnp.sum((points - center) ** 2, axis=1)), center

    centers = jax.lax.scan(choose, jnp.ones_like(weights), draws)[1]

    def hot(centers):
        apart = jnp.sum(centers**2, axis=1)[:, None] - 2 * centers @ points.T + squares
        return jax.nn.one_hot(jnp.argmin(apart, axis=0), num, axis=0, dtype=points.dtype)

    def lloyd(centers, _):
        labels = hot(centers) * weights
        mass = jnp.sum(labels, axis=1)[:, None]
        moved = labels @ points / jnp.where(mass > 0, mass, 1)
        return jnp.where(mass > 0, moved, centers), None

    return hot(jax.lax.scan(lloyd, centers, None, length=_LLOYD)[0])


def split_and_merge(model: LightBridge, found: Statistics) -> LightBridge:
    """Merge the two components that lose least by it, and split the widest of the others.

    The merging pair minimises Ward's criterion $m_i m_j |\\mu_i - \\mu_j|^2 / (m_i + m_j)$ of the
    end; the component with the largest $m_k \\operatorname{tr} C_k$ is split along the coordinate
    in which it is widest.
    """
    end = found.end
    num = model.num_components
    index = jnp.arange(num)
    square = jnp.sum((end.mean[:, None] - end.mean[None]) ** 2, axis=-1)
    share = end.mass[:, None] * end.mass / (end.mass[:, None] + end.mass + _TINY)
    ward = jnp.where(index[:, None] == index, jnp.inf, square * share)
    pair = jnp.argmin(ward)
    first, second = pair // num, pair % num
    variances = jnp.diagonal(end.spread.dense(), axis1=1, axis2=2)
    others = (index != first) & (index != second)
    widest = jnp.argmax(jnp.where(others, end.mass * jnp.sum(variances, axis=1), -jnp.inf))
    deviation = jnp.sqrt(variances[widest])
    shift = jnp.where(deviation == jnp.max(deviation), 0.7 * deviation, 0)
    # rows of a matrix that makes the new components from the old ones
    unit = lambda k: (index == k).astype(end.mass.dtype)
    weight = end.mass[first] / (end.mass[first] + end.mass[second] + _TINY)
    merged = weight * unit(first) + (1 - weight) * unit(second)
    rows = jnp.diag(others.astype(end.mass.dtype))
    rows = rows + jnp.outer(unit(first), merged) + jnp.outer(unit(second), unit(widest))
    leaves = jax.tree.map(
        lambda leaf: jnp.tensordot(rows, leaf, 1),
        (model.log_weights, model.centers, model.spread),
    )
    log_weights, centers, spread = leaves
    halves = unit(second) + unit(widest)
    sides = jnp.outer(unit(second) - unit(widest), shift)
    log_weights = log_weights - jnp.log(2.0) * halves
    return LightBridge(log_weights, centers + sides, spread, model.epsilon)
