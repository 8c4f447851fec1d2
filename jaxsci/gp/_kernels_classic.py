"""Squared exponential, Matern and periodic kernels, with derivatives in closed form."""

import math
from fractions import Fraction

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._kernels import AbstractKernel, Jet, positive, total

# k(z) = P(z) exp(-z) with z = sqrt(2 nu) |r| / l, by nu; coefficients from the lowest degree
_MATERN: dict[float, tuple[Fraction, ...]] = {
    0.5: (Fraction(1),),
    1.5: (Fraction(1), Fraction(1)),
    2.5: (Fraction(1), Fraction(1), Fraction(1, 3)),
    3.5: (Fraction(1), Fraction(1), Fraction(2, 5), Fraction(1, 15)),
}


class SquaredExponential(AbstractKernel):
    """$k(r) = \\sigma^2 \\exp(-r^2 / 2\\ell^2)$, infinitely smooth.

    Attributes:
        length_scale: $\\ell$, in the units of $x$.
        variance: $\\sigma^2$, the prior variance of $u$.
    """

    length_scale: Float[Array, ""]
    variance: Float[Array, ""]

    def __init__(self, length_scale: ArrayLike, variance: ArrayLike = 1.0):
        """Choose the length scale.

        Raises:
            ValueError: if a number is not positive.
        """
        self.length_scale = positive("SquaredExponential", "length_scale", length_scale)
        self.variance = positive("SquaredExponential", "variance", variance)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return math.inf

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        variance = self.variance.astype(r.dtype)
        envelope = gaussian_jet(r, self.length_scale.astype(r.dtype), order)
        return tuple(variance * part for part in envelope)


class Matern(AbstractKernel):
    """$k(r) = \\sigma^2 P_\\nu(z)\\,e^{-z}$ with $z = \\sqrt{2\\nu}\\,|r|/\\ell$.

    For half-integer $\\nu$: $P_{1/2} = 1$, $P_{3/2} = 1 + z$, $P_{5/2} = 1 + z + z^2/3$
    and $P_{7/2} = 1 + z + 2z^2/5 + z^3/15$ (Rasmussen and Williams 2006, eq. 4.16). The process has
    $\\nu - 1/2$ derivatives, so an equation of order $m$ needs $\\nu \\ge m + 1/2$.

    Attributes:
        length_scale: $\\ell$, in the units of $x$.
        variance: $\\sigma^2$.
        nu: the smoothness: 0.5, 1.5, 2.5 or 3.5.
    """

    length_scale: Float[Array, ""]
    variance: Float[Array, ""]
    nu: float = eqx.field(static=True)

    def __init__(self, length_scale: ArrayLike, nu: float = 2.5, variance: ArrayLike = 1.0):
        """Choose the length scale and the smoothness.

        Raises:
            ValueError: if a number is not positive, or `nu` is none of the four.
        """
        self.length_scale = positive("Matern", "length_scale", length_scale)
        self.variance = positive("Matern", "variance", variance)
        self.nu = matern_nu("Matern", nu)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return round(2 * self.nu - 1)

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        variance = self.variance.astype(r.dtype)
        envelope = matern_jet(r, self.length_scale.astype(r.dtype), order, self.nu)
        return tuple(variance * part for part in envelope)


