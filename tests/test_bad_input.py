"""Bad input is an error that names argument, value and remedy, before any compilation."""

import functools

import jax
import jax.numpy as jnp
import pytest
import refusals

from jaxsci import PrecisionWarning, gp, linalg, pde, solve, spectral

LINE, SQUARE = pde.Box(0.0, 1.0), pde.Box((0.0, 0.0), (1.0, 1.0))
ONE = lambda x: 1.0 + 0 * x[0]
NODES = jnp.linspace(0.05, 0.95, 9)[:, None]
# every method that can solve an equation on a line, by how it is made
METHODS = {
    "SpectralFeatureGP": lambda n: gp.SpectralFeatureGP(n),
    "KroneckerGP": lambda n: gp.KroneckerGP(gp.SquaredExponential(0.3), n),
    "GPHM": lambda n: gp.GPHM(n, 5.0, max_steps=2),
    "ChebyshevCollocation": lambda n: spectral.ChebyshevCollocation(n),
}
# the compiled cores; functions of the user are sampled before, by small programs of JAX's own
CORES = {"fit_line", "fit_tensor", "solve_and_judge", "solve_on_grid", "_solve", "_run_chunk"}
EVERY = pytest.mark.parametrize("name", METHODS)

refused = functools.partial(refusals.refused, CORES)


def test_the_watch_for_compilation_sees_a_core():
    def solve_and_fail():
        solve(pde.Poisson(LINE, ONE), gp.SpectralFeatureGP(11), throw=False)
        raise RuntimeError

    with pytest.raises(AssertionError, match="fit_line"), refused(RuntimeError):
        solve_and_fail()


@pytest.mark.parametrize("value", [0.0, -0.3])
def test_length_scales_are_positive(value):
    for kernel in (gp.SquaredExponential, gp.PeriodicKernel):
        with refused(ValueError, "length_scale", "positive", f"{value}"):
            kernel(value) if kernel is gp.SquaredExponential else kernel(1.0, value)
    with refused(ValueError, "Matern", "length_scale", "positive", f"{value}"):
        gp.Matern(value, 2.5)


@pytest.mark.parametrize("value", [0.0, -1e-3, jnp.nan])
def test_noise_levels_are_positive(value):
    point, seen = jnp.ones((1, 1)) / 2, jnp.ones(1)
    with refused(ValueError, "noise", "remove the row" if value != value else "must be positive"):
        pde.Observations(point, seen, value)
    with refused(ValueError, "prior_scale", "positive", f"{value}"):
        gp.SpectralFeatureGP(40, prior_scale=value)


def test_the_noise_of_the_source_is_not_negative():
    with refused(ValueError, "source_noise", "non-negative", "-0.1"):
        pde.Poisson(LINE, ONE, source_noise=-0.1)


@EVERY
def test_too_few_points_for_the_order(name):
    with refused(ValueError, "2", "order 2", "at least"):
        solve(pde.Poisson(LINE, ONE), METHODS[name](2))


def test_fourth_order_asks_for_more_points():
    clamp = lambda side: _Clamped()
    beam = pde.LinearPDE(LINE, pde.laplacian(1) ** 2, ONE, pde.Boundary((clamp(0), clamp(1))))
    with refused(ValueError, "11 points", "order 4", "at least 12"):
        solve(beam, gp.SpectralFeatureGP(11))


class _Clamped(pde.AbstractCondition):
    def traces(self, sign):
        return (pde.Trace(1.0, 0.0, 0.0), pde.Trace(0.0, 1.0, 0.0))


def test_missing_conditions():
    with refused(ValueError, "Poisson", "missing", "dimension 0", "needs 2, got 1", "Initial"):
        pde.Poisson(LINE, ONE, pde.Boundary((pde.Dirichlet(), pde.Free())))
    with refused(ValueError, "Heat", "missing", "dimension 1", "needs 1, got 0"):
        pde.Heat(SQUARE, 1.0, ONE, pde.Boundary(pde.Dirichlet(), pde.Free()))
    with refused(ValueError, "Wave", "missing", "dimension 1", "needs 2, got 1"):
        pde.Wave(SQUARE, 1.0, ONE, pde.Boundary(pde.Dirichlet(), pde.Initial(0.0)))
    with refused(ValueError, "1 dimension(s)", "has 2", "per dimension"):
        pde.Poisson(SQUARE, ONE, pde.Boundary(pde.Dirichlet()))


def test_too_many_conditions():
    with refused(
        ValueError, "Heat", "over-determined", "dimension 1", "takes 1", "got 2", "Free()"
    ):
        pde.Heat(SQUARE, 1.0, ONE, pde.Boundary(pde.Dirichlet(), (pde.Initial(), pde.Dirichlet())))
    with refused(ValueError, "Advection", "over-determined", "dimension 0", "takes 1", "Free()"):
        pde.Advection(SQUARE, (1.0,), ONE, pde.Boundary(pde.Dirichlet(), pde.Initial()))


