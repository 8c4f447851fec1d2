"""Pictures of samplers: strips of schedules, trajectories, errors, rows of samples."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import diffusion, plot

GRID = jnp.asarray([-4.0, -1.0, 0.0, 2.0, 5.0])


def marks(axes, label):
    """Places of the marks of one kind, over all rows."""
    kind = [line for line in axes.lines if line.get_label().lstrip("_") == label]
    return np.concatenate([line.get_xydata() for line in kind]) if kind else np.zeros((0, 2))


def bars(axes):
    """Left ends and widths of each group of bars."""
    groups = [container.patches for container in axes.containers]
    return [[(bar.get_x(), bar.get_width()) for bar in group] for group in groups]


def test_a_strip_shows_every_decision():
    first = diffusion.unipc(GRID, 2)
    pick = lambda s: (s.shift, s.analytic)
    first = eqx.tree_at(pick, first, (jnp.asarray([0.0, 0.5, 0.0, 0.0]), jnp.asarray(True)))
    second = diffusion.pad_schedule(diffusion.denoise_to_zero(diffusion.deis(GRID[:3], 2)), 6)
    axes = plot.plot_schedules({"a": first, "b": second})
    assert [text.get_text() for text in axes.texts] == ["1", "2", "2", "1", "1", "2"]
    assert bars(axes) == [[(-4, 3), (-1, 1), (0, 2), (2, 3)], [(-4, 3), (-1, 1)]]
    data, noise = (group.patches[0].get_facecolor() for group in axes.containers)
    assert data != noise
    asked = [[-1, 0], [0, 0], [2, 0], [-4, -1], [-1, -1]]
    np.testing.assert_allclose(marks(axes, "evaluation"), asked)
    np.testing.assert_allclose(marks(axes, "analytic"), [[-4, 0]])
    np.testing.assert_allclose(marks(axes, "corrector"), [[-1, 0], [0, 0], [2, 0]])
    np.testing.assert_allclose(marks(axes, "told time"), [[-0.5, -0.34]])
    np.testing.assert_allclose(marks(axes, "denoising"), [[0, -1]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_a_strip_of_noise_additions_and_inner_points():
    half = diffusion.dpm_solver(GRID[:2], 2)
    rows = {"sde": diffusion.ancestral(GRID), "raw": diffusion.ipndm(GRID), "inner": half}
    axes = plot.plot_schedules(rows)
    hatches = [group.patches[0].get_hatch() for group in axes.containers]
    assert hatches == ["//", None, None]
    assert [text.get_text() for text in axes.texts][4:] == ["1", "1+", "1+", "1+", "1", "2"]
    np.testing.assert_allclose(marks(axes, "starts earlier"), [[-4, -2.24], [-1, -2.24]])
    labels = axes.get_legend_handles_labels()[1]
    assert sorted(labels) == ["data, with noise", "evaluation", "noise", "starts earlier"]


def test_trajectories_begin_as_a_standard_normal():
    states = np.zeros((3, 4, 5))
    states[0, :, 0] = 80.0
    states[2, :, 1] = 1.0
    log_snr = -np.log([80.0, 1.0, 1e-8])
    axes = plot.plot_trajectories(states, log_snr, data=np.ones((7, 5)))
    assert len(axes.lines) == 4
    drawn = [[80 / np.hypot(1, 80), 0], [0, 0], [0, 1]]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), drawn, rtol=1e-12)
    np.testing.assert_allclose(axes.collections[0].get_offsets(), np.ones((7, 2)))
    plain = plot.plot_trajectories(states, log_snr, marks=False, colour="red", axes=axes).lines[-1]
    assert plain.get_marker() == "None"
    assert plain.get_color() == "red"


def test_errors_against_evaluations():
    errors = {"ddim": [1.0, 0.1], "unipc": [0.5, np.nan]}
    axes = plot.plot_solver_errors([4, 8], errors, emphasis=["unipc"])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), errors["unipc"])
    assert axes.lines[1].get_linewidth() > axes.lines[0].get_linewidth()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8"]
    assert axes.get_legend_handles_labels()[1] == ["ddim", "unipc"]


def test_samples_of_one_noise_stand_in_one_column():
    first, second = np.arange(18.0).reshape(3, 6), -np.arange(18.0).reshape(3, 2, 3)
    axes = plot.plot_sample_rows({"a": first, "b": second}, (2, 3), num=2)
    shown = np.asarray(axes.images[0].get_array().filled(np.nan))
    assert shown.shape == (6, 8)
    np.testing.assert_array_equal(shown[:2, 4:7], first[1].reshape(2, 3))
    np.testing.assert_array_equal(shown[3:5, :3], second[0])
    assert np.isnan(shown[2]).all()
    assert axes.images[0].get_clim() == (0, 11)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot.plot_schedules({}), "at least one"),
        (
            lambda: plot.plot_schedules({"x": diffusion.stack_schedules([diffusion.ddim(GRID)])}),
            r"'x' is a population, with log_snr of the shape \(1, 5\)",
        ),
        (lambda: plot.plot_trajectories(np.ones((3, 4, 1)), np.ones(3)), r"D >= 2 .* \(3, 4, 1\)"),
        (lambda: plot.plot_trajectories(np.ones((3, 4, 2)), np.ones(4)), r"and \(4,\)"),
        (lambda: plot.plot_solver_errors([4, 5], {"a": [1.0]}), r"needs 2 errors.*'a': \(1,\)"),
        (lambda: plot.plot_solver_errors([4], {"a": [1.0]}, emphasis="b"), r"\['b'\] of \['a'\]"),
        (lambda: plot.plot_sample_rows({"a": np.ones((3, 5))}, (2, 3)), r"2 x 3 .*'a': \(3, 5\)"),
    ],
)
def test_what_these_pictures_cannot_show(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
