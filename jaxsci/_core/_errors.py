"""The one exception that a failed computation raises on the host."""

from typing import Any


class JaxsciError(RuntimeError):
    """A method finished, but its own checks say that the answer cannot be trusted.

    Nothing is lost: the solution as it stands is attached.

    Attributes:
        result: the `RESULTS` code.
        solution: the `Solution` that was rejected; pass `throw=False` to receive it directly.
    """

    def __init__(self, message: str, *, result: Any = None, solution: Any = None):
        super().__init__(message)
        self.result = result
        self.solution = solution


class PrecisionWarning(UserWarning):
    """A method that needs float64 was given float32 data."""
