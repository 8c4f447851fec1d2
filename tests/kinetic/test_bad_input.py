"""Each documented error, with the argument, the number and the remedy in its message."""

import functools

import jax
import jax.numpy as jnp
import pytest
import refusals

from jaxsci import kinetic, solve

GRID = kinetic.VelocityGrid(24, 7.0)
F = kinetic.maxwellian(GRID, 1.0, 0.0, 1.0)
GAS = kinetic.Species(GRID, F, kinetic.BGK())


CORES = {"_run_mixture", "_run_relaxation", "_run", "run_flow", "between_species"}
refused = functools.partial(refusals.refused, CORES)


def mixture(epsilon=0.1, end=1.0, **options):
    return kinetic.DisparateMassMixture(GAS, GAS, epsilon, end, **options)


def test_densities_and_temperatures_are_positive():
    with refused(ValueError, "density", "positive", "-1"):
        kinetic.maxwellian(GRID, -1.0, 0.0, 1.0)
    with refused(ValueError, "temperature", "positive", "-0.5"):
        kinetic.maxwellian(GRID, 1.0, 0.0, -0.5)
    with refused(ValueError, "Species", "density must be positive", "-1"):
        kinetic.Species(GRID, -F)
    square = jnp.sum(GRID.points**2, axis=-1)
    with refused(ValueError, "Species", "temperature must be positive", "-"):
        kinetic.Species(GRID, F * (3 - square))
    with refused(ValueError, "Species", "negative", "at the least"):
        kinetic.Species(GRID, F - 0.02 * kinetic.maxwellian(GRID, 1.0, 2.0, 0.3))
    with refused(ValueError, "not finite"):
        kinetic.Species(GRID, F.at[0, 0].set(jnp.nan))
    with refused(ValueError, "shape", "(24, 24)", "(24,)"):
        kinetic.Species(GRID, F[0])


def test_boxes_hold_their_gas():
    small = kinetic.VelocityGrid(24, 3.0)
    with refused(ValueError, "too small", "of the mass", "half_width = 3", "more points"):
        kinetic.Species(small, kinetic.maxwellian(small, 1.0, 0.0, 1.0))
    hot = kinetic.Species(GRID, kinetic.maxwellian(GRID, 1.0, jnp.asarray([2.4, 0.0]), 0.8))
    with refused(ValueError, "(light)", "too small", "of the mass", "temperature 3.6"):
        kinetic.DisparateMassMixture(hot, GAS, 0.01, 1.0)  # the drift becomes heat
    with refused(ValueError, "too coarse", "highest wave", "points per axis"):
        kinetic.Species(GRID, kinetic.maxwellian(GRID, 1.0, 0.0, 0.1))


def test_relative_speeds_stay_inside_the_period():
    with refused(ValueError, "reach", "1.2", "R > L", "wider grid"):
        kinetic.CollisionQuadrature(16, 8, 1.2)
    with refused(ValueError, "num_radii", "1"):
        kinetic.CollisionQuadrature(1, 8)


@pytest.mark.parametrize("epsilon", [0.0, -0.1, jnp.nan])
def test_the_mass_ratio_is_positive(epsilon):
    words = () if epsilon != epsilon else ("positive", "square root of the mass ratio")
    with refused(ValueError, "epsilon", *words):
        mixture(epsilon)


def test_time_moves():
    with refused(ValueError, "end must be later than start", "0 and 0", "time step"):
        mixture(end=0.0)
    with refused(ValueError, "num_steps", "at least 1", "0", "time step of zero"):
        kinetic.AsymptoticPreserving(0)
    with refused(ValueError, "first_step", "positive", "0"):
        kinetic.AsymptoticPreserving(5, first_step=0.0)
    with refused(ValueError, "first_step", "span 1", "got 2"):
        solve(mixture(), kinetic.AsymptoticPreserving(5, first_step=2.0))
    with refused(ValueError, "store_every must divide num_steps", "2 and 5"):
        kinetic.AsymptoticPreserving(5, store_every=2)
    with refused(ValueError, "DirectExplicit", "exceeds the stable", "equal steps"):
        solve(mixture(1e-3), kinetic.DirectExplicit(10))


