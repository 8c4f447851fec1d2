"""Mixtures of disparate mass: exact moments, the limit, conservation, entropy, restarts."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic, solve
from jaxsci.kinetic._reference import MaxwellMixture, friction, hard_sphere_limit
from jaxsci.kinetic._solution import decay_time

GRID = kinetic.VelocityGrid(32, 8.0)
METHOD = kinetic.AsymptoticPreserving(10, store_every=5)  # one compiled program for most tests


def bimodal(density, first, second, temperatures):
    one = kinetic.maxwellian(GRID, 0.6 * density, jnp.asarray(first), temperatures[0])
    return one + kinetic.maxwellian(GRID, 0.4 * density, jnp.asarray(second), temperatures[1])


LIGHT = bimodal(1.0, [0.8, 0.2], [-0.6, 0.3], (0.8, 0.9))
HEAVY = bimodal(1.5, [0.5, -0.2], [-0.3, 0.4], (0.6, 0.7))


def mixture(epsilon, end=1.0, exponent=0.0, constant=1.0):
    kernel = kinetic.VariableHardSphere(1.0, exponent)
    light, heavy = (kinetic.Species(GRID, f, kinetic.Boltzmann(kernel)) for f in (LIGHT, HEAVY))
    cross = kinetic.VariableHardSphere(constant, exponent)
    return kinetic.DisparateMassMixture(light, heavy, epsilon, end, cross)


def reference(epsilon):
    both = [kinetic.moments(GRID, f) for f in (LIGHT, HEAVY)]
    return MaxwellMixture(
        epsilon,
        (1.0, 1.5),
        tuple(np.asarray(m.velocity) for m in both),
        tuple(np.asarray(m.stress / m.density) for m in both),
    )


def through(problem, *ends):
    """Ten steps to each of the times, one after the other."""
    found = [solve(eqx.tree_at(lambda p: p.end, problem, jnp.asarray(ends[0])), METHOD)]
    for before, end in itertools.pairwise(ends):
        problem = eqx.tree_at(lambda p: p.end, problem, jnp.asarray(before))
        problem = problem.continued(found[-1].value, end)
        found.append(solve(problem, METHOD))
    return found


@pytest.mark.parametrize("epsilon", [1e-1, 1e-3, 1e-8])
def test_maxwell_molecules_are_exact_at_every_mass_ratio(epsilon):
    exact = reference(epsilon)
    first, second = through(mixture(epsilon), 0.5, 1.0)
    for found in (first, second):
        temperatures = [exact.temperature(float(t)) for t in found.times]
        both = np.stack([found.light.temperature, found.heavy.temperature], axis=-1)
        np.testing.assert_allclose(both, temperatures, atol=1e-10)
        velocities = [exact.velocity(float(t))[0] for t in found.times]
        np.testing.assert_allclose(found.light.velocity, velocities, atol=1e-7)
        assert set(found.defects) == {"light_mass", "heavy_mass", "momentum", "energy"}
        assert max(float(jnp.max(defect)) for defect in found.defects.values()) < 1e-13
    assert np.abs(second.drift[-1]).max() < 1e-7 * epsilon + 1e-15
    light, heavy = (np.abs(f - kinetic.equilibrium(GRID, f)).max() for f in second.value)
    assert light < 1e-8
    assert heavy < (1e-5 if epsilon == 0.1 else 1e-8)  # at 0.1 it is still on its way


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_limit_equations_are_met_to_first_order(exponent):
    problem = mixture(1e-8, 0.5, exponent)
    limit = np.array(solve(problem, kinetic.LimitEquations(10)).value)
    found = [through(problem, 0.5)[-1], through(problem, 0.25, 0.5)[-1]]
    last = [np.array([s.light.temperature[-1], s.heavy.temperature[-1]]) for s in found]
    errors = [np.abs(temperatures - limit).max() for temperatures in last]
    assert abs(np.log2(errors[0] / errors[1]) - 1) < 0.1
    assert errors[1] < 3e-4


def test_hard_spheres_have_a_limit_in_closed_form():
    problem = mixture(1e-3, 1.0, 1.0, 0.7)
    found = solve(problem, kinetic.LimitEquations(10))
    start = tuple(float(history[0]) for history in found.temperatures)
    exact = hard_sphere_limit(np.asarray(found.times), start, (1.0, 1.5), 0.7, 2)
    np.testing.assert_allclose(found.temperatures, exact, rtol=1e-8)
    drift = np.sum(np.asarray(kinetic.fluid_moments(GRID, LIGHT)[1]) ** 2) / 2
    assert start[0] == pytest.approx(float(kinetic.fluid_moments(GRID, LIGHT)[2]) + drift)


@pytest.mark.parametrize("epsilon", [1e-1, 1e-2])
def test_the_entropy_never_rises_and_the_three_time_scales_come_apart(epsilon):
    ends = epsilon**2 * np.geomspace(0.1, 4 / epsilon**2, 5 if epsilon == 0.1 else 8)
    parts = through(mixture(epsilon), *ends)
    join = lambda pick: jnp.concatenate([pick(part)[bool(i) :] for i, part in enumerate(parts)])
    assert float(jnp.max(jnp.diff(join(lambda part: part.entropy)))) < 1e-12
    times = join(lambda part: part.times)
    scale = lambda pick: decay_time(times, join(pick))
    light, heavy = (scale(lambda p, n=n: getattr(p, n).anisotropy) for n in ("light", "heavy"))
    temperature = scale(lambda p: jnp.abs(p.light.temperature - p.heavy.temperature))
    # rates: n_H + n_L / 2 of light stress, n_H / 2 + O(eps) of heavy stress, 2 (n_L + n_H)
    assert 0.8 < light / (epsilon**2 / 2.0) < 1.3
    assert 0.6 < heavy / (epsilon / 0.75) < 1.3
    assert 0.8 < temperature / 0.2 < 1.3


def test_kernel_averages_on_a_maxwellian():
    """The trap: a Cartesian sum misses the kink and leads to a wrong limit, uniformly."""
    from jaxsci.kinetic._profile import kernel_averages, profile_tables, spherical_profile

    grid = kinetic.VelocityGrid(32, 7.5)
    center = jnp.asarray([0.1, -0.05])
    profile = spherical_profile(
        grid, profile_tables(grid, 48), kinetic.maxwellian(grid, 1.3, center, 0.9), center
    )
    for exponent in (0.0, 0.3, 0.5, 1.0):
        found = kernel_averages(profile, kinetic.VariableHardSphere(0.8, exponent))
        exact = friction(0.9, 0.8, exponent, 2)
        np.testing.assert_allclose([found.friction, found.heating], exact, rtol=1e-7)


def test_a_run_can_be_continued_from_a_stored_state():
    problem = mixture(1e-2)
    whole = solve(problem, METHOD)
    assert whole.stored[0].shape == (2, *GRID.shape)
    np.testing.assert_allclose(whole.stored_times, [0.5, 1.0])
    stored = jax.tree.map(lambda x: x[0], whole.stored)
    half = eqx.tree_at(lambda p: p.end, problem, jnp.asarray(0.5))
    later = solve(half.continued(stored, 1.5), METHOD)
    np.testing.assert_allclose(later.times[5], 1.0)
    for again, before in zip(later.stored, whole.value):
        np.testing.assert_allclose(again[0], before, atol=1e-14)


def test_cells_side_by_side_with_the_limiter():
    step = kinetic.mixture_step(mixture(1e-3), kinetic.CollisionQuadrature(), limiter=True)
    batch = eqx.filter_jit(jax.vmap(step, (0, 0, None)))
    cells = [jnp.stack([f, 0.5 * f]) for f in (LIGHT, HEAVY)]
    time = jnp.asarray(0.1)
    found, turned = batch(*cells, time), batch(*(f[::-1] for f in cells), time)
    for f, g, grown in zip(found, turned, cells):
        np.testing.assert_allclose(f, g[::-1], atol=1e-15)
        assert float(f.min()) >= 0
        np.testing.assert_allclose(f.sum(axis=(1, 2)), grown.sum(axis=(1, 2)), rtol=1e-13)
    plain = solve(mixture(1e-3), METHOD).stored[0]  # without the limiter
    assert min(float(f.min()) for f in plain) < 0


DIRECT = kinetic.DirectExplicit(2, cross_quadrature=kinetic.CollisionQuadrature(20, 10))


@pytest.fixture(scope="module")
def direct():
    """A moderate mass ratio, a short time."""
    return solve(mixture(0.5, 0.1), DIRECT)


def test_the_full_operators_reproduce_the_exact_moments(direct):
    exact = reference(0.5)
    light, heavy = direct.light, direct.heavy
    temperatures = light.temperature[-1], heavy.temperature[-1]
    np.testing.assert_allclose(temperatures, exact.temperature(0.1), atol=2e-5)
    velocities = light.velocity[-1], heavy.velocity[-1]
    np.testing.assert_allclose(velocities, exact.velocity(0.1), atol=2e-5)
    for species, stress in zip((light, heavy), exact.traceless(0.1)):
        covariance = species.stress[-1] / species.density[-1]
        found = covariance - species.temperature[-1] * np.eye(2)
        np.testing.assert_allclose(found, stress, atol=1e-4)
    assert float(direct.stats["conservation"]) < 1e-13


def test_the_residual_sees_a_wrong_rate(direct):
    problem = mixture(0.5, 0.2)
    zero = problem.residual((LIGHT, HEAVY), (jnp.zeros_like(LIGHT), jnp.zeros_like(HEAVY)))
    rates = tuple(-r for r in zero)
    again = problem.residual((LIGHT, HEAVY), rates)
    assert max(float(jnp.abs(r).max()) for r in again) < 1e-14
    short = solve(mixture(0.5, 1e-3), DIRECT)
    slope = (short.value[0] - LIGHT) / 1e-3
    np.testing.assert_allclose(slope, rates[0], atol=5e-3)
    assert float(jnp.abs(rates[0]).max()) > 0.1
