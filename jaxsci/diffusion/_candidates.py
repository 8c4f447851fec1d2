"""All fixed samplers on all usual grids: the baseline of a search, and where it starts."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._derived import pad_schedule, stack_schedules
from ._grids import log_snr_grid, rho_grid, time_grid
from ._named import ddim, deis, dpm_solver_pp, ipndm, unipc
from ._noise import EDM, VPLinear
from ._schedule import Schedule

GRIDS = {
    "rho7": rho_grid,
    "log_snr": log_snr_grid,
    "time": lambda noise, n: time_grid(noise, n, VPLinear()),
}
_SOLVERS = {
    "ddim": (ddim, 1),
    "dpm_solver_pp 2": (lambda grid: dpm_solver_pp(grid, 2), 2),
    "dpm_solver_pp 3": (lambda grid: dpm_solver_pp(grid, 3), 3),
    "third order": (lambda grid: dpm_solver_pp(grid, 3, exact=True), 3),
    "unipc 2": (lambda grid: unipc(grid, 2), 2),
    "unipc 3": (lambda grid: unipc(grid, 3), 3),
    "ipndm": (lambda grid: ipndm(grid, min(4, grid.size - 1)), 1),
    "deis": (lambda grid: deis(grid, min(4, grid.size - 1)), 1),
}


def candidate_names(num_evals: int) -> list[str]:
    """Names of the pairs, in the order of `candidates`.

    Args:
        num_evals: samplers that need more steps are left out.

    Returns:
        "solver, grid".
    """
    return [f"{s}, {g}" for s, (_, least) in _SOLVERS.items() if least <= num_evals for g in GRIDS]


def candidates(span: Float[Array, "2"], num_evals: int) -> Schedule:
    """Every fixed sampler on every grid, stacked.

    Args:
        span: first and last log-SNR.
        num_evals: evaluations of each.

    Returns:
        A population with one spare row, for searched schedules with an analytic first step.
    """
    noise = EDM(*jnp.exp(-span.astype(float)))
    grids = jnp.stack([make(noise, num_evals).astype(span.dtype) for make in GRIDS.values()])
    return solvers_on(grids, [make for make, least in _SOLVERS.values() if least <= num_evals])


def solvers_on(
    grids: Float[Array, "g n+1"], solvers: Sequence[Callable[[Array], Schedule]]
) -> Schedule:
    """Every solver on every grid, stacked, with one spare row.

    Args:
        grids: of one length.
        solvers: named methods whose decisions do not depend on the grid.

    Returns:
        A population, the grid changing fastest.
    """
    num, steps = grids.shape[0], grids.shape[1] - 1
    with jax.ensure_compile_time_eval():  # decisions are constants: they leave no operations
        plain = jnp.arange(steps + 1.0, dtype=grids.dtype)
        made = [pad_schedule(make(plain), steps + 1) for make in solvers for _ in range(num)]
        template = stack_schedules(made).astype(grids.dtype)
    times = jnp.tile(jnp.concatenate([grids, grids[:, -1:]], axis=1), (len(solvers), 1))
    return eqx.tree_at(lambda s: s.log_snr, template, times)
