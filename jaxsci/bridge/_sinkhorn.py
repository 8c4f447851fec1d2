"""Sinkhorn's iteration on logarithms, with implicit derivatives."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import RESULTS, AbstractMethod, Solution, freeze
from ._discrete import DiscreteBridge, SinkhornBridge


class Sinkhorn(AbstractMethod):
    """$\\psi_j \\leftarrow -\\varepsilon\\log\\sum_i a_i e^{(\\varphi_i - C_{ij})/\\varepsilon}$.

    And the same for $\\varphi$, in turn, until the marginals are met. The potentials are
    differentiable in points, weights and epsilon: the fixed point is, the iteration is not. A
    derivative factorises one dense matrix of the size of the end.

    The number of steps grows like $\\max C/\\varepsilon$. With the dense plan the method is meant
    for some thousand points a side.

    Attributes:
        max_steps: the most sweeps over both potentials.
        rtol: mass by which the marginals may be missed; never finer than rounding allows.

    Source: M. Cuturi, Sinkhorn distances (2013); in the log domain G. Peyré, M. Cuturi,
    Computational optimal transport (2019), section 4.4.
    """

    accepts: ClassVar[tuple[type, ...]] = (DiscreteBridge,)

    max_steps: ArrayLike = 5000
    rtol: ArrayLike = 1e-9

    def run(self, problem: DiscreteBridge, *, key: Array | None = None) -> Solution:
        """See `AbstractMethod.run`; `value` is a `SinkhornBridge`, no random numbers are drawn."""
        rtol = jnp.asarray(self.rtol, problem.x0.dtype)
        return _sinkhorn(problem, jnp.asarray(self.max_steps), rtol)


class _State(eqx.Module):
    potential: Float[Array, " m"]
    error: Float[Array, ""]
    count: Array


@jax.jit
def _sinkhorn(problem: DiscreteBridge, max_steps: Array, rtol: Array) -> Solution:
    """The compiled core."""
    state, finest = _iterate(freeze(problem), max_steps, rtol)
    bridge = _bridge(problem, _differentiable(problem, state.potential))
    met = state.error <= jnp.maximum(rtol, finest)
    code = RESULTS.where(met, RESULTS.successful, RESULTS.not_converged)  # pyright: ignore[reportArgumentType]
    finite = jnp.isfinite(bridge.cost) & jnp.isfinite(state.error)
    code = RESULTS.where(finite, code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
    return Solution(bridge, code, {"residual": state.error, "num_steps": state.count})


def _iterate(
    problem: DiscreteBridge, max_steps: Array, rtol: Array
) -> tuple[_State, Float[Array, ""]]:
    """Sweeps until the second marginal is met while the first is exact.

    The second marginal of the plan of $(\\varphi, \\psi)$ is
    $b_j e^{(\\psi_j - \\psi_j')/\\varepsilon}$ with the next potential $\\psi'$: it costs nothing.
    """
    costs, epsilon = problem.costs(), problem.epsilon
    rounding = 10 * jnp.finfo(costs.dtype).eps * (1 + jnp.max(costs) / epsilon)

    def step(state: _State) -> _State:
        found = sweep(problem, costs, state.potential)
        missed = jnp.expm1((state.potential - found) / epsilon)
        return _State(found, problem.weights1 @ jnp.abs(missed), state.count + 1)

    def go_on(state: _State) -> Array:
        return (state.count < max_steps) & (state.error > jnp.maximum(rtol, rounding))

    worst = jnp.full_like(epsilon, jnp.inf)
    start = _State(jnp.zeros_like(problem.weights1), worst, jnp.asarray(0))
    return jax.lax.while_loop(go_on, step, start), rounding


def sweep(
    problem: DiscreteBridge, costs: Float[Array, "n m"], potential: Float[Array, " m"]
) -> Float[Array, " m"]:
    """Both half steps: $\\psi\\to\\varphi\\to\\psi$."""
    first = _soft_minimum(potential - costs, problem.weights1, problem.epsilon)
    return _soft_minimum(first - costs.T, problem.weights0, problem.epsilon)


def _soft_minimum(terms: Array, weights: Array, epsilon: Array) -> Array:
    """$-\\varepsilon\\log\\sum_j b_j e^{z_{ij}/\\varepsilon}$."""
    return -epsilon * jax.nn.logsumexp(terms / epsilon, axis=1, b=weights)


def _bridge(problem: DiscreteBridge, potential: Array) -> SinkhornBridge:
    """With the first marginal exact."""
    first = _soft_minimum(potential - problem.costs(), problem.weights1, problem.epsilon)
    return SinkhornBridge(problem, first, potential)


def _differentiable(problem: DiscreteBridge, potential: Float[Array, " m"]) -> Float[Array, " m"]:
    """A converged potential as the root of $\\psi - T(\\psi)$, with its mean held.

    $T' = \\pi^T_{\\cdot|j}\\pi_{\\cdot|i}$ is a stochastic matrix: the constant vector is its only
    fixed vector, and holding $b^T\\psi$ removes it.
    """
    fixed = jax.lax.stop_gradient(problem.weights1)
    mean = fixed @ potential

    def equation(psi: Array) -> Array:
        return psi - sweep(problem, problem.costs(), psi) + (fixed @ psi - mean)

    def tangent(linear, rhs: Array) -> Array:
        matrix = _jacobian(freeze(problem), potential)
        solve = lambda a, b: jnp.linalg.solve(a, b[:, None])[:, 0]
        return jax.lax.custom_linear_solve(
            linear, rhs, lambda _, b: solve(matrix, b), lambda _, b: solve(matrix.T, b)
        )

    found: Array = jax.lax.custom_root(equation, potential, lambda _, psi: psi, tangent)  # pyright: ignore[reportAssignmentType]
    return found


def _jacobian(problem: DiscreteBridge, potential: Array) -> Float[Array, "m m"]:
    """$I - T' + 1 b^T$, from the density of the plan relative to its marginals."""
    bridge = _bridge(problem, potential)
    exponent = bridge.potential0[:, None] + potential - problem.costs()
    alive = problem.weights0[:, None] > 0  # the other rows count for nothing, but may overflow
    density = jnp.exp(jnp.where(alive, exponent, 0) / problem.epsilon)
    ends = density * problem.weights1
    starts = density * problem.weights0[:, None]
    identity = jnp.eye(potential.size, dtype=potential.dtype)
    return identity - (starts / jnp.sum(starts, axis=0)).T @ ends + problem.weights1
