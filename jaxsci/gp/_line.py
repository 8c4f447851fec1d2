"""The square-root engine in one dimension: dense least squares by QR, Gauss-Newton around it.

The posterior mean of the weights $c \\sim N(0, s^2 I)$ minimises the whitened residual

$$ \\rho(c) = \\Big[\\tfrac{f - L\\Phi c - N}{\\sigma_f},\\ \\tfrac{g - B\\Phi c}{\\sigma_g},\\
   \\tfrac{y - D\\Phi c}{\\sigma_y},\\ -\\tfrac{c}{s}\\Big], $$

and the R factor of its Jacobian is the square root of the posterior precision. No Gram matrix is
formed, so no digits are lost to squaring.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._core import RESULTS, freeze
from ..pde import Observations, SampledPDE, verdict
from ._bands import analyser, empty_mask, fill_bands, find_peaks
from ._features import FeatureSlots, Interval, feature_jet
from ._line_rows import Design, Line, design, log_noise_volume, source_rows, whitened
from ._scales import problem_scales

_NEWTON_STEPS = 20
_HALVINGS = 6
_ROUNDING = 1e-13


class LineFit(eqx.Module):
    """Everything a posterior in one dimension is made of.

    Attributes:
        weights: the posterior mean $c$.
        root: $S$ with posterior covariance $S S^T$.
        slots: the features.
        stats: residuals, counts and the log marginal likelihood at the chosen features.
        result: the verdict.
    """

    weights: Float[Array, " r"]
    root: Float[Array, "r r"]
    slots: FeatureSlots
    stats: dict[str, Array]
    result: RESULTS


class _Factor(eqx.Module):
    """The QR factorisation of the whitened rows with unit columns."""

    q: Float[Array, "m r"]
    r: Float[Array, "r r"]
    norms: Float[Array, " r"]

    def solve(self, residual: Array) -> Array:
        """The least-squares correction of the weights."""
        return jax.scipy.linalg.solve_triangular(self.r, self.q.T @ residual) / self.norms


class _State(eqx.Module):
    """The best fit so far, and where the search stands."""

    mask: Bool[Array, " k"]
    missing: Float[Array, " n"]
    slots: FeatureSlots
    weights: Float[Array, " r"]
    factor: _Factor
    error: Float[Array, ""]
    fresh: Bool[Array, ""]
    rounds: Array
    newton_steps: Array


@eqx.filter_jit
def fit_line(
    sampled: SampledPDE,
    validation: SampledPDE | None,
    observations: tuple[Observations, ...],
    interval: Interval,
    quadrature: Float[Array, " n"],
    noise: Float[Array, ""],
    prior_scale: Float[Array, ""] | None,
    rtol: Float[Array, ""],
    *,
    size: int,
    rounds: int,
) -> LineFit:
    """Find the bands, solve, and differentiate the solution implicitly.

    Args:
        sampled: the statement at the nodes.
        validation: the statement at independent points, or `None` if the source is known at the
            nodes only.
        observations: observations of $u$.
        interval: the domain.
        quadrature: quadrature weights of the nodes.
        noise: standard deviation of the source values.
        prior_scale: $s$; `None` for a vague prior.
        rtol: relative residual that counts as solved.
        size: feature slots.
        rounds: the most rounds of the frequency search.

    Returns:
        The fit.
    """
    scales = problem_scales(sampled, interval.half[None], noise, prior_scale)
    line = Line(sampled, validation, observations, interval, quadrature, scales)
    found = _search(freeze(line), size, rounds)
    rows = design(line, found.slots)
    weights, root, log_evidence = _implicit(line, rows, found.weights, found.factor)
    errors = _residuals(line, found.slots, rows, jax.lax.stop_gradient(weights))
    # exact data carry no noise: what the validation points show is the honest noise level
    inflation = jnp.where(noise > 0, 1.0, jnp.maximum(errors["whitened"], 1e-3))
    limit = jnp.maximum(rtol, 3 * noise / scales.source)
    result = verdict(errors["node"], errors["validation"], errors["boundary"], limit)
    stats = {
        "node_residual": errors["node"],
        "validation_residual": errors["validation"],
        "boundary_residual": errors["boundary"],
        "num_features": jnp.sum(found.slots.active).astype(int),
        "rounds": found.rounds,
        "newton_steps": found.newton_steps,
        "log_marginal_likelihood": log_evidence,
    }
    root = root * jax.lax.stop_gradient(inflation)
    return LineFit(weights, root, found.slots, stats, result)


def _search(line: Line, size: int, rounds: int) -> _State:
    """Add the peaks of the residual's periodogram until independent points are satisfied."""
    nodes = line.sampled.axes[0]
    spectrum = analyser(line.interval.to_unit(nodes), line.quadrature)
    # the noise level, or rounding, is the best residual that can be hoped for
    target = jnp.maximum(_ROUNDING, 1.1 * line.scales.noise / line.scales.source)

    def one_round(state: _State) -> _State:
        peaks = find_peaks(spectrum.power(state.missing[:, None]), spectrum.limit)
        mask = state.mask | peaks
        slots = fill_bands(mask, size, nodes.dtype)
        rows = design(line, slots)
        weights, factor, steps = _minimise(line, rows)
        error = _validation_error(line, slots, rows, weights)
        missing = source_rows(line.sampled, rows.jet, weights)[0]
        fresh = error < state.error / 2  # lines that did not halve the residual are not missing
        count = state.rounds + 1
        trial = _State(mask, missing, slots, weights, factor, error, fresh, count, steps)
        kept = eqx.tree_at(
            lambda s: (s.mask, s.missing, s.fresh, s.rounds), state, (mask, missing, fresh, count)
        )
        better = ~(error >= state.error)
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), trial, kept)

    def go_on(state: _State) -> Array:
        return (state.rounds < rounds) & state.fresh & (state.error > target)

    return jax.lax.while_loop(go_on, one_round, _initial(line, size))


