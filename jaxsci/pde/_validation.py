"""Is an answer to be believed? The residual on points that the method has not seen decides."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import RESULTS
from ._domain import Box

_SHIFT = 0.6180339887498949  # irrational, so that no grid of nodes is hit again and again


def validation_axes(domain: Box, counts: tuple[int, ...]) -> tuple[Float[Array, " _"], ...]:
    """Shifted uniform coordinates $x_i = a + L\\,(i + 0.618\\dots)/n$, one vector per dimension.

    Args:
        domain: the box.
        counts: $n$ per dimension; as many as the method has nodes resolves what it may have missed.

    Returns:
        The coordinates of an independent tensor grid inside the box.
    """
    fractions = [(jnp.arange(n, dtype=domain.lower.dtype) + _SHIFT) / n for n in counts]
    return tuple(
        domain.lower[axis] + domain.lengths[axis] * part for axis, part in enumerate(fractions)
    )


def verdict(
    node_residual: Float[Array, ""],
    validation_residual: Float[Array, ""],
    boundary_residual: Float[Array, ""],
    rtol: ArrayLike,
) -> RESULTS:
    """The result code of a solution from its relative residuals.

    Args:
        node_residual: root mean square on the method's own points, relative to the terms.
        validation_residual: the same on independent points.
        boundary_residual: the largest of the boundary conditions, relative to the data.
        rtol: what is asked of all three.

    Returns:
        `nonfinite`; `under_resolved` if the method's own points pass and the independent ones do
        not; `inaccurate` if something else is above `rtol`; `successful` otherwise.
    """
    limit = jnp.asarray(rtol, node_residual.dtype)
    worst = jnp.maximum(jnp.maximum(node_residual, validation_residual), boundary_residual)
    blind = (node_residual <= limit) & (validation_residual > limit)
    code = RESULTS.where(worst <= limit, RESULTS.successful, RESULTS.inaccurate)
    code = RESULTS.where(blind, RESULTS.under_resolved, code)
    return RESULTS.where(jnp.isfinite(worst), code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
