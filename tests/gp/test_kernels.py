"""Closed-form kernel derivatives against differentiation, at r = 0, and the refusals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.gp import (
    AdditiveKernel,
    Matern,
    PeriodicKernel,
    Product,
    ProductKernel,
    SpectralMixture,
    SquaredExponential,
    StudentTSpectralMixture,
    Sum,
)

KERNELS = {
    "squared exponential": SquaredExponential(0.7, 1.3),
    "matern 1/2": Matern(0.8, 0.5),
    "matern 3/2": Matern(0.8, 1.5),
    "matern 5/2": Matern(0.8, 2.5, 2.0),
    "matern 7/2": Matern(0.8, 3.5),
    "periodic": PeriodicKernel(1.7, 0.9, 0.6),
    "gaussian mixture": SpectralMixture(jnp.log(jnp.array([0.5, 1.2])), [0.3, 1.1], [0.9, 2.0]),
    "student mixture": StudentTSpectralMixture([-0.3, 0.4], [0.2, 0.8], [0.7, 1.5]),
    "student mixture 7/2": StudentTSpectralMixture([-0.3, 0.4], [0.2, 0.8], [0.7, 1.5], nu=3.5),
    "sum": Sum(SquaredExponential(0.5), Matern(1.1, 3.5)),
    "product": Product(SquaredExponential(1.5), PeriodicKernel(2.0, 1.1)),
    "scaled": 2.5 * SquaredExponential(0.5) + 0.1 * PeriodicKernel(1.0, 1.0),
}


def by_hand(name, r):
    """k(r) written from its definition, with numpy alone."""
    se = lambda r, ell: np.exp(-(r**2) / (2 * ell**2))

    def matern(r, ell, nu):
        z = math.sqrt(2 * nu) * np.abs(r) / ell
        p = {0.5: 1, 1.5: 1 + z, 2.5: 1 + z + z**2 / 3, 3.5: 1 + z + 2 * z**2 / 5 + z**3 / 15}
        return p[nu] * np.exp(-z)

    periodic = lambda r, p, ell: np.exp(-2 * np.sin(math.pi * r / p) ** 2 / ell**2)
    wave = lambda r, f: np.cos(2 * math.pi * f * r)
    student = lambda r, nu: (
        math.exp(-0.3) * matern(r, 0.7, nu) * wave(r, 0.2)
        + math.exp(0.4) * matern(r, 1.5, nu) * wave(r, 0.8)
    )
    return {
        "squared exponential": lambda: 1.3 * se(r, 0.7),
        "matern 1/2": lambda: matern(r, 0.8, 0.5),
        "matern 3/2": lambda: matern(r, 0.8, 1.5),
        "matern 5/2": lambda: 2 * matern(r, 0.8, 2.5),
        "matern 7/2": lambda: matern(r, 0.8, 3.5),
        "periodic": lambda: 0.6 * periodic(r, 1.7, 0.9),
        "gaussian mixture": lambda: (
            0.5 * se(r, 0.9) * wave(r, 0.3) + 1.2 * se(r, 2.0) * wave(r, 1.1)
        ),
        "student mixture": lambda: student(r, 2.5),
        "student mixture 7/2": lambda: student(r, 3.5),
        "sum": lambda: se(r, 0.5) + matern(r, 1.1, 3.5),
        "product": lambda: se(r, 1.5) * periodic(r, 2.0, 1.1),
        "scaled": lambda: 2.5 * se(r, 0.5) + 0.1 * periodic(r, 1.0, 1.0),
    }[name]()


def orders_of(kernel):
    return range(int(min(kernel.max_order, 4)) + 1)


@pytest.mark.parametrize("name", KERNELS)
def test_values_are_the_definition(name):
    r = np.linspace(-3.0, 3.0, 41)
    np.testing.assert_allclose(KERNELS[name](r), by_hand(name, r), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", KERNELS)
def test_each_order_is_the_gradient_of_the_one_before(name):
    kernel = KERNELS[name]
    r = jnp.array([-2.3, -0.6, -0.05, 0.011, 0.4, 1.7])
    for order in orders_of(kernel)[1:]:
        slope = jax.jit(jax.vmap(jax.grad(lambda x, n=order - 1: kernel.derivative(x, n))))(r)
        np.testing.assert_allclose(kernel.derivative(r, order), slope, rtol=1e-11, atol=1e-11)


# finite differences of fourth order at 0 would cancel: the limits are checked with values near 0
# of closed forms that the gradients above have verified for r != 0
@pytest.mark.parametrize("name", KERNELS)
def test_limits_at_zero(name):
    kernel = KERNELS[name]
    for order in orders_of(kernel):
        here = kernel.derivative(0.0, order)
        near = kernel.derivative(jnp.array([-1e-9, 1e-9]), order)
        scale = 1.0 + jnp.abs(kernel.derivative(0.0, order - order % 2))
        assert jnp.isfinite(here)
        if order % 2:
            assert here == 0.0
        # the next derivative, bounded near 0, moves the value by about 1e-9 times a constant
        np.testing.assert_allclose(near, np.full(2, here), atol=3e-6 * scale)


@pytest.mark.parametrize("name", ["matern 3/2", "matern 5/2", "student mixture 7/2", "periodic"])
def test_second_derivative_at_zero_by_finite_differences(name):
    h = 1e-4
    stencil = by_hand(name, h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    second = stencil @ np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12 * h**2)
    # Matern 3/2 has a kink in k'' at 0: the error is of order h there
    np.testing.assert_allclose(KERNELS[name].derivative(0.0, 2), second, rtol=2e-3)


@pytest.mark.parametrize("name", ["matern 5/2", "periodic", "student mixture"])
def test_gradients_in_hyperparameters_and_in_r_at_zero_are_finite(name):
    kernel = KERNELS[name]
    r = jnp.array([0.0, 0.3, 40.0])
    for order in orders_of(kernel):
        total = lambda k, r, n=order: jnp.sum(k.derivative(r, n))
        for leaf in jax.tree.leaves(jax.jit(jax.grad(total, argnums=(0, 1)))(kernel, r)):
            assert jnp.all(jnp.isfinite(leaf))


@pytest.mark.parametrize(
    "name", ["squared exponential", "matern 5/2", "periodic", "student mixture"]
)
def test_gradient_in_r_continues_to_zero(name):
    kernel = KERNELS[name]
    for order in orders_of(kernel)[:-1]:
        slope = jax.grad(lambda x, n=order: kernel.derivative(x, n))(0.0)
        np.testing.assert_allclose(slope, kernel.derivative(0.0, order + 1), atol=1e-12)


@pytest.mark.parametrize("name", ["matern 3/2", "periodic", "student mixture", "product"])
def test_covariance_of_process_and_derivatives_is_positive_definite(name):
    kernel = KERNELS[name]
    top = int(min(kernel.max_order, 4)) // 2
    x = np.linspace(0.0, 2.0, 7)
    r = x[:, None] - x[None]
    blocks = [
        [(-1) ** b * np.asarray(kernel.derivative(r, a + b)) for b in range(top + 1)]
        for a in range(top + 1)
    ]
    gram = np.block(blocks)
    scale = np.sqrt(np.diag(gram))
    assert np.linalg.eigvalsh(gram / scale / scale[:, None])[0] > -1e-12
    np.testing.assert_allclose(gram, gram.T, atol=1e-12 * scale.max() ** 2)


@pytest.mark.parametrize(("nu", "order"), [(0.5, 1), (0.5, 2), (1.5, 3), (2.5, 5), (3.5, 7)])
def test_derivatives_that_do_not_exist_are_refused(nu, order):
    with pytest.raises(ValueError, match=f"order {order} was asked for"):
        Matern(1.0, nu).derivative(0.1, order)
    with pytest.raises(ValueError, match="smoother kernel"):
        Sum(SquaredExponential(1.0), Matern(1.0, nu)).derivative(0.1, order)


def test_bad_hyperparameters_are_named():
    with pytest.raises(ValueError, match=r"SquaredExponential: length_scale .* got 0\.0"):
        SquaredExponential(0.0)
    with pytest.raises(ValueError, match=r"Matern: length_scale .* got -1\.0"):
        Matern(-1.0)
    with pytest.raises(ValueError, match=r"variance .* got nan"):
        SquaredExponential(1.0, float("nan"))
    with pytest.raises(ValueError, match=r"nu must be one of .* got 2\.0"):
        Matern(1.0, 2.0)
    with pytest.raises(ValueError, match=r"length_scales .* got -2\.0"):
        SpectralMixture([0.0, 0.0], [1.0, 2.0], [1.0, -2.0])
    with pytest.raises(ValueError, match="vectors of one length"):
        StudentTSpectralMixture([0.0, 0.0, 0.0], [1.0, 2.0], 1.0)
    with pytest.raises(ValueError, match="length_scale must have shape"):
        Matern([1.0, 2.0])
    with pytest.raises(TypeError, match="ProductKernel takes one"):
        ProductKernel(SquaredExponential(1.0), 3.0)


def test_box_kernels_multiply_and_add_over_dimensions():
    a, b = SquaredExponential(0.7), PeriodicKernel(1.2, 0.8)
    r = (jnp.array([0.3, -0.2]), jnp.array([0.1, 0.5]))
    product = a.derivative(r[0], 2) * b.derivative(r[1], 1)
    np.testing.assert_allclose(ProductKernel(a, b).derivative(r, (2, 1)), product)
    additive = AdditiveKernel(a, b)
    np.testing.assert_allclose(additive.derivative(r, (0, 0)), a(r[0]) + b(r[1]))
    np.testing.assert_allclose(additive.derivative(r, (0, 3)), b.derivative(r[1], 3))
    np.testing.assert_array_equal(additive.derivative(r, (1, 1)), np.zeros(2))


def test_dtype_follows_the_points():
    for kernel in KERNELS.values():
        assert kernel(jnp.zeros(3, jnp.float32)).dtype == jnp.float32


def test_vmap_over_a_length_scale():
    scales = jnp.array([0.5, 1.0, 2.0])
    batched = jax.vmap(lambda s: Matern(s)(0.3))(scales)
    np.testing.assert_allclose(batched, [Matern(float(s))(0.3) for s in scales], rtol=1e-14)
