"""The 1-D problem of the demonstration: three scales."""

import jax.numpy as jnp
from jaxtyping import Array


def exact(x: Array) -> Array:
    """The multi-scale solution; the check alone knows it."""
    return jnp.sin(x[0]) + 0.1 * jnp.sin(20 * x[0]) + 0.05 * jnp.sin(100 * x[0])


def source(x: Array) -> Array:
    """Its second derivative."""
    return -jnp.sin(x[0]) - 40 * jnp.sin(20 * x[0]) - 500 * jnp.sin(100 * x[0])