def test_choices_exist():
    with refused(ValueError, "variant", "'exponential'", "'implicit'"):
        kinetic.AsymptoticPreserving(5, "implicit")
    with refused(ValueError, "even", "25"):
        kinetic.VelocityGrid(25, 7.0)
    with refused(ValueError, "dim", "2 or 3", "1"):
        kinetic.VelocityGrid(24, 7.0, 1)
    with refused(ValueError, "exponent", "(-2, 2]", "-3"):
        kinetic.VariableHardSphere(1.0, -3.0)
    with refused(ValueError, "constant", "positive", "0"):
        kinetic.VariableSoftSphere(0.0)
    with refused(ValueError, "prandtl", "0.2"):
        kinetic.EllipsoidalBGK(1.0, 0.2)
    with refused(TypeError, "cross", "VariableHardSphere", "VariableSoftSphere"):
        mixture(cross=kinetic.VariableSoftSphere())
    with refused(TypeError, "LimitEquations", "BoltzmannRelaxation", "DisparateMassMixture"):
        solve(kinetic.BoltzmannRelaxation(GAS, 1.0), kinetic.LimitEquations(5))


def test_both_species_live_in_one_space():
    grid = kinetic.VelocityGrid(16, 6.0, 3)
    solid = kinetic.Species(grid, kinetic.maxwellian(grid, 1.0, 0.0, 1.0), kinetic.BGK())
    with refused(ValueError, "same dim", "2", "3"):
        kinetic.DisparateMassMixture(GAS, solid, 0.1, 1.0)


CELLS = kinetic.Species(GRID, jnp.stack([F] * 4), kinetic.BGK())


def flow(**options):
    return kinetic.MixtureFlow(CELLS, CELLS, 0.1, 1.0, **options)


def test_walls_have_a_temperature():
    for wrong in (0.0, -1.0):
        with refused(ValueError, "Diffuse", "temperature", "positive", f"{wrong:g}", "Specular"):
            kinetic.Diffuse(wrong)
    with refused(TypeError, "walls", "periodic", "pair of Specular or Diffuse"):
        flow(walls=kinetic.Specular())
    with refused(ValueError, "Diffuse", "velocity", "(3,)"):
        kinetic.Diffuse(1.0, jnp.zeros(3))


def test_space_has_cells():
    with refused(ValueError, "MixtureFlow", "cells", "(24, 24)"):
        kinetic.MixtureFlow(GAS, CELLS, 0.1, 1.0)
    few = kinetic.Species(GRID, CELLS.distribution[:2], kinetic.BGK())
    with refused(ValueError, "at least 3", "(2, 24, 24)"):
        kinetic.MixtureFlow(few, few, 0.1, 1.0)
    with refused(ValueError, "DisparateMassMixture", "(4, 24, 24)", "MixtureFlow takes one a cell"):
        kinetic.DisparateMassMixture(CELLS, CELLS, 0.1, 1.0)
    with refused(ValueError, "BoltzmannRelaxation", "(4, 24, 24)"):
        kinetic.BoltzmannRelaxation(CELLS, 1.0)
    with refused(ValueError, "length", "positive", "0"):
        flow(length=0.0)
    with refused(ValueError, "odd", "(4, 24, 24)", "(3, 24, 24)"):
        flow(odd=CELLS.distribution[:3])
    hollow = CELLS.distribution.at[2].set(-F)
    with refused(ValueError, "density must be positive", "-1"):
        kinetic.Species(GRID, hollow)


def test_heavy_particles_cross_one_cell_in_a_step():
    with refused(ValueError, "heavy particles", "0.25", "num_steps = 27", "fewer cells"):
        solve(flow(), kinetic.AsymptoticPreserving(10))
    with refused(ValueError, "sweeps", "at least 1", "0"):
        kinetic.AsymptoticPreserving(10, sweeps=0)
    with refused(TypeError, "DirectExplicit", "MixtureFlow", "DisparateMassMixture"):
        solve(flow(), kinetic.DirectExplicit(10))


def test_a_mixture_can_be_stated_inside_a_compiled_function():
    end = lambda end: mixture(end=end).end + 0 * kinetic.Species(GRID, F).grid.half_width
    assert jax.jit(end)(2.0) == 2.0
    coarse = kinetic.VelocityGrid(8, 7.0)
    f = kinetic.maxwellian(coarse, 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"too coarse.*Take 24 points"):
        jax.jit(lambda x: x * kinetic.Species(coarse, f).grid.half_width)(1.0)
