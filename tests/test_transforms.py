"""The transform table: every public method under every transformation of JAX.

A new method without a row in `transform_cases.py` fails the first test here.
"""

import contextlib
import functools
import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from transform_cases import BY_NAME, FAST_COMPILE, PARAMETERS

import jaxsci

HERE = Path(__file__).parent
EVERY = pytest.mark.parametrize("name", BY_NAME)
MIDDLE = PARAMETERS[2]


def public_methods():
    """Every concrete method that a room of jaxsci exports."""
    rooms = [m.name for m in pkgutil.iter_modules(jaxsci.__path__) if not m.name.startswith("_")]
    modules = [importlib.import_module(f"jaxsci.{room}") for room in rooms]
    kinds = (jaxsci.AbstractMethod, jaxsci.AbstractIterativeMethod)
    return {
        thing
        for module in modules
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, kinds) and not inspect.isabstract(thing)
    }


def test_every_method_has_a_row():
    methods = public_methods()
    assert len(methods) >= 6
    assert {method.__name__ for method in methods} == {
        type(row.method).__name__ for row in BY_NAME.values()
    }


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A persistent compilation cache of this module's own."""
    folder = tmp_path_factory.mktemp("compiled")
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def slug(name):
    return "row_" + name.replace(" ", "_")


@functools.cache
def derivatives(name):
    """Value, reverse-mode and forward-mode derivative in one compiled program."""
    row = BY_NAME[name]

    def program(p):
        value, push = jax.linearize(row, p)
        pull = jax.linear_transpose(push, p)
        return value, pull(jnp.ones_like(value))[0], push(jnp.ones_like(p))

    program.__name__ = slug(name)
    return jax.jit(program, compiler_options=FAST_COMPILE)


@functools.cache
def values(name):
    row = BY_NAME[name]
    if row.derivative_fault:
        plain = jax.jit(row, compiler_options=FAST_COMPILE)
    else:
        plain = lambda p: derivatives(name)(p)[0]
    return np.array([float(plain(jnp.asarray(p))) for p in PARAMETERS])


@EVERY
def test_derivatives_agree_with_central_differences(name, cache):
    """jit, grad and jvp; and the program, which holds no callback, went into the cache."""
    if BY_NAME[name].derivative_fault:
        pytest.skip(BY_NAME[name].derivative_fault)
    found, h = derivatives(name), 1e-3
    value, reverse, forward = found(jnp.asarray(MIDDLE))
    assert value.dtype == reverse.dtype == jnp.float64
    shifted = lambda k: float(found(jnp.asarray(MIDDLE + k * h))[0])
    # of fourth order, so that the error of the difference is far below the bound
    slope = (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * h)
    assert abs(slope) > 1e-8
    np.testing.assert_allclose([reverse, forward], slope, rtol=1e-6)
    assert list(cache.glob(f"jit_{slug(name)}-*")), "no entry in the compilation cache"


@EVERY
def test_vmap_of_vmap_is_the_loop(name, cache):
    nested = jax.vmap(jax.vmap(BY_NAME[name]), in_axes=1, out_axes=1)
    batch = jax.jit(nested, compiler_options=FAST_COMPILE)(jnp.asarray(PARAMETERS).reshape(2, 2))
    np.testing.assert_allclose(batch.ravel(), values(name), rtol=1e-8)


@functools.cache
def four_devices():
    """What every row gives on four virtual devices, in one process of its own."""
    fast = [f"--{name}={str(value).lower()}" for name, value in FAST_COMPILE.items()]
    asked = [os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=4", *fast]
    flags = " ".join(asked)
    worker = subprocess.Popen(
        [sys.executable, str(HERE / "transform_worker.py")],
        env={**os.environ, "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = worker.communicate(timeout=360)
    except subprocess.TimeoutExpired:  # the rows that came through still count
        worker.kill()
        output, errors = worker.communicate()
        errors += "\nthe worker did not finish within 360 s"
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {name: found for line in lines for name, found in line.items()}, errors[-2000:]


@EVERY
def test_vmap_over_an_auto_mesh_and_pmap(name, cache):
    if BY_NAME[name].mesh_fault:
        pytest.skip(BY_NAME[name].mesh_fault)
    found, errors = four_devices()
    assert name in found, errors
    assert found[name]["devices"] == 4
    np.testing.assert_allclose(found[name]["mesh"], values(name), rtol=1e-8)
    assert ("pmap" in found[name]) == BY_NAME[name].pmap
    if BY_NAME[name].pmap:
        np.testing.assert_allclose(found[name]["pmap"], values(name), rtol=1e-8)


@EVERY
def test_dtype_follows_the_input(name):
    row = BY_NAME[name]
    warned = pytest.warns(jaxsci.PrecisionWarning, match="float32") if row.warns else quiet()
    program = (lambda p: (row(p),)) if row.derivative_fault else jax.value_and_grad(row)
    with warned:
        single = jax.eval_shape(program, jax.ShapeDtypeStruct((), jnp.float32))
    assert {leaf.dtype for leaf in single} == {jnp.dtype(jnp.float32)}
    with quiet():
        double = jax.eval_shape(program, jax.ShapeDtypeStruct((), jnp.float64))
    assert {leaf.dtype for leaf in double} == {jnp.dtype(jnp.float64)}


@contextlib.contextmanager
def quiet():
    """No warning of any kind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
