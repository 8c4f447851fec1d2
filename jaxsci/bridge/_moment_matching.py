"""The method `MomentMatching`: light bridges fitted without a learning rate."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import RESULTS, AbstractMethod, Solution, all_succeeded, concrete, freeze
from ._data import Blocks, Weighted, blocks, check_samples
from ._lbfgs import LBFGS
from ._model import LightBridge
from ._parameters import differentiable, polished
from ._search import COARSE_BLOCKS, search
from ._seeding import draw, seed
from ._streamed import Streamed, check_streamed
from ._streamed_sweep import streamed_sweeps
from ._sweep import REFUSALS, Sweeps

_SEED_SAMPLES, _PER_COMPONENT = 2048, 32  # that clusters are made of, at least
_RTOL = 0.2  # over the number of samples: the noise of one parameter costs 0.5


class MomentMatching(AbstractMethod):
    """$S_k C^x_k S_k + \\varepsilon S_k = C^y_k$, $r_k = \\mu^y_k - S_k\\mu^x_k$, $E q_k = E p_k$.

    At the minimum of the loss of a light bridge every component is the Gaussian bridge between the
    moments that it takes from the two sides. A sweep computes the moments and solves for the
    components in closed form, without a learning rate. A sweep that would raise the loss is
    shortened, and where no length helps L-BFGS goes on (outside `jit` and `vmap`).

    The start is the best of several k-means++ clusterings of the end; then components
    are moved from where two share a cluster to where one spans two, as long as the loss falls.

    The fitted bridge is differentiable in epsilon and in the samples, implicitly. Samples larger
    than memory come as `Streamed`; then nothing is differentiable.

    Attributes:
        num_starts: clusterings that are tried.
        num_moves: split-and-merge moves that are tried.
        max_sweeps: the most sweeps over all samples.
        block_size: samples that are worked on at a time; the search for a start sees twelve blocks.
        rtol: a sweep that lowers the loss by less, in nats, is the last; by default 0.2 over the
            number of samples, less than the noise of a single parameter costs.
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
    block_size: int = eqx.field(static=True, default=1024)
    rtol: ArrayLike | None = None
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
        if key is None:
            raise ValueError("MomentMatching: give a random key, for the clusters to start from.")
        if isinstance(data, tuple) and any(isinstance(side, Streamed) for side in data):
            return self._run_streamed(model, data, key)
        start, end = check_samples("MomentMatching", data, model)
        settings = (
            self.num_starts,
            self.num_moves,
            self.block_size,
            self.from_model,
            self.num_newton,
        )
        rtol = None if self.rtol is None else jnp.asarray(self.rtol, model.centers.dtype)
        found = _fit(model, start, end, key, jnp.asarray(self.max_sweeps), rtol, settings)
        return _rescue(found, (start, end)) if _is_stuck(found) else found

    def _run_streamed(self, model: LightBridge, data: tuple[Any, ...], key: Array) -> Solution:
        """A fit to a part that fits into memory, then sweeps over everything."""
        sides = check_streamed("MomentMatching", data, model)
        few = [side.subset(side.chunk, model.centers.dtype) for side in sides]
        begin = self.run((model, tuple(few)), key=key).value
        middle = jnp.stack([side.weights @ side.points for side in few])
        rtol = _enough(*(1 / side.num for side in sides)) if self.rtol is None else self.rtol
        rtol, most = jnp.asarray(rtol, middle.dtype), jnp.asarray(self.max_sweeps)
        moved = begin.shifted(*-middle)
        found, interrupted = streamed_sweeps(moved, sides, middle, most, rtol, self.block_size)
        result = RESULTS.interrupted if interrupted else _judge(found, rtol)
        value = found.model.shifted(*middle).normalised()
        return Solution(value, result, _stats(found, middle, value.epsilon))


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
    rtol: Array | None,
    settings: tuple[int, int, int, bool, int],
) -> Solution:
    """The compiled core: seeds, moves, sweeps, derivatives."""
    num_starts, num_moves, block_size, from_model, num_newton = settings
    frozen, first, second = freeze((model, start, end))
    data = blocks((first, second), block_size, COARSE_BLOCKS)
    frozen = frozen.shifted(*-data.middle)
    seeds = _seeds(key, frozen, data, num_starts, from_model)
    num_moves *= model.num_components > 2
    if rtol is None:
        rtol = _enough(*(jnp.sum(side.weights**2) for side in (first, second)))
    found = search(seeds, data, num_moves, max_sweeps, rtol)
    fitted = found.model.shifted(*data.middle)
    fitted = eqx.tree_at(lambda m: m.epsilon, fitted, model.epsilon)
    stats = _stats(found, data.middle, frozen.epsilon)
    if num_newton:
        best = polished(freeze(fitted), first, second, num_newton)
        fitted = eqx.tree_at(lambda m: m.epsilon, best, model.epsilon)
    value = differentiable(fitted.normalised(), start, end).normalised()
    return Solution(value, _judge(found, rtol), stats)


def _seeds(
    key: Array, template: LightBridge, data: Blocks, num: int, from_model: bool
) -> LightBridge:
    """All starts, stacked: clusterings of some samples, or the given model."""
    if from_model:
        return jax.tree.map(lambda leaf: leaf[None], template)
    size = max(_SEED_SAMPLES, _PER_COMPONENT * template.num_components)
    x, y = (data.some(side, size) for side in (0, 1))
    draws = draw(key, num * template.num_components, x.weights.dtype)
    each = draws.reshape(num, template.num_components, -1)
    return jax.vmap(lambda one: seed(one, template, x, y))(each)


def _enough(*noise: ArrayLike) -> Float[Array, ""]:
    """The fall of the loss, in nats, that the noise of the samples makes meaningless.

    Args:
        noise: of each side, one over the effective number of samples.
    """
    return _RTOL * jnp.max(jnp.stack([jnp.asarray(part) for part in noise]))


def _stats(found: Sweeps, middle: Array, epsilon: Array) -> dict[str, Array]:
    """Statistics of a fit to data relative to `middle`; the loss is that of the data themselves."""
    start, end = found.found.start, found.found.end
    apart = start.mass @ start.mean @ middle[1] + middle[0] @ (end.mass @ end.mean)
    return {
        "loss": found.found.loss + (middle[0] @ middle[1] + apart) / epsilon,
        "num_sweeps": found.count,
        "last_gain": found.gain,
        "refused": found.refused,
        "least_mass": jnp.min(end.mass),
    }


def _judge(sweeps: Sweeps, rtol: Array) -> RESULTS:
    falling = sweeps.gain > rtol  # stuck or out of sweeps
    result = RESULTS.where(falling, RESULTS.not_converged, RESULTS.successful)  # pyright: ignore[reportArgumentType]
    finite = jnp.isfinite(sweeps.found.loss)
    return RESULTS.where(finite, result, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
