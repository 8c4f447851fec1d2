"""Interpolation through the start of a step and a masked set of other points."""

import jax
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
    begin = nodes / jnp.where(active, x, jnp.ones_like(x))[:, None]

    def times(values: Array, other: tuple[Array, Array]) -> tuple[Array, None]:
        place, used = other
        gap = jnp.where(used, x - place, 1)[:, None]
        return values * jnp.where(used[:, None], (nodes - place) / gap, 1), None

    values, _ = jax.lax.scan(times, begin, (x, _others(active)))
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
    others = _others(active)
    safe = jnp.where(active, x, jnp.ones_like(x))
    logs = jnp.where(others, 1 / safe[:, None], 0)

    def times(slope: Array, other: tuple[Array, Array]) -> tuple[Array, None]:
        place, used = other
        return slope * jnp.where(used, place / jnp.where(used, place - x, 1), 1), None

    slope, _ = jax.lax.scan(times, 1 / safe, (x, others))
    slope = jnp.where(active, slope, 0)
    return slope, -slope * jnp.sum(logs, axis=0)


def _others(active: Array) -> Bool[Array, "m m"]:
    """Row i: the active points j for which i is another active one."""
    return active[:, None] & active & ~jnp.eye(active.size, dtype=jnp.bool_)
