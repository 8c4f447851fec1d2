"""The default search: gradients where they reach, evolution for the rest."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core import AbstractMethod, Loop, solve
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
        problem = problem.prepared()
        blind, num = problem.without_validation(), self.times.num_starts
        # both stages of times begin with as many schedules: the second finds its program there
        fixed = best_starts(blind, self.times.start, num)
        first = self._stage(blind, self.times, fixed, key, 1)
        bred = self._stage(blind, self.evolution, first.stats["population"], key, 2)
        timed = self._stage(blind, self.times, _least([bred], num), key, 3)
        both = _least([timed, bred], self.coefficients.num_starts)
        last = self._stage(blind, self.coefficients, both, key, 4)
        return _report(problem, [first, bred, timed, last])

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
    return report_judged(judged, found, stats)
