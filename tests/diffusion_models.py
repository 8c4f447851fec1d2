"""Small models that the tests of this family share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsci.diffusion._reference import smooth_mixture


def start_noise(num=16, seed=0, dtype="float64"):
    return 80 * jnp.asarray(np.random.default_rng(seed).normal(size=(num, 2)), dtype)


@functools.cache
def on_host():
    """The mixture as a function of NumPy arrays."""
    compiled = jax.jit(smooth_mixture().__call__)
    return lambda y, s: np.asarray(compiled(jnp.asarray(y), jnp.asarray(s)))


class Calls(list):
    """A list that is its own identity, so that it can be a static field."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
