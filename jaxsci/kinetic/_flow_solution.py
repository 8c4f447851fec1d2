"""Solutions in space: moments in every cell at every time, defects, where to go on from."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractSolution
from ._flow import MixtureFlow
from ._flow_step import FlowState, FlowStep
from ._march import march
from ._moments import Moments, moments
from ._parity import LightState, cells_to_faces, even_part, faces_to_cells, odd_part
from ._solution import judge, relative_change
from ._walls import kept_by

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]


class FlowSolution(AbstractSolution):
    """Both species in space and time.

    Attributes:
        value: $(f_L, f_H)$ at the end, shape `(cells, N, ..., N)`.
        result: a `RESULTS` code.
        stats: `min_value` of the distributions over their maxima, of $f_L$ its part even in $v_1$;
            `conservation`, the largest relative defect of what the walls leave alone.
        times: the levels.
        positions: the centres of the cells.
        light: moments of the light species, shapes `(times, cells, ...)`.
        heavy: moments of the heavy species, in scaled velocities.
        stored_times: when distributions were kept.
        stored: pairs of distributions, shape `(stored, cells, N, ..., N)`.
        odd: of $f_L$ at the faces at the end, for `MixtureFlow.continued`.
        defects: relative changes of the sums over cells, at every level: both masses; the momentum
            if periodic; the energy unless a wall is diffuse.
        epsilon: the root of the mass ratio.
    """

    value: Pair
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    times: Float[Array, " n"]
    positions: Float[Array, " cells"]
    light: Moments
    heavy: Moments
    stored_times: Float[Array, " s"]
    stored: Pair
    odd: Float[Array, "faces ..."]
    defects: dict[str, Float[Array, " n"]]
    epsilon: Float[Array, ""]

    __repr__ = AbstractSolution.__repr__

    @property
    def drift(self) -> Float[Array, "n cells d"]:
        """$U_L/\\varepsilon - u_H$, in heavy units: the velocity of diffusion."""
        return self.light.velocity / self.epsilon - self.heavy.velocity


@eqx.filter_jit
def run_flow(
    step: FlowStep, problem: MixtureFlow, times: Float[Array, " n"], store_every: int
) -> FlowSolution:
    """March a flow from level to level and record it."""
    grids, eps, periodic = step.collide.grids, step.collide.epsilon, step.walls is None
    f = problem.light.distribution
    odd = cells_to_faces(odd_part(f, 1), periodic) / eps if problem.odd is None else problem.odd
    start = FlowState(LightState(even_part(f, 1), odd), problem.heavy.distribution)

    def distributions(state):
        light = state.light
        return light.even + eps * faces_to_cells(light.odd, periodic), state.heavy

    def observe(state):
        both = zip(grids, distributions(state))
        return tuple(jax.vmap(lambda g, grid=grid: moments(grid, g))(h) for grid, h in both)

    last, (light, heavy), kept = march(step, observe, start, times, store_every)
    defects = _defects(light, heavy, eps, step.walls)
    result, stats = judge((last.light.even, last.heavy), defects)
    return FlowSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=distributions(last),
        result=result,
        stats={**stats, "num_steps": jnp.asarray(times.shape[0] - 1)},
        times=times,
        positions=problem.positions,
        light=light,
        heavy=heavy,
        stored_times=times[store_every::store_every],
        stored=jax.vmap(distributions)(kept),
        odd=last.light.odd,
        defects=defects,
        epsilon=eps,
    )


def _defects(light, heavy, epsilon, walls):
    total = lambda a: jnp.sum(a, axis=1)
    momentum = total(epsilon * light.momentum + heavy.momentum)
    scale = total(heavy.density * jnp.sqrt(heavy.temperature))[0]
    changes = {
        "light_mass": relative_change(total(light.density)),
        "heavy_mass": relative_change(total(heavy.density)),
        "momentum": jnp.linalg.norm(momentum - momentum[0], axis=-1) / scale,
        "energy": relative_change(total(light.energy + heavy.energy)),
    }
    return {name: changes[name] for name in kept_by(walls)}
