"""Result codes: errors are values inside compiled code, exceptions on the host."""

from typing import Any

import jax
import jax.core
import optimistix as optx


class RESULTS(optx.RESULTS):  # pyright: ignore[reportGeneralTypeIssues]
    """What became of a computation. Extends the codes of optimistix and lineax.

    A code is a pytree of one integer, so it batches under `vmap`. `RESULTS[code]` is its message,
    and `code == RESULTS.successful` a boolean array.
    """

    successful = ""
    under_resolved = (
        "The residual on independent validation points disagrees with the residual on the "
        "method's own points. The grid is likely too coarse for the finest scale of the source or "
        "of the boundary data. Use more points per dimension, or raise the number of features."
    )
    inaccurate = (
        "The method ran to its end, but the residual it reached is above its tolerance. Likely "
        "causes: a solution that is not smooth on the domain (corner singularity, jump), "
        "incompatible boundary data, or too low a resolution. Use more points or loosen `rtol`."
    )
    not_converged = (
        "The iteration reached its last step before it met its tolerance. Raise the number of "
        "steps, start closer to the solution, or loosen the tolerance."
    )
    interrupted = (
        "The work was interrupted from the keyboard. The solution holds the last state; if a "
        "checkpoint was given, the same call resumes from it."
    )


def concrete(tree: Any) -> bool:
    """True if no leaf of `tree` is being traced, so that its numbers can be looked at."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))
