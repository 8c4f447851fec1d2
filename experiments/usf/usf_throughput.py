"""256 schedules in one call against a loop in PyTorch, and what the call costs to compile."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from usf_models import digits_mixture, plane_mixture
from usf_torch import INSTALLED, TorchMixture, torch_steps

from jaxsci.diffusion import (
    EDM,
    Schedule,
    dpm_solver_pp,
    integrate,
    log_snr_grid,
    pad_schedule,
    rho_grid,
    run_population,
    stack_schedules,
    unipc,
)
from jaxsci.diffusion._mutation import draw, mutate
from jaxsci.run import child_report

NUM_EVALS, ROWS = 5, 32
MODELS = {"digits": digits_mixture, "plane": plane_mixture}


def random_schedules(count: int, seed: int = 0) -> Schedule:
    """Mutants of published samplers, all decisions different, stacked."""
    plain = [
        pad_schedule(make(grid(EDM(), NUM_EVALS)), NUM_EVALS + 1).astype("float32")
        for make in (lambda g: dpm_solver_pp(g, 2), lambda g: unipc(g, 3))
        for grid in (rho_grid, log_snr_grid)
    ]
    parents = stack_schedules([plain[i % len(plain)] for i in range(count)])
    num_steps, real = parents.live.shape[1], parents.log_snr.dtype
    draws = draw(jax.random.key(seed), count, num_steps, real)
    changed = jax.jit(jax.vmap(lambda numbers, parent: mutate(numbers, parent, 0.5, 0.0)))
    mutants = changed(draws, parents)
    # the spare row that mutation asks for is for analytic first steps, which are not used here
    cut = lambda leaf: leaf[:, :NUM_EVALS] if leaf.ndim > 1 else leaf
    times = mutants.log_snr[:, : NUM_EVALS + 1]
    return eqx.tree_at(lambda s: s.log_snr, jax.tree.map(cut, mutants), times)


def throughput(name: str, count: int, repeats: int) -> dict[str, float]:
    """CPU milliseconds per schedule, medians of interleaved runs after a warm-up.

    Args:
        name: of the model, "digits" or "plane".
        count: schedules.
        repeats: runs of each.
    """
    denoiser = MODELS[name]()
    population = random_schedules(count)
    y = 80 * jax.random.normal(jax.random.key(1), (ROWS, denoiser.means.shape[1]), jnp.float32)
    single = [jax.tree.map(lambda leaf, i=i: leaf[i], population) for i in range(count)]
    together = lambda: run_population(denoiser, population, y)
    programs: dict[str, Callable[[], Any]] = {
        "one_call": lambda: jax.block_until_ready(together()),
        "one_by_one": lambda: jax.block_until_ready(
            [integrate(denoiser, each, y) for each in single]
        ),
    }
    found: dict[str, float] = {}
    if INSTALLED:
        import torch

        torch.set_num_threads(1)
        rival, rows = TorchMixture(denoiser), torch.tensor(np.asarray(y))
        hosted = [jax.device_get(each) for each in single]

        def loop() -> list:
            with torch.no_grad():
                return [torch_steps(rival, each, rows) for each in hosted]

        programs["torch"] = loop
        found["difference"] = _difference(np.asarray(together()), np.stack(loop()))
    return found | _interleaved(programs, count, repeats)


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The median relative distance of the ends: both programs do the same."""
    axes = (1, 2)
    gap = np.sqrt(((ours - theirs) ** 2).mean(axes) / (theirs**2).mean(axes))
    return float(np.median(gap))


def _interleaved(programs: dict, count: int, repeats: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats + 1):
        for name, program in programs.items():
            begin = time.process_time()
            program()
            times[name].append(time.process_time() - begin)
    return {name: 1000 * statistics.median(each[1:]) / count for name, each in times.items()}


def compile_seconds(child: Any) -> float:
    """CPU seconds to compile the population call in a fresh process without a cache."""
    return child_report(child)["compile"]


def compiled_once() -> dict[str, float]:
    """What that process reports: the first call less a second one."""
    denoiser, population = digits_mixture(), random_schedules(256)
    y = 80 * jax.random.normal(jax.random.key(1), (ROWS, 64), jnp.float32)
    seconds = []
    for _ in range(2):
        begin = time.process_time()
        jax.block_until_ready(run_population(denoiser, population, y))
        seconds.append(time.process_time() - begin)
    return {"compile": seconds[0] - seconds[1]}