def _initial(line: Line, size: int) -> _State:
    """Nothing found yet: any first round is better."""
    source = line.sampled.source
    mask, zero = empty_mask(source.shape[0]), jnp.zeros(size, source.dtype)

    def shapes():
        slots = fill_bands(mask, size, source.dtype)
        return slots, _factorise(whitened(line, design(line, slots), zero)[1])

    blank = lambda leaf: jnp.zeros(leaf.shape, leaf.dtype)
    slots, factor = jax.tree.map(blank, jax.eval_shape(shapes))
    worst, no_steps = jnp.asarray(jnp.inf, source.dtype), jnp.asarray(0)
    return _State(mask, source, slots, zero, factor, worst, jnp.asarray(True), no_steps, no_steps)


def _minimise(line: Line, rows: Design) -> tuple[Array, _Factor, Array]:
    """The weights that minimise $|\\rho|^2$."""
    zero = jnp.zeros_like(rows.active)
    if line.sampled.nonlinearity is None:
        factor = _factorise(whitened(line, rows, zero)[1])
        weights = factor.solve(whitened(line, rows, zero)[0])
        refined = weights + factor.solve(whitened(line, rows, weights)[0])
        return refined, factor, jnp.asarray(1)
    return _gauss_newton(line, rows, zero)


def _factorise(jacobian: Array) -> _Factor:
    norms = jnp.linalg.norm(jacobian, axis=0)
    return _Factor(*jnp.linalg.qr(jacobian / norms), norms)


def _gauss_newton(line: Line, rows: Design, weights: Array) -> tuple[Array, _Factor, Array]:
    """Damped Gauss-Newton: steps are halved until the cost falls."""
    cost = lambda c: jnp.sum(whitened(line, rows, c)[0] ** 2)

    def step(state):
        weights, _, before, _, count = state
        residual, jacobian = whitened(line, rows, weights)
        factor = _factorise(jacobian)
        direction = factor.solve(residual)
        length, after = _halve(lambda t: cost(weights + t * direction), before)
        improved = ~(after > before)
        small = jnp.linalg.norm(direction) <= 1e-14 * jnp.linalg.norm(weights)
        weights = jnp.where(improved, weights + length * direction, weights)
        after = jnp.where(improved, after, before)
        return weights, factor, after, ~improved | small, count + 1

    blank = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype),
        jax.eval_shape(lambda: _factorise(whitened(line, rows, weights)[1])),
    )
    state = (weights, blank, cost(weights), jnp.asarray(False), jnp.asarray(0))
    state = jax.lax.while_loop(lambda s: ~s[3] & (s[4] < _NEWTON_STEPS), step, state)
    return state[0], state[1], state[4]


