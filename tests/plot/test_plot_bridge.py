"""The picture of a bridge: both populations and the trajectories between them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import plot
from jaxsci.bridge import LightBridge


def test_trajectories_over_both_populations(key):
    bridge = LightBridge.blank(3, 2, 0.5)
    x0, x1 = jax.random.normal(key, (20, 3)), jnp.ones((15, 3))
    axes = plot.plot_bridge(bridge, key, x0, x1, num_paths=4, num_times=7, max_points=10)
    start, end, first, last = (marks.get_offsets() for marks in axes.collections)
    np.testing.assert_allclose(start, x0[:10, :2])
    np.testing.assert_allclose(end, x1[:10, :2])
    np.testing.assert_allclose(first, x0[:4, :2], atol=1e-12)
    assert len(axes.lines) == 4
    for line, begin, stop in zip(axes.lines, first, last):
        assert line.get_xydata().shape == (7, 2)
        np.testing.assert_allclose(line.get_xydata()[[0, -1]], [begin, stop])


def test_the_end_is_drawn_by_the_bridge_if_it_is_not_given(key):
    bridge = LightBridge.blank(2, 1, 1e-6)
    x0 = jax.random.normal(key, (5, 2))
    axes = plot.plot_bridge(bridge, key, x0)
    np.testing.assert_allclose(axes.collections[1].get_offsets(), x0, atol=1e-2)


def test_what_the_picture_of_a_bridge_cannot_show(key):
    with pytest.raises(ValueError, match="2 dimensions, the bridge has 1"):
        plot.plot_bridge(LightBridge.blank(1, 1, 1.0), key, jnp.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"shape \(n, 2\) .* got \(3,\)"):
        plot.plot_bridge(LightBridge.blank(2, 1, 1.0), key, jnp.zeros(3))
