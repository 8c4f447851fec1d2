"""Float64 everywhere in the tests; tests of float32 say so themselves."""

import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import pytest

jax.config.update("jax_enable_x64", True)
# Promotion is strict: a test that mixes dtypes by accident fails.
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Every compiled program keeps its pages mapped. Linux allows a process 65,530 mappings, and
# jaxlib dies when it is refused one, so programs of past tests are dropped well before that.
MAPPINGS = Path("/proc/self/maps")
MOST_MAPPINGS = 20_000


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture(autouse=True)
def few_mappings():
    yield
    if MAPPINGS.exists() and MAPPINGS.read_bytes().count(b"\n") > MOST_MAPPINGS:
        jax.clear_caches()
