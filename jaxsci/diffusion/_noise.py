"""Noise schedules: one contract, so that every one of them is the same equation in log-SNR."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete


class AbstractNoise(eqx.Module):
    """$x_t = \\alpha x_0 + \\sigma\\varepsilon$, half-log-SNR $\\lambda = \\log\\alpha/\\sigma$.

    In $y = x/\\alpha$ and $s = \\sigma/\\alpha = e^{-\\lambda}$ all schedules are one equation,
    $dy/ds = \\varepsilon(y, s)$: samplers work there, and time is only what a network is told.
    """

    @abc.abstractmethod
    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\alpha(t)$, the scale of the signal."""

    @abc.abstractmethod
    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\sigma(t)$, the scale of the noise."""

    @abc.abstractmethod
    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\lambda(t) = \\log(\\alpha/\\sigma)$: half of the logarithm of the power ratio."""

    @abc.abstractmethod
    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """The inverse of `log_snr`."""

    @property
    @abc.abstractmethod
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """The times of most and of least noise between which one samples."""

    def spaced(self, fraction: Float[Array, "..."]) -> Float[Array, "..."]:
        """The time that far along `span`: 0 is most noise, 1 is least, equally spaced."""
        first, last = (jnp.asarray(t, fraction.dtype) for t in self.span)
        return first + fraction * (last - first)


class VPLinear(AbstractNoise):
    """$\\log\\alpha^2 = -\\beta_0 t - (\\beta_1-\\beta_0)t^2/2$, $\\alpha^2+\\sigma^2 = 1$.

    Attributes:
        beta_min: $\\beta_0$.
        beta_max: $\\beta_1$.
        smallest: the time of least noise at which sampling ends; it begins at 1.

    Source: Song et al., Score-based generative modeling through SDEs (ICLR 2021), equation 32.
    """

    beta_min: ArrayLike = 0.1
    beta_max: ArrayLike = 20.0
    smallest: ArrayLike = 1e-3

    def __check_init__(self):
        _positive("VPLinear", beta_min=self.beta_min, beta_max=self.beta_max)

    @property
    def _slope(self) -> Any:
        return self.beta_max - self.beta_min  # pyright: ignore[reportOperatorIssue]

    def _loss(self, t: Array) -> Array:
        """$-\\log\\alpha^2$."""
        return t * (self.beta_min + t * self._slope / 2)

    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.alpha`."""
        return jnp.exp(-self._loss(t) / 2)

    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.sigma`."""
        return jnp.sqrt(-jnp.expm1(-self._loss(t)))

    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.log_snr`."""
        return -jnp.log(jnp.expm1(self._loss(t))) / 2

    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of a quadratic, in the form that does not cancel."""
        loss = jax.nn.softplus(-2 * log_snr)
        root = jnp.sqrt(self.beta_min**2 + 2 * self._slope * loss)
        return 2 * loss / (self.beta_min + root)

    @property
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """From 1 to `smallest`."""
        return 1.0, self.smallest


class VPCosine(AbstractNoise):
    """$\\alpha = \\cos\\theta/\\cos\\theta_0$, $\\theta = \\frac{\\pi}{2}\\frac{t+r}{1+r}$.

    Attributes:
        offset: $r$, which keeps the noise positive at time 0.
        largest: the time of most noise; at 1 there is no signal at all.
        smallest: the time of least noise.

    Source: Nichol and Dhariwal, Improved denoising diffusion models (ICML 2021), equation 17.
    """

    offset: ArrayLike = 0.008
    largest: ArrayLike = 0.9946
    smallest: ArrayLike = 1e-3

    def __check_init__(self):
        _positive("VPCosine", offset=self.offset)

    def _angle(self, t: ArrayLike) -> Array:
        return jnp.asarray(math.pi / 2 * (t + self.offset) / (1 + self.offset))

    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.alpha`."""
        return jnp.cos(self._angle(t)) / jnp.cos(self._start(t))

    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """$\\sqrt{\\sin(\\theta-\\theta_0)\\sin(\\theta+\\theta_0)}/\\cos\\theta_0$."""
        first, angle = self._start(t), self._angle(t)
        return jnp.sqrt(jnp.sin(angle - first) * jnp.sin(angle + first)) / jnp.cos(first)

    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.log_snr`."""
        return jnp.log(self.alpha(t) / self.sigma(t))

    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """By both coordinates of the angle: the arc cosine alone is inaccurate near 1."""
        first = self._start(log_snr)
        signal, noise = jax.nn.sigmoid(2 * log_snr), jax.nn.sigmoid(-2 * log_snr)
        across = jnp.sqrt(noise + signal * jnp.sin(first) ** 2)
        angle = jnp.arctan2(across, jnp.sqrt(signal) * jnp.cos(first))
        return angle * (2 / math.pi) * (1 + self.offset) - self.offset

    def _start(self, like: Array) -> Array:
        return self._angle(jnp.zeros((), like.dtype))

    @property
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """From `largest` to `smallest`."""
        return self.largest, self.smallest


class DiscreteVP(AbstractNoise):
    """$\\alpha_i^2 = \\bar\\alpha_i$, $\\sigma_i^2 = 1 - \\bar\\alpha_i$ at times $i = 0..T-1$.

    Between two times $\\lambda$ is linear: whole times give the table back.

    Attributes:
        alphas_cumprod: decreasing numbers between 0 and 1, as diffusers and DDPM keep them.

    Source: Ho et al., Denoising diffusion probabilistic models (NeurIPS 2020), equation 4.
    """

    alphas_cumprod: Float[Array, " n"]

    def __check_init__(self):
        if jnp.ndim(self.alphas_cumprod) != 1 or jnp.size(self.alphas_cumprod) < 2:
            raise ValueError(
                "DiscreteVP: alphas_cumprod must be a line of at least two numbers, got the shape "
                f"{jnp.shape(self.alphas_cumprod)}."
            )
        if concrete(self.alphas_cumprod):
            table = np.asarray(self.alphas_cumprod)
            inside = (table > 0).all() and (table < 1).all()
            if not (inside and (np.diff(table) < 0).all()):
                raise ValueError(
                    "DiscreteVP: alphas_cumprod must decrease strictly between 1 and 0, got "
                    f"{float(table[0]):.4g} ... {float(table[-1]):.4g}; pass the cumulative "
                    "products of 1 - beta, not the betas."
                )

    def _table(self, dtype) -> tuple[Array, Array]:
        signal = jnp.asarray(self.alphas_cumprod, dtype)
        return jnp.arange(signal.size, dtype=dtype), jnp.log(signal / (1 - signal)) / 2

    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.alpha`."""
        return jnp.sqrt(jax.nn.sigmoid(2 * self.log_snr(t)))

    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.sigma`."""
        return jnp.sqrt(jax.nn.sigmoid(-2 * self.log_snr(t)))

    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.log_snr`."""
        return jnp.interp(t, *self._table(t.dtype))

    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.time`."""
        times, table = self._table(log_snr.dtype)
        return jnp.interp(log_snr, table[::-1], times[::-1])

    @property
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """From $T-1$ to 0."""
        return float(self.alphas_cumprod.size - 1), 0.0


class EDM(AbstractNoise):
    """$\\alpha = 1$, $\\sigma(t) = t$: variance exploding, time is the noise level.

    Attributes:
        largest: the noise at which sampling starts.
        smallest: the noise at which it ends.

    Source: Karras et al., Elucidating the design space (NeurIPS 2022), table 1.
    """

    largest: ArrayLike = 80.0
    smallest: ArrayLike = 0.002

    def __check_init__(self):
        _positive("EDM", largest=self.largest, smallest=self.smallest)

    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.alpha`."""
        return jnp.ones_like(t)

    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.sigma`."""
        return t

    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.log_snr`."""
        return -jnp.log(t)

    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.time`."""
        return jnp.exp(-log_snr)

    @property
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """From `largest` to `smallest`."""
        return self.largest, self.smallest


