"""Schedules for few evaluations, searched: gains over every fixed sampler, transfer, cost, speed.

Errors are root mean squares per coordinate to the end of a fine teacher, on noises that the search
has not seen; the best fixed sampler is chosen in hindsight on those noises. Times are CPU seconds
of the process on one thread.
"""

import os

if __name__ == "__main__":  # one thread; read when JAX starts, so before it is imported
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import usf_models as models
import usf_rows as asked
from usf_exact import (
    convergence_slopes,
    gradient_error,
    noise_schedule_difference,
    programs_of,
    uneven_difference,
)
from usf_network import trained_network
from usf_ranks import rank_correlations
from usf_search import median_gain, num_schedule_evaluations
from usf_throughput import compile_seconds, throughput
from usf_torch import INSTALLED as TORCH
from usf_torch import NOT_RUN as NO_TORCH
from usf_transfer import transfer

from jaxsci.diffusion import AbstractDenoiser, Combined
from jaxsci.run import Row, Run, script

CHILD = Path(__file__).with_name("usf_child.py")


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    seeds: int = 3
    """searches, each with noises of its own, of which the median counts"""
    first_seed: int = 0
    """of them"""
    noises: int = 1024
    """fresh noises that errors are measured on"""
    steps: int = 4000
    """of Adam, for the trained network"""
    search: bool = True
    """search on the digits"""
    others: bool = True
    """search on photo patches and on a trained network, and transfer"""
    timed: bool = True
    """measure throughput and compilation"""
    pictures: bool = True
    """draw what was found"""
    check: bool = False
    """exit with status 1 if an acceptance row is missed"""
    quick: bool = False
    """a subset of a minute: what has an exact answer, and one small search in the plane"""


def main(settings: Settings, run: Run) -> dict[str, Any]:
    """Measure all rows, print the table, record everything.

    Args:
        settings: what to measure.
        run: the recorder.

    Returns:
        The metrics.
    """
    metrics: dict[str, Any] = {"exact": _exact(settings, run)}
    if settings.quick:
        return metrics | {"plane": _plane(run)}
    if not models.INSTALLED:
        run.accept(Row("searches on digits and photographs", "run", models.NOT_RUN, False))
        return metrics
    seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
    if settings.timed:
        metrics["speed"] = _speed(run)
    if settings.search:
        metrics["digits"], found = _digits(seeds, settings, run)
        metrics["ranks"] = _ranks(settings)
        if settings.pictures:
            _pictures(metrics["digits"], found, run)
    if settings.others:
        metrics["others"] = _others(seeds, settings, run)
        metrics["transfer"] = _transfer(seeds, run)
    return metrics


def _exact(settings: Settings, run: Run) -> dict[str, Any]:
    slopes = convergence_slopes()
    for name, slope in slopes.items():
        run.accept(Row.at_least(f"{name}: convergence slope", slope, asked.SLOPES[name]))
    noises = noise_schedule_difference()
    run.accept(Row.at_most("four noise schedules, one denoiser", noises, asked.NOISES))
    uneven = {order: uneven_difference(20.0, order) for order in (1, 2, 3, 4)}
    for order, difference in uneven.items():
        label = f"60 uneven steps, order {order}: float32 against float64"
        run.accept(Row.at_most(label, difference, asked.UNEVEN))
    found = {"slopes": slopes, "noises": noises, "uneven": uneven}
    return found if settings.quick else found | _slow_exact(run)


def _slow_exact(run: Run) -> dict[str, float]:
    error, programs = gradient_error(), programs_of(1000)
    run.accept(Row.at_most("gradients against differences", error, asked.GRADIENT))
    run.accept(Row.at_most("programs of 1,000 schedules", programs, 1))
    return {"gradients": error, "programs": programs}


def _plane(run: Run) -> dict[str, Any]:
    """A search of a few seconds that shows the machinery."""
    from jaxsci.diffusion import GradientTimes

    method = GradientTimes(max_steps=40, num_starts=2)
    found = median_gain(
        models.plane_mixture(), 2, 5, range(1), num_train=64, num_valid=256, method=method
    )
    run.accept(Row.at_least("plane, 5 evaluations: gain of the times alone", found["gain"], 1.0))
    return _numbers(found)


