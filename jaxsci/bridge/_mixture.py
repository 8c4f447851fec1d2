"""Gaussian mixtures, one per row: the conditional plans and transition densities of a bridge."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._spread import AbstractSpread


class GaussianMixture(eqx.Module):
    """$\\sum_k w_k N(y; \\mu_k, \\Sigma_k)$, with weights and means of their own for every row.

    Attributes:
        log_weights: $\\log w_k$, normalised.
        means: $\\mu_k$.
        spread: $\\Sigma_k$, shared by all rows.
    """

    log_weights: Float[Array, "... k"]
    means: Float[Array, "... k d"]
    spread: AbstractSpread

    def mean(self) -> Float[Array, "... d"]:
        """$\\sum_k w_k \\mu_k$."""
        return jnp.einsum("...k,...kd->...d", jnp.exp(self.log_weights), self.means)

    def covariance(self) -> Float[Array, "... d d"]:
        """$\\sum_k w_k (\\Sigma_k + (\\mu_k - \\mu)(\\mu_k - \\mu)^T)$."""
        weights = jnp.exp(self.log_weights)
        apart = self.means - self.mean()[..., None, :]
        within = jnp.einsum("...k,kde->...de", weights, self.spread.dense())
        return within + jnp.einsum("...k,...kd,...ke->...de", weights, apart, apart)

    def log_density(self, y: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\log\\sum_k w_k N(y; \\mu_k, \\Sigma_k)$, row by row."""
        apart = y[..., None, :] - self.means
        squares = jnp.sum(apart * self.spread.inverse().mv(apart), axis=-1)
        volume = self.spread.log_det() + y.shape[-1] * math.log(2 * math.pi)
        return jax.nn.logsumexp(self.log_weights - (squares + volume) / 2, axis=-1)

    def sample(self, key: Array) -> Float[Array, "... d"]:
        """One draw per row."""
        pick, noise = jax.random.split(key)
        index = jax.random.categorical(pick, self.log_weights)
        chosen = jnp.take_along_axis(self.means, index[..., None, None], axis=-2)[..., 0, :]
        white = jax.random.normal(noise, chosen.shape, chosen.dtype)
        return chosen + self.spread.color(white, index)
