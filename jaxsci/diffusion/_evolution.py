"""Schedules found by evolution: a whole generation in one program."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractIterativeMethod, freeze
from ._candidates import candidates
from ._mutation import crossover, mutate
from ._schedule import Schedule
from ._search import ScheduleSearch, SearchSolution, report_search


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
            pool = _joined(pool, self.start)
        losses = _losses(freeze(problem), freeze(pool), self.chunk)
        return problem, _State(*_best(pool, losses, self.pool), key)

    def step(self, data: ScheduleSearch, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        key, now = jax.random.split(state.key)
        children = jax.vmap(lambda k: self._child(k, state.pool))(
            jax.random.split(now, self.population)
        )
        losses = _losses(freeze(data), freeze(children), self.chunk)  # a choice has no derivative
        every = _joined(state.pool, children)
        return _State(*_best(every, jnp.append(state.losses, losses), self.pool), key)

    def _child(self, key: Array, pool: Schedule) -> Schedule:
        which, mix, change = jax.random.split(key, 3)
        # the better a parent, the likelier: the square of a uniform number
        size = pool.live.shape[0]
        places = jax.random.uniform(which, (2,), pool.log_snr.dtype) ** 2
        first, second = jnp.minimum((places * size).astype(jnp.int32), size - 1)
        take = lambda index: jax.tree.map(lambda leaf: leaf[index], pool)
        child = crossover(mix, take(first), take(second), self.crossover_rate)
        return mutate(change, child, self.mutation_rate, self.analytic_rate)

    def done(self, data: ScheduleSearch, state: _State) -> Array:
        """See `AbstractIterativeMethod.done`."""
        return jnp.asarray(False)

    def finish(
        self, problem: Any, data: ScheduleSearch, state: _State, stats: dict
    ) -> SearchSolution:
        """See `AbstractIterativeMethod.finish`."""
        best = jax.tree.map(lambda leaf: leaf[0], state.pool)
        return report_search(data, best, {"population": state.pool, **stats})

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": state.losses[0]}


def _joined(first: Schedule, second: Schedule) -> Schedule:
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)


def _best(pool: Schedule, losses: Array, num: int) -> tuple[Schedule, Array]:
    order = jnp.argsort(losses)[:num]
    return jax.tree.map(lambda leaf: leaf[order], pool), losses[order]


@eqx.filter_jit
def _losses(problem: ScheduleSearch, population: Schedule, chunk: int | None) -> Array:
    return problem.losses(population, chunk)
