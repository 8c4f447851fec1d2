"""Networks trained to denoise."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractIterativeMethod, Solution, adam, concrete, falling_rate
from ._denoiser import checked_answer
from ._network import Preconditioned

_NUM_JUDGED = 2048


class _Data(eqx.Module):
    points: Float[Array, "n ..."]
    network: PyTree  # all of the model but its parameters


class _State(eqx.Module):
    parameters: PyTree
    average: PyTree
    optimiser: PyTree
    count: Array
    loss: Float[Array, ""]
    key: Array


class DenoisingScoreMatching(AbstractIterativeMethod):
    """$\\min_\\theta E\\,c_{out}^{-2}(s)\\,|D_\\theta(x + s\\varepsilon, s) - x|^2$ by Adam.

    Noise levels are log-normal, rates fall to zero along half a cosine, and the fitted weights are
    an average over the training, $\\bar\\theta_t = \\beta_t\\bar\\theta_{t-1} +
    (1-\\beta_t)\\theta_t$ with $\\beta_t = (1 - 1/t)^{\\gamma+1}$: its width is a share of the time
    trained so far, whatever the number of steps.

    Attributes:
        learning_rate: at the start.
        max_steps: how many steps.
        batch_size: samples per step, drawn with replacement.
        log_mean: mean of $\\log s$; the published choice, for data of deviation 0.5.
        log_std: deviation of $\\log s$.
        average: $\\gamma$; the average looks back over about $1/(\\gamma + 2)$ of the training.

    Source: Karras et al., Elucidating the design space (NeurIPS 2022), section 5 (loss and noise
        levels); Karras et al., Analyzing and improving the training dynamics of diffusion models
        (CVPR 2024), section 3 (average).
    """

    accepts: ClassVar[tuple[type, ...]] = (Preconditioned,)

    learning_rate: ArrayLike = 4e-3
    max_steps: int = eqx.field(static=True, default=4000)
    batch_size: int = eqx.field(static=True, default=256)
    log_mean: ArrayLike = -1.2
    log_std: ArrayLike = 1.2
    average: ArrayLike = 16.0

    def init(self, problem: Any, key: Array | None) -> tuple[_Data, _State]:
        """See `AbstractIterativeMethod.init`: the weights that the network has are the start."""
        model, points = problem
        parameters, rest = eqx.partition(model.function, eqx.is_inexact_array)
        _check(points, parameters, key)
        network = eqx.tree_at(lambda m: m.function, model, rest)
        dtype = points.dtype
        start = adam(1.0, dtype).init(parameters)  # the rate is applied outside, it falls
        zero = jnp.zeros((), jnp.int32)
        worst = jnp.asarray(jnp.inf, dtype)
        state = _State(parameters, parameters, start, zero, worst, jnp.asarray(key))
        return _Data(points, network), state

    def step(self, data: _Data, state: _State) -> _State:
        """See `AbstractIterativeMethod.step`."""
        key, first, second = jax.random.split(state.key, 3)
        size = data.points.shape[0]
        batch = data.points[jax.random.randint(first, (self.batch_size,), 0, size)]
        loss = lambda parameters: self._loss(_join(data.network, parameters), batch, second)
        value, slope = jax.value_and_grad(loss)(state.parameters)
        dtype = batch.dtype
        moves, optimiser = adam(1.0, dtype).update(slope, state.optimiser)
        rate = falling_rate(self.learning_rate, state.count, self.max_steps, dtype)
        keep = self._keep(state.count, dtype)
        parameters = jax.tree.map(lambda old, move: old + rate * move, state.parameters, moves)
        mix = lambda old, new: keep * old + (1 - keep) * new
        average = jax.tree.map(mix, state.average, parameters)
        value = jnp.where(state.count == 0, value, mix(state.loss, value))
        return _State(parameters, average, optimiser, state.count + 1, value, key)

    def done(self, data: _Data, state: _State) -> Array:
        """See `AbstractIterativeMethod.done`: only if the loss is lost."""
        return jnp.isnan(state.loss)

    def finish(self, problem: Any, data: _Data, state: _State, stats: dict) -> Solution:
        """See `AbstractIterativeMethod.finish`.

        `loss` is that of the averaged weights on up to 2,048 of the samples, with fresh noise.
        """
        model = _join(data.network, state.average)
        loss = _judge(self, model, data.points[:_NUM_JUDGED], state.key)
        finite = jnp.isfinite(loss)
        code = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
        return Solution(model, code, {"loss": loss, **stats})

    def metrics(self, state: _State) -> dict[str, Array]:
        """See `AbstractIterativeMethod.metrics`."""
        return {"loss": state.loss}

    def _loss(self, model: Preconditioned, clean: Float[Array, "n ..."], key: Array) -> Array:
        """The weighted error of one batch, per coordinate."""
        first, second = jax.random.split(key)
        dtype = clean.dtype
        mean, deviation = (jnp.asarray(v, dtype) for v in (self.log_mean, self.log_std))
        s = jnp.exp(mean + deviation * jax.random.normal(first, clean.shape[:1], dtype))
        wide = lambda v: v.reshape(-1, *[1] * (clean.ndim - 1))
        noisy = clean + wide(s) * jax.random.normal(second, clean.shape, dtype)
        step = jnp.zeros((), jnp.int32)
        one = lambda y, s: checked_answer(model, y[None], s, step)[0]  # a denoiser takes batches
        return jnp.mean(wide(model.loss_weight(s)) * (jax.vmap(one)(noisy, s) - clean) ** 2)

    def _keep(self, count: Array, dtype: Any) -> Array:
        """$\\beta_t$ of step $t$ = count + 1."""
        share = count.astype(dtype) / (count + 1).astype(dtype)
        return share ** jnp.asarray(self.average + 1, dtype)


@eqx.filter_jit
def _judge(
    method: DenoisingScoreMatching, model: Preconditioned, points: Array, key: Array
) -> Array:
    return method._loss(model, points, key)


def _join(network: Preconditioned, parameters: PyTree) -> Preconditioned:
    return eqx.tree_at(lambda m: m.function, network, eqx.combine(network.function, parameters))


def _check(points: Any, parameters: PyTree, key: Array | None) -> None:
    """Refuse what cannot be trained on.

    Raises:
        ValueError: if the samples are no table of finite numbers in the dtype of the weights, the
            network has no weights, or a key is missing.
    """
    name = "DenoisingScoreMatching"
    if key is None:
        raise ValueError(f"{name}: give a random key, for the minibatches and their noise.")
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(parameters)}
    if not dtypes:
        raise ValueError(
            f"{name}: the function of the model holds no floating-point arrays, so there is "
            "nothing to train; pass an equinox module, or a module that carries the parameters."
        )
    if jnp.ndim(points) < 2 or 0 in jnp.shape(points):
        raise ValueError(
            f"{name}: data must be samples along the first axis, shape (n, ...), got "
            f"{jnp.shape(points)}; reshape single columns by x[:, None]."
        )
    if dtypes != {points.dtype}:
        kinds = ", ".join(sorted(str(kind) for kind in dtypes))
        raise ValueError(
            f"{name}: data are {points.dtype} and the weights {kinds}; cast the data by astype, or "
            "make the network with the dtype of the data."
        )
    if concrete(points):
        rows = np.asarray(points).reshape(points.shape[0], -1)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ValueError(
                f"{name}: data is not finite in {bad.size} row(s), the first is row {bad[0]}; "
                "remove or repair them."
            )
