"""Noise schedules keep their contract; denoisers of every output are one denoiser."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import diffusion

BETAS = jnp.linspace(1e-4, 0.02, 1000)
SCHEDULES = {
    "VPLinear": diffusion.VPLinear(),
    "VPCosine": diffusion.VPCosine(),
    "DiscreteVP": diffusion.DiscreteVP(jnp.cumprod(1 - BETAS)),
    "EDM": diffusion.EDM(),
    "FlowMatching": diffusion.FlowMatching(3.0),
}
EVERY = pytest.mark.parametrize("noise", SCHEDULES.values(), ids=SCHEDULES)
PRESERVING = ("VPLinear", "VPCosine", "DiscreteVP")


@EVERY
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 3e-5), ("float64", 1e-12)])
def test_the_inverse_and_the_definition_of_log_snr(noise, dtype, bound):
    t = noise.spaced(jnp.linspace(0, 1, 57, dtype=dtype))
    found = noise.log_snr(t)
    assert found.dtype == t.dtype == noise.time(found).dtype == dtype
    np.testing.assert_allclose(noise.time(found), t, rtol=bound, atol=bound)
    np.testing.assert_allclose(jnp.log(noise.alpha(t) / noise.sigma(t)), found, atol=bound)
    assert (np.diff(found) > 0).all(), "from most noise to least"


@pytest.mark.parametrize("name", PRESERVING)
def test_variance_is_preserved(name):
    t = SCHEDULES[name].spaced(jnp.linspace(0, 1, 57))
    power = SCHEDULES[name].alpha(t) ** 2 + SCHEDULES[name].sigma(t) ** 2
    np.testing.assert_allclose(power, 1, rtol=1e-13)


def test_published_values():
    """The integral of beta, the cosine at its middle, the table itself, the shift at one half."""
    half = jnp.asarray(0.5)
    np.testing.assert_allclose(diffusion.VPLinear().alpha(half), np.exp(-(0.05 + 2.4875) / 2))
    cosine = lambda t: np.cos(np.pi / 2 * (t + 0.008) / 1.008)
    np.testing.assert_allclose(diffusion.VPCosine().alpha(half), cosine(0.5) / cosine(0.0))
    table = SCHEDULES["DiscreteVP"]
    np.testing.assert_allclose(
        table.alpha(jnp.arange(1000.0)) ** 2, table.alphas_cumprod, rtol=1e-12
    )
    shifted = diffusion.FlowMatching(3.0, 1.0, 0.0)
    np.testing.assert_allclose(shifted.spaced(half), 0.75)


@EVERY
@pytest.mark.parametrize("output", ["eps", "x0", "v", "score", "flow"])
def test_a_network_of_any_output_is_the_same_denoiser(noise, output):
    exact = diffusion.KernelDenoiser(jnp.asarray([[0.3, -0.2], [1.0, 0.4], [-0.6, 0.9]]))

    def network(x, t, shift):
        alpha, sigma = noise.alpha(t), noise.sigma(t)
        clean = exact(x / alpha, sigma / alpha) + shift
        return diffusion.predicted_output(output, x, clean, alpha, sigma)

    wrapped = diffusion.Denoiser(network, noise, output, (jnp.asarray(0.1),))
    y = jnp.asarray([[0.5, 0.5], [-0.3, 0.1]])
    for level in (0.3, 2.0, 9.0):
        s = jnp.asarray(level)
        np.testing.assert_allclose(wrapped(y, s), exact(y, s) + 0.1, rtol=1e-10, atol=1e-10)


def low_rank(dtype, d=6, k=3, r=2):
    random = np.random.default_rng(1)
    basis = np.linalg.qr(random.normal(size=(k, d, r)))[0]
    fields = (
        random.normal(size=k),
        random.normal(size=(k, d)),
        basis,
        0.3 + random.uniform(size=(k, r)),
        0.02 + 0.1 * random.uniform(size=k),
    )
    return diffusion.MixtureDenoiser(*(jnp.asarray(f, dtype) for f in fields))


def test_mixture_against_dense_matrices_and_against_the_score():
    """Tweedie: $D = y + s^2\\nabla\\log p_s(y)$."""
    model, s = low_rank("float64"), jnp.asarray(0.7)
    y = jnp.asarray(np.random.default_rng(2).normal(size=(5, 6)))
    score = jax.jit(jax.grad(lambda rows: model.log_density(rows, s).sum()))(y)
    np.testing.assert_allclose(
        eqx.filter_jit(model)(y, s), y + s**2 * score, rtol=1e-11, atol=1e-11
    )
    outer = jnp.einsum("kdr,ker->kde", model.basis, model.basis)
    wide = jnp.einsum("kdr,kr,ker->kde", model.basis, model.variances, model.basis)
    dense = wide + model.tail[:, None, None] * (jnp.eye(6) - outer) + s**2 * jnp.eye(6)
    density = jax.vmap(jax.scipy.stats.multivariate_normal.logpdf, (None, 0, 0), out_axes=1)(
        y, model.means, dense
    )
    exact = jax.nn.logsumexp(density + model.log_weights, axis=1)
    gap = np.asarray(model.log_density(y, s) - exact)  # the same constant everywhere
    np.testing.assert_allclose(gap, gap[0], atol=1e-11)


def test_mixture_samples_have_its_moments(key):
    model = low_rank("float64")
    drawn = np.asarray(model.sample(key, 40_000))
    chance = np.asarray(jax.nn.softmax(model.log_weights))
    mean = chance @ np.asarray(model.means)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    trace = chance @ np.asarray(
        model.variances.sum(axis=1) + 4 * model.tail + ((model.means - mean) ** 2).sum(axis=1)
    )
    np.testing.assert_allclose(drawn.var(axis=0).sum(), trace, rtol=0.02)


def test_mixture_of_3072_dimensions_in_float32():
    """A small tail variance, where expanded squares would be wrong by several nats."""
    double = low_rank("float64", 3072, 4, 8)
    single = jax.tree.map(lambda leaf: leaf.astype("float32"), double)
    y = double.means + 0.1
    at = eqx.filter_jit(lambda model, y, s: model(y, s))
    for level in (0.01, 1.0, 80.0):
        exact = at(double, y, jnp.asarray(level))
        found = at(single, y.astype("float32"), jnp.asarray(level, "float32"))
        np.testing.assert_allclose(found, exact, atol=2e-4)


def test_kernel_denoiser_is_the_posterior_mean():
    data = jnp.asarray(np.random.default_rng(5).normal(size=(9, 3)))
    y, s = jnp.asarray([[0.2, -0.1, 0.4]]), 0.8
    weight = np.exp(-((np.asarray(y) - np.asarray(data)) ** 2).sum(axis=1) / (2 * s**2))
    exact = weight @ np.asarray(data) / weight.sum()
    np.testing.assert_allclose(diffusion.KernelDenoiser(data)(y, jnp.asarray(s))[0], exact)


def test_guidance_and_thresholds():
    data = jnp.asarray([[0.3, -0.2], [1.0, 0.4], [-0.6, 0.9]])
    first, second = diffusion.KernelDenoiser(data), diffusion.KernelDenoiser(2 * data)
    y, s = jnp.asarray([[0.5, 0.5], [3.0, 0.1]]), jnp.asarray(0.9)
    for step, weight in ((0, 1.5), (1, 4.0), (7, 4.0)):
        guided = diffusion.Guided(first, second, jnp.asarray([1.5, 4.0]))(y, s, step)
        np.testing.assert_allclose(guided, second(y, s) + weight * (first(y, s) - second(y, s)))
    hook = diffusion.dynamic_threshold(0.75)
    clean = jnp.asarray([[0.1, -0.4, 0.3, 0.2], [4.0, -2.0, 1.0, 0.0]])
    np.testing.assert_allclose(hook(clean)[0], clean[0])
    reach = np.quantile([4.0, 2.0, 1.0, 0.0], 0.75)
    np.testing.assert_allclose(hook(clean)[1], np.clip(clean[1], -reach, reach) / reach)
    threshold = diffusion.Thresholded(second, hook)
    np.testing.assert_allclose(threshold(y, s), hook(second(y, s)))
