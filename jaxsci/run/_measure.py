"""Measurements: CPU time of warm runs, and processes of their own for memory and compilation."""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def timed(program: Callable[[], Any], repeats: int) -> tuple[Any, float, float]:
    """Run a program once cold and some times warm, waiting for its arrays.

    Args:
        program: without arguments.
        repeats: warm runs.

    Returns:
        The last result, CPU seconds of the first run, and the median of the warm ones, NaN if
        there are none.
    """
    import jax

    seconds = []
    for _ in range(repeats + 1):
        start = time.process_time()
        result = jax.block_until_ready(program())
        seconds.append(time.process_time() - start)
    return result, seconds[0], statistics.median(seconds[1:]) if repeats else math.nan


def child_report(script: Path, *arguments: str) -> dict[str, Any]:
    """Run a script in a fresh process on one thread and read the JSON of its last line.

    Args:
        script: a Python file that prints a JSON object as its last line.
        *arguments: of its command line.

    Returns:
        The object.

    Raises:
        RuntimeError: with the end of what it wrote, if the script failed.
    """
    environment = {**os.environ, "XLA_FLAGS": _ONE_THREAD, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script.name} failed in a process of its own:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_gigabytes() -> float:
    """The most memory that this process has held, on Linux; NaN elsewhere.

    `getrusage` would count what the parent held when the process was started.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    lines = status.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1e6
