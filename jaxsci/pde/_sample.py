"""Sampling the user's functions, with errors that name them, before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core import concrete


def sample_at(name: str, data: Any, points: Float[Array, "... d"]) -> Float[Array, "..."]:
    """Values of `data` at points: of a function, of a number, or of an array already sampled.

    Args:
        name: what to call it in error messages.
        data: a function of a point of shape `(d,)` that returns a scalar; a number; or an array
            of the shape of the points (values at these very points).
        points: shape `(..., d)`.

    Returns:
        An array of shape `points.shape[:-1]`, in the dtype of the points.

    Raises:
        ValueError: if the shape is wrong, or a concrete value is not finite.
    """
    shape, dim = points.shape[:-1], points.shape[-1]
    if callable(data):
        values = _call(name, data, points.reshape(-1, dim)).reshape(shape)
    else:
        values = jnp.asarray(data)
        if values.shape not in ((), shape):
            raise ValueError(
                f"{name}: an array of values must have the shape {shape} of the method's points "
                f"(see the method's `nodes`), got {values.shape}."
            )
        values = jnp.broadcast_to(values, shape)
    values = values.astype(points.dtype)
    _check_finite(name, values, points)
    return values


def _call(name: str, function: Any, points: Float[Array, "n d"]) -> Array:
    dim = points.shape[-1]
    one = jax.eval_shape(function, jax.ShapeDtypeStruct((dim,), points.dtype))
    shape = getattr(one, "shape", None)
    if shape != ():
        raise ValueError(
            f"{name}: a function of a point of shape ({dim},) must return a scalar, got "
            + (f"shape {shape}." if shape is not None else f"{type(one).__name__}.")
            + (" Index the coordinate: x[0]." if shape == (dim,) else "")
        )
    return jax.vmap(function)(points)


def _check_finite(name: str, values: Array, points: Array) -> None:
    if not concrete(values):
        return
    finite = np.isfinite(np.asarray(values))
    if not finite.all():
        where = tuple(np.argwhere(~finite)[0])
        at = np.asarray(points[where]) if concrete(points) else where
        raise ValueError(
            f"{name}: not finite at {(~finite).sum()} of {finite.size} points, the first at "
            f"x = {at}. Check the function for divisions by zero or logarithms there."
        )
