"""Exact solutions, derived here; tests, experiments and notebooks share them. On the host."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gamma as gamma_function

BKW_START = {2: 0.5, 3: 0.4}  # 1 - K at time 0: the largest at which the solution is positive


def bkw(
    square: Float[np.ndarray, "..."], time: float, dim: int
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Bobylev-Krook-Wu: $f = (2\\pi K)^{-d/2}e^{-|v|^2/2K}\\,(A + B|v|^2)$ and $\\partial_tf$.

    For Maxwell molecules with $C = 1$, density and temperature one:
    $A = 1 - \\tfrac d2\\tfrac{1-K}K$, $B = \\tfrac{1-K}{2K^2}$. Its fourth moment
    $z = \\int|v|^4f$ is $d(d+2)K(2-K)$, so that $d(d+2) - z \\propto (1-K)^2$. A collision of
    equal masses changes $|v|^4 + |v_*|^4$ on average over directions by
    $2\\,[|g|^2|V|^2/d - (V\\cdot g)^2]$, with $4|g|^2|V|^2 = (|v|^2+|v_*|^2)^2 - 4(v\\cdot v_*)^2$
    and $2V\\cdot g = |v|^2 - |v_*|^2$; the expectation is
    $\\dot z = -\\tfrac{d-1}{2d}\\,(z - d(d+2))$. So $1 - K \\propto e^{-\\lambda t}$ with
    $\\lambda = \\tfrac{d-1}{4d}$: $1/8$ in 2-D and $1/6$ in 3-D.

    Args:
        square: $|v|^2$.
        time: $t \\ge 0$.
        dim: 2 or 3.

    Returns:
        The distribution and its rate of change.

    Source: A. Bobylev, Sov. Phys. Dokl. 20 (1976) 820; M. Krook, T. Wu, Phys. Fluids 20 (1977)
    1589.
    """
    rate = (dim - 1) / (4 * dim)
    k = 1 - BKW_START[dim] * np.exp(-rate * time)
    growth = rate * (1 - k)  # dK/dt
    bell = (2 * np.pi * k) ** (-dim / 2) * np.exp(-square / (2 * k))
    a, b = 1 - dim / 2 * (1 - k) / k, (1 - k) / (2 * k**2)
    a_slope, b_slope = dim / 2 / k**2, -1 / (2 * k**2) - (1 - k) / k**3
    shape = a + b * square
    slope = (-dim / (2 * k) + square / (2 * k**2)) * shape + a_slope + b_slope * square
    return bell * shape, growth * bell * slope


