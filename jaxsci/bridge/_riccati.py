"""The Gaussian Schrödinger bridge as a Riccati equation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._spread import AbstractSpread, Diagonal, Full


def bridge_spread(
    start: AbstractSpread, end: AbstractSpread, epsilon: Float[Array, ""]
) -> AbstractSpread:
    """The positive root of $S_k A_k S_k + \\varepsilon S_k = B_k$.

    With $B = L L^T$ and $M = L^T A L$ the root is
    $S = L\\,2(\\varepsilon + \\sqrt{\\varepsilon^2 + 4M})^{-1} L^T$: no inverse is taken, so that a
    direction in which the start does not vary is as good as any other.

    Args:
        start: the covariances $A_k$, positive semi-definite.
        end: the covariances $B_k$, positive definite.
        epsilon: $\\varepsilon$.

    Returns:
        $S_k$, of the kind of `end`.

    Source: H. Janati et al., Entropic optimal transport between unbalanced Gaussian measures has a
    closed form (2020), with the entropic parameter named as here.
    """
    if isinstance(start, Diagonal) and isinstance(end, Diagonal):
        slope = jnp.sqrt(epsilon**2 + 4 * start.values * end.values)
        return Diagonal(2 * end.values / (epsilon + slope))
    return Full(jax.vmap(_dense_root, in_axes=(0, 0, None))(start.dense(), end.dense(), epsilon))


def _dense_root(start: Array, end: Array, epsilon: Array) -> Array:
    root = jnp.linalg.cholesky(end)
    values, vectors = jnp.linalg.eigh(root.T @ start @ root)
    scale = 2 / (epsilon + jnp.sqrt(epsilon**2 + 4 * jnp.maximum(values, 0)))
    half = root @ vectors * jnp.sqrt(scale)
    return half @ half.T
