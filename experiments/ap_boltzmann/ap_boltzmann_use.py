"""Real use: a collision law from noisy temperatures, and a sweep of equilibration times."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ap_boltzmann_mixture import mixture, velocity_grid

from jaxsci import inverse, solve
from jaxsci.kinetic import AsymptoticPreserving, maxwellian


def infer_the_law(noise: float = 0.002, seed: int = 0) -> dict[str, Any]:
    """Constant and exponent between the species from temperatures of a hot and a cold mixture.

    One mixture alone says how fast it relaxes; how the rate depends on the temperature, which is
    the exponent, needs both.

    Args:
        noise: deviation of the measured temperatures.
        seed: of the noise.

    Returns:
        Truth, estimate, deviation and error in units of the deviation.
    """
    truth = jnp.asarray([0.6, 0.7])
    method = AsymptoticPreserving(8)
    grid = velocity_grid()
    warm, cold = jnp.asarray([1.2, 0.5]), jnp.asarray([0.8, 0.3])

    def histories(theta):
        base = mixture(1e-2, 0.8, theta[1], theta[0])

        def history(light, heavy):
            pair = maxwellian(grid, 1.0, 0.0, light), maxwellian(grid, 1.5, 0.0, heavy)
            where = lambda p: (p.light.distribution, p.heavy.distribution)
            found = solve(eqx.tree_at(where, base, pair), method, throw=False)
            return jnp.stack([found.light.temperature[1:], found.heavy.temperature[1:]])

        return jax.vmap(history)(warm, cold)

    clean = jax.jit(histories)(truth)
    observed = clean + noise * jnp.asarray(np.random.default_rng(seed).normal(size=clean.shape))
    prior = inverse.GaussianPrior(jnp.asarray([1.0, 0.4]), 1.0)
    problem = inverse.InverseProblem(histories, observed, jnp.asarray(noise), prior)
    found = solve(problem, inverse.GaussNewton())
    deviation = jnp.sqrt(jnp.diag(found.covariance))
    off = jnp.abs(found.value - truth) / deviation
    return {
        "truth": truth.tolist(),
        "found": found.value.tolist(),
        "deviation": deviation.tolist(),
        "off": float(off.max()),
    }


def equilibration(num_epsilons: int = 8, num_ratios: int = 6) -> dict[str, np.ndarray]:
    """When the difference of the temperatures is $1/e$, for hard spheres; one vmapped call.

    Args:
        num_epsilons: roots of the mass ratio between 0.001 and 0.1.
        num_ratios: densities $n_H/n_L$ between 0.25 and 4.

    Returns:
        Both axes and the times.
    """
    epsilons, ratios = np.geomspace(1e-3, 1e-1, num_epsilons), np.geomspace(0.25, 4, num_ratios)
    base = mixture(0.1, 3.0, 1.0)
    grid = velocity_grid()
    light = maxwellian(grid, 1.0, 0.0, 1.2)
    method = AsymptoticPreserving(40, first_step=1e-3)

    def time(eps, ratio):
        heavy = maxwellian(grid, ratio, 0.0, 0.7)
        where = lambda p: (p.epsilon, p.light.distribution, p.heavy.distribution)
        problem = eqx.tree_at(where, base, (eps, light, heavy))
        return solve(problem, method, throw=False).time_scales.temperature

    over_ratios = jax.vmap(time, (None, 0))
    times = jax.jit(jax.vmap(over_ratios, (0, None)))(jnp.asarray(epsilons), jnp.asarray(ratios))
    return {"epsilon": epsilons, "ratio": ratios, "time": np.asarray(times)}
