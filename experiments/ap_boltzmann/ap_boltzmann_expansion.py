"""The expansion between the species against direct quadrature of the full operators."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxsci.kinetic import VariableHardSphere
from jaxsci.kinetic._expansion import (
    RawMoments,
    centred_light,
    heavy_expansion,
    light_expansion,
    light_forces,
)
from jaxsci.kinetic._pointwise import collide_at, collide_heavy_at
from jaxsci.kinetic._reference import GaussianSum, gaussian_pair

_WIDTH = 7.0  # of the light species; beyond it there is nothing
_HEAVY_WIDTH = 6.0
_POINTS = np.array([[1.3, 0.4, -0.5], [-0.7, 1.1, 0.6], [0.2, -0.9, 1.0]])


def expansion_errors(
    dim: int, exponent: float, epsilons: Sequence[float], num_angles: int = 8, num_points: int = 18
) -> dict[str, list[float]]:
    """The largest error over three velocities after each term, for each mass ratio.

    Args:
        dim: velocity components.
        exponent: of the kernel.
        epsilons: roots of the mass ratio.
        num_angles: of the quadrature over directions.
        num_points: per axis of the sum over heavy velocities.

    Returns:
        `Q0`, `Q1`, `Q2` and `H0`, `H1`: one error per mass ratio, of $\\varepsilon^2$ times
        the rate.
    """
    kernel = VariableHardSphere(1.0, exponent)
    full_light, full_heavy, parts = _operators(dim, num_angles, num_points)
    q, h = parts(kernel)
    errors: dict[str, list[float]] = {name: [] for name in ("Q0", "Q1", "Q2", "H0", "H1")}
    for eps in epsilons:
        there, back = full_light(kernel, jnp.asarray(eps)), full_heavy(kernel, jnp.asarray(eps))
        partial = [sum(eps**k * q[k] for k in range(count)) for count in (1, 2, 3)]
        for name, value in zip(("Q0", "Q1", "Q2"), partial):
            errors[name].append(float(jnp.abs(there - value).max()))
        for name, value in zip(("H0", "H1"), (eps * h[0], eps * h[0] + eps**2 * h[1])):
            errors[name].append(float(jnp.abs(back - value).max()))
    return errors


@functools.cache
def _operators(dim: int, num_angles: int, num_points: int):
    """Compiled once for all kernels and mass ratios."""
    light, heavy = gaussian_pair(dim)
    v = jnp.asarray(_POINTS[:, :dim])
    raw = RawMoments(*(jnp.asarray(moment) for moment in heavy.raw_moments()))
    spacing = 2 * _HEAVY_WIDTH / num_points
    axis = (np.arange(num_points) + 0.5) * spacing - _HEAVY_WIDTH
    w = jnp.asarray(np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), -1).reshape(-1, dim))

    @jax.jit
    def full_light(kernel, eps, w=w):
        at = lambda x: collide_at(kernel, light, heavy, eps, x, w, spacing**dim, num_angles)
        return jax.lax.map(at, v)

    @jax.jit
    def full_heavy(kernel, eps):
        at = lambda x: collide_heavy_at(kernel, light, heavy, eps, x, _WIDTH, 40, num_angles)
        return jax.lax.map(at, v)

    @jax.jit
    def parts(kernel):
        forces = light_forces(kernel, light, _WIDTH, dim, 40, num_angles)
        q = jax.vmap(lambda x: light_expansion(kernel, light, raw, x, num_angles))(v)
        h = jax.vmap(lambda x: heavy_expansion(forces, heavy, x))(v)
        return q, h

    return full_light, full_heavy, parts


def centred_errors(exponent: float, epsilons: Sequence[float]) -> list[float]:
    """Of the centred truncation, 2-D, for distributions that are isotropic in the heavy frame.

    Args:
        exponent: of the kernel.
        epsilons: roots of the mass ratio.

    Returns:
        One error per mass ratio.
    """
    heavy = GaussianSum(
        np.array([0.9, 0.6]),
        np.array([[0.3, 0.4], [0.3, 0.4]]),
        np.stack([0.5 * np.eye(2), 0.9 * np.eye(2)]),
    )
    kernel = VariableHardSphere(1.0, exponent)
    density, first, second = heavy.raw_moments()
    velocity = first / density
    temperature = np.trace(second / density - np.outer(velocity, velocity)) / 2
    fluid = tuple(jnp.asarray(x) for x in (density, velocity, temperature))
    axis = (np.arange(24) + 0.5) * 2 * _HEAVY_WIDTH / 24 - _HEAVY_WIDTH
    w = jnp.asarray(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))

    @jax.jit
    def error(eps, w):
        square = lambda v: jnp.sum((v - eps * fluid[1]) ** 2)
        light = lambda v: jnp.exp(-0.5 * square(v)) + square(v) * jnp.exp(-square(v) / 1.6)
        volume = jnp.asarray((axis[1] - axis[0]) ** 2)
        at = lambda v: collide_at(kernel, light, heavy, eps, v, w, volume, 12)
        short = lambda v: centred_light(kernel, light, fluid, eps, v, 12)
        v = jnp.asarray(_POINTS[:, :2])
        return jnp.abs(jax.vmap(at)(v) - jax.vmap(short)(v)).max()

    return [float(error(jnp.asarray(eps), w)) for eps in epsilons]
