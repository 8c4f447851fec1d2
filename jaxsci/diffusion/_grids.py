"""Where the steps end: grids of log-SNR."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._noise import AbstractNoise


def rho_grid(noise: AbstractNoise, num_steps: int, rho: ArrayLike = 7.0) -> Float[Array, " n+1"]:
    """$s_i = (s_0^{1/\\rho} + \\tfrac iN (s_N^{1/\\rho} - s_0^{1/\\rho}))^\\rho$, as log-SNR.

    Args:
        noise: whose span is divided.
        num_steps: N.
        rho: 7 is the published choice, 1 has equal steps of s.

    Returns:
        N + 1 growing log-SNR.

    Raises:
        ValueError: if there is no step.

    Source: Karras et al., Elucidating the design space (NeurIPS 2022), equation 5.
    """
    first, last = log_snr_span(noise)
    ends = jnp.exp(-jnp.stack([first, last]) / rho)
    line = ends[0] + _fractions(num_steps) * (ends[1] - ends[0])
    return _ended(jnp.negative(rho) * jnp.log(line), first, last)


def log_snr_grid(noise: AbstractNoise, num_steps: int) -> Float[Array, " n+1"]:
    """$\\lambda_i = \\lambda_0 + \\tfrac iN(\\lambda_N - \\lambda_0)$.

    Args:
        noise: whose span is divided.
        num_steps: N.

    Returns:
        N + 1 growing log-SNR.

    Raises:
        ValueError: if there is no step.
    """
    first, last = log_snr_span(noise)
    return _ended(first + _fractions(num_steps) * (last - first), first, last)


def time_grid(
    noise: AbstractNoise, num_steps: int, clock: AbstractNoise | None = None
) -> Float[Array, " n+1"]:
    """Equal steps of time.

    Args:
        noise: whose span is divided.
        num_steps: N.
        clock: whose time it is; that of `noise`, with its own spacing, by default. `EDM()` with
            the clock `VPLinear()` is the "uniform" grid of the literature.

    Returns:
        N + 1 growing log-SNR.

    Raises:
        ValueError: if there is no step.
    """
    part, (first, last) = _fractions(num_steps), log_snr_span(noise)
    if clock is None:
        return noise.log_snr(noise.spaced(part))
    ends = clock.time(first), clock.time(last)
    return _ended(clock.log_snr(ends[0] + part * (ends[1] - ends[0])), first, last)


def log_snr_span(noise: AbstractNoise) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The log-SNR of most and of least noise.

    Args:
        noise: the schedule.

    Returns:
        Two numbers, the smaller first.
    """
    first, last = (jnp.asarray(t, float) for t in noise.span)
    return noise.log_snr(first), noise.log_snr(last)


def _fractions(num_steps: int) -> Array:
    if num_steps < 1:
        raise ValueError(f"a grid needs at least one step, got num_steps = {num_steps}.")
    return jnp.linspace(0.0, 1.0, num_steps + 1)


def _ended(grid: Array, first: Array, last: Array) -> Array:
    """With exactly the ends that were asked for."""
    return grid.at[0].set(first).at[-1].set(last)
