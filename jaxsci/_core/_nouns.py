"""The four nouns: Problem, Method, Solution, Model."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, PyTree

from ._results import RESULTS, concrete


class AbstractProblem(eqx.Module):
    """The equations, and nothing of any algorithm.

    Physical parameters, data and fields are array leaves: `grad` and `vmap` over them are free.
    """

    @abc.abstractmethod
    def residual(self, *args: Any, **kwargs: Any) -> PyTree[Array]:
        """How far a candidate is from solving the problem, independent of any method."""


class AbstractSolution(eqx.Module):
    """What a method returns: the value, a result code and statistics.

    Families extend this with derived quantities (evaluation at points, deviations, moments).
    """

    value: eqx.AbstractVar[PyTree[Array]]
    result: eqx.AbstractVar[RESULTS]
    stats: eqx.AbstractVar[dict[str, PyTree[ArrayLike]]]

    def __repr__(self) -> str:
        return report(self)


class Solution(AbstractSolution):
    """A solution without derived quantities.

    Attributes:
        value: what was asked for.
        result: a `RESULTS` code, per element under `vmap`.
        stats: numbers that describe the run.
    """

    value: PyTree[Array]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]

    __repr__ = AbstractSolution.__repr__


class AbstractMethod(eqx.Module):
    """How a problem is solved. Sizes and counts are static fields, tolerances are leaves."""

    accepts: eqx.AbstractClassVar[tuple[type, ...]]

    @abc.abstractmethod
    def run(self, problem: Any, *, key: Array | None = None) -> AbstractSolution:
        """Solve `problem`, which `accepts` has admitted; never throws from compiled code."""


class AbstractIterativeMethod(eqx.Module):
    """A method of many equal steps: `init`, `step`, `done`, `finish`; the one loop runs it.

    Progress, checkpoints, resuming and interruption come from that loop, see `Loop`.
    """

    accepts: eqx.AbstractClassVar[tuple[type, ...]]
    max_steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def init(self, problem: Any, key: Array | None) -> tuple[PyTree, PyTree]:
        """`(data, state)`: arrays every step needs unchanged, and the state before step one.

        User callables are sampled here, once, outside the compiled steps.
        """

    @abc.abstractmethod
    def step(self, data: PyTree, state: PyTree) -> PyTree:
        """One step: a pure function that is compiled in chunks."""

    @abc.abstractmethod
    def done(self, data: PyTree, state: PyTree) -> Array:
        """A boolean scalar: stop before the next step."""

    @abc.abstractmethod
    def finish(self, problem: Any, data: PyTree, state: PyTree, stats: dict) -> AbstractSolution:
        """The solution from the last state; `stats` holds `num_steps` so far."""

    def metrics(self, state: PyTree) -> dict[str, Array]:
        """Scalars to show on the progress bar."""
        return {}


class AbstractModel(eqx.Module):
    """A pytree that can be fitted, called and sampled."""

    @abc.abstractmethod
    def sample(self, key: Array, *inputs: Any) -> PyTree[Array]:
        """Draw from the model."""


def succeeded(result: RESULTS) -> Array:
    """A boolean array: where `result` is `RESULTS.successful`."""
    return jnp.asarray(result == RESULTS.successful)  # pyright: ignore[reportArgumentType]


def all_succeeded(result: RESULTS) -> bool:
    """True if every element of a concrete code is `RESULTS.successful`, also inside `jit`."""
    with jax.ensure_compile_time_eval():
        return bool(succeeded(result).all())


def failure_message(result: RESULTS) -> str:
    """The message of a concrete scalar code, or a count for a batch of codes."""
    with jax.ensure_compile_time_eval():
        good = succeeded(result)
        if good.ndim == 0:
            return str(RESULTS[result]) or "successful"  # pyright: ignore[reportIndexIssue]
        return f"{int(good.size - good.sum())} of {good.size} elements failed"


def report(solution: AbstractSolution) -> str:
    """A short text report of any solution."""
    lines = [f"{type(solution).__name__}"]
    if concrete(solution.result):
        good = all_succeeded(solution.result)
        text = "successful" if good else failure_message(solution.result)
        lines.append(f"  result: {text.splitlines()[0] if text else text}")
    else:
        lines.append("  result: (traced)")
    lines += [f"  {name}: {_short(number)}" for name, number in solution.stats.items()]
    shapes = [str(jnp.shape(leaf)) for leaf in jax.tree.leaves(solution.value)]
    lines.append(f"  value: arrays of shape {', '.join(shapes[:4])}{' ...' if shapes[4:] else ''}")
    return "\n".join(lines)


def _short(number: Any) -> str:
    if not concrete(number):
        return "(traced)"
    if not eqx.is_array_like(number):  # a population, a history: not one number
        return type(number).__name__
    array = jnp.asarray(number)
    if array.ndim == 0:
        return f"{array:.3g}" if jnp.issubdtype(array.dtype, jnp.floating) else f"{array}"
    return f"array of shape {array.shape}"
