"""Light Schrödinger bridges on the mixtures benchmark: errors, times, rivals, hard cases, real use.

Errors are conditional BW-UVP in per cent with exact moments, medians over instances of the
generator. Times are CPU seconds of the process on one thread, medians of warm runs.
"""

import os

if __name__ == "__main__":  # one thread; read when JAX starts, so before it is imported
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    os.environ["OMP_NUM_THREADS"] = "1"

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import light_sb_rows as asked_for
from light_sb_cells import generated_cells, load_cells, trajectory
from light_sb_exact import gaussian_drift_errors, gradient_errors
from light_sb_hard import lost_cluster, raised_losses, sample_floor
from light_sb_inverse import recovery_errors
from light_sb_measure import (
    first_fit_seconds,
    instance,
    median_of_instances,
    sweep_seconds,
)
from light_sb_rivals import all_rivals
from light_sb_rows import LEARNING_RATES, ROWS, TIMED, Asked
from light_sb_streamed import streamed_report
from light_sb_torch import INSTALLED, NOT_RUN, torch_light_sb

from jaxsci.run import Row, Run, script


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    seeds: int = 5
    """instances of the generator of which the median counts"""
    num_samples: int = 200_000
    """samples a side"""
    repeats: int = 3
    """warm runs of which the median counts"""
    steps: int = 10_000
    """of the stochastic rivals"""
    patience: int = 40_000
    """steps after which a stochastic rival that has not met our error is given up"""
    timed: bool = False
    """only the cells and rows about time"""
    rivals: bool = True
    """measure the rivals and the ratios of times"""
    pictures: bool = True
    """draw the gallery"""
    cells: Path | None = None
    """an .npz file with X_pca and day, instead of the generated cells"""
    check: bool = False
    """exit with status 1 if an acceptance row is missed"""
    quick: bool = False
    """a subset of a minute: D = 2, one instance, no rivals, no hard cases, no pictures"""


def main(settings: Settings, run: Run) -> dict[str, Any]:
    """Measure all rows, print the table, record everything.

    Args:
        settings: what to measure.
        run: the recorder.

    Returns:
        The metrics.
    """
    populations = _populations(settings)  # what can be wrong is found first
    rows = [row for row in (TIMED if settings.timed else ROWS) if row.quick or not settings.quick]
    metrics: dict[str, Any] = {}
    for asked in run.progress(rows, "cells"):
        metrics[asked.label] = _cell(asked, settings, run)
    if not settings.timed:
        metrics |= _checks(populations, settings, run)
    if settings.rivals and not settings.quick:
        metrics["rivals"] = {row.label: _rivals(row, metrics[row.label], settings) for row in rows}
        _ratios(metrics, settings, run)
        metrics["sweep"] = _sweep(settings, run)
    if settings.pictures and not (settings.quick or settings.timed):
        _pictures(run)
    _print_table(rows, metrics)
    return metrics


def _checks(populations: list, settings: Settings, run: Run) -> dict[str, Any]:
    """What is not about the cells of the benchmark."""
    found = {
        "exact": _exact(settings, run),
        "trajectory": _trajectory(populations, settings, run),
    }
    if settings.quick:
        return found
    rest = {"inverse": _inverse(run), "hard": _hard(settings, run), "streamed": _streamed(run)}
    return found | rest


def _populations(settings: Settings) -> list:
    if settings.cells is not None:
        return [load_cells(settings.cells)]
    count, num = (1, 600) if settings.quick else (3, 4000)
    return [generated_cells(seed, num) for seed in range(count)]


def _cell(asked: Asked, settings: Settings, run: Run) -> dict[str, float]:
    seeds = 1 if settings.quick else settings.seeds
    found = median_of_instances(asked, seeds, settings.num_samples, settings.repeats)
    run.accept(Row.at_most(f"{asked.label}: cBW-UVP, %", found["error"], asked.error))
    bound = asked_for.SAMPLED_OVER_FLOOR[0]
    run.accept(Row.at_most(f"{asked.label}: sampled over floor", found["over_floor"], bound))
    print(
        f"{asked.label}: {found['error']:.4f} % (worst {found['worst']:.4f}, asked {asked.error}, "
        f"stretch {asked.stretch}), sampled {found['sampled']:.4f} (floor {found['floor']:.4f}), "
        f"loss - truth's {found['excess_loss']:.1e}, {found['warm']:.2f} CPU s",
        flush=True,
    )
    return found


