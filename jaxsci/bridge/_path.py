"""Brownian bridges between given ends."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def brownian_bridge(
    key: Array,
    start: Float[Array, "... d"],
    end: Float[Array, "... d"],
    times: Float[Array, " m"],
    epsilon: Float[Array, ""],
) -> Float[Array, "m ... d"]:
    """$x_t = (1-t) x_0 + t x_1 + \\sqrt\\varepsilon\\,(W_t - t W_1)$, jointly at all times.

    Args:
        key: a random key.
        start: $x_0$.
        end: $x_1$.
        times: increasing, in [0, 1].
        epsilon: $\\varepsilon$.

    Returns:
        The positions at all times.
    """
    gaps = jnp.diff(times, prepend=0.0, append=1.0)
    noise = jax.random.normal(key, (gaps.size, *start.shape), start.dtype)
    wide = (-1,) + (1,) * start.ndim
    motion = jnp.cumsum(jnp.sqrt(gaps).reshape(wide) * noise, axis=0)
    t = times.reshape(wide)
    walk = jnp.sqrt(epsilon) * (motion[:-1] - t * motion[-1])
    return (1 - t) * start + t * end + walk
