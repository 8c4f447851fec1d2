"""Kernels on boxes: products and sums over the dimensions of one-dimensional kernels."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..pde import Orders
from ._kernels import AbstractKernel


class AbstractBoxKernel(eqx.Module):
    """A stationary kernel $k(x - x')$ in several dimensions.

    $\\mathrm{cov}(\\partial^\\alpha u(x), \\partial^\\beta u(x')) = (-1)^{|\\beta|}
    (\\partial^{\\alpha + \\beta} k)(x - x')$.
    """

    factors: eqx.AbstractVar[tuple[AbstractKernel, ...]]

    @abc.abstractmethod
    def derivative(self, r: tuple[Float[Array, "*s"], ...], orders: Orders) -> Float[Array, "*s"]:
        """$\\partial^{\\gamma} k$ at the differences `r`, one array per dimension.

        Raises:
            ValueError: if a factor is not so often differentiable at 0.
        """


class ProductKernel(AbstractBoxKernel):
    """$k(x - x') = \\prod_j k_j(x_j - x_j')$, one kernel per dimension."""

    factors: tuple[AbstractKernel, ...]

    def __init__(self, *factors: AbstractKernel):
        """One kernel per dimension."""
        self.factors = _factors("ProductKernel", factors)

    def derivative(self, r: tuple[Float[Array, "*s"], ...], orders: Orders) -> Float[Array, "*s"]:
        """See `AbstractBoxKernel.derivative`."""
        parts = [k.derivative(r[j], orders[j]) for j, k in enumerate(self.factors)]
        result = parts[0]
        for part in parts[1:]:
            result = result * part
        return result


class AdditiveKernel(AbstractBoxKernel):
    """$k(x - x') = \\sum_j k_j(x_j - x_j')$: the process is a sum of functions of one variable."""

    factors: tuple[AbstractKernel, ...]

    def __init__(self, *factors: AbstractKernel):
        """One kernel per dimension."""
        self.factors = _factors("AdditiveKernel", factors)

    def derivative(self, r: tuple[Float[Array, "*s"], ...], orders: Orders) -> Float[Array, "*s"]:
        """See `AbstractBoxKernel.derivative`; mixed derivatives vanish."""
        result = jnp.zeros(jnp.broadcast_shapes(*(part.shape for part in r)), r[0].dtype)
        for j, kernel in enumerate(self.factors):
            if all(order == 0 for axis, order in enumerate(orders) if axis != j):
                result = result + kernel.derivative(r[j], orders[j])
        return result


def box_kernel(
    owner: str, kernel: AbstractKernel | AbstractBoxKernel, dim: int
) -> AbstractBoxKernel:
    """`kernel` on a `dim`-dimensional box; a one-dimensional one is the factor of every dimension.

    Raises:
        ValueError: if the kernel has another number of dimensions.
        TypeError: if it is not a kernel.
    """
    if isinstance(kernel, AbstractKernel):
        return ProductKernel(*(kernel,) * dim)
    if not isinstance(kernel, AbstractBoxKernel):
        raise TypeError(f"{owner}: kernel must be a kernel of jaxsci.gp, got {kernel!r}.")
    if len(kernel.factors) != dim:
        raise ValueError(
            f"{owner}: the kernel has {len(kernel.factors)} factor(s), the problem {dim} "
            "dimension(s). Give one factor per dimension."
        )
    return kernel


def _factors(name: str, factors: tuple) -> tuple[AbstractKernel, ...]:
    if not factors or not all(isinstance(factor, AbstractKernel) for factor in factors):
        raise TypeError(f"{name} takes one one-dimensional kernel per dimension, got {factors}.")
    return factors
