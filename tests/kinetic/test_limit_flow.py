"""The limit in space: coefficients, conservation, waves, a shock tube, walls, derivatives."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import refusals
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import gamma as gamma_function
from transform_cases import FAST_COMPILE

from jaxsci import RESULTS, kinetic, solve
from jaxsci.kinetic._limit_diffusion import solve_cyclic
from jaxsci.kinetic._transport_coefficients import SonineTransport, cross_matrix, own_matrix

GRID = kinetic.VelocityGrid(16, 6.0)
CELLS, STEPS = 16, 20  # one compiled program for most tests
EXPONENT = 0.5  # of the kernel of small waves
OWN, CROSS = 0.7, 1.3  # rates of BGK collisions within the light species, and of the cross kernel


def centres(cells):
    return (np.arange(cells) + 0.5) / cells


@functools.cache
def program(steps):
    run = lambda problem: solve(problem, kinetic.LimitEquations(steps), throw=False)
    return jax.jit(run, compiler_options=FAST_COMPILE)


def solved(problem, steps=STEPS):
    found = program(steps)(problem)
    assert found.result == RESULTS.successful
    return found


def maxwellians(density, velocity, temperature):
    velocity = jnp.zeros((density.shape[0], 2)) + velocity
    make = jax.vmap(functools.partial(kinetic.maxwellian, GRID))
    return make(jnp.asarray(density), velocity, jnp.asarray(temperature))


def flow(
    n, m, velocity, warm, cold, end, walls=None, drift=0.0, exponent=0.0, constant=CROSS, **options
):
    light = kinetic.Species(GRID, maxwellians(n, drift, warm), kinetic.BGK(OWN))
    heavy = kinetic.Species(GRID, maxwellians(m, velocity, cold), kinetic.BGK())
    cross = kinetic.VariableHardSphere(constant, exponent)
    return kinetic.MixtureFlow(light, heavy, 1e-3, end, 1.0, walls, cross, **options)


def waves(cells=CELLS, end=0.2, exponent=0.0, walls=None, size=0.2):
    s, c = (size * f(2 * np.pi * centres(cells)) for f in (np.sin, np.cos))
    velocity = np.stack([c, s - 0.1], axis=-1)
    return flow(1 + s, 1.2 + c, velocity, 1 + c / 2, 0.9 + s / 4, end, walls, exponent=exponent)


@functools.partial(jax.jit, static_argnums=(2, 3), compiler_options=FAST_COMPILE)
def coefficients(state, exponent, dim, num=4, own=0.0, constant=CROSS):
    """Of a Lorentz gas, or with the matrix of own collisions, at $(n, m, T)$."""
    delta = jnp.asarray(exponent / 2)
    matrix = constant * 2**delta * cross_matrix(delta, num, dim)
    transport = SonineTransport(matrix, own + 0 * matrix, delta, jnp.zeros_like(delta), dim)
    return jnp.stack(transport(*jnp.asarray(state)))


@functools.partial(jax.jit, static_argnums=2, compiler_options=FAST_COMPILE)
def own_rates(species, temperature, num=4):
    return own_matrix(species, temperature, num, kinetic.CollisionQuadrature())


@pytest.mark.parametrize("dim", [2, 3])
def test_maxwell_molecules_diffuse_with_the_known_coefficients(dim):
    state = (0.8, 1.7, 1.2)
    found = coefficients(state, 0.0, dim)
    assert np.allclose(found, [1 / (1.7 * CROSS), 0, (1 + dim / 2) / (1.7 * CROSS)], rtol=1e-13)
    grid = kinetic.VelocityGrid(24, 7.0, dim)
    f = kinetic.maxwellian(grid, 1.0, 0.0, 1.0)
    heat = [(kinetic.BGK(OWN), OWN), (kinetic.FokkerPlanck(OWN), 3 * OWN)]
    if dim == 2:  # half of the rate 1/2 of the stress; in 3-D two thirds
        heat.append((kinetic.Boltzmann(kinetic.VariableHardSphere()), 0.25))
    for collisions, rate in heat:
        own = own_rates(kinetic.Species(grid, f, collisions), 1.0)
        with_own = coefficients(state, 0.0, dim, 4, own)
        assert np.isclose(with_own[0], found[0], rtol=1e-13)  # momentum stays
        assert np.isclose(with_own[2], (1 + dim / 2) / (1.7 * CROSS + 0.8 * rate), rtol=2e-5)


def test_a_lorentz_gas_of_hard_spheres_is_met_with_more_polynomials():
    """Without own collisions the distribution is known: a division by the rate."""
    shape = lambda z, j, k: z**0.5 * np.exp(-z) * (z - 2) ** (j + k) / np.sqrt(2) / CROSS
    exact = [quad(shape, 0, np.inf, args=pair)[0] for pair in ((0, 0), (0, 1), (1, 1))]
    found = [np.array(coefficients((1.0, 1.0, 1.0), 1.0, 2, num)) for num in (2, 4, 8)]
    errors = [np.abs(each - exact).max() / exact[0] for each in found]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.05  # algebraic: the exact one is singular at rest


def test_own_collisions_scale_with_the_temperature():
    grid = kinetic.VelocityGrid(24, 7.0)
    f = kinetic.maxwellian(grid, 1.0, 0.0, 1.0)
    hard = kinetic.Boltzmann(kinetic.VariableHardSphere(1.0, 1.0))
    for collisions in (hard, kinetic.FokkerPlanck(), kinetic.Landau(1.0, -2.0)):
        species = kinetic.Species(grid, f, collisions)
        one, two = (own_rates(species, scale, 3) for scale in (1.0, 2.0))
        assert np.allclose(two, one * 2.0**collisions.temperature_exponent, rtol=1e-10)
        assert np.linalg.eigvalsh(one[1:, 1:]).min() > 0


def test_the_cyclic_solver_against_a_dense_matrix():
    random = np.random.default_rng(0)
    lower, upper = (jnp.asarray(random.normal(size=(5, 2, 2))) for _ in range(2))
    diagonal = jnp.asarray(random.normal(size=(5, 2, 2))) + 8 * jnp.eye(2)
    right = jnp.asarray(random.normal(size=(5, 2)))
    dense = np.zeros((5, 2, 5, 2))
    for i in range(5):
        for block, j in ((lower, i - 1), (diagonal, i), (upper, i + 1)):
            dense[i, :, j % 5] += block[i]
    exact = np.linalg.solve(dense.reshape(10, 10), np.ravel(right)).reshape(5, 2)
    fast = jax.jit(solve_cyclic, compiler_options=FAST_COMPILE)
    assert np.allclose(fast(lower, diagonal, upper, right), exact, rtol=1e-12)


def test_a_periodic_flow_keeps_everything():
    found = solved(waves())
    assert found.velocity.shape == (STEPS + 1, CELLS, 2)
    for name, defect in found.defects.items():
        assert defect.max() < 1e-12, name
    assert found.stats["conservation"] < 1e-12
    assert np.abs(found.value[0][0] - found.densities[0][0]).max() > 0.01  # and it moves


def test_three_velocity_components_are_kept_too():
    grid, x = kinetic.VelocityGrid(16, 6.0, 3), 0.2 * np.sin(2 * np.pi * centres(4))
    make = jax.vmap(functools.partial(kinetic.maxwellian, grid))
    light = make(jnp.asarray(1 + x), jnp.zeros((4, 3)), jnp.asarray(1 + x / 2))
    heavy = make(jnp.asarray(1.3 - x), jnp.asarray(np.stack([x, -x, x], -1)), jnp.ones(4))
    both = (kinetic.Species(grid, f, kinetic.BGK(OWN)) for f in (light, heavy))
    found = solved(kinetic.MixtureFlow(*both, 1e-3, 0.2, cross=kinetic.VariableHardSphere()))
    assert max(defect.max() for defect in found.defects.values()) < 1e-12
    moved = [np.abs(f[-1] - f[0]).max() for f in (*found.densities, *found.temperatures)]
    assert min(moved) > 1e-3


def linearised(k, n, m, constant, transport):
    """Rates of the amplitudes of $e^{ikx}$ in $(n, m, u_1, T, \\theta)$ about rest at $T = 1$."""
    a, b, c = np.array(transport)
    slope = 1j * k
    eye = np.eye(5, dtype=complex)
    pressure, heavy = n * eye[3] + eye[0], m * eye[4] + eye[1]
    flux = -slope * (a * pressure + n * b * eye[3])
    heat = 2 * flux - slope * (b * pressure + n * c * eye[3])
    friction = (
        (2 + EXPONENT) / 2 * constant * 2 ** (EXPONENT / 2) * gamma_function(1 + EXPONENT / 2)
    )
    exchange = 2 * n * m * friction * (eye[3] - eye[4])
    density = -slope * (n * eye[2] + flux)
    energy = -slope * (2 * n * eye[2] + heat) - exchange
    velocity = -slope * (pressure + heavy) / m
    cold = -slope * eye[2] + exchange / m
    return np.stack([density, -slope * m * eye[2], velocity, (energy - density) / n, cold])


@pytest.mark.parametrize(
    ("m", "constant", "end", "amplitudes"),
    [(1.5, 1.3, 0.2, (1.0, 0.5, 0.8j, -0.6, 0.4j)), (100.0, 0.02, 0.05, (1.0, 0, 0, 0, 0))],
    ids=["acoustics", "diffusion"],
)
def test_small_waves_are_met_to_second_order(m, constant, end, amplitudes):
    n, k, errors = 1.0, 2 * np.pi, []
    start = 1e-5 * np.array(amplitudes, complex)
    for cells in (CELLS, 2 * CELLS):
        phase = np.exp(1j * k * centres(cells))
        wave = lambda z, phase=phase: np.real(z * phase)
        fields = [base + wave(z) for base, z in zip((n, m, 0, 1, 1), start)]
        velocity = np.stack([fields[2], np.zeros(cells)], axis=-1)
        problem = flow(
            *fields[:2], velocity, *fields[3:], end, exponent=EXPONENT, constant=constant
        )
        (light, heavy), u, (warm, cold) = solved(problem, STEPS * cells // CELLS).value
        transport = coefficients(
            (n, m, 1.0), EXPONENT, 2, 4, own_rates(problem.light, 1.0), constant
        )
        after = expm(end * linearised(k, n, m, constant, transport)) @ start
        pairs = zip((light, heavy, u[:, 0], warm, cold), after)  # means differ by the tails
        errors.append(max(np.abs(f - f.mean() - wave(z)).mean() for f, z in pairs) / 1e-5)
    assert errors[1] < 0.02
    assert np.log2(errors[0] / errors[1]) > 1.5


def test_a_uniform_flow_follows_the_homogeneous_limit():
    full = np.ones(CELLS)
    drift, velocity = jnp.asarray([0.4, 0.2]), jnp.asarray([0.3, -0.2])
    problem = flow(full, 1.5 * full, velocity, 1.1 * full, 0.8 * full, 0.4, drift=drift)
    light, heavy = (
        kinetic.Species(s.grid, s.distribution[0], s.collisions)
        for s in (problem.light, problem.heavy)
    )
    mixture = kinetic.DisparateMassMixture(light, heavy, 1e-3, 0.4, problem.cross)
    exact = solve(mixture, kinetic.LimitEquations(STEPS))
    found = solved(problem)
    for here, there in zip(found.temperatures, exact.temperatures):
        assert np.abs(here - there[:, None]).max() < 1e-10  # both are exact enough for constant k
    assert np.allclose(found.velocity, velocity, atol=1e-14)


def riemann(x, left, right, ratio):
    """Density, velocity, pressure of the Euler equations at $x/t$, for subsonic middle states."""

    def branch(p, state):
        density, _, pressure = state
        sound = np.sqrt(ratio * pressure / density)
        if p <= pressure:
            return 2 * sound / (ratio - 1) * ((p / pressure) ** ((ratio - 1) / (2 * ratio)) - 1)
        low = (ratio - 1) / (ratio + 1) * pressure
        return (p - pressure) * np.sqrt(2 / (ratio + 1) / density / (p + low))

    p = brentq(lambda p: branch(p, left) + branch(p, right) + right[1] - left[1], 1e-6, 10)
    u = left[1] - branch(p, left)
    sound, share = np.sqrt(ratio * left[2] / left[0]), (ratio - 1) / (ratio + 1)
    behind = left[0] * (p / left[2]) ** (1 / ratio)
    tail = u - np.sqrt(ratio * p / behind)
    inside = (2 * sound + (ratio - 1) * (left[1] - x)) / (ratio + 1) + 0 * x
    fan = left[0] * (inside / sound) ** (2 / (ratio - 1))
    speed = 2 / (ratio + 1) * (sound + (ratio - 1) / 2 * left[1] + x)
    strength = p / right[2]
    shocked = right[0] * (strength + share) / (share * strength + 1)
    shock = right[1] + np.sqrt(ratio * right[2] / right[0]) * np.sqrt(
        ((ratio + 1) * strength + ratio - 1) / (2 * ratio)
    )
    where = [x < left[1] - sound, x < tail, x < u, x < shock]
    return np.array(
        [
            np.select(where, [a, b, c, d], e)
            for a, b, c, d, e in (
                (left[0], fan, behind, shocked, right[0]),
                (left[1], speed, u, u, right[1]),
                (left[2], left[2] * (fan / left[0]) ** ratio, p, p, right[2]),
            )
        ]
    )


def test_a_shock_tube_of_the_heavy_gas():
    """Sod's, with hardly any light gas: two degrees of freedom have the ratio of heats 2."""
    errors, mirrors = [], (kinetic.Specular(), kinetic.Specular())
    for cells in (2 * CELLS, 4 * CELLS):
        x, full = centres(cells), np.ones(cells)
        m, p = np.where(x < 0.5, 1.0, 0.125), np.where(x < 0.5, 1.0, 0.1)
        problem = flow(1e-8 * full, m, 0.0, p / m, p / m, 0.15, mirrors)
        found = solved(problem, cells)
        exact = riemann((x - 0.5) / 0.15, (1.0, 0, 1.0), (0.125, 0, 0.1), 2.0)
        (_, heavy), u, (_, cold) = found.value
        errors.append([np.abs(a - b).mean() for a, b in zip((heavy, u[:, 0], heavy * cold), exact)])
        assert found.stats["conservation"] < 1e-12
    assert max(errors[1]) < 0.02
    assert np.all(np.array(errors[0]) > 1.5 * np.array(errors[1]))


