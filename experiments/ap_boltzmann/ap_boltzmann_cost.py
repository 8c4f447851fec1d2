"""What a step costs: against direct operators on a common grid and on two grids; sweeps."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from ap_boltzmann_mixture import mixture, velocity_grid

from jaxsci import solve
from jaxsci.kinetic import (
    AsymptoticPreserving,
    CollisionQuadrature,
    VelocityGrid,
    between_species,
    boltzmann,
    maxwellian,
    mixture_step,
    spectral_tables,
)
from jaxsci.kinetic._direct import resolved_quadrature


def cpu_seconds(program: Callable[[], Any], repeats: int) -> float:
    """The median of warm runs."""
    jax.block_until_ready(program())
    found = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(program())
        found.append(time.process_time() - start)
    return statistics.median(found)


def step_seconds(repeats: int = 30) -> float:
    """One asymptotic-preserving step of both species at N = 32^2."""
    problem = mixture(0.125)
    step = mixture_step(problem, CollisionQuadrature())
    run = eqx.filter_jit(lambda s, f, dt: s(f[0], f[1], dt))
    f = (problem.light.distribution, problem.heavy.distribution)
    return cpu_seconds(lambda: run(step, f, jnp.asarray(0.05)), repeats)


def common_grid_seconds(epsilon: float) -> float:
    """Both operators between the species where one grid must resolve the heavy one."""
    count = 2 * round(16 / epsilon)
    grid = VelocityGrid(count, 7.0)
    light = maxwellian(grid, 1.0, 0.1, 1.0)
    heavy = maxwellian(grid, 1.5, 0.0, 0.8 * epsilon**2)
    kernel = mixture(epsilon).cross
    quadrature = CollisionQuadrature(16, 8)
    run = jax.jit(boltzmann)
    total = 0.0
    for ratio, f, h in ((epsilon**-2, light, heavy), (epsilon**2, heavy, light)):
        tables = spectral_tables(grid, quadrature, ratio)
        total += cpu_seconds(lambda t=tables, f=f, h=h: run(grid, kernel, t, f, h), 1)
    return total


def two_grid_seconds(epsilon: float, repeats: int = 3) -> float:
    """Both operators with each species on its own grid, as fine as they need it."""
    problem = mixture(epsilon)
    f = (problem.light.distribution, problem.heavy.distribution)
    grid = velocity_grid()
    fine = resolved_quadrature(grid)
    run = lambda: between_species((grid, grid), problem.cross, problem.epsilon, f, fine)
    return cpu_seconds(run, repeats)


def sweep_seconds(count: int = 64, repeats: int = 3) -> dict[str, float]:
    """CPU seconds per run of ten steps: one at a time, and one `vmap` over mass ratios."""
    epsilons = jnp.logspace(-4, -1, count)
    problem, method = mixture(0.1), AsymptoticPreserving(10)
    at = lambda p, eps: solve(eqx.tree_at(lambda q: q.epsilon, p, eps), method, throw=False)
    last = lambda p, eps: at(p, eps).light.temperature[-1]
    single = eqx.filter_jit(last)
    together = eqx.filter_jit(lambda p, e: jax.vmap(lambda eps: last(p, eps))(e))
    chunked = eqx.filter_jit(lambda p, e: jax.lax.map(lambda eps: last(p, eps), e))
    one_by_one = lambda: [single(problem, eps) for eps in epsilons]
    return {
        "single": cpu_seconds(one_by_one, repeats) / count,
        "vmap": cpu_seconds(lambda: together(problem, epsilons), repeats) / count,
        "map": cpu_seconds(lambda: chunked(problem, epsilons), repeats) / count,
    }
