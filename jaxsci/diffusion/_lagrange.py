"""Interpolation through the start of a step and a masked set of other points."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def lagrange_means(
    x: Float[Array, " m"],
    active: Bool[Array, " m"],
    nodes: Float[Array, " q"],
    weights: Float[Array, " q"],
) -> Float[Array, " m"]:
    """$\\sum_q w_q \\ell_j(x_q)$, $\\ell_j(x) = \\frac{x}{x_j}\\prod_i\\frac{x - x_i}{x_j - x_i}$.

    With the start of the step at $x = 0$, $F(x) \\approx F_0 + \\sum_j \\ell_j(x) (F_j - F_0)$.

    Args:
        x: the points; those that are not active may be anything finite.
        active: which of them take part.
        nodes: $x_q$ of a quadrature.
        weights: $w_q$.

    Returns:
        One mean for each point, zero where it is not active.
    """
    values = nodes / jnp.where(active, x, jnp.ones_like(x))[:, None]
    for i in range(x.size):
        used = _others(active, i)[:, None]
        gap = jnp.where(used, (x - x[i])[:, None], 1)
        values = values * jnp.where(used, (nodes - x[i]) / gap, 1)
    return jnp.where(active, values @ weights, 0)


def derivative_weights(
    x: Float[Array, " m"], active: Bool[Array, " m"]
) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
    """$\\ell_j' = \\frac1{x_j}\\prod_i\\frac{x_i}{x_i-x_j}$, $\\ell_j'' = -2\\ell_j'\\sum_i 1/x_i$

    Args:
        x: the points.
        active: which of them take part; products and sums are over the others of them.

    Returns:
        The coefficients of $x$ and of $x^2$ in each $\\ell_j$ (derivatives at 0), zero where it is
        not active.
    """
    safe = jnp.where(active, x, jnp.ones_like(x))
    slope, reciprocal = 1 / safe, jnp.zeros_like(x)
    for i in range(x.size):
        used = _others(active, i)
        slope = slope * jnp.where(used, x[i] / jnp.where(used, x[i] - x, 1), 1)
        reciprocal = reciprocal + jnp.where(used, 1 / safe[i], 0)
    slope = jnp.where(active, slope, 0)
    return slope, -slope * reciprocal


def _others(active: Array, i: int) -> Array:
    """For each active point j, whether i is another active one."""
    return active & active[i] & (jnp.arange(active.size) != i)
