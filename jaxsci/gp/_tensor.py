"""The engine in two and three dimensions: fast diagonalisation inside Newton-Krylov."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float

from .._core import RESULTS, freeze, linear_solve, with_derivative
from ..linalg import SpectralInverse, SylvesterFactors, along_all
from ..pde import Observations, SampledPDE, verdict
from ._assimilate import (
    Gain,
    Posterior,
    log_posterior,
    maximise,
    newton_step,
    observation_gain,
)
from ._axis import Axis, AxisData, build_axes
from ._bands import Analyser, analyser, empty_mask, fill_bands, find_peaks
from ._features import FeatureSlots, Interval
from ._posterior import AbstractCovariance, ModeCovariance, mode_covariance, solve_covariance
from ._scales import problem_scales
from ._tensor_rows import (
    Grid,
    apply_operator,
    apply_slopes,
    at_nodes,
    axes_data,
    boundary_lift,
    face_residuals,
    fast_factors,
    from_interior,
    source_residual,
    tangent_slopes,
    to_interior,
    validation_residual,
)

_STEPS = 12
_HALVINGS = 5
_SKETCH = 24  # random combinations of the other axes that a periodogram looks at
_ROUNDING = 1e-12
_TINY = 1e-14
_INNER = 1e-5  # relative accuracy of a Newton step; the next one corrects it


class TensorFit(eqx.Module):
    """Everything a tensor-product posterior is made of.

    Attributes:
        coefficients: the posterior mean in the orthonormal bases.
        axes: the bases.
        covariance: of the interior coefficients, observations apart.
        gain: the correction by observations, or `None`.
        scale: of the deviations, where the data are exact.
        values: the mean at the nodes.
        stats: residuals and counts.
        result: the verdict.
    """

    coefficients: Float[Array, "..."]
    axes: tuple[Axis, ...]
    covariance: AbstractCovariance
    gain: Gain | None
    scale: Float[Array, ""]
    values: Float[Array, "..."]
    stats: dict[str, Array]
    result: RESULTS


class _State(eqx.Module):
    """The best fit so far, and where the search stands."""

    masks: tuple[Bool[Array, " k"], ...]
    missing: tuple[Float[Array, "..."], tuple[Float[Array, "..."], ...]]
    slots: tuple[FeatureSlots, ...]
    axes: tuple[Axis, ...]
    factors: SylvesterFactors
    tensor: Float[Array, "..."]
    error: Float[Array, ""]
    fresh: Bool[Array, ""]
    rounds: Array
    steps: Array


@eqx.filter_jit
def fit_tensor(
    sampled: SampledPDE,
    validation: SampledPDE | None,
    observations: tuple[Observations, ...],
    intervals: tuple[Interval, ...],
    quadratures: tuple[Float[Array, " n"], ...],
    noise: Float[Array, ""],
    prior_scale: Float[Array, ""] | None,
    rtol: Float[Array, ""],
    *,
    sizes: tuple[int, ...],
    rounds: int,
    resolutions: tuple[int, ...],
) -> TensorFit:
    """Find the bands, solve, and differentiate the solution implicitly; see `fit_line`."""
    halves = jnp.stack([interval.half for interval in intervals])
    scales = problem_scales(sampled, halves, noise, prior_scale)
    grid = Grid(sampled, validation, observations, intervals, quadratures, scales, resolutions)
    frozen = freeze(grid)
    found = _search(frozen, sizes, rounds)
    fixed = freeze(found.axes)
    # moving only if the domain or the weights of a Robin condition are differentiated
    axes = with_derivative(fixed, _rebuild, axes_data(grid, found.slots))
    tensor, covariance, gain = _implicit(
        grid, axes, frozen, fixed, found.tensor, freeze(found.factors)
    )
    errors = _residuals(frozen, fixed, jax.lax.stop_gradient(tensor))
    exact = noise == 0
    inflation = jnp.where(exact, jnp.maximum(errors["whitened"], 1e-3), 1.0)
    limit = jnp.maximum(rtol, 3 * noise / scales.source)
    result = verdict(errors["node"], errors["validation"], errors["boundary"], limit)
    stats = {
        "node_residual": errors["node"],
        "validation_residual": errors["validation"],
        "boundary_residual": errors["boundary"],
        "num_features": jnp.stack([jnp.sum(s.active) for s in found.slots]).astype(int),
        "rounds": found.rounds,
        "newton_steps": found.steps,
    }
    values = at_nodes(axes, tensor, (0,) * len(axes))
    return TensorFit(tensor, axes, covariance, gain, inflation, values, stats, result)


def _search(grid: Grid, sizes: tuple[int, ...], rounds: int) -> _State:
    """Per axis, add the peaks of the residual's periodograms until fresh points are satisfied."""
    sampled, dtype = grid.sampled, grid.sampled.source.dtype
    spectra = [
        analyser(interval.to_unit(x), w)
        for interval, x, w in zip(grid.intervals, sampled.axes, grid.quadratures)
    ]
    # drawn once and not per set of data, which keeps the compiled program small
    most = sampled.source.size // min(sampled.shape)
    mix = jax.random.normal(jax.random.key(0), (most, _SKETCH), dtype)
    target = jnp.maximum(_ROUNDING, 1.1 * grid.scales.noise / grid.scales.source)

    def one_round(state: _State) -> _State:
        masks = _with_peaks(grid, spectra, mix, state.masks, state.missing)
        slots, axes, factors = _spaces(grid, masks, sizes)
        tensor, steps = _newton(grid, axes, factors)
        error = _rms(validation_residual(grid, axes, tensor)) / grid.scales.source
        missing = (source_residual(grid, axes, tensor), face_residuals(grid, axes, tensor))
        fresh = error < state.error / 2  # lines that did not halve the residual are not missing
        count = state.rounds + 1
        trial = _State(masks, missing, slots, axes, factors, tensor, error, fresh, count, steps)
        kept = eqx.tree_at(
            lambda s: (s.masks, s.missing, s.fresh, s.rounds), state, (masks, missing, fresh, count)
        )
        better = ~(error >= state.error)
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), trial, kept)

    def go_on(state: _State) -> Array:
        return (state.rounds < rounds) & state.fresh & (state.error > target)

    masks = tuple(empty_mask(x.shape[0]) for x in sampled.axes)
    missing = (sampled.source, tuple(t.data for traces in sampled.traces for t in traces))
    slots, axes, factors = _blank(lambda: _spaces(grid, masks, sizes))
    zero, none = jnp.zeros(sizes, dtype), jnp.asarray(0)
    worst, fresh = jnp.asarray(jnp.inf, dtype), jnp.asarray(True)
    start = _State(masks, missing, slots, axes, factors, zero, worst, fresh, none, none)
    return jax.lax.while_loop(go_on, one_round, start)


