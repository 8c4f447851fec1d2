"""The magnitudes of a problem, which turn absolute noise levels into relative ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..pde import SampledPDE

NUGGET = 1e-13  # relative "noise" of exact float64 data: rounding in the source's own evaluation
_OSCILLATING = 1e-6  # u may be this much smaller than |f| / Lambda where f oscillates
_HARD = 1e-4  # boundary conditions are exact: this much of the relative noise is left to them


class Scales(eqx.Module):
    """Standard deviations of the likelihood and of the prior, in the units of the problem.

    Attributes:
        source: the magnitude of $f$, or of $L u$ where $f$ vanishes.
        solution: the magnitude of $u$.
        noise: $\\sigma_f$: the noise of the source values, or rounding.
        boundary: $\\sigma_g$.
        prior: $s$.
    """

    source: Float[Array, ""]
    solution: Float[Array, ""]
    noise: Float[Array, ""]
    boundary: Float[Array, ""]
    prior: Float[Array, ""]


def problem_scales(
    sampled: SampledPDE,
    half_lengths: Float[Array, " d"],
    noise: Float[Array, ""],
    prior_scale: Float[Array, ""] | None,
) -> Scales:
    """Estimate the scales from the data of a problem, without solving it.

    The operator maps a function of unit size and the length scale of the domain to one of size
    $\\Lambda = \\sum_k |c_k| \\prod_j (\\text{half}_j)^{-\\alpha_j}$, so that
    $|f| \\sim \\max(\\mathrm{rms} f, \\Lambda\\,\\mathrm{rms} g)$.

    Args:
        sampled: the statement at the nodes.
        half_lengths: half the edge lengths of the box.
        noise: standard deviation of the source values, 0 if exact.
        prior_scale: $s$, or `None` for a vague prior.

    Returns:
        The scales.
    """
    # only the noise and the prior are differentiated: the scales of exact data do not matter
    sampled, half_lengths = jax.tree.map(jax.lax.stop_gradient, (_arrays(sampled), half_lengths))
    gain = _operator_gain(sampled, half_lengths)
    rms = lambda values: jnp.sqrt(jnp.mean(values**2))
    data = [rms(trace.data) for traces in sampled.traces for trace in traces]
    walls = jnp.max(jnp.stack(data)) if data else jnp.zeros((), half_lengths.dtype)
    source = jnp.maximum(rms(sampled.source), gain * walls)
    source = jnp.where(source > 0, source, 1.0)
    solution = jnp.maximum(walls, _OSCILLATING * source / gain)
    relative = jnp.maximum(noise / source, NUGGET)
    boundary = solution * jnp.maximum(_HARD * relative, NUGGET)
    prior = 1e3 * jnp.maximum(solution, source / gain) if prior_scale is None else prior_scale
    return Scales(source, solution, relative * source, boundary, prior)


def _arrays(sampled: SampledPDE) -> SampledPDE:
    """The statement without its nonlinear function, which is no array."""
    return eqx.tree_at(lambda s: s.nonlinearity, sampled, None, is_leaf=lambda x: x is None)


def _operator_gain(sampled: SampledPDE, half_lengths: Array) -> Array:
    total = jnp.zeros((), half_lengths.dtype)
    for coefficient, orders in zip(sampled.coefficients, sampled.orders):
        powers = jnp.asarray(orders, half_lengths.dtype)
        total = total + jnp.sqrt(jnp.mean(coefficient**2)) * jnp.prod(half_lengths**-powers)
    return jnp.maximum(total, jnp.finfo(total.dtype).tiny)
