"""The default search: gradients where they reach, evolution for the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core import RESULTS, AbstractMethod, Loop, concrete, solve
from ._derived import join, take
from ._evolution import Evolution
from ._gradient import GradientCoefficients, GradientTimes, best_starts
from ._report import SearchSolution, judge, report_judged
from ._schedule import Schedule
from ._search import ScheduleSearch


class Combined(AbstractMethod):
    """$\\min_S L$ in four stages: times, all decisions, times again, coefficients.

    The times of the best fixed samplers by gradients, evolution of all decisions from there, the
    times of the best of its pool by gradients, and additions to their coefficients. The schedule of
    least training loss of all stages is returned.

    Attributes:
        times: the first and third stage.
        evolution: the second stage.
        coefficients: the fourth stage.
        checkpoint: a folder for the states of the stages; an interrupted search goes on from
            there, and stages that are done are not done again.
        progress: show progress bars.
    """

    accepts: ClassVar[tuple[type, ...]] = (ScheduleSearch,)

    times: GradientTimes = GradientTimes()
    evolution: Evolution = Evolution()
    coefficients: GradientCoefficients = GradientCoefficients()
    checkpoint: str | Path | None = eqx.field(static=True, default=None)
    progress: bool = eqx.field(static=True, default=False)

    def run(self, problem: Any, *, key: Array | None = None) -> SearchSolution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if there is no key.
        """
        if key is None:
            raise ValueError("Combined: give a random key, for the evolution.")
        problem, stages = problem.prepared(), []
        for stage in self._stages(problem.without_validation(), key):
            stages.append(stage)
            if _interrupted(stage):  # later stages must begin where this one would have ended
                break
        return _report(problem, stages)

    def _stages(self, problem: ScheduleSearch, key: Array) -> Iterator[SearchSolution]:
        num = self.times.num_starts
        # both stages of times begin with as many schedules: the second finds its program there
        fixed = best_starts(problem, self.times.start, num)
        yield (first := self._stage(problem, self.times, fixed, key, 1))
        yield (bred := self._stage(problem, self.evolution, first.stats["population"], key, 2))
        yield (timed := self._stage(problem, self.times, _least([bred], num), key, 3))
        both = _least([timed, bred], self.coefficients.num_starts)
        yield self._stage(problem, self.coefficients, both, key, 4)

    def _stage(
        self, problem: ScheduleSearch, method: Any, start: Schedule, key: Array, number: int
    ) -> SearchSolution:
        folder = None if self.checkpoint is None else Path(self.checkpoint)
        file = None if folder is None else folder / f"stage{number}"
        chunk = 2 if isinstance(method, Evolution) else 40
        loop = Loop(chunk=chunk, progress=self.progress, checkpoint=file)
        begun = eqx.tree_at(lambda m: m.start, method, start, is_leaf=lambda leaf: leaf is None)
        return solve(problem, begun, key=key, throw=False, loop=loop)


def _least(stages: list[SearchSolution], num: int) -> Schedule:
    """The schedules of these stages with the least training losses."""
    losses = jnp.concatenate([stage.stats["losses"] for stage in stages])
    every = join(*[stage.stats["population"] for stage in stages])
    return take(every, jnp.argsort(losses)[:num])


def _report(problem: ScheduleSearch, stages: list[SearchSolution]) -> SearchSolution:
    """The stage of least training loss; losses and errors of all are kept as statistics."""
    found = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[stage.value for stage in stages])
    judged = judge(problem, found)
    stats = {"stage_loss": judged.losses, "stage_rmse": jnp.sqrt(jnp.mean(judged.errors**2, 1))}
    solution = report_judged(judged, found, stats)
    if _interrupted(stages[-1]):
        return eqx.tree_at(lambda s: s.result, solution, RESULTS.interrupted)
    return solution


def _interrupted(stage: SearchSolution) -> bool:
    return concrete(stage.result) and bool(stage.result == RESULTS.interrupted)
