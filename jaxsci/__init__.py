"""jaxsci: differentiable scientific computing on JAX.

State a problem, choose a method, get a solution that composes with `jit`, `vmap` and `grad`:

    sol = jaxsci.solve(problem, method)
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = (
    "RESULTS",
    "AbstractIterativeMethod",
    "AbstractMethod",
    "AbstractModel",
    "AbstractProblem",
    "JaxsciError",
    "Loop",
    "PrecisionWarning",
    "Solution",
    "fit",
    "linear_solve",
    "sample",
    "solve",
)
_ROOMS = (
    "approx",
    "bridge",
    "diffusion",
    "gp",
    "inverse",
    "kinetic",
    "linalg",
    "pde",
    "plot",
    "run",
    "spectral",
)

__all__ = ["__version__", *_NAMES, *_ROOMS]

if TYPE_CHECKING:
    from . import approx as approx
    from . import bridge as bridge
    from . import diffusion as diffusion
    from . import gp as gp
    from . import inverse as inverse
    from . import kinetic as kinetic
    from . import linalg as linalg
    from . import pde as pde
    from . import plot as plot
    from . import run as run
    from . import spectral as spectral
    from ._core import RESULTS as RESULTS
    from ._core import AbstractIterativeMethod as AbstractIterativeMethod
    from ._core import AbstractMethod as AbstractMethod
    from ._core import AbstractModel as AbstractModel
    from ._core import AbstractProblem as AbstractProblem
    from ._core import JaxsciError as JaxsciError
    from ._core import Loop as Loop
    from ._core import PrecisionWarning as PrecisionWarning
    from ._core import Solution as Solution
    from ._core import fit as fit
    from ._core import linear_solve as linear_solve
    from ._core import sample as sample
    from ._core import solve as solve


def __getattr__(name: str) -> Any:
    """Load on first use, so that `import jaxsci` itself stays cheap."""
    if name in _NAMES:
        return getattr(importlib.import_module("._core", __name__), name)
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'jaxsci' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
