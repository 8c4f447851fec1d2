"""The flow of the limit: two-temperature Euler equations by slopes, HLL fluxes and Heun steps."""

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

    Slopes of densities, velocity and pressures with the limiter of van Leer, HLL fluxes, steps of
    Heun. The work uses the velocity that the fluxes carry, $u_* = (S_Ru^- - S_Lu^+)/(S_R - S_L)$,
    so that a light gas at rest in a uniform state is compressed adiabatically. At walls $u_1$ is
    mirrored: nothing passes.

    Attributes:
        cell_width: $\\Delta x$.
        periodic: or between two walls.
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
        flux, velocity = _hll(left, right)
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


def _hll(
    left: Float[Array, "faces k"], right: Float[Array, "faces k"]
) -> tuple[Float[Array, "faces k"], Float[Array, " faces"]]:
    """$(S_RF^- - S_LF^+ + S_LS_R(U^+ - U^-))/(S_R - S_L)$ and $u_*$."""
    before, after = _conserved(left), _conserved(right)
    sounds, normals = (_sound(left), _sound(right)), (left[:, 4], right[:, 4])
    slow = jnp.minimum(0, jnp.minimum(normals[0] - sounds[0], normals[1] - sounds[1]))
    fast = jnp.maximum(0, jnp.maximum(normals[0] + sounds[0], normals[1] + sounds[1]))
    width = fast - slow
    low, high, both = slow[:, None], fast[:, None], width[:, None]
    mixed = high * _flux(left, before) - low * _flux(right, after) + low * high * (after - before)
    return mixed / both, (fast * normals[0] - slow * normals[1]) / width
