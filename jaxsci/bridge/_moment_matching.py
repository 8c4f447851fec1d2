"""The method `MomentMatching`: light bridges fitted without a learning rate."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from .._core import RESULTS, AbstractMethod, Solution, all_succeeded, concrete, freeze
from ._data import Blocks, Weighted, blocks, check_samples
from ._lbfgs import LBFGS
from ._model import LightBridge
from ._parameters import differentiable, polished
from ._seeding import seed, split_and_merge
from ._sweep import REFUSALS, Sweeps, blank_sweeps, guarded_sweeps

_FEW = 3  # blocks that the search for a start looks at
_START_SWEEPS = 8  # per seed
_COARSE_SWEEPS = 30
_COARSE_RTOL = 1e-4  # in nats: far below the sampling error of so few samples


class MomentMatching(AbstractMethod):
    """$S_k C^x_k S_k + \\varepsilon S_k = C^y_k$, $r_k = \\mu^y_k - S_k\\mu^x_k$, $E q_k = E p_k$.

    At the minimum of the loss of a light bridge every component is the Gaussian bridge between the
    moments that it takes from the two sides. A sweep computes the moments and solves for the
    components in closed form, without a learning rate. A sweep that would raise the loss is
    shortened, and where no length helps L-BFGS goes on (outside `jit` and `vmap`).

    The start is the best of several k-means++ clusterings of the end; then components
    are moved from where two share a cluster to where one spans two, as long as the loss falls.

    The fitted bridge is differentiable in epsilon and in the samples, implicitly.

    Attributes:
        num_starts: clusterings that are tried.
        num_moves: split-and-merge moves that are tried.
        max_sweeps: the most sweeps over all samples.
        block_size: samples that are worked on at a time; the search for a start sees one block.
        rtol: a sweep that lowers the loss by less, in nats, is the last.
        from_model: start from the given model instead of clusters.
        num_newton: Newton steps on all parameters after the sweeps, which stop where the loss has
            no more digits: derivatives of the fit are then good to about six; a step or two, for
            few samples, makes them exact.

    Source: derived from the stationarity conditions of arXiv 2310.01174, equation 8; for one
    component it is the Gaussian Schrödinger bridge of Bunne et al. (2023).
    """

    accepts: ClassVar[tuple[type, ...]] = (LightBridge,)

    num_starts: int = eqx.field(static=True, default=8)
    num_moves: int = eqx.field(static=True, default=2)
    max_sweeps: ArrayLike = 200
    block_size: int = eqx.field(static=True, default=4096)
    rtol: ArrayLike = 1e-6
    from_model: bool = eqx.field(static=True, default=False)
    num_newton: int = eqx.field(static=True, default=0)

    def __check_init__(self):
        for name in ("num_starts", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"MomentMatching: {name} must be at least 1, got {getattr(self, name)}."
                )

    def run(self, problem: tuple[LightBridge, Any], *, key: Array | None = None) -> Solution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if the samples do not fit the model, or no key is given.
        """
        model, data = problem
        start, end = check_samples("MomentMatching", data, model)
        if key is None:
            raise ValueError("MomentMatching: give a random key, for the clusters to start from.")
        settings = (
            self.num_starts,
            self.num_moves,
            self.block_size,
            self.from_model,
            self.num_newton,
        )
        rtol = jnp.asarray(self.rtol, model.centers.dtype)
        found = _fit(model, start, end, key, jnp.asarray(self.max_sweeps), rtol, settings)
        return _rescue(found, (start, end)) if _is_stuck(found) else found


def _is_stuck(found: Solution) -> bool:
    """No step along the match lowers the loss; known on the host only."""
    if not concrete(found.stats["refused"]) or jnp.ndim(found.stats["refused"]):
        return False
    return int(found.stats["refused"]) >= REFUSALS and not all_succeeded(found.result)


def _rescue(found: Solution, data: tuple[Weighted, Weighted]) -> Solution:
    """L-BFGS from where the sweeps have stopped."""
    rescued = LBFGS(from_model=True).run((found.value, data))
    stats = {**found.stats, **rescued.stats}
    return Solution(rescued.value, rescued.result, stats)


