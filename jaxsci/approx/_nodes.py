"""One-dimensional nodes on an interval; counts are static, end points may be traced."""

import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float


def float_dtype(*values: ArrayLike) -> jnp.dtype:
    """The floating dtype that `values` have together; Python numbers are weak."""
    return jnp.result_type(float, *values)


def check_count(name: str, n: int, least: int) -> None:
    """A static count is an integer of at least `least`.

    Raises:
        ValueError: naming the function, the count and the smallest one allowed.
    """
    if not isinstance(n, int | np.integer) or n < least:
        raise ValueError(f"{name}: needs an integer count of at least {least}, got {n!r}.")


def uniform_nodes(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """$x_i = a + (b - a)\\,i/(n - 1)$, $i = 0 \\dots n-1$, both ends included.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 2.

    Returns:
        The nodes, ascending; the ends are exact.

    Raises:
        ValueError: if `n` is less than 2.
    """
    check_count("uniform_nodes", n, 2)
    return _between(lower, upper, np.arange(n) / (n - 1))


def periodic_nodes(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """$x_i = a + (b - a)\\,i/n$: one period, without its end.

    Args:
        lower: $a$.
        upper: $b$, which is $a$ again.
        n: the number of nodes, at least 1.

    Returns:
        The nodes, ascending.

    Raises:
        ValueError: if `n` is less than 1.
    """
    check_count("periodic_nodes", n, 1)
    return _between(lower, upper, np.arange(n) / n)


def chebyshev_nodes(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """Chebyshev-Gauss-Lobatto nodes $x_i = a + (b - a)\\sin^2\\frac{\\pi i}{2(n-1)}$, ascending.

    The form in $\\sin^2$ keeps full relative accuracy of the distance to the nearer end, where the
    form in $\\cos$ loses half of the digits.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 2.

    Returns:
        The nodes, both ends included and exact.

    Raises:
        ValueError: if `n` is less than 2.
    """
    check_count("chebyshev_nodes", n, 2)
    return _between(lower, upper, _sine_squares(np.arange(n), 2 * (n - 1)))


def chebyshev_interior_nodes(lower: ArrayLike, upper: ArrayLike, n: int) -> Float[Array, " n"]:
    """Chebyshev nodes of the first kind, $x_i = a + (b - a)\\sin^2\\frac{\\pi(2i+1)}{4n}$.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 1.

    Returns:
        The nodes, ascending, all inside the open interval.

    Raises:
        ValueError: if `n` is less than 1.
    """
    check_count("chebyshev_interior_nodes", n, 1)
    return _between(lower, upper, _sine_squares(2 * np.arange(n) + 1, 4 * n))


def gauss_legendre_nodes(
    lower: ArrayLike, upper: ArrayLike, n: int
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Gauss-Legendre nodes and weights: $\\sum_i w_i\\,p(x_i) = \\int_a^b p$ up to degree $2n-1$.

    Args:
        lower: $a$.
        upper: $b$.
        n: the number of nodes, at least 1.

    Returns:
        The nodes, ascending and inside the open interval, and the weights.

    Raises:
        ValueError: if `n` is less than 1.
    """
    check_count("gauss_legendre_nodes", n, 1)
    fractions, weights = _gauss_legendre(n)
    dtype = float_dtype(lower, upper)
    length = jnp.asarray(upper, dtype) - jnp.asarray(lower, dtype)
    return _between(lower, upper, fractions), length * jnp.asarray(weights, dtype)


def _sine_squares(i: np.ndarray, m: int) -> np.ndarray:
    """$\\sin^2(\\pi i/m)$; the middle is exact, which sine alone would miss."""
    return np.where(4 * i == m, 0.5, np.sin(np.pi * i / m) ** 2)


def _between(lower: ArrayLike, upper: ArrayLike, fractions: np.ndarray) -> Float[Array, " n"]:
    """$a + (b - a) t$ for `fractions` $t$ in [0, 1], measured from the nearer end."""
    dtype = float_dtype(lower, upper)
    low, high = jnp.asarray(lower, dtype), jnp.asarray(upper, dtype)
    near_lower = fractions <= 0.5
    # 1 - t from the mirrored list, which is exact, wherever the list is symmetric.
    mirrored = fractions[::-1]
    symmetric = np.allclose(fractions + mirrored, 1.0, rtol=0, atol=1e-12)
    complement = mirrored if symmetric else 1.0 - fractions
    steps = jnp.asarray(np.where(near_lower, fractions, complement), dtype) * (high - low)
    return jnp.where(jnp.asarray(near_lower), low + steps, high - steps)


@functools.lru_cache(maxsize=64)
def _gauss_legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Fractions in (0, 1) and weights of sum 1, on the host.

    Newton iteration in the angle $\\theta$, $x = \\cos\\theta$, from Tricomi's initial guess; with
    $x = 1 - 2\\sin^2(\\theta/2)$ the distance to the end is accurate as well.
    """
    half = np.arange(1, (n + 1) // 2 + 1)
    phi = np.pi * (half - 0.25) / (n + 0.5)
    theta = phi + (n - 1) / (8.0 * n**3) / np.tan(phi) if n > 1 else np.array([np.pi / 2])
    for _ in range(6):
        value, slope = _legendre_and_slope(n, theta)
        theta = theta - value / slope
    if n % 2:
        theta[-1] = np.pi / 2
    slope = _legendre_and_slope(n, theta)[1]
    weights = 2.0 / slope**2  # w = 2 / ((1 - x^2) P_n'(x)^2), and dP/dtheta = -sin(theta) P_n'
    near = np.sin(theta / 2) ** 2
    mirror = slice(n // 2 - 1, None, -1) if n > 1 else slice(0, 0)
    fractions = np.concatenate([near, 1.0 - near[: n // 2][mirror]])
    weights = np.concatenate([weights, weights[: n // 2][mirror]])
    return fractions, weights / weights.sum()


def _legendre_and_slope(n: int, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """$P_n(\\cos\\theta)$ and $d P_n/d\\theta = n(x P_n - P_{n-1})/\\sin\\theta$.

    The recurrence carries differences $P_k - P_{k-1}$ and $1 - x = 2\\sin^2(\\theta/2)$, so that
    nothing cancels near the ends.
    """
    distance = 2 * np.sin(theta / 2) ** 2
    value, difference = np.ones_like(theta), np.zeros_like(theta)
    for k in range(n):
        difference = (k * difference - (2 * k + 1) * distance * value) / (k + 1)
        value = value + difference
    # x P_n - P_{n-1} = (P_n - P_{n-1}) - (1 - x) P_n
    return value, n * (difference - distance * value) / np.sin(theta)
