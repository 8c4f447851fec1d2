"""Schedules found by evolution: a whole generation in one program."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractIterativeMethod, freeze
from ._candidates import candidates
from ._derived import join, take
from ._mutation import Draws, crossover, draw, mutate
from ._report import SearchSolution, report_search
from ._schedule import Schedule
from ._search import ScheduleSearch


class _State(eqx.Module):
    """The best schedules so far, sorted, and the key of the next generation."""

    pool: Schedule
    losses: Float[Array, " m"]
    key: Array


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

    def __check_init__(self):
        if self.population < 2 or self.pool < 2:
            raise ValueError(
                "Evolution: population and pool must be at least 2, got "
                f"{self.population} and {self.pool}."
            )

    def init(self, problem: Any, key: Array | None) -> tuple[ScheduleSearch, _State]:
        """See `AbstractIterativeMethod.init`: fixed samplers and `start` are the first pool."""
        if key is None:
            raise ValueError("Evolution: give a random key, for mutation and crossover.")
        problem = problem.prepared()
        pool = candidates(problem.span, problem.num_evals)
        if self.start is not None:
            pool = join(pool, self.start)
        losses = _losses(freeze(problem), freeze(pool), self.chunk)
        return problem, _State(*_best(pool, losses, self.pool), key)

    def step(self, data: ScheduleSearch, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        key, now = jax.random.split(state.key)
        children = self._children(now, state.pool)
        losses = _losses(freeze(data), freeze(children), self.chunk)  # a choice has no derivative
        every = join(state.pool, children)
        return _State(*_best(every, jnp.append(state.losses, losses), self.pool), key)

    def _children(self, key: Array, pool: Schedule) -> Schedule:
        size, num_steps = pool.live.shape
        draws = draw(key, self.population, num_steps, pool.log_snr.dtype)
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
        stats = {"population": state.pool, "losses": state.losses, **stats}
        return report_search(data, best, state.losses[:1], stats)

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": state.losses[0]}


def _best(pool: Schedule, losses: Array, num: int) -> tuple[Schedule, Array]:
    order = jnp.argsort(losses)[:num]
    return take(pool, order), losses[order]


@eqx.filter_jit
def _losses(problem: ScheduleSearch, population: Schedule, chunk: int | None) -> Array:
    return problem.losses(population, chunk)
