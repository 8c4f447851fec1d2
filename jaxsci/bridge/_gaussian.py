"""The Schrödinger bridge between two Gaussians, in closed form."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import (
    RESULTS,
    AbstractMethod,
    AbstractProblem,
    AbstractSolution,
    concrete,
)
from ._model import LightBridge
from ._riccati_root import riccati_root
from ._spread import Full
from ._validation import inexact, positive


class GaussianBridge(AbstractProblem):
    """The Schrödinger bridge from $N(m_0, A)$ to $N(m_1, B)$, for $\\sqrt\\varepsilon\\,W_t$.

    The plan of a start $x$ is $N(m_1 + S (x - m_0), \\varepsilon S)$, where $S$ is the positive
    root of $S A S + \\varepsilon S = B$.

    Attributes:
        mean0: $m_0$, shape `(D,)`.
        covariance0: $A$, symmetric positive semi-definite.
        mean1: $m_1$.
        covariance1: $B$, symmetric positive definite.
        epsilon: $\\varepsilon > 0$, the variance of the reference process at time 1.

    Source: H. Janati et al., Entropic optimal transport between unbalanced Gaussian measures has a
    closed form (2020); C. Bunne et al., The Schrödinger bridge between Gaussian measures has a
    closed form (2023).
    """

    mean0: Float[Array, " d"]
    covariance0: Float[Array, "d d"]
    mean1: Float[Array, " d"]
    covariance1: Float[Array, "d d"]
    epsilon: Float[Array, ""]

    def __init__(
        self,
        mean0: ArrayLike,
        covariance0: ArrayLike,
        mean1: ArrayLike,
        covariance1: ArrayLike,
        epsilon: ArrayLike,
    ):
        """State the problem.

        Raises:
            ValueError: if shapes disagree, a number is not finite, a covariance is not symmetric,
                $A$ has a negative or $B$ no positive least eigenvalue, or epsilon is not positive.
        """
        self.mean0 = inexact(mean0)
        dtype = self.mean0.dtype
        self.mean1 = inexact(mean1, dtype)
        if self.mean0.ndim != 1 or self.mean0.size == 0 or self.mean1.shape != self.mean0.shape:
            raise ValueError(
                "GaussianBridge: mean0 and mean1 must have the shape (D,), got "
                f"{self.mean0.shape} and {self.mean1.shape}."
            )
        for name, mean in (("mean0", self.mean0), ("mean1", self.mean1)):
            if concrete(mean) and not np.isfinite(mean).all():
                raise ValueError(f"GaussianBridge: {name} is not finite; repair its entries.")
        dim = self.mean0.size
        self.covariance0 = _covariance("covariance0", covariance0, dim, dtype, definite=False)
        self.covariance1 = _covariance("covariance1", covariance1, dim, dtype, definite=True)
        remedy = "without noise the problem is optimal transport."
        self.epsilon = positive("GaussianBridge: epsilon", epsilon, dtype, remedy)

    def residual(self, model: LightBridge) -> Float[Array, ""]:
        """How far the ends of `model` are from $N(m_1, B)$, relative.

        The larger of $|S A S + \\varepsilon S - B| / |B|$ and
        $|r + S m_0 - m_1| / (|m_1| + \\sqrt{\\operatorname{tr} B})$.

        Args:
            model: a light bridge of one component.

        Raises:
            ValueError: if the model has more components or another dimension.
        """
        if model.centers.shape != (1, self.mean0.size):
            raise ValueError(
                "GaussianBridge: the model must have one component in dimension "
                f"{self.mean0.size}, got {model.num_components} in dimension {model.dim}."
            )
        spread, (center,) = model.spread.dense()[0], model.centers
        law = spread @ self.covariance0 @ spread + self.epsilon * spread - self.covariance1
        mean = center + spread @ self.mean0 - self.mean1
        width = jnp.sqrt(jnp.trace(self.covariance1))
        first = jnp.linalg.norm(law) / jnp.linalg.norm(self.covariance1)
        second = jnp.linalg.norm(mean) / (jnp.linalg.norm(self.mean1) + width)
        return jnp.maximum(first, second)


class GaussianSolution(AbstractSolution):
    """The bridge between two Gaussians, and its moments.

    Attributes:
        value: a `LightBridge` of one component.
        result: a `RESULTS` code.
        stats: `residual`, see `GaussianBridge.residual`.
        problem: what was solved.
    """

    value: LightBridge
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    problem: GaussianBridge

    __repr__ = AbstractSolution.__repr__

    @property
    def cross_covariance(self) -> Float[Array, "d d"]:
        """$E (x_0 - m_0)(x_1 - m_1)^T = A S$."""
        return self.problem.covariance0 @ self.value.spread.dense()[0]

    @property
    def cost(self) -> Float[Array, ""]:
        """$\\min_\\pi E|x_0 - x_1|^2/2 - \\varepsilon E_{x_0} H(\\pi(\\cdot|x_0))$.

        $(|m_0 - m_1|^2 + \\operatorname{tr}(A + B - 2 A S)
        - \\varepsilon\\log\\det(2\\pi e\\varepsilon S)) / 2$.
        """
        p = self.problem
        trace = jnp.trace(p.covariance0 + p.covariance1 - 2 * self.cross_covariance)
        volume = p.mean0.size * jnp.log(2 * math.pi * math.e * p.epsilon)
        entropy = volume + self.value.spread.log_det()[0]
        return (jnp.sum((p.mean0 - p.mean1) ** 2) + trace - p.epsilon * entropy) / 2

    def marginal(self, t: ArrayLike) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
        """Mean and covariance at the time $t$.

        $(1-t) m_0 + t m_1$ and
        $(1-t)^2 A + t^2 B + t(1-t)(A S + S A) + \\varepsilon t(1-t) I$.

        Args:
            t: the time in [0, 1], a scalar.
        """
        p, cross = self.problem, self.cross_covariance
        t = jnp.asarray(t, p.mean0.dtype)
        mixed = cross + cross.T + p.epsilon * jnp.eye(p.mean0.size, dtype=p.mean0.dtype)
        ends = (1 - t) ** 2 * p.covariance0 + t**2 * p.covariance1
        return (1 - t) * p.mean0 + t * p.mean1, ends + t * (1 - t) * mixed


class ClosedForm(AbstractMethod):
    """$S = L\\,2(\\varepsilon + \\sqrt{\\varepsilon^2 + 4 L^T A L})^{-1} L^T$, $B = L L^T$.

    The root is differentiated as that of its equation,
    $\\dot S (A S + \\tfrac\\varepsilon2) + (S A + \\tfrac\\varepsilon2) \\dot S
    = \\dot B - S \\dot A S - \\dot\\varepsilon S$, so that equal eigenvalues do no harm.
    """

    accepts: ClassVar[tuple[type, ...]] = (GaussianBridge,)

    def run(self, problem: GaussianBridge, *, key: Array | None = None) -> GaussianSolution:
        """See `AbstractMethod.run`; no random numbers are drawn."""
        return _closed_form(problem)


@jax.jit
def _closed_form(problem: GaussianBridge) -> GaussianSolution:
    """The compiled core."""
    spread = riccati_root(problem.covariance0, problem.covariance1, problem.epsilon)
    center = problem.mean1 - spread @ problem.mean0
    none = jnp.zeros(1, center.dtype)
    model = LightBridge(none, center[None], Full(spread[None]), problem.epsilon)
    residual = problem.residual(model)
    finite = jnp.isfinite(residual)
    code = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
    return GaussianSolution(model, code, {"residual": residual}, problem)


def _covariance(
    name: str, values: ArrayLike, dim: int, dtype, *, definite: bool
) -> Float[Array, "d d"]:
    """The symmetric part of a covariance that has been looked at."""
    matrix = jnp.asarray(values, dtype)
    if matrix.shape != (dim, dim):
        raise ValueError(
            f"GaussianBridge: {name} must have the shape ({dim}, {dim}), got {matrix.shape}; "
            "use jnp.diag for variances."
        )
    if concrete(matrix):
        _check_covariance(name, np.asarray(matrix), definite)
    return (matrix + matrix.T) / 2


def _check_covariance(name: str, matrix: np.ndarray, definite: bool) -> None:
    if not np.isfinite(matrix).all():
        raise ValueError(f"GaussianBridge: {name} is not finite; repair its entries.")
    rounding = 100 * matrix.shape[0] * float(np.finfo(matrix.dtype).eps)
    skew = np.abs(matrix - matrix.T).max()
    if skew > rounding * np.abs(matrix).max():
        raise ValueError(
            f"GaussianBridge: {name} must be symmetric, but differs from its transpose by "
            f"{skew:.3g}; pass (C + C.T) / 2."
        )
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    bound = rounding * max(values[-1], 0.0) * (0.01 if definite else -1.0)
    if values[0] < bound or (definite and values[0] <= 0):
        kind = "definite" if definite else "semi-definite"
        raise ValueError(
            f"GaussianBridge: {name} must be positive {kind}, but its least eigenvalue is "
            f"{values[0]:.3g}; add a small multiple of the identity."
        )
