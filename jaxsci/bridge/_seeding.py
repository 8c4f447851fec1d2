"""Where moment matching starts: clusters of the end, and moves out of poor ones."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._data import Blocks
from ._model import LightBridge
from ._riccati import bridge_spread
from ._spread import AbstractSpread, Diagonal, Full
from ._statistics import Moments, Statistics, block_sums

_LLOYD = 10
_WEIGHT_STEPS = 30
_TINY = 1e-12


def seed(key: Array, template: LightBridge, start: Blocks, end: Blocks) -> LightBridge:
    """A bridge from all of the start to every cluster of the end, by the first block of each.

    Args:
        key: decides on the clusters.
        template: K, the kind of shape matrices, epsilon.
        start: samples at time 0.
        end: samples at time 1.
    """
    x, x_weights = start.points[0], start.weights[0]
    y, y_weights = end.points[0], end.weights[0]
    full = isinstance(template.spread, Full)
    labels = _clusters(key, y, y_weights, template.num_components)
    target = _moments(jnp.log(labels + _TINY), y, y_weights, full)
    source = _moments(jnp.zeros_like(labels[:1]).repeat(x.shape[0], 0), x, x_weights, full)
    floor = 1e-3 * jnp.mean(jnp.diagonal(target.spread.dense(), axis1=1, axis2=2))
    spread = bridge_spread(source.spread, target.spread.affine(1.0, floor), template.epsilon)
    centers = target.mean - spread.mv(source.mean)
    model = LightBridge(jnp.log(target.mass + _TINY), centers, spread, template.epsilon)
    return _with_masses(model, x, x_weights, target.mass)


def _moments(terms: Array, points: Array, weights: Array, full: bool) -> Moments:
    total, log_sum, mass, first, second, overlap = block_sums(terms, points, weights, full)
    mean = first / mass[:, None]
    kind = Full if full else Diagonal
    outer = mean[:, :, None] * mean[:, None, :] if full else mean**2
    variance = second / mass.reshape(-1, *[1] * (second.ndim - 1)) - outer
    return Moments(mass / total, mean, kind(variance), overlap / total, log_sum / total)


def _with_masses(model: LightBridge, x: Array, weights: Array, masses: Array) -> LightBridge:
    """Weights by Sinkhorn's iteration on K numbers, with all shapes held."""
    terms = model.normaliser_terms(x) - model.log_weights
    weights = weights / jnp.sum(weights)

    def step(log_weights, _):
        found = weights @ jax.nn.softmax(terms + log_weights, axis=1)
        change = jnp.log(masses + _TINY) - jnp.log(found + _TINY)
        return log_weights + change, None

    start = model.log_weights - weights @ terms
    log_weights = jax.lax.scan(step, start, None, length=_WEIGHT_STEPS)[0]
    return LightBridge(log_weights, model.centers, model.spread, model.epsilon)


def _clusters(key: Array, points: Array, weights: Array, num: int) -> Float[Array, "n k"]:
    """k-means++ and Lloyd's iteration; one-hot labels."""
    distances = lambda centers: jnp.sum((points[:, None] - centers) ** 2, axis=-1)

    def choose(nearest, key):
        chance = jnp.log(weights * nearest + 1e-30)
        center = points[jax.random.categorical(key, chance)]
        return jnp.minimum(nearest, jnp.sum((points - center) ** 2, axis=1)), center

    keys = jax.random.split(key, num)
    centers = jax.lax.scan(choose, jnp.full_like(weights, 1e30), keys)[1]
    hot = lambda centers: jax.nn.one_hot(
        jnp.argmin(distances(centers), axis=1), num, dtype=points.dtype
    )

    def lloyd(centers, _):
        labels = hot(centers) * weights[:, None]
        mass = jnp.sum(labels, axis=0)[:, None]
        moved = labels.T @ points / jnp.where(mass > 0, mass, 1)
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
    square = jnp.sum((end.mean[:, None] - end.mean[None]) ** 2, axis=-1)
    share = end.mass[:, None] * end.mass / (end.mass[:, None] + end.mass + _TINY)
    ward = jnp.where(jnp.eye(num, dtype=bool), jnp.inf, square * share)
    first, second = jnp.unravel_index(jnp.argmin(ward), ward.shape)
    variances = jnp.diagonal(end.spread.dense(), axis1=1, axis2=2)
    paired = jnp.zeros(num, bool).at[first].set(True).at[second].set(True)
    widest = jnp.argmax(jnp.where(paired, -jnp.inf, end.mass * jnp.sum(variances, axis=1)))
    axis = jnp.argmax(variances[widest])
    shift = jnp.zeros_like(model.centers[0]).at[axis].set(0.7 * jnp.sqrt(variances[widest, axis]))
    weight = end.mass[first] / (end.mass[first] + end.mass[second] + _TINY)
    blend = lambda leaf: weight * leaf[first] + (1 - weight) * leaf[second]

    def rearrange(leaf):
        return leaf.at[first].set(blend(leaf)).at[second].set(leaf[widest])

    centers = rearrange(model.centers)
    centers = centers.at[second].add(shift).at[widest].add(-shift)
    log_weights = rearrange(model.log_weights)
    log_weights = log_weights.at[second].add(-jnp.log(2.0)).at[widest].add(-jnp.log(2.0))
    spread: AbstractSpread = jax.tree.map(rearrange, model.spread)
    return LightBridge(log_weights, centers, spread, model.epsilon)
