"""Gradients through SpectralFeatureGP against central differences, and calibrated deviations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import pde, solve
from jaxsci.gp import SpectralFeatureGP

LINE, SQUARE = pde.Box(0.0, 1.0), pde.Box((0.0, 0.0), (1.0, 1.0))
# coefficient, source amplitude, boundary value, noise of the data, scale of the prior
POINT = jnp.asarray([1.3, 0.8, 0.4, 0.05, 2.0])
NAMES = ("coefficient", "amplitude", "boundary", "noise", "prior_scale")


def _line(p):
    seen = pde.Observations(jnp.asarray([[0.3], [0.6]]), jnp.asarray([0.2, -0.1]), p[3])
    source = lambda x: 20 * p[1] * jnp.sin(7 * x[0])
    problem = pde.Helmholtz(LINE, p[0], source, pde.Dirichlet(p[2]), (seen,), source_noise=4 * p[3])
    return solve(problem, SpectralFeatureGP(32, num_features=24, prior_scale=p[4]), throw=False)


def _square(p):
    points = jnp.asarray([[0.3, 0.4], [0.6, 0.7]])
    seen = pde.Observations(points, jnp.asarray([0.2, -0.1]), p[3])
    source = lambda x: 20 * p[1] * jnp.sin(4 * x[0]) * x[1]
    problem = pde.Helmholtz(
        SQUARE, p[0], source, pde.Dirichlet(p[2]), (seen,), source_noise=4 * p[3]
    )
    return solve(problem, SpectralFeatureGP(24, num_features=18, prior_scale=p[4]), throw=False)


QUANTITIES = {
    "line": lambda p: jnp.mean(_line(p).value ** 3),
    "evidence on a line": lambda p: _line(p).stats["log_marginal_likelihood"],
    "square": lambda p: jnp.mean(_square(p).value ** 3),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_gradients_agree_with_central_differences(name):
    found, h = jax.jit(jax.value_and_grad(QUANTITIES[name])), 1e-2
    # a wide step, for some quantities hardly move; the difference is of fourth order
    gradient = found(POINT)[1]
    for i, label in enumerate(NAMES):
        step = h * float(POINT[i])
        shifted = lambda k, i=i, step=step: float(found(POINT.at[i].add(k * step))[0])
        slope = (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * step)
        np.testing.assert_allclose(float(gradient[i]), slope, rtol=1e-6, err_msg=label)


def _draws_on_a_line(key, num):
    """Noisy sources and values of functions drawn from the model's own prior."""
    method = SpectralFeatureGP(40, num_features=26, prior_scale=1.0, max_rounds=1)
    blank = pde.Poisson(LINE, 0.0, source_noise=0.5)
    first = solve(blank, method, throw=False)
    (nodes,) = method.grid(blank)
    at = jnp.linspace(0.05, 0.95, 7)
    ends = first.basis(0, jnp.asarray([0.0, 1.0]), 0)

    def one(key):
        c_key, f_key = jax.random.split(key)
        c = jax.random.normal(c_key, (first.slots.size,)) * first.slots.active
        source = first.basis(0, nodes, 2) @ c + 0.5 * jax.random.normal(f_key, nodes.shape)
        sides = ends @ c
        boundary = pde.Boundary((pde.Dirichlet(sides[0]), pde.Dirichlet(sides[1])))
        sol = solve(pde.Poisson(LINE, source, boundary, (), 0.5), method, throw=False)
        return (sol(at[:, None]) - first.basis(0, at, 0) @ c) / sol.std(at[:, None])

    return jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(key, num))


def test_the_band_covers_draws_from_the_prior_on_a_line(key):
    scores = _draws_on_a_line(key, 200)
    assert 0.92 < float(jnp.mean(jnp.abs(scores) < 1.96)) < 0.98
    assert 0.85 < float(jnp.std(scores)) < 1.15


def _draws_in_a_square(key, num):
    method = SpectralFeatureGP(30, num_features=20, prior_scale=1.0, max_rounds=1)
    blank = pde.Poisson(SQUARE, 0.0, source_noise=5.0)
    first = solve(blank, method, throw=False)
    x, y = method.grid(blank)
    at = jax.random.uniform(jax.random.key(5), (9, 2))
    inner = lambda axis, points, order: first.basis(axis, points, order) @ first.axes[axis].null
    size = tuple(axis.null.shape[1] for axis in first.axes)

    def one(key):
        c_key, f_key = jax.random.split(key)
        keep = [1 - axis.padding for axis in first.axes]
        c = jax.random.normal(c_key, size) * keep[0][:, None] * keep[1]
        source = inner(0, x, 2) @ c @ inner(1, y, 0).T + inner(0, x, 0) @ c @ inner(1, y, 2).T
        source = source + 5.0 * jax.random.normal(f_key, source.shape)
        sol = solve(pde.Poisson(SQUARE, source, source_noise=5.0), method, throw=False)
        truth = jnp.einsum("ni,ij,nj->n", inner(0, at[:, 0], 0), c, inner(1, at[:, 1], 0))
        return (sol(at) - truth) / sol.std(at)

    return jax.jit(lambda keys: jax.lax.map(one, keys))(jax.random.split(key, num))


def test_the_band_covers_draws_from_the_prior_in_a_square(key):
    scores = _draws_in_a_square(key, 200)
    assert 0.92 < float(jnp.mean(jnp.abs(scores) < 1.96)) < 0.98
    assert 0.85 < float(jnp.std(scores)) < 1.15
