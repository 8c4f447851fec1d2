"""Pictures: what was found, errors against evaluations, paths in the plane, digits side by side."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from usf_models import digits_mixture, plane_mixture
from usf_search import GRIDS

from jaxsci.diffusion import (
    EDM,
    Schedule,
    ddim,
    dpm_solver_pp,
    fine_path,
    integrate,
    ipndm,
    rho_grid,
    unipc,
)
from jaxsci.plot import (
    plot_sample_rows,
    plot_schedules,
    plot_solver_errors,
    plot_trajectories,
)

NAMED = {"DDIM": ddim, "DPM-Solver++ 2M": dpm_solver_pp, "UniPC-3": lambda g: unipc(g, 3)}


def schedule_strips(found: Mapping[int, Schedule]) -> Any:
    """What was found for each number of evaluations, below a published sampler."""
    named = {"UniPC-3, 5": unipc(GRIDS["log_snr"](5), 3)}
    axes = plot_schedules(named | {f"searched, {n}": schedule for n, schedule in found.items()})
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axes.figure


def error_curves(cells: Mapping[int, Mapping[str, Any]]) -> Any:
    """Errors of all fixed samplers on their best grids, and of the search."""
    evaluations = sorted(cells)
    solvers = dict.fromkeys(
        name.rsplit(", ", 1)[0] for n in evaluations for name in cells[n]["rivals"]
    )
    best = lambda n, solver: min(
        (e for name, e in cells[n]["rivals"].items() if name.rsplit(", ", 1)[0] == solver),
        default=np.nan,
    )
    errors = {s: np.array([best(n, s) for n in evaluations]) for s in solvers}
    errors["searched"] = np.array([cells[n]["rmse"] for n in evaluations])
    axes = plot_solver_errors(evaluations, errors, emphasis=("searched",))
    axes.set_ylabel("RMSE to the teacher")
    return axes.figure


def plane_paths() -> Any:
    """The teacher and three samplers of eight evaluations on eight narrow modes."""
    import matplotlib.pyplot as plt

    model = plane_mixture()
    start = 80 * jax.random.normal(jax.random.key(3), (24, 2), jnp.float32)
    data = model.sample(jax.random.key(4), 2000)
    figure, panels = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")
    fine = rho_grid(EDM(), 200).astype("float32")
    path = fine_path(model, fine, start)
    plot_trajectories(path, fine, data=data, marks=False, axes=panels[0])
    panels[0].set_title("teacher")
    for axes, (name, make) in zip(panels[1:], NAMED.items(), strict=True):
        schedule = make(GRIDS["rho7"](8)).astype("float32")
        path = integrate(model, schedule, start, path=True)
        plot_trajectories(path, schedule.log_snr, data=data, axes=axes)
        axes.set_title(f"{name}, 8 evaluations")
    return figure


def digit_rows(schedule: Schedule, num_evals: int) -> Any:
    """The same noises through the teacher, three fixed samplers and the schedule found."""
    model = digits_mixture()
    start = 80 * jax.random.normal(jax.random.key(7), (14, 64), jnp.float32)
    grid = GRIDS["rho7"](num_evals)
    named = {"DDIM": ddim(grid), "UniPC-3": unipc(grid, 3), "iPNDM": ipndm(grid, 4)}
    rows = {"teacher": fine_path(model, rho_grid(EDM(), 64).astype("float32"), start)[-1]}
    for name, sampler in (named | {"searched": schedule}).items():
        rows[f"{name}, {num_evals}"] = integrate(model, sampler.astype("float32"), start)
    return plot_sample_rows(rows, (8, 8), num=14, limits=(-1.0, 1.0)).figure