class FlowMatching(AbstractNoise):
    """$\\alpha = 1 - t$, $\\sigma = t$: straight lines from data to noise.

    The shift moves equally spaced times, $t = c u/(1 + (c-1)u)$; the network is told $t$ itself.

    Attributes:
        shift: $c$, larger for larger images.
        largest: the time of most noise; at 1 the log-SNR is minus infinity.
        smallest: the time of least noise.

    Source: Esser et al., Scaling rectified flow transformers (ICML 2024), equation 23.
    """

    shift: ArrayLike = 1.0
    largest: ArrayLike = 0.999
    smallest: ArrayLike = 1e-3

    def __check_init__(self):
        _positive("FlowMatching", shift=self.shift)

    def alpha(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.alpha`."""
        return 1 - t

    def sigma(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.sigma`."""
        return t

    def log_snr(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.log_snr`."""
        return jnp.log1p(-t) - jnp.log(t)

    def time(self, log_snr: Float[Array, "..."]) -> Float[Array, "..."]:
        """See `AbstractNoise.time`."""
        return jax.nn.sigmoid(-log_snr)

    @property
    def span(self) -> tuple[ArrayLike, ArrayLike]:
        """From `largest` to `smallest`."""
        return self.largest, self.smallest

    def spaced(self, fraction: Float[Array, "..."]) -> Float[Array, "..."]:
        """Equal steps of $u$, and the shift."""
        ends = [t / (self.shift - (self.shift - 1) * t) for t in self.span]
        first, last = (jnp.asarray(u, fraction.dtype) for u in ends)
        u = first + fraction * (last - first)
        return jnp.asarray(self.shift * u / (1 + (self.shift - 1) * u))


def _positive(name: str, **values: ArrayLike) -> None:
    for field, value in values.items():
        if concrete(value) and not np.all(np.asarray(value) > 0):
            raise ValueError(f"{name}: {field} must be positive, got {value}.")
