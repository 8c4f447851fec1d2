"""Solutions: histories of moments, entropy, defects, time scales, stored distributions."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractSolution
from ._moments import Moments

_NEGATIVE = 1e-3  # of the largest value: the grid does not hold the distribution


class TimeScales(NamedTuple):
    """Times after which a quantity is $1/e$ of its start; `inf` if it never is.

    Attributes:
        light: isotropy of the light species, of order $\\varepsilon^2$.
        heavy: isotropy of the heavy species, of order $\\varepsilon$.
        temperature: equality of the temperatures, of order 1.
    """

    light: Float[Array, ""]
    heavy: Float[Array, ""]
    temperature: Float[Array, ""]


class RelaxationSolution(AbstractSolution):
    """One species in time.

    Attributes:
        value: $f$ at the end.
        result: a `RESULTS` code.
        stats: `min_value` of $f$ over its maximum, `conservation`, the largest relative defect.
        times: the levels.
        moments: at every level.
        stored_times: when distributions were kept.
        stored: distributions, shape `(stored, N, ..., N)`.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    times: Float[Array, " n"]
    moments: Moments
    stored_times: Float[Array, " s"]
    stored: Float[Array, "s ..."]

    __repr__ = AbstractSolution.__repr__

    @property
    def entropy(self) -> Float[Array, " n"]:
        """$\\int f\\log f$ at every level."""
        return self.moments.entropy

    @property
    def defects(self) -> dict[str, Float[Array, " n"]]:
        """Changes of mass, momentum (over $n\\sqrt T$) and energy since the start, relative."""
        return relaxation_defects(self.moments)


class MixtureSolution(AbstractSolution):
    """Both species in time.

    Attributes:
        value: $(f_L, f_H)$ at the end.
        result: a `RESULTS` code.
        stats: `min_value` of the distributions over their maxima, `conservation`, the largest
            relative defect of mass, momentum and energy.
        times: the levels.
        light: moments of the light species at every level.
        heavy: moments of the heavy species, in scaled velocities.
        stored_times: when distributions were kept.
        stored: pairs of distributions, stacked.
        epsilon: the root of the mass ratio.
    """

    value: tuple[Float[Array, "..."], Float[Array, "..."]]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    times: Float[Array, " n"]
    light: Moments
    heavy: Moments
    stored_times: Float[Array, " s"]
    stored: tuple[Float[Array, "s ..."], Float[Array, "s ..."]]
    epsilon: Float[Array, ""]

    __repr__ = AbstractSolution.__repr__

    @property
    def drift(self) -> Float[Array, "n d"]:
        """$U_L - \\varepsilon u_H$."""
        return self.light.velocity - self.epsilon * self.heavy.velocity

    @property
    def entropy(self) -> Float[Array, " n"]:
        """$\\int f_L\\log f_L + \\int f_H\\log f_H$ at every level."""
        return self.light.entropy + self.heavy.entropy

    @property
    def defects(self) -> dict[str, Float[Array, " n"]]:
        """Relative changes of both masses, of total momentum and of total energy."""
        return mixture_defects(self.light, self.heavy, self.epsilon)

    @property
    def time_scales(self) -> TimeScales:
        """When anisotropies and the difference of temperatures have fallen to $1/e$."""
        difference = jnp.abs(self.light.temperature - self.heavy.temperature)
        elapsed = self.times - self.times[0]
        return TimeScales(
            decay_time(elapsed, self.light.anisotropy),
            decay_time(elapsed, self.heavy.anisotropy),
            decay_time(elapsed, difference),
        )


def decay_time(times: Float[Array, " n"], values: Float[Array, " n"]) -> Float[Array, ""]:
    """When `values` first pass $1/e$ of their start, linear in the logarithm between levels.

    Args:
        times: since the start.
        values: positive, falling.

    Returns:
        The time, infinite if it is not reached.
    """
    tiny = jnp.finfo(values.dtype).tiny
    level = jnp.log(jnp.maximum(values, tiny)) - jnp.log(jnp.maximum(values[0], tiny)) + 1
    below = level <= 0
    i = jnp.maximum(jnp.argmax(below), 1)
    share = level[i - 1] / (level[i - 1] - level[i])
    found = times[i - 1] + share * (times[i] - times[i - 1])
    return jnp.where(jnp.any(below), found, jnp.inf)


def relaxation_defects(history: Moments) -> dict[str, Float[Array, " n"]]:
    """See `RelaxationSolution.defects`."""
    scale = history.density[0] * jnp.sqrt(history.temperature[0])
    moved = jnp.linalg.norm(history.momentum - history.momentum[0], axis=-1)
    return {
        "mass": relative_change(history.density),
        "momentum": moved / scale,
        "energy": relative_change(history.energy),
    }


def mixture_defects(
    light: Moments, heavy: Moments, epsilon: Float[Array, ""]
) -> dict[str, Float[Array, " n"]]:
    """See `MixtureSolution.defects`."""
    momentum = epsilon * light.momentum + heavy.momentum
    scale = heavy.density[0] * jnp.sqrt(heavy.temperature[0])
    return {
        "light_mass": relative_change(light.density),
        "heavy_mass": relative_change(heavy.density),
        "momentum": jnp.linalg.norm(momentum - momentum[0], axis=-1) / scale,
        "energy": relative_change(light.energy + heavy.energy),
    }


def relative_change(history: Float[Array, " n"]) -> Float[Array, " n"]:
    """$|q(t) - q(t_0)|/|q(t_0)|$.

    Args:
        history: $q$, not zero at the start.

    Returns:
        The change at every level.
    """
    return jnp.abs(history - history[0]) / jnp.abs(history[0])


def judge(
    distributions: tuple[Float[Array, "..."], ...], defects: dict[str, Float[Array, " n"]]
) -> tuple[RESULTS, dict[str, Any]]:
    """Codes and statistics from the last distributions and the conserved quantities.

    Args:
        distributions: at the end.
        defects: relative changes in time.

    Returns:
        `nonfinite`, `under_resolved` where a distribution is negative by more than a thousandth of
        its maximum, or `successful`; and the statistics.
    """
    lowest = jnp.min(jnp.stack([jnp.min(f) / jnp.max(f) for f in distributions]))
    worst = jnp.max(jnp.stack([jnp.max(defect) for defect in defects.values()]))
    coarse = lowest < -_NEGATIVE
    code = RESULTS.where(coarse, RESULTS.under_resolved, RESULTS.successful)
    finite = jnp.isfinite(lowest) & jnp.isfinite(worst)
    code = RESULTS.where(finite, code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
    return code, {"min_value": lowest, "conservation": worst}