def _halve(cost: Any, before: Array) -> tuple[Array, Array]:
    """The longest of the steps 1, 1/2, 1/4, ... that lowers the cost."""

    def shorter(state):
        length, _, count = state
        return length / 2, cost(length / 2), count + 1

    # starting at 2 keeps a single copy of the cost in the compiled program
    state = (jnp.full_like(before, 2.0), jnp.full_like(before, jnp.inf), 0)
    keep_on = lambda s: ~(s[1] <= before) & (s[2] <= _HALVINGS)
    length, after, _ = jax.lax.while_loop(keep_on, shorter, state)
    return length, after


def _implicit(
    line: Line, rows: Design, weights: Array, factor: _Factor
) -> tuple[Array, Array, Array]:
    """One more Newton step with a constant factor: its derivative is the implicit derivative.

    $c = c_* + R^{-1} Q^T \\rho(c_*; \\theta) + (R^T R)^{-1} [J(\\theta) - J]^T \\rho_*$, where only
    $\\theta$ is differentiated; the last term is zero in value. The bands are constants.
    """
    residual, jacobian = whitened(line, rows, weights)
    change = jacobian - jax.lax.stop_gradient(jacobian)
    backward = lambda rhs: jax.scipy.linalg.solve_triangular(factor.r, rhs)
    gradient = change.T @ jax.lax.stop_gradient(residual) / factor.norms
    gradient = jax.scipy.linalg.solve_triangular(factor.r, gradient, trans=1)
    step = backward(factor.q.T @ residual + gradient) / factor.norms
    identity = jnp.eye(factor.r.shape[0], dtype=factor.r.dtype)
    root = backward(identity) / factor.norms[:, None]
    # log|det R|, with the derivative tr(R^{-1} Q^T dJ)
    log_det = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor.r)) * factor.norms))
    log_det = log_det + jnp.sum((factor.q @ root.T) * change)
    log_evidence = -jnp.sum(residual**2) / 2 - log_det
    log_evidence = log_evidence - log_noise_volume(line, rows.boundary[0].size)
    log_evidence = log_evidence - jnp.sum(rows.active) * jnp.log(line.scales.prior)
    return weights + step, root * rows.active[:, None], log_evidence


def _rms(values: Array) -> Array:
    return jnp.sqrt(jnp.mean(values**2))


def _validation_error(line: Line, slots: FeatureSlots, rows: Design, weights: Array) -> Array:
    """The relative root-mean-square residual on points that the fit has not seen."""
    if line.validation is None:
        return _rms(source_rows(line.sampled, rows.jet, weights)[0]) / line.scales.source
    jet = feature_jet(slots, line.interval, line.validation.axes[0], line.max_order)
    return _rms(source_rows(line.validation, jet, weights)[0]) / line.scales.source


def _residuals(line: Line, slots: FeatureSlots, rows: Design, weights: Array) -> dict[str, Array]:
    """Relative residuals on nodes, validation points and at the ends."""
    node = _rms(source_rows(line.sampled, rows.jet, weights)[0]) / line.scales.source
    fresh = _validation_error(line, slots, rows, weights)
    data, features = rows.boundary
    ends = jnp.max(jnp.abs(data - features @ weights), initial=0.0)
    ends = ends / jnp.maximum(_rms(rows.jet[0] @ weights), line.scales.solution)
    noise = line.scales.noise / line.scales.source
    return {"node": node, "validation": fresh, "boundary": ends, "whitened": fresh / noise}
