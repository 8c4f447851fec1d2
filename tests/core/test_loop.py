"""The one iteration loop: chunks, checkpoints, interruption, and the same answer when traced."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import RESULTS, AbstractIterativeMethod, AbstractProblem, Loop, Solution


class Bowl(AbstractProblem):
    """Minimise (x - centre)^2 / 2."""

    centre: jax.Array

    def residual(self, x):
        return x - self.centre


class NoisyDescent(AbstractIterativeMethod):
    """Gradient descent with noise from a key that is part of the state."""

    accepts: ClassVar = (Bowl,)
    rate: jax.Array | float = 0.1
    tolerance: jax.Array | float = 0.0
    noise: jax.Array | float = 0.0
    max_steps: int = eqx.field(static=True, default=57)

    def init(self, problem, key):
        key = jax.random.key(0) if key is None else key
        return problem.centre, (jnp.zeros_like(problem.centre), key)

    def step(self, data, state):
        x, key = state
        key, use = jax.random.split(key)
        kick = self.noise * jax.random.normal(use, x.shape)
        return x - self.rate * (x - data) + kick, key

    def done(self, data, state):
        return jnp.abs(state[0] - data).max() < self.tolerance

    def finish(self, problem, data, state, stats):
        return Solution(state[0], RESULTS.successful, stats)

    def metrics(self, state):
        return {"size": jnp.abs(state[0]).max()}


PROBLEM = Bowl(jnp.asarray([1.0, -2.0]))


def test_the_loop_runs_the_stated_number_of_steps():
    solution = jaxsci.solve(PROBLEM, NoisyDescent())
    assert int(solution.stats["num_steps"]) == 57
    np.testing.assert_allclose(solution.value, (1 - 0.9**57) * PROBLEM.centre, rtol=1e-12)


@pytest.mark.parametrize("chunk", [1, 10, 57, 100])
def test_the_answer_does_not_depend_on_the_chunk(chunk, key):
    method = NoisyDescent(noise=0.01, tolerance=0.2)
    whole = jaxsci.solve(PROBLEM, method, key=key)
    parts = jaxsci.solve(PROBLEM, method, key=key, loop=Loop(chunk=chunk))
    np.testing.assert_array_equal(parts.value, whole.value)
    assert int(parts.stats["num_steps"]) == int(whole.stats["num_steps"]) < 57


def test_it_stops_early():
    solution = jaxsci.solve(PROBLEM, NoisyDescent(tolerance=1e-2), loop=Loop(chunk=7))
    expected = int(np.ceil(np.log(1e-2 / 2) / np.log(0.9)))
    assert int(solution.stats["num_steps"]) == expected


def test_a_bad_chunk_is_refused():
    with pytest.raises(ValueError, match="chunk must be at least 1 step, got 0"):
        Loop(chunk=0)


def _interrupt_in_chunk(monkeypatch, number):
    from jaxsci._core import _loop

    run, calls = _loop._run_chunk, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(_loop, "_run_chunk", interrupted)


def test_an_interruption_keeps_the_state(monkeypatch, key):
    _interrupt_in_chunk(monkeypatch, 3)
    stopped = jaxsci.solve(PROBLEM, NoisyDescent(), key=key, throw=False, loop=Loop(chunk=10))
    assert bool(stopped.result == RESULTS.interrupted)
    assert int(stopped.stats["num_steps"]) == 20
    np.testing.assert_allclose(stopped.value, (1 - 0.9**20) * PROBLEM.centre, rtol=1e-12)


def test_resuming_after_an_interruption_is_bit_identical(monkeypatch, tmp_path, key):
    method, path = NoisyDescent(noise=0.3), tmp_path / "deep" / "state.eqx"
    whole = jaxsci.solve(PROBLEM, method, key=key)
    with monkeypatch.context() as patched:
        _interrupt_in_chunk(patched, 4)
        with pytest.raises(jaxsci.JaxsciError, match="interrupted from the keyboard"):
            jaxsci.solve(PROBLEM, method, key=key, loop=Loop(chunk=10, checkpoint=path))
    assert path.exists()
    resumed = jaxsci.solve(PROBLEM, method, key=key, loop=Loop(chunk=10, checkpoint=path))
    np.testing.assert_array_equal(resumed.value, whole.value)
    assert int(resumed.stats["num_steps"]) == 57
    assert list(path.parent.iterdir()) == [path]  # nothing half-written is left


def test_a_finished_checkpoint_is_not_run_again(tmp_path):
    path = tmp_path / "state.eqx"
    first = jaxsci.solve(PROBLEM, NoisyDescent(), loop=Loop(checkpoint=str(path)))
    before = path.read_bytes()
    again = jaxsci.solve(PROBLEM, NoisyDescent(), loop=Loop(checkpoint=str(path)))
    np.testing.assert_array_equal(first.value, again.value)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "state.eqx"
    jaxsci.solve(PROBLEM, NoisyDescent(), loop=Loop(checkpoint=path))
    with pytest.raises(ValueError, match="belongs to another run"):
        jaxsci.solve(Bowl(jnp.ones(3)), NoisyDescent(), loop=Loop(checkpoint=path))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    with pytest.raises(ValueError, match=r"notes\.txt is not a checkpoint"):
        jaxsci.solve(PROBLEM, NoisyDescent(), loop=Loop(checkpoint=path))


def test_the_progress_bar_shows_steps_and_metrics(capsys):
    jaxsci.solve(PROBLEM, NoisyDescent(), loop=Loop(chunk=20, progress=True))
    shown = capsys.readouterr().err
    assert "NoisyDescent" in shown
    assert "57/57" in shown
    assert "size=" in shown


def test_the_traced_loop_gives_the_same_answer(key):
    method, loop = NoisyDescent(noise=0.01, tolerance=0.2), Loop(chunk=10)
    host = jaxsci.solve(PROBLEM, method, key=key, loop=loop)
    traced = jax.jit(lambda p: jaxsci.solve(p, method, key=key, loop=loop))(PROBLEM)
    np.testing.assert_allclose(traced.value, host.value, rtol=1e-15)
    assert int(traced.stats["num_steps"]) == int(host.stats["num_steps"])


def test_the_traced_loop_batches():
    solve = lambda centre, rate: jaxsci.solve(
        Bowl(centre), NoisyDescent(rate=rate, tolerance=1e-3), loop=Loop(chunk=10)
    )
    centres, rates = jnp.asarray([[1.0], [4.0]]), jnp.asarray([0.1, 0.5])
    batch = jax.vmap(solve)(centres, rates)
    for i in range(2):
        alone = solve(centres[i], rates[i])
        np.testing.assert_allclose(batch.value[i], alone.value, rtol=1e-14)
        assert int(batch.stats["num_steps"][i]) == int(alone.stats["num_steps"])


def test_the_traced_loop_differentiates():
    final = lambda centre, rate: jaxsci.solve(
        Bowl(centre[None]), NoisyDescent(rate=rate), loop=Loop(chunk=10)
    ).value[0]
    by_centre, by_rate = jax.grad(final, argnums=(0, 1))(jnp.asarray(1.5), jnp.asarray(0.1))
    np.testing.assert_allclose(by_centre, 1 - 0.9**57, rtol=1e-12)
    np.testing.assert_allclose(by_rate, 1.5 * 57 * 0.9**56, rtol=1e-10)


def test_gradients_with_respect_to_the_method_alone():
    final = lambda rate: jaxsci.solve(PROBLEM, NoisyDescent(rate=rate)).value[0]
    np.testing.assert_allclose(jax.grad(final)(jnp.asarray(0.1)), 57 * 0.9**56, rtol=1e-10)
