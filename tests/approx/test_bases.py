"""Interpolation, differentiation, polynomials, Fourier."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import approx


@pytest.mark.parametrize("order", [0, 1, 3])
def test_legendre_and_chebyshev_values_agree_with_numpy(order):
    x = jnp.linspace(-1, 1, 31)
    for ours, series in (
        (approx.legendre_values, np.polynomial.Legendre),
        (approx.chebyshev_values, np.polynomial.Chebyshev),
    ):
        values = np.asarray(ours(x, 12, order))
        known = np.stack(
            [series.basis(k).deriv(order)(x) if order else series.basis(k)(x) for k in range(13)], 1
        )
        np.testing.assert_allclose(values, known, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("degree", [0, 1])
def test_lowest_degrees(degree):
    x = jnp.asarray([-0.4, 0.9])
    np.testing.assert_array_equal(approx.legendre_values(x, degree)[:, 0], 1.0)
    np.testing.assert_array_equal(approx.legendre_values(x, degree, 1)[:, 0], 0.0)
    assert approx.chebyshev_values(x, degree, 2).shape == (2, degree + 1)


def test_high_degrees_stay_bounded():
    x = jnp.cos(jnp.linspace(0.0, np.pi, 50))
    np.testing.assert_allclose(
        approx.chebyshev_values(x, 500)[:, 500], np.cos(500 * np.arccos(np.asarray(x))), atol=1e-9
    )


@pytest.mark.parametrize("choice", [approx.ChebyshevNodes(), approx.GaussLegendreNodes()])
def test_interpolation_is_spectral_and_exact_at_nodes(choice):
    nodes = choice.points(0.0, 2.0, 40)
    x = jnp.concatenate([jnp.linspace(0.0, 2.0, 77), nodes[:3]])
    matrix = approx.interpolation_matrix(nodes, x)
    np.testing.assert_allclose(matrix @ jnp.sin(5 * nodes), jnp.sin(5 * x), atol=1e-13)
    np.testing.assert_array_equal(matrix[-3:], np.eye(3, 40))


@pytest.mark.parametrize(("order", "error"), [(1, 1e-12), (2, 5e-10), (3, 3e-7)])
def test_chebyshev_differentiation(order, error):
    x = approx.chebyshev_nodes(0.0, 2.0, 32)
    matrix = approx.chebyshev_differentiation(0.0, 2.0, 32, order)
    exact = 3.0**order * np.sin(3 * np.asarray(x) + order * np.pi / 2)
    np.testing.assert_allclose(matrix @ jnp.sin(3 * x), exact, atol=error)


def test_general_and_chebyshev_differentiation_agree():
    x = approx.chebyshev_nodes(-1.0, 1.0, 12)
    for order in (1, 2, 3):
        general = approx.differentiation_matrix(x, order)
        special = approx.chebyshev_differentiation(-1.0, 1.0, 12, order)
        np.testing.assert_allclose(general, special, rtol=1e-11, atol=1e-9)


def test_barycentric_weights_of_many_nodes_do_not_overflow():
    x = approx.chebyshev_nodes(0.0, 50.0, 1200)
    weights = approx.barycentric_weights(x)
    np.testing.assert_allclose(np.abs(weights[1:-1]), 1.0, rtol=1e-8)
    np.testing.assert_allclose(np.abs(weights[jnp.asarray([0, -1])]), 0.5, rtol=1e-8)


@pytest.mark.parametrize(("n", "order"), [(8, 0), (9, 1), (8, 2), (8, 3), (9, 4)])
def test_fourier_differentiation_and_cardinals(n, order):
    x = approx.periodic_nodes(1.0, 3.0, n)
    wave = lambda x, m: (
        np.pi**m * np.sin(np.pi * x + m * np.pi / 2)
        + (2 * np.pi) ** m * np.cos(2 * np.pi * x + m * np.pi / 2)
    )
    matrix = approx.fourier_differentiation(1.0, 3.0, n, order)
    np.testing.assert_allclose(
        matrix @ wave(np.asarray(x), 0), wave(np.asarray(x), order), atol=1e-9
    )
    fine = jnp.linspace(1.0, 3.0, 23)
    cardinals = approx.fourier_cardinals(np.pi * (fine - 1.0), n, order) * np.pi**order
    np.testing.assert_allclose(
        cardinals @ wave(np.asarray(x), 0), wave(np.asarray(fine), order), atol=1e-9
    )
    at_nodes = approx.fourier_cardinals(np.pi * (x - 1.0), n, order) * np.pi**order
    np.testing.assert_allclose(at_nodes, matrix, atol=1e-9)


@pytest.mark.parametrize("cardinals", [approx.chebyshev_cardinals, approx.fourier_cardinals])
def test_automatic_differentiation_gives_the_next_order_also_at_a_node(cardinals):
    values = jnp.sin(jnp.arange(12.0))
    at_node = {True: 1.0, False: np.pi}[cardinals is approx.chebyshev_cardinals]
    for xi in (0.3, at_node):
        field = lambda t, order=0: (cardinals(jnp.atleast_1d(t), 12, order) @ values)[0]
        np.testing.assert_allclose(jax.grad(field)(xi), field(xi, 1), rtol=1e-12)
        np.testing.assert_allclose(jax.grad(jax.grad(field))(xi), field(xi, 2), rtol=1e-12)


def test_negative_orders_are_refused():
    with pytest.raises(ValueError, match=r"order.*at least 0, got -1"):
        approx.legendre_values(jnp.zeros(2), 3, -1)
    with pytest.raises(ValueError, match=r"degree_max.*at least 0, got -2"):
        approx.chebyshev_values(jnp.zeros(2), -2)
