"""Pictures hold what they claim to show."""

import builtins

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import plot
from jaxsci.pde import AbstractField, Box


class Cubic(AbstractField):
    """The sum of cubes of the coordinates; only its value is asked for."""

    dim: int

    def partial(self, orders, points):
        return jnp.sum(points**3, axis=-1)


class Uncertain(Cubic):
    def std(self, points, orders=None):
        return 0.1 + points[:, 0]


def test_a_line_with_its_band_and_the_truth():
    x = np.linspace(-1, 1, 21)
    axes = plot.plot_field_1d(Uncertain(1), x, exact=lambda p: p[0] ** 3, deviations=3)
    mean, truth = axes.lines
    np.testing.assert_allclose(mean.get_ydata(), x**3)
    np.testing.assert_allclose(truth.get_ydata(), x**3)
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(1 + 3 * 1.1)
    assert axes.get_legend_handles_labels()[1] == ["± 3 sd", "solution", "exact"]


def test_no_band_without_deviations():
    assert not plot.plot_field_1d(Cubic(1), np.linspace(0, 1, 5)).collections


def test_a_map_with_observations():
    points, values = np.array([[0.0, 0.5], [-1.0, 1.0]]), np.array([0.125, 0.0])
    domain = Box((-1.0, -1.0), (1.0, 1.0))
    axes = plot.plot_field_2d(Cubic(2), domain, points=points, values=values, num=9)
    image, marks = axes.collections
    grid = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(
        np.asarray(image.get_array()).ravel(), np.add.outer(grid**3, grid**3).ravel()
    )
    np.testing.assert_allclose(marks.get_offsets(), points)
    assert image.get_clim() == marks.get_clim() == (-2.0, 2.0)


def test_a_sweep_crosses_out_what_failed():
    good = np.array([True, False, True])
    axes = plot.plot_sweep([1.0, 2.0, 3.0], [1.0, 10.0, 100.0], successful=good, log=True)
    np.testing.assert_allclose(axes.lines[1].get_xdata(), [1, 3])
    np.testing.assert_allclose(axes.lines[2].get_xdata(), [2])
    assert axes.get_yscale() == "log"


def test_given_axes_are_drawn_on():
    axes = plot.new_axes(3, 2)
    assert plot.plot_sweep([1.0], [2.0], axes=axes) is axes
    assert tuple(axes.figure.get_size_inches()) == (3, 2)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot.plot_field_1d(Cubic(2), np.linspace(0, 1, 3)), "2 dimension"),
        (lambda: plot.plot_field_2d(Cubic(1), Box((0.0, 0.0), (1.0, 1.0))), "1 dimension"),
        (
            lambda: plot.plot_field_2d(Cubic(2), Box((0.0, 0.0), (1.0, 1.0)), values=[1.0]),
            "without points",
        ),
        (lambda: plot.plot_sweep([1.0, 2.0], [1.0]), "one length"),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match=r'pip install "jaxsci\[plot\]"'):
        plot.new_axes()
