"""What the dense Gram methods share: from a statement and points to a judged posterior."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ..pde import AbstractPDE, tensor_points, validation_axes
from ._conditioning import solve_and_judge
from ._gram_solution import GramGPSolution
from ._kernels_box import AbstractBoxKernel
from ._statement import Block, Blocks, SidePoints, conditions, equation, observed


def collect(problem: AbstractPDE, points: Float[Array, "... d"], side_points: SidePoints) -> Blocks:
    """All data of a statement; user callables are sampled here, outside the compiled core."""
    sides = [part for axis in range(problem.dim) for part in conditions(problem, axis, side_points)]
    data = [observed(part, points.dtype) for part in problem.observations]
    here = equation(problem, points, problem.source_noise)
    return Blocks(here, tuple(sides), tuple(data))


def validation_block(problem: AbstractPDE, counts: tuple[int, ...]) -> Block | None:
    """The equation on the shifted grid; `None` if the source is known at the nodes alone."""
    if not callable(problem.source) and jnp.ndim(problem.source) > 0:
        return None
    points = tensor_points(validation_axes(problem.domain, counts))
    noise = jnp.asarray(problem.source_noise)
    level = noise if noise.ndim == 0 else jnp.sqrt(jnp.mean(noise**2))
    return equation(problem, points, level)


def run_dense(
    problem: AbstractPDE,
    kernel: AbstractBoxKernel,
    blocks: Blocks,
    shape: tuple[int, ...],
    counts: tuple[int, ...],
    jitter: ArrayLike,
    rtol: ArrayLike,
) -> GramGPSolution:
    """Condition on everything with one dense factorisation, and judge on the shifted grid.

    Args:
        problem: the statement, for what its source is at points the method has not seen.
        kernel: the prior.
        blocks: the data.
        shape: of the value at the nodes.
        counts: of the shifted grid, per dimension.
        jitter: relative to the variances.
        rtol: what is asked of the residuals.

    Returns:
        The posterior.
    """
    unseen = validation_block(problem, counts)
    posterior, value, result, stats = solve_and_judge(
        kernel, blocks, unseen, jnp.asarray(jitter), jnp.asarray(rtol)
    )
    return GramGPSolution(
        value=value.reshape(shape),
        result=result,
        stats=stats,
        dim=problem.dim,
        kernel=kernel,
        functionals=blocks.functionals,
        weights=posterior.weights,
        factor=posterior.factor,
    )


def refuse_nonlinear(owner: str, problem: AbstractPDE) -> None:
    """A Gaussian posterior in closed form exists for linear equations only.

    Raises:
        TypeError: naming the method that solves nonlinear problems.
    """
    if problem.nonlinearity is not None:
        raise TypeError(
            f"{owner} solves linear equations; {type(problem).__name__} has a nonlinear term. "
            "Use SpectralFeatureGP, which takes Gauss-Newton steps."
        )
