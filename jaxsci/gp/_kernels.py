"""Stationary one-dimensional kernels $k(r)$, $r = x - x'$, and their sums and products."""

import abc
import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete

Jet = tuple[Float[Array, "..."], ...]


class AbstractKernel(eqx.Module):
    """$k(x, x') = k(r)$ with $r = x - x'$ in one dimension, symmetric and positive definite.

    The covariances of derivatives of the process are derivatives of $k$:

    $$\\mathrm{cov}(\\partial^a u(x), \\partial^b u(x')) = (-1)^b\\, k^{(a+b)}(x - x').$$

    A kernel states its derivatives in closed form; nothing here is differentiated automatically.
    """

    @property
    @abc.abstractmethod
    def max_order(self) -> float:
        """The highest order $n$ for which $k^{(n)}$ is continuous; `math.inf` if all are."""

    @abc.abstractmethod
    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """$k, k', \\dots, k^{(n)}$ at `r`, for $n$ = `order`, without checks."""

    def derivative(self, r: ArrayLike, order: int = 0) -> Float[Array, "*s"]:
        """$k^{(n)}(r)$.

        Args:
            r: differences $x - x'$, of any shape.
            order: $n$.

        Returns:
            An array of the shape of `r`.

        Raises:
            ValueError: if the kernel is not so often differentiable at $r = 0$.
        """
        if order < 0 or order > self.max_order:
            raise ValueError(_too_rough(type(self).__name__, order, self.max_order))
        return self.jet(jnp.asarray(r), order)[order]

    def __call__(self, r: ArrayLike) -> Float[Array, "*s"]:
        """$k(r)$."""
        return self.derivative(r, 0)

    def __add__(self, other: "AbstractKernel") -> "Sum":
        if not isinstance(other, AbstractKernel):
            return NotImplemented
        return Sum(self, other)

    def __mul__(self, other: "AbstractKernel | ArrayLike") -> "AbstractKernel":
        if isinstance(other, AbstractKernel):
            return Product(self, other)
        return Scaled(self, other)

    def __rmul__(self, other: ArrayLike) -> "AbstractKernel":
        return Scaled(self, other)


class Sum(AbstractKernel):
    """$k(r) = \\sum_i k_i(r)$; the same as `k1 + k2`."""

    terms: tuple[AbstractKernel, ...]

    def __init__(self, *terms: AbstractKernel):
        """Add kernels."""
        self.terms = _kernels("Sum", terms)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return min(term.max_order for term in self.terms)

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        jets = [term.jet(r, order) for term in self.terms]
        return tuple(total(parts) for parts in zip(*jets))


class Product(AbstractKernel):
    """$k(r) = \\prod_i k_i(r)$ in one dimension; the same as `k1 * k2`."""

    terms: tuple[AbstractKernel, ...]

    def __init__(self, *terms: AbstractKernel):
        """Multiply kernels."""
        self.terms = _kernels("Product", terms)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return min(term.max_order for term in self.terms)

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        result = self.terms[0].jet(r, order)
        for term in self.terms[1:]:
            result = leibniz(result, term.jet(r, order))
        return result


class Scaled(AbstractKernel):
    """$\\sigma^2 k(r)$; the same as `variance * k`.

    Attributes:
        kernel: $k$.
        variance: $\\sigma^2$, positive.
    """

    kernel: AbstractKernel
    variance: Float[Array, ""]

    def __init__(self, kernel: AbstractKernel, variance: ArrayLike):
        """Scale a kernel.

        Raises:
            ValueError: if the variance is not positive.
        """
        self.kernel = kernel
        self.variance = positive("Scaled", "variance", variance)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return self.kernel.max_order

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        variance = self.variance.astype(r.dtype)
        return tuple(variance * part for part in self.kernel.jet(r, order))


def leibniz(first: Jet, second: Jet) -> Jet:
    """$(fg)^{(n)} = \\sum_j \\binom{n}{j} f^{(j)} g^{(n-j)}$ for every order of two jets."""
    orders = range(len(first))
    terms = lambda n: [math.comb(n, j) * first[j] * second[n - j] for j in range(n + 1)]
    return tuple(total(terms(n)) for n in orders)


def total(parts: Sequence[Array]) -> Array:
    """The sum of at least one array (`sum` would start from the integer 0)."""
    return functools.reduce(operator.add, parts)


def positive(owner: str, name: str, value: ArrayLike, shape: tuple = ()) -> Float[Array, "..."]:
    """`value` as an array of `shape`.

    Raises:
        ValueError: if a concrete entry is not positive and finite, or the shape differs.
    """
    array = jnp.asarray(value, None if hasattr(value, "dtype") else jnp.result_type(float))
    if array.shape != shape:
        raise ValueError(f"{owner}: {name} must have shape {shape}, got {array.shape}.")
    if concrete(array):
        numbers = np.asarray(array)
        if not (np.all(np.isfinite(numbers)) and np.all(numbers > 0)):
            worst = numbers[~(np.isfinite(numbers) & (numbers > 0))].ravel()[0]
            raise ValueError(
                f"{owner}: {name} must be positive and finite, got {worst}. To optimise it "
                "without a sign constraint, optimise its logarithm."
            )
    return array


def _kernels(name: str, terms: tuple[Any, ...]) -> tuple[AbstractKernel, ...]:
    if not terms or not all(isinstance(term, AbstractKernel) for term in terms):
        raise TypeError(f"{name} takes one-dimensional kernels as separate arguments, got {terms}.")
    return terms


def _too_rough(name: str, order: int, max_order: float) -> str:
    return (
        f"{name}: the derivative of order {order} was asked for, but k is {max_order} times "
        "continuously differentiable. An equation of order m needs order 2 m: use a smoother "
        "kernel (Matern with a larger nu, or SquaredExponential)."
    )
