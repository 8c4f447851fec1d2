"""The search for a schedule, as a problem."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractProblem
from ._compile import compile_schedule
from ._denoiser import AbstractDenoiser
from ._grids import log_snr_span, rho_grid
from ._lanes import map_lanes
from ._noise import EDM, AbstractNoise
from ._objectives import Objective, end_point_error, per_sample_error
from ._sampler import run_scan
from ._schedule import Schedule
from ._teacher import fine_end


class ScheduleSearch(AbstractProblem):
    """$\\min_S\\; L(\\{y_N(S; z_i)\\}, \\{y^*(z_i)\\})$ over schedules of N evaluations.

    Training and validation noises are apart; the teacher is a Runge-Kutta method of
    `4 teacher_steps` evaluations. No sample of the data is needed.

    Attributes:
        denoiser: $D$.
        num_evals: how often a schedule may call it.
        span: first and last log-SNR.
        train: start states that the loss is taken over, scaled by the first noise level.
        valid: start states that only the report looks at; none, and nothing is reported of them.
        objective: $L$; any function of two batches that JAX can differentiate.
        teacher_steps: steps of the teacher.
        mean: the prior mean, for analytic first steps.
        targets: ends of the teacher for both sets; computed once, by `prepared`.
    """

    denoiser: AbstractDenoiser
    num_evals: int = eqx.field(static=True)
    span: Float[Array, "2"]
    train: Float[Array, "n ..."]
    valid: Float[Array, "m ..."] | None
    objective: Objective = end_point_error
    teacher_steps: int = eqx.field(static=True, default=64)
    mean: ArrayLike = 0.0
    targets: tuple[Array, Array | None] | None = None

    def __check_init__(self):
        if self.num_evals < 2:
            raise ValueError(
                f"ScheduleSearch: num_evals must be at least 2, got {self.num_evals}; with one "
                "evaluation there is nothing to choose."
            )
        valid = self.train if self.valid is None else self.valid
        if self.train.ndim < 2 or self.train.shape[1:] != valid.shape[1:]:
            raise ValueError(
                "ScheduleSearch: train and valid must be batches of starts of one shape, got "
                f"{self.train.shape} and {valid.shape}."
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
        ends = _teach(self.denoiser, grid.astype(self.train.dtype), self.starts())
        pair = ends[: len(self.train)], None if self.valid is None else ends[len(self.train) :]
        return eqx.tree_at(lambda p: p.targets, self, pair, is_leaf=lambda leaf: leaf is None)

    def without_validation(self) -> "ScheduleSearch":
        """The same search, prepared, that looks at the training noises alone."""
        pick = lambda p: (p.valid, p.targets)
        new = (None, (self.prepared().targets[0], None))  # pyright: ignore[reportOptionalSubscript]
        return eqx.tree_at(pick, self, new, is_leaf=lambda leaf: leaf is None)

    def with_noises(self, num: int) -> "ScheduleSearch":
        """The same search, prepared, on the first training noises alone.

        Args:
            num: how many.
        """
        few = self.without_validation()
        new = few.train[:num], (few.targets[0][:num], None)  # pyright: ignore[reportOptionalSubscript]
        return eqx.tree_at(lambda p: (p.train, p.targets), few, new)

    def starts(self) -> Array:
        """Training and validation noises in one batch: every program holds the network once."""
        return self.train if self.valid is None else jnp.concatenate([self.train, self.valid])

    def residual(self, schedule: Schedule) -> Float[Array, " m"]:
        """The error of each validation noise at the end, root mean square per coordinate.

        Args:
            schedule: a candidate.

        Raises:
            ValueError: if there are no validation noises.
        """
        if self.valid is None:
            raise ValueError(
                "ScheduleSearch: this search has valid=None; give validation noises to see the "
                "errors of a schedule on them."
            )
        targets = self.prepared().targets[1]  # pyright: ignore[reportOptionalSubscript]
        return per_sample_error(_run(self, schedule, self.valid), targets)  # pyright: ignore[reportArgumentType]

    def loss(self, schedule: Schedule, offset: ArrayLike = 0.0) -> Float[Array, ""]:
        """$L$ on the training noises; the problem must be `prepared`.

        Args:
            schedule: a candidate.
            offset: added to the training starts, not to the teacher's.
        """
        ends = _run(self, schedule, self.train + offset)
        return self.objective(ends, self.targets[0])  # pyright: ignore[reportOptionalSubscript]

    def loss_and_errors(self, schedule: Schedule) -> tuple[Float[Array, ""], Float[Array, " m"]]:
        """`loss` and `residual` from one run of the sampler; the problem must be `prepared`.

        Args:
            schedule: a candidate.
        """
        num, ends = len(self.train), _run(self, schedule, self.starts())
        loss = self.objective(ends[:num], self.targets[0])  # pyright: ignore[reportOptionalSubscript]
        return loss, per_sample_error(ends[num:], self.targets[1])  # pyright: ignore[reportOptionalSubscript,reportArgumentType]

    def losses(self, population: Schedule, chunk: int | None = None) -> Float[Array, " p"]:
        """`loss` of many schedules in one program.

        Args:
            population: stacked schedules.
            chunk: how many run side by side; by default as many as the cache of a core holds.
        """
        return finite(map_lanes(self.loss, population, self.train, chunk))


def finite(losses: Float[Array, "..."]) -> Float[Array, "..."]:
    """Infinite where a sampler has failed, so that it is never chosen.

    Args:
        losses: any.
    """
    return jnp.where(jnp.isfinite(losses), losses, jnp.inf)


@eqx.filter_jit
def _teach(denoiser: AbstractDenoiser, grid: Array, starts: Array) -> Array:
    return fine_end(denoiser, grid, starts)


def _run(problem: ScheduleSearch, schedule: Schedule, y: Array) -> Array:
    return run_scan(problem.denoiser, compile_schedule(schedule), y, None, problem.mean)
