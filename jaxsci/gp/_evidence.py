"""The log marginal likelihood of a problem's data under a method's prior."""

from typing import Any

from jaxtyping import Array, Float

from .._core import AbstractMethod
from ..pde import AbstractPDE


def log_marginal_likelihood(problem: AbstractPDE, method: Any) -> Float[Array, ""]:
    """$\\log p(f, g, y \\mid \\theta)$ of the source, the boundary data and the observations.

    Differentiable in everything that is a leaf: the kernel's hyperparameters (in `method`), the
    coefficients of the equation, the source, the noise levels and the observations (in `problem`).

    Args:
        problem: the statement with its data.
        method: a Gaussian-process method that has an evidence, such as `KroneckerGP`.

    Returns:
        A scalar.

    Raises:
        TypeError: if the method has no marginal likelihood, or does not accept the problem.
    """
    compute = getattr(method, "log_marginal_likelihood", None)
    if compute is None or not isinstance(method, AbstractMethod):
        raise TypeError(
            f"log_marginal_likelihood: {type(method).__name__} has none. Use KroneckerGP, "
            "ScatteredGP or SpectralFeatureGP."
        )
    if not isinstance(problem, method.accepts):
        raise TypeError(
            f"log_marginal_likelihood: {type(method).__name__} does not accept a "
            f"{type(problem).__name__}."
        )
    return compute(problem)
