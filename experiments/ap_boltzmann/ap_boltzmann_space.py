"""Mixtures in space: a tube with a diaphragm, and light waves among heavy scatterers."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxsci import solve
from jaxsci.kinetic import (
    BGK,
    AbstractCollisions,
    AsymptoticPreserving,
    Boltzmann,
    FlowSolution,
    LimitEquations,
    LimitFlowSolution,
    MixtureFlow,
    Species,
    Specular,
    VariableHardSphere,
    VelocityGrid,
    maxwellian,
)
from jaxsci.kinetic._reference_diffusion import FixedScatterers

END = 0.1
FIELDS = ("n_L", "T_L", "n_H", "u", "T_H")
REFERENCE = 800  # cells of the limit equations that stand for their exact solution


def tube(
    epsilon: float,
    num_cells: int,
    collisions: AbstractCollisions,
    width: float | None = None,
    mirrors: bool = False,
    cross: VariableHardSphere | None = None,
) -> MixtureFlow:
    """Sod's problem for both species: densities 1 and 1 against 0.25 (heavy) and 0.5 (light).

    Args:
        epsilon: root of the mass ratio.
        num_cells: on a unit of length.
        collisions: within both species.
        width: of smooth diaphragms; by default they are jumps.
        mirrors: one diaphragm between mirrors instead of two in a periodic tube.
        cross: between the species; Maxwell molecules by default.

    Returns:
        The problem.
    """
    grid = VelocityGrid(24, 6.2)
    x = (np.arange(num_cells) + 0.5) / num_cells
    dense = x < 0.5 if mirrors else np.abs(x - 0.5) < 0.25
    share = dense.astype(float)
    if width is not None:
        share = 0.5 * (np.tanh((x - 0.25) / width) - np.tanh((x - 0.75) / width))

    def species(thin):
        gas = [maxwellian(grid, thin + (1 - thin) * s, 0.0, 0.8 + 0.2 * s) for s in share]
        return Species(grid, jnp.stack(gas), collisions)

    walls = (Specular(), Specular()) if mirrors else None
    return MixtureFlow(species(0.5), species(0.25), epsilon, END, 1.0, walls, cross)


def tube_report(epsilon: float, mirrors: bool = False) -> dict[str, float]:
    """Jumps, the Boltzmann operator, 40 cells and 40 steps whatever the mass ratio."""
    problem = tube(epsilon, 40, Boltzmann(VariableHardSphere()), mirrors=mirrors)
    found = solve(problem, AsymptoticPreserving(40, limiter=True))
    both = (found.light, found.heavy)
    return {
        "conservation": max(float(jnp.max(defect)) for defect in found.defects.values()),
        "lowest": min(float(found.stats["min_value"]), *(float(f.min()) for f in found.value)),
        "density": min(float(jnp.min(gas.density)) for gas in both),
        "temperature": min(float(jnp.min(gas.temperature)) for gas in both),
        "front": float(jnp.max(found.heavy.velocity[-1, :, 0])),
    }


def limit_errors(
    width: float | None, counts: tuple[int, ...], spheres: bool = False, epsilon: float = 1e-6
) -> dict[str, Any]:
    """Means of $|\\cdot|$ over the tube against finely resolved limit equations.

    Args:
        width: of the diaphragms, `None` for jumps.
        counts: of cells, and of steps.
        spheres: hard spheres everywhere instead of `BGK` and Maxwell molecules.
        epsilon: root of the mass ratio.

    Returns:
        Errors of the kinetic scheme and of the limit equations on the same cells, and orders of
        their sums over the five fields.
    """
    kernel = VariableHardSphere(1.0, 1.0) if spheres else VariableHardSphere()
    law = Boltzmann(kernel) if spheres else BGK(2.0)
    state = lambda count: tube(epsilon, count, law, width, cross=kernel)
    limit = lambda count: LimitEquations(2 * count, num_polynomials=6)
    fine = solve(state(REFERENCE), limit(REFERENCE))
    found: dict[str, Any] = {"kinetic": [], "fluid": []}
    for count in counts:
        exact = _fluid(fine).reshape(len(FIELDS), count, -1).mean(axis=-1)
        kinetic = solve(state(count), AsymptoticPreserving(count, limiter=True))
        fluid = solve(state(count), limit(count))
        for name, fields in (("kinetic", _kinetic(kinetic)), ("fluid", _fluid(fluid))):
            found[name].append(np.abs(fields - exact).mean(axis=-1).tolist())
    for name in ("kinetic", "fluid"):
        total = np.sum(found[name], axis=1)
        found[f"{name}_orders"] = np.log2(total[:-1] / total[1:]).tolist()
    return found


def limit_distances(epsilons: tuple[float, ...], count: int = 100) -> dict[float, list[float]]:
    """From the kinetic fields to those of the limit equations, on one grid with one step."""
    law = BGK(2.0)
    fluid = _fluid(solve(tube(1.0, count, law, 0.08), LimitEquations(2 * count)))
    found = {}
    for epsilon in epsilons:
        kinetic = solve(tube(epsilon, count, law, 0.08), AsymptoticPreserving(count))
        found[epsilon] = np.abs(_kinetic(kinetic) - fluid).mean(axis=-1).tolist()
    return found


def _kinetic(solution: FlowSolution) -> np.ndarray:
    light, heavy = solution.light, solution.heavy
    fields = (light.density, light.temperature, heavy.density, heavy.velocity[..., 0])
    return np.stack([np.asarray(a[-1]) for a in (*fields, heavy.temperature)])


def _fluid(solution: LimitFlowSolution) -> np.ndarray:
    (n, m), velocity, (warm, cold) = solution.value
    return np.stack([np.asarray(a) for a in (n, warm, m, velocity[:, 0], cold)])


def wave_errors(
    epsilon: float, counts: tuple[int, ...], rate: float = 10.0, size: float = 1e-3
) -> dict[str, Any]:
    """A light wave among a million times as many scatterers, against its exact decay.

    Args:
        epsilon: root of the mass ratio.
        counts: of cells; steps are half the square of their width.
        rate: of scattering, $n_HC$.
        size: of the wave.

    Returns:
        Largest errors of density and energy over the size of the wave, and their orders.
    """
    many, base = 1e6, maxwellian(VelocityGrid(32, 7.0), 1.0, 0.0, 1.0)
    exact = FixedScatterers(epsilon, 2 * np.pi, rate)
    amplitudes = exact.moments(END) if epsilon > 5e-3 else exact.limit_moments(END)
    errors = []
    for count in counts:
        grid = VelocityGrid(32, 7.0)
        wave = np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)[:, None, None]
        light = Species(grid, (1 + size * wave) * base, BGK(1e-30))
        heavy = Species(grid, many * base * jnp.ones_like(wave), BGK())
        kernel = VariableHardSphere(rate / many)
        problem = MixtureFlow(light, heavy, epsilon, END, cross=kernel)
        num_steps = int(np.ceil(END * max(2 * count**2, 7.0 * count)))
        found = solve(problem, AsymptoticPreserving(num_steps))
        n, energy = np.asarray(found.light.density[-1]), np.asarray(found.light.energy[-1])
        errors.append([
            float(np.abs(values / size - np.real(amplitude) * wave.ravel()).max())
            for values, amplitude in zip((n - 1, energy - n), amplitudes)
        ])  # fmt: skip
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    return {"errors": errors, "orders": orders.tolist()}
