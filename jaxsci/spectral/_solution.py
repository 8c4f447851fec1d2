"""The solution: a tensor-product interpolant that can be evaluated and differentiated anywhere."""

import equinox as eqx
import jax
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractSolution
from ..pde import AbstractTensorField, Box
from ._plan import Plan
from ._sample import cardinals


class SpectralSolution(AbstractSolution, AbstractTensorField):
    """$u(x) = \\sum_i u_i \\prod_j \\ell_{i_j}(x_j)$, the interpolant of the nodal values $u_i$.

    `sol(points)` evaluates it, `sol.partial(orders, points)` its derivatives, and
    `sol.on_grid(*axes)` does so on a tensor grid at one small matrix product per dimension.

    Attributes:
        value: $u$ at the nodes, shape `(n_1, ..., n_d)`.
        result: a `RESULTS` code, from residuals at points that the method has not seen.
        stats: `node_residual`, `validation_residual` and `boundary_residual`, relative root mean
            squares; `num_unknowns`; `newton_steps`.
        domain: the box.
        nodes: the nodes of every dimension.
        plan: the static facts.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    domain: Box
    nodes: tuple[Float[Array, " _"], ...]
    plan: Plan

    __repr__ = AbstractSolution.__repr__

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return self.plan.dim

    @property
    def coefficients(self) -> Float[Array, "..."]:
        """The nodal values: the basis is cardinal."""
        return self.value

    def basis(self, axis: int, x: Float[Array, " n"], order: int) -> Float[Array, "n r"]:
        """The derivative of `order` of the cardinal functions of dimension `axis` at `x`."""
        return _cardinals(self.plan, self.domain, axis, x, order)


@eqx.filter_jit
def _cardinals(plan: Plan, domain: Box, axis: int, x: Array, order: int) -> jax.Array:
    return cardinals(plan, domain, axis, x, order)
