"""The classical Runge-Kutta method."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

# each stage starts from the slope before it
_PARTS = (0.0, 0.5, 0.5, 1.0)
_WEIGHTS = (1 / 6, 1 / 3, 1 / 3, 1 / 6)


def runge_kutta(
    rate: Callable[[Float[Array, ""], PyTree[Array]], PyTree[Array]],
    y: PyTree[Array],
    length: Float[Array, ""],
    time: Float[Array, ""] | float = 0.0,
) -> PyTree[Array]:
    """One step of order four of $\\dot y = F(t, y)$.

    The stages are a loop, so that the program holds the rate once.

    Args:
        rate: $F$.
        y: the state at $t$.
        length: of the step.
        time: $t$; any where the rate does not depend on it.

    Returns:
        The state at $t$ + `length`.
    """

    def stage(carry: tuple, row: tuple[Array, Array]) -> tuple[tuple, None]:
        (slope, mean), (part, weight) = carry, row
        ahead = jax.tree.map(lambda a, b: a + part * length * b, y, slope)
        slope = rate(time + part * length, ahead)
        return (slope, jax.tree.map(lambda a, b: a + weight * b, mean, slope)), None

    zero = jax.tree.map(jnp.zeros_like, y)
    rows = jnp.asarray(_PARTS, length.dtype), jnp.asarray(_WEIGHTS, length.dtype)
    (_, mean), _ = jax.lax.scan(stage, (zero, zero), rows)
    return jax.tree.map(lambda a, b: a + length * b, y, mean)
