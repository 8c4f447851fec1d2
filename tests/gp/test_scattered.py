"""ScatteredGP: agreement with KroneckerGP, two and three dimensions, its size guard."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import PrecisionWarning, solve
from jaxsci.gp import (
    AdditiveKernel,
    KroneckerGP,
    Matern,
    ProductKernel,
    ScatteredGP,
    SquaredExponential,
    log_marginal_likelihood,
)
from jaxsci.pde import (
    Advection,
    AllenCahn,
    Boundary,
    Box,
    Dirichlet,
    Heat,
    Helmholtz,
    Initial,
    LinearPDE,
    Neumann,
    Observations,
    Periodic,
    Poisson,
    Robin,
    identity,
    laplacian,
    partial,
    tensor_points,
)

SQUARE = Box((0.0, 0.0), (1.0, 1.0))


def halton(num, dim):
    """A low-discrepancy sequence: the radical inverses of 1, 2, ... in the first primes."""

    def inverse(i, base):
        value, scale = 0.0, 1.0
        while i:
            i, digit = divmod(i, base)
            scale /= base
            value += digit * scale
        return value

    return np.array([[inverse(i, b) for b in (2, 3, 5)[:dim]] for i in range(1, num + 1)])


def test_in_one_dimension_it_is_kronecker_gp(key):
    problem = Helmholtz(
        Box(0.0, 1.0),
        3.0,
        lambda x: jnp.exp(x[0]),
        Boundary((Dirichlet(0.2), Robin(1.0, 0.3, 0.5))),
        (Observations([[0.4]], [0.3], 0.1),),
        0.01,
    )
    kernel = SquaredExponential(0.4)
    grid = solve(problem, KroneckerGP(kernel, 15, jitter=1e-9), throw=False)
    x = jax.random.permutation(key, jnp.linspace(0.0, 1.0, 15))[:, None]
    method = ScatteredGP(kernel, x, jitter=1e-9)
    scattered = solve(problem, method, throw=False)
    at = jnp.array([[0.1], [0.77]])
    np.testing.assert_allclose(scattered(at), grid(at), rtol=1e-6)
    np.testing.assert_allclose(scattered.std(at), grid.std(at), rtol=1e-5)
    evidence = log_marginal_likelihood(problem, method)
    np.testing.assert_allclose(evidence, grid.stats["log_marginal_likelihood"], rtol=1e-6)
    np.testing.assert_allclose(scattered.value, grid(x), rtol=1e-6)


def test_poisson_with_four_kinds_of_sides_at_scattered_points():
    exact = lambda x: jnp.sin(2 * x[0] + 1) * jnp.cos(3 * x[1])
    slope = lambda axis: lambda x: jax.grad(exact)(x)[axis]
    boundary = Boundary(
        (Dirichlet(exact), Neumann(slope(0))),
        (
            Robin(2.0, 1.0, lambda x: 2 * exact(x) - slope(1)(x)),
            Dirichlet(exact),
        ),
    )
    problem = Poisson(SQUARE, lambda x: -13 * exact(x), boundary)
    kernel = ProductKernel(SquaredExponential(0.7), SquaredExponential(0.6))
    solution = solve(problem, ScatteredGP(kernel, halton(200, 2), num_boundary=16))
    at = halton(50, 2) * 0.98 + 0.01
    np.testing.assert_allclose(solution(at), jax.vmap(exact)(at), atol=1e-6)


def test_mixed_derivatives_and_variable_coefficients():
    exact = lambda x: jnp.exp(x[0] * x[1])
    coefficient = lambda x: 0.5 * jnp.cos(x[0])
    mixed = partial(0, 1, dim=2) @ partial(1, 1, dim=2)
    operator = laplacian(2) + coefficient * mixed - identity(2)
    source = lambda x: exact(x) * (x[0] ** 2 + x[1] ** 2 + coefficient(x) * (1 + x[0] * x[1]) - 1)
    problem = LinearPDE(SQUARE, operator, source, Dirichlet(exact))
    solution = solve(problem, ScatteredGP(SquaredExponential(0.7), halton(220, 2), rtol=1e-4))
    at = halton(40, 2)
    np.testing.assert_allclose(solution(at), jax.vmap(exact)(at), atol=1e-6)


def test_periodic_transport():
    wave = lambda x: jnp.sin(2 * jnp.pi * (x[0] - 0.5 * x[1]))
    points = halton(220, 2)
    periodic = Advection(SQUARE, (0.5,), 0.0, Boundary(Periodic(), Initial(wave)))
    kernel = ProductKernel(SquaredExponential(0.4), SquaredExponential(0.7))
    solution = solve(periodic, ScatteredGP(kernel, points, num_boundary=20))
    at = halton(40, 2)
    np.testing.assert_allclose(solution(at), jax.vmap(wave)(at), atol=1e-4)


def test_three_dimensions():
    exact = lambda x: jnp.sin(x[0] + 0.5 * x[1] - x[2])
    problem = Poisson(Box((0.0,) * 3, (1.0,) * 3), lambda x: -2.25 * exact(x), Dirichlet(exact))
    method = ScatteredGP(SquaredExponential(1.5), halton(150, 3), num_boundary=6)
    solution = solve(problem, method)
    at = halton(30, 3)
    np.testing.assert_allclose(solution(at), jax.vmap(exact)(at), atol=1e-5)


def test_additive_prior_for_a_sum_of_functions_of_one_variable():
    exact = lambda x: jnp.sin(6 * x[0]) + jnp.cos(5 * x[1])
    source = lambda x: -36 * jnp.sin(6 * x[0]) - 25 * jnp.cos(5 * x[1])
    problem = Poisson(SQUARE, source, Dirichlet(exact))
    kernel = AdditiveKernel(SquaredExponential(0.4), SquaredExponential(0.4))
    solution = solve(problem, ScatteredGP(kernel, halton(80, 2)))
    at = halton(40, 2)
    np.testing.assert_allclose(solution(at), jax.vmap(exact)(at), atol=1e-5)


def test_given_boundary_points_of_each_side():
    exact = lambda x: x[0] ** 2 - x[1] ** 2
    t = jnp.linspace(0.0, 1.0, 9)
    ring = jnp.concatenate(
        [
            tensor_points((jnp.array([0.0, 1.0]), t)).reshape(-1, 2),
            tensor_points((t[1:-1], jnp.array([0.0, 1.0]))).reshape(-1, 2),
        ]
    )
    problem = Poisson(SQUARE, 0.0, Dirichlet(exact))
    method = ScatteredGP(SquaredExponential(0.8), halton(120, 2), boundary_points=ring)
    solution = solve(problem, method)
    np.testing.assert_allclose(solution(ring), jax.vmap(exact)(ring), atol=1e-6)
    lower = ScatteredGP(SquaredExponential(0.8), halton(60, 2), boundary_points=ring[:9])
    with pytest.raises(ValueError, match="no boundary point lies on the upper side of dimension 0"):
        solve(problem, lower)


def test_gradient_through_noisy_two_dimensional_data():
    at = halton(12, 2)
    values = jnp.sin(3 * at[:, 0])

    def evidence(parameters):
        ell, noise, k = parameters
        data = (Observations(at, values, noise),)
        problem = Helmholtz(SQUARE, k, 1.0, Dirichlet(0.0), data, 0.1)
        kernel = ProductKernel(SquaredExponential(ell), Matern(0.8, 3.5))
        method = ScatteredGP(kernel, halton(25, 2), num_boundary=4, jitter=1e-8)
        return log_marginal_likelihood(problem, method)

    evidence = jax.jit(evidence)
    parameters = jnp.array([0.6, 0.2, 1.5])
    gradient = jax.grad(evidence)(parameters)
    for i, h in enumerate(2e-4 * parameters):
        step = jnp.zeros(3).at[i].set(h)
        around = [evidence(parameters + m * step) for m in (-2, -1, 1, 2)]
        difference = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * h)
        np.testing.assert_allclose(gradient[i], difference, rtol=1e-6)


def test_refusals_come_before_any_compilation():
    problem = Poisson(SQUARE, lambda x: 1 / 0, Dirichlet(0.0))  # would fail if it were called
    with pytest.raises(ValueError, match=r"5000 data .* limit max_points is 4000. Use KroneckerGP"):
        solve(problem, ScatteredGP(SquaredExponential(0.3), jnp.zeros((5000, 2))))
    good = Poisson(SQUARE, 1.0, Dirichlet(0.0))
    kernel = SquaredExponential(0.3)
    with pytest.raises(ValueError, match=r"136 data .* max_points is 120"):
        solve(good, ScatteredGP(kernel, halton(100, 2), num_boundary=9, max_points=120))
    with pytest.raises(ValueError, match="lie outside the domain, the first is row 0"):
        solve(good, ScatteredGP(kernel, [[1.5, 0.5]]))
    with pytest.raises(ValueError, match=r"points must have shape \(n, d\)"):
        ScatteredGP(kernel, [0.1, 0.2])
    with pytest.raises(ValueError, match=r"the kernel has 1 factor\(s\), the problem 2"):
        solve(good, ScatteredGP(ProductKernel(kernel), halton(9, 2)))
    with pytest.raises(TypeError, match="Use SpectralFeatureGP"):
        solve(AllenCahn(SQUARE, 0.0, Dirichlet(0.0)), ScatteredGP(kernel, halton(9, 2)))


def test_float32_warns():
    box = Box(jnp.zeros(2, jnp.float32), jnp.ones(2, jnp.float32))
    heat = Heat(box, 0.1, 0.0, Boundary(Dirichlet(0.0), Initial(0.0)))
    with pytest.warns(PrecisionWarning, match="ScatteredGP works in float32"):
        solution = solve(heat, ScatteredGP(SquaredExponential(0.5), halton(20, 2)), throw=False)
    assert solution.value.dtype == jnp.float32
