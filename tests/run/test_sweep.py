"""Sweeps: the same answer however they are cut, interrupted or spread."""

import os
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

from jaxsci._core import RESULTS, linear_solve, succeeded
from jaxsci.run import Mapped, Sharded, Vectorised, default_executor, sweep

COUNT = 23  # a prime: no batch divides it


class Response(eqx.Module):
    """The response of a damped chain: a small solve with an array of its own."""

    load: jax.Array

    def __call__(self, damping):
        matrix = jnp.diag(2.0 + damping * jnp.ones(6)) - jnp.eye(6, k=1) - jnp.eye(6, k=-1)
        operator = lx.MatrixLinearOperator(matrix)
        value, result = linear_solve(operator, self.load, lx.LU())
        return {"value": value, "result": result}


def response():
    return Response(jnp.linspace(0.5, 1.0, 6))


def dampings():
    return jnp.linspace(0.1, 2.0, COUNT)


@pytest.mark.parametrize("executor", [Vectorised(), Mapped(), Sharded()])
def test_a_sweep_is_the_loop_over_its_elements(executor):
    found = sweep(response(), dampings(), batch=5, executor=executor)
    one_by_one = jnp.stack([response()(damping)["value"] for damping in dampings()])
    np.testing.assert_allclose(found["value"], one_by_one, rtol=1e-14)
    assert succeeded(found["result"]).shape == (COUNT,)
    assert succeeded(found["result"]).all()


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_results_do_not_depend_on_the_batch(batch, key):
    def draw(damping, own_key):
        return response()(damping)["value"], jax.random.normal(own_key, (3,))

    reference = sweep(draw, dampings(), key=key, batch=5, executor=Mapped())
    mapped = sweep(draw, dampings(), key=key, batch=batch, executor=Mapped())
    np.testing.assert_array_equal(mapped[0], reference[0])
    np.testing.assert_array_equal(mapped[1], reference[1])
    vectorised = sweep(draw, dampings(), key=key, batch=batch, executor=Vectorised())
    np.testing.assert_allclose(vectorised[0], reference[0], rtol=1e-14)
    np.testing.assert_allclose(vectorised[1], reference[1], rtol=1e-14)


def test_each_element_has_the_key_of_its_index(key):
    found = sweep(lambda x, own: jax.random.bits(own), jnp.zeros(COUNT), key=key, batch=4)
    expected = [jax.random.bits(jax.random.fold_in(key, index)) for index in range(COUNT)]
    np.testing.assert_array_equal(found, jnp.stack(expected))
    assert len(set(np.asarray(found).tolist())) == COUNT


@pytest.mark.parametrize("executor", [Vectorised(), Mapped()])
def test_failed_elements_keep_their_codes_and_leave_the_others(executor):
    values = dampings().at[4].set(jnp.nan).at[17].set(jnp.nan)
    found = sweep(response(), values, batch=6, executor=executor)
    good = np.asarray(succeeded(found["result"]))
    assert np.flatnonzero(~good).tolist() == [4, 17]
    expected = sweep(response(), dampings(), batch=6, executor=executor)["value"]
    np.testing.assert_array_equal(found["value"][good], expected[good])
    code = jax.tree.map(lambda leaf: leaf[4], found["result"])
    assert bool(code == RESULTS.nonfinite)


def test_values_are_trees_and_large_arrays_are_arguments():
    traces = []

    def product(weights, pair):
        traces.append(1)
        return jnp.vdot(weights, jnp.full_like(weights, pair["a"])) + pair["b"].sum()

    pairs = {"a": jnp.arange(float(COUNT)), "b": jnp.ones((COUNT, 2))}
    expected = 3.0 * np.arange(COUNT) + 2.0
    for _ in range(2):  # one program for all chunks, and for the second sweep
        found = sweep(eqx.Partial(product, jnp.ones(3)), pairs, batch=5, executor=Vectorised())
        np.testing.assert_allclose(found, expected)
    assert len(traces) == 1


