"""Radial and angular quadrature: exact for every power of the speed, differentiable in it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, ArrayLike, Float


def sphere_area(dim: int) -> float:
    """$|S^{d-1}|$: $2\\pi$ or $4\\pi$.

    Args:
        dim: $d$, 2 or 3.

    Returns:
        The area of the unit sphere.
    """
    return 2 * np.pi if dim == 2 else 4 * np.pi


def radii(num: int, dim: int) -> np.ndarray:
    """The nodes $r_j \\in (0, 1)$ of `power_weights`, square roots of Gauss-Jacobi nodes.

    Args:
        num: their number.
        dim: $d$.

    Returns:
        The nodes, ascending, on the host.
    """
    return np.sqrt(_jacobi_rule(num, dim)[0])


def power_weights(num: int, dim: int, exponent: ArrayLike, dtype: jnp.dtype) -> Float[Array, " n"]:
    """$\\sum_j w_j(\\gamma)f(r_j) = \\int_0^1 r^{d-1+\\gamma}f(r)\\,dr$ for even polynomials $f$.

    With $t = r^2$, $a = d/2 - 1$ and the Jacobi polynomials $P_k = P_k^{(0,a)}(2t - 1)$, $f$ is
    expanded at Gauss nodes and each polynomial integrated exactly,

    $$\\int_0^1 t^{a+\\delta}P_k\\,dt = \\frac{\\delta(\\delta-1)\\cdots(\\delta-k+1)}
    {(\\delta+a+1)\\cdots(\\delta+a+k+1)}, \\qquad \\delta = \\gamma/2.$$

    A Cartesian or plain Gauss rule would see the kink of $|v|^\\gamma$ at zero; this one does not,
    it is smooth in $\\gamma$, and for $\\gamma = 0$ it is the Gauss rule itself.

    Args:
        num: the number of nodes; degree $2\\,\\mathrm{num} - 2$ in $r$ is exact for all exponents.
        dim: $d$.
        exponent: $\\gamma > -d$, may be traced.
        dtype: of the weights.

    Returns:
        The weights at `radii(num, dim)`.
    """
    delta = jnp.asarray(exponent, dtype) / 2
    a = dim / 2 - 1
    k = jnp.arange(num - 1, dtype=dtype)
    ratios = jnp.concatenate([1 / (delta + a + 1)[None], (delta - k) / (delta + a + 2 + k)])
    analysis = jnp.asarray(even_analysis(num, dim), dtype)
    multiply = lambda product, ratio: (product * ratio,) * 2
    _, moments = jax.lax.scan(multiply, jnp.ones((), dtype), ratios)
    return 0.5 * moments @ analysis


def speed_weights(
    num: int, dim: int, exponent: Float[Array, ""], reach: Float[Array, ""]
) -> Float[Array, " n"]:
    """$\\sum_j w_jf(\\rho_j) = \\int_0^R\\rho^{d-1+\\gamma}f(\\rho)\\,d\\rho$, see `power_weights`.

    Args:
        num: the number of nodes.
        dim: $d$.
        exponent: $\\gamma$.
        reach: $R$; its dtype is that of the weights.

    Returns:
        The weights at `reach * radii(num, dim)`.
    """
    return reach ** (dim + exponent) * power_weights(num, dim, exponent, reach.dtype)


@functools.lru_cache(maxsize=32)
def even_analysis(num: int, dim: int) -> np.ndarray:
    """From values at `radii` to coefficients of $P_k^{(0,a)}(2r^2 - 1)$, $a = d/2 - 1$.

    Args:
        num: the number of nodes and of polynomials.
        dim: $d$.

    Returns:
        Shape `(num, num)`, on the host.
    """
    t, weights = _jacobi_rule(num, dim)
    k = np.arange(num)
    values = np.stack([scipy.special.eval_jacobi(i, 0, dim / 2 - 1, 2 * t - 1) for i in k])
    return (2 * k + dim / 2)[:, None] * values * weights


def even_values(
    coefficients: Float[Array, " n"], t: Float[Array, "..."], dim: int
) -> Float[Array, "..."]:
    """$\\sum_k c_k P_k^{(0,a)}(2t - 1)$ at $t = r^2$, by the three-term recurrence.

    In $t$ there is no square root, so that derivatives exist at $r = 0$.

    Args:
        coefficients: of `even_analysis`.
        t: squares of reference radii.
        dim: $d$, $a = d/2 - 1$.

    Returns:
        The values, of the shape of `t`.
    """
    a, x = dim / 2 - 1, 2 * t - 1
    k = np.arange(2, coefficients.shape[0])
    s = 2 * k + a
    scale = 2 * k * (k + a) * (s - 2)
    slope, shift = (s - 1) * s * (s - 2) / scale, (s - 1) * a**2 / scale
    back = 2 * (k - 1) * (k + a - 1) * s / scale

    def add_term(carry, row):
        total, before, here = carry
        coefficient, slope, shift, back = row
        after = (slope * x - shift) * here - back * before
        return (total + coefficient * after, here, after), None

    first = 1 + (a + 2) * (x - 1) / 2
    start = coefficients[0] + coefficients[1] * first
    rows = (coefficients[2:], *(jnp.asarray(part, x.dtype) for part in (slope, shift, back)))
    (total, _, _), _ = jax.lax.scan(add_term, (start, jnp.ones_like(x), first), rows)
    return total


def spherical_wave(z: np.ndarray, dim: int) -> np.ndarray:
    """The mean of $e^{iz\\cdot s}$ over the unit sphere: $J_0(|z|)$ or $\\sin|z|/|z|$.

    Args:
        z: $|z|$, on the host.
        dim: $d$.

    Returns:
        The means.
    """
    return scipy.special.j0(z) if dim == 2 else np.sinc(z / np.pi)


@functools.lru_cache(maxsize=32)
def directions(num: int, dim: int, half: bool) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors $s_m$ and weights for $\\int_{S^{d-1}}$; with `half`, for even integrands.

    In 2-D `2 num` equally spaced angles; in 3-D `num` Gauss nodes (an even number) of the polar
    cosine times `2 num` equally spaced azimuths, exact for spherical harmonics below the degree
    `2 num`. One of each antipodal pair is left out with `half`.

    Args:
        num: as above.
        dim: $d$.
        half: for integrands with $f(-s) = f(s)$.

    Returns:
        Vectors `(m, d)` and weights `(m,)` with the sum $|S^{d-1}|$, on the host.
    """
    angle = np.pi * (np.arange(2 * num) + 0.5) / num
    if dim == 2:
        vectors, weights = np.stack([np.cos(angle), np.sin(angle)], -1), np.full(2 * num, 1.0)
        keep = angle < np.pi
    else:
        cosine, gauss = np.polynomial.legendre.leggauss(num + num % 2)
        sine = np.sqrt(1 - cosine**2)[:, None]
        rings = [sine * np.cos(angle), sine * np.sin(angle), cosine[:, None] + 0 * angle]
        vectors, weights = np.stack(rings, -1).reshape(-1, 3), np.repeat(gauss, 2 * num)
        keep = vectors[:, 2] > 0
    if half:
        vectors, weights = vectors[keep], weights[keep]
    return vectors, sphere_area(dim) * weights / weights.sum()


@functools.lru_cache(maxsize=32)
def _jacobi_rule(num: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for $\\int_0^1 t^{d/2-1}(\\cdot)\\,dt$."""
    x, weights = scipy.special.roots_jacobi(num, 0, dim / 2 - 1)
    return (1 + x) / 2, weights / 2 ** (dim / 2)
