"""Minimisers as roots of a gradient: final Newton steps and implicit derivatives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Gradient = Callable[[Float[Array, " p"]], Float[Array, " p"]]
_DENSE = 1500  # parameters up to which a Hessian is assembled


def newton_steps(gradient: Gradient, theta: Float[Array, " p"], num: int) -> Float[Array, " p"]:
    """$\\theta \\leftarrow \\theta - H^{-1} g$, as long as the gradient falls.

    Args:
        gradient: $g$; its Jacobian $H$ must not be singular.
        theta: close to the root.
        num: how many steps.
    """

    def step(theta: Array, _: None) -> tuple[Array, None]:
        slope, hessian = jax.linearize(gradient, theta)
        moved = theta - _solve(hessian, slope)
        better = jnp.linalg.norm(gradient(moved)) < jnp.linalg.norm(slope)  # false for NaN
        return jnp.where(better, moved, theta), None

    return jax.lax.scan(step, theta, None, length=num)[0]


def implicit_root(gradient: Gradient, theta: Float[Array, " p"]) -> Float[Array, " p"]:
    """`theta` as it is, with the derivative $-H^{-1}\\,\\partial g$ of the root of `gradient`.

    Args:
        gradient: may depend on anything that is differentiated.
        theta: its root.
    """
    known = lambda _, root: root
    return jax.lax.custom_root(gradient, jax.lax.stop_gradient(theta), known, _solve)  # pyright: ignore[reportReturnType]


def _solve(hessian: Callable[[Array], Array], rhs: Array) -> Array:
    if rhs.size > _DENSE:
        return jax.scipy.sparse.linalg.cg(hessian, rhs, tol=1e-10, maxiter=10 * _DENSE)[0]
    matrix = jax.lax.map(hessian, jnp.eye(rhs.size, dtype=rhs.dtype))
    # entries above a Cholesky factor's diagonal are parameters of nothing
    idle = jnp.all(matrix == 0, axis=1).astype(rhs.dtype)
    return jnp.linalg.solve(matrix.T + jnp.diag(idle), rhs)
