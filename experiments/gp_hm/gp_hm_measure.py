"""Measurements: error and CPU time of one method on one row; compilation in fresh processes."""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from gp_hm_rivals import NotCovered, finite_differences, relative_error
from gp_hm_rows import Asked

from jaxsci import RESULTS, solve
from jaxsci.gp import GPHM, KroneckerGP, SpectralFeatureGP, StudentTSpectralMixture
from jaxsci.gp._reference import BENCHMARKS, Benchmark
from jaxsci.pde import AbstractPDE
from jaxsci.run import child_report, peak_gigabytes, timed
from jaxsci.spectral import ChebyshevCollocation

_CHILD = Path(__file__).with_name("gp_hm_child.py")

_DENSE = 1000  # the largest Gram matrix that the table assembles


def test_points(benchmark: Benchmark) -> int:
    """The paper's 300 per dimension; 100 in three dimensions."""
    return 300 if benchmark.problem().dim < 3 else 100


def feature_method(asked: Asked) -> SpectralFeatureGP:
    """The method of the row, with nothing tuned to the problem."""
    return SpectralFeatureGP(asked.num_points, nodes=asked.nodes)


def measure_features(asked: Asked, repeats: int) -> dict[str, Any]:
    """Error, times and verdict of `SpectralFeatureGP`."""
    benchmark = BENCHMARKS[asked.problem]
    problem, method = benchmark.problem(), feature_method(asked)
    run = lambda: solve(problem, method, throw=False)
    solution, first, warm = timed(run, repeats)
    middle = problem.domain.lower + 0.37 * problem.domain.lengths
    return {
        "error": float(benchmark.relative_error(solution, test_points(benchmark))),
        "deviation": float(solution.std(middle[None])[0]),
        "validation_residual": float(solution.stats["validation_residual"]),
        "first": first,
        "warm": warm,
        "successful": bool(solution.result == RESULTS.successful),
    }


def measure_rival(name: str, asked: Asked, steps: dict[int, int]) -> dict[str, float] | None:
    """Error and CPU time of a rival on the same row, or `None` where it has no program.

    Args:
        name: `"gphm"`, `"kronecker"`, `"chebyshev"` or `"differences"`.
        asked: the row.
        steps: Adam steps of the published method, per dimension of the problem.

    Returns:
        `error`, and `seconds` warm (for the published method: of its one run, compilation and
        all).
    """
    benchmark = BENCHMARKS[asked.problem]
    problem = benchmark.problem()
    try:
        if name == "gphm":
            return _iterated(benchmark, problem, asked, steps[problem.dim])
        program = _PROGRAMS[name](benchmark, problem, asked)
        found, _, warm = timed(program, 1)
    except NotCovered:
        return None
    exact = benchmark.exact_on_grid(*benchmark.test_axes(test_points(benchmark)))
    return {"error": relative_error(found, exact), "seconds": warm}


def _iterated(benchmark: Benchmark, problem: AbstractPDE, asked: Asked, steps: int):
    if problem.dim > 2 or steps == 0 or asked.problem.startswith("advection"):
        return None
    method = GPHM(asked.num_points, benchmark.freq_scale, max_steps=steps)
    solution, first, _ = timed(lambda: solve(problem, method, throw=False), 0)
    return {"error": float(benchmark.relative_error(solution)), "seconds": first}


def _kronecker(benchmark: Benchmark, problem: AbstractPDE, asked: Asked) -> Callable:
    """The exact posterior under the published method's initial kernel: no frequency is known."""
    if problem.nonlinearity is not None or asked.num_points**problem.dim > _DENSE:
        raise NotCovered
    count = 30
    kernel = StudentTSpectralMixture(
        jnp.full(count, -math.log(count)),
        jnp.linspace(0.0, benchmark.freq_scale, count),
        jnp.ones(count),
    )
    method = KroneckerGP(kernel, asked.num_points)
    axes = benchmark.test_axes()
    return lambda: solve(problem, method, throw=False)(jnp.stack(axes, axis=-1))


def _chebyshev(benchmark: Benchmark, problem: AbstractPDE, asked: Asked) -> Callable:
    method = ChebyshevCollocation(asked.num_points)
    axes = benchmark.test_axes(test_points(benchmark))
    return lambda: solve(problem, method, throw=False).on_grid(*axes)


def _differences(benchmark: Benchmark, problem: AbstractPDE, asked: Asked) -> Callable:
    axes = benchmark.test_axes(test_points(benchmark))
    return lambda: finite_differences(problem, asked.num_points, axes)


_PROGRAMS = {"kronecker": _kronecker, "chebyshev": _chebyshev, "differences": _differences}


def measure_kronecker(asked: Asked, repeats: int) -> dict[str, float]:
    """`KroneckerGP` with the true frequency and the notes' inverse length 0.1, both given."""
    benchmark = BENCHMARKS[asked.problem]
    problem = benchmark.problem()
    frequency = 100 / (2 * math.pi)
    kernel = StudentTSpectralMixture(jnp.zeros(1), jnp.full(1, frequency), jnp.full(1, 1 / 0.1))
    method = KroneckerGP(kernel, asked.num_points)
    solution, _, warm = timed(lambda: solve(problem, method, throw=False), repeats)
    return {"error": float(benchmark.relative_error(solution)), "warm": warm}


def probe(asked_index: int, cache: str) -> None:
    """In a fresh process: CPU seconds of the first solve beyond a warm one, printed as JSON."""
    from gp_hm_rows import ROWS

    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    asked = ROWS[asked_index]
    problem, method = BENCHMARKS[asked.problem].problem(), feature_method(asked)
    _, first, warm = timed(lambda: solve(problem, method, throw=False).value, 2)
    sys.stdout.write(json.dumps({"compile": first - warm, "warm": warm}) + "\n")


def compile_seconds(asked_index: int) -> tuple[float, float]:
    """Compilation in a cold process, and in a second one that finds the cache."""
    with tempfile.TemporaryDirectory() as cache:
        runs = [child_report(_CHILD, "--probe", str(asked_index), cache) for _ in range(2)]
    return runs[0]["compile"], runs[1]["compile"]


def scale(num: int) -> None:
    """In a fresh process: 2-D sin_sin on `num` squared points with deviations; printed as JSON."""
    benchmark = BENCHMARKS["poisson_2d-sin_sin"]
    problem, method = benchmark.problem(), SpectralFeatureGP(num)
    axes = tuple(
        jnp.linspace(problem.domain.lower[j], problem.domain.upper[j], num) for j in range(2)
    )

    def program():
        solution = solve(problem, method, throw=False)
        return solution.value, solution.std_on_grid(*axes), solution.on_grid(*benchmark.test_axes())

    (_, deviation, found), first, warm = timed(program, 1)
    error = relative_error(found, benchmark.exact_on_grid(*benchmark.test_axes()))
    memory = peak_gigabytes()
    report = {"error": error, "first": first, "warm": warm, "memory_gb": memory}
    report["deviation"] = float(jnp.sqrt(jnp.mean(deviation**2)))
    sys.stdout.write(json.dumps(report) + "\n")


def scale_report(num: int) -> dict[str, float]:
    """`scale` in a process of its own, so that its memory is its own."""
    return child_report(_CHILD, "--scale", str(num))
