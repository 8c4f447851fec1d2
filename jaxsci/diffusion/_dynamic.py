"""The best times for few Euler steps, by dynamic programming on the teacher's path."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._core import AbstractMethod
from ._candidates import solvers_on
from ._grids import rho_grid
from ._named import ddim, deis, dpm_solver_pp, ipndm, unipc
from ._noise import EDM
from ._report import SearchSolution, report_search
from ._schedule import Schedule
from ._search import ScheduleSearch
from ._teacher import fine_path


class DynamicProgramming(AbstractMethod):
    """$\\min_{0=i_0<...<i_N=M}\\sum_n c(i_n, i_{n+1})$, $c$ the error of one Euler step.

    The cost of a step from one fine time to another is its error on the teacher's own path: no
    sampler is run, and all grids of N steps are compared. The best fixed sampler on the grid that
    was found is returned.

    Attributes:
        num_times: M, fine steps of the teacher, equally spaced in $s^{1/7}$.
        num_noises: how many training noises the costs are means over.

    Source: Chen et al., On the trajectory regularity of ODE-based diffusion sampling (ICML 2024),
        algorithm 1.
    """

    accepts: ClassVar[tuple[type, ...]] = (ScheduleSearch,)

    num_times: int = eqx.field(static=True, default=60)
    num_noises: int = eqx.field(static=True, default=64)

    def run(self, problem: Any, *, key: Array | None = None) -> SearchSolution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if there are more steps than fine times.
        """
        if self.num_times < problem.num_evals:
            raise ValueError(
                f"DynamicProgramming: num_times = {self.num_times} fine steps cannot be divided "
                f"into {problem.num_evals} steps; raise num_times."
            )
        problem = problem.prepared()
        grid = _grid(problem, self.num_times, self.num_noises)
        return report_search(problem, _on(grid, problem.num_evals), None, {})


@eqx.filter_jit
def _grid(problem: ScheduleSearch, num_times: int, num_noises: int) -> Float[Array, " n+1"]:
    fine = rho_grid(EDM(*jnp.exp(-problem.span.astype(float))), num_times)
    fine = fine.astype(problem.span.dtype)
    path = fine_path(problem.denoiser, fine, problem.train[:num_noises])
    return fine[shortest_path(_costs(problem, fine, path), problem.num_evals)]


def _costs(problem: ScheduleSearch, fine: Array, path: Array) -> Float[Array, "m m"]:
    """The root mean square error at time j of one Euler step from time i, infinite for j <= i."""
    s = jnp.exp(-fine)

    def from_one(y: Array, index: Array) -> Array:
        slope = (y - problem.denoiser(y, s[index])) / s[index]
        one = lambda end, there: jnp.sqrt(jnp.mean((y + (there - s[index]) * slope - end) ** 2))
        errors = jax.lax.map(lambda pair: one(*pair), (path, s))
        return jnp.where(jnp.arange(s.size) > index, errors, jnp.inf)

    return jax.lax.map(lambda pair: from_one(*pair), (path, jnp.arange(s.size)))


def shortest_path(costs: Float[Array, "m m"], num_steps: int) -> Int[Array, " n+1"]:
    """$\\min\\sum_n c(i_n, i_{n+1})$ from the first to the last index in exactly N steps.

    Args:
        costs: infinite where a step is not allowed.
        num_steps: N.

    Returns:
        The N + 1 indices.
    """
    size = costs.shape[0]
    ahead = jnp.where(jnp.arange(size) == size - 1, 0.0, jnp.inf).astype(costs.dtype)

    def back(ahead: Array, _: None) -> tuple[Array, Array]:
        total = costs + ahead
        return jnp.min(total, axis=1), jnp.argmin(total, axis=1)

    _, choice = jax.lax.scan(back, ahead, None, length=num_steps)
    follow = lambda index, row: (row[index], row[index])
    _, path = jax.lax.scan(follow, jnp.zeros((), choice.dtype), choice, reverse=True)
    return jnp.append(0, path[::-1])


def _on(grid: Array, num_evals: int) -> Schedule:
    """The fixed samplers on one grid, stacked."""
    order = min(4, num_evals)
    solvers = [
        ddim,
        lambda g: ipndm(g, order),
        lambda g: deis(g, order),
        lambda g: dpm_solver_pp(g, 2),
        lambda g: unipc(g, 2),
        lambda g: unipc(g, min(3, order)),
    ]
    return solvers_on(grid[None], solvers)
