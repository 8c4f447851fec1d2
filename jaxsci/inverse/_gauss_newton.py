"""Damped Gauss-Newton on whitened residuals, and Laplace's approximation at its end."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractMethod
from ._least_squares import least_squares
from ._problem import InverseProblem
from ._solution import InverseSolution


class GaussNewton(AbstractMethod):
    """$\\hat\\theta = \\arg\\min |(F(\\theta) - y)/\\sigma|^2 + |(\\theta - m)/s|^2$.

    Levenberg-Marquardt steps; the Jacobian $J$ is the derivative of the forward model, taken
    through whatever solver it contains: forward mode up to `forward_limit` parameters, one
    derivative each; reverse mode beyond. Derivatives of the optimum are implicit.

    Attributes:
        max_steps: the most steps.
        rtol: relative change of parameters and cost that counts as converged.
        atol: the absolute change, in the units of the parameters.
        start: where to begin, a pytree like the parameters; `None` for the mean of the prior.
        forward_limit: parameters up to which forward mode is used.

    Source: J. Nocedal and S. Wright, Numerical Optimization (2006), chapter 10; D. MacKay,
    Information Theory, Inference, and Learning Algorithms (2003), chapter 27.
    """

    accepts: ClassVar[tuple[type, ...]] = (InverseProblem,)

    max_steps: int = eqx.field(static=True, default=50)
    rtol: ArrayLike = 1e-8
    atol: ArrayLike = 1e-10
    start: PyTree[ArrayLike] | None = None
    forward_limit: int = eqx.field(static=True, default=20)

    def __check_init__(self):
        if self.max_steps < 1:
            raise ValueError(
                f"GaussNewton: max_steps must be at least 1 step, got {self.max_steps}."
            )

    def run(self, problem: InverseProblem, *, key: Array | None = None) -> InverseSolution:
        """See `AbstractMethod.run`; no random numbers are drawn.

        Raises:
            ValueError: if neither `start` nor a prior says where to begin, if `start` does not
                look like the parameters of the prior, or if `forward` returns the wrong shape.
        """
        start = _start(self.start, problem)
        return _minimise(problem, start, self.rtol, self.atol, self.max_steps, self.forward_limit)


def _start(start: PyTree | None, problem: InverseProblem) -> PyTree[Array]:
    prior = problem.prior
    if start is None and prior is None:
        raise ValueError(
            "GaussNewton: nothing says where to begin. Give GaussNewton(start=...) or the problem "
            "a GaussianPrior(mean, std)."
        )
    if start is None or prior is None:
        given: Any = start if prior is None else prior.mean
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(float, leaf)), given)
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (start, prior.mean)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "GaussNewton: start must have the structure and shapes of the prior's mean, got "
            f"{shapes[0]} for {shapes[1]}."
        )
    return jax.tree.map(lambda s, m: jnp.asarray(s, m.dtype), start, prior.mean)


def _residuals(parameters: PyTree[Array], problem: InverseProblem) -> Float[Array, " r"]:
    """Whitened: data first, then the prior."""
    misfit = problem.residual(parameters)
    if problem.prior is None:
        return misfit
    return jnp.concatenate([misfit, problem.prior.residual(parameters)])


@eqx.filter_jit
def _minimise(
    problem: InverseProblem,
    start: PyTree[Array],
    rtol: ArrayLike,
    atol: ArrayLike,
    max_steps: int,
    forward_limit: int,
) -> InverseSolution:
    """The compiled core."""
    flat, shaped = ravel_pytree(start)
    derive = jax.jacfwd if flat.size <= forward_limit else jax.jacrev
    function = lambda theta, problem: _residuals(shaped(theta), problem)
    optimum, (code, num_steps) = least_squares(
        function, flat, problem, derive, rtol, atol, max_steps
    )
    # one copy of the forward model gives both: compiling it may be the most expensive part
    twice = lambda theta: (function(theta, problem),) * 2
    jacobian, residual = derive(twice, has_aux=True)(optimum)
    covariance, log_det, identified = _laplace(jacobian)
    log_evidence = -jnp.sum(residual**2) / 2 - problem.log_volume()
    log_evidence = log_evidence + flat.size * jnp.log(2 * jnp.pi) / 2 - log_det
    misfit = residual[: problem.observed.size]
    finite = jnp.isfinite(residual).all() & jnp.isfinite(jacobian).all()
    return InverseSolution(
        value=shaped(optimum),
        result=_judge(code, finite, identified),
        stats={"misfit": jnp.sqrt(jnp.mean(misfit**2)), "num_steps": num_steps},
        covariance=covariance,
        log_evidence=log_evidence,
    )


def _laplace(
    jacobian: Float[Array, "r p"],
) -> tuple[Float[Array, "p p"], Float[Array, ""], Array]:
    """$(J^T J)^{-1}$, $\\log\\det(J^T J)^{1/2}$, and whether the parameters are determined.

    By QR of $J$ with unit columns: the units of the parameters do not matter, and nothing is
    squared. With fewer residuals than parameters the rows are padded by zeros.
    """
    rows, columns = jacobian.shape
    jacobian = jnp.pad(jacobian, ((0, max(columns - rows, 0)), (0, 0)))
    norms = jnp.linalg.norm(jacobian, axis=0)
    scale = jnp.where(norms > 0, norms, 1)
    triangle = jnp.linalg.qr(jacobian / scale, mode="r")
    pivots = jnp.abs(jnp.diagonal(triangle))
    identified = jnp.all(pivots > 100 * columns * jnp.finfo(jacobian.dtype).eps)
    identity = jnp.eye(columns, dtype=jacobian.dtype)
    root = jax.scipy.linalg.solve_triangular(triangle, identity) / scale[:, None]
    covariance = jnp.where(identified, root @ root.T, jnp.inf)
    return covariance, jnp.sum(jnp.log(pivots) + jnp.log(scale)), identified


def _judge(code: optx.RESULTS, finite: Array, identified: Array) -> RESULTS:
    """A NaN first, then an open combination of parameters, then the iteration's own verdict."""
    result = RESULTS.promote(code)
    capped = result == RESULTS.nonlinear_max_steps_reached  # pyright: ignore[reportArgumentType]
    result = RESULTS.where(capped, RESULTS.not_converged, result)  # pyright: ignore[reportArgumentType]
    result = RESULTS.where(identified, result, RESULTS.singular)  # pyright: ignore[reportArgumentType]
    return RESULTS.where(finite, result, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
