"""Levenberg-Marquardt by optimistix, differentiated implicitly at the optimum."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import freeze

Residuals = Callable[[Float[Array, " p"], PyTree], Float[Array, " r"]]


def least_squares(
    residuals: Residuals,
    start: Float[Array, " p"],
    args: PyTree,
    derive: Callable,
    rtol: ArrayLike,
    atol: ArrayLike,
    max_steps: int,
) -> tuple[Float[Array, " p"], tuple[optx.RESULTS, Array]]:
    """$\\hat\\theta = \\arg\\min |r(\\theta, a)|^2$ with $H d\\hat\\theta = -d(J^T r)$.

    `optimistix.least_squares` would differentiate through a linear solve that may throw, and a
    program that can throw is never written to the compilation cache.

    Args:
        residuals: $r(\\theta, a)$.
        start: where to begin.
        args: $a$; derivatives with respect to it are exact, of any order.
        derive: `jax.jacfwd` or `jax.jacrev`, for the Jacobian $J$.
        rtol: relative change that counts as converged.
        atol: absolute change that counts as converged.
        max_steps: the most steps.

    Returns:
        $\\hat\\theta$, and how the iteration ended: its code and the number of steps.
    """

    def gradient(theta: Array) -> Array:
        return derive(residuals)(theta, args).T @ residuals(theta, args)

    # what the forward model has captured is a constant of the iteration too
    frozen = freeze((eqx.filter_closure_convert(residuals, start, args), start, args))
    found = optx.least_squares(
        frozen[0],
        _levenberg_marquardt(rtol, atol),
        *frozen[1:],
        options={"jac": "fwd" if derive is jax.jacfwd else "bwd"},
        max_steps=max_steps,
        throw=False,
    )
    # the root is known already; custom_root only attaches the derivative of the implicit function
    known = lambda _, root: root
    optimum = jax.lax.custom_root(gradient, found.value, known, _solve_tangent)
    return optimum, (found.result, found.stats["num_steps"])


def _solve_tangent(hessian: Callable[[Array], Array], rhs: Array) -> Array:
    return jnp.linalg.solve(jax.jacobian(hessian)(jnp.zeros_like(rhs)), rhs)


def _levenberg_marquardt(rtol: ArrayLike, atol: ArrayLike) -> optx.AbstractLeastSquaresSolver:
    method: Any = optx.LevenbergMarquardt
    return eqx.tree_at(lambda lm: lm.descent, method(rtol, atol), replace_fn=_SameDtype)


class _SameDtype(optx.AbstractDescent):
    """A descent in the dtype of the parameters: optimistix starts its step size in the default."""

    descent: optx.DampedNewtonDescent

    def init(self, y: Array, f_info_struct: Any) -> Any:
        return self.descent.init(y, f_info_struct)

    def query(self, y: Array, f_info: Any, state: Any) -> Any:
        return self.descent.query(y, f_info, state)

    def step(self, step_size: Array, state: Any) -> tuple[Array, optx.RESULTS]:
        dtype = state.f_info.residual.dtype
        return self.descent.step(step_size.astype(dtype), state)
