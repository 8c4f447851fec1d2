"""The benchmark statements are solved by their exact solutions."""

import jax
import jax.numpy as jnp
import pytest

from jaxsci.gp._reference import BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_exact_solution_solves_the_statement(name, key):
    benchmark = BENCHMARKS[name]
    problem = benchmark.problem()
    low, high = problem.domain.lower, problem.domain.upper
    points = low + (high - low) * jax.random.uniform(key, (20, problem.dim))
    # the residual of plain functions is taken by nested forward mode, to rounding of ~500^2 u
    residual = problem.residual(benchmark.exact, points)
    assert jnp.max(jnp.abs(residual)) < 2e-9
    for boundary in problem.boundary_residual(benchmark.exact, points).values():
        assert jnp.max(jnp.abs(boundary)) < 1e-13


def test_relative_error_is_one_for_the_zero_function():
    benchmark = BENCHMARKS["poisson_1d-single_sin"]
    error = benchmark.relative_error(lambda x: 0.0 * x[..., 0])
    assert jnp.abs(error - 1.0) < 1e-14


def test_relative_error_sees_a_known_perturbation():
    benchmark = BENCHMARKS["poisson_2d-sin_sin"]
    error = benchmark.relative_error(
        lambda x: 1.25 * jnp.vectorize(benchmark.exact, signature="(d)->()")(x)
    )
    assert jnp.abs(error - 0.25) < 1e-12
