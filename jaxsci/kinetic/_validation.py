"""Checks that the objects of this family share: they look at concrete numbers alone."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete


def scalar(name: str, value: ArrayLike, dtype: Any = None) -> Float[Array, ""]:
    """A finite number, as an array.

    Raises:
        ValueError: if it is no number, or not finite.
    """
    number = jnp.asarray(value, jnp.result_type(float, value) if dtype is None else dtype)
    if number.ndim != 0:
        raise ValueError(
            f"{name} must be a number, got the shape {number.shape}; use jax.vmap for many of them."
        )
    if concrete(number) and not np.isfinite(number):
        raise ValueError(f"{name} must be finite, got {float(number)}.")
    return number


def positive(name: str, value: ArrayLike, remedy: str, dtype: Any = None) -> Float[Array, ""]:
    """A positive finite number.

    Raises:
        ValueError: if it is no number or not positive.
    """
    number = scalar(name, value, dtype)
    if concrete(number) and not number > 0:
        raise ValueError(f"{name} must be positive, got {float(number):g}; {remedy}")
    return number


def cast(tree: Any, dtype: Any) -> Any:
    """The same tree with its floating-point arrays in `dtype`."""
    change = lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x
    return jax.tree.map(change, tree)


def count(name: str, value: Any, least: int, remedy: str = "") -> None:
    """A static count is an integer of at least `least`.

    Raises:
        ValueError: with the count and the smallest one allowed.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}. {remedy}")