def _spaces(
    grid: Grid, masks: tuple[Array, ...], sizes: tuple[int, ...]
) -> tuple[tuple[FeatureSlots, ...], tuple[Axis, ...], SylvesterFactors]:
    """The features of every axis, their orthonormal bases, and the separable part in them."""
    dtype = grid.sampled.source.dtype
    if len({(mask.shape, size) for mask, size in zip(masks, sizes)}) == 1:
        filled = jax.vmap(lambda mask: fill_bands(mask, sizes[0], dtype))(jnp.stack(masks))
        every = range(len(masks))
        slots = tuple(jax.tree.map(lambda leaf, j=j: leaf[j], filled) for j in every)
    else:
        slots = tuple(fill_bands(mask, size, dtype) for mask, size in zip(masks, sizes))
    axes = build_axes(axes_data(grid, slots))
    return slots, axes, fast_factors(grid, axes)


def _blank(make: Callable) -> Any:
    """Zeros of the shapes that `make` would return."""
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), eqx.filter_eval_shape(make))


def _with_peaks(
    grid: Grid,
    spectra: list[Analyser],
    mix: Float[Array, "f s"],
    masks: tuple[Array, ...],
    missing: tuple[Array, tuple[Array, ...]],
) -> tuple[Array, ...]:
    """Add the peaks of what is missing in the source and in the boundary data, axis by axis."""
    source, faces = missing
    sides = [j for j, traces in enumerate(grid.sampled.traces) for _ in traces]
    found = []
    for j, (spectrum, mask) in enumerate(zip(spectra, masks)):
        data = [_sketch(source, j, mix, grid.scales.source)]
        for side, values in zip(sides, faces):
            if side != j:
                position = j if j < side else j - 1
                data.append(_sketch(values, position, mix, grid.scales.solution))
        power = spectrum.power(jnp.concatenate(data, axis=1))
        found.append(mask | find_peaks(power, spectrum.limit))
    return tuple(found)


