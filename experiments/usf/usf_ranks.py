"""Do errors on a mixture rank the fixed samplers as published FID on pictures does?"""

import math
import statistics
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.stats import spearmanr
from usf_search import GRIDS, search_problem

from jaxsci.diffusion import (
    AbstractDenoiser,
    FrechetDistance,
    ScheduleSearch,
    ddim,
    deis,
    dpm_solver,
    dpm_solver_pp,
    integrate,
    ipndm,
    unipc,
)

EVALUATIONS = (5, 6, 8, 10)
# FID of EDM on CIFAR-10, as the figures of the toolbox of the authors of GITS and AMED give it
PUBLISHED = {
    "ddim": (49.66, 35.62, 22.32, 15.69),
    "dpm_solver 2": (math.nan, 60.00, 10.30, 5.01),
    "dpm_solver_pp 3": (24.97, 11.99, 4.54, 3.00),
    "deis": (14.39, 9.40, 5.55, 4.09),
    "unipc 3": (23.98, 11.14, 3.99, 2.89),
    "ipndm": (13.59, 7.05, 3.69, 2.77),
}
# the samplers on the grids they are recommended with there
_SAMPLERS = {
    "ddim": lambda n: ddim(GRIDS["rho7"](n)),
    "dpm_solver 2": lambda n: dpm_solver(GRIDS["log_snr"](n // 2), 2),
    "dpm_solver_pp 3": lambda n: dpm_solver_pp(GRIDS["log_snr"](n), 3),
    "deis": lambda n: deis(GRIDS["time"](n), 3, "time"),
    "unipc 3": lambda n: unipc(GRIDS["log_snr"](n), 3),
    "ipndm": lambda n: ipndm(GRIDS["rho7"](n), 4),
}


def rank_correlations(denoiser: AbstractDenoiser, dim: int, num: int) -> dict[str, Any]:
    """Spearman's correlation with the published FID: over all cells, and mean of each number.

    Args:
        denoiser: the model.
        dim: of one sample.
        num: noises.
    """
    problem = search_problem(denoiser, dim, 5, 12345, num_train=2, num_valid=num)
    cells = {
        (name, k): _scores(problem, name, n)
        for name in _SAMPLERS
        for k, n in enumerate(EVALUATIONS)
        if not math.isnan(PUBLISHED[name][k])
    }
    found: dict[str, Any] = {"cells": {f"{n}, {EVALUATIONS[k]}": v for (n, k), v in cells.items()}}
    for score in ("rmse", "frechet"):
        each = [_rank(cells, score, [k]) for k in range(len(EVALUATIONS))]
        every = _rank(cells, score, range(len(EVALUATIONS)))
        found[score] = {"all": every, "within": statistics.mean(each)}
    return found


def _rank(cells: dict, score: str, columns: Iterable[int]) -> float:
    """Spearman's correlation over the cells of some numbers of evaluations."""
    keys = [key for key in cells if key[1] in columns]
    ours = np.array([cells[key][score] for key in keys])
    theirs = np.array([PUBLISHED[name][k] for name, k in keys])
    return float(np.asarray(spearmanr(ours, theirs))[0])


def _scores(problem: ScheduleSearch, name: str, num_evals: int) -> dict[str, float]:
    starts, targets = problem.valid, (problem.targets or (None, None))[1]
    if starts is None or targets is None:
        raise ValueError("samplers are ranked on fresh noises: the problem must have some.")
    schedule = _SAMPLERS[name](num_evals).astype(starts.dtype)
    ends = integrate(problem.denoiser, schedule, starts)
    return {
        "rmse": float(jnp.sqrt(jnp.mean((ends - targets) ** 2))),
        "frechet": float(FrechetDistance()(ends, targets)),
    }
