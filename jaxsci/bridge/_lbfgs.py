"""Light bridges fitted by a quasi-Newton method on all samples."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike

from .._core import RESULTS, AbstractMethod, Solution, freeze
from ._data import Weighted, check_samples, subset
from ._model import LightBridge
from ._parameters import differentiable, free
from ._quasi_newton import quasi_newton
from ._seeding import draw, seed


class LBFGS(AbstractMethod):
    """$\\min_\\theta E\\log c_\\theta - E\\log v_\\theta$ over unconstrained parameters, by L-BFGS.

    Slower than `MomentMatching` where that converges, and monotone everywhere. The fitted bridge is
    differentiable in epsilon and in the samples, implicitly.

    Attributes:
        max_steps: the most steps.
        rtol: relative change of parameters and loss that counts as converged.
        atol: the absolute change.
        from_model: start from the given model instead of clusters of the end.
        block_size: samples of which the clusters are made.

    Source: D. Liu and J. Nocedal, On the limited memory BFGS method (1989).
    """

    accepts: ClassVar[tuple[type, ...]] = (LightBridge,)

    max_steps: int = eqx.field(static=True, default=500)
    rtol: ArrayLike = 1e-8
    atol: ArrayLike = 1e-8
    from_model: bool = eqx.field(static=True, default=False)
    block_size: int = eqx.field(static=True, default=4096)

    def run(self, problem: tuple[LightBridge, Any], *, key: Array | None = None) -> Solution:
        """See `AbstractMethod.run`.

        Raises:
            ValueError: if the samples do not fit the model, or a key is missing.
        """
        model, data = problem
        start, end = check_samples("LBFGS", data, model)
        if not self.from_model:
            if key is None:
                raise ValueError("LBFGS: give a random key, for the clusters to start from.")
            model = _seeded(model, start, end, key, self.block_size)
        rtol, atol = (jnp.asarray(tol, model.centers.dtype) for tol in (self.rtol, self.atol))
        fitted, code, loss, steps = _minimise(model, start, end, rtol, atol, self.max_steps)
        return Solution(fitted, code, {"loss": loss, "num_steps": steps})


@eqx.filter_jit
def _seeded(
    model: LightBridge, start: Weighted, end: Weighted, key: Array, size: int
) -> LightBridge:
    draws = draw(key, model.num_components, model.centers.dtype)
    found = seed(draws, model, subset(start, size), subset(end, size))
    return eqx.tree_at(lambda m: m.epsilon, freeze(found), model.epsilon)


@eqx.filter_jit
def _minimise(
    model: LightBridge,
    start: Weighted,
    end: Weighted,
    rtol: ArrayLike,
    atol: ArrayLike,
    max_steps: int,
) -> tuple[LightBridge, RESULTS, Array, Array]:
    """The compiled core."""
    flat, unpack = ravel_pytree(freeze(free(model)))
    frozen = freeze((model.epsilon, start, end))

    def loss(theta: Array, args: Any) -> Array:
        epsilon, x, y = args
        bridge = unpack(theta).bridge(epsilon)  # pyright: ignore[reportAttributeAccessIssue]
        return bridge.loss(x.points, y.points, (x.weights, y.weights))

    theta, code, num_steps = quasi_newton(loss, flat, frozen, rtol, atol, max_steps)
    best: Any = unpack(theta)
    fitted = differentiable(best.bridge(model.epsilon).normalised(), start, end)
    return fitted.normalised(), code, loss(theta, frozen), num_steps
