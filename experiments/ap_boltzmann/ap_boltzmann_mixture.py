"""Mixtures: exact moments, the limit, conservation, entropy, positivity, gradients."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxsci import solve
from jaxsci.kinetic import (
    AsymptoticPreserving,
    Boltzmann,
    DisparateMassMixture,
    LimitEquations,
    MixtureSolution,
    Species,
    VariableHardSphere,
    VelocityGrid,
    equilibrium,
    maxwellian,
    moments,
)
from jaxsci.kinetic._reference import MaxwellMixture

STEPS = 20


def velocity_grid() -> VelocityGrid:
    """Of both species; made when it is needed, in the precision that is then set."""
    return VelocityGrid(32, 7.0)


def bimodal(density, drift, temperature) -> Array:
    """Two drifting Maxwellians, skewed and anisotropic."""
    first = jnp.stack([drift, jnp.full_like(drift, 0.2)])
    second = jnp.stack([-0.75 * drift, jnp.full_like(drift, 0.3)])
    grid = velocity_grid()
    one = maxwellian(grid, 0.6 * density, first, temperature)
    return one + maxwellian(grid, 0.4 * density, second, temperature + 0.1)


def mixture(
    epsilon: Any, end: float = 1.0, exponent: Any = 0.0, constant: Any = 1.0, drift: Any = 0.9
) -> DisparateMassMixture:
    """Light particles far from equilibrium, hotter than 1.5 times as many heavy ones."""
    kernel = VariableHardSphere(1.0, exponent)
    grid = velocity_grid()
    light = Species(grid, bimodal(1.0, jnp.asarray(drift, float), 0.8), Boltzmann(kernel))
    heavy = Species(grid, bimodal(1.5, jnp.asarray(0.5), 0.5), Boltzmann(kernel))
    return DisparateMassMixture(light, heavy, epsilon, end, VariableHardSphere(constant, exponent))


def exact_mixture(epsilon: float) -> MaxwellMixture:
    """The moment equations of `mixture` with Maxwell molecules."""
    problem = mixture(epsilon)
    both = [moments(s.grid, s.distribution) for s in (problem.light, problem.heavy)]
    return MaxwellMixture(
        epsilon,
        tuple(float(m.density) for m in both),  # pyright: ignore[reportArgumentType]
        tuple(np.asarray(m.velocity) for m in both),  # pyright: ignore[reportArgumentType]
        tuple(np.asarray(m.stress / m.density) for m in both),  # pyright: ignore[reportArgumentType]
    )


def worst_defect(solution: MixtureSolution) -> float:
    """Of mass, momentum and energy over all steps."""
    return max(float(jnp.max(defect)) for defect in solution.defects.values())


def maxwell_report(epsilon: float, variant: str = "exponential") -> dict[str, float]:
    """Twenty steps of 0.05 against the exact moments."""
    found = solve(mixture(epsilon), AsymptoticPreserving(STEPS, variant))
    reference = exact_mixture(epsilon)
    exact = [reference.temperature(float(t)) for t in found.times]
    both = np.stack([found.light.temperature, found.heavy.temperature], axis=-1)
    light, heavy = (float(jnp.abs(f - equilibrium(velocity_grid(), f)).max()) for f in found.value)
    return {
        "temperature": float(np.abs(both - np.array(exact)).max()),
        "drift_over_epsilon": float(jnp.abs(found.drift[-1]).max()) / epsilon,
        "light_distance": light,
        "heavy_distance": heavy,
        "conservation": worst_defect(found),
        "lowest": min(float(f.min()) for f in found.value),
    }


def truncation_error(epsilon: float) -> dict[str, float]:
    """What the centred truncation costs: anisotropies at $t = \\varepsilon$ against exact ones.

    Two runs extrapolate the step away, so that the model is what remains.
    """
    problem = mixture(epsilon, epsilon)
    runs = [solve(problem, AsymptoticPreserving(n)) for n in (80, 160)]
    last = lambda pick: (
        2 * float(pick(runs[1]).anisotropy[-1]) - float(pick(runs[0]).anisotropy[-1])
    )
    exact = exact_mixture(epsilon)
    size = lambda part, warm: float(np.linalg.norm(part)) / warm
    light, heavy = map(size, exact.traceless(epsilon), exact.temperature(epsilon))
    return {
        "light": last(lambda s: s.light) - light,
        "heavy": last(lambda s: s.heavy) - heavy,
        "exact_light": light,
        "exact_heavy": heavy,
    }


def limited_lowest(epsilon: float) -> float:
    """Smallest value with the limiter."""
    found = solve(mixture(epsilon), AsymptoticPreserving(STEPS, limiter=True))
    return min(float(f.min()) for f in found.value)


def limit_report(exponent: float, epsilon: float = 1e-8) -> dict[str, Any]:
    """Temperatures at t = 0.5 against the limit equations, with 5, 10 and 20 steps."""
    problem = mixture(epsilon, 0.5, exponent)
    limit = np.array(solve(problem, LimitEquations(40)).value)
    errors, defects = [], []
    for count in (5, 10, 20):
        found = solve(problem, AsymptoticPreserving(count))
        last = [float(found.light.temperature[-1]), float(found.heavy.temperature[-1])]
        errors.append(float(np.abs(np.array(last) - limit).max()))
        defects.append(worst_defect(found))
    orders = list(np.log2(np.array(errors[:-1]) / errors[1:]))
    return {"errors": errors, "orders": orders, "conservation": max(defects)}


def epochs(epsilon: float, num_steps: int = 150) -> MixtureSolution:
    """Geometric steps from a fiftieth of the light collision time to the end."""
    method = AsymptoticPreserving(num_steps, first_step=0.02 * epsilon**2)
    return solve(mixture(epsilon, 4.0), method)


def gradient_error() -> dict[str, float]:
    """Of the temperature history by constant, exponent, mass ratio and drift, relative."""
    point = jnp.asarray([1.0, 0.5, 1e-2, 0.9])
    weights = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1.5, (2, 5)))

    def history(theta):
        problem = mixture(theta[2], 0.4, theta[1], theta[0], theta[3])
        found = solve(problem, AsymptoticPreserving(4), throw=False)
        return jnp.sum(weights * jnp.stack([found.light.temperature, found.heavy.temperature]))

    both = eqx.filter_jit(jax.value_and_grad(history))
    slopes = np.asarray(both(point)[1])
    errors = {}
    for i, name in enumerate(("constant", "exponent", "epsilon", "drift")):
        step = 1e-3 * float(point[i])
        shifted = lambda k, i=i, step=step: float(both(point.at[i].add(k * step))[0])
        difference = (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * step)
        errors[name] = abs(slopes[i] / difference - 1)
    return errors
