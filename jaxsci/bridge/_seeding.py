"""Where moment matching starts: clusters of the end, and moves out of poor ones."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._data import Weighted
from ._model import LightBridge
from ._riccati import bridge_spread
from ._spread import AbstractSpread, Full
from ._statistics import Statistics, mean_and_spread, second_moments

_CANDIDATES = 4
_LLOYD = 10
_WEIGHT_STEPS = 10
_POWER_STEPS = 12
_TINY = 1e-12


def draw(key: Array, num_components: int, dtype: Any) -> Float[Array, "k l"]:
    """The random numbers that `seed` uses up."""
    return jax.random.uniform(key, (num_components, _CANDIDATES), dtype)


def seed(
    draws: Float[Array, "k l"], template: LightBridge, start: Weighted, end: Weighted
) -> LightBridge:
    """A bridge from all of the start to every cluster of the end.

    Args:
        draws: uniform random numbers of `draw`, which decide on the clusters.
        template: K, the kind of shape matrices, epsilon.
        start: some samples at time 0.
        end: some samples at time 1.
    """
    num, full = template.num_components, isinstance(template.spread, Full)
    labels = _clusters(draws, end)
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


def _clusters(draws: Float[Array, "k l"], side: Weighted) -> Float[Array, "k n"]:
    """Greedy k-means++ and Lloyd's iteration; one-hot labels.

    Of the candidates for a center that are drawn the one that explains most is taken: a small
    cluster far away is then found more often.
    """
    points, weights = side.points, side.weights
    squares = jnp.sum(points**2, axis=1)

    def apart(centers: Array) -> Array:
        return jnp.sum(centers**2, axis=1)[:, None] - 2 * centers @ points.T + squares

    def choose(nearest: Array, draw: Array) -> tuple[Array, Array]:
        chances = jnp.cumsum(weights * nearest)
        candidates = points[jnp.sum(chances < draw[:, None] * chances[-1], axis=1)]
        left = jnp.minimum(nearest, jnp.maximum(apart(candidates), 0))
        best = jnp.argmin(left @ weights)
        return left[best], candidates[best]

    far = jnp.broadcast_to(4 * jnp.max(squares) + 1, weights.shape)
    centers = jax.lax.scan(choose, far, draws)[1]
    num = centers.shape[0]
    hot = lambda centers: jax.nn.one_hot(
        jnp.argmin(apart(centers), axis=0), num, axis=0, dtype=points.dtype
    )

    def lloyd(centers, _):
        labels = hot(centers) * weights
        mass = jnp.sum(labels, axis=1)[:, None]
        moved = labels @ points / jnp.where(mass > 0, mass, 1)
        return jnp.where(mass > 0, moved, centers), None

    return hot(jax.lax.scan(lloyd, centers, None, length=_LLOYD)[0])


def split_and_merge(model: LightBridge, found: Statistics, rank: Int[Array, ""]) -> LightBridge:
    """Merge the two components that lose least by it, and split a wide one of the others.

    The merging pair minimises Ward's criterion $m_i m_j |\\mu_i - \\mu_j|^2 / (m_i + m_j)$ of the
    end. Components are ranked by $m_k \\lambda_k$ with the largest eigenvalue of $C_k$, and split
    along its eigenvector: towards a small cluster that a component covers by the way.

    Args:
        model: what to change.
        found: its statistics.
        rank: 0 to split the widest, 1 for the next, and so on.
    """
    end = found.end
    num = model.num_components
    index = jnp.arange(num)
    square = jnp.sum((end.mean[:, None] - end.mean[None]) ** 2, axis=-1)
    share = end.mass[:, None] * end.mass / (end.mass[:, None] + end.mass + _TINY)
    ward = jnp.where(index[:, None] == index, jnp.inf, square * share)
    pair = jnp.argmin(ward)
    first, second = pair // num, pair % num
    others = (index != first) & (index != second)
    variances, directions = _widest(end.spread)
    score = jnp.where(others, end.mass * variances, -jnp.inf)
    place = jnp.sum(score[:, None] < score, axis=1)
    widest = jnp.argmax(place == rank % max(num - 2, 1))
    shift = 0.7 * jnp.sqrt(variances[widest]) * directions[widest]
    # rows of a matrix that makes the new components from the old ones
    unit = lambda k: (index == k).astype(end.mass.dtype)
    weight = end.mass[first] / (end.mass[first] + end.mass[second] + _TINY)
    merged = weight * unit(first) + (1 - weight) * unit(second)
    rows = jnp.diag(others.astype(end.mass.dtype))
    rows = rows + jnp.outer(unit(first), merged) + jnp.outer(unit(second), unit(widest))
    log_weights, centers, spread = jax.tree.map(
        lambda leaf: jnp.tensordot(rows, leaf, 1),
        (model.log_weights, model.centers, model.spread),
    )
    log_weights = log_weights - jnp.log(2.0) * (unit(second) + unit(widest))
    centers = centers + jnp.outer(unit(second) - unit(widest), shift)
    return LightBridge(log_weights, centers, spread, model.epsilon)


def _widest(spread: AbstractSpread) -> tuple[Float[Array, " k"], Float[Array, "k d"]]:
    """Largest eigenvalues and eigenvectors, roughly, by the power method."""

    def step(vectors: Array, _: None) -> tuple[Array, None]:
        turned = spread.mv(vectors)
        return turned / (jnp.linalg.norm(turned, axis=1, keepdims=True) + _TINY), None

    start = jnp.ones(spread.shape, jax.tree.leaves(spread)[0].dtype)
    vectors = jax.lax.scan(step, start, None, length=_POWER_STEPS)[0]
    return jnp.sum(vectors * spread.mv(vectors), axis=1), vectors
