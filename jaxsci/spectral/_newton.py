"""Damped Newton iteration with implicit derivatives."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._discrete import Discrete, nonlinear_orders
from ._factor import Factor
from ._operator import Operator, Separable, Tensor, invert, separable_part
from ._plan import Plan

_LINEAR_RTOL = 1e-12
_STEP_RTOL = 1e-8
_HALVINGS = 12


class System(eqx.Module):
    """The discrete problem with what its linear solves need.

    Attributes:
        discrete: the problem.
        base: factors of the separable part, or `None` for dense solves.
        norm_weights: weights of sum 1 at the collocation points, for norms.
        plan: the static facts.
    """

    discrete: Discrete
    base: Separable | None
    norm_weights: Tensor
    plan: Plan

    def norm(self, tensor: Tensor) -> Float[Array, ""]:
        """The root mean square over the domain."""
        return jnp.sqrt((self.norm_weights * tensor**2).sum())

    def solve_linear(self, rhs: Tensor) -> Tensor:
        """$L^{-1} F$ for the linear part alone."""
        found = self.discrete
        return invert(self.plan, found.operator, found.axes, self.base, rhs, _LINEAR_RTOL)

    def solve_tangent(self, slopes: tuple[Tensor, ...], rhs: Tensor, rtol: float) -> Tensor:
        """$(L + N')^{-1} F$ with the slopes $\\partial N/\\partial(\\partial^{\\alpha_i} u)$."""
        found = self.discrete
        operator = Operator(
            (*found.operator.coefficients, *slopes),
            (*found.operator.orders, *nonlinear_orders(found.nonlinearity)),
        )
        base = None if self.base is None else _shifted(self.base, found, slopes)
        return invert(self.plan, operator, found.axes, base, rhs, rtol)


def make_system(
    plan: Plan,
    discrete: Discrete,
    references: tuple[Factor | None, ...],
    lengths: Float[Array, " d"],
    norm_weights: Tensor,
) -> System:
    """Factor what the plan's strategy wants factored."""
    base = None
    if plan.strategy != "dense":
        base = separable_part(plan, discrete.operator, discrete.axes, references, lengths)
    return System(discrete, base, norm_weights, plan)


class Progress(NamedTuple):
    """Where the iteration stands: the iterate, its residual norm, steps, and whether to stop."""

    unknown: Tensor
    size: Float[Array, ""]
    steps: Int[Array, ""]
    stop: Bool[Array, ""]


@eqx.filter_custom_jvp
def newton(system: System) -> tuple[Tensor, Int[Array, ""]]:
    """$L V + N(V) = F$ by Newton's method, each step halved until the residual decreases.

    Step 0 solves the linear part alone. The iteration stops after a full step below 1e-8, which
    is the last that quadratic convergence needs, or when rounding stops all progress.

    Args:
        system: the discrete problem.

    Returns:
        $V$ and the number of Newton steps.
    """
    zero = jnp.zeros_like(system.discrete.defect)
    state = Progress(zero, jnp.asarray(jnp.inf, zero.dtype), jnp.asarray(0), jnp.asarray(False))
    unfinished = lambda s: ~s.stop & (s.steps <= system.plan.max_steps)
    state = jax.lax.while_loop(unfinished, lambda s: _step(system, s), state)
    return state.unknown, state.steps - 1


@newton.def_jvp
def _newton_jvp(primals, tangents):
    """$\\dot V = -(L + N')^{-1}\\,\\partial_p (L V + N - F)\\,\\dot p$, however $V$ was found."""
    (system,), (tangent,) = primals, tangents
    unknown, steps = newton(system)
    explicit = lambda discrete: discrete.residual(unknown)
    _, rate = eqx.filter_jvp(explicit, (system.discrete,), (tangent.discrete,))
    slopes = _slopes(system.discrete, unknown)
    return (unknown, steps), (-system.solve_tangent(slopes, rate, _LINEAR_RTOL), None)


def _step(system: System, state: Progress) -> Progress:
    first = state.steps == 0
    quiet = lambda tensor: jnp.where(first, 0, tensor)
    discrete = system.discrete
    linear = discrete.operator.inner(state.unknown, discrete.axes) - discrete.defect
    residual = linear + quiet(discrete.nonlinear_term(discrete.jet(state.unknown)))
    slopes = tuple(quiet(slope) for slope in _slopes(discrete, state.unknown))
    direction = -system.solve_tangent(slopes, residual, _STEP_RTOL)
    direction = jnp.where(first & ~jnp.isfinite(direction).all(), 0, direction)
    fraction, size = _line_search(system, state, direction)
    # At the rounding floor a full step neither helps nor harms: it is taken and ends the search.
    small = ~first & (system.norm(direction) <= _STEP_RTOL * system.norm(state.unknown))
    fraction = jnp.where(small, 1, fraction)
    unknown = state.unknown + fraction * jnp.where(fraction > 0, direction, 0)
    return Progress(unknown, size, state.steps + 1, small | (fraction == 0))


def _line_search(
    system: System, state: Progress, direction: Tensor
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The first of 1, 1/2, 1/4, ... that decreases the residual, or 0; and its residual."""
    size_of = lambda t: system.norm(system.discrete.residual(state.unknown + t * direction))

    def too_long(search):
        fraction, size, halvings = search
        return ~(size <= (1 - 1e-4 * fraction) * state.size) & (halvings < _HALVINGS)

    def halve(search):
        fraction, _, halvings = search
        return fraction / 2, size_of(fraction / 2), halvings + 1

    one = jnp.ones_like(state.size)
    start = (2 * one, jnp.full_like(one, jnp.nan), jnp.asarray(-1))
    fraction, size, halvings = jax.lax.while_loop(too_long, halve, start)
    return jnp.where(halvings == _HALVINGS, 0, fraction), size


def _slopes(discrete: Discrete, at: Tensor) -> tuple[Tensor, ...]:
    """$\\partial N/\\partial(\\partial^{\\alpha_i} u)$ at every collocation point."""
    jet = discrete.jet(at)
    if discrete.nonlinearity is None or not jet:
        return ()
    flat = [derivative.reshape(-1) for derivative in jet]
    positions = tuple(range(1, 1 + len(flat)))
    slopes = jax.vmap(jax.grad(discrete.nonlinearity.function, argnums=positions))
    return tuple(slope.reshape(at.shape) for slope in slopes(discrete.points, *flat))


def _shifted(base: Separable, discrete: Discrete, slopes: tuple[Tensor, ...]) -> Separable:
    """The preconditioner follows the mean of $\\partial N/\\partial u$; its factors stay."""
    shift = base.shift
    for slope, orders in zip(slopes, nonlinear_orders(discrete.nonlinearity)):
        if not any(orders):
            shift = shift + jax.lax.stop_gradient(slope.mean())
    return eqx.tree_at(lambda b: b.shift, base, shift)