def _sketch(values: Array, axis: int, mix: Array, scale: Array) -> Float[Array, "n s"]:
    """The fibres along `axis`, or random combinations of them, which share their spectrum.

    Each set of data counts by its shape and not by its size, unless it is rounding.
    """
    fibres = jnp.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    if fibres.shape[1] > _SKETCH:
        fibres = fibres @ mix[: fibres.shape[1]] / fibres.shape[1] ** 0.5
    size = _rms(values)
    return jnp.where(size > _ROUNDING * scale, fibres / jnp.where(size > 0, size, 1.0), 0.0)


def _newton(grid: Grid, axes: tuple[Axis, ...], factors: SylvesterFactors) -> tuple[Array, Array]:
    """Damped Newton-Krylov from the lifting of the boundary data.

    The size of the preconditioned residual decides on the damping and on the end. An equation
    that the factors solve directly takes one step and one of iterative refinement.
    """
    correction = lambda tensor: factors.inverse(
        to_interior(axes, source_residual(grid, axes, tensor))
    )

    size = lambda tensor: jnp.linalg.norm(tensor.ravel())

    def step(state):
        tensor, rest, _, count = state
        direction = from_interior(
            axes, _solve_linearised(grid, axes, factors, tensor, rest, _INNER)
        )
        length, after = _halve(lambda t: correction(tensor + t * direction), size(rest))
        better = size(after) < size(rest)
        # a step that does not halve the residual has met rounding
        done = (size(after) > size(rest) / 2) | (size(after) <= _TINY * size(tensor))
        tensor = jnp.where(better, tensor + length * direction, tensor)
        return tensor, jnp.where(better, after, rest), done, count + 1

    start = boundary_lift(grid, axes)
    limit = 2 if grid.is_direct else _STEPS
    state = (start, correction(start), jnp.asarray(False), jnp.asarray(0))
    state = jax.lax.while_loop(lambda s: ~s[2] & (s[3] < limit), step, state)
    return state[0], state[3]


def _halve(correction: Callable, before: Array) -> tuple[Array, Array]:
    """The longest of the steps 1, 1/2, 1/4, ... that lowers the preconditioned residual."""
    shape = jax.eval_shape(correction, before)

    def shorter(state):
        length, _, count = state
        return length / 2, correction(length / 2), count + 1

    # starting at 2 keeps a single copy of the residual in the compiled program
    state = (jnp.full_like(before, 2.0), jnp.full(shape.shape, jnp.inf, shape.dtype), 0)
    keep_on = lambda s: ~(jnp.linalg.norm(s[1].ravel()) < before) & (s[2] <= _HALVINGS)
    length, after, _ = jax.lax.while_loop(keep_on, shorter, state)
    return length, after


def _solve_linearised(
    grid: Grid,
    axes: tuple[Axis, ...],
    factors: SylvesterFactors,
    tensor: Array,
    rest: Array,
    rtol: float,
) -> Array:
    """GMRES on $P^{-1} J$, with $P$ the separable part; nothing to do if $J = P$."""
    if grid.is_direct:
        return rest
    slopes = tangent_slopes(grid, axes, tensor)

    def matvec(interior):
        direction = from_interior(axes, interior)
        values = apply_slopes(grid, axes, slopes, direction)
        if grid.is_kronecker_sum:
            return interior + factors.inverse(to_interior(axes, values))
        values = values + apply_operator(grid, axes, direction)
        return factors.inverse(to_interior(axes, values))

    operator = lx.FunctionLinearOperator(matvec, jax.eval_shape(lambda: rest))
    solver = lx.GMRES(rtol=rtol, atol=0.0, restart=12, stagnation_iters=40, max_steps=200)
    return linear_solve(operator, rest, solver)[0]


