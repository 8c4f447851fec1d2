"""The limit of vanishing mass ratio in space: two temperatures, one velocity, light diffusion."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractSolution, concrete
from ._flow import MixtureFlow
from ._limit_diffusion import LightDiffusion
from ._limit_euler import EulerFlow, FluidState, signal_speed
from ._march import march
from ._moments import fluid_moments
from ._problem_checks import host_fluid
from ._solution import relative_change
from ._spectral import CollisionQuadrature
from ._transport_coefficients import maxwellian_friction, sonine_transport
from ._walls import kept_by

_COURANT = 1.0  # of a whole step at the start; half steps are taken, stable up to twice as much

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]


class LimitFlowSolution(AbstractSolution):
    """The fluid of the limit in space and time.

    Attributes:
        value: densities $(n_L, n_H)$, velocity $u$ and temperatures $(T_L, T_H)$ at the end.
        result: a `RESULTS` code; `under_resolved` where a density or a temperature has become
            negative, or where steps were longer than `courant` 2.
        stats: `num_steps`, `courant`, the largest $(|u_1| + c)\\Delta t/\\Delta x$, and
            `conservation`, the largest defect of what the walls leave alone.
        times: the levels, the first behind the initial layer.
        positions: the centres of the cells.
        densities: $(n_L, n_H)$, shape `(times, cells)` each.
        velocity: $u$ of both, in heavy velocities, shape `(times, cells, d)`.
        temperatures: $(T_L, T_H)$.
    """

    value: tuple[Pair, Float[Array, "cells d"], Pair]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    times: Float[Array, " n"]
    positions: Float[Array, " cells"]
    densities: Pair
    velocity: Float[Array, "n cells d"]
    temperatures: Pair

    __repr__ = AbstractSolution.__repr__

    @property
    def defects(self) -> dict[str, Float[Array, " n"]]:
        """Relative changes of both masses, of momentum (over $m\\sqrt\\theta$) and of energy.

        Walls take momentum, and those of a temperature take heat.
        """
        (n, m), (warm, cold) = self.densities, self.temperatures
        dim = self.velocity.shape[-1]
        square = jnp.sum(self.velocity**2, axis=-1)
        energy = dim * (n * warm + m * cold) + m * square
        total = lambda a: jnp.sum(a, axis=1)
        momentum = total(m[..., None] * self.velocity)
        moved = jnp.linalg.norm(momentum - momentum[0], axis=-1)
        return {
            "light_mass": relative_change(total(n)),
            "heavy_mass": relative_change(total(m)),
            "momentum": moved / jnp.sum(m[0] * jnp.sqrt(cold[0])),
            "energy": relative_change(total(energy)),
        }


def check_limit_flow(problem: MixtureFlow, times: Float[Array, " n"]) -> None:
    """The light species collides as fast as the limit supposes, and steps are short enough.

    Raises:
        ValueError: with the exponent, or with the number of steps that it takes.
    """
    exponent = problem.light_exponent
    if concrete(exponent) and float(exponent) != 2:
        raise ValueError(
            f"LimitEquations: light_exponent must be 2 in space, got {float(exponent):g}: only "
            "there do collisions within the light species and with the heavy one act together in "
            "its diffusion."
        )
    if not concrete((problem, times)):
        return
    speed = max(_host_speed(problem, i) for i in range(problem.num_cells))
    longest, width = float(np.diff(np.asarray(times)).max()), float(problem.cell_width)
    if longest * speed > _COURANT * width:
        needed = int(np.ceil((times.shape[0] - 1) * longest * speed / (_COURANT * width)))
        raise ValueError(
            f"LimitEquations: sound passes {longest * speed / width:.3g} cells in a step of "
            f"{longest:.3g}, at most {_COURANT:g} is stable. Take num_steps = {needed}, equal "
            "steps or a shorter problem."
        )


def _host_speed(problem: MixtureFlow, cell: int) -> float:
    """$|u_1| + c$ in one cell, behind the initial layer."""
    both = (problem.light, problem.heavy)
    (n, u, warm), (m, w, cold) = (host_fluid(s.grid, s.distribution[cell]) for s in both)
    dim = problem.light.grid.dim
    pressure = n * (warm + np.sum(u**2) / dim) + m * cold
    return float(abs(w[0]) + np.sqrt((1 + 2 / dim) * pressure / m))


@eqx.filter_jit
def run_limit_flow(
    problem: MixtureFlow,
    times: Float[Array, " n"],
    num_polynomials: int,
    quadrature: CollisionQuadrature,
) -> LimitFlowSolution:
    """Flow, exchange, diffusion, exchange, flow: half steps around a whole one, of order two.

    Args:
        problem: the mixture.
        times: the levels.
        num_polynomials: of `SonineTransport`.
        quadrature: of the collisions within the light species.

    Returns:
        The solution.
    """
    start = _initial(problem)
    mean = jnp.sum(start.pressures[0]) / jnp.sum(start.light_density)
    transport = sonine_transport(problem, mean, num_polynomials, quadrature)
    flow = EulerFlow(problem.cell_width, problem.walls is None)
    diffusion = LightDiffusion(transport, problem.cell_width, problem.walls)

    def step(state: FluidState, time: Float[Array, ""]) -> FluidState:
        state = _exchange(problem, flow(state, time / 2), time / 2)
        found = diffusion(state.light_density, state.light_energy, state.heavy_density, time)
        state = state._replace(
            light_density=state.light_density + found[0],
            light_energy=state.light_energy + found[1],
            energy=state.energy + found[1],
        )
        return flow(_exchange(problem, state, time / 2), time / 2)

    _, seen, _ = march(step, lambda state: state, start, times, times.shape[0] - 1)
    return _solution(problem, times, seen)


def _initial(problem: MixtureFlow) -> FluidState:
    """Moments behind the initial layer, in which the drift of the light species becomes heat."""
    light, heavy = problem.light, problem.heavy
    of = lambda species: jax.vmap(lambda f: fluid_moments(species.grid, f))(species.distribution)
    (n, drift, warm), (m, u, cold) = of(light), of(heavy)
    half = light.grid.dim / 2
    light_energy = n * (half * warm + jnp.sum(drift**2, axis=1) / 2)
    heavy_energy = m * (half * cold + jnp.sum(u**2, axis=1) / 2)
    return FluidState(n, m, m[:, None] * u, light_energy, light_energy + heavy_energy)


def _exchange(problem: MixtureFlow, state: FluidState, time: Float[Array, ""]) -> FluidState:
    """$\\dot E_L = -d\\,nm\\,k(T)(T - \\theta)$ at constant $E$, with $k$ of the middle."""
    n, m, half = state.light_density, state.heavy_density, state.momentum.shape[-1] / 2
    warm, cold = state.temperatures
    difference, rate = warm - cold, 2 * (n + m)
    gone = lambda friction, t: difference * -jnp.expm1(-rate * friction * t)
    middle = warm - m / (n + m) * gone(maxwellian_friction(problem, warm), time / 2)
    lost = gone(maxwellian_friction(problem, middle), time)
    return state._replace(light_energy=state.light_energy - half * n * m / (n + m) * lost)


def _solution(
    problem: MixtureFlow, times: Float[Array, " n"], seen: FluidState
) -> LimitFlowSolution:
    densities = (seen.light_density, seen.heavy_density)
    courant = jnp.max(signal_speed(seen)[:-1] * jnp.diff(times)[:, None]) / problem.cell_width
    fields: dict[str, Any] = {"velocity": seen.velocity, "temperatures": seen.temperatures}
    found = LimitFlowSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=jax.tree.map(lambda x: x[-1], (densities, *fields.values())),
        result=RESULTS.successful,
        stats={"num_steps": jnp.asarray(times.shape[0] - 1), "courant": courant},
        times=times,
        positions=problem.positions,
        densities=densities,
        **fields,
    )
    defects = found.defects
    worst = jnp.max(jnp.stack([jnp.max(defects[name]) for name in kept_by(problem.walls)]))
    stats = {**found.stats, "conservation": worst}
    return eqx.tree_at(lambda s: (s.result, s.stats), found, (_judged(found), stats))


def _judged(found: LimitFlowSolution) -> RESULTS:
    lowest = jnp.min(jnp.stack([jnp.min(x) for x in (*found.densities, *found.temperatures)]))
    finite = jnp.isfinite(lowest) & jnp.isfinite(jnp.max(jnp.abs(found.velocity)))
    sound = (lowest > 0) & (found.stats["courant"] <= 2)
    code = RESULTS.where(sound, RESULTS.successful, RESULTS.under_resolved)
    return RESULTS.where(finite, code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
