"""Chebyshev (Fourier on periodic axes) collocation on tensor grids."""

import functools
import warnings
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core import RESULTS, AbstractMethod, PrecisionWarning
from ..pde import AbstractPDE, check_corners, verdict
from ._axis import inner_weights_of, reference_derivatives
from ._discrete import discretise
from ._factor import Factor, reference_factor
from ._newton import make_system, newton
from ._plan import Plan, make_plan
from ._sample import Samples, grids, sample
from ._solution import SpectralSolution
from ._verify import residuals


class ChebyshevCollocation(AbstractMethod):
    """$u(x) = \\sum_i u_i \\prod_j \\ell_{i_j}(x_j)$, with the equation enforced at the nodes.

    Chebyshev-Gauss-Lobatto nodes, Fourier nodes on periodic dimensions; time is one more
    dimension. For smooth data the error falls faster than any power of `num_points`, from about
    4 points per wavelength on; below $\\pi$ points there is nothing to see, and the validation
    residual says so.

    One dimension: bordered matrices and LU. More dimensions: the boundary conditions are
    eliminated per dimension; with constant coefficients and no mixed derivatives the Kronecker
    sum is solved by fast diagonalisation and Schur back-substitution; otherwise a dense LU up to
    `dense_limit` unknowns and beyond it GMRES, preconditioned by the mean-coefficient Kronecker
    sum. Nonlinear terms: damped Newton iteration. Derivatives are implicit throughout.

    The noise of the source is not modelled: its values are interpolated as they are.

    Attributes:
        num_points: nodes per dimension, one count for all or one for each.
        rtol: what the relative residuals must reach for `RESULTS.successful`.
        max_steps: Newton steps at most.
        dense_limit: unknowns up to which a non-separable problem is solved densely.

    Source: Trefethen, Spectral Methods in MATLAB (SIAM 2000); Lynch, Rice and Thomas, Numer.
    Math. 6 (1964); Driscoll and Hale, IMA J. Numer. Anal. 36 (2016).
    """

    accepts: ClassVar[tuple[type, ...]] = (AbstractPDE,)
    num_points: int | tuple[int, ...] = eqx.field(static=True)
    rtol: float | Float[Array, ""] = 1e-6
    max_steps: int = eqx.field(static=True, default=40)
    dense_limit: int = eqx.field(static=True, default=900)

    def grid(self, problem: AbstractPDE) -> tuple[Float[Array, " _"], ...]:
        """The nodes of every dimension, where an array-valued source is to be sampled.

        Raises:
            ValueError: if `num_points` does not fit the problem.
        """
        return grids(self._plan(problem), problem.domain)[0]

    def run(self, problem: AbstractPDE, *, key: Array | None = None) -> SpectralSolution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if there are observations, too few points, contradictory corner data, or a
                source that is not finite or has the wrong shape.
        """
        _refuse_observations(problem)
        plan = self._plan(problem)
        _warn_single(problem)
        check_corners(type(problem).__name__, problem.domain, problem.conditions)
        samples = sample(plan, problem)
        rtol = jnp.asarray(self.rtol, samples.domain.lower.dtype)
        return _solve(
            plan, samples, _derivatives(plan, rtol.dtype), _factors(plan, rtol.dtype), rtol
        )

    def _plan(self, problem: AbstractPDE) -> Plan:
        return make_plan(problem, self.num_points, self.dense_limit, self.max_steps)


@eqx.filter_jit
def _solve(
    plan: Plan,
    samples: Samples,
    derivatives: tuple[dict[int, Array], ...],
    factors: tuple[Factor | None, ...],
    rtol: Float[Array, ""],
) -> SpectralSolution:
    """The compiled core: arrays in, solution out."""
    discrete = discretise(plan, samples, derivatives)
    axis_weights = [inner_weights_of(axis, rtol.dtype) for axis in plan.axes]
    weights = functools.reduce(jnp.multiply.outer, axis_weights)
    system = make_system(plan, discrete, factors, samples.domain.lengths, weights)
    if discrete.nonlinearity is None:
        unknown, steps = system.solve_linear(discrete.defect), jnp.asarray(0)
    else:
        unknown, steps = newton(system)
    nodal = discrete.nodal(unknown)
    measured = residuals(plan, samples, discrete, unknown, nodal, weights)
    return SpectralSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=nodal,
        result=_judge(plan, measured, rtol),
        stats={**measured, "num_unknowns": jnp.asarray(unknown.size), "newton_steps": steps},
        domain=samples.domain,
        nodes=samples.nodes.axes,
        plan=plan,
    )


def _judge(plan: Plan, measured: dict[str, Array], rtol: Float[Array, ""]) -> RESULTS:
    """The verdict on the residuals; if the discrete equations are unsolved, Newton failed."""
    node = measured["node_residual"]
    result = verdict(node, measured["validation_residual"], measured["boundary_residual"], rtol)
    if not plan.nonlinear_orders:
        return result
    return RESULTS.where(jnp.isfinite(node) & (node > rtol), RESULTS.not_converged, result)


def _derivatives(plan: Plan, dtype: jnp.dtype) -> tuple[dict[int, Array], ...]:
    """Differentiation matrices of reference intervals, by dimension and order."""
    orders = (*plan.orders, *plan.nonlinear_orders)
    return tuple(
        reference_derivatives(axis, tuple({multi_index[j] for multi_index in orders}), dtype)
        for j, axis in enumerate(plan.axes)
    )


def _factors(plan: Plan, dtype: jnp.dtype) -> tuple[Factor | None, ...]:
    """Factors that depend on counts alone, so that no solve has to compute them again."""
    if plan.strategy == "dense":
        return (None,) * plan.dim
    found: list[Factor | None] = []
    for j, axis in enumerate(plan.axes):
        orders = plan.axis_orders(j)
        if axis.periodic or not axis.is_reference or len(orders) != 1:
            found.append(None)
            continue
        found.append(Factor(*(_cast(part, dtype) for part in reference_factor(axis, orders[0]))))
    return tuple(found)


def _cast(part, dtype: jnp.dtype) -> Array:
    is_complex = jnp.issubdtype(part.dtype, jnp.complexfloating)
    return jnp.asarray(part, np.result_type(dtype, np.complex64) if is_complex else dtype)


def _refuse_observations(problem: AbstractPDE) -> None:
    if problem.observations:
        raise ValueError(
            "ChebyshevCollocation interpolates exact data and cannot weigh "
            f"{len(problem.observations)} set(s) of noisy observations. Use a Gaussian-process "
            "method (jaxsci.gp.KroneckerGP or jaxsci.gp.SpectralFeatureGP), or leave out "
            "`observations`."
        )


def _warn_single(problem: AbstractPDE) -> None:
    if problem.domain.lower.dtype == jnp.float32:
        warnings.warn(
            "ChebyshevCollocation in float32: differentiation loses all digits beyond about 50 "
            "points per dimension. Call jax.config.update('jax_enable_x64', True) before the "
            "problem is made, and state it in float64.",
            PrecisionWarning,
            stacklevel=6,
        )