def _digits(seeds: range, settings: Settings, run: Run) -> tuple[dict[int, Any], dict[int, Any]]:
    denoiser, cells, found = models.digits_mixture(), {}, {}
    for num_evals, (least, stretch) in run.progress(list(asked.GAINS.items()), "digits"):
        cell = _searched(f"digits, {num_evals}", denoiser, 64, num_evals, seeds, settings)
        run.accept(Row.at_least(f"digits, {num_evals} evaluations: gain", cell["gain"], least))
        seconds = cell["warm_seconds"]
        label = f"digits, {num_evals} evaluations: CPU s of a warm search"
        run.accept(Row.at_most(label, seconds, asked.SEARCH_SECONDS))
        cells[num_evals] = _numbers(cell) | {"stretch": stretch}
        found[num_evals] = cell["schedule"]
    counts = num_schedule_evaluations(Combined(), 5)
    label = "schedule evaluations of a search, a gradient counted three times"
    run.accept(Row.at_most(label, counts["forward_runs"], asked.SEARCH_EVALUATIONS))
    return cells, found


def _searched(
    label: str,
    denoiser: AbstractDenoiser,
    dim: int,
    num_evals: int,
    seeds: range,
    settings: Settings,
    **sizes: int,
) -> dict[str, Any]:
    sizes = {"num_valid": settings.noises} | sizes
    cell = median_gain(denoiser, dim, num_evals, seeds, **sizes)
    print(
        f"{label}: gains {[round(g, 2) for g in cell['gains']]}, RMSE {cell['rmse']:.4f} "
        f"(train {cell['train_rmse']:.4f}, median {cell['median']:.4f}, 95 % {cell['tail']:.4f}), "
        f"best fixed {cell['fixed']} {cell['fixed_rmse']:.4f} (median {cell['fixed_median']:.4f}), "
        f"stages {[round(e, 4) for e in cell['stages']]}, {cell['seconds']:.0f} CPU s with "
        f"compilation, {cell['warm_seconds']:.0f} warm",
        flush=True,
    )
    return cell


def _ranks(settings: Settings) -> dict[str, Any]:
    found = rank_correlations(models.digits_mixture(), 64, settings.noises)
    for score in ("rmse", "frechet"):
        print(f"rank correlation of {score} with published FID: {found[score]}", flush=True)
    return found


def _others(seeds: range, settings: Settings, run: Run) -> dict[str, Any]:
    network, training = trained_network(settings.steps)
    print(f"trained network: {training}", flush=True)
    few = {"num_train": 32}  # 3,072 dimensions
    cases = {
        "patches": (models.patch_mixture(), 3072, few),
        "network": (network, 64, {}),
    }
    found: dict[str, Any] = {"training": training}
    for name, (denoiser, dim, sizes) in cases.items():
        for num_evals in (5, 10):
            label = f"{name}, {num_evals}"
            part = seeds[:1] if name == "patches" else seeds
            cell = _searched(label, denoiser, dim, num_evals, part, settings, **sizes)
            run.accept(Row.at_least(f"{label} evaluations: gain", cell["gain"], asked.OTHER_GAIN))
            found[label] = _numbers(cell)
    return found


def _transfer(seeds: range, run: Run) -> dict[int, Any]:
    found = {}
    for num_evals in (5, 10):
        found[num_evals] = transfer(num_evals, seeds[0] + 1)
        label = f"schedule of {num_evals} moved to the other half of the digits: share kept"
        run.accept(Row.at_least(label, found[num_evals]["kept"], asked.KEPT_GAIN))
        print(f"transfer, {num_evals}: {found[num_evals]}", flush=True)
    return found


def _speed(run: Run) -> dict[str, Any]:
    compilation = compile_seconds(CHILD)
    label = "compilation of a population call, CPU s"
    run.accept(Row.at_most(label, compilation, asked.COMPILE_SECONDS))
    found: dict[str, Any] = {"compile": compilation}
    for name, bound in zip(("digits", "plane"), asked.FASTER_THAN_TORCH, strict=True):
        found[name] = throughput(name, 256, 5)
        label = f"{name}: 256 schedules in one call, times faster than a PyTorch loop"
        if TORCH:
            ratio = found[name]["torch"] / found[name]["one_call"]
            run.accept(Row.at_least(label, ratio, bound))
        else:
            run.accept(Row(label, f">= {bound:g}", NO_TORCH, False))
        print(f"{name}, CPU ms per schedule: {found[name]}", flush=True)
    return found


def _pictures(cells: Mapping[int, Any], found: Mapping[int, Any], run: Run) -> None:
    import usf_pictures as pictures

    run.save_figure("schedules", lambda: pictures.schedule_strips(found))
    run.save_figure("errors", lambda: pictures.error_curves(cells))
    run.save_figure("paths", pictures.plane_paths)
    run.save_figure("digits", lambda: pictures.digit_rows(found[5], 5))


def _numbers(cell: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cell.items() if name != "schedule"}


if __name__ == "__main__":
    script(__file__)
