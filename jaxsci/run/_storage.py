"""Files of a run: JSON that any tool can read, npz arrays, folders that are never reused."""

import dataclasses
import json
import math
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np


def jsonable(thing: Any) -> Any:
    """`thing` as numbers, strings, lists and dictionaries.

    JSON has no NaN and no infinity: they become the strings "nan", "inf" and "-inf", which
    `float` reads back.
    """
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: jsonable(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    if isinstance(thing, dict):
        return {str(name): jsonable(value) for name, value in thing.items()}
    if isinstance(thing, list | tuple | set | frozenset):
        return [jsonable(item) for item in thing]
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else str(thing)
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if hasattr(thing, "dtype") and hasattr(thing, "__array__"):
        return jsonable(np.asarray(thing).tolist())
    return str(thing)


def write_json(path: Path, thing: Any) -> None:
    """Write `thing` whole or not at all: an interruption never leaves half a file."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(jsonable(thing), indent=2, allow_nan=False) + "\n")
    partial.replace(path)


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write a compressed npz whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    partial.replace(path)


def new_folder(root: Path) -> Path:
    """A folder below `root` that did not exist before, named by the time of day."""
    root.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    for attempt in range(1, 10_000):
        folder = root / (stamp if attempt == 1 else f"{stamp}-{attempt}")
        try:
            folder.mkdir()  # fails if it exists, also when two processes try at once
        except FileExistsError:
            continue
        return folder
    raise OSError(f"{root} already holds 9,999 runs of the second {stamp}.")


def shown(path: Path) -> str:
    """`path` as seen from the working directory when it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
