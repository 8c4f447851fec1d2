"""The published samplers, each as a schedule."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from ._schedule import Schedule


def ddim(log_snr: Float[ArrayLike, " n+1"]) -> Schedule:
    """$y' = y + (s' - s)\\,\\varepsilon$: DDIM, the Euler method in s, order one.

    Args:
        log_snr: the grid.

    Returns:
        N evaluations for N steps.

    Source: Song, Meng and Ermon, Denoising diffusion implicit models (ICLR 2021), equation 13.
    """
    return Schedule(log_snr)


def dpm_solver(log_snr: Float[ArrayLike, " k+1"], order: int = 2) -> Schedule:
    """$y' = y - s'(e^h-1)(\\varepsilon + \\frac{1}{2r}(\\varepsilon_r-\\varepsilon))$, or order 3.

    The single-step methods: inner points at 1/2, or at 1/3 and 2/3, of the log-SNR.

    Args:
        log_snr: the grid of whole steps, K of them.
        order: 2 or 3.

    Returns:
        `order` times K evaluations.

    Raises:
        ValueError: for another order.

    Source: Lu et al., DPM-Solver (NeurIPS 2022), algorithms 1 and 2.
    """
    if order not in (2, 3):
        raise ValueError(f"dpm_solver: order must be 2 or 3 (order 1 is ddim), got {order}.")
    coarse = jnp.asarray(log_snr)
    parts = jnp.arange(order, dtype=coarse.dtype) / order
    inner = coarse[:-1, None] + parts * jnp.diff(coarse)[:, None]
    repeat = lambda values: np.tile(values, coarse.size - 1)
    return Schedule(
        jnp.append(inner.reshape(-1), coarse[-1]),
        prediction="noise",
        order=jnp.asarray(repeat([1, 2, 2][:order])),
        start=jnp.asarray(repeat([0, 1, 2][:order])),
        scaling="bh2" if order == 2 else "none",
    )


def dpm_solver_pp(
    log_snr: Float[ArrayLike, " n+1"],
    order: int = 2,
    *,
    exact: bool = False,
    lower_order_final: bool = True,
) -> Schedule:
    """$y' = e^{-h} y + (1-e^{-h})(D + \\frac{h}{2h_{-1}}(D - D_{-1}))$: multistep DPM-Solver++.

    As shipped, the second derivative of order 3 enters with half of its weight: the method is of
    second order only, yet often better with few steps. `exact` has the weights of Taylor.

    Args:
        log_snr: the grid.
        order: 2 or 3.
        exact: Taylor weights for all derivatives.
        lower_order_final: lower the order towards the end, as is usual with few steps.

    Returns:
        N evaluations for N steps.

    Raises:
        ValueError: for another order.

    Source: Lu et al., DPM-Solver++ (arXiv 2211.01095), algorithm 2 and appendix B.
    """
    if order not in (2, 3):
        raise ValueError(f"dpm_solver_pp: order must be 2 or 3 (order 1 is ddim), got {order}.")
    orders = orders_of(log_snr, order, lower_order_final)
    scaling = jnp.where(jnp.asarray((orders == 2) & (not exact)), 2, 0)
    second = 1.0 if exact else 0.5
    return Schedule(log_snr, order=jnp.asarray(orders), scaling=scaling, second_scale=second)


def unipc(
    log_snr: Float[ArrayLike, " n+1"],
    order: int = 3,
    variant: str = "bh2",
    *,
    prediction: str = "data",
    lower_order_final: bool = True,
) -> Schedule:
    """UniPC-p: a multistep predictor of order p, its corrector of order p + 1 at no evaluation.

    Args:
        log_snr: the grid.
        order: p, 1 to 3.
        variant: "bh1" or "bh2", the function $B(h)$.
        prediction: "data" or "noise".
        lower_order_final: lower the order towards the end.

    Returns:
        N evaluations for N steps.

    Raises:
        ValueError: for another order or variant.

    Source: Zhao et al., UniPC (NeurIPS 2023), algorithms 1 and 2.
    """
    if order not in (1, 2, 3) or variant not in ("bh1", "bh2"):
        raise ValueError(
            f"unipc: order must be 1, 2 or 3 and variant bh1 or bh2, got {order} and {variant!r}."
        )
    orders, code = orders_of(log_snr, order, lower_order_final), 1 if variant == "bh1" else 2
    return Schedule(
        log_snr,
        prediction=prediction,
        order=jnp.asarray(orders),
        # with two points the published weight of the difference is one half
        scaling=jnp.where(jnp.asarray(orders == 2), code, 0),
        corrector=True,
        corrector_scaling=jnp.where(jnp.asarray(orders == 1), code, 0),
    )


def deis(log_snr: Float[ArrayLike, " n+1"], order: int = 3, basis: str = "s") -> Schedule:
    """$y' = y + \\sum_j \\varepsilon_{-j}\\int_s^{s'} \\ell_j$: Adams-Bashforth in s or in time.

    Args:
        log_snr: the grid.
        order: number of points, 1 to 4.
        basis: variable of the Lagrange polynomials: "s" (rho-AB) or "time" (t-AB).

    Returns:
        N evaluations for N steps.

    Raises:
        ValueError: for another order.

    Source: Zhang and Chen, Fast sampling with exponential integrators (ICLR 2023), equation 17.
    """
    if order not in (1, 2, 3, 4):
        raise ValueError(f"deis: order must be 1, 2, 3 or 4, got {order}.")
    orders = jnp.asarray(orders_of(log_snr, order, False))
    return Schedule(log_snr, prediction="noise", order=orders, basis=basis)


ADAMS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def ipndm(log_snr: Float[ArrayLike, " n+1"], order: int = 4) -> Schedule:
    """$y' = y + \\frac{s'-s}{24}(55, -59, 37, -9)\\cdot(\\varepsilon, ..., \\varepsilon_{-3})$.

    The Adams-Bashforth weights of equal steps, on any grid; lower orders while it starts.

    Args:
        log_snr: the grid.
        order: 1 to 4.

    Returns:
        N evaluations for N steps.

    Raises:
        ValueError: for another order.

    Source: Zhang and Chen (ICLR 2023), section 3.3, after Liu et al., PNDM (ICLR 2022).
    """
    if order not in (1, 2, 3, 4):
        raise ValueError(f"ipndm: order must be 1, 2, 3 or 4, got {order}.")
    rows = [weights_of(dict(enumerate(ADAMS[p - 1])), 0) for p in orders_of(log_snr, order, False)]
    return Schedule(log_snr, prediction="noise", extra_noise=jnp.asarray(np.stack(rows)))


def heun(log_snr: Float[ArrayLike, " k+1"]) -> Schedule:
    """$y' = y + (s'-s)\\,(\\varepsilon + \\varepsilon')/2$, eps' at the Euler end: EDM's method.

    Args:
        log_snr: the grid of K whole steps.

    Returns:
        2 K evaluations.

    Source: Karras et al. (NeurIPS 2022), algorithm 1.
    """
    coarse = jnp.asarray(log_snr)
    steps = coarse.size - 1
    mean = weights_of({0: 0.5, 1: 0.5}, 1)
    rows = np.stack([np.zeros_like(mean), mean])
    return Schedule(
        jnp.repeat(coarse, 2)[1:],
        prediction="noise",
        start=jnp.asarray(np.tile([0, 1], steps)),
        extra_noise=jnp.asarray(np.tile(rows, (steps, 1))),
    )


def orders_of(log_snr: Any, order: int, lower_order_final: bool) -> np.ndarray:
    """1, 2, ..., p, p, ..., and 2, 1 at the end if so wished.

    Raises:
        ValueError: if there are fewer steps than the order.
    """
    steps = jnp.shape(log_snr)[0] - 1
    if steps < order:
        raise ValueError(
            f"a method of order {order} needs at least {order} steps to reach it, got {steps}. Use "
            "a finer grid or a lower order."
        )
    up, down = np.arange(1, steps + 1), np.arange(steps, 0, -1)
    return np.minimum(np.minimum(up, order), down if lower_order_final else order)


def weights_of(wanted: dict[int, float], start: int, window: int = 4) -> np.ndarray:
    """What must be added to the one at the start, so that the values have these weights."""
    row = np.zeros(window)
    row[list(wanted)] = list(wanted.values())
    row[start] -= 1
    return row
