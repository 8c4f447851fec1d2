"""Marching in time: levels, the checkpointed scan, and what is recorded on the way."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import concrete
from ._validation import count, positive


class TimeLevels(eqx.Module):
    """$t_0 < t_1 < \\dots < t_n$: equal steps, or steps that grow geometrically.

    Attributes:
        num_steps: $n$.
        first_step: of geometric levels $t_k = t_0 + h\\,(T/h)^{(k-1)/(n-1)}$, which see every time
            scale between $h$ and the whole span $T$; `None` for equal steps.
        store_every: distributions are kept every so many steps; `None` keeps the last.
    """

    num_steps: int = eqx.field(static=True)
    first_step: Float[Array, ""] | None
    store_every: int = eqx.field(static=True)

    def __init__(
        self, name: str, num_steps: int, first_step: ArrayLike | None, store_every: int | None
    ):
        count(f"{name}: num_steps", num_steps, 1, "No steps would be a time step of zero.")
        store_every = num_steps if store_every is None else store_every
        count(f"{name}: store_every", store_every, 1)
        if num_steps % store_every:
            raise ValueError(
                f"{name}: store_every must divide num_steps, got {store_every} and {num_steps}."
            )
        if first_step is not None:
            first_step = positive(
                f"{name}: first_step", first_step, "None gives equal steps of span / num_steps."
            )
            count(f"{name}: num_steps with a first_step", num_steps, 2)
        self.num_steps, self.store_every, self.first_step = num_steps, store_every, first_step

    def __call__(self, start: Float[Array, ""], end: Float[Array, ""]) -> Float[Array, " n"]:
        """The `num_steps + 1` levels.

        Raises:
            ValueError: if the first step is as long as the whole span.
        """
        span, n, first = end - start, self.num_steps, self.first_step
        if first is not None and concrete((first, span)) and not first < span:
            raise ValueError(
                f"first_step must be shorter than the span {float(span):g} of the problem, got "
                f"{float(first):g}."
            )
        k = jnp.arange(n + 1, dtype=span.dtype)
        if first is None:
            return start + span * k / n
        first = first.astype(span.dtype)
        later = first * (span / first) ** ((k - 1) / (n - 1))
        return start + jnp.where(k == 0, 0, later)


def march(
    step: Callable[[PyTree[Array], Float[Array, ""]], PyTree[Array]],
    observe: Callable[[PyTree[Array]], PyTree[Array]],
    state: PyTree[Array],
    levels: Float[Array, " n"],
    store_every: int,
) -> tuple[PyTree[Array], PyTree[Array], PyTree[Array]]:
    """$y_{k+1} = \\Phi(y_k, t_{k+1} - t_k)$ in one scan whose steps are recomputed backwards.

    Args:
        step: $\\Phi(y, \\Delta t)$.
        observe: what to record of a state.
        state: $y_0$.
        levels: $t_0 \\dots t_n$.
        store_every: keep every so many states.

    Returns:
        The last state, the records of all levels and the kept states, stacked.
    """

    @jax.checkpoint
    def one(y, duration):
        after = step(y, duration)
        return after, observe(after)

    def chunk(y, durations):
        after, seen = jax.lax.scan(one, y, durations)
        return after, (seen, after)

    durations = jnp.diff(levels).reshape(-1, store_every)
    last, (seen, kept) = jax.lax.scan(chunk, state, durations)
    join = lambda first, rest: jnp.concatenate([first[None], rest.reshape(-1, *rest.shape[2:])])
    return last, jax.tree.map(join, observe(state), seen), kept
