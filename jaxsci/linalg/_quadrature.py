"""Rational approximation of the inverse square root by conformally mapped quadrature."""

import jax.numpy as jnp
from jaxtyping import Array, Float

_HALF = 32  # pairs of nodes: relative error about 1e-13 up to M / m = 1e12, 1e-10 at 1e15
_MEANS = 9  # steps of the arithmetic-geometric mean; it converges quadratically


def inverse_square_root_rule(
    smallest: Float[Array, ""], largest: Float[Array, ""]
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Nodes and weights with $z^{-1/2} \\approx \\sum_k w_k / (z + t_k^2)$ on $[m, M]$.

    The trapezoidal rule for $\\frac{2}{\\pi} \\int_0^\\infty dt / (z + t^2)$ after the substitution
    $t = \\sqrt m\\,\\mathrm{sc}(u)$; it converges geometrically, at a rate that depends on
    $\\log(M / m)$ only.

    Args:
        smallest: $m$; taken to be at least $M$ times the rounding unit.
        largest: $M > 0$.

    Returns:
        $t$ and $w$, both positive.

    Source: N. Hale, N. J. Higham, L. N. Trefethen, SIAM J. Numer. Anal. 46 (2008), 2505-2523,
    method 3.
    """
    smallest = jnp.maximum(smallest, largest * jnp.finfo(largest.dtype).eps)
    count = jnp.arange(_HALF, dtype=largest.dtype)
    quarter, sine, cosine, delta = _jacobi((count + 0.5) / (2 * _HALF), smallest / largest)
    low, high = jnp.sqrt(smallest), jnp.sqrt(largest)
    # nodes beyond the middle by sn(K - u) = cn/dn and so on: cn(u) loses its digits near K
    nodes = jnp.concatenate([low * sine / cosine, high * cosine / sine])
    weights = jnp.concatenate([low * delta / cosine**2, high * delta / sine**2])
    return nodes, weights * quarter / (jnp.pi * _HALF)


def _jacobi(fraction: Array, complement: Array) -> tuple[Array, Array, Array, Array]:
    """$K$ and sn, cn, dn at $u = $ `fraction` $\\cdot K$ for the parameter $1 - $ `complement`.

    Descending Landen transformation (M. Abramowitz, I. A. Stegun, 16.4).
    """
    a, b = jnp.ones_like(complement), jnp.sqrt(complement)
    ratios = []
    for _ in range(_MEANS):
        a, b, c = (a + b) / 2, jnp.sqrt(a * b), (a - b) / 2
        ratios.append(c / a)
    phase = 2**_MEANS * jnp.pi / 2 * fraction  # 2^n a_n u with K = pi / (2 a_n)
    previous = phase
    for ratio in reversed(ratios):
        previous, phase = phase, (phase + jnp.arcsin(ratio * jnp.sin(phase))) / 2
    return (
        jnp.pi / (2 * a),
        jnp.sin(phase),
        jnp.cos(phase),
        jnp.cos(phase) / jnp.cos(previous - phase),
    )
