"""Which frequencies: peaks of a windowed periodogram, merged into bands, filled with features.

Frequencies are dimensionless, $\\kappa = \\omega L/2$, on the grid $\\kappa_k = k\\,\\pi/4$: a
quarter of the resolution $2\\pi/L$ of an interval of length $L$. A set of frequencies is a boolean
mask over this grid, so the search runs inside compiled code and merging is a dilation of the mask.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int

from ._features import FeatureSlots

STEP = math.pi / 4  # spacing of the frequency grid
ENVELOPE = 13  # degrees that resolve an unmodulated line to rounding when it is STEP/2 off
GROWTH = 1.25  # polynomials per unit of bandwidth, beyond 2 ENVELOPE of them, in the band at zero
# P_m resolves exp(i kappa xi) for m > kappa, to rounding about 3.75 sqrt(kappa) degrees later
_TAIL = 3.75
# 2 M features on [-1, 1] fill M pi of bandwidth; closer bands would be nearly dependent
_REACH = math.ceil(1.1 * ENVELOPE * math.pi / 2 / STEP)  # grid steps that a line covers to a side
_BLACKMAN_HARRIS = (0.35875, 0.48829, 0.14128, 0.01168)  # side lobes at -92 dB
_FLOOR = 1e-6  # peaks this far (in power) below the strongest wait for a later round
_SIGNIFICANCE = 40.0  # times the background; white noise exceeds it once in 1e9 frequencies


class Analyser(eqx.Module):
    """The windowed non-uniform Fourier transform of values at the nodes of one axis.

    Attributes:
        waves: $w_n\\,h(\\xi_n)\\,e^{-i \\kappa_k \\xi_n}$, shape `(frequencies, nodes)`.
        limit: the index of the Nyquist frequency of the widest gap between nodes.
    """

    waves: Complex[Array, "k n"]
    limit: Int[Array, ""]

    def power(self, values: Float[Array, "n s"]) -> Float[Array, " k"]:
        """The periodogram, summed over the columns of `values`."""
        return jnp.sum(jnp.abs(self.waves @ values.astype(self.waves.dtype)) ** 2, axis=1)


def analyser(xi: Float[Array, " n"], weights: Float[Array, " n"]) -> Analyser:
    """Prepare the transform once for all rounds.

    Args:
        xi: nodes in $[-1, 1]$.
        weights: their quadrature weights.

    Returns:
        The analyser, for frequencies up to the Nyquist frequency of `n` uniform nodes.
    """
    n = xi.shape[0]
    coarse = 1 << math.ceil(math.log2(2 * n) / 2)
    rough = _waves(coarse * STEP, -(-2 * n // coarse), xi)
    fine = _waves(STEP, coarse, xi)
    # exp(-i (k1 c + k2) step xi) as a product: n^(3/2) exponentials instead of n^2
    waves = (rough[:, None] * fine[None]).reshape(-1, n)[: 2 * n]
    window = sum(a * jnp.cos(j * math.pi * xi) for j, a in enumerate(_BLACKMAN_HARRIS))
    nyquist = math.pi / jnp.max(jnp.diff(xi))
    limit = jnp.floor(nyquist / STEP + 1e-6).astype(int)
    return Analyser(waves * (weights * window).astype(waves.dtype), limit)


def _waves(spacing: float, count: int, xi: Array) -> Complex[Array, "k n"]:
    """$e^{-i k h \\xi}$ for $k = 0, 1, \\dots$"""
    phase = spacing * jnp.arange(count, dtype=xi.dtype)[:, None] * xi
    return jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))


def find_peaks(power: Float[Array, " k"], limit: Int[Array, ""]) -> Bool[Array, " k"]:
    """Local maxima below `limit` that are strong and significant.

    Args:
        power: a periodogram.
        limit: the last index to look at.

    Returns:
        A mask over the frequency grid.
    """
    power = jnp.where(jnp.arange(power.shape[0]) <= limit, power, 0.0)
    before = jnp.concatenate([jnp.zeros_like(power[:1]), power[:-1]])
    after = jnp.concatenate([power[1:], jnp.zeros_like(power[:1])])
    background = _geometric_mean(power, limit)
    strong = (power > _FLOOR * power.max()) & (power > _SIGNIFICANCE * background)
    return strong & (power >= before) & (power >= after)


def _geometric_mean(power: Array, limit: Array) -> Array:
    """The background level: unlike the mean it hardly sees a few strong lines."""
    below = jnp.arange(power.shape[0]) <= limit
    logs = jnp.log(jnp.where(below & (power > 0), power, 1.0))
    return jnp.exp(jnp.sum(logs) / (limit + 1).astype(power.dtype))


def empty_mask(n: int) -> Bool[Array, " k"]:
    """Only the zero frequency, on the grid that `n` nodes have."""
    return jnp.zeros(2 * n, bool).at[0].set(True)


def fill_bands(mask: Bool[Array, " k"], size: int, dtype: jnp.dtype) -> FeatureSlots:
    """Merge the frequencies of a mask into bands, and list their features in `size` slots.

    Lines whose envelopes overlap belong to one band: two overlapping bands would be nearly
    dependent. A band of half-width $h = (\\kappa_+ - \\kappa_-)/2$ gets
    $2 \\lceil 13 + h + 3.75 \\sqrt h \\rceil$ features, the band at zero
    $\\lceil 26 + 1.25 \\kappa_+ \\rceil$ polynomials. What does not fit into the slots is left out,
    from the highest frequency down.

    Args:
        mask: over the frequency grid; its first entry is true.
        size: the number of slots.
        dtype: of the frequencies.

    Returns:
        The slots.
    """
    first, last = _runs(mask, size)
    exists = last >= 0
    is_zero = jnp.arange(first.shape[0]) == 0
    half_width = (last - first) * (STEP / 2)
    modulated = 2 * jnp.ceil(ENVELOPE + half_width + _TAIL * jnp.sqrt(half_width))
    plain = jnp.ceil(2 * ENVELOPE + GROWTH * last * STEP)
    counts = jnp.where(exists, jnp.where(is_zero, plain, modulated), 0).astype(int)
    centre = jnp.where(is_zero, 0.0, (first + last) * (STEP / 2)).astype(dtype)
    return _slots(counts, centre, size)


def _runs(mask: Array, size: int) -> tuple[Array, Array]:
    """First and last true index of every group of lines closer than two envelopes."""
    num_bands = size // (2 * ENVELOPE) + 2
    index = jnp.arange(mask.shape[0])
    # the 2 M polynomials at zero reach twice as far as a line: count a neighbour of zero in
    spread = mask | (index == _REACH)
    # the distance to the previous line: a cumulative maximum of the indices seen so far
    previous = jax.lax.cummax(jnp.where(spread, index, -1))
    previous = jnp.concatenate([jnp.full(1, -1), previous[:-1]])
    starts = spread & ((previous < 0) | (index - previous > 2 * _REACH))
    band = jnp.where(mask, jnp.cumsum(starts) - 1, num_bands)
    first = jnp.full(num_bands, mask.shape[0]).at[band].min(index, mode="drop")
    last = jnp.full(num_bands, -1).at[band].max(index, mode="drop")
    return first, last


def _slots(counts: Array, centre: Array, size: int) -> FeatureSlots:
    """Slot numbers to (band, degree, phase)."""
    ends = jnp.cumsum(counts)
    slot = jnp.arange(size)
    band = jnp.minimum(jnp.sum(slot[:, None] >= ends, axis=1), counts.shape[0] - 1)
    local = slot - (ends - counts)[band]
    active = slot < ends[-1]
    degree = jnp.where(band == 0, local, local // 2)
    phase = jnp.where(band == 0, 0, local % 2)
    return FeatureSlots(
        centre[band],
        jnp.where(active, degree, 0),
        phase.astype(centre.dtype),
        active.astype(centre.dtype),
    )
