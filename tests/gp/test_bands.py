"""The search for frequencies: peaks of a periodogram, and the bands made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.approx import ChebyshevNodes, UniformNodes
from jaxsci.gp._bands import ENVELOPE, STEP, analyser, empty_mask, fill_bands, find_peaks
from jaxsci.gp._features import Interval, feature_jet, feature_values

UNIT = Interval(jnp.asarray(-1.0), jnp.asarray(1.0))


def peaks(values, nodes, n):
    xi = nodes.points(-1.0, 1.0, n)
    spectrum = analyser(xi, nodes.weights(-1.0, 1.0, n))
    found = find_peaks(spectrum.power(values(xi)[:, None]), spectrum.limit)
    return np.flatnonzero(np.asarray(found)) * STEP


@pytest.mark.parametrize("nodes", [UniformNodes(), ChebyshevNodes()])
def test_lines_of_unequal_strength_are_found(nodes):
    found = peaks(lambda x: jnp.cos(20 * x) + 0.1 * jnp.sin(61 * x + 1), nodes, 160)
    for frequency in (20.0, 61.0):
        assert np.min(np.abs(found - frequency)) <= STEP


def test_the_analyser_is_the_windowed_transform():
    xi = UniformNodes().points(-1.0, 1.0, 33)
    weights = UniformNodes().weights(-1.0, 1.0, 33)
    waves = np.asarray(analyser(xi, weights).waves)
    window = waves[0].real  # the zero frequency
    frequencies = STEP * np.arange(66)
    expected = window * np.exp(-1j * frequencies[:, None] * np.asarray(xi))
    np.testing.assert_allclose(waves, expected, atol=1e-13)
    middle = np.asarray(weights)[16]
    np.testing.assert_allclose(window[16], middle, rtol=1e-4)  # the window is 1 in the middle
    assert abs(window[0]) < 1e-4 * np.asarray(weights)[0]


def test_white_noise_has_no_peaks():
    noise = jax.random.normal(jax.random.key(0), (200, 50))
    xi = UniformNodes().points(-1.0, 1.0, 200)
    spectrum = analyser(xi, UniformNodes().weights(-1.0, 1.0, 200))
    found = jax.vmap(lambda v: find_peaks(spectrum.power(v[:, None]), spectrum.limit))(noise.T)
    assert int(found.sum()) == 0


def test_nothing_above_the_nyquist_frequency_is_looked_at():
    xi = UniformNodes().points(-1.0, 1.0, 41)
    limit = int(analyser(xi, UniformNodes().weights(-1.0, 1.0, 41)).limit)
    assert abs(limit * STEP - np.pi / 0.05) <= STEP
    power = jnp.ones(82).at[limit + 3].set(1e9)
    assert not bool(find_peaks(power, jnp.asarray(limit))[limit + 3])


def test_far_lines_make_bands_of_their_own_and_close_lines_share_one():
    mask = empty_mask(400).at[jnp.asarray([200, 204, 500])].set(True)
    slots = fill_bands(mask, 200, jnp.float64)
    active = np.asarray(slots.active) > 0
    centres = sorted(set(np.asarray(slots.frequency)[active]))
    np.testing.assert_allclose(centres, [0.0, 202 * STEP, 500 * STEP])
    counts = [int((np.asarray(slots.frequency)[active] == c).sum()) for c in centres]
    # 26 polynomials; 2 ceil(13 + h + 3.75 sqrt(h)) for a half-width of two steps; 26 of one line
    half = 2 * STEP
    wide = 2 * int(np.ceil(ENVELOPE + half + 3.75 * np.sqrt(half)))
    assert counts == [2 * ENVELOPE, wide, 2 * ENVELOPE]


def test_what_does_not_fit_is_left_out_from_the_top():
    mask = empty_mask(400).at[jnp.asarray([200, 500])].set(True)
    slots = fill_bands(mask, 60, jnp.float64)
    assert slots.size == 60
    assert int(slots.active.sum()) == 60
    highest = int((np.asarray(slots.frequency) == 500 * STEP).sum())
    assert highest == 60 - 4 * ENVELOPE


def test_derivatives_of_features_are_those_of_automatic_differentiation():
    mask = empty_mask(64).at[100].set(True)
    slots = fill_bands(mask, 64, jnp.float64)
    interval = Interval(jnp.asarray(0.5), jnp.asarray(2.0))
    x = jnp.asarray([0.5, 0.9, 1.7, 2.0])
    jet = feature_jet(slots, interval, x, 3)
    one = lambda s: feature_values(slots, interval, s[None], 0)[0]
    for order in range(1, 4):
        one = jax.jacfwd(one)
        scale = np.abs(jet[order]).max()
        np.testing.assert_allclose(jet[order], jax.vmap(one)(x), atol=1e-11 * scale)
    inactive = np.asarray(slots.active) == 0
    assert inactive.any()
    assert np.all(np.asarray(jet[2])[:, inactive] == 0)
