"""A mixture in three velocity dimensions."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic, solve
from jaxsci.kinetic._reference import MaxwellMixture


@pytest.fixture(scope="module")
def mixture():
    grid = kinetic.VelocityGrid(18, 5.6, 3)
    drift = jnp.asarray([0.4, -0.2, 0.1])
    light = kinetic.maxwellian(grid, 1.0, drift, 0.8)
    heavy = kinetic.maxwellian(grid, 1.5, -0.5 * drift, 0.6)
    return kinetic.DisparateMassMixture(
        kinetic.Species(grid, light), kinetic.Species(grid, heavy, kinetic.BGK()), 0.05, 0.4
    )


def test_temperatures_are_exact_and_invariants_kept(mixture):
    method = kinetic.AsymptoticPreserving(4, quadrature=kinetic.CollisionQuadrature(6, 4))
    found = solve(mixture, method)
    both = [found.light, found.heavy]
    exact = MaxwellMixture(
        0.05,
        (1.0, 1.5),
        tuple(np.asarray(m.velocity[0]) for m in both),
        tuple(np.asarray(m.stress[0] / m.density[0]) for m in both),
    )
    temperatures = np.stack([m.temperature for m in both], axis=-1)
    expected = [exact.temperature(float(t)) for t in found.times]
    np.testing.assert_allclose(temperatures, expected, atol=1e-9)
    assert float(found.stats["conservation"]) < 1e-13
    equilibrium = kinetic.equilibrium(mixture.light.grid, found.value[0])
    np.testing.assert_allclose(found.value[0], equilibrium, atol=1e-6)
