"""Chains and rings of cells whose neighbours are coupled: tridiagonal systems, many at once."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def solve_bonds(
    bond: Float[Array, "faces ..."], right: Float[Array, "cells ..."]
) -> Float[Array, "cells ..."]:
    """$x_i + b_{i+1/2}(x_i - x_{i+1}) + b_{i-1/2}(x_i - x_{i-1}) = y_i$ for $b \\ge 0$.

    The inverse has no negative entry and keeps sums. With as many faces as cells the chain is a
    ring, solved as a chain with a correction of rank one.

    Args:
        bond: $b$ at the faces, left ones first; beyond the ends of a chain are zeros of $x$.
        right: $y$; trailing axes are systems of their own.

    Returns:
        $x$.
    """
    ring = bond.shape[0] == right.shape[0]
    to_rows = lambda a: jnp.moveaxis(a, 0, -1)
    left, after = (bond, jnp.roll(bond, -1, axis=0)) if ring else (bond[:-1], bond[1:])
    diagonal, columns = 1 + left + after, right[None]
    if ring:
        closing = bond[0]  # couples the first cell to the last
        diagonal = diagonal.at[0].add(-closing).at[-1].add(-closing)
        # what is left of the matrix is a chain plus b (e_first - e_last)(e_first - e_last)^T
        ends = jnp.zeros_like(right).at[0].set(1.0).at[-1].set(-1.0)
        columns = jnp.stack([right, ends])
    lower = to_rows(-left).at[..., 0].set(0.0)
    upper = to_rows(-after).at[..., -1].set(0.0)
    columns = jnp.moveaxis(columns, (0, 1), (-1, -2))
    found = jax.lax.linalg.tridiagonal_solve(lower, to_rows(diagonal), upper, columns)
    found = jnp.moveaxis(found, (-1, -2), (0, 1))
    if not ring:
        return found[0]
    plain, response = found
    gap = lambda x: x[0] - x[-1]
    return plain - closing * gap(plain) / (1 + closing * gap(response)) * response
