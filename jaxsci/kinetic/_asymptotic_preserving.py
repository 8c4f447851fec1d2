"""The asymptotic-preserving method: one time step for every mass ratio."""

from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import AbstractMethod
from ._collisions import AbstractCollisions
from ._correction import limit_positive, restore
from ._flow import MixtureFlow
from ._flow_solution import FlowSolution, run_flow
from ._flow_step import check_flight, flow_step
from ._grid import VelocityGrid
from ._march import TimeLevels
from ._mixture_step import MixtureStep, mixture_step
from ._problem import BoltzmannRelaxation, DisparateMassMixture
from ._record import record_mixture, record_relaxation
from ._relaxation import check_variant
from ._solution import MixtureSolution, RelaxationSolution
from ._spectral import CollisionQuadrature
from ._validation import count


class AsymptoticPreserving(AbstractMethod):
    """Exact scattering, relaxation and exchange one after the other, see `MixtureStep`.

    Steps may be far longer than $\\varepsilon^2$ and $\\varepsilon$: the light species then
    arrives at its Maxwellian in one of them, and temperatures follow the limit equations with an
    error of first order in $\\Delta t$, whatever $\\varepsilon$. Where $\\Delta t$ is near
    $\\varepsilon^2$ anisotropic moments converge more slowly. The model is the centred truncation,
    of relative error $O(\\varepsilon^2)$ in anisotropic moments: for $\\varepsilon$ up to a tenth;
    `DirectExplicit` is for larger ones. Temperatures and velocities of Maxwell molecules are exact.

    For `BoltzmannRelaxation` it is `relax` alone, of order 1, or 2 for "two-stage". For
    `MixtureFlow` see `FlowStep`: the step is bounded by the flight of the heavy species through a
    cell, whatever $\\varepsilon$.

    Attributes:
        num_steps: $n$.
        variant: "exponential", "two-stage" or "penalised"; see `relax`.
        first_step: geometric steps from this one on, or equal steps; see `TimeLevels`.
        store_every: keep distributions every so many steps; the last by default.
        limiter: cut negative values and restore the invariants after each step.
        quadrature: of the relative velocity.
        sweeps: in space, how often a step solves for the light flight; each after the first
            shortens the lag of its collisions with itself.
    """

    accepts: ClassVar[tuple[type, ...]] = (DisparateMassMixture, BoltzmannRelaxation, MixtureFlow)

    num_steps: int = eqx.field(static=True)
    variant: str = eqx.field(static=True)
    first_step: ArrayLike | None
    store_every: int | None = eqx.field(static=True)
    limiter: bool = eqx.field(static=True)
    quadrature: CollisionQuadrature
    sweeps: int = eqx.field(static=True)

    def __init__(
        self,
        num_steps: int,
        variant: str = "exponential",
        first_step: ArrayLike | None = None,
        store_every: int | None = None,
        limiter: bool = False,
        quadrature: CollisionQuadrature | None = None,
        sweeps: int = 1,
    ):
        check_variant("AsymptoticPreserving", variant)
        TimeLevels("AsymptoticPreserving", num_steps, first_step, store_every)
        self.num_steps, self.variant, self.first_step = num_steps, variant, first_step
        self.store_every, self.limiter = store_every, limiter
        self.quadrature = CollisionQuadrature() if quadrature is None else quadrature
        count("AsymptoticPreserving: sweeps", sweeps, 1)
        self.sweeps = sweeps

    def run(
        self,
        problem: DisparateMassMixture | BoltzmannRelaxation | MixtureFlow,
        *,
        key: Array | None = None,
    ) -> MixtureSolution | RelaxationSolution | FlowSolution:
        """See `AbstractMethod.run`; no random numbers are drawn.

        Raises:
            ValueError: if `first_step` is longer than the span of the problem, or in space a heavy
                particle would fly further than a cell in one step.
        """
        levels = TimeLevels(
            "AsymptoticPreserving", self.num_steps, self.first_step, self.store_every
        )
        times = levels(problem.start, problem.end)
        if isinstance(problem, MixtureFlow):
            check_flight(problem, times)
            step = flow_step(problem, self.quadrature, self.variant, self.limiter, self.sweeps)
            return run_flow(step, problem, times, levels.store_every)
        if isinstance(problem, DisparateMassMixture):
            step = mixture_step(problem, self.quadrature, self.variant, self.limiter)
            start = (problem.light.distribution, problem.heavy.distribution)
            return _run_mixture(step, start, times, levels.store_every)
        species = problem.species
        tables = species.collisions.tables(species.grid, self.quadrature)
        step = RelaxationStep(
            species.grid, species.collisions, tables, problem.knudsen, self.variant, self.limiter
        )
        return _run_relaxation(step, species.distribution, times, levels.store_every)


class RelaxationStep(eqx.Module):
    """$f \\mapsto f$ after $\\Delta t$ of $\\mathrm{Kn}^{-1}Q$; for one cell, `vmap` takes many.

    Attributes:
        grid: the velocity grid.
        collisions: $Q$.
        tables: of the collisions.
        knudsen: $\\mathrm{Kn}$.
        variant: see `relax`.
        limiter: whether to keep the distribution from being negative.
    """

    grid: VelocityGrid
    collisions: AbstractCollisions
    tables: PyTree[Array]
    knudsen: Float[Array, ""]
    variant: str = eqx.field(static=True)
    limiter: bool = eqx.field(static=True)

    def __call__(self, f: Float[Array, "..."], time: Float[Array, ""]) -> Float[Array, "..."]:
        """The distribution after `time`."""
        grid, time = self.grid, time / self.knudsen
        f = restore(grid, self.collisions.step(grid, self.tables, f, time, self.variant), f)
        return limit_positive(grid, f) if self.limiter else f


@eqx.filter_jit
def _run_mixture(
    step: MixtureStep, start: Any, times: Float[Array, " n"], store_every: int
) -> MixtureSolution:
    advance = lambda f, time: step(f[0], f[1], time)
    return record_mixture(advance, step.grids, step.epsilon, start, times, store_every)


@eqx.filter_jit
def _run_relaxation(
    step: RelaxationStep, start: Array, times: Float[Array, " n"], store_every: int
) -> RelaxationSolution:
    return record_relaxation(step, step.grid, start, times, store_every)