def _implicit(
    grid: Grid,
    axes: tuple[Axis, ...],
    frozen: Grid,
    fixed: tuple[Axis, ...],
    tensor: Array,
    factors: SylvesterFactors,
) -> tuple[Array, AbstractCovariance, Gain | None]:
    """The solution, its covariance, and the correction by observations.

    Derivatives are those of one more Newton step with constant factors. The part that lifts the
    boundary data is differentiated as it is; the interior part is the constant found by the search
    plus the step.
    """
    lift = boundary_lift(frozen, fixed)
    projections = [axis.test @ axis.project for axis in fixed]
    interior = along_all([axis.null.T for axis in fixed], tensor - lift)
    if not grid.is_direct or not isinstance(factors.inverse, SpectralInverse):
        covariance = _general_covariance(frozen, factors, projections)
        constants = (frozen, fixed, factors, tensor, interior)
        return with_derivative(tensor, _refined, (grid, axes), constants), covariance, None
    covariance, noises = mode_covariance(
        factors, projections, frozen.scales.noise, frozen.scales.prior
    )
    posterior = _posterior((frozen, fixed), covariance, noises)
    gain = None
    if posterior.observed is not None:
        gain = observation_gain(posterior.observed[0], posterior.observed[2], covariance)
    best = maximise(posterior, interior, covariance, gain)
    value = lift + from_interior(fixed, best)
    unit_noises = noises / frozen.scales.noise**2
    constants = (best, covariance, unit_noises, gain)
    return with_derivative(value, _maximum, (grid, axes), constants), covariance, gain


Moving = tuple[Grid, tuple[Axis, ...]]


def _rebuild(data: tuple[AxisData, ...], _: None) -> tuple[Axis, ...]:
    return build_axes(data)


def _refined(moving: Moving, constants: tuple) -> Float[Array, "..."]:
    """A Newton step from the solution: its derivative is the implicit derivative."""
    frozen, fixed, factors, tensor, interior = constants
    current = boundary_lift(*moving) + from_interior(moving[1], interior)
    rest = factors.inverse(to_interior(moving[1], source_residual(*moving, current)))
    step = _solve_linearised(frozen, fixed, factors, tensor, rest, 1e-12)
    return current + from_interior(moving[1], step)


def _posterior(moving: Moving, covariance: ModeCovariance, noises: Array) -> Posterior:
    return log_posterior(*moving, boundary_lift(*moving), covariance.vectors, noises)


def _maximum(moving: Moving, constants: tuple) -> Float[Array, "..."]:
    """A Newton step from the maximum of the posterior."""
    best, covariance, unit_noises, gain = constants
    posterior = _posterior(moving, covariance, unit_noises * moving[0].scales.noise ** 2)
    return posterior.lift + from_interior(moving[1], newton_step(posterior, best, covariance, gain))


def _general_covariance(
    grid: Grid, factors: SylvesterFactors, projections: list[Array]
) -> AbstractCovariance:
    """The covariance of the separable part; exact where that is the whole operator."""
    if isinstance(factors.inverse, SpectralInverse):
        return mode_covariance(factors, projections, grid.scales.noise, grid.scales.prior)[0]
    return solve_covariance(factors, projections, grid.scales.noise)


def _rms(values: Array) -> Array:
    return jnp.sqrt(jnp.mean(values**2))


def _residuals(grid: Grid, axes: tuple[Axis, ...], tensor: Array) -> dict[str, Array]:
    """Relative residuals on nodes, validation points and faces."""
    node = _rms(source_residual(grid, axes, tensor)) / grid.scales.source
    fresh = _rms(validation_residual(grid, axes, tensor)) / grid.scales.source
    magnitude = _rms(at_nodes(axes, tensor, (0,) * len(axes)))
    faces = [_rms(residual) for residual in face_residuals(grid, axes, tensor)]
    walls = jnp.max(jnp.stack(faces)) if faces else jnp.zeros_like(node)
    walls = walls / jnp.maximum(magnitude, grid.scales.solution)
    noise = grid.scales.noise / grid.scales.source
    return {"node": node, "validation": fresh, "boundary": walls, "whitened": fresh / noise}
