"""The fast spectral operator against exact solutions and exact exchange rates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic
from jaxsci.kinetic._reference import bkw, friction

OPERATOR = jax.jit(kinetic.boltzmann)


@functools.cache
def tables(num, dim, radii, angles, mass_ratio=1.0):
    quadrature = kinetic.CollisionQuadrature(radii, angles)
    return kinetic.spectral_tables(kinetic.VelocityGrid(num, 1.0, dim), quadrature, mass_ratio)


def bkw_error(num, width, radii, angles, time, dim):
    grid = kinetic.VelocityGrid(num, width, dim)
    f, rate = bkw(np.sum(np.asarray(grid.points) ** 2, axis=-1), time, dim)
    found = OPERATOR(grid, kinetic.VariableHardSphere(), tables(num, dim, radii, angles), f)
    return float(jnp.abs(found - rate).max())


def test_bkw_in_two_dimensions_converges_spectrally():
    errors = [
        bkw_error(24, 6.0, 12, 8, 1.0, 2),
        bkw_error(32, 7.0, 16, 8, 1.0, 2),
        bkw_error(48, 9.0, 24, 12, 1.0, 2),
    ]
    assert errors[1] < 5e-6
    assert errors[2] < 5e-8
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_bkw_in_three_dimensions():
    assert bkw_error(16, 5.5, 8, 4, 1.0, 3) < 1e-3
    assert bkw_error(24, 6.0, 12, 4, 1.0, 3) < 5e-5


def stress_rate(kernel, num, width, radii, angles, dim):
    """Decay of the stress of a slightly stretched Maxwellian, and the change of the invariants."""
    grid = kinetic.VelocityGrid(num, width, dim)
    v = grid.points
    f = kinetic.maxwellian(grid, 1.0, 0.0, 1.0) * (1 + 0.1 * (v[..., 0] ** 2 - v[..., 1] ** 2))
    rate = OPERATOR(grid, kernel, tables(num, dim, radii, angles), f)
    shear = lambda x: float(grid.integrate(x * (v[..., 0] ** 2 - v[..., 1] ** 2)))
    return -shear(rate) / shear(f), kinetic.collision_invariants(grid, rate)


@pytest.mark.parametrize("softness", [1.0, 2.0, 2.5])
def test_soft_spheres_relax_stress_at_the_rate_of_their_viscosity(softness):
    kernel = kinetic.VariableSoftSphere(1.0, 0.0, softness)
    rate, (mass, momentum, energy) = stress_rate(kernel, 32, 7.0, 16, 8, 2)
    mean_square_sine = (2 * softness - 1) / (softness * (softness + 1))
    np.testing.assert_allclose([mass, *momentum, energy], 0, atol=3e-5)
    isotropic, _ = stress_rate(kinetic.VariableHardSphere(), 32, 7.0, 16, 8, 2)
    np.testing.assert_allclose(isotropic, 0.5, rtol=1e-3)  # what the box cuts off, for both
    # a power of the half angle that is no polynomial is not resolved to all digits by 16 angles
    np.testing.assert_allclose(
        rate / isotropic, 2 * mean_square_sine, rtol=1e-6 if softness < 2.2 else 1e-4
    )


def test_hard_and_soft_spheres_agree_where_they_are_the_same():
    hard, _ = stress_rate(kinetic.VariableHardSphere(0.7, 1.0), 24, 6.0, 12, 8, 2)
    soft, _ = stress_rate(kinetic.VariableSoftSphere(0.7, 1.0, 1.0), 24, 6.0, 12, 8, 2)
    np.testing.assert_allclose(soft, hard, rtol=1e-5)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_a_maxwellian_of_any_kernel_is_at_rest(exponent):
    grid = kinetic.VelocityGrid(32, 7.0)
    kernel = kinetic.VariableHardSphere(1.0, exponent)
    f = kinetic.maxwellian(grid, 1.0, 0.2, 0.9)
    assert float(jnp.abs(OPERATOR(grid, kernel, tables(32, 2, 16, 8), f)).max()) < 2e-6


def test_unequal_masses_exchange_momentum_and_energy_at_the_exact_rate():
    """Maxwell molecules: force $-aC nn'g$, heating as in `MaxwellMixture` with unscaled masses."""
    grid, ratio = kinetic.VelocityGrid(40, 7.5), 4.0
    light = kinetic.maxwellian(grid, 1.0, jnp.asarray([0.5, 0.0]), 1.2)
    heavy = kinetic.maxwellian(grid, 1.5, jnp.asarray([-0.2, 0.1]), 0.6)
    kernel = kinetic.VariableHardSphere(0.8, 0.0)
    there = OPERATOR(grid, kernel, tables(40, 2, 20, 10, ratio), light, heavy)
    back = OPERATOR(grid, kernel, tables(40, 2, 20, 10, 1 / ratio), heavy, light)
    mass, momentum, energy = kinetic.collision_invariants(grid, there)
    _, momentum_back, energy_back = kinetic.collision_invariants(grid, back)
    a, g = ratio / (1 + ratio), np.array([0.7, -0.1])
    np.testing.assert_allclose(momentum, -a * 0.8 * 1.5 * g, rtol=2e-5)
    np.testing.assert_allclose(ratio * momentum_back, -momentum, rtol=2e-5)
    center = (np.array([0.5, 0.0]) + ratio * np.array([-0.2, 0.1])) / (1 + ratio)
    heat = 2 * (1.2 - ratio * 0.6) / (1 + ratio)  # V.g has this mean besides that of the drifts
    expected = -0.8 * 1.5 * a * (center @ g + heat)
    np.testing.assert_allclose(energy, expected, rtol=2e-5)
    np.testing.assert_allclose(ratio * energy_back, -energy, rtol=2e-5)
    np.testing.assert_allclose(mass, 0, atol=1e-7)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_collision_rate_of_a_maxwellian(exponent):
    """At rest in the gas: $C\\langle|v|^\\gamma\\rangle$, here from the friction coefficient."""
    grid = kinetic.VelocityGrid(32, 7.0)
    kernel = kinetic.VariableHardSphere(0.9, exponent)
    f = kinetic.maxwellian(grid, 1.3, 0.0, 1.0)
    rate = jax.jit(kinetic.collision_rate)(grid, kernel, tables(32, 2, 16, 8), f)
    exact = 1.3 * friction(1.0, 0.9, exponent, 2) * 2 / (2 + exponent)
    np.testing.assert_allclose(grid.interpolant(rate)(jnp.zeros(2)), exact, rtol=2e-5)
