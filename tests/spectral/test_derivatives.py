"""jit, vmap, grad, and no compilation for a new problem of the same shape."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import pde
from jaxsci.spectral import ChebyshevCollocation

SQUARE = pde.Box((0.0, 0.0), (1.0, 1.0))


def _line(p):
    """Variable Helmholtz on a line whose length, coefficient, source and sides depend on p."""
    box = pde.Box(0.0, 1.0 + 0.1 * p[0])
    boundary = pde.Boundary((pde.Dirichlet(p[2]), pde.Robin(1.0 + p[1] ** 2, 0.5, 1.0)))
    source = lambda x: p[1] * jnp.sin(4 * x[0])
    return pde.Helmholtz(box, lambda x: 1 + p[0] * x[0], source, boundary)


def _heat(p):
    start = lambda x: p[2] * jnp.sin(jnp.pi * x[0])
    boundary = pde.Boundary(pde.Dirichlet(0.0), pde.Initial(start))
    return pde.Heat(SQUARE, p[0], lambda x: p[1] * x[0] * x[1], boundary)


def _burgers(p):
    start = lambda x: p[2] * jnp.sin(jnp.pi * x[0])
    boundary = pde.Boundary(pde.Dirichlet(0.0), pde.Initial(start))
    return pde.Burgers(SQUARE, p[0], lambda x: p[1] * x[0] * x[1], boundary)


def _reaction(p):
    boundary = pde.Boundary((pde.Dirichlet(p[2]), pde.Neumann(0.5)))
    return pde.AllenCahn(pde.Box(0.0, 1.0), lambda x: p[1] * jnp.exp(x[0]), boundary, 1.0, p[0])


CASES = {
    "dense": (_line, ChebyshevCollocation(16, rtol=1e-3)),
    "separable": (_heat, ChebyshevCollocation(10, rtol=1.0)),
    "Newton-Krylov": (_burgers, ChebyshevCollocation(10, rtol=1.0, dense_limit=0)),
    "Newton": (_reaction, ChebyshevCollocation(16)),
}
POINT = jnp.asarray([0.3, 0.7, 0.9])


@functools.cache
def _compiled(name):
    """Value and gradient, compiled once for all tests."""
    make, method = CASES[name]

    def loss(p):
        return (jaxsci.solve(make(p), method, throw=False).value ** 3).mean()

    return loss, jax.jit(jax.value_and_grad(loss))


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_central_differences(name):
    value_and_grad = _compiled(name)[1]
    gradient = value_and_grad(POINT)[1]
    h = 1e-3
    shift = lambda i, k: float(value_and_grad(POINT.at[i].add(k * h))[0])
    for i in range(3):
        # fourth order: the error of the difference itself is far below the bound
        slope = (8 * (shift(i, 1) - shift(i, -1)) - (shift(i, 2) - shift(i, -2))) / (12 * h)
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-6)


def test_second_derivatives_through_newton():
    loss, value_and_grad = _compiled("Newton")
    hessian = jax.jit(jax.jacfwd(jax.grad(loss)))(POINT)
    h = 1e-3
    for i in range(3):
        ahead, behind = (value_and_grad(POINT.at[i].add(k * h))[1] for k in (1, -1))
        np.testing.assert_allclose(hessian[i], (ahead - behind) / (2 * h), rtol=1e-4)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-8)


def test_vmap_gives_every_element_its_own_solution_and_code():
    box, method = pde.Box(0.0, 1.0), ChebyshevCollocation(24)

    def solve(rate):
        source = lambda x: jnp.sin(rate * x[0])
        return jaxsci.solve(pde.Poisson(box, source, pde.Dirichlet(0.0)), method, throw=False)

    rates = jnp.asarray([3.0, 5.0, 300.0])
    batch = jax.jit(jax.vmap(solve))(rates)
    good = np.asarray(batch.result == jaxsci.RESULTS.successful)
    np.testing.assert_array_equal(good, [True, True, False])
    np.testing.assert_allclose(batch.value[1], solve(rates[1]).value, rtol=1e-11, atol=1e-14)


@pytest.fixture
def compilations():
    """The number of XLA compilations so far."""
    events = []

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield lambda: len(events)
    jax.monitoring.clear_event_listeners()


def test_new_functions_constants_and_tolerances_do_not_compile_again(compilations):
    def solve(rate, wavenumber, rtol):
        source = lambda x: jnp.sin(rate * x[0]) * x[1]  # a new function every time
        side = pde.Dirichlet(lambda x: rate * x[0] * x[1])
        problem = pde.Helmholtz(SQUARE, wavenumber, source, side)
        return jaxsci.solve(problem, ChebyshevCollocation(13, rtol=rtol), throw=False)

    first = solve(3.0, 1.0, 1e-5)
    before = compilations()
    assert before > 0
    second = solve(2.0, 1.5, 1e-4)
    assert compilations() == before
    assert float(jnp.abs(first.value - second.value).max()) > 0.1


def test_no_callback_in_the_compiled_program():
    make, method = CASES["Newton-Krylov"]
    run = lambda p: eqx.filter(jaxsci.solve(make(p), method, throw=False), eqx.is_array)
    text = jax.jit(run).lower(POINT).as_text()
    assert "custom_call" in text  # the search below would find what it looks for
    assert "callback" not in text
