"""Light bridges fitted by stochastic gradients, as published."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractIterativeMethod, Solution, adam
from ._data import Weighted, check_samples
from ._model import LightBridge
from ._parameters import Free, free
from ._path import brownian_bridge


class _Data(eqx.Module):
    start: Weighted
    end: Weighted
    epsilon: Float[Array, ""]
    chances: tuple[Float[Array, " n"], Float[Array, " m"]]  # cumulative, to draw from


class _State(eqx.Module):
    parameters: Free
    optimiser: PyTree
    loss: Float[Array, ""]
    key: Array


class AbstractStochasticFit(AbstractIterativeMethod):
    """Adam on minibatches of a loss whose minimum is the bridge.

    As published, the weights are moved in the variable $\\varepsilon\\log\\alpha$.
    """

    accepts: ClassVar[tuple[type, ...]] = (LightBridge,)

    learning_rate: eqx.AbstractVar[ArrayLike]
    batch_size: eqx.AbstractVar[int]
    start_spread: eqx.AbstractVar[ArrayLike]

    @abc.abstractmethod
    def batch_loss(
        self, bridge: LightBridge, x0: Float[Array, "b d"], x1: Float[Array, "b d"], key: Array
    ) -> Float[Array, ""]:
        """The loss of one minibatch."""

    def init(self, problem: Any, key: Array | None) -> tuple[_Data, _State]:
        """See `AbstractIterativeMethod.init`: centres at samples of the end, equal weights."""
        model, data = problem
        name = type(self).__name__
        start, end = check_samples(name, data, model)
        if key is None:
            raise ValueError(f"{name}: give a random key, for the minibatches.")
        first, rest = jax.random.split(key)
        chosen = jax.random.choice(first, end.points, (model.num_components,), False, end.weights)
        spread = model.spread.affine(0.0, jnp.asarray(self.start_spread, chosen.dtype))
        log_weights = jnp.full(model.num_components, -jnp.log(model.num_components), chosen.dtype)
        begin = free(LightBridge(log_weights, chosen, spread, model.epsilon))
        scaled = eqx.tree_at(lambda f: f.log_weights, begin, model.epsilon * log_weights)
        state = adam(self.learning_rate, chosen.dtype).init(scaled)  # pyright: ignore[reportArgumentType]
        worst = jnp.asarray(jnp.inf, chosen.dtype)
        chances = jnp.cumsum(start.weights), jnp.cumsum(end.weights)
        return _Data(start, end, model.epsilon, chances), _State(scaled, state, worst, rest)

    def step(self, data: _Data, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        key, first, second, third = jax.random.split(state.key, 4)
        x0 = _minibatch(first, data.start.points, data.chances[0], self.batch_size)
        x1 = _minibatch(second, data.end.points, data.chances[1], self.batch_size)
        loss = lambda scaled: self.batch_loss(_bridge(scaled, data.epsilon), x0, x1, third)
        value, slope = jax.value_and_grad(loss)(state.parameters)
        rule = adam(self.learning_rate, data.epsilon.dtype)
        change, optimiser = rule.update(slope, state.optimiser)  # pyright: ignore[reportArgumentType]
        moved = optax.apply_updates(state.parameters, change)  # pyright: ignore[reportArgumentType]
        return _State(moved, optimiser, value, key)  # pyright: ignore[reportArgumentType]

    def done(self, data: _Data, state: _State) -> Array:
        """See `AbstractIterativeMethod.done`: only if the loss is lost."""
        return jnp.isnan(state.loss)

    def finish(self, problem: Any, data: _Data, state: _State, stats: dict) -> Solution:
        """See `AbstractIterativeMethod.finish`; `loss` is over all samples."""
        model = _bridge(state.parameters, data.epsilon).normalised()
        weights = (data.start.weights, data.end.weights)
        loss = model.loss(data.start.points, data.end.points, weights)
        finite = jnp.isfinite(loss)
        code = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
        return Solution(model, code, {"loss": loss, **stats})

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": state.loss}


class LightSB(AbstractStochasticFit):
    """$\\min_\\theta E\\log c_\\theta(x_0) - E\\log v_\\theta(x_1)$ by Adam on minibatches.

    Attributes:
        learning_rate: constant; the published choice is 1e-3 for epsilon 0.1, 3e-3 for 1, 6e-2
            for 10.
        max_steps: how many steps.
        batch_size: samples of each side per step.
        start_spread: of all shape matrices at the start.

    Source: arXiv 2310.01174, equation 8 and section 5.
    """

    learning_rate: ArrayLike = 3e-3
    max_steps: int = eqx.field(static=True, default=10_000)
    batch_size: int = eqx.field(static=True, default=128)
    start_spread: ArrayLike = 1.0

    def batch_loss(
        self, bridge: LightBridge, x0: Float[Array, "b d"], x1: Float[Array, "b d"], key: Array
    ) -> Float[Array, ""]:
        """See `AbstractStochasticFit.batch_loss`."""
        return bridge.loss(x0, x1)


class LightSBM(AbstractStochasticFit):
    """$\\min_\\theta E|(x_1 - x_t)/(1-t) - g_\\theta(x_t, t)|^2$ over Brownian bridges: matching.

    The optimal projection of any coupling onto Schrödinger bridges; here the independent one.
    Its minimiser is that of `LightSB`, the gradient is noisier.

    Attributes:
        learning_rate: constant.
        max_steps: how many steps.
        batch_size: pairs per step.
        start_spread: of all shape matrices at the start.
        last_time: times are uniform in [0, `last_time`].

    Source: N. Gushchin et al., Light and optimal Schrödinger bridge matching (ICML 2024).
    """

    learning_rate: ArrayLike = 1e-3
    max_steps: int = eqx.field(static=True, default=10_000)
    batch_size: int = eqx.field(static=True, default=512)
    start_spread: ArrayLike = 1.0
    last_time: ArrayLike = 0.99

    def batch_loss(
        self, bridge: LightBridge, x0: Float[Array, "b d"], x1: Float[Array, "b d"], key: Array
    ) -> Float[Array, ""]:
        """See `AbstractStochasticFit.batch_loss`."""
        first, second = jax.random.split(key)
        latest = jnp.asarray(self.last_time, x0.dtype)
        times = latest * jax.random.uniform(first, x0.shape[:1], x0.dtype)
        keys = jax.random.split(second, x0.shape[0])

        def one(k: Array, start: Array, end: Array, t: Array) -> Array:
            place = brownian_bridge(k, start, end, t[None], bridge.epsilon)[0]
            return jnp.sum(((end - place) / (1 - t) - bridge.drift(t, place)) ** 2)

        return jnp.mean(jax.vmap(one)(keys, x0, x1, times))


def _bridge(scaled: Free, epsilon: Array) -> LightBridge:
    """From the variables of the optimiser."""
    return eqx.tree_at(lambda f: f.log_weights, scaled, scaled.log_weights / epsilon).bridge(
        epsilon
    )


def _minibatch(
    key: Array, points: Float[Array, "n d"], chances: Float[Array, " n"], size: int
) -> Float[Array, "b d"]:
    """Draws with replacement, by the weights."""
    places = jax.random.uniform(key, (size,), chances.dtype)
    index = jnp.searchsorted(chances, places)
    return points[jnp.minimum(index, points.shape[0] - 1)]
