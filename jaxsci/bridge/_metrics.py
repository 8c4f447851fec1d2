"""Distances between plans and between samples."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._model import LightBridge


def bures_wasserstein(
    mean0: Float[Array, " d"],
    covariance0: Float[Array, "d d"],
    mean1: Float[Array, " d"],
    covariance1: Float[Array, "d d"],
) -> Float[Array, ""]:
    """$|m_0 - m_1|^2 + \\operatorname{tr}(A + B - 2 (A^{1/2} B A^{1/2})^{1/2})$.

    The trace of the root is the sum of the singular values of $L_A^T L_B$.
    """
    roots = jnp.linalg.cholesky(covariance0).T @ jnp.linalg.cholesky(covariance1)
    cross = jnp.sum(jnp.linalg.svd(roots, compute_uv=False))
    trace = jnp.trace(covariance0) + jnp.trace(covariance1)
    return jnp.sum((mean0 - mean1) ** 2) + trace - 2 * cross


def conditional_bw_uvp(
    model: LightBridge,
    truth: LightBridge,
    x: Float[Array, "n d"],
    variance: Float[Array, ""],
) -> Float[Array, ""]:
    """$100\\,E_x BW^2(\\pi(\\cdot|x), \\pi^*(\\cdot|x)) / \\operatorname{Var} p_1$, in per cent.

    The unexplained variance of the conditional plans, from the exact moments of both: no sampling
    noise.

    Args:
        model: the fitted bridge.
        truth: the exact bridge.
        x: starts to average over.
        variance: the trace of the covariance of the end.

    Source: N. Gushchin et al. (NeurIPS 2023), section 5.
    """

    def one(start: Array) -> Array:
        plans = model.conditional(start), truth.conditional(start)
        moments = [(plan.mean(), plan.covariance()) for plan in plans]
        return bures_wasserstein(*moments[0], *moments[1])

    return 100 * jnp.mean(jax.lax.map(one, x)) / variance


def sampled_conditional_bw_uvp(
    model: LightBridge,
    truth: LightBridge,
    x: Float[Array, "n d"],
    variance: Float[Array, ""],
    key: Array,
    num_samples: int = 1000,
) -> Float[Array, ""]:
    """The same with the moments of `num_samples` draws of the model, as published.

    A perfect model does not score zero: compare with the truth's own score.
    """

    def one(inputs: tuple[Array, Array]) -> Array:
        start, k = inputs
        draws = model.sample(k, jnp.broadcast_to(start, (num_samples, *start.shape)))
        plan = truth.conditional(start)
        return bures_wasserstein(
            jnp.mean(draws, axis=0), jnp.cov(draws, rowvar=False), plan.mean(), plan.covariance()
        )

    keys = jax.random.split(key, x.shape[0])
    return 100 * jnp.mean(jax.lax.map(one, (x, keys))) / variance
