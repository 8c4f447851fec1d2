"""One clear warning where float32 cannot carry a method."""

import warnings

import jax.numpy as jnp

from .._core import PrecisionWarning


def warn_if_single(name: str, dtype: jnp.dtype) -> None:
    """Warn if `dtype` has fewer digits than float64."""
    if jnp.finfo(dtype).bits < 64:
        warnings.warn(
            f"{name} works in {dtype}: expect 3 to 4 digits at best, and none for frequencies "
            "above a few hundred radians. Call jax.config.update('jax_enable_x64', True) "
            "before any array is made.",
            PrecisionWarning,
            stacklevel=4,
        )
