"""KroneckerGP in two and three dimensions: lifting, Gram operator, both solvers, observations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import JaxsciError, solve
from jaxsci.gp import (
    AdditiveKernel,
    KroneckerGP,
    ProductKernel,
    ScatteredGP,
    SquaredExponential,
    log_marginal_likelihood,
)
from jaxsci.pde import (
    AdvectionDiffusionReaction,
    Boundary,
    Box,
    Dirichlet,
    Heat,
    Helmholtz,
    Initial,
    Neumann,
    Observations,
    Periodic,
    Poisson,
    Robin,
    tensor_points,
)

SQUARE = Box((0.0, 0.0), (1.0, 1.0))
AT = tensor_points((jnp.linspace(0.02, 0.98, 6), jnp.linspace(0.0, 1.0, 5))).reshape(-1, 2)


def smooth(x):
    return jnp.sin(2 * x[0] + 1) * jnp.cos(3 * x[1])


def test_dense_and_iterative_solvers_agree_and_both_are_right():
    problem = Poisson(SQUARE, lambda x: -13 * smooth(x), Dirichlet(smooth))
    kernel = SquaredExponential(0.5)
    dense = solve(problem, KroneckerGP(kernel, 18))
    iterative = solve(problem, KroneckerGP(kernel, 18, max_dense=0, rank=120))
    exact = jax.vmap(smooth)(AT)
    np.testing.assert_allclose(dense(AT), exact, atol=1e-8)
    np.testing.assert_allclose(iterative(AT), exact, atol=1e-8)
    axes = (jnp.linspace(0.02, 0.98, 6), jnp.linspace(0.0, 1.0, 5))
    np.testing.assert_allclose(dense.on_grid(*axes).ravel(), dense(AT), atol=1e-12)
    np.testing.assert_allclose(dense.value[3, 5], dense(jnp.array([3 / 17, 5 / 17])), atol=1e-12)
    assert dense.stats["boundary_residual"] < 1e-12


def test_it_is_the_scattered_posterior_with_dense_boundary_data(key):
    # another prior-conditioning order, other code: all functionals at once in one dense matrix
    data = (Observations([[0.4, 0.6], [0.7, 0.2]], [0.3, -0.2], 0.05),)
    problem = Helmholtz(SQUARE, 2.0, lambda x: 5 * x[0], Dirichlet(0.0), data, 0.5)
    kernel = ProductKernel(SquaredExponential(0.5), SquaredExponential(0.6))
    grid = solve(problem, KroneckerGP(kernel, 7, max_dense=0, rank=30), throw=False)
    points = tensor_points(KroneckerGP(kernel, 7).grid(problem)).reshape(-1, 2)
    scattered = solve(problem, ScatteredGP(kernel, points, num_boundary=14), throw=False)
    np.testing.assert_allclose(grid(AT), scattered(AT), atol=2e-5)
    np.testing.assert_allclose(grid.std(AT), scattered.std(AT), atol=2e-4)
    draws = grid.sample(key, AT[7:9], 20_000)
    spread = jnp.std(draws, axis=0)
    np.testing.assert_allclose(spread, grid.std(AT[7:9]), rtol=0.03)


SLOPE = lambda axis: lambda x: jax.grad(smooth)(x)[axis]


def test_variable_coefficients_with_neumann_and_robin_sides():
    sides = Boundary(
        (Dirichlet(smooth), Neumann(SLOPE(0))),
        (Robin(2.0, 1.0, lambda x: 2 * smooth(x) - SLOPE(1)(x)), Dirichlet(smooth)),
    )
    reaction = lambda x: jnp.exp(x[0] - x[1])
    source = lambda x: (reaction(x) + 13) * smooth(x)
    problem = AdvectionDiffusionReaction(SQUARE, 1.0, (), reaction, source, sides)
    method = KroneckerGP(SquaredExponential(0.5), 16, max_dense=0, rank=120)
    solution = solve(problem, method)
    np.testing.assert_allclose(solution(AT), jax.vmap(smooth)(AT), atol=1e-6)


def test_heat_on_a_ring():
    exact = lambda x: jnp.exp(-x[1]) * jnp.sin(2 * jnp.pi * x[0])
    heat = Heat(
        SQUARE,
        0.1,
        lambda x: (0.4 * jnp.pi**2 - 1) * exact(x),
        Boundary(Periodic(), Initial(exact)),
    )
    kernel = ProductKernel(SquaredExponential(0.3), SquaredExponential(0.8))
    solution = solve(heat, KroneckerGP(kernel, 20))
    np.testing.assert_allclose(solution(AT), jax.vmap(exact)(AT), atol=1e-6)


def test_three_dimensions():
    exact = lambda x: jnp.sin(x[0] + 2 * x[1] - x[2])
    cube = Box((0.0,) * 3, (1.0,) * 3)
    problem = Poisson(cube, lambda x: -6 * exact(x), Dirichlet(exact))
    solution = solve(problem, KroneckerGP(SquaredExponential(0.8), 9))
    at = jax.random.uniform(jax.random.key(1), (20, 3))
    np.testing.assert_allclose(solution(at), jax.vmap(exact)(at), atol=1e-7)


def parametrised(parameters):
    ell, noise, k, end, sigma = parameters
    data = (Observations([[0.4, 0.6], [0.7, 0.2]], [0.3, -0.2], noise),)
    sides = Dirichlet(lambda x: end * x[0] * x[1])
    return Helmholtz(SQUARE, k, lambda x: jnp.cos(x[0]), sides, data, sigma), SquaredExponential(
        ell
    )


def solved(parameters):
    problem, kernel = parametrised(parameters)
    method = KroneckerGP(kernel, 6, jitter=1e-8, max_dense=0, rank=20, solver_rtol=1e-13)
    return solve(problem, method, throw=False)(jnp.array([0.3, 0.55]))


def evidence(parameters):
    problem, kernel = parametrised(parameters)
    return log_marginal_likelihood(problem, KroneckerGP(kernel, 6, jitter=1e-8))


@pytest.mark.parametrize("name", ["iterative", "evidence"])
def test_gradients_agree_with_central_differences(name):
    functions = {
        "iterative": solved,
        "evidence": evidence,
    }
    function = jax.jit(functions[name])
    parameters = jnp.array([0.5, 0.1, 1.5, 0.7, 0.3])
    gradient = jax.grad(function)(parameters)
    for i, h in enumerate(2e-4 * parameters):
        step = jnp.zeros(5).at[i].set(h)
        around = [function(parameters + m * step) for m in (-2, -1, 1, 2)]
        difference = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * h)
        np.testing.assert_allclose(gradient[i], difference, rtol=1e-6, atol=1e-9)


def test_refusals():
    kernel = SquaredExponential(0.3)
    problem = Poisson(SQUARE, 1.0, Dirichlet(0.0))
    with pytest.raises(ValueError, match=r"log marginal likelihood of 10000 nodes .* max_dense"):
        log_marginal_likelihood(problem, KroneckerGP(kernel, 100))
    with pytest.raises(TypeError, match="AdditiveKernel has no Kronecker structure"):
        solve(problem, KroneckerGP(AdditiveKernel(kernel, kernel), 10))
    with pytest.raises(ValueError, match="contradictory boundary values at the corner"):
        solve(
            Poisson(SQUARE, 1.0, Boundary(Dirichlet(0.0), Dirichlet(1.0))), KroneckerGP(kernel, 10)
        )
    with pytest.raises(ValueError, match="boundary values of dimension 0 are an array"):
        solve(Poisson(SQUARE, 1.0, Dirichlet(jnp.zeros(10))), KroneckerGP(kernel, 10))


def test_too_coarse_a_grid_is_not_successful():
    problem = Poisson(SQUARE, lambda x: jnp.sin(60 * x[0]), Dirichlet(0.0))
    with pytest.raises(JaxsciError, match=r"too coarse|above its tolerance"):
        solve(problem, KroneckerGP(SquaredExponential(0.05), 16))