def test_walls_keep_what_they_should():
    for walls, kept in (
        ((kinetic.Specular(), kinetic.Specular()), ("light_mass", "heavy_mass", "energy")),
        ((kinetic.Diffuse(0.9), kinetic.Specular()), ("light_mass", "heavy_mass")),
    ):
        found = solved(waves(walls=walls))
        assert all(found.defects[name].max() < 1e-12 for name in kept)
        assert found.stats["conservation"] < 1e-12
    assert found.defects["energy"][-1] > 1e-3


def test_steady_conduction_between_two_walls():
    """Both pressures are constant and the conductivity is $\\propto T$: $T^2$ is linear."""
    errors = []
    for cells in (CELLS // 2, CELLS):
        x = centres(cells)
        temperature, walls = 0.8 + 0.4 * x, (kinetic.Diffuse(0.8), kinetic.Diffuse(1.2))
        light, heavy = 1 / temperature, 1.2 / temperature
        problem = flow(light, heavy, 0.0, temperature, temperature, 9.0, walls)
        found = solved(problem, 24 * cells)
        exact = np.sqrt(0.8**2 + (1.2**2 - 0.8**2) * x)
        errors.append(max(np.abs(each - exact).max() for each in found.value[2]))
    assert errors[0] > 3 * errors[1]
    assert errors[1] < 1e-4


def test_derivatives_and_batches_with_their_codes():
    problem, method = waves(), kinetic.LimitEquations(STEPS)

    def of(constant):
        changed = eqx.tree_at(lambda p: p.cross.constant, problem, constant)
        found = solve(changed, method, throw=False)
        return jnp.mean(found.temperatures[0][-1] ** 2), found.result

    constants = jnp.asarray([CROSS - 1e-4, CROSS, CROSS + 1e-4, jnp.nan])
    both = jax.vmap(jax.value_and_grad(of, has_aux=True))
    (values, codes), slopes = jax.jit(both, compiler_options=FAST_COMPILE)(constants)
    assert np.array_equal(codes == RESULTS.successful, [True, True, True, False])
    assert np.array_equal(codes == RESULTS.nonfinite, [False, False, False, True])
    assert np.isclose(slopes[1], (values[2] - values[0]) / 2e-4, rtol=1e-6)


def test_steps_that_were_too_long_are_told_afterwards():
    """Under `jit` nothing can be refused."""
    found = program(2)(waves(end=0.6))
    assert found.result != RESULTS.successful


def test_what_the_limit_does_not_hold_for_is_refused():
    refused = functools.partial(refusals.refused, {"run_limit_flow"})
    with refused(ValueError, "light_exponent must be 2", "got 1"):
        full = np.ones(CELLS)
        solve(flow(full, full, 0.0, full, full, 0.1, light_exponent=1.0), kinetic.LimitEquations(9))
    with refused(ValueError, "cells in a step", "Take num_steps = "):
        solve(waves(), kinetic.LimitEquations(3))
    with refused(ValueError, "num_polynomials", "at least 2", "1"):
        kinetic.LimitEquations(3, num_polynomials=1)
