"""Logarithms of Gaussians without their constants: what both sides of a bridge are made of."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ._spread import AbstractSpread


class Exponents(eqx.Module):
    """$e_k(x) = o_k + s_k^T x + \\tfrac12 x^T C_k x$.

    Attributes:
        offset: $o_k$.
        slope: $s_k$.
        curvature: $C_k$; of either sign.
    """

    offset: Float[Array, " k"]
    slope: Float[Array, "k d"]
    curvature: AbstractSpread

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """All of them; samples come last, so that sums over K run along whole vectors."""
        # XLA of jaxlib 0.10 reads foreign memory on the CPU where it fuses equal rows (a broadcast)
        # into these products and a maximum over K; rows behind the barrier are not fused
        x = jax.lax.optimization_barrier(x)
        return self.offset[:, None] + self.slope @ x.T + self.curvature.form(x) / 2
