"""A linear operator on collocation points, and the three ways to invert it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float, Int

from ..linalg import along_all
from ..pde import Orders
from ._axis import AxisMatrices
from ._factor import Factor, fourier_factor, separable_solve
from ._plan import Plan

Tensor = Float[Array, "..."]


class Operator(eqx.Module):
    """$\\sum_k c_k\\,\\partial^{\\alpha_k}$ on the collocation points.

    Attributes:
        coefficients: $c_k$: scalars, or values at the collocation points.
        orders: $\\alpha_k$.
    """

    coefficients: tuple[Tensor, ...]
    orders: tuple[Orders, ...] = eqx.field(static=True)

    def terms(self, tensor: Tensor, matrices: list[dict[int, Array]]) -> list[Tensor]:
        """$c_k\\,\\partial^{\\alpha_k} u$ by term, from the derivative matrices of every axis."""
        return [
            coefficient * differentiate(tensor, orders, matrices)
            for coefficient, orders in zip(self.coefficients, self.orders)
        ]

    def inner(self, unknown: Tensor, axes: tuple[AxisMatrices, ...]) -> Tensor:
        """Apply to unknowns at collocation points, with homogeneous conditions."""
        return jnp.asarray(sum(self.terms(unknown, [axis.inner for axis in axes])))

    def dense(self, axes: tuple[AxisMatrices, ...]) -> Float[Array, "t t"]:
        """The matrix of `inner`, $\\sum_k \\mathrm{diag}(c_k) \\bigotimes_j M_{\\alpha_{kj}}$."""
        total = []
        for coefficient, orders in zip(self.coefficients, self.orders):
            factors = [_square(axis, order) for axis, order in zip(axes, orders)]
            total.append(coefficient.reshape(-1, 1) * functools.reduce(jnp.kron, factors))
        return jnp.asarray(sum(total))


def _square(axis: AxisMatrices, order: int) -> Array:
    some = axis.inner[1]
    return axis.inner[order] if order else jnp.eye(some.shape[0], dtype=some.dtype)


def differentiate(tensor: Tensor, orders: Orders, matrices: list[dict[int, Array]]) -> Tensor:
    """$\\partial^{\\alpha}$ by one matrix per axis; a missing order 0 is the identity."""
    return along_all([axis.get(k) for axis, k in zip(matrices, orders)], tensor)


def invert(
    plan: Plan,
    operator: Operator,
    axes: tuple[AxisMatrices, ...],
    base: "Separable | None",
    rhs: Tensor,
    rtol: float,
) -> Tensor:
    """$L^{-1} F$ by the plan's strategy, differentiable in all coefficients and in $F$."""
    apply = lambda unknown: operator.inner(unknown, axes)
    solver = _Dense.of(operator.dense(axes)) if base is None else base
    finish = {
        # LU with scaled rows is as stable as the matrix allows; refining would add noise.
        "dense": lambda approximate: lambda mv, b: approximate(b),
        "separable": lambda approximate: lambda mv, b: _refine(mv, approximate, b),
        "krylov": lambda approximate: lambda mv, b: _krylov(mv, approximate, b, rtol),
    }[plan.strategy]
    return jax.lax.custom_linear_solve(
        apply, rhs, finish(solver.solve), finish(solver.transposed().solve)
    )


class _Dense(eqx.Module):
    """LU of a matrix with its rows scaled to a largest entry of modulus 1.

    The rows of a differentiation matrix differ by factors of $n^2$; unscaled, they would mislead
    the choice of pivots.
    """

    lu: Float[Array, "t t"]
    pivots: Int[Array, " t"]
    scale: Float[Array, " t"]
    transpose: bool = eqx.field(static=True)

    @classmethod
    def of(cls, matrix: Float[Array, "t t"]) -> "_Dense":
        """Factor once; nothing here is differentiated."""
        matrix = jax.lax.stop_gradient(matrix)
        scale = 1 / jnp.abs(matrix).max(axis=1)
        lu, pivots = jax.scipy.linalg.lu_factor(scale[:, None] * matrix)
        return cls(lu, pivots, scale, False)

    def solve(self, rhs: Tensor) -> Tensor:
        """$A^{-1} F$, or $A^{-T} F$."""
        flat, factors = rhs.reshape(-1), (self.lu, self.pivots)
        if self.transpose:
            solved = self.scale * jax.scipy.linalg.lu_solve(factors, flat, trans=1)
        else:
            solved = jax.scipy.linalg.lu_solve(factors, self.scale * flat)
        return solved.reshape(rhs.shape)

    def transposed(self) -> "_Dense":
        """The same factors for the transposed matrix."""
        return _Dense(self.lu, self.pivots, self.scale, not self.transpose)


