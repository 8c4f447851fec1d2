"""Adam, fit for strict dtypes and for differentiation through its steps."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, ArrayLike, Float, Int


def adam(learning_rate: ArrayLike, dtype: Any) -> optax.GradientTransformation:
    """`optax.adam` whose rate is a leaf in the given dtype.

    Args:
        learning_rate: the rate; changing it compiles nothing anew.
        dtype: of the parameters.

    Returns:
        The optimiser.
    """
    # the root of a zero second moment has no derivative; 1e-30 gives it one, and no digit moves
    inner = optax.adam(jnp.asarray(learning_rate, dtype), eps_root=1e-30)

    def update(updates, state, params=None):
        with jax.numpy_dtype_promotion("standard"):  # optax raises a rate to an integer array
            return inner.update(updates, state, params)

    return optax.GradientTransformation(inner.init, update)


def falling_rate(
    learning_rate: ArrayLike, count: Int[Array, ""], max_steps: int, dtype: Any
) -> Float[Array, ""]:
    """$\\tfrac12 r\\,(1 + \\cos(\\pi k/N))$: from the given rate to zero along half a cosine.

    Args:
        learning_rate: $r$.
        count: $k$, steps that are done.
        max_steps: $N$.
        dtype: of the parameters.

    Returns:
        What the moves of `adam(1.0, dtype)` are multiplied by.
    """
    part = count.astype(dtype) / max(max_steps, 1)
    return jnp.asarray(learning_rate, dtype) * (1 + jnp.cos(jnp.pi * part)) / 2