@dataclasses.dataclass(frozen=True)
class MaxwellMixture:
    """The closed moment equations of a mixture of Maxwell molecules, at any mass ratio.

    Per collision $v' - v = a(|g|\\sigma - g)$ and $w' - w = -\\varepsilon a(|g|\\sigma - g)$ with
    $g = v - \\varepsilon w$, $a = 1/(1+\\varepsilon^2)$; over directions $|g|\\sigma$ has mean zero
    and $|g|^2\\sigma\\sigma$ the mean $|g|^2I/d$. With $\\delta = U_L - \\varepsilon u_H$, the
    covariances $\\Theta$ and $G = \\Theta_L + \\varepsilon^2\\Theta_H + \\delta\\delta^T$, products
    of means cancel and
    $$\\dot\\delta = -r\\delta, \\quad r = aC(n_H + \\varepsilon^2n_L)/\\varepsilon^2,$$
    $$\\dot\\Theta_L = \\tfrac{Cn_H}{\\varepsilon^2}[-2a\\Theta_L + a^2(G + \\tfrac1d\\mathrm{tr}G)]
    - \\tfrac12C_{LL}n_L\\varepsilon^{-p}\\,\\mathrm{dev}\\Theta_L,$$
    $$\\dot\\Theta_H = Cn_L[-2a\\Theta_H + a^2(G + \\tfrac1d\\mathrm{tr}G)]
    - \\tfrac12C_{HH}n_H\\varepsilon^{-q}\\,\\mathrm{dev}\\Theta_H.$$
    The trace gives the temperatures, $\\dot T_L = 2a^2Cn_H[T_H - T_L + |\\delta|^2/
    (d\\varepsilon^2)]$, $\\dot T_H = 2a^2Cn_L[T_L - T_H + |\\delta|^2/d]$.

    Attributes:
        epsilon: $\\varepsilon$, the square root of the mass ratio.
        densities: $(n_L, n_H)$.
        velocities: $(U_L, u_H)$ at the start.
        covariances: $(\\Theta_L, \\Theta_H)$ at the start.
        constants: $(C_{LL}, C_{HH}, C)$.
        exponents: $(p, q)$.
    """

    epsilon: float
    densities: tuple[float, float]
    velocities: tuple[np.ndarray, np.ndarray]
    covariances: tuple[np.ndarray, np.ndarray]
    constants: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exponents: tuple[float, float] = (2.0, 1.0)

    @property
    def dim(self) -> int:
        """$d$."""
        return len(self.velocities[0])

    @property
    def drift_rate(self) -> float:
        """$r$."""
        light, heavy = self.densities
        a = 1 / (1 + self.epsilon**2)
        return a * self.constants[2] * (heavy + self.epsilon**2 * light) / self.epsilon**2

    def velocity(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """$(U_L, u_H)$: their weighted mean stays, their difference decays."""
        (n, m), (first, second), eps = self.densities, self.velocities, self.epsilon
        total = m + eps**2 * n
        center = (m * second + eps * n * first) / total
        drift = (first - eps * second) * np.exp(-self.drift_rate * time)
        return eps * center + m / total * drift, center - eps * n / total * drift

    def temperature(self, time: float) -> tuple[float, float]:
        """$(T_L, T_H)$; with $x = T_L - T_H$, $\\dot x = -sx + ke^{-2rt}$."""
        (n, m), eps, r = self.densities, self.epsilon, self.drift_rate
        start = [np.trace(part) / self.dim for part in self.covariances]
        rate = 2 * self.constants[2] / (1 + eps**2) ** 2
        drift = self.velocities[0] - eps * self.velocities[1]
        square = drift @ drift / self.dim
        s, k = rate * (n + m), rate * (m / eps**2 - n) * square
        decay = lambda z: -np.expm1(-z * time) / z  # of e^{-zt}, integrated
        mixed = (np.exp(-s * time) - np.exp(-2 * r * time)) / (2 * r - s)
        x0 = start[0] - start[1]
        integral = x0 * decay(s) + k * (decay(s) - decay(2 * r)) / (2 * r - s)
        heavy = start[1] + rate * n * (integral + square * decay(2 * r))
        return heavy + x0 * np.exp(-s * time) + k * mixed, heavy

    def traceless(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """$(\\mathrm{dev}\\Theta_L, \\mathrm{dev}\\Theta_H)$, three coupled linear equations."""
        values, vectors = np.linalg.eig(self._traceless_matrix())
        drift = self.velocities[0] - self.epsilon * self.velocities[1]
        parts = (*self.covariances, np.outer(drift, drift))
        start = np.stack([part - np.trace(part) / self.dim * np.eye(self.dim) for part in parts])
        modes = np.linalg.solve(vectors, start.reshape(3, -1))
        now = (vectors * np.exp(values * time)) @ modes
        first, second, _ = now.reshape(start.shape)
        return first, second

    def _traceless_matrix(self) -> np.ndarray:
        (n, m), eps = self.densities, self.epsilon
        light, heavy, cross = self.constants
        p, q = self.exponents
        a = 1 / (1 + eps**2)
        gain = a**2 * np.array([1, eps**2, 1])
        rows = np.zeros((3, 3))
        rows[0] = cross * m / eps**2 * (gain - [2 * a, 0, 0])
        rows[1] = cross * n * (gain - [0, 2 * a, 0])
        rows[0, 0] -= 0.5 * light * n * eps**-p
        rows[1, 1] -= 0.5 * heavy * m * eps**-q
        rows[2, 2] = -2 * self.drift_rate
        return rows


def friction(temperature: Any, constant: float, exponent: float, dim: int) -> Any:
    """$k(T) = \\tfrac{d+\\gamma}d\\langle C|v|^\\gamma\\rangle_T$, the friction of heavy particles.

    Over a Maxwellian $\\langle|v|^\\gamma\\rangle = (2T)^{\\gamma/2}\\Gamma(\\tfrac{d+\\gamma}2)/
    \\Gamma(\\tfrac d2)$.

    Args:
        temperature: of the light species.
        constant: $C$.
        exponent: $\\gamma$.
        dim: $d$.

    Returns:
        $k$ per light particle.
    """
    ratio = gamma_function((dim + exponent) / 2) / gamma_function(dim / 2)
    return (dim + exponent) / dim * constant * (2 * temperature) ** (exponent / 2) * ratio


def hard_sphere_limit(
    time: Any, temperatures: tuple[float, float], densities: tuple[float, float], constant: float,
    dim: int,
) -> tuple[Any, Any]:  # fmt: skip
    """The limit of hard spheres, $\\dot T_L = -2n_Hk_1\\sqrt{T_L}(T_L - T_H)$, in closed form.

    Energy gives $n_H(T_L - T_H) = (n_L + n_H)(T_L - T_\\infty)$; then $y = \\sqrt{T_L}$ obeys
    $\\dot y = -(n_L + n_H)k_1(y^2 - y_\\infty^2)$, so that
    $(y - y_\\infty)/(y + y_\\infty)$ decays with the rate $2(n_L + n_H)k_1y_\\infty$.

    Args:
        time: one or many times.
        temperatures: $(T_L, T_H)$ behind the initial layer.
        densities: $(n_L, n_H)$.
        constant: $C$.
        dim: $d$.

    Returns:
        $(T_L, T_H)$.
    """
    (first, second), (n, m) = temperatures, densities
    final = (n * first + m * second) / (n + m)
    end, rate = np.sqrt(final), (n + m) * friction(1.0, constant, 1.0, dim)
    z = (np.sqrt(first) - end) / (np.sqrt(first) + end) * np.exp(-2 * rate * end * time)
    light = (end * (1 + z) / (1 - z)) ** 2
    return light, final + n / m * (final - light)


@dataclasses.dataclass(frozen=True)
class GaussianSum:
    """$f(x) = \\sum_k n_k\\,N(x; \\mu_k, \\Sigma_k)$, anisotropic and drifting, with known moments.

    Attributes:
        densities: $n_k$.
        means: $\\mu_k$.
        covariances: $\\Sigma_k$.
    """

    densities: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The value at one point, in JAX."""
        total = jnp.zeros((), x.dtype)
        for density, mean, covariance in zip(self.densities, self.means, self.covariances):
            c = x - jnp.asarray(mean, x.dtype)
            inverse = jnp.asarray(np.linalg.inv(covariance), x.dtype)
            height = float(density / np.sqrt(np.linalg.det(2 * np.pi * covariance)))
            total = total + height * jnp.exp(-0.5 * c @ inverse @ c)
        return total

    def raw_moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """$\\int f$, $\\int xf$, $\\int x\\otimes xf$."""
        n, mean = self.densities, self.means
        squares = self.covariances + mean[:, :, None] * mean[:, None, :]
        return n.sum(), n @ mean, np.tensordot(n, squares, axes=1)


def gaussian_pair(dim: int) -> tuple[GaussianSum, GaussianSum]:
    """A light and a heavy distribution far from equilibrium, the heavy one in scaled velocity.

    Args:
        dim: 2 or 3.

    Returns:
        Both, with smooth tails beyond a speed of seven.
    """
    light = GaussianSum(
        np.array([0.6, 0.4]),
        np.array([[0.5, -0.2, 0.1], [-0.6, 0.4, -0.3]])[:, :dim],
        np.stack([_tilted(1.1, 0.3), _tilted(0.7, -0.2)])[:, :dim, :dim],
    )
    heavy = GaussianSum(
        np.array([0.5, 1.0]),
        np.array([[0.3, 0.4, -0.1], [-0.4, 0.1, 0.2]])[:, :dim],
        np.stack([_tilted(0.6, 0.1), _tilted(0.9, 0.2)])[:, :dim, :dim],
    )
    return light, heavy


def _tilted(variance: float, tilt: float) -> np.ndarray:
    return np.array([[variance, tilt, 0.1], [tilt, 0.8, 0.0], [0.1, 0.0, 0.9]])
