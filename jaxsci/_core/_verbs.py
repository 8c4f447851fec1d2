"""The three verbs: solve, fit, sample."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, PyTree

from ._errors import JaxsciError
from ._loop import Loop, iterate
from ._nouns import (
    AbstractIterativeMethod,
    AbstractMethod,
    AbstractSolution,
    all_succeeded,
    failure_message,
)
from ._results import concrete


def solve(
    problem: Any,
    method: AbstractMethod | AbstractIterativeMethod,
    *,
    key: Array | None = None,
    throw: bool = True,
    loop: Loop | None = None,
) -> Any:
    """Solve `problem` by `method`.

    Args:
        problem: the equations, an `AbstractProblem`.
        method: how to solve them.
        key: a random key, required by methods that draw random numbers.
        throw: raise if the solution is not successful. Inside `jit` or `vmap` nothing is raised
            and the code comes back in `solution.result`, per element.
        loop: progress bar, checkpoint and chunk length of an iterative method.

    Returns:
        A solution, with `value`, `result`, `stats` and what its family adds.

    Raises:
        TypeError: if the method does not accept such a problem.
        JaxsciError: if the solution failed its checks and `throw` is true.
    """
    if not isinstance(problem, method.accepts):
        raise TypeError(_refusal("solve", problem, method))
    return _checked(_execute(problem, method, key, loop), method, throw)


def fit(
    model: eqx.Module,
    data: PyTree,
    method: Any,
    *,
    key: Array,
    throw: bool = True,
    loop: Loop | None = None,
) -> Any:
    """Fit `model` to `data` by `method`.

    Args:
        model: the model to start from: a module that the method knows how to fit.
        data: arrays, as the model's family documents them.
        method: a method whose `accepts` names the model; it receives the pair `(model, data)`.
        key: a random key.
        throw: raise if the fit is not successful.
        loop: progress bar, checkpoint and chunk length of an iterative method.

    Returns:
        A solution whose `value` is the fitted model, a pytree of the same type.

    Raises:
        TypeError: if the method does not accept such a model.
        JaxsciError: if the fit failed its checks and `throw` is true.
    """
    if not isinstance(model, method.accepts):
        raise TypeError(_refusal("fit", model, method))
    return _checked(_execute((model, data), method, key, loop), method, throw)


def sample(model: Any, key: Array, *inputs: Any, method: Any = None) -> PyTree[Array]:
    """Draw from `model`: a fitted model or a solution that carries a posterior.

    Args:
        model: anything with a `sample(key, *inputs)` of its own.
        key: a random key.
        *inputs: where to sample, as the model documents it.
        method: how to sample, for models that offer more than one way.

    Returns:
        Arrays.

    Raises:
        TypeError: if the model cannot be sampled.
    """
    draw = getattr(model, "sample", None)
    if draw is None:
        raise TypeError(f"sample: {type(model).__name__} cannot be sampled; it has no `sample`.")
    return draw(key, *inputs) if method is None else draw(key, *inputs, method=method)


def _execute(problem: Any, method: Any, key: Array | None, loop: Loop | None) -> AbstractSolution:
    if isinstance(method, AbstractIterativeMethod):
        return iterate(problem, method, key, Loop() if loop is None else loop)
    if loop is not None:
        raise TypeError(
            f"{type(method).__name__} is a direct method and has no steps to watch: "
            "leave out `loop`."
        )
    return method.run(problem, key=key)


def _checked(solution: AbstractSolution, method: Any, throw: bool) -> AbstractSolution:
    if throw and concrete(solution.result) and not all_succeeded(solution.result):
        message = failure_message(solution.result)
        raise JaxsciError(
            f"{type(method).__name__}: {message}\n\n{solution!r}\n\n"
            "(pass throw=False to get this solution back)",
            result=solution.result,
            solution=solution,
        )
    return solution


def _refusal(verb: str, thing: Any, method: Any) -> str:
    names = ", ".join(kind.__name__.removeprefix("Abstract") for kind in method.accepts)
    return (
        f"{verb}: {type(method).__name__} does not accept a {type(thing).__name__}. It accepts: "
        f"{names}."
    )
