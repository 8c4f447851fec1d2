"""The light Schrödinger bridge: a Gaussian mixture as potential, everything else in closed form."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel, concrete
from ._data import Weighted
from ._exponents import Exponents
from ._mixture import GaussianMixture
from ._path import brownian_bridge
from ._reverse import ReverseBridge
from ._spread import AbstractSpread, Diagonal, Full


class LightBridge(AbstractModel):
    """$\\pi(y|x) = e^{x^T y/\\varepsilon} v(y)$, $v = \\sum\\alpha_k N(r_k, \\varepsilon S_k)$.

    The Schrödinger bridge between two distributions over the unit of time, for the reference
    process $\\sqrt\\varepsilon\\,W_t$ (cost $|x-y|^2/2$). The plan of a start $x$ is the mixture
    $\\sum_k w_k(x) N(r_k + S_k x, \\varepsilon S_k)$; the drift follows without poles.

    Attributes:
        log_weights: $\\log\\alpha_k$; a common constant changes nothing.
        centers: $r_k$.
        spread: $S_k$, `Diagonal` or `Full`.
        epsilon: $\\varepsilon > 0$, the variance of the reference process at time 1.

    Source: Korotin, Gushchin, Burnaev, Light Schrödinger Bridge (arXiv 2310.01174), equations 8-12.
    """

    log_weights: Float[Array, " k"]
    centers: Float[Array, "k d"]
    spread: AbstractSpread
    epsilon: Float[Array, ""]

    def __init__(
        self,
        log_weights: Float[Array, " k"],
        centers: Float[Array, "k d"],
        spread: AbstractSpread,
        epsilon: ArrayLike,
    ):
        """Assemble a bridge.

        Raises:
            ValueError: if shapes disagree or epsilon is not positive.
        """
        self.centers = jnp.asarray(centers)
        self.log_weights = jnp.asarray(log_weights, self.centers.dtype)
        self.spread = spread
        self.epsilon = jnp.asarray(epsilon, self.centers.dtype)
        if self.centers.shape != spread.shape or self.log_weights.shape != spread.shape[:1]:
            raise ValueError(
                "LightBridge: log_weights, centers and spread must have the shapes (K,), (K, D) "
                f"and (K, D), got {self.log_weights.shape}, {self.centers.shape}, {spread.shape}."
            )
        if self.epsilon.ndim != 0:
            raise ValueError(
                f"LightBridge: epsilon must be a number, got the shape {self.epsilon.shape}; "
                "use jax.vmap for many of them."
            )
        if concrete(self.epsilon) and not np.asarray(self.epsilon) > 0:
            raise ValueError(
                f"LightBridge: epsilon must be positive, got {float(self.epsilon)}; without noise "
                "the problem is optimal transport."
            )

    @staticmethod
    def blank(
        dim: int, num_components: int, epsilon: ArrayLike, *, full: bool = False
    ) -> "LightBridge":
        """The Brownian motion itself, as a template for `fit`.

        Args:
            dim: D.
            num_components: K.
            epsilon: the variance of the reference process.
            full: full instead of diagonal shape matrices.

        Raises:
            ValueError: if a size or epsilon is not positive.
        """
        if dim < 1 or num_components < 1:
            raise ValueError(
                f"LightBridge.blank: dim and num_components must be at least 1, got {dim} and "
                f"{num_components}."
            )
        zeros = jnp.zeros((num_components, dim), jnp.result_type(float, epsilon))
        spread = Diagonal(jnp.ones_like(zeros))
        return LightBridge(zeros[:, 0], zeros, Full(spread.dense()) if full else spread, epsilon)

    @property
    def dim(self) -> int:
        """D."""
        return self.centers.shape[1]

    @property
    def num_components(self) -> int:
        """K."""
        return self.centers.shape[0]

    def log_potential(self, y: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\log v(y)$, the adjusted potential."""
        terms = self.potential_exponents()(_rows(y))
        return jax.nn.logsumexp(terms, axis=0).reshape(y.shape[:-1])

    def log_normaliser(self, x: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\log c(x) = \\log\\int e^{\\langle x, y\\rangle/\\varepsilon} v(y)\\,dy$."""
        terms = self.normaliser_exponents()(_rows(x))
        return jax.nn.logsumexp(terms, axis=0).reshape(x.shape[:-1])

    def potential_exponents(self) -> Exponents:
        """$\\log\\alpha_k N(y; r_k, \\varepsilon S_k)$ as functions of $y$."""
        precision = self.spread.inverse()
        pulled = precision.mv(self.centers) / self.epsilon
        log_det = self.spread.log_det() + self.dim * jnp.log(2 * math.pi * self.epsilon)
        at_zero = self.log_weights - (log_det + jnp.sum(pulled * self.centers, axis=1)) / 2
        return Exponents(at_zero, pulled, precision.affine(-1 / self.epsilon, 0.0))

    def normaliser_exponents(self) -> Exponents:
        """$\\log\\alpha_k + (x^T S_k x + 2 r_k^T x)/(2\\varepsilon)$ as functions of $x$."""
        curvature = self.spread.affine(1 / self.epsilon, 0.0)
        return Exponents(self.log_weights, self.centers / self.epsilon, curvature)

    def conditional(self, x: Float[Array, "... d"]) -> GaussianMixture:
        """The plan $\\pi(\\cdot|x)$: where a particle that starts at $x$ ends."""
        return self.transition(x, 1.0)

    def log_plan(self, x: Float[Array, "... d"], y: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\log\\pi(y|x)$."""
        return (
            jnp.sum(x * y, axis=-1) / self.epsilon + self.log_potential(y) - self.log_normaliser(x)
        )

    def transition(self, x: Float[Array, "... d"], t: ArrayLike) -> GaussianMixture:
        """The law of the particle at time $t > 0$ that starts at $x$.

        $\\sum_k w_k(x) N((1-t) x + t (r_k + S_k x), \\varepsilon t\\,(t S_k + (1-t) I))$.
        """
        terms = self.normaliser_exponents()(_rows(x)).T.reshape(*x.shape[:-1], -1)
        ends = self.centers + self.spread.mv(jnp.broadcast_to(x[..., None, :], self._wide(x)))
        means = (1 - t) * x[..., None, :] + t * ends
        variance = self.epsilon * t
        spread = self.spread.affine(variance * t, variance * (1 - t))
        weights = jax.nn.log_softmax(terms, axis=-1)
        return GaussianMixture(weights, jnp.asarray(means), spread)

    def drift(self, t: ArrayLike, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """$g(x, t) = \\sum_k w_k(x, t)\\, M_k^{-1} ((S_k - I) x + r_k)$, $M_k = t S_k + (1-t) I$.

        Regular on the whole of [0, 1].

        Args:
            t: the time, a scalar.
            x: where.

        Returns:
            $g$ in $dX = g\\,dt + \\sqrt\\varepsilon\\,dW$.
        """
        inverse = self.spread.affine(t, 1 - t).inverse()
        away = self.spread.affine(1.0, -1.0)
        log_det = -inverse.log_det()
        wide = jnp.broadcast_to(x[..., None, :], self._wide(x))
        velocity = inverse.mv(away.mv(wide) + self.centers)
        pulled = inverse.mv(self.centers)
        # x^T M^-1 (S - I) x + 2 x^T M^-1 r - t r^T M^-1 r
        exponent = jnp.sum(wide * (velocity + pulled), axis=-1)
        exponent = exponent - t * jnp.sum(pulled * self.centers, axis=-1)
        terms = self.log_weights - log_det / 2 + exponent / (2 * self.epsilon)
        return jnp.einsum("...k,...kd->...d", jax.nn.softmax(terms, axis=-1), velocity)

    def sample(
        self, key: Array, x: Float[Array, "... d"], times: Float[Array, " m"] | None = None
    ) -> Float[Array, "..."]:
        """One trajectory per start, without integrating anything.

        Args:
            key: a random key.
            x: starts, shape `(..., D)`.
            times: increasing, in [0, 1]; `None` for the ends alone.

        Returns:
            The ends, shape `(..., D)`, or the positions at all times, shape `(m, ..., D)`.
        """
        first, second = jax.random.split(key)
        end = self.conditional(x).sample(first)
        return end if times is None else brownian_bridge(second, x, end, times, self.epsilon)

    def loss(
        self,
        x0: Float[Array, "n d"],
        x1: Float[Array, "m d"],
        weights: tuple[Float[Array, " n"], Float[Array, " m"]] | None = None,
    ) -> Float[Array, ""]:
        """$E\\log c(x_0) - E\\log v(x_1)$: the divergence to the bridge, plus a constant.

        Args:
            x0: samples at time 0.
            x1: samples at time 1.
            weights: of the samples, each summing to one; equal by default.
        """
        first, second = (None, None) if weights is None else weights
        return _mean(self.log_normaliser(x0), first) - _mean(self.log_potential(x1), second)

    def cost(
        self,
        x0: Float[Array, "n d"],
        x1: Float[Array, "m d"],
        weights: tuple[Float[Array, " n"], Float[Array, " m"]] | None = None,
    ) -> Float[Array, ""]:
        """$\\min_\\pi E|x-y|^2/2 - \\varepsilon E_x H(\\pi(\\cdot|x))$, by duality.

        The entropic transport cost is $E|x_0|^2/2 + E|x_1|^2/2 - \\varepsilon\\,$`loss`. For a
        fitted model its derivative in $\\varepsilon$ is the partial one, by the envelope theorem.
        """
        first, second = (None, None) if weights is None else weights
        energy = _mean(jnp.sum(x0**2, axis=-1), first) + _mean(jnp.sum(x1**2, axis=-1), second)
        return energy / 2 - self.epsilon * self.loss(x0, x1, weights)

    def reverse(
        self, x0: Float[Array, "n d"], weights: Float[Array, " n"] | None = None
    ) -> ReverseBridge:
        """The same process run from its end to its start, for samples of the start.

        Args:
            x0: samples at time 0.
            weights: theirs, summing to one; equal by default.
        """
        even = jnp.full(x0.shape[0], 1 / x0.shape[0], x0.dtype)
        return ReverseBridge(self, Weighted(x0, even if weights is None else weights))

    def shifted(self, start: Float[Array, " d"], end: Float[Array, " d"]) -> "LightBridge":
        """The same bridge between the data moved by `start` at time 0 and by `end` at time 1."""
        turned = self.spread.mv(jnp.broadcast_to(start, self.centers.shape))
        tilt = jnp.sum(start * (turned - 2 * self.centers), axis=1) / (2 * self.epsilon)
        centers = self.centers - turned + end
        return LightBridge(self.log_weights + tilt, centers, self.spread, self.epsilon)

    def normalised(self) -> "LightBridge":
        """The same bridge with weights that sum to one."""
        log_weights = jax.nn.log_softmax(self.log_weights)
        return LightBridge(log_weights, self.centers, self.spread, self.epsilon)

    def _wide(self, x: Array) -> tuple[int, ...]:
        return (*x.shape[:-1], *self.centers.shape)


def _rows(x: Float[Array, "... d"]) -> Float[Array, "n d"]:
    return x.reshape(-1, x.shape[-1])


def _mean(values: Array, weights: Array | None) -> Float[Array, ""]:
    return jnp.mean(values) if weights is None else jnp.sum(weights * values)
