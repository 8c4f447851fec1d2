"""The trainable denoiser: preconditioning, training, resuming, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import Loop, diffusion, fit
from jaxsci._core import _loop

SPREAD = jnp.asarray([1.5, 0.4, 0.4])
POINTS = jnp.asarray([0.5, 0.0, -0.5]) + SPREAD * jax.random.normal(jax.random.key(3), (2000, 3))
SHORT = diffusion.DenoisingScoreMatching(max_steps=8, batch_size=16)


def network(dim=3, dtype=None, **sizes):
    net = diffusion.ResidualMLP(dim, dtype=dtype, key=jax.random.key(0), **sizes)
    return diffusion.Preconditioned(net, 0.9)


def test_the_input_and_what_is_asked_have_variance_one():
    """Variances of c_in y and of (x - c_skip y)/c_out for y = x + s eps, and the loss weight."""
    model, s = network(width=2, depth=1), jnp.geomspace(0.002, 80.0, 9)
    skip, out, scale = model.coefficients(s)
    np.testing.assert_allclose(scale**2 * (0.9**2 + s**2), 1, rtol=1e-12)
    asked = ((1 - skip) ** 2 * 0.9**2 + skip**2 * s**2) / out**2
    np.testing.assert_allclose(asked, 1, rtol=1e-12)
    np.testing.assert_allclose(model.loss_weight(s) * out**2, 1, rtol=1e-12)


def test_a_new_network_denoises_gaussian_data_exactly(key):
    y, s = jax.random.normal(key, (4, 2, 3)), jnp.asarray(0.7)
    found = network(width=8, depth=2)(y, s)
    np.testing.assert_allclose(found, 0.9**2 / (0.9**2 + s**2) * y, rtol=1e-12)


def test_trained_on_gaussian_data_it_approaches_their_exact_denoiser(key):
    """The data are far from isotropic, so the start is not their denoiser."""
    method = diffusion.DenoisingScoreMatching(1e-2, 500, batch_size=128)
    start, points = network(width=32, depth=2, dtype=jnp.float32), POINTS.astype(jnp.float32)
    solution = fit(start, points, method, key=key)
    data = np.asarray(points, float)
    mean, cov = data.mean(axis=0), np.cov(data.T)

    def error(model, s):
        noisy = data + s * np.random.default_rng(0).normal(size=data.shape)
        exact = mean + (noisy - mean) @ (cov @ np.linalg.inv(cov + s**2 * np.eye(3))).T
        found = model(jnp.asarray(noisy, jnp.float32), jnp.asarray(s, jnp.float32))
        return np.sqrt(np.mean((np.asarray(found) - exact) ** 2))

    for s in (0.2, 0.5, 1.5):
        assert error(solution.value, s) < error(start, s) / 8
    assert solution.value(points, jnp.asarray(0.3, jnp.float32)).dtype == jnp.float32
    # what no network can remove: the variance of x given y, here of independent coordinates
    assert solution.stats["loss"] == pytest.approx(_least_loss(), rel=0.1)


def _least_loss():
    """$E\\,c_{out}^{-2}(s)\\,\\mathrm{var}(x|y)$ over the log-normal noise levels."""
    s = np.exp(-1.2 + 1.2 * np.random.default_rng(0).normal(size=100_000))[:, None]
    variance = np.asarray(SPREAD) ** 2
    left = variance * s**2 / (variance + s**2)
    return np.mean(left * (0.9**2 + s**2) / (0.9 * s) ** 2)


def test_it_trains_in_double_precision_and_resumes(monkeypatch, tmp_path, key):
    """Interrupted after four steps of eight and called again, it gives the same weights."""
    model, run, calls = network(width=4, depth=1), _loop._run_chunk, []
    whole = fit(model, POINTS, SHORT, key=key, loop=Loop(chunk=4)).value
    assert {leaf.dtype for leaf in jax.tree.leaves(whole.function)} == {jnp.dtype(jnp.float64)}

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(*args)

    loop = Loop(chunk=4, checkpoint=tmp_path / "half")
    with monkeypatch.context() as patched:
        patched.setattr(_loop, "_run_chunk", interrupted)
        half = fit(model, POINTS, SHORT, key=key, loop=loop, throw=False)
    assert int(half.stats["num_steps"]) == 4
    rest = fit(model, POINTS, SHORT, key=key, loop=loop)
    assert int(rest.stats["num_steps"]) == 8
    for one, other in zip(jax.tree.leaves(rest.value), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_weights_are_an_average_over_the_training(key):
    """The weights after each step, mixed by hand."""
    method = diffusion.DenoisingScoreMatching(0.1, 4, batch_size=8, average=1.0)
    data, state = method.init((network(width=4, depth=1), POINTS), key)
    step, expected = eqx.filter_jit(method.step), 0.0
    for t in range(1, 5):
        state = step(data, state)
        keep = (1 - 1 / t) ** 2
        expected = keep * expected + (1 - keep) * state.parameters.last.bias
    np.testing.assert_allclose(state.average.last.bias, expected, rtol=1e-12)
    assert float(jnp.abs(expected - state.parameters.last.bias).max()) > 1e-3


def test_what_cannot_be_trained(key):
    model = network(width=4, depth=1)
    train = lambda model, points, key=key: fit(model, points, SHORT, key=key)
    with pytest.raises(ValueError, match=r"not finite in 1 row.*the first is row 7"):
        train(model, POINTS.at[7, 1].set(jnp.nan))
    with pytest.raises(ValueError, match="data are float32 and the weights float64"):
        train(model, POINTS.astype(jnp.float32))
    with pytest.raises(ValueError, match=r"shape \(n, \.\.\.\), got \(2000,\)"):
        train(model, POINTS[:, 0])
    with pytest.raises(ValueError, match="give a random key"):
        train(model, POINTS, None)
    with pytest.raises(ValueError, match="nothing to train"):
        train(diffusion.Preconditioned(lambda x, c: x), POINTS)
    narrow = diffusion.Preconditioned(eqx.Partial(lambda w, x, c: w * x[:, :2], jnp.ones(())))
    with pytest.raises(ValueError, match=r"the shape \(1, 2\) for data of the shape \(1, 3\)"):
        train(narrow, POINTS)
    with pytest.raises(TypeError, match="DenoisingScoreMatching does not accept a KernelDenoiser"):
        train(diffusion.KernelDenoiser(POINTS), POINTS)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_the_deviation_of_the_data_is_positive(value):
    with pytest.raises(ValueError, match=f"sigma_data must be positive, got {value}"):
        diffusion.Preconditioned(lambda x, c: x, value)


def test_sizes_are_positive(key):
    with pytest.raises(ValueError, match=r"at least 1, got \{'depth': 0\}"):
        diffusion.ResidualMLP(3, 4, 0, key=key)
