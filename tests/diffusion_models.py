"""Small models that the tests of this family share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsci import diffusion


def smooth_mixture(dtype="float64"):
    """Two dimensions, three wide modes: solvers show their orders on it."""
    turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (0.3, 1.2, 2.0)]
    basis = np.stack(turns)[:, :, :1]
    fields = (
        np.log([0.5, 0.3, 0.2]),
        np.array([[0.6, 0.1], [-0.5, 0.4], [0.1, -0.7]]),
        basis,
        np.array([[0.5], [0.4], [0.3]]) ** 2,
        np.array([0.3, 0.35, 0.4]) ** 2,
    )
    return diffusion.MixtureDenoiser(*(jnp.asarray(f, dtype) for f in fields))


def start_noise(num=16, seed=0, dtype="float64"):
    return 80 * jnp.asarray(np.random.default_rng(seed).normal(size=(num, 2)), dtype)


@functools.cache
def on_host():
    """The mixture as a function of NumPy arrays."""
    compiled = jax.jit(smooth_mixture().__call__)
    return lambda y, s: np.asarray(compiled(jnp.asarray(y), jnp.asarray(s)))
