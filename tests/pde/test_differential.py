"""Domains, differential operators and fields."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import pde
from jaxsci.pde import Box, identity, laplacian, partial


def _apply(operator, u, points):
    """$L u$ through the residual of the equation $L u = 0$."""
    dim = operator.dim
    box = Box((0.0,) * dim, (1.0,) * dim)
    conditions = [_conditions(order) for order in operator.max_orders]
    problem = pde.LinearPDE(box, operator, 0.0, pde.Boundary(*conditions))
    return problem.residual(u, points)


def _conditions(order):
    sides = {
        0: (pde.Free(), pde.Free()),
        1: pde.Initial(),
        2: pde.Dirichlet(),
        3: (pde.Initial(0.0, 0.0), pde.Dirichlet()),
    }
    return sides[order]


POINTS = jnp.asarray([[0.2, 0.7], [0.9, 0.1]])
X, Y = POINTS[:, 0], POINTS[:, 1]
FIELD = lambda x: x[0] ** 3 * x[1] ** 2


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (laplacian(2), 6 * X * Y**2 + 2 * X**3),
        (laplacian(2, axes=(1,)), 2 * X**3),
        (identity(2) - 2.0 * partial(0, dim=2), X**3 * Y**2 - 6 * X**2 * Y**2),
        (-partial(1, 2, dim=2), -2 * X**3),
        ((lambda x: x[0]) * partial(0, dim=2), 3 * X**3 * Y**2),
        ((lambda x: x[1]) * (2.0 * ((lambda x: x[0]) * identity(2))), 2 * X**4 * Y**3),
        (partial(0, dim=2) @ partial(1, dim=2), 6 * X**2 * Y),
        ((partial(0, dim=2) + identity(2)) ** 2, (6 * X + 6 * X**2 + X**3) * Y**2),
        ((lambda x: x[0]) * identity(2) @ partial(0, dim=2), 3 * X**3 * Y**2),
        (partial(0, 3, dim=2), 6 * Y**2),
    ],
)
def test_the_algebra_of_operators(operator, expected):
    np.testing.assert_allclose(_apply(operator, FIELD, POINTS), expected, rtol=1e-13)


def test_what_an_operator_knows_about_itself():
    mixed = partial(0, dim=2) @ partial(1, 2, dim=2) + identity(2)
    assert mixed.max_orders == (1, 2)
    assert mixed.is_constant
    assert not mixed.is_separable
    assert laplacian(3).is_separable
    varying = (lambda x: x[0]) * laplacian(2)
    assert not varying.is_constant
    assert not varying.is_separable


def test_constants_are_leaves():
    operator = 3.0 * partial(0, dim=1)
    doubled = eqx.tree_at(lambda o: o.terms[0].coefficient, operator, jnp.asarray(6.0))
    u, at = (lambda x: x[0] ** 2), jnp.asarray([[0.5]])
    np.testing.assert_allclose(_apply(doubled, u, at), 2 * _apply(operator, u, at))


@pytest.mark.parametrize(
    ("build", "kind", "message"),
    [
        (lambda: partial(2, dim=2), ValueError, r"axis must be in 0\.\.\.1, got 2"),
        (lambda: partial(0, -1, dim=1), ValueError, "order must not be negative, got -1"),
        (lambda: laplacian(2) + identity(1), ValueError, "dimension 2 and 1 cannot be added"),
        (lambda: laplacian(2) ** 0, ValueError, "positive integer, got 0"),
        (
            lambda: laplacian(1) @ ((lambda x: x[0]) * identity(1)),
            TypeError,
            "inner one has constant coefficients",
        ),
    ],
)
def test_bad_operators_are_refused(build, kind, message):
    with pytest.raises(kind, match=message):
        build()


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (0.0, 0.0, "every edge needs a positive length"),
        ((0.0, 1.0), (1.0, 0.5), r"every edge.*upper=\[1\.  0\.5\]"),
        ((0.0, 0.0), (1.0,), "vectors of one length"),
        ((0.0,) * 4, (1.0,) * 4, "1, 2 or 3 dimensions are supported, got 4"),
    ],
)
def test_bad_boxes_are_refused(lower, upper, message):
    with pytest.raises(ValueError, match=message):
        Box(lower, upper)


def test_a_box_in_one_dimension_takes_two_numbers():
    box = Box(-1.0, 2.0)
    assert box.dim == 1
    np.testing.assert_array_equal(box.lengths, [3.0])
    assert Box(jnp.float32(0.0), jnp.float32(1.0)).lower.dtype == jnp.float32


class Monomials(pde.AbstractTensorField):
    """$u = \\sum C_{ij} x^i y^j$: a field whose derivatives are known by heart."""

    coefficients: jnp.ndarray
    dim: int = eqx.field(static=True, default=2)

    def basis(self, axis, x, order):
        power = jnp.arange(float(self.coefficients.shape[axis]))
        falling = jnp.prod(power[:, None] - jnp.arange(float(order)), axis=1)
        return falling * x[:, None] ** jnp.maximum(power - order, 0)


def test_tensor_fields_agree_with_automatic_differentiation():
    table = np.random.default_rng(0).normal(size=(4, 3))
    field = Monomials(jnp.asarray(table))
    powers = [jnp.arange(4.0), jnp.arange(3.0)]
    plain = jax.jit(lambda x: x[0] ** powers[0] @ jnp.asarray(table) @ x[1] ** powers[1])
    axes = (jnp.asarray([0.3, 0.6]), jnp.asarray([0.2, 0.5, 0.8]))
    grid = pde.tensor_points(axes)
    np.testing.assert_allclose(field(grid), field.on_grid(*axes), rtol=1e-14)
    for orders in ((0, 0), (2, 1)):
        expected = pde.partial_of(plain, orders, grid.reshape(-1, 2))
        np.testing.assert_allclose(field.partial(orders, grid.reshape(-1, 2)), expected, rtol=1e-11)
        on_grid = field.partial_on_grid(orders, axes)
        np.testing.assert_allclose(on_grid.reshape(-1), expected, rtol=1e-11)


def test_points_of_the_wrong_shape_are_refused():
    field = Monomials(jnp.ones((2, 2)))
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 2\).*got \(3,\)"):
        field(jnp.zeros(3))
    with pytest.raises(ValueError, match=r"Add an axis: x\[:, None\]"):
        pde.as_points(jnp.zeros(3), 1)
