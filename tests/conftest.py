"""Float64 everywhere in the tests; tests of float32 say so themselves."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import pytest

jax.config.update("jax_enable_x64", True)
# Promotion is strict: a test that mixes dtypes by accident fails.
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture
def key():
    return jax.random.key(0)
