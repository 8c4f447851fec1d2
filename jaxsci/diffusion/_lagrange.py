"""Interpolation through a point and a masked set of others, as coefficients of monomials."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

DEGREE = 4  # order four and its corrector: four points besides the start


def basis_polynomials(
    x: Float[Array, " m"], active: Bool[Array, " m"]
) -> Float[Array, "m degree+1"]:
    """$\\ell_j(x) = \\frac{x}{x_j}\\prod_{i \\ne j}\\frac{x - x_i}{x_j - x_i}$ over active points.

    With the start of the step at $x = 0$, $F(x) \\approx F_0 + \\sum_j \\ell_j(x) (F_j - F_0)$, and
    the k-th derivative at the start is $k!$ times the coefficient of $x^k$: a Vandermonde system
    solved in closed form, without a factorisation, for any mask.

    Args:
        x: the points; those that are not active may be anything finite.
        active: at most four of them.

    Returns:
        Coefficients of $1, x, ..., x^4$; rows of points that are not active are zero.
    """
    safe = jnp.where(active, x, jnp.ones_like(x))
    rows = jnp.zeros((x.size, DEGREE + 1), x.dtype).at[:, 1].set(1 / safe)
    for i in range(x.size):
        gap = x - x[i]
        used = active & active[i] & (jnp.arange(x.size) != i)
        gap = jnp.where(used, gap, jnp.ones_like(gap))
        raised = jnp.pad(rows, ((0, 0), (1, 0)))[:, :-1]
        rows = jnp.where(used[:, None], (raised - x[i] * rows) / gap[:, None], rows)
    return jnp.where(active[:, None], rows, jnp.zeros_like(rows))
