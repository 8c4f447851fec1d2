"""Denoisers: what a network predicts, as the clean signal in the normal form."""

import abc
from collections.abc import Callable
from typing import Any, get_args

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from ._noise import AbstractNoise
from ._outputs import Output, clean_signal


class AbstractDenoiser(eqx.Module):
    """$D(y, s) = E[x_0 | y = x_0 + s\\varepsilon]$, the only question a sampler asks."""

    @abc.abstractmethod
    def __call__(
        self, y: Float[Array, "..."], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "..."]:
        """The clean signal.

        Args:
            y: $x/\\alpha$, any shape that the denoiser takes; samplers pass what they were given.
            s: $\\sigma/\\alpha$, one number.
            step: which evaluation of the sampler this is, for weights that vary by step.

        Returns:
            $D(y, s)$, in the shape of `y`.
        """


class Denoiser(AbstractDenoiser):
    """$D(y, s)$ from a network `f(x, t, *condition)` with $x = \\alpha y$ and $t = t(\\lambda)$.

    Attributes:
        function: any callable: an equinox module, a bound flax `apply`, a plain function. It gets
            the whole batch and one time; a network of single samples is given as
            `jax.vmap(net, in_axes=(0, None))`, one that wants a time for each sample as
            `lambda x, t: net(x, jnp.full(x.shape[0], t))`.
        noise: the schedule that the network was trained with.
        output: what it predicts: "eps", "x0", "v" ($\\alpha\\varepsilon - \\sigma x_0$), "score"
            ($-\\varepsilon/\\sigma$) or "flow" ($\\varepsilon - x_0$).
        condition: further arguments of the function, leaves that may change without compiling.
    """

    function: Callable[..., Any]
    noise: AbstractNoise
    output: Output = eqx.field(static=True, default="eps")
    condition: tuple[PyTree, ...] = ()

    def __check_init__(self):
        if self.output not in get_args(Output):
            raise ValueError(
                f"Denoiser: output must be one of {', '.join(get_args(Output))}, got "
                f"{self.output!r}; it says what the network predicts."
            )

    def __call__(
        self, y: Float[Array, "..."], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "..."]:
        """See `AbstractDenoiser.__call__`."""
        t = self.noise.time(-jnp.log(s))
        alpha, sigma = self.noise.alpha(t), self.noise.sigma(t)
        x = alpha * y
        predicted = self.function(x, t, *self.condition)
        return clean_signal(self.output, x, predicted, alpha, sigma)


class Guided(AbstractDenoiser):
    """$D = D_u + w\\,(D_c - D_u)$: classifier-free guidance.

    Each evaluation asks both denoisers; the count of function evaluations counts it once.

    Attributes:
        conditional: $D_c$.
        unconditional: $D_u$.
        weight: $w$, one number, or one for each evaluation of the sampler; the last one is used
            for all later evaluations.

    Source: Ho and Salimans, Classifier-free diffusion guidance (arXiv 2207.12598), equation 6,
        where $w$ is called $1 + w$.
    """

    conditional: AbstractDenoiser
    unconditional: AbstractDenoiser
    weight: ArrayLike

    def __call__(
        self, y: Float[Array, "..."], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "..."]:
        """See `AbstractDenoiser.__call__`."""
        weights = jnp.atleast_1d(jnp.asarray(self.weight, y.dtype))
        weight = weights[jnp.minimum(step, weights.size - 1)]
        base = self.unconditional(y, s, step)
        return base + weight * (self.conditional(y, s, step) - base)


class Thresholded(AbstractDenoiser):
    """$D \\mapsto g(D)$: a hook on the clean signal, off unless one asks for it.

    Attributes:
        denoiser: $D$.
        function: $g$, for example `dynamic_threshold(0.995)`.
    """

    denoiser: AbstractDenoiser
    function: Callable[[Array], Array]

    def __call__(
        self, y: Float[Array, "..."], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "..."]:
        """See `AbstractDenoiser.__call__`."""
        return self.function(self.denoiser(y, s, step))


def dynamic_threshold(quantile: float, limit: float = 1.0) -> Callable[[Array], Array]:
    """$g(D) = \\mathrm{clip}(D, -q, q)\\,c/q$, $q$ the quantile of $|D|$, at least $c$.

    Only for data within $[-c, c]$: it changes any other.

    Args:
        quantile: between 0 and 1, per sample (all axes but the first).
        limit: $c$.

    Returns:
        A function for `Thresholded`.

    Raises:
        ValueError: if the quantile is no fraction.

    Source: Saharia et al., Photorealistic text-to-image models (NeurIPS 2022), section 2.3.
    """
    if not 0 < quantile <= 1:
        raise ValueError(f"dynamic_threshold: quantile must be in (0, 1], got {quantile}.")

    def threshold(clean: Array) -> Array:
        flat = jnp.abs(clean).reshape(clean.shape[0], -1)
        reach = jnp.maximum(jnp.quantile(flat, quantile, axis=1), limit)
        reach = reach.reshape(-1, *[1] * (clean.ndim - 1))
        return jnp.clip(clean, -reach, reach) * (limit / reach)

    return threshold


def checked_answer(
    denoiser: AbstractDenoiser, y: Float[Array, "..."], s: Float[Array, ""], step: Array
) -> Float[Array, "..."]:
    """$D(y, s)$, refused while it is traced if it does not answer in the kind of its question.

    Raises:
        ValueError: with both shapes, or both types.
    """
    answer = denoiser(y, s, step)
    shape = getattr(answer, "shape", None)
    if shape != y.shape:
        raise ValueError(
            f"the denoiser returned {'no array' if shape is None else f'the shape {shape}'} for y "
            f"of the shape {y.shape}; it must answer in the same shape. Wrap a network of single "
            "samples by jax.vmap(net, in_axes=(0, None))."
        )
    if answer.dtype != y.dtype:
        raise ValueError(
            f"the denoiser returned {answer.dtype} for y of {y.dtype}; cast its parameters or y."
        )
    return answer
