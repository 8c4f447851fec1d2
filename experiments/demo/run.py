"""Solve with error bars, recover a coefficient from data, sweep 64 values, draw the picture.

(a) u'' = f with three scales, u = sin x + 0.1 sin 20x + 0.05 sin 100x, from f and two boundary
values; the frequencies are unknown to the solver. (b) The wave number k of a shaken membrane,
u_xx + u_yy + k^2 u = 400 exp(-60 |x - (0.3, 0.4)|^2) on the unit square, u = 0 on its sides, from
noisy observations in a CSV file, by derivatives through the solver. (c) The response of the
membrane for 64 wave numbers in one vectorised program; the best of them is where (b) begins.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from demo_make_observations import TRUE_WAVENUMBER
from demo_membrane import LOWER, RANGE, UPPER, Displacement, Response, membrane
from demo_multiscale import exact, source
from demo_observations import Table, read_observations

import jaxsci
from jaxsci.gp import SpectralFeatureGP
from jaxsci.inverse import GaussNewton, InverseProblem, InverseSolution
from jaxsci.pde import Boundary, Box, Dirichlet, Poisson
from jaxsci.run import Row, Run, script, sweep

OWN_DATA = Path(__file__).with_name("observations.csv")


@dataclass(frozen=True)
class Settings:
    """The demonstration."""

    check: bool = False
    """print the acceptance rows and exit 1 when one is missed"""
    quick: bool = False
    """leave out the picture"""
    observations: Path | None = None
    """a CSV file with columns x,y,u or x,y,u,sigma: points in the unit square, displacements, and
    their standard deviation (estimated from the misfit if there is no such column)"""


def main(settings: Settings, run: Run) -> dict:
    """Run the three parts, then check and draw them."""
    began = time.perf_counter()
    path = OWN_DATA if settings.observations is None else settings.observations
    data = read_observations(path, LOWER, UPPER)  # what can be wrong is found first
    multiscale, metrics = solve_multiscale(run)
    swept = sweep_wavenumbers(data, run)
    metrics |= {
        "sweep_size": swept["wavenumber"].size,
        "sweep_failed": int((~swept["successful"]).sum()),
    }
    run.accept(Row.at_most("(c) failed elements of the sweep", metrics["sweep_failed"], 0))
    found, noise = recover(data, swept["wavenumber"][np.argmin(swept["misfit"])])
    metrics |= report_coefficient(found, noise, settings, run)
    if not settings.quick:
        from demo_figure import draw

        truth = TRUE_WAVENUMBER if settings.observations is None else None
        run.save_figure("demo", lambda: draw(multiscale, data, found, swept, truth, metrics))
    metrics["seconds"] = time.perf_counter() - began
    run.accept(Row.at_most("seconds, compilation included", metrics["seconds"], 90))
    return metrics


def solve_multiscale(run: Run) -> tuple[Any, dict]:
    """(a): the posterior from $f$ at 120 points and two boundary values."""
    ends = Boundary((Dirichlet(0.0), Dirichlet(float(exact(jnp.ones(1))))))
    problem = Poisson(Box(0.0, 1.0), source, ends)
    method = SpectralFeatureGP(120)
    solve = lambda: jax.block_until_ready(jaxsci.solve(problem, method))
    _, first = timed(solve)
    solution, warm = timed(solve)
    x = jnp.linspace(0, 1, 1000)[:, None]
    truth = jax.vmap(exact)(x)
    mean, std = solution(x), solution.std(x)
    run.save_arrays("multiscale", x=x[:, 0], mean=mean, std=std, exact=truth)
    metrics = {
        "multiscale_error": float(jnp.linalg.norm(mean - truth) / jnp.linalg.norm(truth)),
        "multiscale_deviation": float(std.max()),
        "multiscale_residual": float(solution.stats["validation_residual"]),
        "multiscale_seconds": warm,
        "multiscale_seconds_first": first,
    }
    run.accept(Row.at_most("(a) relative error", metrics["multiscale_error"], 1e-11))
    run.accept(Row.at_most("(a) residual on fresh points", metrics["multiscale_residual"], 1e-10))
    worst = float((jnp.abs(mean - truth) / (std + 1e-15)).max())
    run.accept(Row.at_most("(a) largest error in deviations", worst, 4))
    return solution, metrics


def sweep_wavenumbers(data: Table, run: Run) -> dict[str, np.ndarray]:
    """(c): response and misfit for 64 wave numbers, one compiled program."""
    values = jnp.linspace(*RANGE, 64)
    noise = jnp.ones(()) if data.noise is None else jnp.asarray(data.noise)
    output = sweep(Response(jnp.asarray(data.points), jnp.asarray(data.values), noise), values)
    swept = {"wavenumber": np.asarray(values), **{k: np.asarray(v) for k, v in output.items()}}
    run.save_arrays("sweep", **swept)
    return swept


def recover(data: Table, start: float) -> tuple[InverseSolution, Any]:
    """(b): $k$ and its deviation; without a column sigma the noise comes from the misfit."""
    forward = Displacement(jnp.asarray(data.points))
    method = GaussNewton(start=jnp.asarray(start))
    fit = lambda noise: jaxsci.solve(InverseProblem(forward, data.values, noise), method)
    if data.noise is not None:
        return fit(data.noise), data.noise
    count = len(data.values)
    unscaled = fit(np.ones(count))
    noise = np.full(count, float(unscaled.stats["misfit"]) * np.sqrt(count / (count - 1)))
    return fit(noise), noise


def report_coefficient(
    found: InverseSolution, noise: Any, settings: Settings, run: Run
) -> dict[str, float]:
    """The wave number with its 95 % interval; the truth is known for the demo's own file only."""
    lower, upper = found.interval(0.95)
    value, std, misfit = (float(x) for x in (found.value, found.std, found.stats["misfit"]))
    final = membrane(found.value)
    run.accept(Row.at_most("(b) residual", float(final.stats["validation_residual"]), 1e-6))
    run.save_arrays("coefficient", value=value, std=std, lower=lower, upper=upper, noise=noise)
    metrics = {
        "coefficient": value,
        "coefficient_deviation": std,
        "coefficient_lower": float(lower),
        "coefficient_upper": float(upper),
        "misfit": misfit,
    }
    if settings.observations is not None:
        return metrics
    error = abs(value - TRUE_WAVENUMBER)
    run.accept(Row.at_most("(b) relative error of k", error / TRUE_WAVENUMBER, 2e-3))
    run.accept(Row.at_most("(b) error of k in deviations", error / std, 3))
    run.accept(Row.between("(b) misfit in units of the noise", misfit, 0.85, 1.15))
    return {**metrics, "coefficient_error": error / TRUE_WAVENUMBER}


def timed(work: Any) -> tuple[Any, float]:
    """What `work()` returns, and the seconds it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


if __name__ == "__main__":
    script(__file__)
