"""Linear differential operators: sums of a coefficient times a partial derivative."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

Orders = tuple[int, ...]
Coefficient = Callable[[Float[Array, " d"]], Any] | ArrayLike


class Term(eqx.Module):
    """$c(x)\\,\\partial^{\\alpha}$.

    Attributes:
        coefficient: $c$, a number or a function of a point of shape `(d,)`.
        orders: the multi-index $\\alpha$, one order per dimension.
    """

    coefficient: Any
    orders: Orders = eqx.field(static=True)

    @property
    def is_constant(self) -> bool:
        """True if the coefficient is a number."""
        return not callable(self.coefficient)


class DifferentialOperator(eqx.Module):
    """$L u = \\sum_k c_k(x)\\,\\partial^{\\alpha_k} u$.

    Built from `partial`, `identity` and `laplacian` with `+`, `-`, multiplication by a number or
    by a function of the point, and composition `@` or powers of operators with constant
    coefficients:

        advection = 200.0 * partial(0, dim=2) + partial(1, dim=2)
        helmholtz = laplacian(2) + k**2 * identity(2)
    """

    terms: tuple[Term, ...]

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return len(self.terms[0].orders)

    @property
    def max_orders(self) -> Orders:
        """The highest derivative in each dimension."""
        return tuple(max(term.orders[axis] for term in self.terms) for axis in range(self.dim))

    @property
    def is_constant(self) -> bool:
        """True if every coefficient is a number."""
        return all(term.is_constant for term in self.terms)

    @property
    def is_separable(self) -> bool:
        """True for a constant-coefficient sum of one-dimensional operators (a Kronecker sum)."""
        one_axis = all(sum(order > 0 for order in term.orders) <= 1 for term in self.terms)
        return one_axis and self.is_constant

    def __add__(self, other: "DifferentialOperator") -> "DifferentialOperator":
        if not isinstance(other, DifferentialOperator):
            return NotImplemented
        if other.dim != self.dim:
            raise ValueError(
                f"operators of dimension {self.dim} and {other.dim} cannot be added; give every "
                "`partial`, `identity` and `laplacian` the same `dim`."
            )
        return DifferentialOperator((*self.terms, *other.terms))

    def __neg__(self) -> "DifferentialOperator":
        return -1.0 * self

    def __sub__(self, other: "DifferentialOperator") -> "DifferentialOperator":
        return self + (-other)

    def __rmul__(self, factor: Coefficient) -> "DifferentialOperator":
        return DifferentialOperator(
            tuple(Term(_product(factor, term.coefficient), term.orders) for term in self.terms)
        )

    def __matmul__(self, other: "DifferentialOperator") -> "DifferentialOperator":
        if not (isinstance(other, DifferentialOperator) and other.is_constant):
            raise TypeError(
                "operators are composed only when the inner one has constant coefficients; expand "
                "the product rule by hand otherwise."
            )
        return DifferentialOperator(
            tuple(
                Term(
                    _product(a.coefficient, b.coefficient), tuple(map(sum, zip(a.orders, b.orders)))
                )
                for a in self.terms
                for b in other.terms
            )
        )

    def __pow__(self, power: int) -> "DifferentialOperator":
        if power < 1:
            raise ValueError(f"an operator's power must be a positive integer, got {power}.")
        return self if power == 1 else self @ self ** (power - 1)


def _product(a: Any, b: Any) -> Any:
    """$a b$ of two coefficients: a number if both are."""
    if not callable(a) and not callable(b):
        return jnp.asarray(a) * jnp.asarray(b)
    return _Product(a, b)


class _Product(eqx.Module):
    """The pointwise product of two coefficients, at least one of them a function."""

    first: Any
    second: Any

    def __call__(self, x: Array) -> Array:
        return _at(self.first, x) * _at(self.second, x)


def _at(coefficient: Any, x: Array) -> Any:
    return coefficient(x) if callable(coefficient) else coefficient


def partial(axis: int, order: int = 1, *, dim: int) -> DifferentialOperator:
    """$\\partial^{n} / \\partial x_j^{n}$.

    Args:
        axis: the dimension $j$, from 0.
        order: the order $n$.
        dim: the number of dimensions of the domain.

    Returns:
        The operator.

    Raises:
        ValueError: if `axis` is not a dimension, or `order` is negative.
    """
    if not 0 <= axis < dim:
        raise ValueError(f"partial: axis must be in 0...{dim - 1}, got {axis}.")
    if order < 0:
        raise ValueError(f"partial: order must not be negative, got {order}.")
    orders = tuple(order if j == axis else 0 for j in range(dim))
    return DifferentialOperator((Term(jnp.asarray(1.0), orders),))


def identity(dim: int) -> DifferentialOperator:
    """The operator $u \\mapsto u$ in `dim` dimensions."""
    return DifferentialOperator((Term(jnp.asarray(1.0), (0,) * dim),))


def laplacian(dim: int, *, axes: tuple[int, ...] | None = None) -> DifferentialOperator:
    """$\\Delta = \\sum_j \\partial^2 / \\partial x_j^2$ over `axes` (default: all of them)."""
    axes = tuple(range(dim)) if axes is None else axes
    terms = tuple(partial(axis, 2, dim=dim).terms[0] for axis in axes)
    return DifferentialOperator(terms)
