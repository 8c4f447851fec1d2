"""SpectralFeatureGP against exact solutions, and the honesty of what it says about itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import RESULTS, JaxsciError, PrecisionWarning, pde, solve
from jaxsci.approx import GaussLegendreNodes, UniformNodes
from jaxsci.gp import SpectralFeatureGP
from jaxsci.gp._reference import BENCHMARKS

LINE, SQUARE = pde.Box(0.0, 1.0), pde.Box((0.0, 0.0), (1.0, 1.0))
CUBE = pde.Box((0.0,) * 3, (1.0,) * 3)


def error_of(solution, exact, dim, num=23):
    """The relative error on a uniform grid of the unit box."""
    axes = (jnp.linspace(0.0, 1.0, num),) * dim
    points = pde.tensor_points(axes).reshape(-1, dim)
    known = jax.vmap(exact)(points)
    return float(jnp.linalg.norm(solution(points) - known) / jnp.linalg.norm(known))


@pytest.mark.parametrize("num", [210, 240])
def test_two_points_per_wave_are_enough(num):
    benchmark = BENCHMARKS["poisson_1d-single_sin"]
    solution = solve(benchmark.problem(), SpectralFeatureGP(num, UniformNodes()))
    assert float(benchmark.relative_error(solution)) < 1e-8
    assert float(solution.stats["validation_residual"]) < 1e-6


def test_an_under_resolved_problem_says_so():
    problem = BENCHMARKS["poisson_1d-single_sin"].problem()
    with pytest.raises(JaxsciError, match="too coarse") as caught:
        solve(problem, SpectralFeatureGP(190, UniformNodes()))
    assert bool(caught.value.result == RESULTS.under_resolved)
    assert float(caught.value.solution.stats["validation_residual"]) > 0.1
    assert caught.value.solution.value.shape == (190,)


@pytest.mark.parametrize(
    ("name", "num", "bound"),
    [("poisson_1d-mix_sin", 200, 1e-10), ("allencahn_1d-single_sin", 400, 1e-9)],
)
def test_multi_scale_lines(name, num, bound):
    benchmark = BENCHMARKS[name]
    solution = solve(benchmark.problem(), SpectralFeatureGP(num))
    assert float(benchmark.relative_error(solution)) < bound
    assert bool(solution.result == RESULTS.successful)


def wavy(x):
    return jnp.sin(25 * x[0]) + jnp.cos(3 * x[0])


def slope(function, axis, sign=1.0):
    """The derivative along an axis, times the sign of the outward normal."""
    return lambda x: sign * jax.jvp(function, (x,), (jnp.zeros_like(x).at[axis].set(1.0),))[1]


def manufactured(make, exact):
    """The problem whose solution is `exact`."""
    bare = make(0.0)
    return make(jax.jit(lambda x: bare.residual(exact, x[None])[0]))


def _sides(source):
    robin = pde.Robin(2.0, 0.5, lambda x: 2 * wavy(x) + 0.5 * slope(wavy, 0)(x))
    sides = pde.Boundary((pde.Neumann(slope(wavy, 0, -1.0)), robin))
    return pde.LinearPDE(LINE, pde.laplacian(1), source, sides)


def _variable(source):
    stiff = lambda x: 1 + 0.5 * jnp.sin(4 * x[0])
    operator = stiff * pde.laplacian(1) + pde.partial(0, dim=1)
    return pde.LinearPDE(LINE, operator, source, pde.Dirichlet(wavy))


def ring(x):
    return jnp.exp(jnp.sin(2 * jnp.pi * x[0]))


# name: (problem of a source, exact solution, method, error at most)
LINES = {
    "Neumann and Robin sides": (_sides, wavy, SpectralFeatureGP(60), 1e-9),
    "variable coefficients": (_variable, wavy, SpectralFeatureGP(60), 1e-9),
    "Gauss nodes": (_variable, wavy, SpectralFeatureGP(60, GaussLegendreNodes()), 1e-9),
    "periodic": (
        lambda f: pde.LinearPDE(
            LINE, pde.laplacian(1) - 3.0 * pde.identity(1), f, pde.Boundary(pde.Periodic())
        ),
        ring,
        SpectralFeatureGP(60),
        1e-10,
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_lines(name):
    make, exact, method, bound = LINES[name]
    solution = solve(manufactured(make, exact), method)
    assert error_of(solution, exact, 1, 101) < bound


def two_scales(x):
    return jnp.sin(3 * x[0]) * jnp.cos(2 * x[1]) + 0.1 * jnp.sin(20 * x[0]) * jnp.sin(18 * x[1])


def smooth(x):
    return jnp.sin(3 * x[0] + 0.5) * jnp.exp(-x[1])


def standing(x):
    return jnp.sin(3 * x[0] + 1) * jnp.cos(4 * x[1])


def travelling(x):
    return jnp.sin(x[0] - 12 * x[1])


def solid(x):
    return jnp.sin(5 * x[0]) * jnp.cos(4 * x[1]) * jnp.sin(3 * x[2] + 1)


def _mixed_sides(source):
    robin = pde.Robin(2.0, 0.5, lambda x: 2 * smooth(x) + 0.5 * slope(smooth, 0)(x))
    first = (pde.Neumann(slope(smooth, 0, -1.0)), robin)
    return pde.Poisson(SQUARE, source, pde.Boundary(first, pde.Dirichlet(smooth)))


def _variable_square(source):
    stiff = lambda x: 1 + 0.3 * jnp.sin(x[0] * x[1])
    operator = stiff * pde.laplacian(2) + 0.5 * pde.partial(0, dim=2)
    return pde.LinearPDE(SQUARE, operator, source, pde.Dirichlet(smooth))


def _periodic_square(source):
    sides = pde.Boundary(pde.Periodic(), pde.Dirichlet(lambda x: ring(x) * jnp.cos(x[1])))
    return pde.Poisson(SQUARE, source, sides)


def _in_time(make, exact, velocity=None):
    boundary = pde.Boundary(pde.Dirichlet(exact), pde.Initial(exact, velocity))
    return lambda source: make(source, boundary)


BOXES = {
    "multi-scale Poisson": (
        lambda f: pde.Poisson(SQUARE, f, pde.Dirichlet(two_scales)),
        two_scales,
        SpectralFeatureGP(48),
        1e-9,
    ),
    "mixed sides": (_mixed_sides, smooth, SpectralFeatureGP(28), 1e-8),
    "periodic": (
        _periodic_square,
        lambda x: ring(x) * jnp.cos(x[1]),
        SpectralFeatureGP((48, 28)),
        1e-9,
    ),
    "heat": (
        _in_time(lambda f, b: pde.Heat(SQUARE, 0.3, f, b), smooth),
        smooth,
        SpectralFeatureGP(28),
        1e-9,
    ),
    "wave": (
        _in_time(lambda f, b: pde.Wave(SQUARE, 1.3, f, b), standing, slope(standing, 1)),
        standing,
        SpectralFeatureGP(32),
        1e-8,
    ),
    "advection from initial and inflow data": (
        lambda f: pde.Advection(
            SQUARE,
            (12.0,),
            f,
            pde.Boundary((pde.Dirichlet(travelling), pde.Free()), pde.Initial(travelling)),
        ),
        travelling,
        SpectralFeatureGP(32),
        1e-9,
    ),
    "variable coefficients": (_variable_square, smooth, SpectralFeatureGP(28), 1e-8),
    "Burgers": (
        _in_time(lambda f, b: pde.Burgers(SQUARE, 0.3, f, b), smooth),
        smooth,
        SpectralFeatureGP(28),
        1e-8,
    ),
    "three dimensions": (
        lambda f: pde.Poisson(CUBE, f, pde.Dirichlet(solid)),
        solid,
        SpectralFeatureGP(28),
        1e-8,
    ),
}


@pytest.mark.parametrize("name", BOXES)
def test_boxes(name):
    make, exact, method, bound = BOXES[name]
    problem = manufactured(make, exact)
    solution = solve(problem, method)
    assert error_of(solution, exact, problem.dim, 12) < bound


def test_observations_on_a_line_fix_what_the_equation_leaves_open():
    """u'' + 9 u = f with one side known only through noisy values inside."""
    points = jnp.linspace(0.05, 0.95, 40)[:, None]
    noise = 1e-3 * jax.random.normal(jax.random.key(1), (40,))
    seen = pde.Observations(points, jax.vmap(wavy)(points) + noise, 1e-3)
    make = lambda f: pde.Helmholtz(LINE, 3.0, f, pde.Dirichlet(wavy), (seen,), 20.0)
    problem = manufactured(make, wavy)
    method = SpectralFeatureGP(60)
    with_data = solve(problem, method)
    alone = solve(pde.Helmholtz(LINE, 3.0, problem.source, problem.boundary, (), 20.0), method)
    at = jnp.asarray([[0.31], [0.72]])
    assert np.all(with_data.std(at) < 0.5 * alone.std(at))
    assert np.all(jnp.abs(with_data(at) - jax.vmap(wavy)(at)) < 5 * with_data.std(at) + 1e-3)


def test_observations_in_a_square_lower_the_deviation():
    points = jax.random.uniform(jax.random.key(2), (12, 2))
    seen = pde.Observations(points, jax.vmap(smooth)(points), 1e-3)
    make = lambda f, o: pde.Poisson(SQUARE, f, pde.Dirichlet(smooth), o, 3.0)
    source = manufactured(lambda f: make(f, ()), smooth).source
    method = SpectralFeatureGP(28, num_features=22)
    with_data, alone = (solve(make(source, o), method) for o in ((seen,), ()))
    assert np.all(with_data.std(points) < 1.01e-3)
    assert np.all(with_data.std(points) < alone.std(points))
    assert float(jnp.median(alone.std(points))) > 4e-3
    assert error_of(with_data, smooth, 2) < 1e-2


def test_a_source_may_be_an_array_at_the_nodes():
    method = SpectralFeatureGP(60)
    problem = manufactured(_variable, wavy)
    (nodes,) = method.grid(problem)
    by_array = solve(_variable(jax.vmap(problem.source)(nodes[:, None])), method)
    np.testing.assert_allclose(by_array.value, jax.vmap(wavy)(nodes[:, None]), atol=1e-8)


def test_new_constants_and_functions_compile_nothing():
    def one(rate, rtol):
        source = lambda x: jnp.sin(rate * x[0])
        return solve(
            pde.Helmholtz(LINE, rate, source, pde.Dirichlet(rate)),
            SpectralFeatureGP(44, rtol=rtol),
            throw=False,
        )

    first, compiled = one(2.0, 1e-6), []
    count = lambda event, _, **__: compiled.append(event) if "backend_compile" in event else None
    jax.monitoring.register_event_duration_secs_listener(count)
    second = one(2.5, 1e-5)
    before = len(compiled)
    solve(pde.Poisson(LINE, jnp.sin(1.0)), SpectralFeatureGP(45))
    jax.monitoring.unregister_event_duration_listener(count)
    assert before == 0
    assert len(compiled) > 0  # another shape: the counter does count
    assert float(jnp.abs(first.value - second.value).max()) > 1e-3


def test_single_precision_warns_once_and_says_what_to_do():
    box = pde.Box(jnp.float32(0.0), jnp.float32(1.0))
    problem = pde.Poisson(
        box, lambda x: -9 * jnp.sin(3 * x[0]), pde.Dirichlet(lambda x: jnp.sin(3 * x[0]))
    )
    with pytest.warns(PrecisionWarning, match="jax_enable_x64") as caught:
        solution = solve(problem, SpectralFeatureGP(24, rtol=1e-2), throw=False)
    assert len(caught) == 1
    assert solution.value.dtype == jnp.float32
    np.testing.assert_allclose(solution.value, np.sin(3 * np.asarray(solution.nodes[0])), atol=2e-2)
