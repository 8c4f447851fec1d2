"""Conditions, observations, sampling and checks: every documented error, with its message."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import RESULTS, pde
from jaxsci.pde import (
    Boundary,
    Box,
    Dirichlet,
    Free,
    Initial,
    Neumann,
    Observations,
    Periodic,
    Robin,
)

LINE, SQUARE = Box(0.0, 1.0), Box((0.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("boundary", "message"),
    [
        (
            (Dirichlet(), Free()),
            r"Poisson: boundary conditions are missing in dimension 0 .*needs 2",
        ),
        (Initial(), "missing in dimension 0.*lower side Initial, upper side Free"),
        ((Initial(0.0, 0.0), Dirichlet()), r"over-determined in dimension 0.*takes 2.*got 3"),
        (Robin(0.0, 0.0), "Robin in dimension 0 has alpha = beta = 0"),
    ],
)
def test_the_number_of_conditions_matches_the_order(boundary, message):
    with pytest.raises(ValueError, match=message):
        pde.Poisson(LINE, 0.0, Boundary(boundary))


def test_first_order_in_time_takes_one_condition():
    with pytest.raises(ValueError, match=r"Heat: over-determined in dimension 1 \(order 1"):
        pde.Heat(SQUARE, 1.0, 0.0, Boundary(Dirichlet(), Initial(0.0, 0.0)))
    with pytest.raises(ValueError, match=r"describes 1 dimension.*equation has 2"):
        pde.Heat(SQUARE, 1.0, 0.0, Boundary(Dirichlet()))


def test_malformed_boundaries_are_refused():
    with pytest.raises(ValueError, match="periodic at one side only"):
        Boundary((Periodic(), Dirichlet()))
    with pytest.raises(TypeError, match=r"dimension 1 takes one condition or a pair.*got 0\.0"):
        Boundary(Dirichlet(), 0.0)  # pyright: ignore
    with pytest.raises(ValueError, match="initial data belong to the lower side"):
        Boundary((Dirichlet(), Initial())).traces(0)
    with pytest.raises(ValueError, match="operator has 2 dimension"):
        pde.LinearPDE(LINE, pde.laplacian(2), 0.0, Dirichlet())


def test_traces_point_along_the_axis():
    boundary = Boundary((Neumann(2.0), Robin(3.0, 4.0, 5.0)))
    (low, flux), (high, mixed) = boundary.traces(0)
    assert (low, high) == (0, 1)
    assert (flux.value_weight, flux.slope_weight) == (0.0, -1.0)
    assert (mixed.value_weight, mixed.slope_weight, mixed.data) == (3.0, 4.0, 5.0)
    assert len(Boundary(Initial(0.0, 1.0)).traces(0)) == 2
    assert Boundary(Periodic()).is_periodic(0)


def test_boundary_residuals_have_names_and_signs():
    u = lambda x: x[0] ** 2 + x[1]
    boundary = Boundary((Neumann(1.0), Dirichlet(0.0)), Initial(lambda x: x[0] ** 2))
    problem = pde.Heat(SQUARE, 1.0, 0.0, boundary)
    found = problem.boundary_residual(u, jnp.asarray([[0.3, 0.4]]))
    assert sorted(found) == ["axis 0 lower", "axis 0 upper", "axis 1 lower"]
    np.testing.assert_allclose(found["axis 0 lower"], -1.0)  # outward slope 0, asked 1
    np.testing.assert_allclose(found["axis 0 upper"], 1.4)
    np.testing.assert_allclose(found["axis 1 lower"], 0.0, atol=1e-15)
    wave = pde.Wave(SQUARE, 1.0, 0.0, Boundary(Dirichlet(), Initial(0.0, 0.25)))
    found = wave.boundary_residual(u, jnp.asarray([[0.5, 0.4]]))
    np.testing.assert_allclose(found["axis 1 lower"], 0.25)
    np.testing.assert_allclose(found["axis 1 lower #2"], 0.75)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((3, 1)), np.zeros(2), 0.1), r"values \(2,\), points \(3, 1\)"),
        ((np.zeros(3), np.zeros(3), 0.1), r"points \(n, d\)"),
        (
            (np.zeros((2, 1)), np.zeros(2), np.ones(3)),
            r"noise must be a scalar or have shape \(2,\)",
        ),
        ((np.array([[0.0], [np.nan]]), np.zeros(2), 0.1), "points is not finite at row 1"),
        ((np.zeros((2, 1)), np.array([np.inf, 0.0]), 0.1), "values is not finite at row 0"),
        ((np.zeros((2, 1)), np.zeros(2), 0.0), r"must be positive, got a minimum of 0\.0"),
        ((np.zeros((2, 1)), np.zeros(2), [0.1, -0.2]), r"must be positive.*-0\.2"),
    ],
)
def test_bad_observations_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Observations(*arguments)


def test_observations_fit_the_domain():
    outside = Observations(np.array([[0.5], [1.5], [2.5]]), np.zeros(3), 0.1)
    with pytest.raises(
        ValueError, match=r"2 point\(s\) lie outside.*first is row 1 at x = \[1\.5\]"
    ):
        pde.Poisson(LINE, 0.0, observations=(outside,))
    flat = Observations(np.array([[0.5]]), np.zeros(1), 0.1)
    with pytest.raises(ValueError, match=r"1 coordinate\(s\), the domain has 2"):
        pde.Poisson(SQUARE, 0.0, observations=(flat,))
    with pytest.raises(TypeError, match="must be a tuple of Observations"):
        pde.Poisson(LINE, 0.0, observations=flat)  # pyright: ignore
    with pytest.raises(TypeError, match=r"observations\[0\] is not an Observations"):
        pde.Poisson(LINE, 0.0, observations=(1.0,))  # pyright: ignore


def test_weights_make_linear_functionals():
    points = np.linspace(0.0, 1.0, 6).reshape(2, 3, 1)
    weights = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
    observed = Observations(points, np.zeros(2), 0.1, weights=weights)
    values = jnp.arange(6.0)
    np.testing.assert_allclose(observed.reduce(values), [8.0, -1.0])
    assert observed.flat_points().shape == (6, 1)
    with pytest.raises(ValueError, match=r"weights must have shape \(2, 3\), got \(2, 2\)"):
        Observations(points, np.zeros(2), 0.1, weights=weights[:, :2])


def test_source_noise_is_a_standard_deviation():
    with pytest.raises(ValueError, match=r"source_noise.*non-negative, got -1\.0"):
        pde.Poisson(LINE, 0.0, source_noise=-1.0)
    with pytest.raises(ValueError, match=r"sigma.*positive, got 0\.0"):
        pde.check_noise("sigma", 0.0, positive=True)


def test_sampling_functions_numbers_and_arrays():
    points = pde.tensor_points((jnp.linspace(0.0, 1.0, 3), jnp.linspace(0.0, 1.0, 2)))
    by_function = pde.sample_at("f", lambda x: x[0] + x[1], points)
    np.testing.assert_allclose(by_function, points.sum(axis=-1))
    np.testing.assert_array_equal(pde.sample_at("f", 2, points), np.full((3, 2), 2.0))
    np.testing.assert_array_equal(pde.sample_at("f", by_function, points), by_function)
    single = pde.sample_at("f", lambda x: x[0], points.astype(jnp.float32))
    assert single.dtype == jnp.float32


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            lambda x: x,
            r"f: .*must return a scalar, got shape \(2,\)\. Index the coordinate: x\[0\]",
        ),
        (lambda x: (x[0], x[1]), "must return a scalar, got tuple"),
        (lambda x: jnp.zeros(3), r"got shape \(3,\)\.$"),
        (np.zeros(5), r"must have the shape \(4,\).*got \(5,\)"),
        (lambda x: 1 / (x[0] - 1), r"f: not finite at 1 of 4 points, the first at x = \[1\. 0\.\]"),
        (np.nan, "not finite at 4 of 4 points"),
    ],
)
def test_bad_functions_are_refused(data, message):
    points = jnp.asarray([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    with pytest.raises(ValueError, match=message):
        pde.sample_at("f", data, points)


def test_corner_data_must_agree():
    check = lambda boundary: pde.check_corners("Poisson", SQUARE, boundary)
    check(Boundary(Dirichlet(lambda x: x[1]), (Dirichlet(0.0), Dirichlet(1.0))))
    check(Boundary(Neumann(3.0), Dirichlet(1.0)))
    with pytest.raises(ValueError, match=r"corner \[0\. 1\.\]: dimension 0: 1, dimension 1: 2"):
        check(Boundary(Dirichlet(lambda x: x[1]), (Dirichlet(0.0), Dirichlet(2.0))))


def test_the_corner_check_lets_traced_numbers_pass():
    def loss(a):
        side = Dirichlet(lambda x: a * x[0])  # no leaf of the boundary is traced, its values are
        pde.check_corners("Poisson", SQUARE, Boundary(side, side))
        return a**2

    np.testing.assert_allclose(jax.grad(loss)(3.0), 6.0)


def test_validation_points_are_inside_and_new():
    (x,) = pde.validation_axes(Box(1.0, 3.0), (50,))
    assert float(x.min()) > 1.0
    assert float(x.max()) < 3.0
    uniform = np.linspace(1.0, 3.0, 51)
    assert np.abs(np.asarray(x)[:, None] - uniform).min() > 1e-3


@pytest.mark.parametrize(
    ("residuals", "code"),
    [
        ((1e-9, 1e-9, 1e-9), RESULTS.successful),
        ((1e-9, 1e-3, 1e-9), RESULTS.under_resolved),
        ((1e-3, 1e-3, 1e-9), RESULTS.inaccurate),
        ((1e-9, 1e-9, 1e-3), RESULTS.inaccurate),
        ((1e-9, np.nan, 1e-9), RESULTS.nonfinite),
        ((np.inf, 1e-9, 1e-9), RESULTS.nonfinite),
    ],
)
def test_the_verdict(residuals, code):
    assert bool(pde.verdict(*(jnp.asarray(r) for r in residuals), rtol=1e-6) == code)


def test_a_sampled_problem_holds_the_values():
    boundary = Boundary((Dirichlet(lambda x: x[1]), Neumann(2.0)), Initial(0.0))
    problem = pde.Heat(SQUARE, lambda x: 1 + x[0], lambda x: x[0] * x[1], boundary)
    axes = (jnp.asarray([0.0, 0.5, 1.0]), jnp.asarray([0.0, 1.0]))
    sampled = pde.sample_problem(problem, axes)
    np.testing.assert_allclose(sampled.source, np.outer([0, 0.5, 1], [0, 1]))
    assert sampled.orders == ((0, 1), (2, 0))
    assert sampled.coefficients[0].ndim == 0
    np.testing.assert_allclose(sampled.coefficients[1], -np.outer([1, 1.5, 2], [1, 1]))
    low, high = sampled.traces[0]
    np.testing.assert_allclose(low.data, [0.0, 1.0])
    assert (float(high.slope_weight), high.side) == (1.0, 1)
    assert not sampled.is_constant
