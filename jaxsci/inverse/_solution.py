"""The parameters found, and how well the data determine them."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractSolution


class InverseSolution(AbstractSolution):
    """$\\theta \\mid y \\approx N(\\hat\\theta, (J^T J)^{-1})$, Laplace's approximation.

    $J$ is the Jacobian of the whitened residuals, prior included, at the optimum. For a forward
    model that is linear in its parameters this is the posterior itself.

    Attributes:
        value: $\\hat\\theta$, a pytree like the parameters.
        result: a `RESULTS` code; `singular` if the data leave a combination of parameters open.
        stats: `misfit` (root mean square of the whitened residuals of the data: about 1 if model
            and noise are right), `num_steps`.
        covariance: $(J^T J)^{-1}$, in the order of `jax.flatten_util.ravel_pytree`.
        log_evidence: $\\log p(y)$ by Laplace's approximation.
    """

    value: PyTree[Array]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    covariance: Float[Array, "p p"]
    log_evidence: Float[Array, ""]

    __repr__ = AbstractSolution.__repr__

    @property
    def std(self) -> PyTree[Float[Array, "..."]]:
        """Standard deviations, a pytree like the parameters; a batch of solutions has a batch."""
        deviations = jnp.sqrt(jnp.diagonal(self.covariance, axis1=-2, axis2=-1))
        batch = self.covariance.ndim - 2
        leaves, structure = jax.tree.flatten(self.value)
        ends = np.cumsum([math.prod(leaf.shape[batch:]) for leaf in leaves])
        parts = jnp.split(deviations, ends[:-1], axis=-1)
        shaped = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves)]
        return jax.tree.unflatten(structure, shaped)

    def interval(self, level: ArrayLike = 0.95) -> tuple[PyTree[Array], PyTree[Array]]:
        """Bounds that hold each parameter, taken alone, with probability `level`.

        Args:
            level: the probability, in (0, 1).

        Returns:
            The lower and the upper bounds, pytrees like the parameters.
        """
        width = jax.scipy.stats.norm.ppf(0.5 + jnp.asarray(level) / 2)
        bound = lambda sign: jax.tree.map(lambda v, s: v + sign * width * s, self.value, self.std)
        return bound(-1.0), bound(1.0)

    def sample(self, key: Array, num_samples: int = 1) -> PyTree[Array]:
        """Draws from the approximate posterior of one solution, stacked along a new leading axis.

        Args:
            key: a random key.
            num_samples: how many.

        Returns:
            A pytree like the parameters with a leading axis of length `num_samples`.
        """
        mean, shaped = ravel_pytree(self.value)
        normal = jax.random.normal(key, (num_samples, mean.size), mean.dtype)
        draws = mean + normal @ jnp.linalg.cholesky(self.covariance).T
        return jax.vmap(shaped)(draws)
