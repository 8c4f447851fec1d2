"""The hard cases: a lost cluster, the sample floor at small epsilon, sweeps that raise the loss."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from light_sb_measure import instance, template
from light_sb_rows import Asked

from jaxsci import fit
from jaxsci.bridge import LightBridge, MomentMatching
from jaxsci.bridge._data import Blocks, blocks, check_samples
from jaxsci.bridge._seeding import draw, seed
from jaxsci.bridge._statistics import statistics
from jaxsci.bridge._sweep import guarded_sweeps, matched


def lost_cluster(keys: int, num: int, dim: int = 16) -> dict[str, float]:
    """The worst error over random keys, with one start and no moves, and with the default.

    Args:
        keys: random keys that are tried.
        num: samples a side.
        dim: D, at epsilon 0.1.
    """
    asked = Asked("A", dim, 0.1, 0.0, 0.0)
    case = instance(asked, 0, num)
    bare = MomentMatching(num_starts=1, num_moves=0)

    def errors(method: MomentMatching) -> list[float]:
        fits = [
            fit(template(asked), case.data, method, key=jax.random.key(k), throw=False)
            for k in range(keys)
        ]
        return [case.error(found.value) for found in fits]

    alone, restarted = errors(bare), errors(MomentMatching())
    lost = sum(error > 1 for error in alone)
    return {"bare": max(alone), "default": max(restarted), "lost": lost, "keys": keys}


def sample_floor(nums: tuple[tuple[int, int], ...], dim: int = 2) -> dict[str, float]:
    """The error at epsilon 0.1 for growing numbers of samples, and the loss below the truth's.

    Args:
        nums: samples of the start and of the end.
        dim: D.
    """
    asked = Asked("A", dim, 0.1, 0.0, 0.0)
    found = {}
    for start, end in nums:
        case = instance(asked, 0, max(start, end))
        data = case.data[0][:start], case.data[1][:end]
        solution = fit(template(asked), data, MomentMatching(), key=jax.random.key(0))
        found[f"error_{start}_{end}"] = case.error(solution.value)
        excess = solution.stats["loss"] - case.truth.loss(*data)
        found[f"excess_loss_{start}_{end}"] = float(excess)
    return found


def raised_losses(sweeps: int, num: int = 4000) -> dict[str, Any]:
    """Losses of plain and of guarded sweeps, from five clusters back to one, from a poor start.

    The rotated pair at D = 16 and epsilon 0.1, backwards; centres at samples of the end with the
    shapes of clusters. The first two sweeps raise the loss when nothing guards them.

    Returns:
        Both histories, and for each the largest rise from one entry to the next.
    """
    x1, x0 = instance(Asked("B", 16, 0.1, 0.0, 0.0), 0, num).data
    blank = LightBridge.blank(16, 10, 0.1)
    sides = check_samples("light_sb", (x0, x1), blank)
    clusters = seed(draw(jax.random.key(3), 10, x0.dtype), blank, *sides)
    poor = LightBridge(blank.log_weights, x1[:10], clusters.spread, blank.epsilon)
    plain, guarded = _histories(poor, blocks(sides, num, 1), sweeps)
    rise = lambda history: float(jnp.max(jnp.diff(history)))
    return {
        "plain": [float(loss) for loss in plain],
        "guarded": [float(loss) for loss in guarded],
        "plain_rise": rise(plain),
        "guarded_rise": rise(guarded),
    }


@eqx.filter_jit
def _histories(
    start: LightBridge, data: Blocks, sweeps: int
) -> tuple[Float[Array, " s"], Float[Array, " s"]]:
    every = jnp.asarray(0)

    def plain(model: LightBridge, _: Any) -> tuple[LightBridge, Array]:
        found = statistics(model, data, every)
        return matched(model, found), found.loss

    def guarded(count: Array) -> Array:
        return guarded_sweeps(start, data, every, count, jnp.zeros(())).found.loss

    history = jax.lax.scan(plain, start, None, length=sweeps)[1]
    return history, jax.lax.map(guarded, jnp.arange(1, sweeps + 1))
