"""Pseudo linear multistep methods: Adams-Bashforth on whole points, with two ways to begin."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._named import ADAMS, weights_of
from ._noise import AbstractNoise, VPLinear
from ._schedule import Schedule

_WARM_UP = 3  # steps until there are values for the fourth order


def pndm(log_snr: Float[ArrayLike, " k+1"]) -> Schedule:
    """Pseudo linear multistep: Adams-Bashforth after one step of Heun's kind.

    The first step asks the model at its end and takes the mean of both values; the variant
    without the pseudo Runge-Kutta start, as it is in use. `pndm_runge_kutta` has that start.

    Args:
        log_snr: the grid of K steps.

    Returns:
        K + 1 evaluations.

    Source: Liu et al., Pseudo numerical methods for diffusion models on manifolds (ICLR 2022),
        equation 9.
    """
    coarse = jnp.asarray(log_snr)
    steps = coarse.size - 1
    rows = [weights_of({0: 1.0}, 0, 5), weights_of({0: 0.5, 1: 0.5}, 1, 5)]
    for k in range(1, steps):  # values of whole points; that at the guessed end is skipped
        rows.append(_adams([j if j < k else j + 1 for j in range(min(k, 3) + 1)], 5))
    return Schedule(
        jnp.concatenate([coarse[:2], coarse[1:]]),
        prediction="noise",
        start=jnp.asarray([0, 1] + [0] * (steps - 1)),
        extra_noise=jnp.asarray(np.stack(rows)),
        window=5,
    )


def pndm_runge_kutta(
    log_snr: Float[ArrayLike, " k+1"], clock: AbstractNoise | None = None
) -> Schedule:
    """$y' = y + \\frac{s'-s}{6}(e_1 + 2e_2 + 2e_3 + e_4)$ three times, then Adams-Bashforth.

    The pseudo Runge-Kutta step asks the model at the start for $e_1$, twice in the middle of the
    time, at $y + (s_m - s)e_1$ and $y + (s_m - s)e_2$, and at the end, at $y + (s'-s)e_3$. The
    multistep formula of order four then uses the $e_1$ of the steps behind it.

    Args:
        log_snr: the grid of K steps.
        clock: whose time is halved in the warm-up; the default is `VPLinear()`.

    Returns:
        K + 9 evaluations, 4 K for less than three steps.

    Source: Liu et al. (ICLR 2022), equations 9 and 11, there F-PNDM.
    """
    coarse = jnp.asarray(log_snr)
    steps = coarse.size - 1
    warm = min(_WARM_UP, steps)
    window = 4 * warm + 1
    stages = [{0: 1.0}, {0: 1.0}, {0: 1.0}, {0: 1 / 6, 1: 1 / 3, 2: 1 / 3, 3: 1 / 6}]
    rows = [weights_of(wanted, start, window) for start, wanted in enumerate(stages)] * warm
    for k in range(steps - warm):
        # k whole points came after the warm-up; those within it are four rows apart
        places = [min(j, k) + 4 * max(j - k, 0) for j in range(4)]
        rows.append(_adams(places, window))
    return Schedule(
        jnp.concatenate([_warm_times(coarse[: warm + 1], clock), coarse[warm + 1 :]]),
        prediction="noise",
        start=jnp.asarray([0, 1, 2, 3] * warm + [0] * (steps - warm)),
        extra_noise=jnp.asarray(np.stack(rows)),
        window=window,
    )


def _warm_times(coarse: Array, clock: AbstractNoise | None) -> Float[Array, " 4k+1"]:
    """Of each step: its start, its middle twice, its end; and the last end again."""
    clock = VPLinear() if clock is None else clock
    ends = clock.time(coarse)
    middle = clock.log_snr((ends[:-1] + ends[1:]) / 2)
    each = jnp.stack([coarse[:-1], middle, middle, coarse[1:]], axis=1)
    return jnp.append(each.reshape(-1), coarse[-1])


def _adams(places: list[int], window: int) -> np.ndarray:
    """Adams-Bashforth weights of the values at these places in the history."""
    return weights_of(dict(zip(places, ADAMS[len(places) - 1], strict=True)), 0, window)
