"""The default search: gradients where they reach, evolution for the rest."""

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._core import AbstractMethod, Loop, solve
from ._evolution import Evolution
from ._gradient import GradientCoefficients, GradientTimes
from ._schedule import Schedule
from ._search import ScheduleSearch, SearchSolution


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
        first = self._stage(problem, self.times, None, key, 1)
        bred = self._stage(problem, self.evolution, first.stats["population"], key, 2)
        timed = self._stage(problem, self.times, bred.stats["population"], key, 3)
        both = _joined(timed.stats["population"], bred.stats["population"])
        last = self._stage(problem, self.coefficients, both, key, 4)
        return _least([first, bred, timed, last])

    def _stage(
        self, problem: ScheduleSearch, method: Any, start: Schedule | None, key: Array, number: int
    ) -> SearchSolution:
        folder = None if self.checkpoint is None else Path(self.checkpoint)
        file = None if folder is None else folder / f"stage{number}"
        chunk = 2 if isinstance(method, Evolution) else 40
        loop = Loop(chunk=chunk, progress=self.progress, checkpoint=file)
        begun = eqx.tree_at(lambda m: m.start, method, start, is_leaf=lambda leaf: leaf is None)
        return solve(problem, begun, key=key, throw=False, loop=loop)


def _joined(first: Schedule, second: Schedule) -> Schedule:
    return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, second)


def _least(stages: list[SearchSolution]) -> SearchSolution:
    """The stage of least training loss; the stages' own are kept as statistics."""
    losses = jnp.stack([stage.stats["train_loss"] for stage in stages])
    best = jnp.argmin(jnp.where(jnp.isfinite(losses), losses, jnp.inf))
    shared = [_summary(stage) for stage in stages]
    found = jax.tree.map(lambda *leaves: jnp.stack(leaves)[best], *shared)
    validation = jnp.stack([stage.stats["rmse"] for stage in stages])
    stats = {**found.stats, "stage_loss": losses, "stage_rmse": validation}
    return SearchSolution(found.value, found.result, stats)


def _summary(stage: SearchSolution) -> SearchSolution:
    hidden = ("population", "num_steps")
    stats = {name: number for name, number in stage.stats.items() if name not in hidden}
    return SearchSolution(stage.value, stage.result, stats)
