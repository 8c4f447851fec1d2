"""What a step costs: against direct operators on a common grid and on two grids; sweeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ap_boltzmann_mixture import mixture, velocity_grid
from jaxtyping import Array

from jaxsci import solve
from jaxsci.kinetic import (
    AsymptoticPreserving,
    CollisionQuadrature,
    VariableHardSphere,
    VelocityGrid,
    between_species,
    boltzmann,
    maxwellian,
    mixture_step,
    spectral_tables,
)
from jaxsci.kinetic._direct import resolved_quadrature
from jaxsci.run import timed


def step_seconds(repeats: int = 30) -> float:
    """One asymptotic-preserving step of both species at N = 32^2."""
    problem = mixture(0.125)
    step = mixture_step(problem, CollisionQuadrature())
    run = eqx.filter_jit(lambda s, f, dt: s(f[0], f[1], dt))
    f = (problem.light.distribution, problem.heavy.distribution)
    return timed(lambda: run(step, f, jnp.asarray(0.05)), repeats)[2]


# radii and angles with which the light operator is as accurate as the truncation at this epsilon
COUNTS = {0.5: (24, 12), 0.25: (32, 16), 0.125: (48, 24)}


def skewed(grid: VelocityGrid, scale: float) -> Array:
    """Two Maxwellians, in velocities of which `scale` is one unit."""
    first, second = scale * jnp.asarray([0.9, 0.2]), scale * jnp.asarray([-0.7, 0.3])
    one = maxwellian(grid, 0.6, first, 0.8 * scale**2)
    return one + maxwellian(grid, 0.4, second, 0.9 * scale**2)


def common_grid(epsilon: float, counts: tuple[int, int]) -> dict[str, float]:
    """Both operators between the species where one grid must resolve the heavy one.

    Args:
        epsilon: the root of the mass ratio.
        counts: radii and angles of the light operator; the heavy one needs only 16 and 8.

    Returns:
        CPU seconds of both, and the error of the light one against that on two grids, relative to
        its largest value.
    """
    fine, kernel = VelocityGrid(2 * round(16 / epsilon), 7.0), VariableHardSphere()
    light, heavy = skewed(fine, 1.0), skewed(fine, epsilon)
    run = jax.jit(boltzmann)

    def apply(ratio, f, h, quadrature):
        tables = spectral_tables(fine, CollisionQuadrature(*quadrature), ratio)
        program = lambda: run(fine, kernel, tables, f, h)
        found, _, seconds = timed(program, 1)
        return found, seconds

    found, there = apply(epsilon**-2, light, heavy, counts)
    _, back = apply(epsilon**2, heavy, light, (16, 8))
    grid = velocity_grid()
    pair = (skewed(grid, 1.0), skewed(grid, 1.0))
    exact, _ = between_species(
        (grid, grid), kernel, jnp.asarray(epsilon), pair, CollisionQuadrature(32, 16)
    )
    v = jnp.asarray(np.random.default_rng(0).uniform(-2, 2, (20, 2)))
    at = lambda g, rate: jax.lax.map(g.interpolant(rate), v)
    error = jnp.abs(at(fine, found) - at(grid, exact)).max() / jnp.abs(at(grid, exact)).max()
    return {"seconds": there + back, "error": float(error)}


def two_grid_seconds(epsilon: float, repeats: int = 3) -> float:
    """Both operators with each species on its own grid, as fine as they need it."""
    problem = mixture(epsilon)
    f = (problem.light.distribution, problem.heavy.distribution)
    grid = velocity_grid()
    fine = resolved_quadrature(grid)
    run = lambda: between_species((grid, grid), problem.cross, problem.epsilon, f, fine)
    return timed(run, repeats)[2]


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
        "single": timed(one_by_one, repeats)[2] / count,
        "vmap": timed(lambda: together(problem, epsilons), repeats)[2] / count,
        "map": timed(lambda: chunked(problem, epsilons), repeats)[2] / count,
    }
