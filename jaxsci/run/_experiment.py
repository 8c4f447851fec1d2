"""Finding and loading experiments: `experiments/<name>/run.py` with `Settings` and `main`."""

import ast
import dataclasses
import difflib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Experiment:
    """A loaded experiment: its name, what it is about, its settings' type, its `main`."""

    name: str
    about: str
    settings_type: Any
    main: Callable[..., dict[str, Any]]


def experiment_folders() -> list[Path]:
    """Where experiments are looked for; an earlier folder hides equal names in a later one.

    The working directory first, so that users can keep experiments of their own; then the source
    checkout; then the copy that the wheel carries.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    folders = [Path.cwd() / "experiments"]
    if (checkout / "pyproject.toml").is_file():
        folders.append(checkout / "experiments")
    folders.append(package / "_experiments")
    return folders


def find_experiments() -> dict[str, Path]:
    """All experiments that can be run from here.

    Returns:
        Name to `run.py`, in alphabetical order.
    """
    found: dict[str, Path] = {}
    for folder in experiment_folders():
        for path in sorted(folder.glob("*/run.py")):
            found.setdefault(path.parent.name, path)
    return dict(sorted(found.items()))


def locate(name: str) -> Path:
    """The `run.py` of the experiment called `name`; a mistyped name suggests the nearest."""
    found = find_experiments()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(found) if found else "none was found"
    raise ValueError(f"there is no experiment called {name!r}.{hint} Known: {known}.")


def about(path: Path) -> str:
    """The first line of an experiment's docstring, read without importing it."""
    text = ast.get_docstring(ast.parse(path.read_text(), str(path)))
    return text.splitlines()[0] if text else ""


def load_experiment(path: Path) -> Experiment:
    """Import an experiment's `run.py` and check that it keeps the contract."""
    name = path.resolve().parent.name
    module = _import(path.resolve(), f"jaxsci_experiment_{name}")
    _check_contract(module, path)
    return Experiment(name, inspect.getdoc(module) or name, module.Settings, module.main)


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up by name
    if str(path.parent) not in sys.path:  # neighbours import as they do for `python run.py`
        sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


def _check_contract(module: ModuleType, path: Path) -> None:
    settings = getattr(module, "Settings", None)
    if not dataclasses.is_dataclass(settings):
        raise TypeError(f"{path} has no dataclass `Settings`.")
    if not settings.__dataclass_params__.frozen:  # pyright: ignore[reportAttributeAccessIssue]
        raise TypeError(f"{path}: `Settings` must be frozen: @dataclass(frozen=True).")
    names = {field.name for field in dataclasses.fields(settings)}
    missing = [name for name in ("check", "quick") if name not in names]
    if missing:
        raise TypeError(f"{path}: `Settings` lacks the field `{missing[0]}: bool = False`.")
    main = getattr(module, "main", None)
    if not callable(main) or len(inspect.signature(main).parameters) != 2:
        raise TypeError(f"{path} needs a function `main(settings, run)` that returns its metrics.")