def _exact(settings: Settings, run: Run) -> dict[str, Any]:
    cases = ((2, 0.1),) if settings.quick else ((2, 0.1), (2, 10.0), (16, 1.0))
    fits = not settings.quick
    drifts = [gaussian_drift_errors(dim, 4000, epsilon, fits) for dim, epsilon in cases]
    drift = {name: max(each[name] for each in drifts) for name in drifts[0]}
    for name, error in drift.items():
        label = f"Gaussian to Gaussian, {name}: error of the drift on [0, 1]"
        run.accept(Row.at_most(label, error, asked_for.GAUSSIAN_DRIFT))
    slopes = gradient_errors(300 if settings.quick else 1000)
    for name, error in slopes.items():
        label = f"derivative of the fitted {name.replace('_', ' in ')}: error"
        run.accept(Row.at_most(label, error, asked_for.GRADIENT))
    return {"drift": drift, "slopes": slopes}


def _inverse(run: Run) -> dict[str, float]:
    found = recovery_errors(20_000, 4000)
    run.accept(Row.at_most("recovered epsilon: relative error", found["epsilon_error"], 0.1))
    run.accept(Row.at_most("recovered shift: error", found["shift_error"], 0.1))
    print(f"inverse: {found}", flush=True)
    return found


def _trajectory(populations: list, settings: Settings, run: Run) -> dict[str, Any]:
    """The mean over populations: one of them says little, its energy distances are noisy."""
    steps = 1000 if settings.quick else settings.steps
    found = [trajectory(days, 0.1, steps, jax.random.key(4)) for days in populations]
    mean = lambda name, day: sum(each[name][day] for each in found) / len(found)
    days = {
        name: {day: mean(name, day) for day in ("middle", "target")}
        for name in ("baseline", "moment_matching", "light_sb")
    }
    ratio = days["moment_matching"]["target"] / days["light_sb"]["target"]
    run.accept(Row.at_most("cells: target-day energy distance over LightSB's", ratio, 1.0))
    print(f"cells: {days}", flush=True)
    return {"mean": days, "populations": found}


def _hard(settings: Settings, run: Run) -> dict[str, Any]:
    raised = raised_losses(20)
    rise = raised["guarded_rise"]
    run.accept(Row.at_most("guarded sweeps: largest rise of the loss", rise, 1e-9))
    lost = lost_cluster(8, settings.num_samples)
    run.accept(Row.at_most("D=16, eps=0.1, worst of 8 keys: cBW-UVP, %", lost["default"], 0.1))
    few, many, most = 20_000, 200_000, 2_000_000
    floor = sample_floor(((few, few), (many, many), (most, many), (many, most), (most, most)))
    gain = floor[f"error_{few}_{few}"] / floor[f"error_{many}_{many}"]
    run.accept(Row.at_least("eps=0.1: error falls with ten times the samples by", gain, 3))
    print(f"hard: {lost}, {floor}, plain sweeps rise by {raised['plain_rise']:.3g}", flush=True)
    return {"raised": raised, "lost": lost, "floor": floor}


def _streamed(run: Run) -> dict[str, float]:
    found = streamed_report(6_000_000)
    share = found["memory_gb"] / found["data_gb"]
    run.accept(Row.at_most("fit from files: memory over the size of the data", share, 0.5))
    run.accept(Row.at_most("fit from files, D=16, eps=1: cBW-UVP, %", found["error"], 0.005))
    print(f"streamed: {found}", flush=True)
    return found