def test_degenerate_conditions():
    with refused(ValueError, "Robin", "alpha = beta = 0", "Free()"):
        pde.Poisson(LINE, ONE, pde.Robin(0.0, 0.0))
    with refused(ValueError, "dimension 0", "one side only", "Periodic()"):
        pde.Boundary((pde.Periodic(), pde.Dirichlet()))
    with refused(ValueError, "Initial", "lower side of the time axis"):
        pde.Heat(SQUARE, 1.0, ONE, pde.Boundary(pde.Dirichlet(), (pde.Free(), pde.Initial())))


@pytest.mark.parametrize("name", ["SpectralFeatureGP", "ChebyshevCollocation"])
def test_contradictory_corners(name):
    sides = pde.Boundary(pde.Dirichlet(0.0), pde.Dirichlet(1.0))
    with refused(ValueError, "contradictory", "corner [0. 0.]", "dimension 0: 0", "dimension 1: 1"):
        solve(pde.Poisson(SQUARE, ONE, sides), METHODS[name](24))


@EVERY
def test_sources_that_are_not_finite_or_not_scalar(name):
    singular = lambda x: jnp.where(x[0] > 0.5, jnp.nan, 1.0)
    with refused(ValueError, "source: not finite", "the first at x = [0.5", "divisions by zero"):
        solve(pde.Poisson(LINE, singular), METHODS[name](24))
    with refused(ValueError, "source", "must return a scalar", "shape (1,)", "x[0]"):
        solve(pde.Poisson(LINE, lambda x: x), METHODS[name](24))
    # GPHM takes no arrays, and says so
    kind, words = (TypeError, ["function"]) if name == "GPHM" else (ValueError, ["(24", "got (7,)"])
    with refused(kind, "source", *words):
        solve(pde.Poisson(LINE, jnp.ones(7)), METHODS[name](24))


def test_scattered_points_meet_the_same_checks():
    method = gp.ScatteredGP(gp.SquaredExponential(0.3), NODES)
    singular = lambda x: jnp.where(x[0] > 0.5, jnp.inf, 1.0)
    with refused(ValueError, "source: not finite at 4 of 9"):
        solve(pde.Poisson(LINE, singular), method)
    with refused(ValueError, "boundary value", "not finite"):
        solve(pde.Poisson(LINE, ONE, pde.Dirichlet(jnp.nan)), method)


def test_boundary_values_and_coefficients_are_looked_at():
    method = gp.SpectralFeatureGP(24)
    with refused(ValueError, "boundary value", "not finite", "x = [0.]"):
        solve(pde.Poisson(LINE, ONE, pde.Dirichlet(lambda x: 1 / x[0])), method)
    with refused(ValueError, "coefficient", "not finite"):
        solve(pde.Helmholtz(LINE, lambda x: jnp.log(x[0] - 0.5), ONE), method)


def test_observations_lie_inside():
    seen = pde.Observations(jnp.asarray([[0.5], [1.2]]), jnp.ones(2), 0.1)
    with refused(
        ValueError, "observations[0]", "outside the domain", "row 1", "1.2", "[0.] to [1.]"
    ):
        pde.Poisson(LINE, ONE, observations=(seen,))
    with refused(ValueError, "1 coordinate(s)", "2 dimension(s)"):
        pde.Poisson(SQUARE, ONE, observations=(seen,))
    with refused(TypeError, "tuple of Observations"):
        pde.Poisson(LINE, ONE, observations=seen)


def test_dense_requests_above_the_guard():
    big = linalg.Kronecker([jnp.eye(80), jnp.eye(80)])
    with refused(ValueError, "6400 x 6400", "16,000,000"):
        big.as_matrix()
    points = jnp.linspace(0.0, 1.0, 5000)[:, None]
    with refused(ValueError, "ScatteredGP", "max_points", "4000", "KroneckerGP"):
        solve(pde.Poisson(LINE, ONE), gp.ScatteredGP(gp.SquaredExponential(0.1), points))


def test_methods_refuse_what_they_cannot_solve():
    with refused(TypeError, "SpectralFeatureGP does not accept a str", "PDE"):
        solve("u'' = f", gp.SpectralFeatureGP(24))
    with refused(ValueError, "num_points has 3 entries", "2 dimension(s)"):
        solve(pde.Poisson(SQUARE, ONE), gp.SpectralFeatureGP((24, 24, 24)))
    with refused(ValueError, "every edge needs a positive length", "[1.]"):
        pde.Box(1.0, 1.0)


@EVERY
def test_single_precision_is_one_clear_warning(name):
    box = pde.Box(jnp.float32(0.0), jnp.float32(1.0))
    problem = lambda: pde.Poisson(box, ONE)
    with pytest.warns(PrecisionWarning, match="jax_enable_x64") as caught:
        jax.eval_shape(lambda: solve(problem(), METHODS[name](24), throw=False).value)
    assert len(caught) == 1
