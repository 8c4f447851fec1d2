"""One species: order in time, model operators, the explicit reference."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic, solve
from jaxsci.kinetic._reference import bkw

GRID = kinetic.VelocityGrid(32, 7.5)
SQUARE = np.sum(np.asarray(GRID.points) ** 2, axis=-1)
STRETCHED = kinetic.maxwellian(GRID, 0.6, jnp.asarray([0.9, 0.0]), 0.7) + kinetic.maxwellian(
    GRID, 0.4, jnp.asarray([-0.5, 0.2]), 0.8
)


def relaxation(f, end, collisions=None, knudsen=1.0):
    return kinetic.BoltzmannRelaxation(kinetic.Species(GRID, f, collisions), end, knudsen)


def bkw_order(method):
    """Errors at the end of ten and of twenty steps from t = 1 to t = 3: one program."""
    start = bkw(SQUARE, 1.0, 2)[0]
    once = solve(relaxation(start, 2.0), method).value
    half = solve(relaxation(start, 1.0), method).value
    twice = solve(relaxation(start, 1.0).continued(half, 2.0), method).value
    exact = bkw(SQUARE, 3.0, 2)[0]
    errors = [np.abs(f - exact).max() for f in (once, twice)]
    return np.log2(errors[0] / errors[1])


@pytest.mark.parametrize(
    ("variant", "order"), [("exponential", 0.9), ("two-stage", 1.8), ("penalised", 0.9)]
)
def test_the_order_in_time_on_the_exact_solution(variant, order):
    assert bkw_order(kinetic.AsymptoticPreserving(10, variant)) > order


def test_the_explicit_method_has_the_error_of_the_operator_alone():
    start, exact = bkw(SQUARE, 1.0, 2)[0], bkw(SQUARE, 3.0, 2)[0]
    found = solve(relaxation(start, 2.0), kinetic.DirectExplicit(5)).value
    assert np.abs(found - exact).max() < 3e-6  # the error of the operator on this grid


@pytest.mark.parametrize("variant", ["exponential", "two-stage"])
def test_stiff_steps_end_at_the_maxwellian(variant):
    method = kinetic.AsymptoticPreserving(10, variant)
    found = solve(relaxation(STRETCHED, 1.0, knudsen=1e-9), method)
    np.testing.assert_allclose(found.value, kinetic.equilibrium(GRID, STRETCHED), atol=1e-10)
    assert float(found.stats["conservation"]) < 1e-13


MODELS = {
    "bgk": (kinetic.BGK(0.7), 0.7, 0.7),
    "es-bgk": (kinetic.EllipsoidalBGK(0.7, 0.8), 0.7 / 0.8, 0.7),
    "fokker-planck": (kinetic.FokkerPlanck(0.7), 1.4, 2.1),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_relax_stress_and_heat_flux_at_their_rates(name):
    """The operator itself on an anisotropic, skewed distribution."""
    collisions, stress_rate, heat_rate = MODELS[name]
    f = STRETCHED
    rate = jax.jit(lambda g: collisions.operator(GRID, None, g))(f)
    moment = jax.jit(kinetic.moments)(GRID, f)
    c = np.asarray(GRID.points - moment.velocity)
    change = lambda weight: float(GRID.integrate(rate * weight))
    np.testing.assert_allclose([change(1.0), change(SQUARE)], 0, atol=1e-7)
    np.testing.assert_allclose(
        change(c[..., 0] * c[..., 1]), -stress_rate * moment.stress[0, 1], rtol=1e-6
    )
    heat = 0.5 * np.sum(c**2, axis=-1) * c[..., 0]
    expected = -heat_rate * moment.heat_flux[0]
    np.testing.assert_allclose(change(heat), expected, rtol=1e-4)


def test_fokker_planck_flows_exactly():
    problem = relaxation(STRETCHED, 0.8, kinetic.FokkerPlanck(0.7))
    one, ten = (solve(problem, kinetic.AsymptoticPreserving(n)) for n in (1, 10))
    np.testing.assert_allclose(one.value, ten.value, atol=1e-9)
    anisotropy = one.moments.stress[-1, 0, 1] / one.moments.stress[0, 0, 1]
    np.testing.assert_allclose(anisotropy, np.exp(-1.4 * 0.8), rtol=1e-7)


def test_the_residual_of_the_exact_solution_is_small():
    f, rate = bkw(SQUARE, 2.0, 2)
    problem = relaxation(f, 1.0)
    assert np.abs(problem.residual(jnp.asarray(f), jnp.asarray(rate))).max() < 2e-6
    assert np.abs(problem.residual(jnp.asarray(f), jnp.asarray(2 * rate))).max() > 1e-4


def test_one_program_for_all_kernels_of_a_shape():
    traces = []

    class Counted(kinetic.BGK):
        def operator(self, grid, tables, f):
            traces.append(None)
            return super().operator(grid, tables, f)

    method = kinetic.AsymptoticPreserving(2)
    for constant in (0.5, 0.9):
        solve(relaxation(STRETCHED, 1.0, Counted(constant)), method)
    count = len(traces)
    solve(
        eqx.tree_at(
            lambda p: p.knudsen, relaxation(STRETCHED, 1.0, Counted(0.7)), jnp.asarray(0.3, float)
        ),
        method,
    )
    assert len(traces) == count


@pytest.mark.parametrize("exponent", [-3.0, -2.0, 0.0])
def test_landau_conserves_and_rests_at_maxwellians(exponent):
    landau = kinetic.Landau(1.0, exponent)
    tables = landau.tables(GRID, kinetic.CollisionQuadrature(24, 8))
    operator = jax.jit(lambda g: landau.operator(GRID, tables, g))
    rest = operator(kinetic.maxwellian(GRID, 1.0, 0.1, 0.9))
    assert float(jnp.abs(rest).max()) < 1e-5
    rate = operator(STRETCHED)
    assert float(jnp.abs(rate).max()) > 1e-2
    mass, momentum, energy = kinetic.collision_invariants(GRID, rate)
    np.testing.assert_allclose([mass, *momentum, energy], 0, atol=1e-4)
    entropy = GRID.integrate(rate * jnp.log(jnp.maximum(STRETCHED, 1e-30)))
    assert float(entropy) < -1e-3


def test_landau_relaxes_stress_at_the_exact_rate_for_maxwell_molecules():
    """The weak form gives $-4dCn$ for the traceless stress."""
    landau = kinetic.Landau(0.3, 0.0)
    grid = kinetic.VelocityGrid(32, 8.0)
    f = kinetic.maxwellian(grid, 0.5, jnp.asarray([0.6, 0.0]), 0.8)
    f = f + kinetic.maxwellian(grid, 0.5, jnp.asarray([-0.6, 0.0]), 0.8)
    tables = landau.tables(grid, kinetic.CollisionQuadrature(24, 8))
    rate = jax.jit(lambda g: landau.operator(grid, tables, g))(f)
    v = grid.points
    shear = lambda g: float(grid.integrate(g * (v[..., 0] ** 2 - v[..., 1] ** 2)))
    np.testing.assert_allclose(shear(rate) / shear(f), -8 * 0.3, rtol=1e-4)


@pytest.mark.parametrize(("variant", "order"), [("exponential", 0.85), ("two-stage", 1.8)])
def test_landau_steps_are_stable_and_of_their_order(variant, order):
    method = kinetic.AsymptoticPreserving(4, variant)
    landau = kinetic.Landau(0.3, -3.0)

    def in_parts(count):
        """Four steps in each part: one compiled program."""
        problem = relaxation(STRETCHED, 0.4 / count, landau)
        for part in range(1, count + 1):
            f = solve(problem, method).value
            problem = problem.continued(f, 0.4 * (part + 1) / count)
        return f

    found = [in_parts(count) for count in (1, 2, 4)]
    changes = [float(jnp.abs(a - b).max()) for a, b in itertools.pairwise(found)]
    assert np.log2(changes[0] / changes[1]) > order
    end = solve(relaxation(STRETCHED, 0.4, landau, knudsen=1e-6), method).value
    np.testing.assert_allclose(end, kinetic.equilibrium(GRID, STRETCHED), atol=1e-8)