class PeriodicKernel(AbstractKernel):
    """$k(r) = \\sigma^2 \\exp(-2 \\sin^2(\\pi r / p) / \\ell^2)$ (MacKay 1998), infinitely smooth.

    Attributes:
        period: $p$, in the units of $x$.
        length_scale: $\\ell$, without units: relative to $p / \\pi$.
        variance: $\\sigma^2$.
    """

    period: Float[Array, ""]
    length_scale: Float[Array, ""]
    variance: Float[Array, ""]

    def __init__(self, period: ArrayLike, length_scale: ArrayLike, variance: ArrayLike = 1.0):
        """Choose the period and the length scale.

        Raises:
            ValueError: if a number is not positive.
        """
        self.period = positive("PeriodicKernel", "period", period)
        self.length_scale = positive("PeriodicKernel", "length_scale", length_scale)
        self.variance = positive("PeriodicKernel", "variance", variance)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return math.inf

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """$h_{n+1} = \\sum_i \\binom{n}{i} g^{(i+1)} h_{n-i}$ for $h_n = k^{(n)}$, $k = e^g$."""
        omega = 2 * math.pi / self.period.astype(r.dtype)
        steepness = self.length_scale.astype(r.dtype) ** -2
        exponent = -2 * steepness * jnp.sin(omega * r / 2) ** 2
        slopes = [steepness * part for part in cosine_jet(r, omega, order)]
        values = [self.variance.astype(r.dtype) * jnp.exp(exponent)]
        for n in range(order):
            terms = [math.comb(n, i) * slopes[i + 1] * values[n - i] for i in range(n + 1)]
            values.append(total(terms))
        return tuple(values)


def gaussian_jet(r: Float[Array, "*s"], length_scale: Float[Array, "*t"], order: int) -> Jet:
    """$\\partial^n e^{-t^2/2} = (-1/\\ell)^n\\,He_n(t)\\,e^{-t^2/2}$ with $t = r / \\ell$."""
    t = r / length_scale
    bell = jnp.exp(-(t**2) / 2)
    hermite = [jnp.ones_like(t), t]
    for n in range(1, order):
        hermite.append(t * hermite[n] - n * hermite[n - 1])
    return tuple((-1 / length_scale) ** n * hermite[n] * bell for n in range(order + 1))


def matern_jet(
    r: Float[Array, "*s"], length_scale: Float[Array, "*t"], order: int, nu: float
) -> Jet:
    """$\\partial^n [P e^{-z}] = (s\\,\\mathrm{sgn}\\,r)^n P_n e^{-z}$, $P_{n+1} = P_n' - P_n$.

    For odd $n$ below $2\\nu$, $z$ divides $P_n$, and $\\mathrm{sgn}(r)\\,z = s r$ is smooth at 0.
    """
    scale = math.sqrt(2 * nu) / length_scale
    z = scale * jnp.abs(r)
    decay, polynomial, parts = jnp.exp(-z), _MATERN[nu], []
    for n in range(order + 1):
        odd = n % 2
        smooth = _horner(polynomial[odd:], z) * (scale * r if odd else 1.0)
        parts.append(scale**n * smooth * decay)
        polynomial = _differentiate(polynomial)
    return tuple(parts)


def cosine_jet(r: Float[Array, "*s"], omega: Float[Array, "*t"], order: int) -> Jet:
    """$\\partial^n \\cos(\\omega r) = \\omega^n \\cos(\\omega r + n\\pi/2)$."""
    cosine, sine = jnp.cos(omega * r), jnp.sin(omega * r)
    quarter_turns = (cosine, -sine, -cosine, sine)
    return tuple(omega**n * quarter_turns[n % 4] for n in range(order + 1))


def matern_nu(owner: str, nu: float) -> float:
    """`nu` if it is one of the half-integers with a closed form.

    Raises:
        ValueError: otherwise.
    """
    if float(nu) not in _MATERN:
        raise ValueError(f"{owner}: nu must be one of {sorted(_MATERN)}, got {nu}.")
    return float(nu)


def _differentiate(polynomial: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """The coefficients of $P' - P$."""
    slope = [*[degree * c for degree, c in enumerate(polynomial)][1:], Fraction(0)]
    return tuple(b - a for a, b in zip(polynomial, slope))


def _horner(polynomial: tuple[Fraction, ...], z: Float[Array, "*s"]) -> Float[Array, "*s"]:
    value = jnp.zeros_like(z)
    for coefficient in reversed(polynomial):
        value = value * z + float(coefficient)
    return value
