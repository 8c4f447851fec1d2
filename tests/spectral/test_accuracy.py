"""How accurate: multi-scale lines against numbers known beforehand, and spectral convergence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import pde
from jaxsci.spectral import ChebyshevCollocation

TWO_PI = 2 * np.pi

# name: (solution, source, upper end, points, error at most); errors of a plain numpy collocation
LINES = {
    "single_sin": (
        lambda x: jnp.sin(100 * x),
        lambda x: -1e4 * jnp.sin(100 * x[0]),
        TWO_PI,
        400,
        6e-11,
    ),
    "x2_add_sinx": (
        lambda x: jnp.sin(500 * x) - 2 * (x - 0.5) ** 2,
        lambda x: -25e4 * jnp.sin(500 * x[0]) - 4,
        1.0,
        400,
        3.3e-11,
    ),
    "x_time_sinx": (
        lambda x: x * jnp.sin(200 * x),
        lambda x: 400 * jnp.cos(200 * x[0]) - 4e4 * x[0] * jnp.sin(200 * x[0]),
        TWO_PI,
        900,
        6e-10,
    ),
    "mix_sin": (
        lambda x: jnp.sin(x) + 0.1 * jnp.sin(20 * x) + 0.05 * jnp.sin(100 * x),
        lambda x: -jnp.sin(x[0]) - 40 * jnp.sin(20 * x[0]) - 500 * jnp.sin(100 * x[0]),
        1.0,
        900,
        5e-12,
    ),
}


def _poisson(name):
    exact, source, upper, n, _ = LINES[name]
    problem = pde.Poisson(pde.Box(0.0, upper), source, pde.Dirichlet(lambda x: exact(x[0])))
    return problem, ChebyshevCollocation(n), exact


def _error(solution, exact, upper, count=300):
    x = jnp.linspace(0.0, upper, count)
    return float(jnp.linalg.norm(solution(x[:, None]) - exact(x)) / jnp.linalg.norm(exact(x)))


@pytest.mark.parametrize("name", LINES)
def test_multi_scale_lines(name):
    problem, method, exact = _poisson(name)
    solution = jaxsci.solve(problem, method)
    assert _error(solution, exact, LINES[name][2]) <= LINES[name][4]
    assert bool(solution.result == jaxsci.RESULTS.successful)
    assert float(solution.stats["validation_residual"]) < 1e-9
    assert int(solution.stats["num_unknowns"]) == LINES[name][3] - 2


def test_an_under_resolved_solution_says_so():
    exact = lambda x: jnp.sin(300 * x)  # 1.3 points per wave
    problem = pde.Poisson(
        pde.Box(0.0, TWO_PI),
        lambda x: -9e4 * exact(x[0]),
        pde.Dirichlet(lambda x: exact(x[0])),
    )
    method = ChebyshevCollocation(400)
    solution = jaxsci.solve(problem, method, throw=False)
    assert _error(solution, exact, TWO_PI) > 0.1
    assert float(solution.stats["node_residual"]) < 1e-10
    assert bool(solution.result == jaxsci.RESULTS.under_resolved)
    with pytest.raises(jaxsci.JaxsciError, match="too coarse") as caught:
        jaxsci.solve(problem, method)
    np.testing.assert_array_equal(caught.value.solution.value, solution.value)


def _pole_error(distance):
    """The error with 16 points for a function with poles at 1/2 +- i distance."""
    bump = jax.jit(lambda x: 1 / (1 + ((x - 0.5) / distance) ** 2))
    source = lambda x: jax.grad(jax.grad(bump))(x[0])
    problem = pde.Poisson(pde.Box(0.0, 1.0), source, pde.Dirichlet(lambda x: bump(x[0])))
    solution = jaxsci.solve(problem, ChebyshevCollocation(16), throw=False)
    return _error(solution, bump, 1.0)


def test_the_error_is_that_of_the_best_polynomial():
    # poles on an ellipse of radius r = 2 d + sqrt(4 d^2 + 1): the error goes like r^-15, up to
    # powers of the number of points
    near, far = _pole_error(0.4), _pole_error(0.8)
    radius = lambda d: 2 * d + np.sqrt(4 * d**2 + 1)
    expected = (radius(0.8) / radius(0.4)) ** 15
    assert expected / 5 < near / far < expected * 5


def test_a_smooth_solution_on_too_many_points_is_still_successful():
    problem = pde.Poisson(
        pde.Box(0.0, 1.0), lambda x: -jnp.sin(x[0]), pde.Dirichlet(lambda x: jnp.sin(x[0]))
    )
    solution = jaxsci.solve(problem, ChebyshevCollocation(400))
    assert _error(solution, jnp.sin, 1.0) < 1e-12


def test_steady_allen_cahn():
    wave = lambda x: jnp.sin(100 * x)
    source = lambda x: -1e4 * wave(x[0]) + wave(x[0]) * (wave(x[0]) ** 2 - 1)
    problem = pde.AllenCahn(pde.Box(0.0, TWO_PI), source, pde.Dirichlet(lambda x: wave(x[0])))
    solution = jaxsci.solve(problem, ChebyshevCollocation(400))
    assert _error(solution, wave, TWO_PI) < 1e-10
    assert 1 <= int(solution.stats["newton_steps"]) <= 6
