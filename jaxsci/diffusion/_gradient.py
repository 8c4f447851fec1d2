"""Schedules improved by gradients: first their times, then all their coefficients."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PyTree

from .._core import AbstractIterativeMethod, adam, falling_rate, freeze
from ._candidates import candidates
from ._derived import take
from ._lanes import map_lanes
from ._report import SearchSolution, report_search
from ._schedule import Schedule
from ._search import ScheduleSearch
from ._times import log_steps, with_log_steps

# for each start, all that is changed in one row: Adam is then one small program
Parameters = Float[Array, "k p"]
_PATIENCE = 20


class _State(eqx.Module):
    """All starts side by side, with the best that each has seen."""

    parameters: Parameters
    offset: Float[Array, "k n ..."]
    optimiser: PyTree
    count: Array
    best: Parameters
    loss: Float[Array, " k"]
    damping: Float[Array, " k"]
    waited: Int[Array, " k"]


class _Data(eqx.Module):
    problem: ScheduleSearch
    starts: Schedule


class AbstractGradientSearch(AbstractIterativeMethod):
    """Adam through the sampler, from several schedules at once; the best of them is kept.

    Rates fall to zero along half a cosine. A start that has not improved for twenty steps goes back
    to its best and halves its rate: how rough the loss is differs from schedule to schedule. Each
    step of the sampler is checkpointed.
    """

    accepts: ClassVar[tuple[type, ...]] = (ScheduleSearch,)
    fields: eqx.AbstractClassVar[tuple[str, ...]]

    learning_rate: eqx.AbstractVar[ArrayLike]
    max_steps: eqx.AbstractVar[int]
    num_starts: eqx.AbstractVar[int]
    start: eqx.AbstractVar[Schedule | None]
    radius: eqx.AbstractVar[ArrayLike | None]

    def init(self, problem: Any, key: Array | None) -> tuple[_Data, _State]:
        """See `AbstractIterativeMethod.init`: the teacher is run, the best starts are chosen."""
        problem = problem.prepared()
        starts = best_starts(problem, self.start, self.num_starts)
        parameters = jax.vmap(lambda one: _packed(one, self.fields))(starts)
        shape = (starts.live.shape[0], *problem.train.shape) if self.radius is not None else (0,)
        offset = jnp.zeros(shape, problem.train.dtype)
        optimiser = _adam(problem).init((parameters, offset))  # pyright: ignore[reportArgumentType]
        worst = jnp.full(starts.live.shape[0], jnp.inf, problem.train.dtype)
        count, waited = jnp.zeros((), jnp.int32), jnp.zeros(worst.shape, jnp.int32)
        return _Data(problem, starts), _State(
            parameters, offset, optimiser, count, parameters, worst, jnp.ones_like(worst), waited
        )

    def step(self, data: _Data, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        pair = state.parameters, state.offset
        losses, slopes = self._losses_and_slopes(data, pair)
        moves, optimiser = _adam(data.problem).update(slopes, state.optimiser, pair)
        better = losses < state.loss
        best = jnp.where(better[:, None], state.parameters, state.best)
        waited = jnp.where(better, 0, state.waited + 1)
        stuck = waited >= _PATIENCE
        damping = jnp.where(stuck, state.damping / 2, state.damping)
        rate = falling_rate(self.learning_rate, state.count, self.max_steps, losses.dtype)
        moved = state.parameters + rate * damping[:, None] * moves[0]
        parameters = jnp.where(stuck[:, None], best, moved)
        offset = state.offset + rate * moves[1]
        offset = self._inside(data.problem, offset)
        least, waited = jnp.minimum(losses, state.loss), jnp.where(stuck, 0, waited)
        return _State(parameters, offset, optimiser, state.count + 1, best, least, damping, waited)

    def done(self, data: _Data, state: _State) -> Array:
        """See `AbstractIterativeMethod.done`."""
        return jnp.asarray(False)

    def finish(self, problem: Any, data: _Data, state: _State, stats: dict) -> SearchSolution:
        """See `AbstractIterativeMethod.finish`."""
        unpack = lambda start, packed: _unpacked(start, packed, self.fields)
        found = jax.vmap(unpack)(data.starts, state.best)
        stats = {"population": found, "losses": state.loss, **stats}
        return report_search(data.problem, found, state.loss, stats)

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": jnp.min(state.loss)}

    def _losses_and_slopes(self, data: _Data, pair: tuple[Parameters, Array]) -> Any:
        relaxed = self.radius is not None
        moved = pair if relaxed else (pair[0], jnp.zeros(data.starts.live.shape[0], pair[1].dtype))

        def loss(pair: tuple[Array, Array], start: Schedule) -> Array:
            return data.problem.loss(_unpacked(start, pair[0], self.fields), pair[1])

        one = lambda row: jax.value_and_grad(loss)(*row)
        losses, slopes = map_lanes(one, (moved, data.starts), data.problem.train)
        if not relaxed:
            slopes = slopes[0], jnp.zeros_like(pair[1])
        clean = lambda slope: jnp.where(jnp.isfinite(slope), slope, 0)
        return losses, jax.tree.map(clean, slopes)

    def _inside(self, problem: ScheduleSearch, offset: Array) -> Array:
        """Back into the ball of the relaxed objective, for each noise."""
        if self.radius is None:
            return offset
        inner = tuple(range(2, offset.ndim))
        size = jnp.sqrt(jnp.mean(offset**2, axis=inner, keepdims=True))
        limit = self.radius * jnp.exp(-problem.span[0])
        return offset * jnp.minimum(1, limit / jnp.maximum(size, limit))


class GradientTimes(AbstractGradientSearch):
    """$\\min_{\\lambda, c} L$: Adam on the log steps and on the relaxation of the first derivative.

    Attributes:
        learning_rate: at the start.
        max_steps: how many steps.
        num_starts: how many of the best starts are followed.
        start: stacked schedules to choose them from; all fixed samplers by default.
        radius: let each training start move within a ball of this radius (in units of the first
            noise level, per coordinate) to meet the teacher: the relaxed objective. A number
            relaxes the loss on the training noises; validation is never relaxed.

    Source: Tong et al., Learning to discretize denoising diffusion ODEs (ICLR 2025), equation 6.
    """

    fields: ClassVar[tuple[str, ...]] = ("relaxation",)

    learning_rate: ArrayLike = 0.05
    max_steps: int = eqx.field(static=True, default=100)
    num_starts: int = eqx.field(static=True, default=3)
    start: Schedule | None = None
    radius: ArrayLike | None = None


class GradientCoefficients(AbstractGradientSearch):
    """$\\min L$ over times, times told to the model, and additions to all multistep coefficients.

    Additions to the theoretical coefficients, not free coefficients: they start at the sampler and
    keep what it knows. The told times are decoupled from those of the states.

    Attributes:
        learning_rate: at the start.
        max_steps: how many steps.
        num_starts: how many of the best starts are followed.
        start: stacked schedules to choose them from; all fixed samplers by default.
        radius: see `GradientTimes`.

    Source: Frankel et al., S4S (arXiv 2502.17423), section 4; Shaul et al., Bespoke non-stationary
        solvers (ICML 2024).
    """

    fields: ClassVar[tuple[str, ...]] = (
        "relaxation",
        "second_scale",
        "extra_data",
        "extra_noise",
        "extra_corrector",
        "shift",
    )

    learning_rate: ArrayLike = 0.0015
    max_steps: int = eqx.field(static=True, default=100)
    num_starts: int = eqx.field(static=True, default=3)
    start: Schedule | None = None
    radius: ArrayLike | None = None


def best_starts(problem: ScheduleSearch, start: Schedule | None, num: int) -> Schedule:
    """The schedules with the least training loss.

    Args:
        problem: prepared.
        start: stacked schedules; all fixed samplers if there are none.
        num: how many.

    Returns:
        A population of that size, or all if they are not more.
    """
    many = candidates(problem.span, problem.num_evals) if start is None else start
    if many.live.shape[0] <= num:
        return many
    losses = _losses(*freeze((problem, many)))  # a choice has no derivative
    return take(many, jnp.argsort(losses)[:num])


@eqx.filter_jit
def _losses(problem: ScheduleSearch, population: Schedule) -> Array:
    return problem.losses(population)


def _adam(problem: ScheduleSearch) -> Any:
    return adam(1.0, problem.train.dtype)  # the rate is applied outside, it falls


def _packed(schedule: Schedule, fields: tuple[str, ...]) -> Float[Array, " p"]:
    """The log steps and these fields, one after the other."""
    parts = [log_steps(schedule), *[getattr(schedule, name) for name in fields]]
    return jnp.concatenate([part.reshape(-1) for part in parts])


def _unpacked(schedule: Schedule, packed: Float[Array, " p"], fields: tuple[str, ...]) -> Schedule:
    """The inverse of `_packed`; the discrete decisions of the schedule stay."""
    old = [getattr(schedule, name) for name in fields]
    ends = np.cumsum([schedule.num_steps, *[leaf.size for leaf in old]])
    steps, *parts = jnp.split(packed, ends[:-1])
    new = tuple(part.reshape(leaf.shape) for part, leaf in zip(parts, old, strict=True))
    pick = lambda s: tuple(getattr(s, name) for name in fields)
    return with_log_steps(eqx.tree_at(pick, schedule, new), steps)
