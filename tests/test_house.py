"""The house keeps its plan: floors, cheap import, short files, documented public names."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import jaxsci

PACKAGE = Path(jaxsci.__file__).parent
FLOOR_ONE = ("linalg", "approx", "pde", "fem", "nn")  # each may import those named before it
FAMILIES = ("gp", "spectral", "operators", "kinetic", "bridge", "diffusion", "inverse")
TOP = ("run", "plot")
OPTIONAL = {"matplotlib", "xarray", "h5netcdf", "h5py", "meshio", "distributed", "gmsh", "pandas"}
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
# what a plain install brings; numpy comes with JAX
DECLARED = {re.split(r"[^\w-]", line)[0] for line in PROJECT["dependencies"]} | {"jaxsci", "numpy"}

MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "_experiments" not in p.parts)
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def shown(path):
    return str(path.relative_to(PACKAGE))


def room_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def allowed(room):
    """The rooms that `room` may import, itself included."""
    if room == "_core":
        return {"_core"}
    if room in FLOOR_ONE:
        return {"_core", *FLOOR_ONE[: FLOOR_ONE.index(room) + 1]}
    if room in FAMILIES:
        return {"_core", *FLOOR_ONE, room}
    return {"_core", *FLOOR_ONE, *FAMILIES, *TOP}


def absolute(node, path):
    """The full names of what an import statement brings in: `jaxsci.pde.Box`, `numpy`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = ("jaxsci", *path.relative_to(PACKAGE).parts[:-1])
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
    return [f"{base}.{alias.name}" for alias in node.names]


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def imports(tree, path, *, eager=False):
    """All imported names; with `eager` only those that importing the module executes."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += absolute(node, path)
        if eager and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if eager and is_type_checking(node):
            todo += node.orelse
            continue
        todo += ast.iter_child_nodes(node)
    return found


def parsed(path):
    return ast.parse(path.read_text(), str(path))


def violations(text, path):
    """Imports in `text`, taken as the module at `path`, that its floor does not allow."""
    room = room_of(path)
    tree = ast.parse(text)
    wrong = []
    for name in imports(tree, path):
        parts = name.split(".")
        if parts[0] == "jaxsci" and len(parts) > 1 and parts[1] in {*ROOMS, *FLOOR_ONE, *FAMILIES}:
            wrong += [name] if parts[1] not in allowed(room) else []
        known = parts[0] in DECLARED | set(sys.stdlib_module_names)
        if not known and not (parts[0] in OPTIONAL and room in TOP):
            wrong.append(name)
    early = [name for name in imports(tree, path, eager=True) if name.split(".")[0] in OPTIONAL]
    return sorted({*wrong, *early})


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p)], ids=shown)
def test_a_module_imports_only_floors_below_it(path):
    assert violations(path.read_text(), path) == []


@pytest.mark.parametrize(
    ("text", "where", "found"),
    [
        ("from ..gp import KroneckerGP", "spectral/_a.py", ["jaxsci.gp.KroneckerGP"]),
        ("from jaxsci import gp", "spectral/_a.py", ["jaxsci.gp"]),
        ("def f():\n    import jaxsci.run", "gp/_a.py", ["jaxsci.run"]),
        ("from .. import plot", "_core/_a.py", ["jaxsci.plot"]),
        ("from ..pde import Box", "linalg/_a.py", ["jaxsci.pde.Box"]),
        ("from ..linalg import Kronecker", "pde/_a.py", []),
        ("from ._b import f\nfrom ..pde import Box", "gp/_a.py", []),
        ("from .._core import solve\nfrom ..gp import KroneckerGP", "run/_a.py", []),
        ("def f():\n    import matplotlib", "gp/_a.py", ["matplotlib"]),
        ("import matplotlib.pyplot", "plot/_a.py", ["matplotlib.pyplot"]),
        ("def f():\n    import matplotlib.pyplot", "plot/_a.py", []),
        ("if TYPE_CHECKING:\n    import xarray", "run/_a.py", []),
        ("try:\n    import xarray\nexcept ImportError:\n    pass", "run/_a.py", ["xarray"]),
        ("import jaxopt", "inverse/_a.py", ["jaxopt"]),
        ("import optax, json\nimport numpy as np", "gp/_a.py", []),
    ],
)
def test_the_reading_of_imports_finds_what_it_should(text, where, found):
    assert violations(text, PACKAGE / where) == found


def test_every_room_has_its_place():
    assert set(ROOMS) <= {"_core", *FLOOR_ONE, *FAMILIES, *TOP}
    assert set(jaxsci._ROOMS) == set(ROOMS) - {"_core"}


def test_import_is_cheap():
    program = (
        "import sys, jaxsci\n"
        "heavy = {'jax', 'jaxlib', 'numpy', 'equinox', 'tqdm', 'tyro'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert 'solve' in dir(jaxsci)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(parsed(path))


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_private_modules_carry_an_underscore(path):
    parts = path.relative_to(PACKAGE).parts
    assert len(parts) == 1 or parts[-1].startswith("_")


def public_names(room):
    """Names that the room's `__init__` re-exports as `X as X`, lazily or not."""
    path = PACKAGE / room / "__init__.py"
    return sorted(
        {
            alias.asname
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname == alias.name
        }
    )


def unannotated(function):
    """Parameters of `function` without an annotation, and `return` if that is missing."""
    signature = inspect.signature(function)
    empty = inspect.Parameter.empty
    names = [
        p.name
        for p in signature.parameters.values()
        if p.annotation is empty and p.name not in ("self", "cls")
    ]
    return names + (["return"] if signature.return_annotation is empty else [])


def lacking(name, thing):
    """What a public name lacks: a docstring of its own, annotations."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return []
    found = [] if vars(thing).get("__doc__", thing.__doc__) else [f"{name}: docstring"]
    if inspect.isroutine(thing):
        return found + [f"{name}: annotation of {part}" for part in unannotated(thing)]
    methods = {
        attribute: member
        for attribute, member in vars(thing).items()
        if inspect.isfunction(member) and not attribute.startswith("_")
    }
    for attribute, member in methods.items():
        if not any(attribute in vars(base) for base in thing.__mro__[1:]):  # else: documented there
            found += [] if member.__doc__ else [f"{name}.{attribute}: docstring"]
            found += [f"{name}.{attribute}: annotation of {p}" for p in unannotated(member)]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_documented_and_annotated(room):
    module = importlib.import_module(f"jaxsci.{room}")
    names = public_names(room)
    assert names, f"jaxsci.{room} exports nothing"
    assert [gap for name in names for gap in lacking(name, getattr(module, name))] == []


def test_the_reading_of_public_names_finds_gaps():
    class Bare:
        def method(self, x):
            return x

    def function(x: int, y):
        """Documented."""

    assert lacking("Bare", Bare) == [
        "Bare: docstring",
        "Bare.method: docstring",
        "Bare.method: annotation of x",
        "Bare.method: annotation of return",
    ]
    assert lacking("f", function) == ["f: annotation of y", "f: annotation of return"]
