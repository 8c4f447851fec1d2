"""The Riccati equation of a Gaussian bridge as a root: derivatives without eigenvectors."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._riccati import bridge_spread
from ._spread import Full


def riccati_root(
    start: Float[Array, "d d"], end: Float[Array, "d d"], epsilon: Float[Array, ""]
) -> Float[Array, "d d"]:
    """The positive root of $S A S + \\varepsilon S = B$, differentiable to all orders.

    Args:
        start: $A$, positive semi-definite.
        end: $B$, positive definite.
        epsilon: $\\varepsilon$.
    """
    frozen, target, noise = jax.lax.stop_gradient((start, end, epsilon))
    root = bridge_spread(Full(frozen[None]), Full(target[None]), noise).dense()[0]
    root = (root + root.T) / 2
    basis, gains = _joint_basis(root, frozen)
    spectrum = gains[:, None] + gains + noise

    def invert(_, rhs: Array) -> Array:
        inside = jnp.linalg.solve(basis, jnp.linalg.solve(basis, rhs.T).T)
        return basis @ (inside / spectrum) @ basis.T

    def invert_transposed(_, rhs: Array) -> Array:
        inside = (basis.T @ rhs @ basis) / spectrum
        return jnp.linalg.solve(basis.T, jnp.linalg.solve(basis.T, inside.T).T)

    def tangent(linear, rhs: Array) -> Array:
        return jax.lax.custom_linear_solve(linear, rhs, invert, invert_transposed)

    equation = lambda s: s @ start @ s + epsilon * s - end
    found: Array = jax.lax.custom_root(equation, root, lambda _, s: s, tangent)  # pyright: ignore[reportAssignmentType]
    return found


def _joint_basis(root: Array, start: Array) -> tuple[Float[Array, "d d"], Float[Array, " d"]]:
    """$W$ and $k$ with $S = W W^T$ and $S A = W \\operatorname{diag}(k) W^{-1}$.

    In the basis $W$ the linearised equation $\\dot S \\mapsto \\dot S A S + S A \\dot S +
    \\varepsilon\\dot S$ is a multiplication by $k_i + k_j + \\varepsilon$.
    """
    factor = jnp.linalg.cholesky(root)
    gains, vectors = jnp.linalg.eigh(factor.T @ start @ factor)
    return factor @ vectors, jnp.maximum(gains, 0)