def _rivals(asked: Asked, found: dict[str, float], settings: Settings) -> dict[str, Any]:
    case = instance(asked, 0, settings.num_samples)
    patience = settings.patience if asked in TIMED else settings.steps
    rivals = all_rivals(case, asked, found["first_instance"], settings.steps, patience)
    if asked in TIMED and INSTALLED:
        x0, x1 = jax.device_get(case.data)
        model, seconds = torch_light_sb(
            x0,
            x1,
            asked.epsilon,
            learning_rate=LEARNING_RATES[asked.epsilon],
            steps=settings.steps,
        )
        rivals["torch"] = {"error": case.error(model), "seconds": seconds}
    print(f"{asked.label}, rivals: {rivals}", flush=True)
    return rivals


def _ratios(metrics: dict[str, Any], settings: Settings, run: Run) -> None:
    """Rows about time, against our own LightSB and against PyTorch."""
    for asked in TIMED:
        warm, rivals = metrics[asked.label]["warm"], metrics["rivals"][asked.label]
        for name, components in (("light_sb", asked_for.PUBLISHED_COMPONENTS), ("light_sb_5", 5)):
            until = "to our error" if rivals[name]["reached"] else "given up above it"
            label = f"{asked.label}: times faster than LightSB, K={components}, {until}"
            ratio = rivals[name]["seconds_to_target"] / warm
            run.accept(Row.at_least(label, ratio, asked_for.FASTER_THAN_LIGHTSB[0]))
        label = f"{asked.label}: times faster than LightSB in torch"
        _against_torch(label, rivals, warm, asked_for.FASTER_THAN_TORCH[0], run)
    first = ROWS[1]
    once = first_fit_seconds(first, settings.num_samples) if INSTALLED else 0.0
    metrics["first_fit_seconds"] = once
    label = f"{first.label}: times faster than torch, one fit with compilation"
    rivals = metrics["rivals"][first.label]
    _against_torch(label, rivals, once, asked_for.FASTER_THAN_TORCH_ONCE[0], run)


def _against_torch(label: str, rivals: dict, seconds: float, bound: float, run: Run) -> None:
    if INSTALLED:
        run.accept(Row.at_least(label, rivals["torch"]["seconds"] / seconds, bound))
    else:
        run.accept(Row(label, f">= {bound:g}", NOT_RUN, False))


def _sweep(settings: Settings, run: Run) -> dict[int, dict[str, float]]:
    """With few samples a fit costs what its steps cost to start, which lanes share."""
    sizes = {}
    for num in (100, 200, 500, 1000, 4000):
        found = sweep_seconds(64, num, settings.repeats)
        label = f"64 epsilons, {num} samples: vmapped against one at a time, per fit"
        bound = asked_for.FASTER_IN_A_SWEEP[0]
        run.accept(Row.at_least(label, found["single"] / found["vmap"], bound))
        print(f"sweep, {num} samples, CPU s per fit: {found}", flush=True)
        sizes[num] = found
    return sizes


def _pictures(run: Run) -> None:
    from light_sb_pictures import DIGITS, digits, gallery

    run.save_figure("gallery", gallery)
    if DIGITS:
        run.save_figure("digits", digits)
    else:
        print("no picture of digits: scikit-learn is not installed", flush=True)


def _print_table(rows: list[Asked], metrics: dict[str, Any]) -> None:
    names = ("light_sb", "light_sb_5", "sinkhorn", "gaussian", "torch")
    head = ("MomentMatching", "LightSB 50", "LightSB 5", "Sinkhorn 2000", "Gaussian", "torch 50")
    print("\ncBW-UVP, % / CPU s (MomentMatching: median of instances; rivals: the first)")
    print(f"{'cell':22s}" + "".join(f"{name:>18s}" for name in head))
    for asked in rows:
        found = metrics[asked.label]
        cells = [f"{found['error']:.4f} / {found['warm']:.2f}"]
        for name in names:
            rival = metrics.get("rivals", {}).get(asked.label, {}).get(name)
            cells.append(f"{rival['error']:.4f} / {rival['seconds']:.2f}" if rival else "-")
        print(f"{asked.label:22s}" + "".join(f"{cell:>18s}" for cell in cells))


if __name__ == "__main__":
    script(__file__)
