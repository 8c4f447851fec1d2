"""One asymptotic-preserving step of a mixture in space."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._core import concrete
from ._correction import set_fluid
from ._flow import MixtureFlow
from ._heavy_transport import Walls, fly
from ._light_transport import transport
from ._mixture_step import MixtureStep, mixture_step
from ._moments import fluid_moments
from ._ornstein_uhlenbeck import translate
from ._parity import LightState, faces_to_cells, limit_odd
from ._spectral import CollisionQuadrature


class FlowState(NamedTuple):
    """Of both species.

    Attributes:
        light: by parities.
        heavy: $f_H$ in the cells.
    """

    light: LightState
    heavy: Float[Array, "cells ..."]


class FlowStep(eqx.Module):
    """Heavy flight, light flight with the collisions of its odd part, collisions in the cells.

    1. `fly`: $\\partial_tf_H + w_1\\partial_xf_H = 0$, explicit, $|w_1|\\Delta t \\le \\Delta x$.
    2. `transport`: the light species, implicit; momentum that its odd part loses to collisions
       moves the heavy gas, by a translation, and the work of this force is taken from the light
       energy in the same cell.
    3. `MixtureStep` in every cell, which leaves the odd part as it is.

    Masses, momentum and energy are kept to rounding; a step is of first order in $\\Delta t$ and
    of second in $\\Delta x$, and has no bound from $\\varepsilon$. The odd part is found with
    rounding over $\\varepsilon$: float32 keeps five digits of the fields at
    $\\varepsilon = 10^{-3}$, three at $10^{-6}$.

    Attributes:
        collide: the step of the homogeneous mixture, with `hold_odd`.
        width: $\\Delta x$.
        walls: left and right, or `None` if periodic.
        sweeps: see `transport`.
    """

    collide: MixtureStep
    width: Float[Array, ""]
    walls: Walls
    sweeps: int = eqx.field(static=True)

    def __call__(self, state: FlowState, time: Float[Array, ""]) -> FlowState:
        """The state after `time`."""
        heavy_grid = self.collide.grids[1]
        heavy = fly(heavy_grid, state.heavy, time / self.width, self.walls)
        fluid = jax.vmap(lambda h: fluid_moments(heavy_grid, h)[:2])(heavy)
        light, given = transport(
            self.collide, state.light, fluid, time, self.width, self.walls, self.sweeps
        )
        even, heavy = jax.vmap(self._push)(light.even, heavy, given)
        odd = self.collide.epsilon * faces_to_cells(light.odd, self.walls is None)
        even, heavy = jax.vmap(self.collide, (0, 0, None))(even + odd, heavy, time)
        light = LightState(even, light.odd)
        if self.collide.limiter:
            light = limit_odd(self.collide.grids[0], light, self.collide.epsilon)
        return FlowState(light, heavy)

    def _push(self, even, heavy, momentum):
        """The heavy gas of a cell takes up momentum, the light one pays for the work."""
        light_grid, heavy_grid = self.collide.grids
        n, u, warm = fluid_moments(light_grid, even)
        m, w, cold = fluid_moments(heavy_grid, heavy)
        shift = jnp.zeros_like(w).at[0].set(momentum / m)
        work = momentum * (w[0] + shift[0] / 2)
        moved = translate(heavy_grid, heavy, shift)
        cooler = warm - 2 * work / (light_grid.dim * n)
        return (
            set_fluid(light_grid, even, (n, u, cooler)),
            set_fluid(heavy_grid, moved, (m, w + shift, cold)),
        )


def flow_step(
    problem: MixtureFlow,
    quadrature: CollisionQuadrature,
    variant: str,
    limiter: bool,
    sweeps: int,
) -> FlowStep:
    """The step of a problem.

    Args:
        problem: the flow; its distributions are not used.
        quadrature: of the collisions within the species.
        variant: see `relax`.
        limiter: whether to keep distributions from being negative.
        sweeps: see `transport`.

    Returns:
        The step.
    """
    collide = mixture_step(problem, quadrature, variant, limiter, hold_odd=True)
    return FlowStep(collide, problem.cell_width, problem.walls, sweeps)


def check_flight(problem: MixtureFlow, times: Float[Array, " n"]) -> None:
    """No heavy particle flies further than a cell in one step.

    Raises:
        ValueError: with the step, the bound and the number of steps that meets it.
    """
    if not concrete((problem.length, problem.heavy.grid, times)):
        return
    fastest = float(jnp.max(problem.heavy.grid.axis))
    bound = float(problem.cell_width) / fastest
    longest = float(np.max(np.diff(np.asarray(times))))
    if longest > bound * (1 + 1e-6):
        least = int(np.ceil(float(times[-1] - times[0]) / bound))
        raise ValueError(
            f"AsymptoticPreserving: in the longest time step {longest:.3g} the fastest heavy "
            f"particles, of speed {fastest:.3g}, fly further than a cell is wide, "
            f"{float(problem.cell_width):.3g}. Take num_steps = {least} equal steps, fewer cells, "
            "or a narrower heavy grid."
        )
