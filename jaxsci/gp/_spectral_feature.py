"""The method `SpectralFeatureGP`: a band-limited Gaussian process in weight space."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractMethod
from ..approx import AbstractNodes, ChebyshevNodes
from ..pde import (
    AbstractPDE,
    SampledPDE,
    check_corners,
    check_noise,
    sample_problem,
    validation_axes,
)
from ._features import Interval
from ._line import fit_line
from ._precision import warn_if_single
from ._solution import AbstractGPSolution
from ._spectral_feature_solution import LineSolution, TensorSolution
from ._tensor import fit_tensor

_VALIDATION_POINTS = {1: 4000, 2: 400, 3: 80}  # per dimension, at most


class SpectralFeatureGP(AbstractMethod):
    """$u(x) = \\sum_i c_i \\varphi_i(x)$, $c \\sim N(0, s^2 I)$; bands found from the data.

    The features $\\varphi_i$ are smooth envelopes times carrier waves: the square root of a
    spectral-mixture kernel in its long-length-scale limit. The bands are found by the periodogram
    of the residual (and of boundary and initial data), overlapping bands are merged, and the
    posterior is computed in square-root form. Use it for smooth multi-scale solutions whose
    frequencies are unknown: on equally spaced points it needs little more than two points per
    wavelength where the domain holds many waves.

    In one dimension any linear or nonlinear equation is solved by QR; in two and three dimensions
    by fast diagonalisation, by Sylvester equations in time, and by Newton-Krylov around them.

    Attributes:
        num_points: nodes per dimension, one number or one per dimension.
        nodes: where they are; `UniformNodes()` resolves the highest frequencies per point,
            `ChebyshevNodes()` is safe for solutions of any smooth kind.
        num_features: feature slots per dimension; at most 0.8 of the points are used.
        max_rounds: the most rounds of the frequency search.
        rtol: the relative residual, on points that the method has not seen, that counts as solved.
        prior_scale: $s$; `None` takes a vague prior from the magnitude of the data.

    Raises:
        ValueError: for fewer points than the operator's order asks for, and for a prior scale that
            is not positive.
    """

    accepts: ClassVar[tuple[type, ...]] = (AbstractPDE,)

    num_points: int | tuple[int, ...] = eqx.field(static=True)
    nodes: AbstractNodes = ChebyshevNodes()
    num_features: int = eqx.field(static=True, default=160)
    max_rounds: int = eqx.field(static=True, default=6)
    rtol: ArrayLike = 1e-6
    prior_scale: ArrayLike | None = None

    def __check_init__(self):
        if self.prior_scale is not None:
            check_noise("SpectralFeatureGP: prior_scale", self.prior_scale, positive=True)

    def grid(self, problem: AbstractPDE) -> tuple[Float[Array, " _"], ...]:
        """The nodes of every dimension, where an array-valued source is to be sampled."""
        domain = problem.domain
        counts = self._counts(problem)
        return tuple(
            self.nodes.points(domain.lower[axis], domain.upper[axis], n)
            for axis, n in enumerate(counts)
        )

    def run(self, problem: AbstractPDE, *, key: Array | None = None) -> AbstractGPSolution:
        """See `AbstractMethod.run`; no random numbers are drawn."""
        counts = self._counts(problem)
        warn_if_single("SpectralFeatureGP", problem.domain.lower.dtype)
        check_corners("SpectralFeatureGP", problem.domain, problem.conditions)
        _refuse_observations(problem)
        sampled = sample_problem(problem, self.grid(problem))
        validation = self._validation(problem, counts)
        dtype = problem.domain.lower.dtype
        noise = jnp.asarray(problem.source_noise, dtype)
        prior = None if self.prior_scale is None else jnp.asarray(self.prior_scale, dtype)
        sizes = tuple(min(self.num_features, max(int(0.8 * n), 4)) for n in counts)
        intervals = tuple(
            Interval(problem.domain.lower[axis], problem.domain.upper[axis])
            for axis in range(problem.dim)
        )
        weights = tuple(self.nodes.weights(-1.0, 1.0, n).astype(dtype) for n in counts)
        data = (noise, prior, jnp.asarray(self.rtol, dtype))
        if problem.dim == 1:
            fit = fit_line(
                sampled,
                validation,
                problem.observations,
                intervals[0],
                weights[0],
                *data,
                size=sizes[0],
                rounds=self.max_rounds,
            )
            return LineSolution(fit, intervals[0], sampled.axes)
        fit = fit_tensor(
            sampled,
            validation,
            problem.observations,
            intervals,
            weights,
            *data,
            sizes=sizes,
            rounds=self.max_rounds,
            resolutions=tuple(self._resolution(n, size) for n, size in zip(counts, sizes)),
        )
        return TensorSolution(fit, sampled.axes)

    def _resolution(self, n: int, size: int) -> int:
        """Clenshaw-Curtis points for products of features below the Nyquist frequency."""
        with jax.ensure_compile_time_eval():
            gaps = np.diff(np.asarray(self.nodes.points(-1.0, 1.0, n)))
        return int(2 * np.pi / gaps.max()) + 2 * size + 16

    def _counts(self, problem: AbstractPDE) -> tuple[int, ...]:
        dim = problem.dim
        counts = (self.num_points,) * dim if isinstance(self.num_points, int) else self.num_points
        if len(counts) != dim:
            raise ValueError(
                f"SpectralFeatureGP: num_points has {len(counts)} entries, the problem {dim} "
                "dimension(s)."
            )
        for axis, (n, order) in enumerate(zip(counts, problem.max_orders)):
            least = max(8, 2 * order + 4)
            if n < least:
                raise ValueError(
                    f"SpectralFeatureGP: {n} points in dimension {axis} are too few for an "
                    f"operator of order {order}; use at least {least}, and two per wavelength."
                )
        return tuple(counts)

    def _validation(self, problem: AbstractPDE, counts: tuple[int, ...]) -> SampledPDE | None:
        """Independent samples; impossible if the source is data on the nodes."""
        if not callable(problem.source) and jnp.ndim(problem.source) > 0:
            return None
        most = _VALIDATION_POINTS[problem.dim]
        axes = validation_axes(problem.domain, tuple(min(n, most) for n in counts))
        return sample_problem(problem, axes, faces=False)


def _refuse_observations(problem: AbstractPDE) -> None:
    """Beyond one dimension the covariance is known where the operator is a symmetric Kronecker sum.

    Raises:
        ValueError: for observations with any other operator.
    """
    if problem.dim == 1 or not problem.observations:
        return
    even = all(order % 2 == 0 for term in problem.operator.terms for order in term.orders)
    sides = [[side for side, _ in problem.conditions.traces(j)] for j in range(problem.dim)]
    two_sided = all(
        problem.conditions.is_periodic(j) or sorted(found) == [0, 1]
        for j, found in enumerate(sides)
    )
    separable = problem.operator.is_separable and problem.nonlinearity is None
    if not (even and two_sided and separable):
        raise ValueError(
            "SpectralFeatureGP: in two and three dimensions observations are assimilated for "
            "linear equations with constant coefficients, even derivatives and one condition at "
            "each side. Use KroneckerGP or ScatteredGP for this one, or leave the observations out."
        )
