"""Unbalanced light bridges fitted by a quasi-Newton method."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractMethod, Solution, freeze
from ._data import Weighted, check_samples, subset
from ._implicit import implicit_root, newton_steps
from ._mixture import GaussianMixture
from ._model import LightBridge
from ._parameters import Free, free
from ._quasi_newton import quasi_newton
from ._seeding import draw, seed
from ._spread import Full
from ._unbalanced import UnbalancedBridge


class UnbalancedLBFGS(AbstractMethod):
    """$\\min_{u, v} \\tau\\log E_p e^{-\\varphi/\\tau} + \\tau\\log E_q e^{-\\psi/\\tau}$.

    By L-BFGS over the unconstrained parameters of both mixtures, from clusters of both sides; see
    `UnbalancedBridge.scale_free_loss`. Newton steps follow: near the minimum the loss is flat to
    rounding, while its gradient still tells how far it is. The fitted bridge is differentiable in
    epsilon, tau and the samples, implicitly.

    Attributes:
        max_steps: the most steps.
        rtol: relative change of parameters and loss that counts as converged.
        atol: the absolute change.
        num_newton: Newton steps at the end, each with a dense Hessian.
        block_size: samples of which the clusters are made.
    """

    accepts: ClassVar[tuple[type, ...]] = (UnbalancedBridge,)

    max_steps: int = eqx.field(static=True, default=1000)
    rtol: ArrayLike = 1e-8
    atol: ArrayLike = 1e-8
    num_newton: int = eqx.field(static=True, default=2)
    block_size: int = eqx.field(static=True, default=4096)

    def run(self, problem: tuple[UnbalancedBridge, Any], *, key: Array | None = None) -> Solution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if the samples do not fit the model, or a key is missing.
        """
        model, data = problem
        start, end = check_samples("UnbalancedLBFGS", data, model.bridge)
        num = model.source.means.shape[0]
        if start.points.shape[0] < num:
            raise ValueError(
                f"UnbalancedLBFGS: x0 has {start.points.shape[0]} samples for {num} components of "
                "the source; take fewer components."
            )
        if key is None:
            raise ValueError("UnbalancedLBFGS: give a random key, for the clusters to start from.")
        sizes = (self.max_steps, self.num_newton, self.block_size)
        dtype = start.points.dtype
        tolerances = jnp.asarray(self.rtol, dtype), jnp.asarray(self.atol, dtype)
        return _fit(model, start, end, key, tolerances, sizes)


class _Parameters(eqx.Module):
    """Both mixtures without constraints; constants of either change nothing."""

    potential: Free
    source: Free

    def model(self, epsilon: Float[Array, ""], tau: Float[Array, ""]) -> UnbalancedBridge:
        shape = self.source.bridge(epsilon)
        weights = jax.nn.log_softmax(shape.log_weights)
        source = GaussianMixture(weights, shape.centers, shape.spread)
        return UnbalancedBridge(self.potential.bridge(epsilon).normalised(), source, 0.0, tau)

    def gauge(self) -> Float[Array, ""]:
        """Its gradient holds the constants of the weights."""
        sums = jnp.sum(self.potential.log_weights), jnp.sum(self.source.log_weights)
        return (sums[0] ** 2 + sums[1] ** 2) / 2


@eqx.filter_jit
def _fit(
    model: UnbalancedBridge,
    start: Weighted,
    end: Weighted,
    key: Array,
    tolerances: tuple[Array, Array],
    sizes: tuple[int, int, int],
) -> Solution:
    """The compiled core."""
    max_steps, num_newton, block_size = sizes
    epsilon, tau = model.bridge.epsilon, model.tau
    seeded = _seeded(freeze(model), freeze(start), freeze(end), key, block_size)
    flat, unpack = ravel_pytree(freeze(seeded))
    frozen = freeze((epsilon, tau, start, end))

    def loss(theta: Array, args: Any) -> Array:
        epsilon, tau, x, y = args
        candidate = unpack(theta).model(epsilon, tau)  # pyright: ignore[reportAttributeAccessIssue]
        return candidate.scale_free_loss(x.points, y.points, (x.weights, y.weights))

    best, code, num_steps = quasi_newton(loss, flat, frozen, *tolerances, max_steps)
    slope = _gradient(loss, unpack)
    theta = newton_steps(lambda t: slope(t, frozen, best), best, num_newton)
    data, held = (epsilon, tau, start, end), jax.lax.stop_gradient(theta)
    theta = implicit_root(lambda t: slope(t, data, held), held)
    shapes: UnbalancedBridge = unpack(theta).model(epsilon, tau)  # pyright: ignore[reportAttributeAccessIssue]
    sides = start.points, end.points, (start.weights, end.weights)
    fitted = shapes.scaled(*sides)
    value = fitted.loss(*sides)
    return Solution(fitted, code, {"loss": value, "mass": fitted.mass, "num_steps": num_steps})


def _seeded(
    model: UnbalancedBridge, start: Weighted, end: Weighted, key: Array, size: int
) -> _Parameters:
    """A balanced bridge to clusters of the end, and clusters of the start.

    The bridge from one point, for epsilon one, is the mixture of its end itself.
    """
    num, dim = model.source.means.shape
    num_end = model.bridge.num_components
    draws = draw(key, num_end + num, start.points.dtype)
    x, y = subset(start, size), subset(end, size)
    bridge = seed(draws[:num_end], model.bridge, x, y)
    origin = jnp.zeros_like(start.points[:1])
    point = Weighted(origin, jnp.ones_like(origin[:, 0]))
    full = isinstance(model.bridge.spread, Full)
    template = LightBridge.blank(dim, num, jnp.ones_like(bridge.epsilon), full=full)
    return _Parameters(free(bridge), free(seed(draws[num_end:], template, point, x)))


def _gradient(loss: Any, unpack: Any) -> Any:
    """Of the loss, and at `theta` itself also of the constants that the loss leaves free."""

    def gradient(theta: Array, args: Any, held: Array) -> Array:
        gauge = jax.grad(lambda t: unpack(t).gauge())
        return jax.grad(loss)(theta, args) + gauge(theta) - gauge(held)

    return gradient
