"""The published samplers that add noise, each as a schedule."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import ArrayLike, Float

from ._named import heun, orders_of
from ._schedule import Schedule


def edm_churn(
    log_snr: Float[ArrayLike, " k+1"],
    churn: ArrayLike = 40.0,
    *,
    smallest: ArrayLike = 0.05,
    largest: ArrayLike = 50.0,
    noise: ArrayLike = 1.003,
) -> Schedule:
    """$\\hat y = y + S\\sqrt{\\hat s^2 - s^2}\\,z$, $\\hat s = (1 + \\gamma) s$, and Heun.

    $\\gamma = \\min(\\mathrm{churn}/K, \\sqrt 2 - 1)$ where the noise level lies between the two
    given ones, and 0 elsewhere: EDM's stochastic sampler.

    Args:
        log_snr: the grid of K whole steps.
        churn: $S_\\mathrm{churn}$; 0 is `heun`.
        smallest: $S_\\mathrm{tmin}$, the least noise level with churn.
        largest: $S_\\mathrm{tmax}$, the greatest.
        noise: $S = S_\\mathrm{noise}$; 1 keeps the law of the data.

    Returns:
        2 K evaluations; sampling needs a key.

    Source: Karras et al. (NeurIPS 2022), algorithm 2; the defaults are those of its table 5 for
        ImageNet-64.
    """
    levels = jnp.exp(-jnp.asarray(log_snr)[:-1])
    gamma = jnp.minimum(jnp.asarray(churn, levels.dtype) / levels.size, math.sqrt(2) - 1)
    each = jnp.where((levels >= smallest) & (levels <= largest), gamma, 0)
    plain = heun(log_snr)
    # a whole step has two rows, and the state is churned before the first
    rows = jnp.stack([each, jnp.zeros_like(each)], axis=1).reshape(-1)
    pick = lambda s: (s.churn, s.churn_noise)
    return eqx.tree_at(pick, plain, (rows, jnp.full_like(rows, noise)))


def ancestral(log_snr: Float[ArrayLike, " n+1"], eta: ArrayLike = 1.0) -> Schedule:
    """$y' = D + \\sqrt{s'^2-u^2}\\,\\varepsilon + u z$, $u = \\eta s'\\sqrt{1 - s'^2/s^2}$.

    DDIM with noise: $\\eta = 1$ is ancestral sampling (DDPM), $\\eta = 0$ is `ddim`.

    Args:
        log_snr: the grid.
        eta: $\\eta$, between 0 and 1.

    Returns:
        N evaluations for N steps; sampling needs a key.

    Source: Song, Meng and Ermon (ICLR 2021), equation 16.
    """
    grid = jnp.asarray(log_snr)
    h = jnp.diff(grid)
    tau = -jnp.log1p(eta**2 * jnp.expm1(-2 * h)) / (2 * h)
    return Schedule(grid, stochastic=tau)


def sde_dpm_solver_pp(
    log_snr: Float[ArrayLike, " n+1"],
    order: int = 2,
    tau: ArrayLike = 1.0,
    *,
    lower_order_final: bool = True,
) -> Schedule:
    """$y' = e^{-2h}y + (1-e^{-2h})(D + \\frac{h}{2h_{-1}}(D-D_{-1})) + s'\\sqrt{1-e^{-2h}}\\,z$.

    Args:
        log_snr: the grid.
        order: 1 or 2.
        tau: strength of the noise; 1 is the published method, 0 is `dpm_solver_pp`.
        lower_order_final: order 1 in the last step.

    Returns:
        N evaluations for N steps; sampling needs a key.

    Raises:
        ValueError: for another order.

    Source: Lu et al., DPM-Solver++ (arXiv 2211.01095), section 5.
    """
    if order not in (1, 2):
        raise ValueError(f"sde_dpm_solver_pp: order must be 1 or 2, got {order}.")
    orders = jnp.asarray(orders_of(log_snr, order, lower_order_final))
    return Schedule(log_snr, order=orders, scaling="bh2", stochastic=tau)
