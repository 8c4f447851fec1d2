"""Times without constraints: a grid as the softmax of its log steps."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._schedule import Schedule


def log_steps(schedule: Schedule) -> Float[Array, " n"]:
    """$\\log(\\lambda_{n+1} - \\lambda_n)$; zero where nothing moves.

    Args:
        schedule: with growing times.
    """
    h = jnp.diff(schedule.log_snr)
    return jnp.log(jnp.where(_moves(schedule), h, 1))


def with_log_steps(schedule: Schedule, steps: Float[Array, " n"]) -> Schedule:
    """$\\lambda_n = \\lambda_0 + (\\lambda_N - \\lambda_0)\\sum_{i<n}\\mathrm{softmax}(\\ell)_i$.

    Both ends stay, repeated times stay repeated, and padding stays at the end.

    Args:
        schedule: whose times are replaced.
        steps: $\\ell$, any real numbers.
    """
    first, last = schedule.log_snr[0], schedule.log_snr[-1]
    share = jax.nn.softmax(jnp.where(_moves(schedule), steps, -jnp.inf))
    inner = first + (last - first) * jnp.cumsum(share)
    times = jnp.append(first, jnp.minimum(inner, last)).at[-1].set(last)
    return eqx.tree_at(lambda s: s.log_snr, schedule, times)


def _moves(schedule: Schedule) -> Array:
    return schedule.live & (jnp.diff(schedule.log_snr) > 0)
