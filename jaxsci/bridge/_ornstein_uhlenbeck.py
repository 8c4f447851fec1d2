"""Bridges for an Ornstein-Uhlenbeck reference, by a change of variable to the Brownian one."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel, concrete
from ._data import Weighted
from ._mixture import GaussianMixture
from ._model import LightBridge
from ._validation import positive

_SERIES = 0.05  # below it (e^{2u} - 1)/2u is summed: its derivative would cancel


class OrnsteinUhlenbeck(AbstractModel):
    """$dX = -b X\\,dt + \\sqrt\\varepsilon\\,dW$ on [0, 1], the reference process.

    $Z = e^{b(t-1)} X_t$ in the time $\\theta(t) = (e^{2bt} - 1)/(e^{2b} - 1)$ is a Brownian motion
    of variance $\\tilde\\varepsilon = \\varepsilon (1 - e^{-2b})/2b$, from $Z_0 = e^{-b} X_0$ to
    $Z_1 = X_1$. So its Schrödinger bridges are those of Brownian motion between other data:

        process = OrnsteinUhlenbeck(rate, epsilon)
        template = LightBridge.blank(dim, num_components, process.brownian_epsilon)
        data = process.brownian_start(x0), x1
        bridge = process.bridge(fit(template, data, MomentMatching(), key=key).value)

    Attributes:
        rate: $b$; negative for a process that runs away, zero for Brownian motion.
        epsilon: $\\varepsilon > 0$.
    """

    rate: Float[Array, ""]
    epsilon: Float[Array, ""]

    def __init__(self, rate: ArrayLike, epsilon: ArrayLike):
        """State the process.

        Raises:
            ValueError: if the rate is not a finite number or epsilon is not positive.
        """
        dtype = jnp.result_type(float, rate, epsilon)
        remedy = "the process must be noisy."
        self.epsilon = positive("OrnsteinUhlenbeck: epsilon", epsilon, dtype, remedy)
        self.rate = jnp.asarray(rate, dtype)
        if self.rate.ndim != 0:
            raise ValueError(
                f"OrnsteinUhlenbeck: rate must be a number, got the shape {self.rate.shape}; use "
                "jax.vmap for many of them."
            )
        if concrete(self.rate) and not np.isfinite(self.rate):
            raise ValueError(f"OrnsteinUhlenbeck: rate must be finite, got {float(self.rate)}.")

    @property
    def brownian_epsilon(self) -> Float[Array, ""]:
        """$\\tilde\\varepsilon = \\varepsilon (1 - e^{-2b})/2b$, the variance of $X_1|X_0$."""
        return self.epsilon * _growth(-self.rate)

    def brownian_start(self, x0: Any) -> Any:
        """$e^{-b} x_0$, samples or `Weighted` ones: what a bridge is fitted to, with `x1` as it is.

        Args:
            x0: samples at time 0.
        """
        if isinstance(x0, Weighted):
            return Weighted(self.brownian_start(x0.points), x0.weights)
        starts: Array = jnp.asarray(x0, self.rate.dtype)
        return self.decay(1.0) * starts

    def decay(self, t: ArrayLike) -> Float[Array, " ..."]:
        """$e^{-bt}$."""
        return jnp.exp(-self.rate * jnp.asarray(t, self.rate.dtype))

    def clock(self, t: ArrayLike) -> Float[Array, " ..."]:
        """$\\theta(t) = (e^{2bt} - 1)/(e^{2b} - 1)$, from 0 to 1."""
        t = jnp.asarray(t, self.rate.dtype)
        return t * _growth(self.rate * t) / _growth(self.rate)

    def clock_rate(self, t: ArrayLike) -> Float[Array, " ..."]:
        """$\\theta'(t) = 2b e^{2bt}/(e^{2b} - 1)$."""
        return jnp.exp(2 * self.rate * t) / _growth(self.rate)

    def bridge(self, fitted: LightBridge) -> "OrnsteinUhlenbeckBridge":
        """The bridge of this process, from the one fitted to the transformed data.

        Args:
            fitted: a bridge from `brownian_start(x0)` to `x1` for `brownian_epsilon`.

        Raises:
            ValueError: if it was fitted for another epsilon.
        """
        return OrnsteinUhlenbeckBridge(self, fitted)

    def sample(
        self, key: Array, x: Float[Array, "... d"], times: Float[Array, " m"]
    ) -> Float[Array, "m ... d"]:
        """Trajectories of the reference process itself.

        Args:
            key: a random key.
            x: starts.
            times: increasing, in [0, 1].
        """
        wide = (-1,) + (1,) * x.ndim
        gaps = jnp.diff(self.clock(times), prepend=0.0) * self.brownian_epsilon
        noise = jax.random.normal(key, (gaps.size, *x.shape), x.dtype)
        walk = jnp.cumsum(jnp.sqrt(gaps).reshape(wide) * noise, axis=0)
        return (self.decay(1.0) * x + walk) / self.decay(1 - times).reshape(wide)


