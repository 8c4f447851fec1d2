"""L-BFGS by optimistix, in the dtype of the parameters."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS


def quasi_newton(
    loss: Callable[[Array, PyTree], Array],
    start: Float[Array, " p"],
    args: PyTree,
    rtol: ArrayLike,
    atol: ArrayLike,
    max_steps: int,
) -> tuple[Float[Array, " p"], RESULTS, Array]:
    """$\\arg\\min_\\theta L(\\theta, a)$; not differentiable.

    Args:
        loss: $L$.
        start: $\\theta$ to start from.
        args: $a$.
        rtol: relative change of parameters and loss that counts as converged.
        atol: the absolute change.
        max_steps: the most steps.

    Returns:
        The minimiser, a code, and the number of steps.
    """
    method: Any = optx.LBFGS
    # optimistix keeps its history in the default dtype
    with jax.enable_x64(start.dtype == jnp.float64):
        found = optx.minimise(
            loss, method(rtol, atol), start, args, max_steps=max_steps, throw=False
        )
    code = RESULTS.promote(found.result)
    capped = code == RESULTS.nonlinear_max_steps_reached  # pyright: ignore[reportArgumentType]
    code = RESULTS.where(capped, RESULTS.not_converged, code)  # pyright: ignore[reportArgumentType]
    finite = jnp.isfinite(loss(found.value, args))
    code = RESULTS.where(finite, code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
    return found.value, code, found.stats["num_steps"]
