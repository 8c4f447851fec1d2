"""Every named equation on a solution known by hand: its residual vanishes, another's does not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import pde
from jaxsci.pde import Boundary, Box, Dirichlet, Initial

LINE, SQUARE, CUBE = Box(0.0, 1.0), Box((0.0, 0.0), (1.0, 1.0)), Box((0.0,) * 3, (1.0,) * 3)
IN_TIME = Boundary(Dirichlet(), Initial())
WAVES = Boundary(Dirichlet(), Initial(0.0, 0.0))
PLANE = Boundary(Dirichlet(), Dirichlet(), Initial())
INFLOW = Boundary((Dirichlet(), pde.Free()), Initial())
SPEED = 0.6  # of the sine-Gordon kink

# name: (problem, a solution found by hand)
CASES = {
    "Poisson": (pde.Poisson(SQUARE, 0.0), lambda x: jnp.sin(x[0]) * jnp.cosh(x[1])),
    "Helmholtz": (pde.Helmholtz(LINE, 3.0, 0.0), lambda x: jnp.sin(3 * x[0] + 1)),
    "Helmholtz, variable": (
        pde.Helmholtz(LINE, lambda x: x[0], lambda x: x[0] ** 3),
        lambda x: x[0],
    ),
    "Heat": (
        pde.Heat(CUBE, 0.5, 0.0, PLANE),
        lambda x: jnp.exp(-0.5 * 5 * x[2]) * jnp.sin(x[0]) * jnp.sin(2 * x[1]),
    ),
    "Advection": (
        pde.Advection(CUBE, (2.0, -3.0), 0.0, Boundary(*(INFLOW.sides[0],) * 2, Initial())),
        lambda x: jnp.sin(x[0] - 2 * x[2]) + jnp.cos(x[1] + 3 * x[2]),
    ),
    "AdvectionDiffusionReaction, steady": (
        pde.AdvectionDiffusionReaction(
            LINE, 0.5, (2.0,), 3.0, lambda x: 4.5 * jnp.exp(x[0]), Dirichlet()
        ),
        lambda x: jnp.exp(x[0]),
    ),
    "AdvectionDiffusionReaction, in time": (
        pde.AdvectionDiffusionReaction(SQUARE, 0.5, (2.0,), 3.0, 0.0, IN_TIME, transient=True),
        lambda x: jnp.exp(x[0] - 4.5 * x[1]),
    ),
    "Wave": (pde.Wave(SQUARE, 2.0, 0.0, WAVES), lambda x: jnp.sin(x[0]) * jnp.cos(2 * x[1])),
    "AllenCahn, steady": (
        pde.AllenCahn(LINE, 0.0, Dirichlet(), 0.5, -4.0),
        lambda x: jnp.tanh(2 * x[0]),
    ),
    "AllenCahn, in time": (
        pde.AllenCahn(SQUARE, 0.0, IN_TIME, 0.5, -4.0, transient=True),
        lambda x: jnp.tanh(2 * x[0]),
    ),
    "Burgers": (pde.Burgers(SQUARE, 0.1, 0.0, IN_TIME), lambda x: x[0] / (1 + x[1])),
    "SineGordon": (
        pde.SineGordon(SQUARE, 0.0, WAVES),
        lambda x: 4 * jnp.arctan(jnp.exp((x[0] - SPEED * x[1]) / np.sqrt(1 - SPEED**2))),
    ),
}


def _points(problem):
    return jnp.asarray(np.random.default_rng(1).uniform(size=(5, problem.dim)))


@pytest.mark.parametrize("name", CASES)
def test_the_residual_of_a_solution_vanishes(name):
    problem, solution = CASES[name]
    points = _points(problem)
    np.testing.assert_allclose(problem.residual(solution, points), 0.0, atol=1e-12)
    wrong = lambda x: solution(x) + 0.1 * jnp.sin(7 * x[0])
    assert float(jnp.abs(problem.residual(wrong, points)).min()) > 1e-3


def test_the_residual_takes_any_field():
    class Sine(pde.AbstractField):
        dim: int = eqx.field(static=True, default=1)

        def partial(self, orders, points):
            return jnp.sin(points[:, 0] + orders[0] * jnp.pi / 2)

    problem = pde.Poisson(LINE, lambda x: -jnp.sin(x[0]))
    np.testing.assert_allclose(problem.residual(Sine(), _points(problem)), 0.0, atol=1e-15)
    plain = problem.residual(lambda x: jnp.sin(x[0]), _points(problem))
    np.testing.assert_allclose(plain, 0.0, atol=1e-15)


def test_parameters_are_differentiable_leaves():
    problem, _ = CASES["Heat"]
    u = lambda x: x[0] ** 2 * x[2]
    points = jnp.asarray([[0.5, 0.5, 0.5]])

    def loss(diffusivity):
        changed = eqx.tree_at(lambda p: p.diffusivity, problem, diffusivity)
        return changed.residual(u, points)[0]

    # u_t - kappa u_xx = x^2 - 2 kappa t
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(0.5)), -1.0, rtol=1e-14)


def test_nonlinear_statements_of_ones_own():
    pendulum = pde.NonlinearPDE(
        LINE,
        pde.partial(0, 2, dim=1),
        pde.Nonlinearity(lambda x, u, du: x[0] * u * du**2, ((0,), (1,))),
        lambda x: 2 + 4 * x[0] ** 5,
        Boundary(Initial(0.0, 0.0)),
    )
    points = _points(pendulum)
    np.testing.assert_allclose(pendulum.residual(lambda x: x[0] ** 2, points), 0.0, atol=1e-14)
    assert pendulum.max_orders == (2,)
