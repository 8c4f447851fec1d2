"""Running an experiment: settings from the command line, the record, the closing lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._acceptance import acceptance_table, short
from ._compile_cache import enable_compile_cache
from ._environment import environment
from ._experiment import Experiment, load_experiment, locate
from ._recorder import Run
from ._storage import shown, write_json


def run_experiment(name: str, *, root: str | Path = "runs", **settings: Any) -> Run:
    """Run an experiment from Python, in the process and the float type of the caller.

    Args:
        name: the experiment's name, see `find_experiments`.
        root: the folder to write `<experiment>/<time>/` below.
        **settings: fields of the experiment's `Settings`; the others keep their defaults.

    Returns:
        The finished run, with its `metrics`, `rows` and `folder`.

    Raises:
        ValueError: if there is no such experiment.
        TypeError: if the experiment has no such setting.
    """
    experiment = load_experiment(locate(name))
    chosen = experiment.settings_type(**settings)
    run = Run(experiment.name, chosen, root)
    _perform(experiment, chosen, run)
    return run


def script(file: str) -> None:
    """Run the experiment in `file` as a program, exactly as `jaxsci run <name>` would.

    The last lines of every `run.py` are `if __name__ == "__main__": script(__file__)`.

    Args:
        file: the `__file__` of the experiment.

    Raises:
        SystemExit: always, with the exit status.
    """
    import sys

    from ._cli import guarded

    arguments = sys.argv[1:]
    program = f"python {shown(Path(file))}"
    raise SystemExit(guarded(lambda rest: run_from_command_line(file, rest, program), arguments))


def run_from_command_line(file: str | Path, arguments: Sequence[str], program: str) -> int:
    """Parse the settings, run, print the closing lines; the exit status is 1 if a row is missed."""
    import tyro

    prepare()
    experiment = load_experiment(Path(file))
    settings = tyro.cli(
        experiment.settings_type,
        args=list(arguments),
        prog=program,
        description=experiment.about,
    )
    run = Run(experiment.name, settings)
    try:
        _perform(experiment, settings, run)
    finally:
        print(f"\n{run.status}; results in {shown(run.folder)}", flush=True)
    print(_metric_lines(run))
    return _verdict(run) if settings.check else 0


def prepare() -> None:
    """Float64 and the compile cache: set by programs, never by importing a library."""
    import os

    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures are files: no display is needed
    import jax

    jax.config.update("jax_enable_x64", True)
    enable_compile_cache()


def _perform(experiment: Experiment, settings: Any, run: Run) -> None:
    with run.recording():
        write_json(run.folder / "environment.json", environment())
        metrics = experiment.main(settings, run)
        if not isinstance(metrics, dict):
            raise TypeError(
                f"`main` of {experiment.name} must return a dict of metrics, got "
                f"{type(metrics).__name__}."
            )
        for name, value in metrics.items():
            run.metric(name, value)


def _metric_lines(run: Run) -> str:
    width = max((len(name) for name in run.metrics), default=0)
    return "\n".join(f"  {name:<{width}}  {short(value)}" for name, value in run.metrics.items())


def _verdict(run: Run) -> int:
    if not run.rows:
        print("\n--check: this experiment reported no acceptance rows, so nothing was checked")
        return 1
    print(f"\n{acceptance_table(run.rows)}")
    return 0 if run.accepted() else 1
