"""What was observed, how it depends on the parameters, and what was believed before."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import AbstractProblem, concrete


class GaussianPrior(eqx.Module):
    """$\\theta_i \\sim N(m_i, s_i^2)$, independent.

    Attributes:
        mean: $m$, a pytree of the structure of the parameters.
        std: $s > 0$, one number for all parameters or a pytree like `mean`.
    """

    mean: PyTree[Float[Array, "..."]]
    std: PyTree[Float[Array, "..."]]

    def __init__(self, mean: PyTree[ArrayLike], std: PyTree[ArrayLike]):
        """Broadcast `std` to the parameters.

        Raises:
            ValueError: if the structures or shapes disagree, a number is not finite, or a standard
                deviation is not positive.
        """
        self.mean = jax.tree.map(_inexact, mean)
        if jax.tree.structure(std) == jax.tree.structure(0.0):
            std = jax.tree.map(lambda _: std, self.mean)
        if jax.tree.structure(std) != jax.tree.structure(self.mean):
            raise ValueError(
                "GaussianPrior: std must be one number or have the structure of mean, got "
                f"{jax.tree.structure(std)} for {jax.tree.structure(self.mean)}."
            )
        self.std = jax.tree.map(_like, self.mean, std)
        _check_finite("GaussianPrior: mean", self.mean)
        _check_positive("GaussianPrior: std", self.std)

    def residual(self, parameters: PyTree[Array]) -> Float[Array, " p"]:
        """$(\\theta - m)/s$, flattened."""
        parts = jax.tree.map(lambda t, m, s: (t - m) / s, parameters, self.mean, self.std)
        return ravel_pytree(parts)[0]


class InverseProblem(AbstractProblem):
    """$y = F(\\theta) + \\sigma\\varepsilon$, $\\varepsilon \\sim N(0, I)$; wanted: $\\theta$.

    Attributes:
        forward: $F$, from a pytree of parameters to an array of the shape of `observed`; usually
            it solves an equation and evaluates the solution where it was observed. Arrays it
            needs belong into a Module: those of a plain function become constants of the program.
        observed: $y$, an array of any shape.
        noise: $\\sigma > 0$, a number or an array of the shape of `observed`.
        prior: a `GaussianPrior`, or `None` for a flat one (of density 1, which is improper).
    """

    forward: Callable[[Any], Array]
    observed: Float[Array, "..."]
    noise: Float[Array, "..."]
    prior: GaussianPrior | None = None

    def __init__(
        self,
        forward: Callable[[Any], Array],
        observed: ArrayLike,
        noise: ArrayLike,
        prior: GaussianPrior | None = None,
    ):
        """State the problem.

        Raises:
            ValueError: if there are no observations, one is not finite, or the noise is not
                positive or of another shape than `observed`.
            TypeError: if `forward` cannot be called or `prior` is not a `GaussianPrior`.
        """
        if not callable(forward):
            raise TypeError(
                "InverseProblem: forward must be a function of the parameters, got "
                f"{type(forward).__name__}."
            )
        if not (prior is None or isinstance(prior, GaussianPrior)):
            raise TypeError(
                "InverseProblem: prior must be a GaussianPrior(mean, std) or None, got "
                f"{type(prior).__name__}."
            )
        self.forward, self.prior = forward, prior
        self.observed, self.noise = _inexact(observed), _inexact(noise)
        if self.observed.size == 0:
            raise ValueError("InverseProblem: observed is empty; give at least one observation.")
        if self.noise.shape not in ((), self.observed.shape):
            raise ValueError(
                "InverseProblem: noise must be a number or have the shape of observed, "
                f"{self.observed.shape}; got {self.noise.shape}."
            )
        _check_finite("InverseProblem: observed", self.observed)
        _check_positive("InverseProblem: noise", self.noise)

    def residual(self, parameters: PyTree[Array]) -> Float[Array, " n"]:
        """$(F(\\theta) - y)/\\sigma$, flattened: standard normal at the truth.

        Args:
            parameters: $\\theta$.

        Returns:
            The whitened misfit of every observation.

        Raises:
            ValueError: if the predictions do not have the shape of the observations.
        """
        predicted = jnp.asarray(self.forward(parameters))
        if predicted.shape != self.observed.shape:
            raise ValueError(
                f"InverseProblem: forward returned predictions of shape {predicted.shape} for "
                f"observations of shape {self.observed.shape}; the two must agree."
            )
        return ((predicted - self.observed) / self.noise).ravel()

    def log_volume(self) -> Float[Array, ""]:
        """$\\log\\prod_i \\sqrt{2\\pi}\\,\\sigma_i$ over observations and prior, for evidences."""
        parts = [jnp.broadcast_to(self.noise, self.observed.shape)]
        parts += [] if self.prior is None else jax.tree.leaves(self.prior.std)
        one = lambda scale: jnp.sum(jnp.log(scale)) + 0.5 * scale.size * math.log(2 * math.pi)
        return jnp.sum(jnp.stack([one(part) for part in parts]))


def _inexact(values: ArrayLike) -> Array:
    array = jnp.asarray(values)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else array.astype(float)


def _like(mean: Array, std: Any) -> Array:
    std = jnp.asarray(std, mean.dtype)
    if std.shape not in ((), mean.shape):
        raise ValueError(
            f"GaussianPrior: std has shape {std.shape}, the parameters {mean.shape}; give a "
            "number or one deviation per parameter."
        )
    return jnp.broadcast_to(std, mean.shape)


def _check_finite(name: str, tree: PyTree) -> None:
    if concrete(tree) and not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(tree)):
        raise ValueError(f"{name} is not finite; remove or repair the entries.")


def _check_positive(name: str, tree: PyTree) -> None:
    if not concrete(tree):
        return
    least = min((float(np.min(leaf)) for leaf in jax.tree.leaves(tree)), default=np.inf)
    if not least > 0:
        raise ValueError(f"{name} is a standard deviation and must be positive, got {least}.")
