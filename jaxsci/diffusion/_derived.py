"""Schedules made from schedules: padded, stacked, cut, reversed, ended by a denoising step."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from .._core import concrete
from ._schedule import Schedule
from ._schedule_checks import check_schedule

_PAD = {"order": 1, "estimate": 1, "second_scale": 1.0, "churn_noise": 1.0}


def pad_schedule(schedule: Schedule, num_steps: int, window: int | None = None) -> Schedule:
    """The same sampler with more rows, which do nothing and cost no evaluation.

    Args:
        schedule: what to pad.
        num_steps: N of the result.
        window: W of the result; the schedule's own by default.

    Returns:
        A schedule of that size with the same samples.

    Raises:
        ValueError: if the schedule is larger already.
    """
    window = schedule.window if window is None else window
    more, wider = num_steps - schedule.num_steps, window - schedule.window
    if more < 0 or wider < 0:
        raise ValueError(
            f"pad_schedule: the schedule has {schedule.num_steps} steps and the window "
            f"{schedule.window}, which does not fit into {num_steps} and {window}."
        )
    fields = {name: value for name, value in vars(schedule).items() if name != "analytic"}
    tables = ("extra_state", "extra_data", "extra_noise", "extra_corrector")

    def padded(name: str, value: Any) -> Any:
        library = np if concrete(value) else jnp  # on the host nothing is compiled
        if name == "log_snr":
            return jnp.asarray(library.pad(value, (0, more), mode="edge"))
        widths = [(0, more), (0, wider)] if name in tables else [(0, more)]
        fill = np.asarray(_PAD.get(name, 0), value.dtype)
        return jnp.asarray(library.pad(value, widths, constant_values=fill))

    names = tuple(fields)
    pick = lambda s: tuple(getattr(s, name) for name in names)
    return eqx.tree_at(pick, schedule, tuple(padded(n, fields[n]) for n in names))


def stack_schedules(schedules: Sequence[Schedule]) -> Schedule:
    """A population: the schedules padded to one size, with a leading axis.

    Args:
        schedules: any number, of any lengths.

    Returns:
        A pytree for `run_population` or `jax.vmap`.

    Raises:
        ValueError: if there is none.
    """
    if not schedules:
        raise ValueError("stack_schedules: give at least one schedule.")
    steps = max(one.num_steps for one in schedules)
    window = max(one.window for one in schedules)
    padded = [pad_schedule(one, steps, window) for one in schedules]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *padded)


def take(population: Schedule, index: Int[Array, "..."]) -> Schedule:
    """The schedules of a population with these places, which must be there.

    Args:
        population: stacked schedules.
        index: one place, or many.

    Returns:
        One schedule, or a population.
    """
    # nothing is wrapped or clipped: for twenty arrays that would be most of a small program
    pick = lambda leaf: leaf.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)
    return jax.tree.map(pick, population)


def join(*populations: Schedule) -> Schedule:
    """One population of several.

    Args:
        *populations: stacked schedules of one size.
    """
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *populations)


def tail_schedule(schedule: Schedule, first: int) -> Schedule:
    """The steps from the one numbered `first` on, to start in the middle.

    Orders are lowered where earlier points are missing.

    Args:
        schedule: the whole.
        first: how many steps to leave out.

    Returns:
        The rest, padded to the length of the whole, so that both share one program. Start it from
        $x_0 + s\\varepsilon$ with $s$ of its first time.

    Raises:
        ValueError: if no step is left, or the first one begins at a point that is left out.
    """
    if not 0 <= first < schedule.num_steps:
        raise ValueError(
            f"tail_schedule: first must be 0 to {schedule.num_steps - 1}, got {first}."
        )
    steps = schedule.num_steps - first
    fields = {name: value[first:] for name, value in vars(schedule).items() if name != "analytic"}
    fields["order"] = jnp.minimum(fields["order"], jnp.arange(1, steps + 1, dtype=jnp.int32))
    analytic = schedule.analytic if first == 0 else jnp.asarray(False)
    names = tuple(fields)
    pick = lambda s: tuple(getattr(s, name) for name in (*names, "analytic"))
    short = eqx.tree_at(pick, schedule, (*fields.values(), analytic))
    _check_reach(short)
    check_schedule(short)
    return pad_schedule(short, schedule.num_steps)


def _check_reach(schedule: Schedule) -> None:
    """Additive weights may not read points that are no longer there."""
    tables = schedule.extra_state, schedule.extra_data, schedule.extra_noise
    if not concrete(tables):
        return
    used = sum(np.abs(np.asarray(table)) for table in tables)
    back = np.arange(schedule.window) > np.arange(schedule.num_steps)[:, None]
    if (used * back).any():
        row = int(np.flatnonzero((used * back).any(axis=1))[0])
        raise ValueError(
            f"tail_schedule: step {row} of the rest weighs model values from before it begins, "
            "which a method with raw weights (iPNDM, PNDM, Heun) cannot do without. Build the "
            "named method anew on the rest of the grid."
        )


def reverse_schedule(schedule: Schedule) -> Schedule:
    """The same steps from data to noise: inversion.

    Args:
        schedule: without padding, noise or a denoising step.

    Returns:
        A schedule whose first time is the last of the given one.

    Raises:
        ValueError: if it has no inverse of this kind.
    """
    noisy = (schedule.stochastic > 0) | (schedule.churn > 0)
    blocked = ~schedule.live | noisy | schedule.to_zero
    if concrete(blocked) and bool(blocked.any()):
        raise ValueError(
            f"reverse_schedule: step {int(jnp.argmax(blocked))} is padding, adds noise or denoises "
            "to zero; only a plain deterministic schedule can be run backwards."
        )
    flipped = eqx.tree_at(lambda s: s.log_snr, schedule, schedule.log_snr[::-1])
    return eqx.tree_at(lambda s: s.analytic, flipped, jnp.asarray(False))


def denoise_to_zero(schedule: Schedule) -> Schedule:
    """One more step, $y \\mapsto D(y, s_N)$: the last bit of noise is removed by one evaluation.

    Args:
        schedule: without padding.

    Returns:
        A schedule of N + 1 steps and one more evaluation.
    """
    longer = pad_schedule(schedule, schedule.num_steps + 1)
    on = longer.to_zero.at[-1].set(True), longer.live.at[-1].set(True)
    return eqx.tree_at(lambda s: (s.to_zero, s.live), longer, on)
