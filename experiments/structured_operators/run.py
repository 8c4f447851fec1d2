"""Kronecker operators against dense Cholesky: time, accuracy and memory at n = 1200.

The matrix is the covariance of a Matern 1/2 process on a tensor grid of `rows` x `columns`
points. Each timed program factorises and solves one system, starting from arrays: the factors for
the structured operators, the assembled matrix for the dense solve, whose assembly is left out in
its favour. Times are CPU seconds of the process, medians over runs after a warm-up;
compilation is reported apart.
"""

import os

if __name__ == "__main__":  # one thread; read when JAX starts, so before it is imported
    os.environ["XLA_FLAGS"] = (
        os.environ.get("XLA_FLAGS", "")
        + " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    os.environ["OMP_NUM_THREADS"] = "1"

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from jaxsci.linalg import Kronecker, Shifted, factorise
from jaxsci.run import Row, Run, script

PSD = lx.positive_semidefinite_tag


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    rows: int = 30
    """points along the first axis"""
    columns: int = 40
    """points along the second axis"""
    length_scale: float = 0.3
    """length scale of the kernel on the unit square"""
    noise: float = 1e-2
    """variance of the white noise in the shifted product K + noise I"""
    samples: int = 15
    """timed runs of each program; the median counts"""
    inner: int = 20
    """calls of a structured program in one timed run, for a clock of finite resolution"""
    check: bool = False
    """exit with status 1 if an acceptance row is missed"""
    quick: bool = False
    """fewer timed runs"""


def kernel_matrix(count: int, length_scale: float) -> np.ndarray:
    """The Matern 1/2 kernel $e^{-|x - x'| / l}$ on equispaced points of the unit interval."""
    points = np.linspace(0, 1, count)
    return np.exp(-np.abs(points[:, None] - points[None, :]) / length_scale)


def kronecker_solve(first, second, noise, vector):
    """$(A \\otimes B)^{-1} b$ and the log-determinant; the noise does not enter."""
    del noise
    factorised = factorise(Kronecker([first, second], PSD))
    return factorised.solve(vector)[0], factorised.logdet()


def shifted_solve(first, second, noise, vector):
    """$(A \\otimes B + s I)^{-1} b$ and the log-determinant."""
    factorised = factorise(Shifted(Kronecker([first, second], PSD), noise))
    return factorised.solve(vector)[0], factorised.logdet()


def dense_solve(matrix, vector):
    """The same by a Cholesky factorisation of the assembled matrix."""
    lower = jnp.linalg.cholesky(matrix)
    solution = jax.scipy.linalg.cho_solve((lower, True), vector)
    return solution, 2 * jnp.sum(jnp.log(jnp.diagonal(lower)))


def measure(function: Callable, arguments: tuple, samples: int, inner: int) -> dict[str, Any]:
    """Compile, warm up and time one program.

    Args:
        function: what to time; its arrays are arguments, not constants.
        arguments: the arrays.
        samples: timed runs.
        inner: calls in each.

    Returns:
        The value, CPU seconds per call (median) and to compile, and bytes of working memory.
    """
    began = time.process_time()
    compiled = jax.jit(function).lower(*arguments).compile()
    compile_seconds = time.process_time() - began
    value = jax.block_until_ready(compiled(*arguments))
    seconds = []
    for _ in range(samples):
        began = time.process_time()
        for _ in range(inner):
            jax.block_until_ready(compiled(*arguments))
        seconds.append((time.process_time() - began) / inner)
    memory = compiled.memory_analysis()
    size = memory.argument_size_in_bytes + memory.temp_size_in_bytes + memory.output_size_in_bytes
    return {
        "value": value,
        "seconds": float(np.median(seconds)),
        "compile_seconds": compile_seconds,
        "bytes": size,
    }


def compare(structured: dict[str, Any], dense: dict[str, Any]) -> dict[str, float]:
    """Speed-up, memory ratio and differences of two measured programs."""
    (solution, logdet), (exact, exact_logdet) = structured["value"], dense["value"]
    difference = jnp.linalg.norm(solution - exact) / jnp.linalg.norm(exact)
    return {
        "seconds": structured["seconds"],
        "dense_seconds": dense["seconds"],
        "speed_up": dense["seconds"] / structured["seconds"],
        "compile_seconds": structured["compile_seconds"],
        "megabytes": structured["bytes"] / 1e6,
        "dense_megabytes": dense["bytes"] / 1e6,
        "solution_error": float(difference),
        "logdet_error": float(jnp.abs(logdet - exact_logdet) / jnp.abs(exact_logdet)),
    }


def main(settings: Settings, run: Run) -> dict[str, Any]:
    """Measure the plain and the shifted product; returns the metrics."""
    if settings.quick:
        settings = dataclasses.replace(settings, samples=5, inner=10)
    sizes = (settings.rows, settings.columns)
    first, second = (jnp.asarray(kernel_matrix(size, settings.length_scale)) for size in sizes)
    noise = jnp.asarray(settings.noise)
    vector = jnp.asarray(np.random.default_rng(0).normal(size=settings.rows * settings.columns))
    product = jnp.kron(first, second)
    cases = {
        "kronecker": (kronecker_solve, product),
        "shifted": (shifted_solve, product + noise * jnp.eye(product.shape[0])),
    }
    metrics: dict[str, Any] = {"unknowns": product.shape[0]}
    for name, (function, matrix) in cases.items():
        arguments = (first, second, noise, vector)
        structured = measure(function, arguments, settings.samples, settings.inner)
        dense = measure(dense_solve, (matrix, vector), settings.samples, 1)
        # the second dense program is the first one again, and not compiled a second time
        metrics.setdefault("dense_compile_seconds", dense["compile_seconds"])
        metrics |= {f"{name}_{key}": value for key, value in compare(structured, dense).items()}
    for name, value in metrics.items():
        run.metric(name, value)
    accept(metrics, run)
    return metrics


def accept(metrics: dict[str, Any], run: Run) -> None:
    """The acceptance rows."""
    run.accept(Row.at_least("Kronecker solve, speed-up", metrics["kronecker_speed_up"], 20))
    run.accept(Row.at_least("shifted solve, speed-up", metrics["shifted_speed_up"], 20))
    for name in ("kronecker", "shifted"):
        for part in ("solution", "logdet"):
            label = f"{name}, relative difference of the {part} to dense"
            run.accept(Row.at_most(label, metrics[f"{name}_{part}_error"], 1e-10))


if __name__ == "__main__":
    script(__file__)
