"""Interpolation through the start of a step and a masked set of other points."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

Gaps = Float[Array, "m m"]


def lagrange_means(
    x: Float[Array, " m"],
    gaps: Gaps,
    active: Bool[Array, " m"],
    nodes: Float[Array, " q"],
    weights: Float[Array, " q"],
) -> Float[Array, " m"]:
    """$\\sum_q w_q \\ell_j(x_q)$, $\\ell_j(x) = \\frac{x}{x_j}\\prod_i\\frac{x - x_i}{x_j - x_i}$.

    With the start of the step at $x = 0$, $F(x) \\approx F_0 + \\sum_j \\ell_j(x) (F_j - F_0)$.

    Args:
        x: the points; those that are not active may be anything finite.
        gaps: row i holds $x_j - x_i$. They come from outside, where the difference of two close
            points can be formed before its digits are lost.
        active: which of the points take part.
        nodes: $x_q$ of a quadrature.
        weights: $w_q$.

    Returns:
        One mean for each point, zero where it is not active.
    """
    inverse, used = _inverse_gaps(gaps, active)
    factors = jnp.where(used[:, :, None], (nodes - x[:, None, None]) * inverse[:, :, None], 1)
    return _inverse(x, active) * (jnp.prod(factors, axis=0) @ (nodes * weights))


def derivative_weights(
    x: Float[Array, " m"], gaps: Gaps, active: Bool[Array, " m"]
) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
    """$\\ell_j' = \\frac1{x_j}\\prod_i\\frac{x_i}{x_i-x_j}$, $\\ell_j'' = -2\\ell_j'\\sum_i 1/x_i$

    Args:
        x: the points.
        gaps: row i holds $x_j - x_i$.
        active: which of them take part; products and sums are over the others of them.

    Returns:
        The coefficients of $x$ and of $x^2$ in each $\\ell_j$ (derivatives at 0), zero where it is
        not active.
    """
    alone = _inverse(x, active)
    inverse, used = _inverse_gaps(gaps, active)
    slope = alone * jnp.prod(jnp.where(used, -x[:, None] * inverse, 1), axis=0)
    return slope, -slope * (jnp.sum(alone) - alone)


def _inverse(x: Array, active: Array) -> Array:
    """$1/x_j$, zero where it is not active."""
    return jnp.where(active, 1 / jnp.where(active, x, 1), 0)


def _inverse_gaps(gaps: Array, active: Array) -> tuple[Array, Array]:
    """$1/(x_j - x_i)$, and for which pairs of points it counts."""
    used = active[:, None] & active & ~np.eye(active.size, dtype=bool)
    return 1 / jnp.where(used, gaps, 1), used