class Separable(eqx.Module):
    """The separable part of an operator, factored: the solver or the preconditioner.

    Attributes:
        factors: one per dimension.
        shift: the coefficient of $u$ itself.
    """

    factors: tuple[Factor, ...]
    shift: Float[Array, ""]

    def solve(self, rhs: Tensor) -> Tensor:
        """See `separable_solve`."""
        return separable_solve(self.factors, self.shift, rhs)

    def transposed(self) -> "Separable":
        """The same for the transposed operator."""
        return Separable(tuple(factor.transposed() for factor in self.factors), self.shift)


def separable_part(
    plan: Plan,
    operator: Operator,
    axes: tuple[AxisMatrices, ...],
    references: tuple[Factor | None, ...],
    lengths: Float[Array, " d"],
) -> Separable:
    """Factor the terms of `operator` that act along one axis, with their mean coefficients.

    Nothing here is differentiated: the solves that use it are implicit.
    """
    operator, axes, lengths = jax.lax.stop_gradient((operator, axes, lengths))
    means = [coefficient.mean() for coefficient in operator.coefficients]
    shift = jnp.zeros((), lengths.dtype)
    along: list[dict[int, Array]] = [{} for _ in axes]
    for mean, orders in zip(means, operator.orders):
        active = [axis for axis, order in enumerate(orders) if order > 0]
        if not active:
            shift = shift + mean
        elif len(active) == 1:
            axis, order = active[0], orders[active[0]]
            along[axis][order] = along[axis].get(order, jnp.zeros_like(mean)) + mean
    factors = tuple(
        _factor(plan, axis, along[axis], axes[axis], references[axis], lengths[axis])
        for axis in range(plan.dim)
    )
    return Separable(factors, shift)


def _factor(
    plan: Plan,
    axis: int,
    coefficients: dict[int, Array],
    matrices: AxisMatrices,
    reference: Factor | None,
    length: Array,
) -> Factor:
    if not coefficients:
        return Factor(None, jnp.zeros(plan.inner_shape[axis], length.dtype), None)
    if reference is not None:
        ((order, mean),) = coefficients.items()
        scale = (mean * (2 / length) ** order).astype(reference.core.dtype)
        return Factor(reference.left, scale * reference.core, reference.right)
    total = jnp.asarray(sum(mean * matrices.inner[k] for k, mean in coefficients.items()))
    if plan.axes[axis].periodic:
        left, right = fourier_factor(plan.shape[axis], length.dtype)
        return Factor(left, jnp.fft.fft(total[:, 0]), right)
    triangle, unitary = jax.scipy.linalg.schur(total, output="complex")
    return Factor(unitary, triangle, unitary.conj().T)


def _refine(mv, solve, rhs: Tensor) -> Tensor:
    """One step of iterative refinement removes what the eigenvectors' condition costs."""
    first = solve(rhs)
    return first + solve(rhs - mv(first))


def _krylov(mv, precondition, rhs: Tensor, rtol: float) -> Tensor:
    """Preconditioned restarted GMRES, with the right-hand side scaled to norm 1."""
    start = precondition(rhs)
    scale = jnp.linalg.norm(start.reshape(-1))
    scale = jnp.where(scale > 0, scale, 1)
    operator = lx.FunctionLinearOperator(
        lambda unknown: precondition(mv(unknown)), jax.eval_shape(lambda: rhs)
    )
    norm = lambda tensor: jnp.linalg.norm(tensor.reshape(-1))
    solver = lx.GMRES(rtol=0.0, atol=rtol, norm=norm, max_steps=500, restart=20)
    return scale * lx.linear_solve(operator, start / scale, solver, throw=False).value
