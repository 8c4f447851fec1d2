"""Checks that the problems of this family share: they look at concrete numbers alone."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete


def inexact(values: ArrayLike, dtype: Any = None) -> Array:
    """An array of floating-point numbers, of the given type or of its own."""
    array = jnp.asarray(values, dtype)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def positive(name: str, value: ArrayLike, dtype: Any, remedy: str) -> Float[Array, ""]:
    """A positive finite number.

    Raises:
        ValueError: if it is no number or not positive.
    """
    number = jnp.asarray(value, dtype)
    if number.ndim != 0:
        raise ValueError(
            f"{name} must be a number, got the shape {number.shape}; use jax.vmap for many of them."
        )
    if concrete(number) and not (number > 0 and np.isfinite(number)):
        raise ValueError(f"{name} must be positive and finite, got {float(number)}; {remedy}")
    return number


def finite_rows(name: str, points: Float[Array, "n d"]) -> None:
    """Refuse samples that are not a table of finite numbers.

    Raises:
        ValueError: with the first bad row.
    """
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(
            f"{name} must be samples of the shape (n, D), got {points.shape}; reshape single "
            "columns by x[:, None]."
        )
    if concrete(points):
        bad = np.flatnonzero(~np.isfinite(np.asarray(points)).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{name} is not finite in {bad.size} row(s), the first is row {bad[0]}; remove or "
                "repair them."
            )


def simplex(name: str, weights: ArrayLike | None, num: int, dtype: Any) -> Float[Array, " n"]:
    """Weights that sum to one; equal ones for `None`.

    Raises:
        ValueError: if the shape is wrong, one is negative or the sum is not one.
    """
    if weights is None:
        return jnp.full(num, 1 / num, dtype)
    array = jnp.asarray(weights, dtype)
    if array.shape != (num,):
        raise ValueError(f"{name} must have the shape ({num},), got {array.shape}.")
    if concrete(array):
        total, least = float(array.sum()), float(array.min())
        if not (least >= 0 and abs(total - 1) <= 1e-5):
            raise ValueError(
                f"{name} must not be negative and sum to one, got the sum {total:.6g} and the "
                f"least {least:.3g}; divide by the sum."
            )
    return array