class OrnsteinUhlenbeckBridge(AbstractModel):
    """$X_t = e^{b(1-t)} Z_{\\theta(t)}$ for a light bridge $Z$: the bridge of an OU reference.

    Attributes:
        process: the reference.
        brownian: the bridge of $Z$.
    """

    process: OrnsteinUhlenbeck
    brownian: LightBridge

    def __init__(self, process: OrnsteinUhlenbeck, brownian: LightBridge):
        """Assemble a bridge.

        Raises:
            ValueError: if the light bridge is for another epsilon than that of $Z$.
        """
        self.process, self.brownian = process, brownian
        asked, given = process.brownian_epsilon, brownian.epsilon
        if concrete((asked, given)) and not abs(given - asked) <= 1e-4 * asked:
            raise ValueError(
                "OrnsteinUhlenbeckBridge: the light bridge must be fitted for the epsilon "
                f"{float(asked):.6g} of the transformed process, got {float(given):.6g}; use "
                "process.brownian_epsilon and process.brownian_start(x0)."
            )

    def conditional(self, x: Float[Array, "... d"]) -> GaussianMixture:
        """The plan $\\pi(\\cdot|x)$: where a particle that starts at $x$ ends."""
        return self.brownian.conditional(self.process.decay(1.0) * x)

    def transition(self, x: Float[Array, "... d"], t: ArrayLike) -> GaussianMixture:
        """The law of the particle at time $t > 0$ that starts at $x$."""
        start, back = self.process.decay(1.0) * x, 1 / self.process.decay(1 - t)
        law = self.brownian.transition(start, self.process.clock(t))
        return GaussianMixture(law.log_weights, back * law.means, law.spread.affine(back**2, 0.0))

    def drift(self, t: ArrayLike, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """$-b x + e^{b(1-t)}\\theta'(t)\\,g(\\theta(t), e^{-b(1-t)} x)$, $g$ the drift of $Z$.

        Args:
            t: the time in [0, 1], a scalar.
            x: where.

        Returns:
            The drift of $dX = \\dots dt + \\sqrt\\varepsilon\\,dW$, that of the reference included.
        """
        shrink = self.process.decay(1 - t)
        pull = self.brownian.drift(self.process.clock(t), shrink * x)
        return self.process.clock_rate(t) / shrink * pull - self.process.rate * x

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
        start = self.process.decay(1.0) * x
        if times is None:
            return self.brownian.sample(key, start)
        path = self.brownian.sample(key, start, self.process.clock(times))
        return path / self.process.decay(1 - times).reshape(-1, *[1] * x.ndim)


def _growth(u: Float[Array, " ..."]) -> Float[Array, " ..."]:
    """$(e^{2u} - 1)/2u$, smooth at zero."""
    small = jnp.abs(u) < _SERIES
    safe = jnp.where(small, 1.0, u)
    series = jnp.zeros_like(u)
    for order in range(9, 1, -1):
        series = (1 + series) * (2 * u) / order
    return jnp.where(small, 1 + series, jnp.expm1(2 * safe) / (2 * safe))
