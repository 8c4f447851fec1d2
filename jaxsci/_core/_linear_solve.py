"""A differentiable linear solve that leaves no callback in the compiled program."""

from typing import Any

import jax
import lineax as lx
from jaxtyping import Array, PyTree

from ._freeze import freeze
from ._results import RESULTS


def linear_solve(
    operator: lx.AbstractLinearOperator,
    vector: PyTree[Array],
    solver: lx.AbstractLinearSolver,
    *,
    options: dict[str, Any] | None = None,
) -> tuple[PyTree[Array], RESULTS]:
    """Solve $A x = b$ for a square $A$, with implicit derivatives.

    The solver's factorisation is not differentiated: $\\dot x = A^{-1}(\\dot b - \\dot A x)$, and
    its transpose, reuse it. Unlike `lineax.linear_solve`, the compiled program holds no host
    callback, so it can be written to the persistent compilation cache and adds no collectives
    under sharding.

    Args:
        operator: a square linear operator $A$; its array leaves are differentiable.
        vector: the right-hand side $b$.
        solver: any lineax solver; structured operators bring their own (`jaxsci.linalg`).
        options: passed to the solver (preconditioner `y0`, and so on).

    Returns:
        The solution and a `RESULTS` code. A non-finite solution never comes back `successful`.

    Raises:
        ValueError: if the operator is not square.
    """
    if operator.in_size() != operator.out_size():
        raise ValueError(
            f"linear_solve: the operator must be square, got {operator.out_size()} rows and "
            f"{operator.in_size()} columns. Use a least-squares method for rectangular systems."
        )
    options = {} if options is None else options
    state = solver.init(freeze(operator), options)

    def solve(_, rhs):
        value, result, _ = solver.compute(state, rhs, options)
        return value, result

    def transpose_solve(_, rhs):
        transposed, transposed_options = solver.transpose(state, options)
        value, result, _ = solver.compute(transposed, rhs, transposed_options)
        return value, result

    value, result = jax.lax.custom_linear_solve(
        operator.mv, vector, solve, transpose_solve, has_aux=True
    )
    finite = jax.tree.reduce(lambda a, leaf: a & jax.numpy.isfinite(leaf).all(), value, True)
    code = RESULTS.promote(result)
    return value, RESULTS.where(finite, code, RESULTS.nonfinite)  # pyright: ignore[reportArgumentType]
