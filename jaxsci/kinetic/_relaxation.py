"""Asymptotic-preserving steps of $\\partial_tf = Q(f)$: any step, however stiff the operator."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

VARIANTS = ("exponential", "two-stage", "penalised")


def check_variant(name: str, variant: str) -> None:
    """Raises a ValueError for an unknown variant."""
    if variant not in VARIANTS:
        raise ValueError(
            f"{name}: variant must be one of {', '.join(map(repr, VARIANTS))}, got {variant!r}."
        )


def relax(
    operator: Callable[[Float[Array, "..."]], Float[Array, "..."]],
    variant: str,
    f: Float[Array, "..."],
    equilibrium: Float[Array, "..."],
    rate: Float[Array, ""],
    time: Float[Array, ""],
) -> Float[Array, "..."]:
    """One step of $\\partial_tf = Q(f)$ that ends at the equilibrium $M$ for long times.

    With a rate $\\mu$, $\\lambda = \\mu t$ and $N(f) = Q(f)/\\mu + f - M$, small near $M$,

    - exponential, order 1: $M + e^{-\\lambda}[f - M + \\lambda N(f)]$;
    - two-stage, order 2: $M + e^{-\\lambda}(f - M) + \\lambda e^{-\\lambda/2}N(f_{1/2})$ with the
      exponential step $f_{1/2}$ to $t/2$;
    - penalised, order 1: $f + tQ(f)/(1 + \\lambda)$, which is the step with $Q - \\mu(M - f)$
      explicit and $\\mu(M - f)$ implicit.

    The first two are convex combinations of $f$, $M$ and $Q/\\mu + f$ and end at $M$ in one step;
    the last multiplies an eigenfunction of eigenvalue $-\\nu$ by $1 - \\nu/\\mu$ per long step.

    Args:
        operator: $Q$.
        variant: one of the three.
        f: the distribution.
        equilibrium: $M$.
        rate: $\\mu$, at least a third (penalised: half) of the largest collision rate.
        time: $t$ in units of the operator.

    Returns:
        The distribution after the step, not yet corrected.

    Source: G. Dimarco, L. Pareschi, SIAM J. Numer. Anal. 49 (2011) 2057; F. Filbet, S. Jin,
    J. Comput. Phys. 229 (2010) 7625.
    """
    amount = rate * time
    if variant == "penalised":
        return f + time / (1 + amount) * operator(f)
    excess = lambda g: operator(g) / rate + g - equilibrium
    distance = f - equilibrium
    if variant == "exponential":
        return equilibrium + jnp.exp(-amount) * (distance + amount * excess(f))
    half = equilibrium + jnp.exp(-amount / 2) * (distance + amount / 2 * excess(f))
    late = amount * jnp.exp(-amount / 2) * excess(half)
    return equilibrium + jnp.exp(-amount) * distance + late
