"""Velocity grids, moments, the conservative correction, quadrature for kinked kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gamma, gammainc

from jaxsci import kinetic
from jaxsci.kinetic._radial import directions, even_analysis, even_values, power_weights, radii

INVARIANTS = jax.jit(kinetic.collision_invariants)
DIMS = pytest.mark.parametrize("dim", [2, 3])


def skewed(grid):
    """Two drifting Maxwellians."""
    first = kinetic.maxwellian(grid, 0.7, 0.8, 0.9)
    return first + kinetic.maxwellian(grid, 0.5, -0.5, 1.2)


@DIMS
def test_moments_of_a_maxwellian(dim):
    grid = kinetic.VelocityGrid(24, 7.0, dim)
    u = jnp.asarray([0.3, -0.2, 0.1][:dim])
    found = jax.jit(kinetic.moments)(grid, kinetic.maxwellian(grid, 1.3, u, 0.8))
    np.testing.assert_allclose(found.density, 1.3, rtol=1e-12)
    np.testing.assert_allclose(found.velocity, u, atol=1e-10)
    np.testing.assert_allclose(found.temperature, 0.8, rtol=1e-8)
    np.testing.assert_allclose(found.stress, 1.3 * 0.8 * np.eye(dim), atol=1e-8)
    np.testing.assert_allclose(found.heat_flux, 0, atol=1e-7)
    entropy = 1.3 * (np.log(1.3) - dim / 2 * (np.log(2 * np.pi * 0.8) + 1))
    np.testing.assert_allclose(found.entropy, entropy, rtol=1e-8)
    np.testing.assert_allclose(found.energy, 0.65 * (u @ u + dim * 0.8), rtol=1e-8)
    mass, momentum, energy = kinetic.collision_invariants(grid, kinetic.maxwellian(grid, 1, u, 1))
    np.testing.assert_allclose([mass, energy], [1, (u @ u + dim) / 2], rtol=1e-6)
    np.testing.assert_allclose(momentum, u, rtol=1e-6)


@DIMS
def test_the_correction_meets_what_is_asked_to_rounding(dim):
    grid = kinetic.VelocityGrid(16, 7.0, dim)
    f = skewed(grid)
    broken = f * (1 + 1e-3 * jnp.sin(jnp.sum(grid.points, axis=-1) + 0.3))
    mended = jax.jit(kinetic.restore)(grid, broken, f)
    for asked, found in zip(INVARIANTS(grid, f), INVARIANTS(grid, mended)):
        np.testing.assert_allclose(found, asked, rtol=2e-14, atol=2e-14)
    assert float(jnp.abs(broken - f).max()) > 1e-5  # there was something to mend


def test_the_limiter_cuts_what_is_negative_and_keeps_the_invariants():
    grid = kinetic.VelocityGrid(24, 8.0)
    f = skewed(grid) - 1e-8
    assert f.min() < 0
    limited = jax.jit(kinetic.limit_positive)(grid, f)
    assert limited.min() == 0
    for asked, found in zip(INVARIANTS(grid, f), INVARIANTS(grid, limited)):
        np.testing.assert_allclose(found, asked, rtol=1e-13, atol=1e-13)


@DIMS
@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.5, 1.0, 2.0])
def test_powers_of_the_speed_are_integrated_through_their_kink(dim, exponent):
    p = (dim + exponent) / 2
    exact = 0.5 * 20**-p * gammainc(p, 20) * gamma(p)
    weights = power_weights(24, dim, exponent, jnp.float64)
    errors = weights @ np.exp(-20 * radii(24, dim) ** 2) / exact - 1
    assert abs(errors) < 1e-9  # a sum over a Cartesian grid is wrong by 1e-3 here


def test_the_radial_weights_are_differentiable_at_maxwell_molecules():
    values = np.exp(-9 * radii(16, 2) ** 2)
    total = jax.jit(lambda exponent: power_weights(16, 2, exponent, jnp.float64) @ values)
    slope = (total(1e-4) - total(-1e-4)) / 2e-4
    np.testing.assert_allclose(jax.grad(total)(0.0), slope, rtol=1e-7)


@DIMS
def test_radial_functions_are_interpolated(dim):
    nodes, t = radii(32, dim), jnp.linspace(0, 1, 7)
    coefficients = even_analysis(32, dim) @ np.exp(-20 * nodes**2)
    found = even_values(jnp.asarray(coefficients), t, dim)
    np.testing.assert_allclose(found, np.exp(-20 * t), atol=1e-13)


@DIMS
@pytest.mark.parametrize("half", [True, False])
def test_directions_integrate_harmonics(dim, half):
    s, weights = directions(4, dim, half)
    np.testing.assert_allclose(weights.sum(), 2 * np.pi * (dim - 1), rtol=1e-14)
    x = np.array([0.3, -0.5, 0.4])[:dim]
    second = weights @ (s @ x) ** 2 / weights.sum()
    np.testing.assert_allclose(second, x @ x / dim, rtol=1e-13)
    fourth = weights @ (s @ x) ** 4 / weights.sum()
    np.testing.assert_allclose(fourth, 3 * (x @ x) ** 2 / (dim * (dim + 2)), rtol=1e-13)


@DIMS
def test_the_interpolant_is_the_function_between_the_points(dim):
    grid = kinetic.VelocityGrid(24, 7.0, dim)
    u = jnp.asarray([0.2, -0.1, 0.3])[:dim]
    field = grid.interpolant(kinetic.maxwellian(grid, 1.0, u, 1.0))
    at = jnp.asarray([0.37, -1.21, 0.5])[:dim]
    exact = (2 * np.pi) ** (-dim / 2) * np.exp(-np.sum((at - u) ** 2) / 2)
    np.testing.assert_allclose(field(at), exact, atol=1e-6)
    np.testing.assert_allclose(
        jax.jit(jax.grad(lambda v: field(v)))(at), -(at - u) * exact, atol=1e-5
    )
