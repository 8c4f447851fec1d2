"""The multi-scale benchmark of GP-HM (arXiv 2311.04465): every solver of the house side by side.

Relative L2 errors on the paper's test grid. No frequency, hyperparameter or checkpoint is chosen
with the exact solution; the one row that is told the true frequency says so. Times are CPU seconds
of the process, medians of warm runs.
"""

import os

if __name__ == "__main__":  # one thread; read when JAX starts, so before it is imported
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    os.environ["OMP_NUM_THREADS"] = "1"

from dataclasses import dataclass
from typing import Any

from gp_hm_measure import (
    compile_seconds,
    measure_features,
    measure_kronecker,
    measure_rival,
    scale_report,
)
from gp_hm_noisy import noisy_poisson
from gp_hm_rows import KRONECKER, ROWS, UNDER_RESOLVED, Asked

from jaxsci.run import Row, Run, script

_RIVALS = ("gphm", "kronecker", "chebyshev", "differences")
_PROBED = (0, 2, 7, 9, 10, 14)  # one row per program: dimension, linear or not, with time
_SCALES = {1000: (15.0, 2.0), 2000: (90.0, 6.0)}  # points per dimension: CPU s, memory in GB


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    repeats: int = 3
    """warm runs of which the median counts"""
    gphm_steps: int = 300
    """Adam steps of the published method in one dimension (two: a tenth)"""
    rivals: bool = True
    """measure the rivals as well"""
    draws: int = 20
    """data sets of the noisy problem"""
    check: bool = False
    """exit with status 1 if an acceptance row is missed"""
    quick: bool = False
    """a subset of a minute: no rivals, no fresh processes"""


def main(settings: Settings, run: Run) -> dict[str, Any]:
    """Measure all rows, print the table, record everything.

    Args:
        settings: what to measure.
        run: the recorder.

    Returns:
        The metrics.
    """
    rows = [row for row in ROWS if row.quick or not settings.quick]
    metrics: dict[str, Any] = {}
    for asked in run.progress(rows, "problems"):
        metrics[asked.label] = _problem(asked, settings, run)
    metrics["under-resolved"] = _under_resolved(run)
    metrics["kronecker"] = _kronecker(settings, run)
    metrics["noisy"] = _noisy(settings, run)
    if not settings.quick:
        metrics["scale"] = {str(num): _scale(num, run) for num in _SCALES}
        metrics["compile"] = {ROWS[i].label: _compile(i, run) for i in _PROBED}
    _print_table(rows, metrics)
    return metrics


def _problem(asked: Asked, settings: Settings, run: Run) -> dict[str, Any]:
    found = measure_features(asked, settings.repeats)
    run.accept(Row.at_most(f"{asked.label}: error", found["error"], asked.error))
    run.accept(Row.at_most(f"{asked.label}: warm CPU s", found["warm"], asked.seconds))
    print(f"{asked.label}: {found['error']:.1e} in {found['warm']:.2f} CPU s", flush=True)
    if settings.rivals and not settings.quick:
        steps = {1: settings.gphm_steps, 2: settings.gphm_steps // 10, 3: 0}
        found["rivals"] = {name: measure_rival(name, asked, steps) for name in _RIVALS}
        print(f"    rivals: {found['rivals']}", flush=True)
    return found


def _under_resolved(run: Run) -> dict[str, Any]:
    found = measure_features(UNDER_RESOLVED, 0)
    name = f"{UNDER_RESOLVED.label}: called successful"
    run.accept(Row.at_most(name, float(found["successful"]), 0.0))
    return found


def _kronecker(settings: Settings, run: Run) -> dict[str, Any]:
    found = measure_kronecker(KRONECKER, settings.repeats)
    name = "KroneckerGP, single_sin, true frequency given"
    run.accept(Row.at_most(f"{name}: error", found["error"], KRONECKER.error))
    run.accept(Row.at_most(f"{name}: warm CPU s", found["warm"], KRONECKER.seconds))
    return found


def _noisy(settings: Settings, run: Run) -> dict[str, Any]:
    found = noisy_poisson(4 if settings.quick else settings.draws)
    if not settings.quick:  # four draws say nothing about coverage
        run.accept(Row.between("noisy: coverage of the 95 % band", found["coverage"], 0.92, 0.98))
    run.accept(Row.at_most("noisy: error over the Cramer-Rao level", found["ratio"], 3.0))
    run.accept(Row.at_most("noisy: warm CPU s", found["seconds"], 2.0))
    return found


def _scale(num: int, run: Run) -> dict[str, float]:
    found = scale_report(num)
    print(f"{num} x {num}: {found}", flush=True)
    seconds, memory = _SCALES[num]
    run.accept(Row.at_most(f"{num} x {num}: error", found["error"], 1e-8))
    run.accept(Row.at_most(f"{num} x {num}: CPU s with deviations", found["warm"], seconds))
    run.accept(Row.at_most(f"{num} x {num}: peak memory, GB", found["memory_gb"], memory))
    return found


def _compile(index: int, run: Run) -> dict[str, float]:
    cold, cached = compile_seconds(index)
    print(f"{ROWS[index].label}: compiles in {cold:.1f} s, cached {cached:.1f} s", flush=True)
    run.accept(Row.at_most(f"{ROWS[index].label}: cold compile, CPU s", cold, 10.0))
    run.accept(Row.at_most(f"{ROWS[index].label}: with the cache, CPU s", cached, 3.0))
    return {"cold": cold, "cached": cached}


def _print_table(rows: list[Asked], metrics: dict[str, Any]) -> None:
    head = ("SpectralFeatureGP", "GPHM", "KroneckerGP", "Chebyshev", "differences")
    print("\nrelative L2 error / CPU s")
    print(f"{'problem, nodes':44s}" + "".join(f"{name:>20s}" for name in head))
    for asked in rows:
        found = metrics[asked.label]
        cells = [f"{found['error']:.1e} / {found['warm']:.2f}"]
        for name in _RIVALS:
            rival = found.get("rivals", {}).get(name)
            cells.append(f"{rival['error']:.1e} / {rival['seconds']:.2f}" if rival else "-")
        print(f"{asked.label:44s}" + "".join(f"{cell:>20s}" for cell in cells))


if __name__ == "__main__":
    script(__file__)
