"""GPHM: the published iterates to the digits printed, Toeplitz algebra, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import JaxsciError, Loop, PrecisionWarning, solve
from jaxsci.gp import GPHM
from jaxsci.gp._gphm_model import log_joint
from jaxsci.gp._gphm_toeplitz import ToeplitzFactor, toeplitz
from jaxsci.gp._reference import BENCHMARKS
from jaxsci.pde import (
    AllenCahn,
    Boundary,
    Box,
    Dirichlet,
    Neumann,
    Observations,
    Poisson,
)


def errors_after(name, steps):
    """Relative errors of the iterates after each number of steps."""
    benchmark = BENCHMARKS[name]
    problem = benchmark.problem()
    method = GPHM(benchmark.num_points, benchmark.freq_scale)
    data, state = method.init(problem, None)
    step, found = eqx.filter_jit(method.step), []
    for count in range(1, max(steps) + 1):
        state = step(data, state)
        if count in steps:
            solution = method.finish(problem, data, state, {})
            found.append(float(benchmark.relative_error(solution)))
    return found


# measured with the published code itself (unmodified but for imports)
def test_published_iterates_single_sin():
    found = errors_after("poisson_1d-single_sin", (1, 2, 3, 80, 104))
    np.testing.assert_allclose(found[:3], [0.98720, 0.97512, 0.96304], atol=6e-6)
    assert np.all(np.abs(found[3:] - np.array([0.338, 0.250])) < 6e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("poisson_2d-sin_sin", [0.98341]), ("poisson_2d-sin_add_cos", [0.99121, 0.98588])],
)
def test_published_iterates_in_two_dimensions(name, expected):
    found = errors_after(name, tuple(range(1, len(expected) + 1)))
    np.testing.assert_allclose(found, expected, atol=6e-6)


def test_solve_runs_the_loop_and_reports_honestly():
    problem = BENCHMARKS["poisson_1d-single_sin"].problem()
    method = GPHM(100, 20.0, max_steps=5)
    with pytest.raises(JaxsciError, match="above its tolerance"):
        solve(problem, method, loop=Loop(chunk=2))
    solution = solve(problem, method, throw=False, loop=Loop(chunk=2))
    assert int(solution.stats["num_steps"]) == 5
    nodes = jnp.linspace(0.0, 2 * jnp.pi, 100)[:, None]
    # the conditional mean passes through U up to the jitter
    np.testing.assert_allclose(solution(nodes), solution.value, atol=1e-3)


def test_allen_cahn_iterates():
    # the replay of the published code that gave these has two digits in its log
    found = errors_after("allencahn_1d-sin_cos", (104,))
    np.testing.assert_allclose(found, [0.20], rtol=0.03)


def test_allen_cahn_in_two_dimensions_decreases_its_loss():
    exact = lambda x: jnp.sin(30 * x[0]) * jnp.cos(20 * x[1])
    source = lambda x: -1300 * exact(x) + exact(x) * (exact(x) ** 2 - 1)
    problem = AllenCahn(Box((0.0, 0.0), (1.0, 1.0)), source, Dirichlet(exact))
    method = GPHM(16, 6.0, num_components=3)
    data, state = method.init(problem, None)
    loss = lambda p: -log_joint(p, data, True, jnp.asarray(1e-6), jnp.asarray(200.0))
    start, step = loss(state[0]), eqx.filter_jit(method.step)
    for _ in range(50):
        state = step(data, state)
    assert loss(state[0]) < 0.9 * start


def test_gaussian_mixture_is_the_published_one():
    # its kernel is exp(-l d^2) cos(2 pi f d) with l = exp(0) = 1 at the start
    method = GPHM(9, 2.0, num_components=2, student=False)
    problem = Poisson(Box(0.0, 1.0), 1.0, Dirichlet(0.0))
    _, (parameters, _) = method.init(problem, None)
    d = jnp.linspace(0.0, 2.0, 7)
    kernel = parameters.mixtures[0].kernel(False)
    expected = np.exp(-(d**2)) * (0.5 + 0.5 * np.cos(4 * np.pi * d))
    np.testing.assert_allclose(kernel(d), expected, atol=1e-14)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_toeplitz_matrix(order):
    column = jnp.array([3.0, 1.0, 0.5, -0.2])
    sign = (-1.0) ** order
    expected = [
        [column[i - j] if i >= j else sign * column[j - i] for j in range(4)] for i in range(4)
    ]
    np.testing.assert_array_equal(toeplitz(column, order), expected)


def test_toeplitz_factor_and_its_derivatives():
    column = 0.7 ** jnp.arange(6.0)
    b = jnp.cos(jnp.arange(6.0))
    factor = ToeplitzFactor(column, 1e-3)
    dense = np.asarray(toeplitz(column, 0)) + 1e-3 * np.eye(6)
    np.testing.assert_allclose(factor.solve(b), np.linalg.solve(dense, b), rtol=1e-12)
    np.testing.assert_allclose(factor.logdet(), np.linalg.slogdet(dense)[1], rtol=1e-12)
    ours = lambda c: ToeplitzFactor(c, 1e-3).logdet() + b @ ToeplitzFactor(c, 1e-3).solve(b)

    def plain(c):
        matrix = toeplitz(c, 0) + 1e-3 * jnp.eye(6)
        return jnp.linalg.slogdet(matrix)[1] + b @ jnp.linalg.inv(matrix) @ b

    np.testing.assert_allclose(jax.grad(ours)(column), jax.grad(plain)(column), rtol=1e-10)
    along = lambda f: jax.jvp(jax.grad(f), (column,), (b,))[1]
    np.testing.assert_allclose(along(ours), along(plain), rtol=1e-8)


def test_gradient_through_the_whole_iteration():
    def final(amplitude):
        problem = Poisson(Box(0.0, 1.0), lambda x: amplitude * jnp.sin(3 * x[0]), Dirichlet(0.0))
        method = GPHM(10, 1.0, max_steps=2, num_components=2)
        return jnp.sum(solve(problem, method, throw=False).value ** 2)

    final = jax.jit(final)
    difference = (final(2.0 + 1e-4) - final(2.0 - 1e-4)) / 2e-4
    np.testing.assert_allclose(jax.grad(final)(2.0), difference, rtol=1e-6)


def test_what_the_published_method_has_no_place_for():
    box, method = Box(0.0, 1.0), GPHM(10, 1.0)
    data = (Observations([[0.5]], [1.0], 0.1),)
    with pytest.raises(TypeError, match="does not take observations"):
        solve(Poisson(box, 1.0, Dirichlet(0.0), data), method)
    mixed = Boundary((Dirichlet(0.0), Neumann(0.0)))
    with pytest.raises(TypeError, match=r"value alone .* dimension 0"):
        solve(Poisson(box, 1.0, mixed), method)
    with pytest.raises(TypeError, match="source as a function"):
        solve(Poisson(box, jnp.ones(10), Dirichlet(0.0)), method)
    with pytest.raises(ValueError, match="num_points = 2 is too few"):
        solve(Poisson(box, 1.0, Dirichlet(0.0)), GPHM(2, 1.0))
    with pytest.raises(ValueError, match=r"GPHM: jitter must be positive .* got 0\.0"):
        GPHM(10, 1.0, jitter=0.0)


def test_float32_warns():
    box = Box(jnp.zeros(1, jnp.float32), jnp.ones(1, jnp.float32))
    problem = Poisson(box, lambda x: jnp.sin(x[0]), Dirichlet(0.0))
    with pytest.warns(PrecisionWarning, match="GPHM"):
        solution = solve(problem, GPHM(10, 1.0, max_steps=2, num_components=2), throw=False)
    assert solution.value.dtype == jnp.float32
