"""The Schrödinger bridge between two clouds of points."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel, AbstractProblem
from ._path import brownian_bridge
from ._validation import finite_rows, inexact, positive, simplex


class DiscreteBridge(AbstractProblem):
    """$\\min_\\pi \\sum_{ij}\\pi_{ij}|x_i - y_j|^2/2 + \\varepsilon KL(\\pi | a \\otimes b)$.

    Entropic optimal transport between weighted points: the Schrödinger bridge between the two
    empirical distributions for the reference process $\\sqrt\\varepsilon\\,W_t$.

    Attributes:
        x0: $x_i$, shape `(n, D)`.
        x1: $y_j$, shape `(m, D)`.
        epsilon: $\\varepsilon > 0$, the variance of the reference process at time 1.
        weights0: $a_i$, summing to one; equal by default.
        weights1: $b_j$.
    """

    x0: Float[Array, "n d"]
    x1: Float[Array, "m d"]
    epsilon: Float[Array, ""]
    weights0: Float[Array, " n"]
    weights1: Float[Array, " m"]

    def __init__(
        self,
        x0: ArrayLike,
        x1: ArrayLike,
        epsilon: ArrayLike,
        weights0: ArrayLike | None = None,
        weights1: ArrayLike | None = None,
    ):
        """State the problem.

        Raises:
            ValueError: if dimensions differ, a row is not finite, weights are negative or do not
                sum to one, or epsilon is not positive.
        """
        self.x0 = inexact(x0)
        dtype = self.x0.dtype
        self.x1 = inexact(x1, dtype)
        finite_rows("DiscreteBridge: x0", self.x0)
        finite_rows("DiscreteBridge: x1", self.x1)
        if self.x0.shape[1] != self.x1.shape[1]:
            raise ValueError(
                "DiscreteBridge: x0 and x1 must have the same dimension D, got the shapes "
                f"{self.x0.shape} and {self.x1.shape}."
            )
        remedy = "without noise the problem is a linear programme."
        self.epsilon = positive("DiscreteBridge: epsilon", epsilon, dtype, remedy)
        n, m = self.x0.shape[0], self.x1.shape[0]
        self.weights0 = simplex("DiscreteBridge: weights0", weights0, n, dtype)
        self.weights1 = simplex("DiscreteBridge: weights1", weights1, m, dtype)

    def costs(self) -> Float[Array, "n m"]:
        """$|x_i - y_j|^2/2$."""
        return half_squares(self.x0, self.x1)

    def residual(self, plan: Float[Array, "n m"]) -> Float[Array, ""]:
        """The mass that the marginals of `plan` miss, $|\\pi 1 - a|_1 + |\\pi^T 1 - b|_1$."""
        rows = jnp.sum(plan, axis=1) - self.weights0
        columns = jnp.sum(plan, axis=0) - self.weights1
        return jnp.sum(jnp.abs(rows)) + jnp.sum(jnp.abs(columns))


class SinkhornBridge(AbstractModel):
    """$g(x, t) = (\\sum_j w_j(x, t)\\,y_j - x)/(1 - t)$, the bridge of two clouds of points.

    With potentials $\\varphi, \\psi$ the plan is
    $a_i b_j \\exp((\\varphi_i + \\psi_j - |x_i - y_j|^2/2)/\\varepsilon)$, and
    $w_j(x, t) \\propto b_j e^{\\psi_j/\\varepsilon} N(y_j; x, \\varepsilon(1-t) I)$ holds at any
    $x$, also away from the points of the start.

    Attributes:
        problem: points, weights and epsilon.
        potential0: $\\varphi_i$.
        potential1: $\\psi_j$; only its sum with $\\varphi_i$ counts.

    Source: A.-A. Pooladian, J. Niles-Weed, Plug-in estimation of Schrödinger bridges (2024).
    """

    problem: DiscreteBridge
    potential0: Float[Array, " n"]
    potential1: Float[Array, " m"]

    @property
    def plan(self) -> Float[Array, "n m"]:
        """$\\pi_{ij}$."""
        p = self.problem
        exponent = self.potential0[:, None] + self.potential1 - p.costs()
        mass = p.weights0[:, None] * p.weights1
        return mass * jnp.exp(jnp.where(mass > 0, exponent, 0) / p.epsilon)

    @property
    def cost(self) -> Float[Array, ""]:
        """$\\sum_{ij}\\pi_{ij}|x_i - y_j|^2/2 + \\varepsilon KL(\\pi | a\\otimes b)$, by duality.

        The entropy is relative to the product of the marginals here, and to the Lebesgue measure
        in `LightBridge.cost`: the two differ by $\\varepsilon$ times the entropy of the end.
        """
        p = self.problem
        return p.weights0 @ self.potential0 + p.weights1 @ self.potential1

    def weights(self, x: Float[Array, "... d"], t: ArrayLike = 0.0) -> Float[Array, "... m"]:
        """$P(x_1 = y_j \\mid x_t = x)$ for $t < 1$.

        Args:
            x: any points.
            t: the time, a scalar.
        """
        p = self.problem
        apart = half_squares(x.reshape(-1, x.shape[-1]), p.x1)
        exponent = (self.potential1 - apart / (1 - t)) / p.epsilon
        alive = p.weights1 > 0
        peak = jnp.max(jnp.where(alive, exponent, -jnp.inf), axis=1, keepdims=True)
        peak = jax.lax.stop_gradient(peak)
        # near a point without mass its exponent would overflow
        terms = p.weights1 * jnp.exp(jnp.where(alive, exponent, jnp.minimum(exponent, peak)) - peak)
        weights = terms / jnp.sum(terms, axis=1, keepdims=True)
        return weights.reshape(*x.shape[:-1], -1)

    def mean(self, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """$E[x_1 | x_0 = x]$: the barycentric projection, extended to all points."""
        return self.weights(x) @ self.problem.x1

    def covariance(self, x: Float[Array, "... d"]) -> Float[Array, "... d d"]:
        """$\\operatorname{Cov}[x_1 | x_0 = x]$."""
        weights = self.weights(x)
        apart = self.problem.x1 - (weights @ self.problem.x1)[..., None, :]
        return jnp.einsum("...m,...md,...me->...de", weights, apart, apart)

    def drift(self, t: ArrayLike, x: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """$(E[x_1 | x_t = x] - x)/(1 - t)$.

        Args:
            t: the time in [0, 1), a scalar; at 1 the process has settled on the points.
            x: where.

        Returns:
            $g$ in $dX = g\\,dt + \\sqrt\\varepsilon\\,dW$.
        """
        return (self.weights(x, t) @ self.problem.x1 - x) / (1 - t)

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
        index = jax.random.categorical(first, jnp.log(self.weights(x)))
        end = self.problem.x1[index]
        if times is None:
            return end
        return brownian_bridge(second, x, end, times, self.problem.epsilon)


def half_squares(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """$|x_i - y_j|^2/2$ by products of matrices, around the middle of $y$."""
    middle = jax.lax.stop_gradient(jnp.mean(y, axis=0))
    x, y = x - middle, y - middle
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)
    return jnp.maximum(squares / 2 - x @ y.T, 0)
