"""The flow of the limit: two-temperature Euler equations by slopes, HLLC fluxes and Heun steps."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class FluidState(NamedTuple):
    """What is conserved, and the energy of the light species; one row a cell.

    Attributes:
        light_density: $n$.
        heavy_density: $m$.
        momentum: $mu$, shape `(cells, d)`.
        light_energy: $\\tfrac d2nT$.
        energy: of both species, $\\tfrac d2nT + \\tfrac m2|u|^2 + \\tfrac d2m\\theta$.
    """

    light_density: Float[Array, "..."]
    heavy_density: Float[Array, "..."]
    momentum: Float[Array, "... d"]
    light_energy: Float[Array, "..."]
    energy: Float[Array, "..."]

    @property
    def velocity(self) -> Float[Array, "... d"]:
        """$u$."""
        return self.momentum / self.heavy_density[..., None]

    @property
    def pressures(self) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """$(nT, m\\theta)$."""
        share = 2 / self.momentum.shape[-1]
        kinetic = jnp.sum(self.momentum**2, axis=-1) / (2 * self.heavy_density)
        return share * self.light_energy, share * (self.energy - self.light_energy - kinetic)

    @property
    def temperatures(self) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """$(T, \\theta)$."""
        light, heavy = self.pressures
        return light / self.light_density, heavy / self.heavy_density


class EulerFlow(eqx.Module):
    """$\\partial_tn + \\partial_x(nu_1) = 0$, $\\partial_tm + \\partial_x(mu_1) = 0$,
    $\\partial_t(mu) + \\partial_x(mu_1u + e_1(p_L + p_H)) = 0$,
    $$\\partial_tE_L + \\partial_x(u_1E_L) = -p_L\\,\\partial_xu_1, \\qquad
    \\partial_tE + \\partial_x(u_1(E + p_L + p_H)) = 0.$$

    Slopes of densities, velocity and pressures with the limiter of van Leer, steps of Heun, and
    HLLC fluxes, which leave layers of different temperature alone where the sum of pressures is
    constant. $E_L$ is carried like $n$, and its work uses the velocity $u_*$ that carries both, so
    that a uniform light gas is compressed adiabatically. At walls $u_1$ is mirrored: nothing
    passes.

    Attributes:
        cell_width: $\\Delta x$.
        periodic: or between two walls.

    Source: E. Toro, M. Spruce, W. Speares, Shock Waves 4 (1994) 25.
    """

    cell_width: Float[Array, ""]
    periodic: bool = eqx.field(static=True)

    def __call__(self, state: FluidState, time: Float[Array, ""]) -> FluidState:
        """One step of Heun: the mean of the start and of what two explicit steps make of it."""
        ahead = lambda y, _: (jax.tree.map(lambda a, b: a + time * b, y, self.rates(y)), None)
        later, _ = jax.lax.scan(ahead, state, None, length=2)
        return jax.tree.map(lambda a, b: (a + b) / 2, state, later)

    def rates(self, state: FluidState) -> FluidState:
        """$\\partial_t$ of the state."""
        values = self._extended(_primitive(state))
        change = jnp.diff(values, axis=0)
        slope = _van_leer(change[:-1], change[1:])
        left, right = (values[1:-1] + slope / 2)[:-1], (values[1:-1] - slope / 2)[1:]
        flux, velocity = _hllc(left, right)
        found = -jnp.diff(flux, axis=0) / self.cell_width
        work = state.pressures[0] * jnp.diff(velocity) / self.cell_width
        n, m, light, energy = (found[:, i] for i in range(4))
        return FluidState(n, m, found[:, 4:], light - work, energy)

    def _extended(self, values: Float[Array, "cells k"]) -> Float[Array, "more k"]:
        """Two cells more at each end."""
        if self.periodic:
            return jnp.concatenate([values[-2:], values, values[:2]])
        mirror = lambda rows: rows.at[:, 4].multiply(-1)
        first, last = mirror(values[:2][::-1]), mirror(values[-2:][::-1])
        return jnp.concatenate([first, values, last])


def signal_speed(state: FluidState) -> Float[Array, "..."]:
    """$|u_1| + c$ with $c^2 = \\tfrac{d+2}d(p_L + p_H)/m$.

    Args:
        state: of the fluid.

    Returns:
        The speed in each cell.
    """
    return jnp.abs(state.velocity[..., 0]) + _sound(_primitive(state))


def _primitive(state: FluidState) -> Float[Array, "... k"]:
    """$(n, m, p_L, p_H, u)$."""
    scalars = [state.light_density, state.heavy_density, *state.pressures]
    return jnp.concatenate([jnp.stack(scalars, axis=-1), state.velocity], axis=-1)


def _sound(values: Float[Array, "... k"]) -> Float[Array, "..."]:
    dim = values.shape[-1] - 4
    return jnp.sqrt((1 + 2 / dim) * (values[..., 2] + values[..., 3]) / values[..., 1])


def _van_leer(behind: Float[Array, "..."], ahead: Float[Array, "..."]) -> Float[Array, "..."]:
    """The harmonic mean of two differences of one sign, or zero."""
    same = behind * ahead > 0
    total = jnp.where(same, behind + ahead, 1)
    return jnp.where(same, 2 * behind * ahead / total, 0)


def _conserved(values: Float[Array, "faces k"]) -> Float[Array, "faces k"]:
    """$(n, m, E_L, E, mu)$ of $(n, m, p_L, p_H, u)$."""
    n, m, light, heavy = (values[:, i] for i in range(4))
    u, half = values[:, 4:], (values.shape[1] - 4) / 2
    energy = half * (light + heavy) + m * jnp.sum(u**2, axis=1) / 2
    scalars = jnp.stack([n, m, half * light, energy], axis=1)
    return jnp.concatenate([scalars, m[:, None] * u], axis=1)


def _flux(
    values: Float[Array, "faces k"], conserved: Float[Array, "faces k"]
) -> Float[Array, "faces k"]:
    pressure, normal = values[:, 2] + values[:, 3], values[:, 4]
    carried = conserved * normal[:, None]
    return carried.at[:, 3].add(pressure * normal).at[:, 4].add(pressure)


def _hllc(
    left: Float[Array, "faces k"], right: Float[Array, "faces k"]
) -> tuple[Float[Array, "faces k"], Float[Array, " faces"]]:
    """$F_K + S_K(U_K^* - U_K)$ of the side $K$ that the contact comes from, and $u_*$."""
    sides = jnp.stack([left, right])
    sound, normal = _sound(sides), sides[..., 4]
    ends = jnp.stack([jnp.min(normal - sound, axis=0), jnp.max(normal + sound, axis=0)])
    inflow = sides[..., 1] * (ends - normal)
    pressure = sides[..., 2] + sides[..., 3]
    push = pressure - normal * inflow
    contact = (push[1] - push[0]) / (inflow[0] - inflow[1])
    ahead = contact >= 0
    pick = lambda pair: jnp.where(ahead.reshape((-1,) + (1,) * (pair.ndim - 2)), *pair)
    values, end, normal, inflow, pressure = map(pick, (sides, ends, normal, inflow, pressure))
    share = (end - normal) / (end - contact)
    moved = jnp.where(ahead, jnp.minimum(end, 0), jnp.maximum(end, 0))
    conserved = _conserved(values)
    middle = share[:, None] * conserved
    gained = (
        (contact - normal) * share * (values[:, 1] * contact + pressure * values[:, 1] / inflow)
    )
    middle = middle.at[:, 3].add(gained).at[:, 4].set(share * values[:, 1] * contact)
    flux = _flux(values, conserved) + moved[:, None] * (middle - conserved)
    return flux, normal + moved * (share - 1)
