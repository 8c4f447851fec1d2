"""Distances between samples against brute force and exact values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg, optimize, stats
from scipy.spatial.distance import cdist

from jaxsci.bridge import bw_uvp, energy_distance, mmd, sliced_wasserstein


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(37, 3)), 1.5 * rng.normal(size=(50, 3)) + 0.5
    a, b = rng.uniform(size=37), rng.uniform(size=50)
    return x, y, (a / a.sum(), b / b.sum())


EVEN = (np.full(37, 1 / 37), np.full(50, 1 / 50))


def repeated(points, counts):
    return np.repeat(points, counts, axis=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_energy_distance(samples, weighted):
    x, y, weights = samples
    a, b = weights if weighted else EVEN
    expected = 2 * a @ cdist(x, y) @ b - a @ cdist(x, x) @ a - b @ cdist(y, y) @ b
    found = energy_distance(x, y, *([weights] if weighted else []))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(energy_distance(x, x), 0, atol=1e-14)


def test_energy_distance_in_one_dimension(samples):
    x, y = samples[0][:, :1], samples[1][:, :1]
    expected = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    np.testing.assert_allclose(energy_distance(x, y), expected, rtol=1e-12)


@pytest.mark.parametrize("bandwidth", [None, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_mmd(samples, weighted, bandwidth):
    x, y, weights = samples
    a, b = weights if weighted else EVEN
    pooled = cdist(np.concatenate([x, y]), np.concatenate([x, y]))
    width = np.median(pooled[np.triu_indices(87, 1)]) if bandwidth is None else bandwidth
    kernel = lambda u, v: np.exp(-cdist(u, v, "sqeuclidean") / (2 * width**2))
    expected = a @ kernel(x, x) @ a + b @ kernel(y, y) @ b - 2 * a @ kernel(x, y) @ b
    found = mmd(x, y, bandwidth, *([weights] if weighted else []))
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    np.testing.assert_allclose(mmd(x, x, bandwidth), 0, atol=1e-15)


def test_mmd_of_points_that_coincide():
    np.testing.assert_allclose(mmd(np.zeros((3, 2)), np.zeros((4, 2))), 0, atol=1e-15)


def test_sliced_wasserstein_by_assignment(samples, key):
    """Equal numbers: sorting; the directions are those of the key."""
    x, y = samples[0], samples[1][:37]
    directions = np.array(jax.random.normal(key, (5, 3)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    total = 0.0
    for direction in directions:
        costs = np.subtract.outer(x @ direction, y @ direction) ** 2
        total += costs[optimize.linear_sum_assignment(costs)].mean() / 5
    np.testing.assert_allclose(sliced_wasserstein(x, y, key, 5), np.sqrt(total), rtol=1e-12)


def test_sliced_wasserstein_counts_weights(samples, key):
    """Weights in whole numbers are repeated points; unequal sizes by repeating to a multiple."""
    x, y = samples[0][:4], samples[1][:5]
    a, b = np.array([1, 2, 3, 4]), np.array([1, 1, 2, 3, 3])
    found = sliced_wasserstein(x, y, key, 20, (a / 10, b / 10))
    expected = sliced_wasserstein(repeated(x, a), repeated(y, b), key, 20)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    even = sliced_wasserstein(repeated(x, 5 * np.ones(4, int)), repeated(y, 4), key, 20)
    np.testing.assert_allclose(sliced_wasserstein(x, y, key, 20), even, rtol=1e-12)


def test_sliced_wasserstein_of_a_shift(samples, key):
    """E (theta . d)^2 = |d|^2 / D."""
    x, shift = samples[0], np.array([1.0, 2.0, -2.0])
    found = sliced_wasserstein(x, x + shift, key, 4000)
    np.testing.assert_allclose(found, np.sqrt(3.0), rtol=0.03)


@pytest.mark.parametrize("weighted", [False, True])
def test_bw_uvp(samples, weighted):
    x, y, weights = samples
    a, b = weights if weighted else EVEN
    means = a @ x, b @ y
    laws = np.cov(x.T, aweights=a, ddof=0), np.cov(y.T, aweights=b, ddof=0)
    root = linalg.sqrtm(laws[0]).real
    cross = np.trace(linalg.sqrtm(root @ laws[1] @ root).real)
    squares = ((means[0] - means[1]) ** 2).sum() + np.trace(laws[0] + laws[1]) - 2 * cross
    found = bw_uvp(x, y, *([weights] if weighted else []))
    np.testing.assert_allclose(found, 100 * squares / np.trace(laws[1]), rtol=1e-9)


def test_bw_uvp_of_singular_samples(samples):
    """Constant columns, and fewer samples than dimensions."""
    x, shift = samples[0], np.array([0.5, 0.0, 0.0])
    flat = x * np.array([1.0, 1.0, 0.0])
    expected = 100 * 0.25 / flat.var(axis=0).sum()
    np.testing.assert_allclose(bw_uvp(flat + shift, flat), expected, rtol=1e-9)
    few = x[:2]
    expected = 100 * 0.25 / few.var(axis=0).sum()
    np.testing.assert_allclose(bw_uvp(few + shift, few), expected, rtol=1e-9)


@pytest.mark.parametrize(
    "distance",
    [
        energy_distance,
        lambda x, y: mmd(x, y, 1.0),
        lambda x, y: sliced_wasserstein(x, y, jax.random.key(1), 8),
        bw_uvp,
    ],
    ids=["energy", "mmd", "sliced", "bw"],
)
def test_derivatives(samples, distance):
    x, y = jnp.asarray(samples[0]), jnp.asarray(samples[1])
    move = jnp.asarray(np.random.default_rng(1).normal(size=x.shape))
    value, h = jax.jit(lambda s: distance(x + s * move, y)), 1e-5
    slope = (value(h) - value(-h)) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.grad(value))(0.0), slope, rtol=1e-6)


def test_many_samples_in_fifty_dimensions_fit_into_memory():
    """The differences of 4000 x 4000 points in D = 50 would be 6.4 GB; compiled, not run."""
    shapes = [jax.ShapeDtypeStruct((4000, 50), jnp.float64)] * 2
    for function in (energy_distance, mmd, jax.grad(energy_distance)):
        memory = jax.jit(function).lower(*shapes).compile().memory_analysis()
        if memory is not None:
            assert memory.temp_size_in_bytes < 300e6


def test_single_precision(samples, key):
    x, y = (jnp.asarray(side, jnp.float32) for side in samples[:2])
    for found in (energy_distance(x, y), mmd(x, y), sliced_wasserstein(x, y, key), bw_uvp(x, y)):
        assert found.dtype == jnp.float32
        assert np.isfinite(found)


X, Y = np.ones((4, 2)), np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_distance(np.ones(4), Y), r"samples of the shape \(n, D\), got \(4,\)"),
        (lambda: mmd(X, np.zeros((3, 5))), r"same dimension, got the shapes \(4, 2\) and \(3, 5\)"),
        (lambda: mmd(X, Y, 0.0), "bandwidth must be positive and finite, got 0.0; leave it out"),
        (lambda: mmd(X, Y, weights=(None, np.ones(3))), "mmd: weights of the second .*the sum 3"),
        (lambda: bw_uvp(np.full((4, 2), np.nan), Y), "bw_uvp: the first .* not finite in 4 row"),
        (lambda: bw_uvp(X, Y, np.ones(4) / 4), "bw_uvp: weights must be a pair"),
        (lambda: sliced_wasserstein(X, Y, jax.random.key(0), 0), "num_projections must be at l"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
