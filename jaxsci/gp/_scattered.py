"""Gaussian-process collocation at scattered points."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractMethod, concrete
from ..approx import chebyshev_interior_nodes
from ..pde import AbstractPDE, Box, as_points, tensor_points
from ._conditioning import log_evidence
from ._gram_method import collect, refuse_nonlinear, run_dense
from ._gram_solution import GramGPSolution
from ._kernels import AbstractKernel
from ._kernels_box import AbstractBoxKernel, box_kernel
from ._precision import warn_if_single
from ._statement import Blocks, SidePoints


class ScatteredGP(AbstractMethod):
    """$u \\sim \\mathcal{GP}(0, k)$ given $L u(x_i) = f(x_i)$ at points anywhere in the box.

    The same posterior as `KroneckerGP`'s in one dimension, for points without structure in one to
    three: a dense Gram matrix of all functionals, $O(m^3)$ work and $O(m^2)$ memory, so the number
    of data $m$ is bounded by `max_points`.

    Attributes:
        kernel: the prior, an `AbstractKernel` (the factor of every dimension), `ProductKernel` or
            `AdditiveKernel`.
        points: where the equation holds, shape `(n, d)`.
        boundary_points: points on the sides, shape `(m, d)`, for conditions on all sides they lie
            on; `None` chooses `num_boundary` per side and tangential dimension (Chebyshev points,
            corners left out). A periodic dimension takes the points on its lower side.
        num_boundary: see `boundary_points`; `None` takes about `n**(1/d)`.
        max_points: the largest number of data, equation, conditions and observations together.
        jitter: added to the unit diagonal, see `KroneckerGP`.
        rtol: the residual, relative to the terms of the equation, that counts as a success.
    """

    accepts: ClassVar[tuple[type, ...]] = (AbstractPDE,)
    kernel: AbstractKernel | AbstractBoxKernel
    points: Float[Array, "n d"]
    boundary_points: Float[Array, "m d"] | None
    num_boundary: int | None = eqx.field(static=True)
    max_points: int = eqx.field(static=True)
    jitter: Any
    rtol: Any

    def __init__(
        self,
        kernel: AbstractKernel | AbstractBoxKernel,
        points: ArrayLike,
        *,
        boundary_points: ArrayLike | None = None,
        num_boundary: int | None = None,
        max_points: int = 4000,
        jitter: Any = 1e-11,
        rtol: Any = 1e-5,
    ):
        """Choose the prior and the points.

        Raises:
            ValueError: if the points are not a list of points.
        """
        self.kernel = kernel
        self.points = _point_list("points", points)
        given = boundary_points is not None
        self.boundary_points = _point_list("boundary_points", boundary_points) if given else None
        self.num_boundary = num_boundary
        self.max_points = max_points
        self.jitter = jitter
        self.rtol = rtol

    def run(self, problem: AbstractPDE, *, key: Array | None = None) -> GramGPSolution:
        """Solve; see `jaxsci.solve`."""
        kernel, points, blocks = self._prepared(problem)
        warn_if_single("ScatteredGP", points.dtype)
        counts = (self._per_dimension(problem.dim),) * problem.dim
        return run_dense(problem, kernel, blocks, points.shape[:1], counts, self.jitter, self.rtol)

    def log_marginal_likelihood(self, problem: AbstractPDE) -> Float[Array, ""]:
        """See `jaxsci.gp.log_marginal_likelihood`."""
        kernel, _, blocks = self._prepared(problem)
        return log_evidence(kernel, blocks, jnp.asarray(self.jitter))

    def _prepared(self, problem: AbstractPDE) -> tuple[AbstractBoxKernel, Array, Blocks]:
        _check_size(self.points.shape[0], self.max_points)
        refuse_nonlinear("ScatteredGP", problem)
        kernel = box_kernel("ScatteredGP", self.kernel, problem.dim)
        points = as_points(self.points, problem.dim).astype(problem.domain.lower.dtype)
        _check_inside(points, problem.domain)
        blocks = collect(problem, points, self._side_points(problem.domain))
        _check_size(sum(block.functionals.num for block in blocks.all), self.max_points)
        return kernel, points, blocks

    def _per_dimension(self, dim: int) -> int:
        return max(2, round(self.points.shape[0] ** (1 / dim)))

    def _side_points(self, domain: Box) -> SidePoints:
        if self.boundary_points is not None:
            given = as_points(self.boundary_points, domain.dim).astype(domain.lower.dtype)
            return lambda axis, side: _lying_on(given, domain, axis, side)
        num = self.num_boundary or self._per_dimension(domain.dim)
        return lambda axis, side: _chosen_on(num, domain, axis, side)


def _check_size(total: int, limit: int) -> None:
    """Refuse before anything large is compiled.

    Raises:
        ValueError: naming the number of data and the methods that scale.
    """
    if total > limit:
        raise ValueError(
            f"ScatteredGP: {total} data (points, conditions and observations) need a dense matrix "
            f"of {8e-9 * total**2:.2g} GB; the limit max_points is {limit}. Use KroneckerGP or "
            "SpectralFeatureGP on a tensor grid, fewer points, or raise max_points."
        )


def _point_list(name: str, points: ArrayLike) -> Float[Array, "n d"]:
    points = jnp.asarray(points)
    if points.ndim != 2 or points.shape[0] == 0:
        raise ValueError(f"ScatteredGP: {name} must have shape (n, d), got {points.shape}.")
    return points


def _check_inside(points: Array, domain: Box) -> None:
    if not concrete((points, domain)):
        return
    x, low, high = (np.asarray(part) for part in (points, domain.lower, domain.upper))
    slack = 1e-9 * (high - low)
    outside = np.any((x < low - slack) | (x > high + slack) | ~np.isfinite(x), axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"ScatteredGP: {int(outside.sum())} point(s) lie outside the domain, the first is row "
            f"{row} at x = {x[row]}; the domain is {low} to {high}."
        )


def _chosen_on(num: int, domain: Box, axis: int, side: int) -> Float[Array, "m d"]:
    """Chebyshev points along every tangential dimension; they leave out the corners."""
    end = jnp.stack([(domain.lower, domain.upper)[side][axis]])
    along = [
        end if j == axis else chebyshev_interior_nodes(domain.lower[j], domain.upper[j], num)
        for j in range(domain.dim)
    ]
    return tensor_points(tuple(along)).reshape(-1, domain.dim)


def _lying_on(given: Array, domain: Box, axis: int, side: int) -> Float[Array, "m d"]:
    """The given boundary points of one side.

    Raises:
        ValueError: if no point lies on the side, or the points are traced.
    """
    if not concrete((given, domain)):
        raise ValueError(
            "ScatteredGP: boundary_points must be concrete numbers, because their sides decide "
            "shapes; leave them out and give num_boundary inside jit or vmap."
        )
    corner = np.asarray((domain.lower, domain.upper)[side])[axis]
    near = np.abs(np.asarray(given)[:, axis] - corner) <= 1e-9 * float(domain.lengths[axis])
    if not near.any():
        raise ValueError(
            f"ScatteredGP: no boundary point lies on the {('lower', 'upper')[side]} side of "
            f"dimension {axis}, x[{axis}] = {corner}."
        )
    return given[np.flatnonzero(near)]
