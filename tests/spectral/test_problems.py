"""Every kind of statement against a manufactured solution."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci
from jaxsci import pde
from jaxsci.spectral import ChebyshevCollocation

SQUARE, CUBE = pde.Box((0.0, 0.0), (1.0, 1.0)), pde.Box((0.0,) * 3, (1.0,) * 3)
LINE = pde.Box(0.0, 1.0)


@jax.jit
def smooth(x):
    return jnp.sin(3 * x[0]) * jnp.exp(x[1])


def slope(function, axis, sign=1.0):
    """The derivative along an axis, times the sign of the outward normal."""
    along = lambda x: jax.jvp(function, (x,), (jnp.zeros_like(x).at[axis].set(1.0),))[1]
    return jax.jit(lambda x: sign * along(x))


@jax.jit
def decaying(x):
    return jnp.sin(3 * x[0] + 1) * jnp.exp(-x[-1])


@jax.jit
def standing(x):
    return jnp.sin(3 * x[0] + 1) * jnp.cos(4 * x[1])


@jax.jit
def turning(x):
    return jnp.exp(jnp.sin(2 * jnp.pi * x[0])) * jnp.cos(x[1])


@jax.jit
def travelling(x):
    return jnp.sin(x[0] - 200 * x[1])


@jax.jit
def solid(x):
    return jnp.sin(3 * x[0]) * jnp.exp(x[1]) * jnp.cos(x[2])


@jax.jit
def bump(x):
    return jnp.exp(jnp.sin(5 * x[0]))


class Clamped(pde.AbstractCondition):
    """Value and slope at one side."""

    def traces(self, sign):
        return (pde.Trace(1.0, 0.0, bump), pde.Trace(0.0, 1.0, slope(bump, 0)))


def _sides(source):
    """Dirichlet, Neumann and Robin in one problem."""
    robin = pde.Robin(2.0, 0.5, jax.jit(lambda x: 2 * smooth(x) + 0.5 * slope(smooth, 0)(x)))
    first = (pde.Neumann(slope(smooth, 0, -1.0)), robin)
    second = (pde.Dirichlet(smooth), pde.Neumann(slope(smooth, 1)))
    boundary = pde.Boundary(first, second)
    return pde.AdvectionDiffusionReaction(SQUARE, 0.2, (1.0, -0.5), 0.7, source, boundary)


def _variable(source):
    stiff = lambda x: 1 + 0.5 * jnp.sin(x[0] * x[1])
    drift = lambda x: x[0]
    operator = stiff * pde.laplacian(2) + drift * pde.partial(1, dim=2)
    operator = operator + 0.3 * (pde.partial(0, dim=2) @ pde.partial(1, dim=2))
    return pde.LinearPDE(SQUARE, operator, source, pde.Dirichlet(smooth))


def _in_time(make, exact, velocity=None):
    boundary = pde.Boundary(pde.Dirichlet(exact), pde.Initial(exact, velocity))
    return lambda source: make(source, boundary)


standing_speed = slope(standing, 1)

# name: (problem of a source, exact solution, points, options, error at most)
CASES = {
    "all kinds of sides": (_sides, smooth, 20, {}, 1e-12),
    "periodic Helmholtz": (
        lambda f: pde.Helmholtz(
            SQUARE, 2.5, f, pde.Boundary(pde.Periodic(), pde.Dirichlet(turning))
        ),
        turning,
        (32, 16),
        {},
        1e-10,
    ),
    "wave": (
        _in_time(lambda f, b: pde.Wave(SQUARE, 1.3, f, b), standing, standing_speed),
        standing,
        24,
        {},
        1e-10,
    ),
    "advection": (
        lambda f: pde.LinearPDE(
            SQUARE,
            200.0 * pde.partial(0, dim=2) + pde.partial(1, dim=2),
            f,
            pde.Boundary((pde.Dirichlet(travelling), pde.Free()), pde.Initial(travelling)),
        ),
        travelling,
        (20, 200),
        {},
        1e-11,
    ),
    "variable coefficients": (_variable, smooth, 18, {"dense_limit": 0}, 1e-11),
    "Burgers": (
        _in_time(lambda f, b: pde.Burgers(SQUARE, 0.05, f, b), decaying),
        decaying,
        18,
        {"dense_limit": 0},
        1e-12,
    ),
    "sine-Gordon": (
        _in_time(lambda f, b: pde.SineGordon(SQUARE, f, b), standing, standing_speed),
        standing,
        20,
        {},
        1e-8,
    ),
    "heat in two space dimensions": (
        lambda f: pde.Heat(
            CUBE,
            0.2,
            f,
            pde.Boundary(pde.Dirichlet(solid), pde.Dirichlet(solid), pde.Initial(solid)),
        ),
        solid,
        (14, 15, 12),
        {},
        1e-10,
    ),
    "clamped beam": (
        lambda f: pde.LinearPDE(LINE, pde.laplacian(1) ** 2, f, pde.Boundary(Clamped())),
        bump,
        40,
        {},
        1e-9,
    ),
}


def manufactured(make, exact):
    """The problem whose solution is `exact`, its source by automatic differentiation."""
    bare = make(0.0)
    return make(jax.jit(lambda x: bare.residual(exact, x[None])[0]))


@pytest.mark.parametrize("name", CASES)
def test_manufactured_solution(name):
    make, exact, points, options, bound = CASES[name]
    problem = manufactured(make, exact)
    solution = jaxsci.solve(problem, ChebyshevCollocation(points, **options))
    axes = [np.linspace(0.0, 1.0, 31)] * problem.dim
    grid = jnp.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), -1))
    known = jax.vmap(exact)(grid.reshape(-1, problem.dim)).reshape(grid.shape[:-1])
    found = solution.on_grid(*(jnp.asarray(axis) for axis in axes))
    assert float(jnp.linalg.norm(found - known) / jnp.linalg.norm(known)) < bound
    assert all(float(solution.stats[f"{kind}_residual"]) < 1e-6 for kind in ("node", "boundary"))


def test_derivatives_and_scattered_evaluation():
    make, exact, points, options, _ = CASES["periodic Helmholtz"]
    problem = manufactured(make, exact)
    solution = jaxsci.solve(problem, ChebyshevCollocation(points, **options))
    x = jnp.asarray([[0.13, 0.4], [0.5, 0.0], [0.97, 1.0]])
    for orders in ((0, 0), (2, 1)):
        known = jax.jit(functools.partial(pde.partial_of, exact, orders))(x)
        np.testing.assert_allclose(solution.partial(orders, x), known, rtol=1e-6, atol=1e-8)
    residual = problem.residual(solution, x)
    np.testing.assert_allclose(residual, 0.0, atol=1e-7)
    by_autodiff = jax.grad(lambda y: solution(y[None])[0])(x[1])
    np.testing.assert_allclose(by_autodiff[1], solution.partial((0, 1), x[1:2])[0], rtol=1e-10)
