"""Moment matching: every component becomes the Gaussian bridge between its own moments."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._data import Blocks
from ._model import LightBridge
from ._riccati import bridge_spread
from ._spread import AbstractSpread, Diagonal, Full
from ._statistics import Moments, Statistics, statistics

_LOST = 1e-10  # a component of a smaller mass keeps its shape: it has no moments
_FLAT = 1e-8  # least variance of a component, relative to the mean variance and to epsilon
_ROUNDING = 1e-14  # relative: no covariance is more certain than that
_SHORTEN = 0.3
_SLOW, _LENGTHEN, _LONGEST = 0.5, 1.6, 12.0
REFUSALS = 6


def matched(model: LightBridge, found: Statistics) -> LightBridge:
    """The stationarity conditions of the loss, solved for each component with posteriors held.

    $S_k C^x_k S_k + \\varepsilon S_k = C^y_k$ and $r_k = \\mu^y_k - S_k\\mu^x_k$, with weights that
    keep $E_{p_k}\\log$ of the component's share of the normaliser: without that, a change of $S_k$
    alone would swing the masses by factors of $e^{x^T \\delta S x/2\\varepsilon}$. Then the
    masses themselves are matched by one Newton step on the weights.
    """
    start, end = found.start, found.end
    alive = (start.mass > _LOST) & (end.mass > _LOST)
    target = _regular(end.spread, model.epsilon)
    spread = bridge_spread(start.spread, target, model.epsilon)
    centers = end.mean - spread.mv(start.mean)
    spread, centers = _where(alive, (spread, centers), (model.spread, model.centers))
    before = _mean_exponent(model.spread, model.centers, found)
    after = _mean_exponent(spread, centers, found)
    log_weights = model.log_weights + (before - after) / (2 * model.epsilon)
    return LightBridge(log_weights + _mass_step(found), centers, spread, model.epsilon)


def _mean_exponent(spread: AbstractSpread, centers: Array, found: Statistics) -> Float[Array, " k"]:
    """$E_{p_k}[x^T S_k x + 2 r_k^T x]$."""
    mean = found.start.mean
    start = found.start.spread
    if isinstance(spread, Diagonal) and isinstance(start, Diagonal):
        trace = jnp.sum(spread.values * start.values, axis=1)
    else:
        trace = jnp.einsum("kde,ked->k", spread.dense(), start.dense())
    return trace + jnp.sum(mean * (spread.mv(mean) + 2 * centers), axis=1)


def _mass_step(found: Statistics) -> Float[Array, " k"]:
    """$\\delta\\log\\alpha = (\\nabla^2 E\\log c)^{-1} (E q - E p)$, at most a factor of four."""
    mass = found.start.mass
    num = mass.shape[0]
    hessian = jnp.diag(mass) - found.start.overlap + jnp.outer(mass, mass)
    ridge = 1e-9 + 8 * jnp.finfo(mass.dtype).eps
    factor = jax.scipy.linalg.cho_factor(hessian + ridge * jnp.eye(num, dtype=mass.dtype))
    step = jax.scipy.linalg.cho_solve(factor, found.end.mass - mass)
    return jnp.clip(step - jnp.mean(step), -1.4, 1.4)


def _regular(spread: AbstractSpread, epsilon: Array) -> AbstractSpread:
    """Columns that do not vary get a variance that is nothing beside the others."""
    if isinstance(spread, Diagonal):
        return Diagonal(jnp.maximum(spread.values, _FLAT * (jnp.mean(spread.values) + epsilon)))
    matrices = spread.dense()
    variances = jnp.diagonal(matrices, axis1=1, axis2=2)
    size = jnp.mean(variances) + epsilon
    lift = jnp.maximum(_FLAT * size - variances, _ROUNDING * size)
    return Full(matrices + jax.vmap(jnp.diag)(lift))


def _where(alive: Array, new, old):
    choose = lambda a, b: jnp.where(alive.reshape(-1, *[1] * (a.ndim - 1)), a, b)
    return jax.tree.map(choose, new, old)


def between(first: LightBridge, second: LightBridge, length: Array) -> LightBridge:
    """The straight line between two models; shape matrices stay positive on it."""
    blend = lambda a, b: a + length * (b - a)
    return jax.tree.map(blend, first, second)


class Sweeps(eqx.Module):
    """Where the guarded iteration stands.

    Attributes:
        model: the best model.
        found: its statistics.
        length: how far the next trial goes towards its match.
        gain: what the last accepted sweep took off the loss.
        refused: trials in a row that did not lower the loss.
        count: trials in all.
    """

    model: LightBridge
    found: Statistics
    length: Float[Array, ""]
    gain: Float[Array, ""]
    refused: Array
    count: Array


def guarded_sweeps(
    model: LightBridge, data: Blocks, few: Array, max_sweeps: Array, rtol: Array
) -> Sweeps:
    """Sweep until the loss stands still.

    Args:
        model: where to start.
        data: samples of both sides.
        few: how many blocks of the subset to look at; 0 for all samples.
        max_sweeps: the most trials.
        rtol: the fall of the loss, in units of one nat, that counts as standing still.

    Returns:
        The last state; `REFUSALS` in a row mean that no step along the match lowers the loss.
    """

    def step(state: Sweeps) -> Sweeps:
        trial = proposed(state)
        return advanced(state, trial, statistics(trial, data, few))

    go_on = lambda state: unfinished(state, max_sweeps, rtol)
    return jax.lax.while_loop(go_on, step, blank_sweeps(model))


def unfinished(state: Sweeps, max_sweeps: Array, rtol: Array) -> Bool[Array, ""]:
    """Whether to sweep on."""
    return (state.count < max_sweeps) & (state.refused < REFUSALS) & (state.gain > rtol)


def proposed(state: Sweeps) -> LightBridge:
    """The model to look at next: the first itself, then a step towards the match."""
    target = matched(state.model, state.found)
    trial = between(state.model, target, state.length)
    return jax.tree.map(lambda a, b: jnp.where(state.count == 0, a, b), state.model, trial)


def advanced(state: Sweeps, trial: LightBridge, found: Statistics) -> Sweeps:
    """The next state, given the proposed model and its statistics.

    A proposal that raises the loss is refused and the next step is shorter; where the loss falls
    slowly the next step goes beyond the match (over-relaxation).
    """
    fall = state.found.loss - found.loss
    rounding = 100 * jnp.finfo(fall.dtype).eps * (1 + jnp.abs(found.loss))
    better = (state.count == 0) | (fall >= -rounding)  # false for NaN
    count, none = state.count + 1, jnp.zeros_like(state.refused)
    slow = fall > _SLOW * state.gain
    longer = jnp.where(slow, jnp.minimum(_LENGTHEN * state.length, _LONGEST), 1.0)
    taken = Sweeps(trial, found, longer, fall, none, count)
    shorter = jnp.where(state.length > 1, 1.0, _SHORTEN * state.length)
    kept = Sweeps(state.model, state.found, shorter, state.gain, state.refused + 1, count)
    return jax.lax.cond(better, lambda: taken, lambda: kept)


def blank_sweeps(model: LightBridge) -> Sweeps:
    """Before the first look at the samples: an infinite loss, and nothing known."""
    num = model.num_components
    zeros = jax.tree.map(jnp.zeros_like, model)
    infinite = jnp.full_like(model.epsilon, jnp.inf)
    nothing = Moments(
        zeros.log_weights,
        zeros.centers,
        zeros.spread,
        jnp.zeros((num, num), infinite.dtype),
        infinite,
    )
    found = eqx.tree_at(lambda s: s.end.log_sum, Statistics(nothing, nothing), zeros.epsilon)
    return Sweeps(model, found, jnp.ones_like(infinite), infinite, jnp.asarray(0), jnp.asarray(0))
