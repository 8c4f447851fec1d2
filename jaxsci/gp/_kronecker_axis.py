"""One dimension of a tensor grid: its kernel, conditioned on the boundary traces."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..approx import chebyshev_cardinals
from ..pde import AbstractPDE
from ._functionals import Functionals, covariance, cross_covariance, evaluation, gram
from ._gram import factorise
from ._kernels import AbstractKernel, total
from ._kernels_box import ProductKernel
from ._statement import is_zero


class Axis(eqx.Module):
    """$k^c(x, x') = k(x, x') - k(x, B)\\,K_{BB}^{-1}\\,k(B, x')$ with the traces $B$ of two sides.

    A process with the kernel $\\prod_j k^c_j$ satisfies the homogeneous conditions on every side.

    Attributes:
        kernel: $k$.
        traces: $B$: $a u + b u'$ at an end, or differences of the two ends if periodic.
        inverse: $K_{BB}^{-1}$.
        nodes: the grid.
        ends: the two ends of the dimension.
    """

    kernel: ProductKernel
    traces: tuple[Functionals, ...]
    inverse: Float[Array, "s s"]
    nodes: Float[Array, " n"]
    ends: Float[Array, "2"]

    def __init__(
        self,
        kernel: AbstractKernel,
        traces: tuple[Functionals, ...],
        nodes: Float[Array, " n"],
        ends: Float[Array, "2"],
    ):
        """Invert the few traces' own covariance."""
        self.kernel, self.traces, self.nodes = ProductKernel(kernel), traces, nodes
        self.ends = ends
        num = sum(trace.num for trace in traces)
        if num == 0:
            self.inverse = jnp.zeros((0, 0), nodes.dtype)
            return
        factor = factorise(gram(self.kernel, traces), jnp.zeros(num, nodes.dtype), 0.0)
        self.inverse = factor.solve(jnp.eye(num, dtype=nodes.dtype))

    @property
    def num_traces(self) -> int:
        """The number of conditions in this dimension."""
        return self.inverse.shape[0]

    def to_traces(self, x: Float[Array, " n"], a: int) -> Float[Array, "n s"]:
        """$\\partial^a_x k(x, B)$."""
        if not self.traces:
            return jnp.zeros((x.shape[0], 0), x.dtype)
        return cross_covariance(self.kernel, _at(x, a), self.traces)

    def cardinal(self, x: Float[Array, " n"], a: int) -> Float[Array, "n s"]:
        """$\\partial^a \\varphi_s(x)$ of $\\varphi = k(x, B) K_{BB}^{-1}$, dual to the traces."""
        return self.to_traces(x, a) @ self.inverse

    def conditioned(
        self, x: Float[Array, " n"], a: int, y: Float[Array, " m"], b: int
    ) -> Float[Array, "n m"]:
        """$\\partial^a_x \\partial^b_y k^c(x, y)$."""
        prior = covariance(self.kernel, _at(x, a), _at(y, b))
        return prior - self.cardinal(x, a) @ self.to_traces(y, b).T

    def conditioned_variance(self, x: Float[Array, " n"], a: int) -> Float[Array, " n"]:
        """$\\partial^a_x \\partial^a_y k^c(x, y)$ at $y = x$."""
        sign = -1.0 if a % 2 else 1.0
        prior = sign * self.kernel.factors[0].derivative(jnp.zeros_like(x), 2 * a)
        return prior - jnp.sum(self.cardinal(x, a) * self.to_traces(x, a), axis=1)

    def extended(self, x: Float[Array, " n"], a: int) -> Float[Array, "n r"]:
        """$\\partial^a [\\varphi(x), \\ell(x)]$: the basis of the lifting, traces first.

        $\\ell_i$ are the Chebyshev cardinal functions, as many as there are nodes.
        """
        return jnp.concatenate([self.cardinal(x, a), self._polynomials(x, a)], axis=1)

    def traces_of_polynomials(self) -> Float[Array, "s m"]:
        """$B\\,\\ell_i$."""
        return jnp.concatenate([self._apply(trace) for trace in self.traces])

    def _polynomials(self, x: Float[Array, " n"], a: int) -> Float[Array, "n m"]:
        lower, upper = self.ends
        stretch = 2 / (upper - lower)
        xi = jnp.clip(stretch * (x - lower) - 1, -1.0, 1.0)
        return stretch**a * chebyshev_cardinals(xi, self.nodes.shape[0], a)

    def _apply(self, trace: Functionals) -> Float[Array, "s m"]:
        m, q, _ = trace.points.shape
        parts = [
            jnp.einsum(
                "mq,mqn->mn", c, self._polynomials(trace.points.ravel(), a).reshape(m, q, -1)
            )
            for (a,), c in zip(trace.orders, trace.coefficients)
        ]
        return total(parts)


def trace_functionals(problem: AbstractPDE, axis: int) -> tuple[Functionals, ...]:
    """The conditions of one dimension as functionals of one variable."""
    ends = jnp.stack([problem.domain.lower[axis], problem.domain.upper[axis]])
    if problem.conditions.is_periodic(axis):
        signs = jnp.asarray([[[1.0, -1.0]]], ends.dtype)
        orders = range(problem.max_orders[axis])
        return tuple(Functionals(ends[None, :, None], signs, ((n,),)) for n in orders)
    single = [
        _trace(ends[side], trace.value_weight, trace.slope_weight)
        for side, trace in problem.conditions.traces(axis)
    ]
    if len(single) == 2 and single[0].orders == single[1].orders:
        return (_together(*single),)  # half as much to compile
    return tuple(single)


def _trace(end: Array, value_weight, slope_weight) -> Functionals:
    weights = {(0,): value_weight, (1,): slope_weight}
    kept = {orders: w for orders, w in weights.items() if not is_zero(w)}
    rows = jnp.stack([jnp.asarray(w, end.dtype).reshape(1, 1) for w in kept.values()])
    return Functionals(end.reshape(1, 1, 1), rows, tuple(kept))


def _together(first: Functionals, second: Functionals) -> Functionals:
    points = jnp.concatenate([first.points, second.points])
    coefficients = jnp.concatenate([first.coefficients, second.coefficients], axis=1)
    return Functionals(points, coefficients, first.orders)


def _at(x: Array, order: int) -> Functionals:
    return evaluation(x[:, None], (order,))


def conditioned_covariance(
    axes: tuple[Axis, ...], left: Functionals, right: Functionals
) -> Float[Array, "m n"]:
    """$\\mathrm{cov}(\\ell_i v, \\ell'_j v)$ for the process with the kernel $\\prod_j k^c_j$."""
    x, y = (f.points.reshape(-1, len(axes)) for f in (left, right))
    matrix = jnp.zeros((x.shape[0], y.shape[0]), x.dtype)
    for s, a in enumerate(left.orders):
        for t, b in enumerate(right.orders):
            product = left.coefficients[s].ravel()[:, None] * right.coefficients[t].ravel()
            for j, axis in enumerate(axes):
                product = product * axis.conditioned(x[:, j], a[j], y[:, j], b[j])
            matrix = matrix + product
    blocks = matrix.reshape(*left.points.shape[:2], *right.points.shape[:2])
    return jnp.sum(blocks, axis=(1, 3))
