"""What every Gaussian-process solution offers: mean, deviation and samples."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

from .._core import AbstractSolution
from ..pde import AbstractField, Orders


class AbstractGPSolution(AbstractSolution, AbstractField):
    """A Gaussian posterior over $u$: `sol(points)` is its mean, `sol.std(points)` its deviation.

    `value` holds the posterior mean at the method's own nodes.
    """

    dim: eqx.AbstractVar[int]

    @abc.abstractmethod
    def std(self, points: Float[Array, "n d"], orders: Orders | None = None) -> Float[Array, " n"]:
        """Posterior standard deviation of $\\partial^{\\alpha} u$ at points; of $u$ by default."""

    @abc.abstractmethod
    def sample(
        self,
        key: Array,
        points: Float[Array, "n d"],
        num_samples: int = 1,
        orders: Orders | None = None,
    ) -> Float[Array, "s n"]:
        """Draws of $\\partial^{\\alpha} u$ at points, jointly Gaussian; of $u$ by default."""
