"""A bridge as unconstrained parameters, and derivatives of a fit."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .._core import freeze
from ._data import Weighted
from ._implicit import implicit_root, newton_steps
from ._model import LightBridge
from ._spread import AbstractSpread, Diagonal, Full


class Free(eqx.Module):
    """$(\\log\\alpha, r, \\log S)$: any values are a bridge.

    Attributes:
        log_weights: $\\log\\alpha_k$.
        centers: $r_k$.
        shape: $\\log$ of the diagonals, or Cholesky factors with the logarithm of their diagonals.
    """

    log_weights: Float[Array, " k"]
    centers: Float[Array, "k d"]
    shape: Float[Array, "k d ..."]

    def bridge(self, epsilon: Float[Array, ""]) -> LightBridge:
        """The bridge of these parameters."""
        return LightBridge(self.log_weights, self.centers, _spread(self.shape), epsilon)


def free(model: LightBridge) -> Free:
    """The parameters of a bridge."""
    if isinstance(model.spread, Diagonal):
        return Free(model.log_weights, model.centers, jnp.log(model.spread.values))
    root = jnp.linalg.cholesky(model.spread.dense())
    logs = jax.vmap(jnp.diag)(jnp.log(jnp.diagonal(root, axis1=1, axis2=2)))
    return Free(model.log_weights, model.centers, jnp.tril(root, -1) + logs)


def _spread(shape: Array) -> AbstractSpread:
    if shape.ndim == 2:
        return Diagonal(jnp.exp(shape))
    root = jnp.tril(shape, -1) + jax.vmap(jnp.diag)(jnp.exp(jnp.diagonal(shape, axis1=1, axis2=2)))
    return Full(root @ jnp.swapaxes(root, 1, 2))


def polished(model: LightBridge, start: Weighted, end: Weighted, num_steps: int) -> LightBridge:
    """Newton steps on all parameters at once, from close to the minimum of the loss."""
    flat, unpack = ravel_pytree(free(model))
    gradient = _gradient(unpack, model.epsilon, start, end, flat)
    return unpack(newton_steps(gradient, flat, num_steps)).bridge(model.epsilon)  # pyright: ignore[reportAttributeAccessIssue]


def differentiable(model: LightBridge, start: Weighted, end: Weighted) -> LightBridge:
    """A fitted bridge, with the derivative of the minimiser of the loss.

    $\\partial\\theta = -(\\nabla^2 L)^{-1} \\partial\\nabla L$, in epsilon, the samples and their
    weights; a common factor of the weights is held, since the loss does not depend on it.

    Args:
        model: where the loss is least.
        start: samples at time 0.
        end: samples at time 1.
    """
    flat, unpack = ravel_pytree(freeze(free(model)))
    gradient = _gradient(unpack, model.epsilon, start, end, flat)
    return unpack(implicit_root(gradient, flat)).bridge(model.epsilon)  # pyright: ignore[reportAttributeAccessIssue]


def _gradient(
    unpack: Callable, epsilon: Array, start: Weighted, end: Weighted, held: Array
) -> Callable[[Array], Array]:
    """Of the loss, and of a spring that holds the common factor of the weights."""
    fixed = jnp.sum(unpack(held).log_weights)

    def loss(theta: Array) -> Array:
        weights = (start.weights, end.weights)
        return unpack(theta).bridge(epsilon).loss(start.points, end.points, weights)

    def gradient(theta: Array) -> Array:
        spring = lambda t: (jnp.sum(unpack(t).log_weights) - fixed) ** 2 / 2
        return jax.grad(loss)(theta) + jax.grad(spring)(theta)

    return gradient
