"""Is a statement well posed? Named errors, before anything is compiled."""

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core import concrete
from ._boundary import Boundary, Robin
from ._domain import Box
from ._observations import Observations
from ._sample import sample_at


def check_conditions(name: str, boundary: Boundary, max_orders: tuple[int, ...]) -> None:
    """An axis of order $m$ takes $m$ conditions on its two sides together, or is periodic.

    Raises:
        ValueError: if conditions are missing, too many, or degenerate.
    """
    if len(boundary.sides) != len(max_orders):
        raise ValueError(
            f"{name}: the boundary describes {len(boundary.sides)} dimension(s), the equation has "
            f"{len(max_orders)}. Give one condition, or pair, per dimension."
        )
    for axis, order in enumerate(max_orders):
        _check_degenerate(name, axis, boundary.sides[axis])
        if boundary.is_periodic(axis):
            continue
        found = len(boundary.traces(axis))
        lower, upper = (type(side).__name__ for side in boundary.sides[axis])
        here = f"dimension {axis} (order {order}; lower side {lower}, upper side {upper})"
        if found < order:
            raise ValueError(
                f"{name}: boundary conditions are missing in {here}: it needs {order}, got {found}."
                " A side left Free needs a second condition at the other side, or Initial."
            )
        if found > order:
            raise ValueError(
                f"{name}: over-determined in {here}: it takes {order} condition(s), got {found}. "
                "Make the outflow side or the final time Free()."
            )


def _check_degenerate(name: str, axis: int, sides: tuple) -> None:
    for side in sides:
        if not (isinstance(side, Robin) and concrete((side.alpha, side.beta))):
            continue
        if float(side.alpha) == 0.0 and float(side.beta) == 0.0:
            raise ValueError(
                f"{name}: Robin in dimension {axis} has alpha = beta = 0 and prescribes nothing; "
                "use Free() if that is meant."
            )


def check_observations(domain: Box, observations: tuple[Observations, ...]) -> None:
    """Every observation lies inside the closed box.

    Raises:
        ValueError: naming the first row outside.
        TypeError: if `observations` is not a tuple of `Observations`.
    """
    if not isinstance(observations, tuple):
        raise TypeError("observations must be a tuple of Observations, e.g. (obs,).")
    for number, observed in enumerate(observations):
        if not isinstance(observed, Observations):
            raise TypeError(f"observations[{number}] is not an Observations: {observed!r}")
        points = observed.flat_points()
        if points.shape[-1] != domain.dim:
            raise ValueError(
                f"observations[{number}]: points have {points.shape[-1]} coordinate(s), the domain "
                f"has {domain.dim} dimension(s)."
            )
        if concrete((points, domain)):
            _check_inside(number, np.asarray(points), domain)


def _check_inside(number: int, points: np.ndarray, domain: Box) -> None:
    slack = 1e-6 * np.asarray(domain.lengths)
    low, high = np.asarray(domain.lower) - slack, np.asarray(domain.upper) + slack
    outside = np.any((points < low) | (points > high), axis=-1)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"observations[{number}]: {int(outside.sum())} point(s) lie outside the domain, the "
            f"first is row {row} at x = {points[row]}; the domain is {np.asarray(domain.lower)} to "
            f"{np.asarray(domain.upper)}."
        )


def check_noise(name: str, noise: Any, *, positive: bool) -> None:
    """A noise level is not negative, or positive where a method divides by it.

    Raises:
        ValueError: naming the value.
    """
    if not concrete(noise):
        return
    smallest = float(np.min(np.asarray(noise)))
    if not np.isfinite(smallest) or smallest < 0 or (positive and smallest == 0):
        kind = "positive" if positive else "non-negative"
        raise ValueError(f"{name}: a standard deviation must be finite and {kind}, got {smallest}.")


def check_corners(name: str, domain: Box, boundary: Boundary, *, tolerance: float = 1e-6) -> None:
    """Dirichlet data of two adjacent sides agree where the sides meet.

    Methods with globally smooth solutions call this; the statement itself may have jumps.

    Raises:
        ValueError: naming the corner and the two values.
    """
    if not concrete((domain, boundary)):
        return
    corners = np.stack([np.asarray(domain.lower), np.asarray(domain.upper)])
    for choice in itertools.product((0, 1), repeat=domain.dim):
        corner = np.array([corners[side, axis] for axis, side in enumerate(choice)])
        values = {
            axis: sample_at("boundary value", trace.data, jnp.asarray(corner)[None])[0]
            for axis in range(domain.dim)
            for side, trace in boundary.traces(axis)
            if side == choice[axis] and _is_dirichlet(trace)
        }
        if concrete(values):  # a function may close over something that is being traced
            numbers = {axis: float(value) for axis, value in values.items()}
            _compare(name, corner, numbers, tolerance)


def _is_dirichlet(trace: Any) -> bool:
    constant = isinstance(trace.slope_weight, float) and trace.slope_weight == 0.0
    scalar = callable(trace.data) or jnp.ndim(trace.data) == 0
    return constant and trace.value_weight == 1.0 and scalar


def _compare(name: str, corner: np.ndarray, values: dict[int, float], tolerance: float) -> None:
    if len(values) < 2:
        return
    scale = max(1.0, *(abs(value) for value in values.values()))
    if max(values.values()) - min(values.values()) > tolerance * scale:
        listed = ", ".join(f"dimension {axis}: {value:.6g}" for axis, value in values.items())
        raise ValueError(
            f"{name}: contradictory boundary values at the corner {corner}: {listed}. This method "
            "needs boundary data that agree where two sides meet."
        )