def test_an_interrupted_sweep_resumes(tmp_path, key, monkeypatch):
    calls = []
    compute = Mapped.__call__

    def watched(self, function, chunk, index, key):
        calls.append(int(index[0]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compute(self, function, chunk, index, key)

    def draw(damping, own_key):
        found = response()(damping)
        return found["value"], found["result"], jax.random.normal(own_key)

    values = dampings().at[2].set(jnp.nan)
    options = {"key": key, "batch": 5, "executor": Mapped(), "checkpoint": tmp_path / "sweep"}
    monkeypatch.setattr(Mapped, "__call__", watched)
    with pytest.raises(KeyboardInterrupt):
        sweep(draw, values, **options)
    assert calls == [0, 5, 10]
    resumed = sweep(draw, values, **options)
    assert calls == [0, 5, 10, 10, 15, 20]
    again = sweep(draw, values, **options)
    assert len(calls) == 6
    fresh = sweep(draw, values, **{**options, "checkpoint": None})
    for found in (resumed, again):
        assert jax.tree.structure(found) == jax.tree.structure(fresh)
        jax.tree.map(np.testing.assert_array_equal, found, fresh)
    assert np.flatnonzero(~np.asarray(succeeded(again[1]))).tolist() == [2]


def test_a_checkpoint_of_another_sweep_is_refused(tmp_path, key):
    folder = tmp_path / "sweep"
    sweep(jnp.sin, dampings(), checkpoint=folder)
    with pytest.raises(ValueError, match="belongs to another sweep: its inputs differ"):
        sweep(jnp.sin, dampings() + 1.0, checkpoint=folder)
    with pytest.raises(ValueError, match="count and inputs and outputs differ"):
        sweep(lambda x: (x, x), dampings()[:5], checkpoint=folder)
    with pytest.raises(ValueError, match="inputs and outputs differ"):
        sweep(lambda x, own: jnp.stack([x, x]), dampings(), key=key, checkpoint=folder)


def test_small_types_survive_the_checkpoint(tmp_path):
    def low(x):
        return x.astype(jnp.bfloat16), x > 1.0

    first = sweep(low, dampings(), batch=5, checkpoint=tmp_path)
    stored = sweep(low, dampings(), batch=5, checkpoint=tmp_path)
    assert stored[0].dtype == jnp.bfloat16
    jax.tree.map(np.testing.assert_array_equal, stored, first)


def test_progress_is_shown(capfd):
    sweep(jnp.sin, dampings(), batch=5, progress=True)
    assert "23/23" in capfd.readouterr().err
    sweep(jnp.sin, dampings(), batch=5)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("values", "batch", "message"),
    [
        (jnp.zeros(()), None, r"share a leading axis.*\(\)"),
        ((jnp.zeros(3), jnp.zeros(4)), None, r"\(3,\).*\(4,\)"),
        (jnp.zeros((0, 2)), None, "leading axis"),
        ((), None, "leading axis"),
        (jnp.zeros(3), 0, "batch must be at least 1 element, got 0"),
    ],
)
def test_bad_input(values, batch, message):
    with pytest.raises(ValueError, match=message):
        sweep(jnp.sin, values, batch=batch)


def test_the_default_executor_suits_the_machine(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda: [None])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert isinstance(default_executor(), Vectorised)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    assert isinstance(default_executor(), Mapped)
    monkeypatch.setattr(jax, "local_devices", lambda: [None, None])
    assert isinstance(default_executor(), Sharded)


def test_sharded_over_four_devices():
    program = """
        import equinox as eqx, jax, jax.numpy as jnp, numpy as np
        from jaxsci.run import Mapped, Sharded, default_executor, sweep
        jax.config.update("jax_enable_x64", True)
        assert isinstance(default_executor(), Sharded)
        key = jax.random.key(0)
        function = eqx.Partial(
            lambda load, x, own: jnp.linalg.solve(jnp.eye(3) * (1 + x), load)
            + jax.random.normal(own, (3,)),
            jnp.arange(3.0),
        )
        values = jnp.linspace(0.0, 1.0, 23)
        found = sweep(function, values, key=key, batch=6)
        expected = sweep(function, values, key=key, batch=6, executor=Mapped())
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
        chunk, index = values[:8], np.arange(8)
        output = Sharded()(function, chunk, index, key)
        assert len(output.sharding.device_set) == 4, output.sharding
    """
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
