"""The 2-D problem of the demonstration: a square membrane shaken at one unknown wave number."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

import jaxsci
from jaxsci.pde import Box, Dirichlet, Helmholtz
from jaxsci.spectral import ChebyshevCollocation

LOWER, UPPER = (0.0, 0.0), (1.0, 1.0)
RANGE = (1.0, 12.0)  # the wave numbers looked at; the first resonance is at pi sqrt(2)
_METHOD = ChebyshevCollocation(36)


def push(x: Float[Array, "2"]) -> Float[Array, ""]:
    """The force, centred at (0.3, 0.4)."""
    return 400 * jnp.exp(-60 * ((x[0] - 0.3) ** 2 + (x[1] - 0.4) ** 2))


def membrane(wavenumber: Float[Array, ""]):
    """Solve $\\Delta u + k^2 u = f$ on the unit square, $u = 0$ on its sides."""
    problem = Helmholtz(Box(LOWER, UPPER), wavenumber, push, Dirichlet(0.0))
    return jaxsci.solve(problem, _METHOD, throw=False)


class Displacement(eqx.Module):
    """The forward model $k \\mapsto u(x_i; k)$; `jax.grad` goes through the solver."""

    points: Float[Array, "n 2"]

    def __call__(self, wavenumber: Float[Array, ""]) -> Float[Array, " n"]:
        return membrane(wavenumber)(self.points)


class Response(eqx.Module):
    """What the sweep asks of every wave number: mean response, misfit, did the solve succeed."""

    points: Float[Array, "n 2"]
    values: Float[Array, " n"]
    noise: Float[Array, "*n"]

    def __call__(self, wavenumber: Float[Array, ""]) -> dict[str, Array]:
        solution = membrane(wavenumber)
        misfit = (solution(self.points) - self.values) / self.noise
        x = jnp.linspace(0, 1, 61, dtype=self.points.dtype)
        return {
            "response": jnp.sqrt(jnp.mean(solution.on_grid(x, x) ** 2)),
            "misfit": jnp.sqrt(jnp.mean(misfit**2)),
            "successful": solution.result == jaxsci.RESULTS.successful,
        }
