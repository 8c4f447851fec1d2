"""Exact Gaussian-process collocation on tensor grids."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core import AbstractMethod
from ..approx import AbstractNodes, UniformNodes
from ..pde import AbstractPDE, Box, tensor_points
from ._conditioning import log_evidence
from ._gram_method import collect, refuse_nonlinear, run_dense
from ._gram_solution import GramGPSolution
from ._kernels import AbstractKernel
from ._kernels_box import AbstractBoxKernel, ProductKernel, box_kernel
from ._kronecker_solution import KroneckerGPSolution
from ._kronecker_tensor import (
    Settings,
    log_evidence_on_grid,
    sample_statement,
    sample_unseen,
    solve_on_grid,
)
from ._precision import warn_if_single
from ._statement import SidePoints


class KroneckerGP(AbstractMethod):
    """$u \\sim \\mathcal{GP}(0, k)$ given $L u(x_i) = f(x_i)$ on a grid, the conditions and data.

    Symmetric collocation: the posterior is exact for any linear equation, with constant or variable
    coefficients. Hyperparameters are used as given; `log_marginal_likelihood` is what to maximise
    over them.

    In one dimension the Gram matrix of all functionals, equilibrated to a unit diagonal, is
    factorised with a relative jitter. In two and three the product prior is conditioned on the
    boundary traces first, $u = w + v$ with a transfinite lifting $w$ of the boundary data, and the
    Gram matrix of $L v$ is a sum of Kronecker products: assembled and factorised up to `max_dense`
    nodes in all, beyond that never formed but solved by conjugate gradients, preconditioned with
    the largest product eigenfunctions of the prior. Smooth kernels and spectral mixtures take a
    few steps; rough kernels (Matern) take hundreds. Deviations cost one solve per point.

    Attributes:
        kernel: the prior, an `AbstractKernel` (the factor of every dimension) or `ProductKernel`.
        num_points: grid points per dimension.
        nodes: where they are; uniform with both ends by default.
        jitter: relative to the variances. The posterior mean loses about this relative accuracy
            times the condition number; 1e-11 is near the best that float64 offers.
        rtol: the residual, relative to the terms of the equation, that counts as a success. Rough
            kernels (Matern) interpolate the source slowly and need a looser one.
        max_dense: the most nodes for which a matrix is assembled in two and three dimensions; the
            log marginal likelihood exists up to there.
        rank: the number of eigenfunctions in the preconditioner.
        solver_rtol: the relative residual at which conjugate gradients stop.
        max_steps: the most of their steps.
    """

    accepts: ClassVar[tuple[type, ...]] = (AbstractPDE,)
    kernel: AbstractKernel | AbstractBoxKernel
    num_points: int = eqx.field(static=True)
    nodes: AbstractNodes = UniformNodes()
    jitter: Any = 1e-11
    rtol: Any = 1e-5
    max_dense: int = eqx.field(static=True, default=1600)
    rank: int = eqx.field(static=True, default=800)
    solver_rtol: Any = 1e-10
    max_steps: int = eqx.field(static=True, default=400)

    def grid(self, problem: AbstractPDE) -> tuple[Float[Array, " _"], ...]:
        """The nodes of every dimension, where an array-valued source is to be sampled."""
        domain = problem.domain
        return tuple(
            self.nodes.points(domain.lower[axis], domain.upper[axis], self.num_points)
            for axis in range(domain.dim)
        )

    def run(
        self, problem: AbstractPDE, *, key: Array | None = None
    ) -> GramGPSolution | KroneckerGPSolution:
        """Solve; see `jaxsci.solve`."""
        kernel = self._kernel(problem)
        warn_if_single("KroneckerGP", problem.domain.lower.dtype)
        if problem.dim == 1:
            shape = (self.num_points,)
            blocks = collect(problem, tensor_points(self.grid(problem)), _ends(problem.domain))
            return run_dense(problem, kernel, blocks, shape, shape, self.jitter, self.rtol)
        statement = sample_statement(problem, tensor_points(self.grid(problem)))
        unseen = sample_unseen(problem, statement)
        jitter, rtol, limit = self._leaves(problem, self.jitter, self.rtol, self.solver_rtol)
        settings = self._settings(problem)
        return solve_on_grid(kernel.factors, statement, unseen, jitter, rtol, limit, settings)

    def log_marginal_likelihood(self, problem: AbstractPDE) -> Float[Array, ""]:
        """See `jaxsci.gp.log_marginal_likelihood`; given the boundary traces beyond one dimension.

        Raises:
            ValueError: beyond `max_dense` nodes, where no exact log-determinant is affordable.
        """
        kernel = self._kernel(problem)
        (jitter,) = self._leaves(problem, self.jitter)
        if problem.dim == 1:
            blocks = collect(problem, tensor_points(self.grid(problem)), _ends(problem.domain))
            return log_evidence(kernel, blocks, jitter)
        if self._settings(problem).rank:
            raise ValueError(
                f"KroneckerGP: the log marginal likelihood of {self.num_points**problem.dim} nodes "
                f"needs an exact log-determinant, which is affordable up to max_dense = "
                f"{self.max_dense}. Use fewer points, raise max_dense, or use SpectralFeatureGP."
            )
        statement = sample_statement(problem, tensor_points(self.grid(problem)))
        return log_evidence_on_grid(kernel.factors, statement, jitter)

    def _kernel(self, problem: AbstractPDE) -> AbstractBoxKernel:
        refuse_nonlinear("KroneckerGP", problem)
        check_num_points("KroneckerGP", self.num_points, problem)
        kernel = box_kernel("KroneckerGP", self.kernel, problem.dim)
        if not isinstance(kernel, ProductKernel):
            raise TypeError(
                f"KroneckerGP: a {type(kernel).__name__} has no Kronecker structure; use a "
                "ProductKernel, or ScatteredGP."
            )
        return kernel

    def _settings(self, problem: AbstractPDE) -> Settings:
        dense = self.num_points**problem.dim <= self.max_dense
        if dense:
            return Settings(0, 0, False)
        return Settings(self.rank, self.max_steps, not problem.operator.is_constant)

    def _leaves(self, problem: AbstractPDE, *numbers: Any) -> tuple[Array, ...]:
        return tuple(jnp.asarray(number, problem.domain.lower.dtype) for number in numbers)


def check_num_points(owner: str, num_points: int, problem: AbstractPDE) -> None:
    """A grid has more points than the order of the equation in every dimension.

    Raises:
        ValueError: naming the dimension.
    """
    for axis, order in enumerate(problem.max_orders):
        if num_points <= order:
            raise ValueError(
                f"{owner}: num_points = {num_points} is too few for an equation of order {order} "
                f"in dimension {axis}; at least {order + 1} are needed, and several per wave."
            )


def _ends(domain: Box) -> SidePoints:
    """In one dimension a side is a point."""
    return lambda axis, side: jnp.stack([(domain.lower, domain.upper)[side]])
