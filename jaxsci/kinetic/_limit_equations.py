"""The limit of vanishing mass ratio: two Maxwellians whose temperatures meet."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractMethod, AbstractSolution, runge_kutta
from ._flow import MixtureFlow
from ._limit_flow import LimitFlowSolution, check_limit_flow, run_limit_flow
from ._march import TimeLevels
from ._moments import fluid_moments
from ._problem import DisparateMassMixture
from ._spectral import CollisionQuadrature
from ._transport_coefficients import maxwellian_friction
from ._validation import count

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

    In space ($p = 2$, any $q > 0$) densities $n$ and $m$, the one velocity $u$ and the pressures
    $p_L = nT_L$, $p_H = mT_H$ obey, with $S = d\\,nm\\,k(T_L)(T_L - T_H)$,
    $$\\partial_tn + \\partial_x(nu_1 + J) = 0, \\quad \\partial_tm + \\partial_x(mu_1) = 0, \\quad
    \\partial_t(mu) + \\partial_x(mu_1u + e_1(p_L + p_H)) = 0,$$
    $$\\partial_tE_L + \\partial_x(u_1E_L + Q) = -p_L\\partial_xu_1 - S, \\quad
    \\partial_tE_H + \\partial_x(u_1(E_H + p_H)) = -u_1\\partial_xp_L + S,$$
    $E_L = \\tfrac d2p_L$, $E_H = \\tfrac m2|u|^2 + \\tfrac d2p_H$, and the fluxes $J$, $Q$ of
    `SonineTransport`: `EulerFlow`, the exchange and `LightDiffusion` one after the other, of order
    two; where diffusion is far faster than a step the order in $\\Delta t$ falls towards one. Both
    walls stop $u_1$ and $J$. `Specular` ones stop heat, at `Diffuse` ones $T_L = T_w$; the heavy
    gas does not conduct and keeps its temperature and its velocity along the wall.

    Attributes:
        num_steps: levels after the first.
        first_step: geometric levels from this step on, or equal ones.
        num_polynomials: in space, of the distribution behind $J$ and $Q$. Two are exact for a cross
            kernel of Maxwell molecules and BGK within; among hard spheres four leave half a percent
            in the diffusion and two percent in the conduction, six a third of that.
        quadrature: in space, of the collisions within the light species.

    Source: P. Degond, B. Lucquin-Desreux, Math. Models Methods Appl. Sci. 6 (1996) 405; Transport
    Theory Stat. Phys. 25 (1996) 595.
    """

    accepts: ClassVar[tuple[type, ...]] = (DisparateMassMixture, MixtureFlow)

    num_steps: int = eqx.field(static=True)
    first_step: ArrayLike | None
    num_polynomials: int = eqx.field(static=True)
    quadrature: CollisionQuadrature

    def __init__(
        self,
        num_steps: int,
        first_step: ArrayLike | None = None,
        num_polynomials: int = 4,
        quadrature: CollisionQuadrature | None = None,
    ):
        TimeLevels("LimitEquations", num_steps, first_step, None)
        count("LimitEquations: num_polynomials", num_polynomials, 2, "Two carry J and Q.")
        self.num_steps, self.first_step = num_steps, first_step
        self.num_polynomials = num_polynomials
        self.quadrature = CollisionQuadrature() if quadrature is None else quadrature

    def run(
        self, problem: DisparateMassMixture | MixtureFlow, *, key: Array | None = None
    ) -> LimitSolution | LimitFlowSolution:
        """See `AbstractMethod.run`; no random numbers are drawn.

        Raises:
            ValueError: if `first_step` is longer than the span of the problem; in space, if sound
                outruns the steps or `light_exponent` is not 2.
        """
        levels = TimeLevels("LimitEquations", self.num_steps, self.first_step, None)
        times = levels(problem.start, problem.end)
        if isinstance(problem, DisparateMassMixture):
            return _run(problem, times)
        check_limit_flow(problem, times)
        return run_limit_flow(problem, times, self.num_polynomials, self.quadrature)


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
