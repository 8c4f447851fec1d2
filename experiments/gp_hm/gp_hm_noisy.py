"""Noisy source and observations: coverage of the 95 % band and the error against its bound."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxsci import solve
from jaxsci.gp import SpectralFeatureGP
from jaxsci.pde import Box, Dirichlet, Observations, Poisson, tensor_points
from jaxsci.run import timed

_PI = jnp.pi


def exact(x: Array) -> Array:
    """Two products of sines and a bilinear part."""
    fast = jnp.sin(2 * _PI * x[0]) * jnp.sin(3 * _PI * x[1])
    return fast + 0.5 * jnp.sin(5 * _PI * x[0]) * jnp.sin(_PI * x[1]) + x[0] * x[1]


def source(x: Array) -> Array:
    """The Laplacian of `exact`."""
    fast = jnp.sin(2 * _PI * x[0]) * jnp.sin(3 * _PI * x[1])
    return -13 * _PI**2 * (fast + jnp.sin(5 * _PI * x[0]) * jnp.sin(_PI * x[1]))


def noisy_poisson(draws: int, num: int = 60, count: int = 200) -> dict[str, float]:
    """2-D Poisson with 1 % noise on the source and on `count` interior observations.

    With its vague prior the posterior deviation of the feature model is the square root of the
    inverse Fisher information, which is the Cramer-Rao bound of an unbiased estimate.

    Args:
        draws: independent data sets.
        num: nodes per dimension.
        count: interior observations.

    Returns:
        `coverage` of the 95 % band, `ratio` of the error to the bound, `seconds` warm per solve.
    """
    box = Box((0.0, 0.0), (1.0, 1.0))
    method = SpectralFeatureGP(num)
    axes = method.grid(Poisson(box, source, Dirichlet(exact)))
    clean = jax.vmap(jax.vmap(source))(tensor_points(axes))
    line = jnp.linspace(0.02, 0.98, 31)
    truth = jax.vmap(jax.vmap(exact))(tensor_points((line, line)))
    noises = (0.01 * _rms(clean), 0.01 * _rms(truth))

    inside, errors, bounds, seconds = [], [], [], []
    for number in range(draws):
        problem = _draw(box, clean, noises, count, jax.random.key(number))
        repeats = 2 if number == 0 else 0
        solution, _, warm = timed(lambda p=problem: solve(p, method, throw=False), repeats)
        deviation = solution.std_on_grid(line, line)
        error = solution.on_grid(line, line) - truth
        inside.append(jnp.mean(jnp.abs(error) < 1.96 * deviation))
        errors.append(_rms(error))
        bounds.append(_rms(deviation))
        seconds += [warm] if number == 0 else []
    ratio = _rms(jnp.stack(errors)) / _rms(jnp.stack(bounds))
    coverage = jnp.mean(jnp.stack(inside))
    return {"coverage": float(coverage), "ratio": float(ratio), "seconds": seconds[0]}


def _draw(box: Box, clean: Array, noises: tuple[Array, Array], count: int, key: Array) -> Poisson:
    places, first, second = jax.random.split(key, 3)
    points = jax.random.uniform(places, (count, 2))
    values = jax.vmap(exact)(points) + noises[1] * jax.random.normal(first, (count,))
    measured = clean + noises[0] * jax.random.normal(second, clean.shape)
    observed = (Observations(points, values, noises[1]),)
    return Poisson(box, measured, Dirichlet(exact), observed, noises[0])


def _rms(values: Array) -> Array:
    return jnp.sqrt(jnp.mean(values**2))
