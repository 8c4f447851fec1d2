"""The search for the best bridge: seeds, the best of them further, moves, all samples."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._data import Blocks
from ._model import LightBridge
from ._seeding import split_and_merge
from ._statistics import statistics
from ._sweep import Sweeps, advanced, blank_sweeps, proposed, unfinished

_SEED_TRIALS, _COARSE_TRIALS = 4, 30
_SEED_BLOCKS, COARSE_BLOCKS = 4, 12
_COARSE_RTOL = 1e-4  # in nats: far below the sampling error of so few samples


class _Plan(eqx.Module):
    """All stages, one entry each: what a stage starts from and how far it goes.

    Attributes:
        seed: which seed it starts from; where negative, the best so far.
        move: split and merge first: 1 for the widest component, 2 for the next; 0 for none.
        few: blocks of the subset that it looks at; 0 for all samples.
        max_sweeps: the most trials.
        rtol: the fall of the loss that ends it.
    """

    seed: Int[Array, " s"]
    move: Int[Array, " s"]
    few: Int[Array, " s"]
    max_sweeps: Int[Array, " s"]
    rtol: Float[Array, " s"]

    def at(self, stage: Array) -> "_Plan":
        """One stage; the last, after the end."""
        last = self.seed.shape[0] - 1
        return jax.tree.map(lambda leaf: leaf[jnp.minimum(stage, last)], self)


class _State(eqx.Module):
    """Attributes: the stage, where it stands, and the best of the stages before."""

    stage: Int[Array, ""]
    now: Sweeps
    best: Sweeps


def search(
    seeds: LightBridge, data: Blocks, num_moves: int, max_sweeps: Array, rtol: Array
) -> Sweeps:
    """Every stage in one loop, whose body looks at the samples once.

    Under `vmap` each element goes on to its next stage at once, instead of waiting in every stage
    for the slowest; and the program holds one copy of everything.

    Args:
        seeds: models to start from, stacked.
        data: samples of both sides.
        num_moves: split-and-merge moves that are tried.
        max_sweeps: the most sweeps over all samples.
        rtol: the fall of the loss, in nats, that counts as standing still.
    """
    plan = _plan(seeds.log_weights.shape[0], num_moves, max_sweeps, rtol)
    first = jax.tree.map(lambda leaf: leaf[0], seeds)

    def begin(stage: _Plan, best: Sweeps) -> Sweeps:
        moved = split_and_merge(best.model, best.found, stage.move - 1)
        seeded = jax.tree.map(lambda leaf: leaf[jnp.maximum(stage.seed, 0)], seeds)
        choose = lambda a, b, c: jnp.where(stage.seed >= 0, a, jnp.where(stage.move > 0, b, c))
        return blank_sweeps(jax.tree.map(choose, seeded, moved, best.model))

    def step(state: _State) -> _State:
        here = plan.at(state.stage)
        trial = proposed(state.now)
        swept = advanced(state.now, trial, statistics(trial, data, here.few))
        over = ~unfinished(swept, here.max_sweeps, here.rtol)
        rival = (here.seed >= 0) | (here.move > 0)
        better = over & (~rival | (swept.found.loss < state.best.found.loss))
        best = jax.lax.cond(better, lambda: swept, lambda: state.best)
        stage = jnp.where(over, state.stage + 1, state.stage)
        fresh = lambda: begin(plan.at(stage), best)
        return _State(stage, jax.lax.cond(over, fresh, lambda: swept), best)

    count = plan.seed.shape[0]
    start = _State(jnp.zeros_like(plan.seed[0]), blank_sweeps(first), blank_sweeps(first))
    return jax.lax.while_loop(lambda state: state.stage < count, step, start).best


def _plan(num_seeds: int, num_moves: int, max_sweeps: Array, rtol: Array) -> _Plan:
    counts = (num_seeds, 1, num_moves, 1)
    fixed = lambda *values: np.repeat(np.asarray(values), counts)
    few = fixed(_SEED_BLOCKS, COARSE_BLOCKS, COARSE_BLOCKS, 0)
    trials = fixed(_SEED_TRIALS, _COARSE_TRIALS, _COARSE_TRIALS, 0)
    index = np.arange(sum(counts))
    return _Plan(
        jnp.asarray(np.where(index < num_seeds, index, -1)),
        jnp.asarray(fixed(0, 0, 1, 0) * (index - num_seeds)),
        jnp.asarray(few),
        jnp.where(few == 0, max_sweeps, trials),
        jnp.where(few == 0, rtol, jnp.maximum(rtol, _COARSE_RTOL)),
    )
