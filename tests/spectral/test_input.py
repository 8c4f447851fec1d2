"""Bad input is refused by name, and data may be arrays."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import pde
from jaxsci.spectral import ChebyshevCollocation

LINE, SQUARE = pde.Box(0.0, 1.0), pde.Box((0.0, 0.0), (1.0, 1.0))
ONE = lambda x: 1.0 + 0 * x[0]


def test_observations_are_refused_with_the_remedy():
    seen = pde.Observations(jnp.ones((1, 1)) / 2, jnp.ones(1), 0.1)
    problem = pde.Poisson(LINE, ONE, observations=(seen,))
    with pytest.raises(ValueError, match=r"noisy observations.*Gaussian-process"):
        jaxsci.solve(problem, ChebyshevCollocation(9))


def test_other_problems_are_refused():
    with pytest.raises(TypeError, match="ChebyshevCollocation does not accept a str"):
        jaxsci.solve("u'' = f", ChebyshevCollocation(9))


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"dimension 0 has 2 point.*order 2 needs at least 3"):
        jaxsci.solve(pde.Poisson(LINE, ONE), ChebyshevCollocation(2))
    boundary = pde.Boundary(pde.Dirichlet(), pde.Initial())
    with pytest.raises(ValueError, match=r"dimension 1 has 1 point"):
        jaxsci.solve(pde.Heat(SQUARE, 1.0, ONE, boundary), ChebyshevCollocation((5, 1)))
    with pytest.raises(ValueError, match=r"num_points has 3 entries.*2 dimension"):
        jaxsci.solve(pde.Poisson(SQUARE, ONE), ChebyshevCollocation((5, 5, 5)))


def test_bad_sources_are_refused_by_name():
    singular = lambda x: jnp.where(jnp.abs(x[0] - 0.5) < 1e-9, jnp.nan, 1.0)
    with pytest.raises(ValueError, match=r"source: not finite at 1 of 9 points.*x = \[0\.5"):
        jaxsci.solve(pde.Poisson(LINE, singular), ChebyshevCollocation(9))
    with pytest.raises(ValueError, match=r"source: .*must return a scalar.*\(1,\)"):
        jaxsci.solve(pde.Poisson(LINE, lambda x: x), ChebyshevCollocation(9))
    with pytest.raises(ValueError, match=r"source: .*shape \(9,\).*nodes.*got \(7,\)"):
        jaxsci.solve(pde.Poisson(LINE, jnp.ones(7)), ChebyshevCollocation(9))


def test_contradictory_corners_are_refused():
    boundary = pde.Boundary(pde.Dirichlet(0.0), pde.Dirichlet(1.0))
    with pytest.raises(
        ValueError, match=r"contradictory boundary values at the corner \[0\. 0\.\]"
    ):
        jaxsci.solve(pde.Poisson(SQUARE, ONE, boundary), ChebyshevCollocation(9))


def test_float32_warns_once_and_still_solves():
    box = pde.Box(jnp.float32(0.0), jnp.float32(1.0))
    problem = pde.Poisson(box, lambda x: -jnp.sin(x[0]), pde.Dirichlet(lambda x: jnp.sin(x[0])))
    with pytest.warns(jaxsci.PrecisionWarning, match="float32") as caught:
        solution = jaxsci.solve(problem, ChebyshevCollocation(12, rtol=1e-2))
    assert len(caught) == 1
    assert solution.value.dtype == jnp.float32
    np.testing.assert_allclose(solution.value, np.sin(solution.nodes[0]), atol=1e-5)


def test_a_source_may_be_an_array_at_the_nodes():
    method = ChebyshevCollocation(16)
    problem = pde.Poisson(LINE, lambda x: jnp.exp(x[0]))
    (nodes,) = method.grid(problem)
    by_array = jaxsci.solve(pde.Poisson(LINE, jnp.exp(nodes)), method)
    by_function = jaxsci.solve(problem, method)
    np.testing.assert_array_equal(by_array.nodes[0], nodes)
    np.testing.assert_allclose(by_array.value, by_function.value, atol=1e-14)
    assert float(by_array.stats["validation_residual"]) < 1e-10


def test_newton_that_cannot_converge_says_so():
    blow_up = pde.NonlinearPDE(
        LINE, pde.laplacian(1), pde.Nonlinearity(_exponential, ((0,),)), 0.0, pde.Dirichlet(0.0)
    )  # Bratu's problem has no solution beyond 3.51
    solution = jaxsci.solve(blow_up, ChebyshevCollocation(16), throw=False)
    assert bool(solution.result == jaxsci.RESULTS.not_converged)


def test_the_report_names_what_matters():
    solution = jaxsci.solve(pde.Poisson(LINE, ONE), ChebyshevCollocation(16))
    text = repr(solution)
    for word in ("SpectralSolution", "successful", "validation_residual", "(16,)"):
        assert word in text


def _exponential(x, u):
    return 5.0 * jnp.exp(u)
