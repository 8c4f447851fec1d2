"""solve, fit, sample: what they refuse, what they raise, what they return."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import RESULTS, AbstractMethod, AbstractModel, AbstractProblem, Loop, Solution


class Root(AbstractProblem):
    """x^2 = square."""

    square: jax.Array

    def residual(self, x):
        return x**2 - self.square


class Other(AbstractProblem):
    def residual(self, x):
        return x


class Heron(AbstractMethod):
    """A few steps of Heron's rule; fails for negative numbers, as it should."""

    accepts: ClassVar = (Root,)
    num_steps: int = eqx.field(static=True, default=30)

    def run(self, problem, *, key=None):
        x = jnp.ones_like(problem.square)
        for _ in range(self.num_steps):
            x = (x + problem.square / x) / 2
        good = jnp.abs(problem.residual(x)) <= 1e-9 * jnp.abs(problem.square)
        judge = lambda g: RESULTS.where(g, RESULTS.successful, RESULTS.inaccurate)
        code = jax.vmap(judge)(good) if good.ndim else judge(good)
        return Solution(x, code, {"num_steps": jnp.asarray(self.num_steps)})


class Line(AbstractModel):
    slope: jax.Array

    def sample(self, key, x):
        return self.slope * x + jax.random.normal(key, x.shape)


class Slope(AbstractMethod):
    """Least squares through the origin."""

    accepts: ClassVar = (Line,)

    def run(self, problem, *, key=None):
        model, (x, y) = problem
        fitted = eqx.tree_at(lambda m: m.slope, model, (x @ y) / (x @ x))
        return Solution(fitted, RESULTS.successful, {})


def test_solve_returns_the_solution():
    solution = jaxsci.solve(Root(jnp.asarray(2.0)), Heron())
    np.testing.assert_allclose(solution.value, np.sqrt(2), rtol=1e-15)
    assert bool(solution.result == RESULTS.successful)


def test_solve_refuses_other_problems_by_name():
    with pytest.raises(
        TypeError, match=r"solve: Heron does not accept a Other. It accepts: Root\."
    ):
        jaxsci.solve(Other(), Heron())


def test_a_failure_raises_and_loses_nothing():
    problem = Root(jnp.asarray(-2.0))
    with pytest.raises(jaxsci.JaxsciError, match="residual it reached is above") as caught:
        jaxsci.solve(problem, Heron())
    assert "throw=False" in str(caught.value)
    assert bool(caught.value.result == RESULTS.inaccurate)
    kept = jaxsci.solve(problem, Heron(), throw=False)
    np.testing.assert_array_equal(caught.value.solution.value, kept.value)


def test_inside_transformations_codes_come_back_per_element():
    solve = lambda square: jaxsci.solve(Root(square), Heron())
    batch = jax.jit(jax.vmap(solve))(jnp.asarray([2.0, -1.5, 9.0]))
    np.testing.assert_array_equal(batch.result == RESULTS.successful, [True, False, True])
    with pytest.raises(jaxsci.JaxsciError, match="1 of 3 elements failed"):
        jaxsci.solve(Root(jnp.asarray([2.0, -1.5, 9.0])), Heron())


def test_direct_methods_have_no_loop():
    with pytest.raises(TypeError, match="Heron is a direct method and has no steps"):
        jaxsci.solve(Root(jnp.asarray(2.0)), Heron(), loop=Loop())


def test_fit_returns_a_model_of_the_same_type(key):
    x = jnp.arange(1.0, 5.0)
    fitted = jaxsci.fit(Line(jnp.asarray(0.0)), (x, 3 * x), Slope(), key=key)
    assert isinstance(fitted.value, Line)
    np.testing.assert_allclose(fitted.value.slope, 3.0)
    with pytest.raises(TypeError, match="fit: Slope does not accept a Root"):
        jaxsci.fit(Root(jnp.asarray(1.0)), (x, x), Slope(), key=key)  # pyright: ignore


def test_sample_draws_from_a_model(key):
    model = Line(jnp.asarray(2.0))
    x = jnp.zeros(4)
    np.testing.assert_array_equal(jaxsci.sample(model, key, x), jax.random.normal(key, (4,)))
    with pytest.raises(TypeError, match="Root cannot be sampled"):
        jaxsci.sample(Root(jnp.asarray(1.0)), key)


def test_the_report_is_short_and_also_works_when_traced():
    good = jaxsci.solve(Root(jnp.asarray(2.0)), Heron())
    assert repr(good).splitlines()[:2] == ["Solution", "  result: successful"]
    assert "num_steps: 30" in repr(good)
    texts = []

    @jax.jit
    def traced(square):
        solution = jaxsci.solve(Root(square), Heron())
        texts.append(repr(solution))
        return solution.value

    traced(jnp.asarray(2.0))
    assert "result: (traced)" in texts[0]


def test_the_report_names_what_is_no_number():
    history = jaxsci.Solution(jnp.ones(2), RESULTS.successful, {"steps": (jnp.ones(3),), "k": 7})
    assert repr(history).splitlines()[2:4] == ["  steps: tuple", "  k: 7"]


def test_every_code_has_a_message_with_a_remedy():
    for name in ("under_resolved", "inaccurate", "not_converged", "interrupted", "nonfinite"):
        assert len(str(RESULTS[getattr(RESULTS, name)])) > 20


def test_import_is_lazy():
    import subprocess
    import sys

    code = "import jaxsci, sys; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "solve" in dir(jaxsci)
    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        jaxsci.solv  # noqa: B018
