"""Schedules found by evolution: a whole generation in one program."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractIterativeMethod, freeze
from ._candidates import candidate_names, candidates
from ._derived import join, take
from ._mutation import Draws, crossover, draw, mutate
from ._predictor import Archive, RankPredictor
from ._report import SearchSolution, report_search
from ._schedule import Schedule
from ._screening import budget, screened_losses
from ._search import ScheduleSearch


class _State(eqx.Module):
    """The best schedules so far, sorted, and what has been learnt from all, if anything."""

    pool: Schedule
    losses: Float[Array, " m"]
    key: Array
    archive: Archive | None


class Evolution(AbstractIterativeMethod):
    """$\\min_S L(S)$ over all decisions of a schedule, by mutation and selection.

    Each step is one generation: parents are drawn from the pool of the best, children are crossed
    and mutated as arrays, all are evaluated in one call, and the best of both generations stay.
    Nothing but the progress bar happens on the host.

    Attributes:
        max_steps: generations.
        population: children of each generation, so `max_steps * population` evaluations.
        pool: how many of the best are kept.
        mutation_rate: chance for each decision of each step.
        crossover_rate: chance that a child has two parents.
        analytic_rate: chance to switch the analytic first step; 0 never tries it.
        start: stacked schedules to begin with, besides all fixed samplers.
        chunk: how many schedules run side by side; by default as many as the cache of a core
            holds.
        proposals: children for each one that is evaluated; with more than one, a predictor that
            learns from all evaluations ranks them, and the first `population` are evaluated.
        predictor: which one. It costs a fraction of a second a generation: worth it where a run
            of the model is dear.
        stages: with more than one, each generation is thinned out on few training noises first,
            by a factor of four from stage to stage; what is left sees all noises.

    Its statistics count the schedules that saw all training noises, "num_schedules", and the
    evaluations of the model, one for each noise, "num_samples".

    Source: Liu et al., A unified sampling framework (ICLR 2024), algorithm 2.
    """

    accepts: ClassVar[tuple[type, ...]] = (ScheduleSearch,)

    max_steps: int = eqx.field(static=True, default=10)
    population: int = eqx.field(static=True, default=256)
    pool: int = eqx.field(static=True, default=24)
    mutation_rate: ArrayLike = 0.3
    crossover_rate: ArrayLike = 0.3
    analytic_rate: ArrayLike = 0.1
    start: Schedule | None = None
    chunk: int | None = eqx.field(static=True, default=None)
    proposals: int = eqx.field(static=True, default=1)
    predictor: RankPredictor = RankPredictor()
    stages: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.population < 2 or self.pool < 2:
            raise ValueError(
                "Evolution: population and pool must be at least 2, got "
                f"{self.population} and {self.pool}."
            )
        if self.proposals < 1 or self.stages < 1:
            raise ValueError(
                "Evolution: proposals and stages must be at least 1, got "
                f"{self.proposals} and {self.stages}; 1 switches each of them off."
            )
        if self.proposals > 1 and self.population > self.predictor.memory:
            raise ValueError(
                f"Evolution: the predictor remembers {self.predictor.memory} schedules, fewer than "
                f"the population of {self.population}; raise its memory."
            )

    def init(self, problem: Any, key: Array | None) -> tuple[ScheduleSearch, _State]:
        """See `AbstractIterativeMethod.init`: fixed samplers and `start` are the first pool."""
        if key is None:
            raise ValueError("Evolution: give a random key, for mutation and crossover.")
        problem = problem.prepared()
        pool = candidates(problem.span, problem.num_evals)
        if self.start is not None:
            pool = join(pool, self.start)
        losses = _losses(freeze(problem), freeze(pool), 1, self.chunk)
        archive = None
        if self.proposals > 1:
            first, second = jax.random.split(key)
            blank = self.predictor.blank(first, pool)
            archive = _learn(self.predictor, blank, second, pool, losses)
        return problem, _State(*_best(pool, losses, self.pool), key, archive)

    def step(self, data: ScheduleSearch, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        key, now = jax.random.split(state.key)
        children, archive = self._children(now, state.pool), state.archive
        if archive is not None:
            ranks = jnp.argsort(self.predictor.score(archive, children))
            children = take(children, ranks[: self.population])
        # a choice has no derivative
        losses = _losses(freeze(data), freeze(children), self.stages, self.chunk)
        if archive is not None:
            full, _ = self._budget(data)[-1]
            seen, their = _best(children, losses, full)
            archive = _learn(self.predictor, archive, jax.random.fold_in(now, 1), seen, their)
        every, both = join(state.pool, children), jnp.append(state.losses, losses)
        return _State(*_best(every, both, self.pool), key, archive)

    def _budget(self, problem: ScheduleSearch) -> list[tuple[int, int]]:
        return budget(self.population, len(problem.train), self.stages)

    def _children(self, key: Array, pool: Schedule) -> Schedule:
        size, num_steps = pool.live.shape
        draws = draw(key, self.proposals * self.population, num_steps, pool.log_snr.dtype)
        # the better a parent, the likelier: the square of a uniform number
        places = jnp.minimum((draws.parents**2 * size).astype(jnp.int32), size - 1)
        first, second = take(pool, places[:, 0]), take(pool, places[:, 1])

        def child(draws: Draws, first: Schedule, second: Schedule) -> Schedule:
            crossed = crossover(draws, first, second, self.crossover_rate)
            return mutate(draws, crossed, self.mutation_rate, self.analytic_rate)

        return jax.vmap(child)(draws, first, second)

    def done(self, data: ScheduleSearch, state: _State) -> Array:
        """See `AbstractIterativeMethod.done`."""
        return jnp.asarray(False)

    def finish(
        self, problem: Any, data: ScheduleSearch, state: _State, stats: dict
    ) -> SearchSolution:
        """See `AbstractIterativeMethod.finish`."""
        best = take(state.pool, jnp.arange(1))
        first = len(candidate_names(data.num_evals))
        first += 0 if self.start is None else self.start.live.shape[0]
        runs = sum(schedules * noises for schedules, noises in self._budget(data))
        steps, full = stats["num_steps"], self._budget(data)[-1][0]
        counts = {
            "num_schedules": first + steps * full,
            "num_samples": (first * len(data.train) + steps * runs) * data.num_evals,
        }
        stats = {"population": state.pool, "losses": state.losses, **counts, **stats}
        return report_search(data, best, state.losses[:1], stats)

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": state.losses[0]}


def _best(pool: Schedule, losses: Array, num: int) -> tuple[Schedule, Array]:
    order = jnp.argsort(losses)[:num]
    return take(pool, order), losses[order]


@eqx.filter_jit
def _losses(problem: ScheduleSearch, population: Schedule, stages: int, chunk: int | None) -> Array:
    return screened_losses(problem, population, stages, chunk)


@eqx.filter_jit
def _learn(
    predictor: RankPredictor, archive: Archive, key: Array, schedules: Schedule, losses: Array
) -> Archive:
    return predictor.learn(archive, key, *freeze((schedules, losses)))
