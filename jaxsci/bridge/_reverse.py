"""The backward bridge: the same process, run from its end to its start."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel
from ._data import Weighted

if TYPE_CHECKING:
    from ._model import LightBridge


class ReverseBridge(AbstractModel):
    """$\\pi(x_i|y) \\propto a_i\\,e^{x_i^T y/\\varepsilon} / c(x_i)$ over samples of the start.

    The time reversal of a light bridge that starts in the empirical distribution of $x_0$. It is
    exact for that distribution; a smooth backward bridge is fitted by exchanging the data.

    Attributes:
        forward: the bridge.
        starts: samples at time 0 and their weights.
    """

    forward: "LightBridge"
    starts: Weighted

    def log_posterior(self, x: Float[Array, "... d"], t: ArrayLike = 1.0) -> Float[Array, "... n"]:
        """$\\log P(x_0 = x_i \\mid x_t = x)$ for $t > 0$, normalised.

        By Bayes' rule with $p(x_t|x_i) \\propto N(x_t; x_i, \\varepsilon t) / \\varphi_0(x_i)$ and
        $\\varphi_0(x) = c(x)\\,e^{-|x|^2/2\\varepsilon}$.
        """
        points, epsilon = self.starts.points, self.forward.epsilon
        prior = jnp.log(self.starts.weights) - self.forward.log_normaliser(points)
        prior = prior + jnp.sum(points**2, axis=1) * (1 - 1 / t) / (2 * epsilon)
        return jax.nn.log_softmax(prior + x @ points.T / (epsilon * t), axis=-1)

    def drift(self, t: ArrayLike, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """$(E[x_0 | x_t = x] - x)/t$, the drift against the direction of time.

        Args:
            t: the time of the forward bridge, in (0, 1].
            x: where.
        """
        mean = jnp.exp(self.log_posterior(x, t)) @ self.starts.points
        return (mean - x) / t

    def sample(self, key: Array, y: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """One start for every end $y$."""
        return self.starts.points[jax.random.categorical(key, self.log_posterior(y))]
