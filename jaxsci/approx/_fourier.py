"""Trigonometric basis and interpolation on one period."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._nodes import check_count, float_dtype


def fourier_values(
    theta: Float[Array, " n"], num_modes: int, order: int = 0
) -> Float[Array, "n basis"]:
    """$1, \\cos\\theta \\dots \\cos M\\theta, \\sin\\theta \\dots \\sin M\\theta$; derivatives.

    With $(\\cos k\\theta)^{(m)} = k^m \\cos(k\\theta + m\\pi/2)$.

    Args:
        theta: the phase, shape `(n,)`; one period is $2\\pi$.
        num_modes: $M$.
        order: the order $m$ of the derivative with respect to the phase.

    Returns:
        Shape `(n, 2 M + 1)`.

    Raises:
        ValueError: if `num_modes` or `order` is negative.
    """
    check_count("fourier_values (num_modes)", num_modes, 0)
    check_count("fourier_values (order)", order, 0)
    k = jnp.arange(num_modes + 1).astype(theta.dtype)
    cosine, sine = jnp.cos(theta[:, None] * k), jnp.sin(theta[:, None] * k)[:, 1:]
    # Quarter turns exchange cosine and sine exactly.
    turned = [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][order % 4]
    first = turned[0] if order % 2 == 0 else jnp.pad(turned[0], ((0, 0), (1, 0)))
    second = turned[1] if order % 2 == 0 else turned[1][:, 1:]
    return jnp.concatenate([first * k**order, second * k[1:] ** order], axis=1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def fourier_cardinals(theta: Float[Array, " m"], n: int, order: int = 0) -> Float[Array, "m n"]:
    """The trigonometric interpolation basis of $\\theta_j = 2\\pi j/n$, or its derivatives.

    For even $n$ the highest mode is $\\cos(n\\theta/2)$ alone, the symmetric choice.

    Args:
        theta: the phase, shape `(m,)`.
        n: the number of nodes, at least 1.
        order: the order of the derivative with respect to the phase.

    Returns:
        Shape `(m, n)`: from values at the nodes to (derivatives of) the interpolant at `theta`.
    """
    modes = n // 2
    return fourier_values(theta, modes, order) @ jnp.asarray(_analysis(n), theta.dtype)


@fourier_cardinals.defjvp
def _fourier_cardinals_jvp(n, order, primals, tangents):
    (theta,), (tangent,) = primals, tangents
    value = fourier_cardinals(theta, n, order)
    return value, tangent[:, None] * fourier_cardinals(theta, n, order + 1)


def fourier_differentiation(
    lower: ArrayLike, upper: ArrayLike, n: int, order: int = 1
) -> Float[Array, "n n"]:
    """The derivative of order $m$ on `periodic_nodes(lower, upper, n)`.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 1.
        order: the order $m$; 0 is the identity.

    Returns:
        Shape `(n, n)`, a circulant matrix.

    Raises:
        ValueError: if `n` is less than 1 or `order` negative.
    """
    check_count("fourier_differentiation", n, 1)
    check_count("fourier_differentiation (order)", order, 0)
    dtype = float_dtype(lower, upper)
    length = jnp.asarray(upper, dtype) - jnp.asarray(lower, dtype)
    return jnp.asarray(fourier_reference(n, order), dtype) * (2 * np.pi / length) ** order


@functools.lru_cache(maxsize=64)
def _analysis(n: int) -> np.ndarray:
    """From nodal values to the coefficients of `fourier_values`, shape `(2 (n // 2) + 1, n)`."""
    k, j = np.arange(n // 2 + 1), np.arange(n)
    phase = 2 * np.pi * (np.outer(k, j) % n) / n
    scale = np.full((n // 2 + 1, 1), 2.0 / n)
    scale[0] = 1.0 / n
    if n % 2 == 0:
        scale[-1] = 1.0 / n
    sine = scale[1:] * np.sin(phase[1:])
    if n % 2 == 0 and n > 0:
        sine[-1] = 0.0  # sin(n theta / 2) vanishes on the nodes and is not determined by them
    return np.concatenate([scale * np.cos(phase), sine])


@functools.lru_cache(maxsize=64)
def fourier_reference(n: int, order: int) -> np.ndarray:
    """`fourier_differentiation` on one period $2\\pi$ as a constant of the host.

    The circulant matrix with the symbol $(ik)^m$.

    Args:
        n: the number of nodes, at least 1.
        order: the order of the derivative.

    Returns:
        Shape `(n, n)`, float64; do not write to it.
    """
    k = np.fft.fftfreq(n, 1.0 / n)
    symbol = (1j * k) ** order
    if n % 2 == 0 and order % 2 == 1:
        symbol[n // 2] = 0.0
    column = np.fft.ifft(symbol).real
    i = np.arange(n)
    return column[(i[:, None] - i[None, :]) % n]
