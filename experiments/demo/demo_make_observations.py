"""Makes `observations.csv`: 200 displacements at random points with 5 % noise, seed 20.

    python experiments/demo/demo_make_observations.py

The solver of the demonstration never sees the wave number below; only its check compares with it.
The displacements come from the sine series of the solution, not from the solver under test.
"""

from pathlib import Path

import numpy as np

TRUE_WAVENUMBER = 8.05
SEED, COUNT, NOISE = 20, 200, 0.05


def series(points: np.ndarray, wavenumber: float, modes: int = 60) -> np.ndarray:
    """$u = \\sum_{mn} f_{mn} \\sin(m\\pi x)\\sin(n\\pi y) / (k^2 - \\pi^2(m^2 + n^2))$.

    The force is a product, so $f_{mn} = 400\\,a_m b_n$ with one-dimensional sine coefficients,
    integrated by Gauss-Legendre quadrature.
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    t, w = (nodes + 1) / 2, weights / 2
    order = np.pi * np.arange(1, modes + 1)
    a, b = (2 * np.sin(np.outer(order, t)) @ (w * np.exp(-60 * (t - c) ** 2)) for c in (0.3, 0.4))
    gap = wavenumber**2 - order[:, None] ** 2 - order**2
    sines = [np.sin(np.outer(points[:, j], order)) for j in range(2)]
    return np.einsum("pm,mn,pn->p", sines[0], 400 * np.outer(a, b) / gap, sines[1])


def observations() -> np.ndarray:
    """Rows x, y, u, sigma."""
    rng = np.random.default_rng(SEED)
    points = rng.uniform(size=(COUNT, 2)).round(4)
    clean = series(points, TRUE_WAVENUMBER)
    sigma = float(f"{NOISE * np.sqrt(np.mean(clean**2)):.3g}")
    noisy = clean + sigma * rng.normal(size=COUNT)
    return np.column_stack([points, noisy.round(5), np.full(COUNT, sigma)])


if __name__ == "__main__":
    lines = [f"{x:.4f},{y:.4f},{u:.5f},{s:g}" for x, y, u, s in observations()]
    target = Path(__file__).with_name("observations.csv")
    target.write_text("\n".join(["x,y,u,sigma", *lines]) + "\n")
    print(f"wrote {len(lines)} observations to {target.name}")
