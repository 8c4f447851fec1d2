"""The features of the weight-space Gaussian process: polynomials times a carrier wave.

A spectral-mixture kernel whose length scale exceeds the domain has, per component, the low-rank
form of a smooth envelope times a carrier. Legendre polynomials are the stable basis of the
envelope, so the features of a band around the frequency $\\kappa$ are

$$ \\sqrt{m + 1/2}\\,P_m(\\xi)\\,\\cos(\\kappa\\xi - \\tfrac{\\pi}{2}s), \\qquad
   m = 0, 1, \\dots, \\quad s \\in \\{0, 1\\}, $$

in the coordinate $\\xi \\in [-1, 1]$ of the axis; the band at zero has the polynomials alone. Their
span is closed under differentiation.
"""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..approx import legendre_jet


class FeatureSlots(eqx.Module):
    """A padded list of features of one axis; its length never changes, so nothing recompiles.

    Attributes:
        frequency: $\\kappa$, radians per half-length of the axis.
        degree: $m$.
        phase: $s$, 0 for cosine and 1 for sine.
        active: 1 for a feature, 0 for padding.
    """

    frequency: Float[Array, " r"]
    degree: Int[Array, " r"]
    phase: Float[Array, " r"]
    active: Float[Array, " r"]

    @property
    def size(self) -> int:
        """The number of slots, padding included."""
        return self.frequency.shape[0]


class Interval(eqx.Module):
    """One axis of the domain, mapped to $\\xi \\in [-1, 1]$."""

    lower: Float[Array, ""]
    upper: Float[Array, ""]

    @property
    def half(self) -> Float[Array, ""]:
        """Half the length: $dx/d\\xi$."""
        return (self.upper - self.lower) / 2

    def to_unit(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """$\\xi = (x - \\text{centre})/\\text{half}$."""
        return (x - (self.lower + self.upper) / 2) / self.half


def feature_jet(
    slots: FeatureSlots, interval: Interval, x: Float[Array, " n"], max_order: int
) -> tuple[Float[Array, "n r"], ...]:
    """The derivatives of order $0 \\dots k$ of every feature, by Leibniz' rule.

    $\\partial^k [P\\,c] = \\sum_j \\binom{k}{j} P^{(j)} \\kappa^{k-j} \\cos(\\kappa\\xi -
    \\tfrac{\\pi}{2}(s - k + j))$, with $\\partial_x = \\partial_\\xi / \\text{half}$.

    Args:
        slots: the features.
        interval: the axis.
        x: points on the axis.
        max_order: the highest order $k$ of the derivative in $x$.

    Returns:
        Per order, one row per point and one column per slot; columns of padding are zero.
    """
    xi = interval.to_unit(x)
    scale = slots.active * jnp.sqrt(slots.degree.astype(xi.dtype) + 0.5)
    table = legendre_jet(xi, slots.size - 1, max_order)[:, :, slots.degree]
    angle = xi[:, None] * slots.frequency - slots.phase * (math.pi / 2)
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    quarter_turns = (cosine, -sine, -cosine, sine)

    def derivative(order):
        total = jnp.zeros_like(angle)
        for j in range(order + 1):
            weight = math.comb(order, j) * slots.frequency ** (order - j)
            total = total + weight * table[j] * quarter_turns[(order - j) % 4]
        return total * scale / interval.half**order

    return tuple(derivative(order) for order in range(max_order + 1))


def feature_values(
    slots: FeatureSlots, interval: Interval, x: Float[Array, " n"], order: int
) -> Float[Array, "n r"]:
    """The derivative of `order` of every feature, see `feature_jet`."""
    return feature_jet(slots, interval, x, order)[order]
