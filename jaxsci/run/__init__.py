"""Floor 3: experiments and their records, sweeps, the compile cache, the environment report.

An experiment imports its frame from here alone: `Run`, `Row`, `script`. Everything that needs JAX
is loaded on first use, so that `jaxsci --help` and `jaxsci list` answer at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._acceptance import Row as Row
from ._acceptance import acceptance_table as acceptance_table
from ._compile_cache import enable_compile_cache as enable_compile_cache
from ._environment import environment as environment
from ._execute import run_experiment as run_experiment
from ._execute import script as script
from ._experiment import find_experiments as find_experiments
from ._measure import child_report as child_report
from ._measure import peak_gigabytes as peak_gigabytes
from ._measure import timed as timed
from ._recorder import Run as Run

if TYPE_CHECKING:
    from ._executors import AbstractExecutor as AbstractExecutor
    from ._executors import Mapped as Mapped
    from ._executors import Sharded as Sharded
    from ._executors import Vectorised as Vectorised
    from ._executors import default_executor as default_executor
    from ._sweep import sweep as sweep

_LAZY = {
    "AbstractExecutor": "._executors",
    "Mapped": "._executors",
    "Sharded": "._executors",
    "Vectorised": "._executors",
    "default_executor": "._executors",
    "sweep": "._sweep",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'jaxsci.run' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
