"""The choice of nodes as a value that methods share."""

import abc

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float

from ._nodes import chebyshev_nodes, gauss_legendre_nodes, uniform_nodes
from ._quadrature import clenshaw_curtis_weights, gauss_legendre_weights, trapezoid_weights


class AbstractNodes(eqx.Module):
    """Where a method puts its points along one dimension, and the quadrature that belongs to them.

    Example:
        ```python
        x = ChebyshevNodes().points(0.0, 1.0, 32)
        w = ChebyshevNodes().weights(0.0, 1.0, 32)
        integral = w @ f(x)
        ```
    """

    @abc.abstractmethod
    def points(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """The $n$ nodes in $[a, b]$, ascending."""

    @abc.abstractmethod
    def weights(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """The quadrature weights that belong to the nodes, with sum $b - a$."""


class UniformNodes(AbstractNodes):
    """Equally spaced nodes with both ends; trapezoidal weights."""

    def points(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `uniform_nodes`."""
        return uniform_nodes(lower, upper, n)

    def weights(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `trapezoid_weights`."""
        return trapezoid_weights(lower, upper, n)


class ChebyshevNodes(AbstractNodes):
    """Chebyshev-Gauss-Lobatto nodes with both ends; Clenshaw-Curtis weights."""

    def points(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `chebyshev_nodes`."""
        return chebyshev_nodes(lower, upper, n)

    def weights(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `clenshaw_curtis_weights`."""
        return clenshaw_curtis_weights(lower, upper, n)


class GaussLegendreNodes(AbstractNodes):
    """Gauss-Legendre nodes, inside the open interval, and weights."""

    def points(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `gauss_legendre_nodes`."""
        return gauss_legendre_nodes(lower, upper, n)[0]

    def weights(self, lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
        """See `gauss_legendre_weights`."""
        return gauss_legendre_weights(lower, upper, n)
