"""Pictures of relaxing gases: epochs, entropy, conservation, distributions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import kinetic, plot, solve

GRID = kinetic.VelocityGrid(24, 6.0)


def two_streams(density, speed, warm, grid=GRID):
    """Opposite streams along the first component: anisotropic, and at rest."""
    first = jnp.eye(grid.dim)[0]
    both = (kinetic.maxwellian(grid, density / 2, u * first, warm) for u in (speed, -speed))
    return sum(both)


@pytest.fixture(scope="module")
def problem():
    model = kinetic.BGK()
    light = kinetic.Species(GRID, two_streams(1.0, 1.0, 0.8), model)
    heavy = kinetic.Species(GRID, two_streams(1.5, 0.7, 0.5), model)
    return kinetic.DisparateMassMixture(light, heavy, 0.05, 2.0, start=1.0)


@pytest.fixture(scope="module")
def mixture(problem):
    return solve(problem, kinetic.AsymptoticPreserving(12, first_step=1e-4, store_every=3))


def test_the_three_epochs_and_their_time_scales(mixture):
    axes = plot.plot_epochs(mixture)
    curves = [line for line in axes.lines if len(line.get_xdata()) == 12]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    difference = np.abs(mixture.light.temperature - mixture.heavy.temperature)
    values = (mixture.light.anisotropy, mixture.heavy.anisotropy, difference)
    for curve, dot, quantity, scale in zip(curves, dots, values, mixture.time_scales):
        np.testing.assert_allclose(curve.get_xdata(), mixture.times[1:] - 1.0)
        np.testing.assert_allclose(curve.get_ydata(), quantity[1:])
        np.testing.assert_allclose(dot.get_xydata(), [[scale, quantity[0] / np.e]])
        assert dot.get_color() == curve.get_color()
    assert len(curves) == len(dots) == 3
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    units = [line.get_xdata()[0] for line in axes.lines if line.get_color() == "0.85"]
    np.testing.assert_allclose(units, [0.0025, 0.05, 1.0])
    light, heavy, warm = mixture.time_scales
    assert axes.get_legend_handles_labels()[1] == [
        f"light anisotropy: {light / 0.0025:.2g} $\\varepsilon^2$",
        f"heavy anisotropy: {heavy / 0.05:.2g} $\\varepsilon$",
        f"$|T_L - T_H|$: {warm:.2g}",
    ]


def test_a_time_scale_that_is_not_reached_has_no_dot(mixture):
    cut = 5  # the heavy species and the temperatures have not moved yet
    clip = lambda leaf: leaf[:cut] if jnp.shape(leaf)[:1] == (13,) else leaf
    early = jax.tree.map(clip, mixture)
    assert not np.isfinite(early.time_scales.temperature)
    axes = plot.plot_epochs(early)
    reached = np.isfinite(jnp.stack(early.time_scales)).sum()
    assert sum(line.get_marker() == "o" for line in axes.lines) == reached
    assert axes.get_legend_handles_labels()[1][2] == "$|T_L - T_H|$"


def test_entropy_and_defects(mixture):
    entropy = plot.plot_entropy(mixture)
    start, curve = entropy.lines
    np.testing.assert_allclose(curve.get_ydata(), mixture.entropy[1:])
    np.testing.assert_allclose(start.get_ydata(), mixture.entropy[0])
    defects = plot.plot_defects(mixture)
    names = ["light mass", "heavy mass", "momentum", "energy"]
    assert defects.get_legend_handles_labels()[1] == names
    for line, defect in zip(defects.lines, mixture.defects.values()):
        np.testing.assert_array_equal(line.get_ydata(), np.maximum(defect[1:], 1e-17))
    assert defects.get_yscale() == "log"


def test_entropy_and_defects_of_one_gas(problem):
    gas = kinetic.BoltzmannRelaxation(problem.light, 1.0)
    found = solve(gas, kinetic.AsymptoticPreserving(3))
    curve = plot.plot_entropy(found).lines[1]
    np.testing.assert_allclose(curve.get_xydata(), np.stack([found.times, found.entropy], 1)[1:])
    assert len(plot.plot_defects(found).lines) == 3


def test_all_three_over_one_axis_of_time(mixture):
    panels = plot.plot_relaxation(mixture)
    assert [len(panel.lines) for panel in panels] == [9, 2, 4]
    assert len({panel.get_xlim() for panel in panels}) == 1
    assert [panel.get_legend() is None for panel in panels] == [False, True, False]
    given = [plot.new_axes() for _ in range(3)]
    assert list(plot.plot_relaxation(mixture, axes=given)) == given


def peak_place(panel):
    """Where the filled contours of the highest level lie."""
    filled = panel.collections[0].get_paths()
    return next(path.vertices for path in reversed(filled) if path.vertices.size)


def test_distributions_of_both_species(problem, mixture):
    panels = plot.plot_distributions(problem, mixture, num=3)
    assert panels.shape == (2, 4)
    times = np.asarray(mixture.stored_times)[[0, 2, 3]]
    titles = [panel.get_title() for panel in panels[0]]
    assert titles == [f"$t$ = {time:.2g}" for time in (1.0, *times)]
    for row in panels:
        start, end = peak_place(row[0]), peak_place(row[-1])
        assert np.ptp(start[:, 0]) > 1.3 * np.ptp(start[:, 1])  # two streams
        np.testing.assert_allclose(np.ptp(end[:, 0]), np.ptp(end[:, 1]), rtol=0.05)
        levels = [panel.collections[0].levels for panel in row]
        np.testing.assert_array_equal(levels, [levels[0]] * 4)


def test_colours_and_lines_agree_in_equilibrium():
    warm = kinetic.maxwellian(GRID, 1.0, jnp.asarray([1.0, -0.5]), 0.7)
    axes = plot.plot_distribution(GRID, warm)
    filled, lines = axes.collections
    np.testing.assert_allclose(lines.levels, filled.levels[::3])
    outer = np.concatenate([path.vertices for path in lines.get_paths() if path.vertices.size])
    np.testing.assert_allclose((outer.max(0) + outer.min(0)) / 2, [1.0, -0.5], atol=0.005)
    radius = np.sqrt(-2 * 0.7 * np.log(0.05))  # where a Maxwellian is 5 % of its peak
    np.testing.assert_allclose(np.ptp(outer, axis=0) / 2, radius, rtol=0.005)


def test_in_three_dimensions_the_third_component_is_summed():
    solid = kinetic.VelocityGrid(24, 6.0, dim=3)
    flat = plot.plot_distribution(GRID, two_streams(1.0, 1.0, 0.8))
    deep = plot.plot_distribution(solid, two_streams(1.0, 1.0, 0.8, solid))
    pair = [axes.collections[0].levels for axes in (flat, deep)]
    np.testing.assert_allclose(*pair, rtol=1e-6)
    np.testing.assert_allclose(peak_place(flat), peak_place(deep), atol=1e-5)


def test_panels_share_their_axes():
    panels = plot.new_panels((2, 1), 3, 6.0, 3.0)
    assert panels.shape == (2, 3)
    panels[0, 0].set_xlim(3, 4)
    panels[0, 0].set_ylim(5, 6)
    assert panels[1, 0].get_xlim() == (3, 4)
    assert panels[0, 2].get_ylim() == (5, 6)
    assert panels[1, 1].get_xlim() != (3, 4)
    assert panels[1, 1].get_ylim() != (5, 6)


@pytest.mark.parametrize(
    "draw", [plot.plot_relaxation, plot.plot_epochs, plot.plot_entropy, plot.plot_defects]
)
def test_a_sweep_is_not_one_picture(mixture, draw):
    sweep = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), mixture)
    with pytest.raises(ValueError, match=rf"{draw.__name__}: .* \(2, 13\).* pick one"):
        draw(sweep)


def test_what_the_pictures_of_distributions_cannot_show(problem, mixture):
    with pytest.raises(ValueError, match=r"must be three, got the shape \(2,\)"):
        plot.plot_relaxation(mixture, axes=[plot.new_axes(), plot.new_axes()])
    with pytest.raises(ValueError, match=r"shape \(24, 24\) .* got \(4, 24, 24\)"):
        plot.plot_distribution(GRID, mixture.stored[0])
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \(1, 1\)"):
        plot.plot_distributions(problem, mixture, num=2, axes=plot.new_panels())
    sweep = eqx.tree_at(lambda s: s.stored, mixture, tuple(f[None] for f in mixture.stored))
    with pytest.raises(ValueError, match=r"stores \[\(1, 4, 24, 24\).*one element of a sweep"):
        plot.plot_distributions(problem, sweep)


@pytest.fixture(scope="module")
def tube():
    grid = kinetic.VelocityGrid(16, 5.3)
    shares = (1.0, 1.0, 0.5, 0.5)
    f = jnp.stack([kinetic.maxwellian(grid, share, 0.0, 0.9) for share in shares])
    gas = kinetic.Species(grid, f, kinetic.BGK())
    return kinetic.MixtureFlow(gas, gas, 0.1, 0.1)


def test_a_flow_over_its_limit(tube):
    found = solve(tube, kinetic.AsymptoticPreserving(4))
    limit = solve(tube, kinetic.LimitEquations(8))
    panels = plot.plot_flow(found, label="kinetic")
    again = plot.plot_flow(limit, line="--", axes=panels)
    assert list(again) == list(panels)
    assert [len(panel.lines) for panel in panels] == [4, 3, 4]  # one velocity in the limit
    light, heavy = panels[1].lines[:2]
    np.testing.assert_allclose(light.get_ydata(), found.light.velocity[-1, :, 0] / 0.1)
    np.testing.assert_allclose(heavy.get_ydata(), found.heavy.velocity[-1, :, 0])
    np.testing.assert_allclose(panels[2].lines[2].get_ydata(), limit.temperatures[0][-1])
    assert panels[0].get_legend_handles_labels()[1] == [
        "kinetic light", "kinetic heavy", "light", "heavy",
    ]  # fmt: skip
    start = plot.plot_flow(found, level=0)
    np.testing.assert_allclose(start[0].lines[0].get_ydata(), [1.0, 1.0, 0.5, 0.5], rtol=1e-4)


def test_a_flow_needs_three_axes_and_one_run(tube):
    found = solve(tube, kinetic.AsymptoticPreserving(4))
    with pytest.raises(ValueError, match=r"axes must be three, got the shape \(2,\)"):
        plot.plot_flow(found, axes=plot.new_panels((1, 1))[:, 0])
    sweep = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), found)
    with pytest.raises(ValueError, match=r"sweep of shape \(2,\)"):
        plot.plot_flow(sweep)
