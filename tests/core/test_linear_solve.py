"""linear_solve: transformations, derivatives, no callbacks, no silent NaN."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

import jaxsci
from jaxsci import RESULTS

_RANDOM = np.random.default_rng(3)
GENERAL = jnp.asarray(_RANDOM.normal(size=(5, 5)) + 5 * np.eye(5))
POSITIVE = GENERAL @ GENERAL.T
VECTOR = jnp.asarray(_RANDOM.normal(size=5))

SOLVERS = {
    "LU": (lx.LU(), (), GENERAL),
    "QR": (lx.QR(), (), GENERAL),
    "Cholesky": (lx.Cholesky(), (lx.positive_semidefinite_tag,), POSITIVE),
    "CG": (lx.CG(rtol=1e-13, atol=1e-13), (lx.positive_semidefinite_tag,), POSITIVE),
    "GMRES": (lx.GMRES(rtol=1e-13, atol=1e-13), (), GENERAL),
}


def _solve(name):
    solver, tags, matrix = SOLVERS[name]

    def solve(matrix, vector):
        return jaxsci.linear_solve(lx.MatrixLinearOperator(matrix, tags), vector, solver)[0]

    return solve, matrix


def _symmetric(name, direction):
    return direction + direction.T if SOLVERS[name][1] else direction


@pytest.mark.parametrize("name", ["Cholesky", "CG"])
def test_value_jit_and_vmap(name):
    solve, matrix = _solve(name)
    expected = np.linalg.solve(matrix, VECTOR)
    np.testing.assert_allclose(jax.jit(solve)(matrix, VECTOR), expected, rtol=1e-9)
    batch = jax.vmap(solve, in_axes=(0, 0))(
        jnp.stack([matrix, 2 * matrix]), jnp.stack([VECTOR] * 2)
    )
    np.testing.assert_allclose(batch, np.stack([expected, expected / 2]), rtol=1e-9)


@pytest.mark.parametrize("name", ["LU", "GMRES"])
def test_gradients_agree_with_central_differences(name):
    solve, matrix = _solve(name)
    loss = jax.jit(lambda a, b: (solve(a, b) ** 3).sum())
    by_matrix, by_vector = jax.jit(jax.grad(loss, argnums=(0, 1)))(matrix, VECTOR)
    h = 1e-5
    direction = _symmetric(name, jnp.asarray(_RANDOM.normal(size=(5, 5))))
    slope = (loss(matrix + h * direction, VECTOR) - loss(matrix - h * direction, VECTOR)) / (2 * h)
    np.testing.assert_allclose((by_matrix * direction).sum(), slope, rtol=1e-6)
    shift = jnp.asarray(_RANDOM.normal(size=5))
    slope = (loss(matrix, VECTOR + h * shift) - loss(matrix, VECTOR - h * shift)) / (2 * h)
    np.testing.assert_allclose(by_vector @ shift, slope, rtol=1e-6)


def test_second_derivatives_and_forward_mode():
    solve, matrix = _solve("QR")
    direction = _symmetric("QR", jnp.asarray(_RANDOM.normal(size=(5, 5))))
    along = lambda t: (solve(matrix + t * direction, VECTOR) ** 2).sum()
    twice = jax.jit(jax.grad(jax.grad(along)))(0.0)
    # x(t) = A(t)^{-1} b: x' = -A^{-1} D x and x'' = 2 A^{-1} D A^{-1} D x
    x = np.linalg.solve(matrix, VECTOR)
    first = -np.linalg.solve(matrix, direction @ x)
    second = -2 * np.linalg.solve(matrix, direction @ first)
    np.testing.assert_allclose(twice, 2 * (first @ first + x @ second), rtol=1e-8)
    forward = jax.jvp(along, (0.0,), (1.0,))[1]
    np.testing.assert_allclose(forward, 2 * x @ first, rtol=1e-9)


def test_no_callback_in_the_compiled_program():
    solve, matrix = _solve("GMRES")
    gradient = jax.grad(lambda a, b: solve(a, b).sum(), argnums=(0, 1))
    text = jax.jit(gradient).lower(matrix, VECTOR).as_text()
    assert "while" in text  # the iteration is there
    assert "callback" not in text


def test_non_finite_answers_are_never_successful():
    bad = VECTOR.at[2].set(jnp.nan)
    operator = lx.MatrixLinearOperator(GENERAL)
    assert bool(jaxsci.linear_solve(operator, bad, lx.LU())[1] == RESULTS.nonfinite)
    singular = lx.MatrixLinearOperator(jnp.zeros((5, 5)))
    assert bool(jaxsci.linear_solve(singular, VECTOR, lx.LU())[1] == RESULTS.nonfinite)
    assert bool(jaxsci.linear_solve(operator, VECTOR, lx.LU())[1] == RESULTS.successful)


def test_a_solver_that_gives_up_says_so():
    stiff = lx.MatrixLinearOperator(jnp.diag(10.0 ** jnp.arange(5.0)), lx.positive_semidefinite_tag)
    solver = lx.CG(rtol=1e-14, atol=1e-14, max_steps=2)
    result = jaxsci.linear_solve(stiff, VECTOR, solver)[1]
    assert bool(result == RESULTS.max_steps_reached)


def test_codes_come_back_per_element():
    vectors = jnp.stack([VECTOR, VECTOR.at[0].set(jnp.inf)])
    code = lambda b: jaxsci.linear_solve(lx.MatrixLinearOperator(GENERAL), b, lx.LU())[1]
    codes = jax.jit(jax.vmap(code))(vectors)
    np.testing.assert_array_equal(codes == RESULTS.successful, [True, False])


def test_rectangular_operators_are_refused():
    with pytest.raises(ValueError, match="must be square, got 3 rows and 5 columns"):
        jaxsci.linear_solve(lx.MatrixLinearOperator(GENERAL[:3]), VECTOR[:3], lx.LU())