@eqx.filter_jit
def _fit(
    model: LightBridge,
    start: Weighted,
    end: Weighted,
    key: Array,
    max_sweeps: Array,
    rtol: Array,
    settings: tuple[int, int, int, bool, int],
) -> Solution:
    """The compiled core: seeds, moves, sweeps, derivatives."""
    num_starts, num_moves, block_size, from_model, num_newton = settings
    frozen, first, second = freeze((model, start, end))
    seeds, order = jax.random.split(key)
    orders = jax.random.split(order)
    # around the origin the quadratic forms lose no digits
    middle = first.weights @ first.points, second.weights @ second.points
    x, y = (
        blocks(k, Weighted(side.points - m, side.weights), block_size, _FEW)
        for k, side, m in zip(orders, (first, second), middle)
    )
    frozen = frozen.shifted(-middle[0], -middle[1])
    num_moves *= model.num_components > 2
    seeded = _seeds(jax.random.split(seeds, num_starts), frozen, x, y, from_model)
    found = _stages(seeded, x, y, num_moves, max_sweeps, rtol)
    fitted = found.model.shifted(*middle)
    fitted = eqx.tree_at(lambda m: m.epsilon, fitted, model.epsilon)
    stats = {
        "loss": found.found.loss + middle[0] @ middle[1] / frozen.epsilon,
        "num_sweeps": found.count,
        "last_gain": found.gain,
        "refused": found.refused,
        "least_mass": jnp.min(found.found.end.mass),
    }
    if num_newton:
        best = polished(freeze(fitted), first, second, num_newton)
        fitted = eqx.tree_at(lambda m: m.epsilon, best, model.epsilon)
    value = differentiable(fitted.normalised(), start, end).normalised()
    return Solution(value, _judge(found, rtol), stats)


def _seeds(
    keys: Array, template: LightBridge, x: Blocks, y: Blocks, from_model: bool
) -> LightBridge:
    """All starts, stacked: clusterings, or the given model."""
    if from_model:
        return jax.tree.map(lambda leaf: leaf[None], template)
    return jax.vmap(lambda key: seed(key, template, x, y))(keys)


class _Plan(eqx.Module):
    """One stage: what it starts from and how far it goes.

    Attributes:
        start: the model to start from; else the best so far, as it is or after a move.
        from_start: start from `start`.
        move: split and merge first.
        few: look at the subset only.
        max_sweeps: the most sweeps.
        rtol: the fall of the loss that ends it.
    """

    start: LightBridge
    from_start: Bool[Array, " s"]
    move: Bool[Array, " s"]
    few: Bool[Array, " s"]
    max_sweeps: Int[Array, " s"]
    rtol: Float[Array, " s"]


def _stages(
    seeds: LightBridge, x: Blocks, y: Blocks, num_moves: int, max_sweeps: Array, rtol: Array
) -> Sweeps:
    """Seeds, the best of them further, moves, and the sweeps over all: one program in a scan."""
    num_seeds = seeds.log_weights.shape[0]
    counts = (num_seeds, 1, num_moves, 1)
    repeat = lambda *values: jnp.repeat(
        jnp.stack(values), jnp.asarray(counts), total_repeat_length=sum(counts)
    )
    yes, no = jnp.asarray(True), jnp.asarray(False)
    brief, long = jnp.asarray(_START_SWEEPS), jnp.asarray(_COARSE_SWEEPS)
    coarse = jnp.maximum(rtol, _COARSE_RTOL)
    rest = sum(counts) - num_seeds
    plan = _Plan(
        jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:1].repeat(rest, 0)]), seeds),
        repeat(yes, no, no, no),
        repeat(no, no, yes, no),
        repeat(yes, yes, yes, no),
        repeat(brief, long, long, max_sweeps),
        repeat(coarse, coarse, coarse, rtol),
    )

    def stage(best: Sweeps, plan: _Plan) -> tuple[Sweeps, None]:
        moved = split_and_merge(best.model, best.found)
        choose = lambda a, b, c: jnp.where(plan.from_start, a, jnp.where(plan.move, b, c))
        model = jax.tree.map(choose, plan.start, moved, best.model)
        swept = guarded_sweeps(model, x, y, plan.few, plan.max_sweeps, plan.rtol)
        rival = plan.from_start | plan.move
        better = ~rival | (swept.found.loss < best.found.loss)
        return jax.tree.map(lambda a, b: jnp.where(better, a, b), swept, best), None

    first = jax.tree.map(lambda leaf: leaf[0], seeds)
    return jax.lax.scan(stage, blank_sweeps(first), plan)[0]


def _judge(sweeps: Sweeps, rtol: Array) -> RESULTS:
    stuck = (sweeps.refused >= REFUSALS) & (sweeps.gain > rtol)
    capped = sweeps.gain > rtol
    result = RESULTS.where(stuck | capped, RESULTS.not_converged, RESULTS.successful)  # pyright: ignore[reportArgumentType]
    finite = jnp.isfinite(sweeps.found.loss)
    return RESULTS.where(finite, result, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
