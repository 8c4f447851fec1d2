"""The limit of vanishing mass ratio: two Maxwellians whose temperatures meet."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractMethod, AbstractSolution, runge_kutta
from ._march import TimeLevels
from ._moments import fluid_moments
from ._problem import DisparateMassMixture

_SUBSTEPS = 16  # of order four between two levels


class LimitSolution(AbstractSolution):
    """Temperatures of the limit.

    Attributes:
        value: $(T_L, T_H)$ at the end.
        result: a `RESULTS` code.
        stats: `num_steps`.
        times: the levels.
        temperatures: $(T_L, T_H)$ at every level, the first behind the initial layer.
        densities: $(n_L, n_H)$.
        velocity: $u_H$, which stays; $U_L = 0$ in light velocities.
    """

    value: tuple[Float[Array, ""], Float[Array, ""]]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    times: Float[Array, " n"]
    temperatures: tuple[Float[Array, " n"], Float[Array, " n"]]
    densities: tuple[Float[Array, ""], Float[Array, ""]]
    velocity: Float[Array, " d"]

    __repr__ = AbstractSolution.__repr__


class LimitEquations(AbstractMethod):
    """$\\dot T_L = -2n_Hk(T_L)(T_L - T_H)$, $\\dot T_H = 2n_Lk(T_L)(T_L - T_H)$.

    With $k(T) = \\tfrac{d+\\gamma}dC(2T)^{\\gamma/2}\\Gamma(\\tfrac{d+\\gamma}2)/\\Gamma(\\tfrac
    d2)$. In the initial layer the drift of the light species has turned into heat,
    $T_L(0+) = T_L(0) + |U_L|^2/d$. It holds for $\\varepsilon \\to 0$; the $\\varepsilon$ of the
    problem does not enter.

    Attributes:
        num_steps: levels after the first.
        first_step: geometric levels from this step on, or equal ones.
    """

    accepts: ClassVar[tuple[type, ...]] = (DisparateMassMixture,)

    num_steps: int = eqx.field(static=True)
    first_step: ArrayLike | None

    def __init__(self, num_steps: int, first_step: ArrayLike | None = None):
        TimeLevels("LimitEquations", num_steps, first_step, None)
        self.num_steps, self.first_step = num_steps, first_step

    def run(self, problem: DisparateMassMixture, *, key: Array | None = None) -> LimitSolution:
        """See `AbstractMethod.run`; no random numbers are drawn.

        Raises:
            ValueError: if `first_step` is longer than the span of the problem.
        """
        levels = TimeLevels("LimitEquations", self.num_steps, self.first_step, None)
        return _run(problem, levels(problem.start, problem.end))


@eqx.filter_jit
def _run(problem: DisparateMassMixture, times: Float[Array, " n"]) -> LimitSolution:
    light, heavy, dim = problem.light, problem.heavy, problem.light.grid.dim
    n, u, warm = fluid_moments(light.grid, light.distribution)
    m, velocity, cold = fluid_moments(heavy.grid, heavy.distribution)

    def rate(_, temperatures):
        warm, cold = temperatures
        flow = 2 * maxwellian_friction(problem, warm) * (warm - cold)
        return -m * flow, n * flow

    def between(state, duration):
        small = duration / _SUBSTEPS
        step = lambda y, _: (runge_kutta(rate, y, small), None)
        after, _ = jax.lax.scan(step, state, None, length=_SUBSTEPS)
        return after, after

    start = (warm + jnp.sum(u**2) / dim, cold)
    last, later = jax.lax.scan(between, start, jnp.diff(times))
    join = lambda first, rest: jnp.concatenate([first[None], rest])
    finite = jnp.isfinite(last[0]) & jnp.isfinite(last[1])
    return LimitSolution(  # pyright: ignore[reportCallIssue] (abstract properties)
        value=last,
        result=RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite),  # pyright: ignore[reportArgumentType]
        stats={"num_steps": jnp.asarray(times.shape[0] - 1)},
        times=times,
        temperatures=(join(start[0], later[0]), join(start[1], later[1])),
        densities=(n, m),
        velocity=velocity,
    )


def maxwellian_friction(
    problem: DisparateMassMixture, temperature: Float[Array, ""]
) -> Float[Array, ""]:
    """$k(T)$ of one light particle.

    Args:
        problem: whose cross kernel counts.
        temperature: of the light species.

    Returns:
        The friction.
    """
    dim, gamma = problem.light.grid.dim, problem.cross.exponent
    ratio = jnp.exp(gammaln((dim + gamma) / 2) - gammaln(jnp.full_like(gamma, dim / 2)))
    mean = problem.cross.constant * (2 * temperature) ** (gamma / 2) * ratio
    return (dim + gamma) / dim * mean
