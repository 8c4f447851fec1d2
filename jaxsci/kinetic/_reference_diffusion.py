"""Light particles among scatterers that nothing moves: exact solutions in space."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.special import comb, gammaln


class FixedScatterers(NamedTuple):
    """A wave of light particles in a uniform heavy gas of temperature one, in the plane.

    $f = M(v)\\,[1 + \\mathrm{Re}(e^{ikx}\\phi(v, t))]$ with a Maxwellian $M$ of temperature one,
    Maxwell molecules of rate $\\nu = n_HC$ and $n_L \\ll n_H$. With the spherical mean $\\bar\\phi$
    and the part $\\phi_+$ even in $v_1$,
    $$\\partial_t\\phi = -\\frac{ik}\\varepsilon v_1\\phi + \\frac{\\nu}{\\varepsilon^2(1 +
    \\varepsilon^2)}(\\bar\\phi - \\phi) + \\frac\\nu{(1 + \\varepsilon^2)^2}(\\Delta\\phi_+ -
    v\\cdot\\nabla\\phi_+),$$
    scattering, and the exchange of energy as `exchange` has it. In normalised Hermite polynomials
    $h_a(v_1)h_b(v_2)$ it is a linear system: $v_1$ couples neighbours in $a$, the last term is
    $-(a + b)$, and $\\bar\\phi$ projects on the Laguerre polynomials of $|v|^2/2$,
    $\\sum_k\\binom nk\\mathrm{He}_{2k}\\mathrm{He}_{2n-2k}$.

    Attributes:
        epsilon: $\\varepsilon$.
        wave: $k$.
        rate: $\\nu$.
        degree: of the polynomials kept.
    """

    epsilon: float
    wave: float
    rate: float
    degree: int = 36

    def moments(self, time: float) -> tuple[complex, complex]:
        """$\\int M\\phi$ and $\\tfrac12\\int M\\phi(|v|^2 - 2)$ for $\\phi = 1$ at the start.

        Args:
            time: $t$.

        Returns:
            The amplitudes of density and of temperature times density.
        """
        index = [(a, b) for a in range(self.degree + 1) for b in range(0, self.degree + 1 - a, 2)]
        first = np.zeros(len(index))
        first[index.index((0, 0))] = 1.0
        phi = scipy.linalg.expm(time * self._generator(index)) @ first
        square = (phi[index.index((2, 0))] + phi[index.index((0, 2))]) / np.sqrt(2)
        return phi[index.index((0, 0))], square

    def _generator(self, index: list[tuple[int, int]]) -> np.ndarray:
        place = {pair: i for i, pair in enumerate(index)}
        matrix = np.zeros((len(index),) * 2, complex)
        for (a, b), i in place.items():
            if (a + 1, b) in place:
                j = place[a + 1, b]
                matrix[i, j] = matrix[j, i] = -1j * self.wave / self.epsilon * np.sqrt(a + 1)
        even = np.array([a % 2 == 0 for a, _ in index])
        degrees = np.array([a + b for a, b in index])
        matrix -= np.diag(self.rate / (1 + self.epsilon**2) ** 2 * even * degrees)
        scattering = self.rate / (self.epsilon**2 * (1 + self.epsilon**2))
        return matrix + scattering * (self._spherical_mean(place) - np.eye(len(index)))

    def _spherical_mean(self, place: dict[tuple[int, int], int]) -> np.ndarray:
        mean = np.zeros((len(place),) * 2)
        for n in range(self.degree // 2 + 1):
            k = np.arange(n + 1)
            size = comb(n, k) * np.exp(0.5 * (gammaln(2 * k + 1) + gammaln(2 * n - 2 * k + 1)))
            size /= np.linalg.norm(size)
            rows = [place[2 * j, 2 * n - 2 * j] for j in range(n + 1)]
            mean[np.ix_(rows, rows)] = np.outer(size, size)
        return mean

    def limit_moments(self, time: float) -> tuple[float, float]:
        """The same for $\\varepsilon \\to 0$, in closed form.

        $F = M\\phi$ is isotropic, $\\partial_tF = -\\tfrac{k^2|v|^2}{2\\nu}F +
        \\nu\\nabla\\cdot(\\nabla F + vF)$, and stays a Gaussian $Ae^{-b|v|^2}$ with
        $\\dot b = \\tfrac{k^2}{2\\nu} + 2\\nu b - 4\\nu b^2$, $\\dot A = 2\\nu(1 - 2b)A$.
        """
        nu, source = self.rate, self.wave**2 / (2 * self.rate)
        root = np.sqrt(nu**2 + 4 * nu * source)
        # (top - b)/(b - low) decays with the speed of a Riccati equation between its fixed points
        top, low = (nu + root) / (4 * nu), (nu - root) / (4 * nu)
        speed = 4 * nu * (top - low)
        share = (top - 0.5) / (0.5 - low) * np.exp(-speed * time)
        b = (top + low * share) / (1 + share)
        # and b = top + d/dt log(1 + share)/(4 nu)
        ratio = np.log((1 + (top - 0.5) / (0.5 - low)) / (1 + share))
        integral = top * time - ratio / (4 * nu)
        height = np.exp(2 * nu * time - 4 * nu * integral) / (2 * np.pi)
        density = height * np.pi / b
        return density, density * (1 / (2 * b) - 1)
