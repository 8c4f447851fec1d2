"""A small but real experiment: the order of the midpoint rule, measured."""

import sys
import textwrap

import pytest

EXPERIMENT = '''
"""The midpoint rule converges with order two.

It integrates exp over [0, 1] on finer and finer grids.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from midpoint_rule import midpoint

from jaxsci.run import Row, Run, script


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    check: bool = False
    """print the acceptance rows and exit 1 when one is missed"""
    quick: bool = False
    """three grids instead of six"""
    observations: str | None = None
    """a file with the upper limit of the integral"""
    bound: float = 1e-3
    """how far the measured order may be from two"""
    stop_at: int = 0
    """interrupt at this grid, to see what is kept"""


def main(settings: Settings, run: Run) -> dict:
    upper = 1.0
    if settings.observations is not None:
        with open(settings.observations) as file:
            upper = float(file.readline())
    sizes = [2**k for k in range(4, 7 if settings.quick else 10)]
    errors = []
    for size in run.progress(sizes, "grids"):
        if size == settings.stop_at:
            raise KeyboardInterrupt
        errors.append(abs(float(midpoint(jnp.exp, upper, size)) - np.expm1(upper)))
        run.metric("grids_done", len(errors))
    order = float(np.log2(errors[-2] / errors[-1]))
    run.save_arrays("errors", sizes=sizes, errors=errors)
    run.save_figure("errors", lambda: draw(sizes, errors))
    run.accept(Row.at_most("distance of the order from 2", abs(order - 2), settings.bound))
    return {"order": order, "float64": str(jnp.zeros(1).dtype) == "float64"}


def draw(sizes, errors):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().loglog(sizes, errors)
    return figure


if __name__ == "__main__":
    script(__file__)
'''

NEIGHBOUR = '''
import jax.numpy as jnp


def midpoint(function, upper, size):
    """The midpoint rule on [0, upper] with `size` cells."""
    return upper / size * jnp.sum(function(upper * (jnp.arange(size, dtype=float) + 0.5) / size))
'''


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A working directory with an `experiments/midpoint` of its own; the compile cache is off."""
    folder = tmp_path / "experiments" / "midpoint"
    folder.mkdir(parents=True)
    (folder / "run.py").write_text(textwrap.dedent(EXPERIMENT))
    (folder / "midpoint_rule.py").write_text(textwrap.dedent(NEIGHBOUR))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "midpoint_rule", raising=False)
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", "off")
    return tmp_path
