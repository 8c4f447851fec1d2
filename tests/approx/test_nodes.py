"""Nodes and quadrature against known values and exactness."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import approx

CHOICES = [approx.UniformNodes(), approx.ChebyshevNodes(), approx.GaussLegendreNodes()]


@pytest.mark.parametrize("n", [1, 2, 7, 400])
def test_gauss_legendre_agrees_with_numpy(n):
    x, w = approx.gauss_legendre_nodes(-1.0, 1.0, n)
    known_x, known_w = np.polynomial.legendre.leggauss(n)
    np.testing.assert_allclose(x, known_x, atol=1e-15)
    np.testing.assert_allclose(w, known_w, rtol=1e-9)  # numpy's are no better near the ends


def test_gauss_legendre_weights_near_the_end_have_full_relative_accuracy():
    x, w = approx.gauss_legendre_nodes(-1.0, 1.0, 64)  # tabulated: Abramowitz and Stegun 25.4
    np.testing.assert_allclose(x[-1], 0.999305041735772, rtol=1e-15)
    np.testing.assert_allclose(w[0], 0.001783280721696433, rtol=3e-15)
    np.testing.assert_allclose(w[32], 0.048690957009139720, rtol=3e-15)


@pytest.mark.parametrize("n", [1, 2, 8, 33])
def test_gauss_legendre_is_exact_to_degree_2n_minus_1(n):
    x, w = approx.gauss_legendre_nodes(0.0, 1.0, n)
    degrees = np.arange(2 * n)
    moments = w @ np.asarray(x)[:, None] ** degrees
    np.testing.assert_allclose(moments, 1 / (degrees + 1), rtol=5e-15)
    first_missed = w @ np.asarray(x) ** (2 * n)
    if n <= 8:
        assert abs(first_missed - 1 / (2 * n + 1)) > 1e-12


@pytest.mark.parametrize("n", [2, 7, 40])
def test_clenshaw_curtis_is_exact_to_degree_n_minus_1(n):
    x = np.asarray(approx.chebyshev_nodes(-1.0, 1.0, n))
    w = approx.clenshaw_curtis_weights(-1.0, 1.0, n)
    degrees = np.arange(n)
    exact = np.where(degrees % 2 == 0, 2 / (degrees + 1), 0.0)
    np.testing.assert_allclose(w @ x[:, None] ** degrees, exact, atol=5e-15)
    assert np.all(np.asarray(w) > 0)


def test_trapezoid_converges_with_order_two():
    errors = []
    for n in (51, 101):
        x = approx.uniform_nodes(0.0, 1.0, n)
        errors.append(abs(float(approx.trapezoid_weights(0.0, 1.0, n) @ jnp.exp(x)) - np.expm1(1)))
    assert 3.9 < errors[0] / errors[1] < 4.1


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_choices_are_ascending_and_weights_sum_to_the_length(choice, dtype):
    lower, upper = jnp.asarray(-0.3, dtype), jnp.asarray(2.1, dtype)
    x, w = choice.points(lower, upper, 17), choice.weights(lower, upper, 17)
    assert x.dtype == w.dtype == dtype
    assert x.shape == w.shape == (17,)
    assert np.all(np.diff(np.asarray(x)) > 0)
    np.testing.assert_allclose(w.sum(), 2.4, rtol=1e-6 if dtype == jnp.float32 else 1e-14)


def test_ends_are_exact_and_distances_to_both_ends_are_accurate():
    lower, upper, n = 0.7, 7.9, 513
    x = np.asarray(approx.chebyshev_nodes(lower, upper, n))
    assert x[0] == lower
    assert x[-1] == upper
    reference = np.asarray(approx.chebyshev_nodes(0.0, 1.0, n))
    np.testing.assert_allclose(reference[1], np.sin(np.pi / (2 * (n - 1))) ** 2, rtol=1e-15)
    np.testing.assert_array_equal(approx.chebyshev_nodes(-1.0, 1.0, 9)[4], 0.0)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: type(c).__name__)
def test_points_differentiate_with_respect_to_the_ends(choice):
    total = lambda a, b: (choice.points(a, b, 9) ** 2).sum()
    gradient = jax.jit(jax.grad(total, argnums=(0, 1)))(0.2, 1.5)
    h = 1e-6
    np.testing.assert_allclose(
        gradient[0], (total(0.2 + h, 1.5) - total(0.2 - h, 1.5)) / 2 / h, rtol=1e-8
    )
    np.testing.assert_allclose(
        gradient[1], (total(0.2, 1.5 + h) - total(0.2, 1.5 - h)) / 2 / h, rtol=1e-8
    )


@pytest.mark.parametrize(
    ("function", "least"),
    [
        (approx.uniform_nodes, 2),
        (approx.chebyshev_nodes, 2),
        (approx.gauss_legendre_nodes, 1),
        (approx.periodic_nodes, 1),
        (approx.chebyshev_interior_nodes, 1),
        (approx.trapezoid_weights, 2),
        (approx.clenshaw_curtis_weights, 2),
    ],
)
def test_too_few_nodes_are_refused(function, least):
    with pytest.raises(ValueError, match=f"{function.__name__}.*at least {least}, got {least - 1}"):
        function(0.0, 1.0, least - 1)
