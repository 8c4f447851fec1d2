"""Mixtures in space: flight, walls, diffusion of the light species, conservation, restarts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic, solve
from jaxsci.kinetic._heavy_transport import fly
from jaxsci.kinetic._reference_diffusion import FixedScatterers
from jaxsci.kinetic._tridiagonal import solve_bonds

GRID = kinetic.VelocityGrid(18, 5.8)
MIRRORS = (kinetic.Specular(), kinetic.Specular())
AP = kinetic.AsymptoticPreserving


def gases(positions, contrast, drift, collisions):
    """Both species, denser and of another temperature where `contrast` is larger."""
    cells = contrast(positions)
    fill = lambda n, u, warm: jnp.stack(
        [kinetic.maxwellian(GRID, 1 + n * c, u * c, 0.9 + warm * c) for c in cells]
    )
    light = kinetic.Species(GRID, fill(0.4, 0.0, 0.2), collisions)
    return light, kinetic.Species(GRID, fill(0.8, drift, -0.2), collisions)


def flow(epsilon, num_cells=8, end=0.05, contrast=None, walls=None, length=1.0, drift=0.1):
    x = (np.arange(num_cells) + 0.5) / num_cells * length
    step = lambda x: np.where(x % 1.0 < 0.5, 1.0, 0.0)
    both = gases(x, step if contrast is None else contrast, drift, kinetic.BGK(2.0))
    return kinetic.MixtureFlow(*both, epsilon, end, length, walls)


def test_flight_is_second_order_and_exact_for_a_whole_cell():
    errors = []
    for cells in (20, 40, 80):
        x = (np.arange(cells) + 0.5) / cells
        f = lambda s, x=x: 2 + np.sin(2 * np.pi * (x[:, None, None] - s * GRID.points[..., 0]))
        found = jnp.asarray(f(0.0))
        for _ in range(cells // 4):
            found = fly(GRID, found, jnp.asarray(0.9 / 5.8), None)
        time = (cells // 4) * 0.9 / 5.8 / cells
        errors.append(np.abs(np.asarray(found) - f(time)).mean())
    assert np.log2(errors[1] / errors[2]) > 1.8
    block = jnp.zeros((9, *GRID.shape)).at[4].set(1.0)
    fastest = float(GRID.axis[-1])
    moved = fly(GRID, block, jnp.asarray(1 / fastest), None)
    assert moved[5, -1, 0] == pytest.approx(1.0)
    assert float(jnp.min(moved)) >= 0.0


def test_chains_and_rings_of_bonds():
    key = np.random.default_rng(0)
    right = key.normal(size=(6, 2))
    for faces in (6, 7):
        bond = key.uniform(0.1, 3.0, (faces, 2))
        matrix = np.zeros((2, 6, 6)) + np.eye(6)
        for face in range(faces):
            pair = [(face - 1) % 6, face % 6] if faces == 6 else [face - 1, face]
            for i in pair:
                for j in pair:
                    if 0 <= i < 6 and 0 <= j < 6:
                        matrix[:, i, j] += bond[face] * (1 if i == j else -1)
        exact = np.stack([np.linalg.solve(matrix[k], right[:, k]) for k in range(2)], axis=1)
        found = solve_bonds(jnp.asarray(bond), jnp.asarray(right))
        np.testing.assert_allclose(found, exact, atol=1e-12)


@pytest.mark.parametrize("epsilon", [0.3, 1e-3, 1e-8])
def test_a_uniform_stream_of_one_temperature_stays(epsilon):
    cells = jnp.ones((4, 1, 1))
    light = kinetic.maxwellian(GRID, 1.0, jnp.asarray([0.4 * epsilon, 0.0]), 0.9)
    heavy = kinetic.maxwellian(GRID, 1.3, jnp.asarray([0.4, 0.0]), 0.9)
    species = (kinetic.Species(GRID, cells * f, kinetic.BGK()) for f in (light, heavy))
    found = solve(kinetic.MixtureFlow(*species, epsilon, 0.1), AP(4))
    small = 2e-6 + 5e-4 * epsilon**2  # collisions at the faces are linear in the drift
    np.testing.assert_allclose(found.value[0], cells * light, atol=small)
    np.testing.assert_allclose(found.value[1], cells * heavy, atol=small)
    np.testing.assert_allclose(found.drift, 0.0, atol=20 * small)


@pytest.mark.parametrize("epsilon", [0.3, 1e-2, 1e-6])
def test_light_waves_decay_as_the_exact_ones_do(epsilon):
    rate, many, size, end = 10.0, 1e6, 1e-3, 0.05
    exact = FixedScatterers(epsilon, 2 * np.pi, rate, 24)
    amplitudes = exact.moments(end) if epsilon > 1e-3 else exact.limit_moments(end)
    base = kinetic.maxwellian(GRID, 1.0, 0.0, 1.0)
    errors = []
    for cells, steps in ((8, 7), (16, 28)):
        wave = np.cos(2 * np.pi * (np.arange(cells) + 0.5) / cells)[:, None, None]
        light = kinetic.Species(GRID, (1 + size * wave) * base, kinetic.BGK(1e-30))
        heavy = kinetic.Species(GRID, many * base * jnp.ones_like(wave), kinetic.BGK())
        kernel = kinetic.VariableHardSphere(rate / many)
        found = solve(kinetic.MixtureFlow(light, heavy, epsilon, end, cross=kernel), AP(steps))
        n, energy = np.asarray(found.light.density[-1]), np.asarray(found.light.energy[-1])
        last = [(a - a.mean()) / size for a in (n, energy - n)]
        differences = [a - np.real(b) * wave.ravel() for a, b in zip(last, amplitudes)]
        errors.append([np.abs(difference).max() for difference in differences])
    assert np.all(np.log2(np.divide(*errors)) > 1.75), errors
    assert np.max(errors[1]) < 5e-3


@pytest.mark.parametrize("epsilon", [0.1, 1e-6])
def test_everything_is_kept_to_rounding_and_nothing_is_negative(epsilon):
    found = solve(flow(epsilon, 4), AP(4, limiter=True))
    assert set(found.defects) == {"light_mass", "heavy_mass", "energy", "momentum"}
    assert max(float(jnp.max(defect)) for defect in found.defects.values()) < 1e-13
    assert float(found.stats["min_value"]) >= 0.0
    assert min(float(jnp.min(f)) for f in found.value) >= 0.0
    moved = found.light.density[-1] - found.light.density[0]
    assert float(jnp.max(jnp.abs(moved))) > 0.05
    unlimited = solve(flow(epsilon, 4), AP(4))
    assert float(unlimited.stats["min_value"]) < 0.0


@pytest.mark.parametrize("epsilon", [0.2, 1e-6])
def test_a_mirror_is_the_other_half_of_a_symmetric_gas(epsilon):
    there = lambda x: np.where(x < 0.4, 1.0, 0.2)
    both = lambda x: there(np.minimum(x, 2 - x))
    half = solve(flow(epsilon, 5, 0.04, there, MIRRORS, drift=0.0), AP(4))
    whole = solve(flow(epsilon, 10, 0.04, both, length=2.0, drift=0.0), AP(4))
    assert set(half.defects) == {"light_mass", "heavy_mass", "energy"}
    assert max(float(jnp.max(defect)) for defect in half.defects.values()) < 1e-13
    for a, b in ((half.light, whole.light), (half.heavy, whole.heavy)):
        np.testing.assert_allclose(a.density, b.density[:, :5], rtol=1e-10)
        np.testing.assert_allclose(a.temperature, b.temperature[:, :5], rtol=1e-10)
    assert float(jnp.max(jnp.abs(half.heavy.velocity))) > 0.03


@pytest.mark.parametrize("epsilon", [0.2, 1e-6])
def test_diffuse_walls_warm_a_gas_and_let_nothing_through(epsilon):
    walls = (kinetic.Diffuse(1.1), kinetic.Diffuse(1.1, 0.2))
    flat = lambda x: 0.0 * x
    found = solve(flow(epsilon, 6, 0.2, flat, walls), AP(20))
    assert set(found.defects) == {"light_mass", "heavy_mass"}
    assert max(float(jnp.max(defect)) for defect in found.defects.values()) < 1e-13
    warm = found.light.temperature[-1]
    assert np.all(np.asarray(warm) > 0.9)
    assert np.all(np.asarray(warm) < 1.1)
    assert warm[0] > warm[2]
    assert warm[5] > warm[3]
    assert found.heavy.temperature[-1, 0] > found.heavy.temperature[-1, 2]
    assert found.heavy.velocity[-1, 5, 1] > 0.02  # dragged along by the moving wall
    np.testing.assert_allclose(found.heavy.velocity[-1, 0, 1], 0.0, atol=0.02)


@pytest.mark.parametrize("epsilon", [0.2, 1e-6])
def test_a_gas_at_rest_with_its_walls_stays(epsilon):
    walls = (kinetic.Diffuse(0.9), kinetic.Diffuse(0.9))
    found = solve(flow(epsilon, 6, 0.2, lambda x: 0.0 * x, walls), AP(20))
    for moments in (found.light, found.heavy):
        np.testing.assert_allclose(moments.temperature, 0.9, atol=1e-5)
        np.testing.assert_allclose(moments.velocity, 0.0, atol=1e-5)


def test_a_run_goes_on_from_its_end():
    whole = solve(flow(0.05, 4, 0.1), AP(8, store_every=4))
    first = solve(flow(0.05, 4, 0.05), AP(4))
    problem = flow(0.05, 4, 0.05).continued(first.value, 0.1, first.odd)
    second = solve(problem, AP(4))
    np.testing.assert_allclose(first.value[0], whole.stored[0][0], atol=1e-13)
    for a, b in zip(second.value, whole.value):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert float(second.times[-1]) == pytest.approx(0.1)


def test_one_program_for_every_mass_ratio_and_steps_that_do_not_shrink():
    epsilons = jnp.asarray([1e-5, 1e-6, 1e-7])

    def final(epsilon):
        found = solve(flow(epsilon, 4, 0.05), AP(4))
        return found.light.density[-1], found.heavy.velocity[-1]

    density, velocity = jax.jit(jax.vmap(final))(epsilons)
    assert np.isfinite(velocity).all()
    np.testing.assert_allclose(density[1], density[2], atol=1e-8)
    np.testing.assert_allclose(
        density[0], solve(flow(1e-5, 4), AP(4)).light.density[-1], rtol=1e-12
    )


def test_more_sweeps_shorten_the_lag_of_heat_conduction():
    """The heat flux of a stiff gas, against its value with many sweeps."""
    flux = lambda sweeps: solve(flow(1e-6, 4, 0.02), AP(1, sweeps=sweeps)).light.temperature[-1]
    exact = flux(12)
    lags = [float(jnp.max(jnp.abs(flux(sweeps) - exact))) for sweeps in (1, 4)]
    assert lags[1] < 0.3 * lags[0]


def test_the_residual_of_an_equilibrium_is_zero():
    problem = flow(0.2, 4, contrast=lambda x: 0.0 * x)
    zeros = jax.tree.map(jnp.zeros_like, (problem.light.distribution, problem.heavy.distribution))
    f = (problem.light.distribution, problem.heavy.distribution)
    for part in problem.residual(f, zeros, zeros):
        np.testing.assert_allclose(part, 0.0, atol=2e-3)
    slope = jnp.ones_like(f[0])
    moved = problem.residual(f, zeros, (slope, zeros[1]))[0]
    flight = np.broadcast_to(np.asarray(GRID.points[..., 0]) / 0.2, moved.shape)
    np.testing.assert_allclose(moved, flight, atol=2e-3)
