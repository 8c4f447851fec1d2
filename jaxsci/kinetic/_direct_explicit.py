"""The reference method: full operators, explicit steps."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractMethod, concrete, runge_kutta
from ._correction import conserve_rate
from ._direct import cross_operators, cross_tables, resolved_quadrature
from ._grid import VelocityGrid
from ._march import TimeLevels
from ._moments import collision_invariants
from ._problem import BoltzmannRelaxation, DisparateMassMixture
from ._problem_checks import host_fluid, mean_collision_rate
from ._record import record_mixture, record_relaxation
from ._solution import MixtureSolution, RelaxationSolution
from ._spectral import CollisionQuadrature

_STABLE = 2.785  # of the classical Runge-Kutta method on the negative axis


class DirectExplicit(AbstractMethod):
    """$\\partial_tf = Q$ by the classical Runge-Kutta method, full operators on both grids.

    No expansion in the mass ratio; a step costs the same at every $\\varepsilon$, but its length
    is bounded by about $2.8\\,\\varepsilon^2$ over the collision rate. The reference for
    `AsymptoticPreserving`, and the method for $\\varepsilon$ above a tenth.

    Attributes:
        num_steps: $n$.
        first_step: geometric steps from this one on, or equal steps.
        store_every: keep distributions every so many steps; the last by default.
        quadrature: within the species.
        cross_quadrature: between them; by default as fine as the light grid.
    """

    accepts: ClassVar[tuple[type, ...]] = (DisparateMassMixture, BoltzmannRelaxation)

    num_steps: int = eqx.field(static=True)
    first_step: ArrayLike | None
    store_every: int | None = eqx.field(static=True)
    quadrature: CollisionQuadrature
    cross_quadrature: CollisionQuadrature | None

    def __init__(
        self,
        num_steps: int,
        first_step: ArrayLike | None = None,
        store_every: int | None = None,
        quadrature: CollisionQuadrature | None = None,
        cross_quadrature: CollisionQuadrature | None = None,
    ):
        TimeLevels("DirectExplicit", num_steps, first_step, store_every)
        self.num_steps, self.first_step, self.store_every = num_steps, first_step, store_every
        self.quadrature = CollisionQuadrature() if quadrature is None else quadrature
        self.cross_quadrature = cross_quadrature

    def run(
        self, problem: DisparateMassMixture | BoltzmannRelaxation, *, key: Array | None = None
    ) -> MixtureSolution | RelaxationSolution:
        """See `AbstractMethod.run`; no random numbers are drawn.

        Raises:
            ValueError: if the steps are so long that the method is unstable.
        """
        levels = TimeLevels("DirectExplicit", self.num_steps, self.first_step, self.store_every)
        times = levels(problem.start, problem.end)
        if isinstance(problem, DisparateMassMixture):
            cross = self.cross_quadrature or resolved_quadrature(problem.light.grid)
            _check_stable(problem, times, cross)
            species = (problem.light, problem.heavy)
            tables = tuple(s.collisions.tables(s.grid, self.quadrature) for s in species)
            return _run_mixture(problem, tables, cross, times, levels.store_every)
        grid, collisions = problem.species.grid, problem.species.collisions
        tables = collisions.tables(grid, self.quadrature)
        return _run_relaxation(problem, tables, times, levels.store_every)


def _check_stable(
    problem: DisparateMassMixture, times: Float[Array, " n"], cross: CollisionQuadrature
) -> None:
    """The fastest particles of the grid, however few, grow without bound where steps are longer.

    Their rate is at least that of the mean; with hard spheres it is that at the largest relative
    speed of the quadrature.
    """
    if not concrete((problem, times)):
        return
    grid, kernel = problem.light.grid, problem.cross
    _, _, temperature = host_fluid(grid, problem.light.distribution)
    density, _, _ = host_fluid(problem.heavy.grid, problem.heavy.distribution)
    fastest = cross.reach * float(grid.half_width)
    largest = float(kernel.constant) * fastest ** float(kernel.exponent)
    rate = density * max(largest, mean_collision_rate(kernel, temperature, grid.dim))
    bound = _STABLE * float(problem.epsilon) ** 2 / rate
    span, longest = float(times[-1] - times[0]), float(np.max(np.diff(np.asarray(times))))
    if longest > bound:
        raise ValueError(
            f"DirectExplicit: the longest time step {longest:.3g} exceeds the stable "
            f"{bound:.3g}, about 2.8 epsilon^2 over the collision rate. Take at least "
            f"{int(np.ceil(span / bound))} equal steps, or AsymptoticPreserving."
        )


@eqx.filter_jit
def _run_mixture(
    problem: DisparateMassMixture,
    tables: Any,
    cross: CollisionQuadrature,
    times: Float[Array, " n"],
    store_every: int,
) -> MixtureSolution:
    grids, eps = (problem.light.grid, problem.heavy.grid), problem.epsilon
    between = cross_tables(grids, problem.cross, eps, cross)

    def rate(_, f):
        exchanged = _conserved(grids, f, cross_operators(grids, between, eps, f), eps)
        own = tuple(
            eps**-power * _own(species.collisions, species.grid, table, h)
            for species, table, h, power in zip(
                (problem.light, problem.heavy),
                tables,
                f,
                (problem.light_exponent, problem.heavy_exponent),
            )
        )
        return jax.tree.map(lambda a, b: a + b / eps**2, own, exchanged)

    start = (problem.light.distribution, problem.heavy.distribution)
    step = lambda f, time: runge_kutta(rate, f, time)
    return record_mixture(step, grids, eps, start, times, store_every)


def _own(collisions: Any, grid: VelocityGrid, tables: Any, f: Array) -> Float[Array, "..."]:
    return conserve_rate(grid, collisions.operator(grid, tables, f), f)


def _conserved(grids: Any, f: Any, rates: Any, epsilon: Array) -> tuple[Array, Array]:
    """The light rate without mass, and the heavy one with what the light one gives away."""
    _, momentum, energy = collision_invariants(grids[0], rates[0])
    light = conserve_rate(grids[0], rates[0], f[0], momentum, energy)
    return light, conserve_rate(grids[1], rates[1], f[1], -epsilon * momentum, -energy)


@eqx.filter_jit
def _run_relaxation(
    problem: BoltzmannRelaxation, tables: Any, times: Float[Array, " n"], store_every: int
) -> RelaxationSolution:
    species = problem.species
    rate = lambda _, f: _own(species.collisions, species.grid, tables, f) / problem.knudsen
    step = lambda f, time: runge_kutta(rate, f, time)
    return record_relaxation(step, species.grid, species.distribution, times, store_every)
