"""The search for a schedule, as a problem, and its solution."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import RESULTS, AbstractProblem, AbstractSolution, freeze
from ._candidates import candidate_names, candidates
from ._compile import compile_schedule
from ._denoiser import AbstractDenoiser
from ._grids import log_snr_span, rho_grid
from ._lanes import map_lanes
from ._noise import EDM, AbstractNoise
from ._objectives import Objective, end_point_error, error_summary, per_sample_error
from ._sampler import run_scan
from ._schedule import Schedule
from ._teacher import fine_path


class ScheduleSearch(AbstractProblem):
    """$\\min_S\\; L(\\{y_N(S; z_i)\\}, \\{y^*(z_i)\\})$ over schedules of N evaluations.

    Training and validation noises are apart; the teacher is a Runge-Kutta method of
    `4 teacher_steps` evaluations. No sample of the data is needed.

    Attributes:
        denoiser: $D$.
        num_evals: how often a schedule may call it.
        span: first and last log-SNR.
        train: start states that the loss is taken over, scaled by the first noise level.
        valid: start states that only the report looks at.
        objective: $L$; any function of two batches that JAX can differentiate.
        teacher_steps: steps of the teacher.
        mean: the prior mean, for analytic first steps.
        targets: ends of the teacher for both sets; computed once, by `prepared`.
    """

    denoiser: AbstractDenoiser
    num_evals: int = eqx.field(static=True)
    span: Float[Array, "2"]
    train: Float[Array, "n ..."]
    valid: Float[Array, "m ..."]
    objective: Objective = end_point_error
    teacher_steps: int = eqx.field(static=True, default=64)
    mean: ArrayLike = 0.0
    targets: tuple[Array, Array] | None = None

    def __check_init__(self):
        if self.num_evals < 2:
            raise ValueError(
                f"ScheduleSearch: num_evals must be at least 2, got {self.num_evals}; with one "
                "evaluation there is nothing to choose."
            )
        if self.train.ndim < 2 or self.train.shape[1:] != self.valid.shape[1:]:
            raise ValueError(
                "ScheduleSearch: train and valid must be batches of starts of one shape, got "
                f"{self.train.shape} and {self.valid.shape}."
            )

    @staticmethod
    def draw(
        denoiser: AbstractDenoiser,
        num_evals: int,
        noise: AbstractNoise,
        shape: tuple[int, ...],
        key: Array,
        *,
        num_train: int = 256,
        num_valid: int = 1024,
        dtype: Any = None,
        **options: Any,
    ) -> "ScheduleSearch":
        """A search over the span of a noise schedule, with fresh noises.

        Args:
            denoiser: $D$.
            num_evals: how often a schedule may call it.
            noise: the noise schedule of the model.
            shape: of one sample.
            key: a random key.
            num_train: noises of the loss.
            num_valid: noises of the report; errors have heavy tails, so 1,024 are few.
            dtype: of the states; the default type.
            **options: further attributes.

        Returns:
            The problem.
        """
        first, second = jax.random.split(key)
        span = jnp.stack(log_snr_span(noise)).astype(jnp.zeros(0).dtype if dtype is None else dtype)
        level = jnp.exp(-span[0])
        start = lambda k, n: level * jax.random.normal(k, (n, *shape), span.dtype)
        train, valid = start(first, num_train), start(second, num_valid)
        return ScheduleSearch(denoiser, num_evals, span, train, valid, **options)

    def prepared(self) -> "ScheduleSearch":
        """The same problem with the teacher's ends in place."""
        if self.targets is not None:
            return self
        grid = rho_grid(EDM(*jnp.exp(-self.span.astype(float))), self.teacher_steps)
        ends = _teach(self.denoiser, grid.astype(self.train.dtype), (self.train, self.valid))
        return eqx.tree_at(lambda p: p.targets, self, ends, is_leaf=lambda leaf: leaf is None)

    def residual(self, schedule: Schedule) -> Float[Array, " m"]:
        """The error of each validation noise at the end, root mean square per coordinate.

        Args:
            schedule: a candidate.
        """
        problem = self.prepared()
        ends = _run(problem, schedule, problem.valid)
        return per_sample_error(ends, problem.targets[1])  # pyright: ignore[reportOptionalSubscript]

    def loss(self, schedule: Schedule, offset: ArrayLike = 0.0) -> Float[Array, ""]:
        """$L$ on the training noises; the problem must be `prepared`.

        Args:
            schedule: a candidate.
            offset: added to the training starts, not to the teacher's.
        """
        ends = _run(self, schedule, self.train + offset)
        return self.objective(ends, self.targets[0])  # pyright: ignore[reportOptionalSubscript]

    def losses(self, population: Schedule, chunk: int | None = None) -> Float[Array, " p"]:
        """`loss` of many schedules in one program.

        Args:
            population: stacked schedules.
            chunk: how many run side by side; by default as many as the cache of a core holds.
        """
        found = map_lanes(self.loss, population, self.train, chunk)
        return jnp.where(jnp.isfinite(found), found, jnp.inf)


class SearchSolution(AbstractSolution):
    """A schedule, and how it does on noises that the search has not seen.

    Attributes:
        value: the schedule.
        result: a `RESULTS` code.
        stats: "train_loss"; "rmse", "median" and "tail" (95 %) on the validation noises; the same
            of the best fixed sampler, chosen in hindsight on those noises and constant to
            differentiation; the ratio of both "rmse", "gain".
    """

    value: Schedule
    result: RESULTS
    stats: dict[str, Any]

    __repr__ = AbstractSolution.__repr__


def report_search(problem: ScheduleSearch, schedule: Schedule, stats: dict) -> SearchSolution:
    """A solution with all errors on both sets.

    Args:
        problem: prepared.
        schedule: what was found.
        stats: of the method.

    Returns:
        The solution.
    """
    found = _judge(problem, schedule)
    finite = jnp.isfinite(found["rmse"])
    code = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
    return SearchSolution(schedule, code, {**found, **stats})


@eqx.filter_jit
def _judge(problem: ScheduleSearch, schedule: Schedule) -> dict[str, Array]:
    fixed = candidates(problem.span, problem.num_evals)
    joined = jax.tree.map(lambda one, many: jnp.append(one[None], many, axis=0), schedule, fixed)
    errors = map_lanes(problem.residual, joined, problem.valid)
    found, rivals = error_summary(errors[0]), freeze(errors[1:])
    best = jnp.argmin(jnp.mean(rivals**2, axis=1))
    baseline = {f"fixed_{name}": number for name, number in error_summary(rivals[best]).items()}
    gain = baseline["fixed_rmse"] / found["rmse"]
    return {"train_loss": problem.loss(schedule), **found, **baseline, "gain": gain}


def best_fixed(problem: ScheduleSearch) -> str:
    """The name of the fixed sampler and grid with the least validation error.

    Args:
        problem: the search.

    Returns:
        "solver, grid".
    """
    problem = problem.prepared()
    errors = jax.lax.map(problem.residual, candidates(problem.span, problem.num_evals))
    return candidate_names(problem.num_evals)[int(jnp.argmin(jnp.mean(errors**2, axis=1)))]


@eqx.filter_jit
def _teach(denoiser: AbstractDenoiser, grid: Array, starts: tuple[Array, Array]) -> Any:
    return tuple(fine_path(denoiser, grid, y)[-1] for y in starts)


def _run(problem: ScheduleSearch, schedule: Schedule, y: Array) -> Array:
    return run_scan(problem.denoiser, compile_schedule(schedule), y, None, problem.mean)
