"""Domains: axis-aligned boxes, time included as a dimension."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete


class Box(eqx.Module):
    """The box $[a_1, b_1] \\times \\dots \\times [a_d, b_d]$, $d = 1, 2, 3$.

    A time-dependent problem is posed on a box whose last dimension is time.

    Attributes:
        lower: the corner $a$, shape `(d,)`.
        upper: the corner $b$, shape `(d,)`.
    """

    lower: Float[Array, " d"]
    upper: Float[Array, " d"]

    def __init__(self, lower: ArrayLike | tuple, upper: ArrayLike | tuple):
        """Build the box from two corners; in one dimension two numbers will do.

        Raises:
            ValueError: if the corners have different lengths, or an edge has no positive length.
        """
        dtype = jnp.result_type(float, *map(jnp.result_type, (jnp.asarray(lower),)))
        self.lower = jnp.atleast_1d(jnp.asarray(lower, dtype))
        self.upper = jnp.atleast_1d(jnp.asarray(upper, dtype))
        if self.lower.shape != self.upper.shape or self.lower.ndim != 1:
            raise ValueError(
                f"Box: lower and upper must be vectors of one length, got shapes "
                f"{self.lower.shape} and {self.upper.shape}."
            )
        if not 1 <= self.dim <= 3:
            raise ValueError(f"Box: 1, 2 or 3 dimensions are supported, got {self.dim}.")
        if concrete((self.lower, self.upper)) and not np.all(self.lower < self.upper):
            raise ValueError(
                f"Box: every edge needs a positive length, got lower={np.asarray(self.lower)} and "
                f"upper={np.asarray(self.upper)}."
            )

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return self.lower.shape[0]

    @property
    def lengths(self) -> Float[Array, " d"]:
        """The edge lengths $b - a$."""
        return self.upper - self.lower


@jax.jit
def tensor_points(axes: tuple[Float[Array, " _"], ...]) -> Float[Array, "... d"]:
    """The points of a tensor grid: shape `(n_1, ..., n_d, d)` from one vector of nodes per axis."""
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1)
