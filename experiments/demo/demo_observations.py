"""Reading the CSV file of observations; every complaint names the line and the remedy."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

REQUIRED, OPTIONAL = ("x", "y", "u"), ("sigma",)
FORMAT = "The first line names the columns, x,y,u or x,y,u,sigma, and every other line is numbers."


class Table(NamedTuple):
    """Observations `values` at `points`; `noise` is `None` if the file has no column sigma."""

    points: np.ndarray
    values: np.ndarray
    noise: np.ndarray | None


def read_observations(path: str | Path, lower: tuple, upper: tuple) -> Table:
    """Read observations of u(x, y) in the rectangle from `lower` to `upper`.

    Args:
        path: a CSV file with the columns x, y, u and, if wanted, sigma, in any order. Empty lines
            and lines that begin with # are skipped.
        lower: the lower left corner.
        upper: the upper right corner.

    Returns:
        The table.

    Raises:
        ValueError: for wrong columns, entries that are not numbers, points outside the rectangle,
            deviations that are not positive, and files without observations.
        OSError: if the file cannot be read.
    """
    lines = _lines(Path(path))
    number, header = next(lines, (1, []))
    names = _columns(path, number, header)
    rows = [_row(path, number, names, cells, lower, upper) for number, cells in lines]
    if len(rows) < 2:
        raise ValueError(
            f"{path}, line {number + len(rows)}: the file ends after {len(rows)} observation(s); "
            f"at least 2 are needed. {FORMAT}"
        )
    columns = {name: np.array([row[name] for row in rows]) for name in names}
    points = np.stack([columns["x"], columns["y"]], axis=1)
    return Table(points, columns["u"], columns.get("sigma"))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that say something: their number in the file and their cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path}, line {line}: not a text file in UTF-8. Save it as CSV, not as a spreadsheet."
        ) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, [cell.strip() for cell in next(csv.reader([line]))]


def _columns(path: str | Path, number: int, header: list[str]) -> list[str]:
    names = [name.lower() for name in header]
    where = f"{path}, line {number}:"
    if not names:
        raise ValueError(f"{where} the file is empty. {FORMAT}")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        raise ValueError(f"{where} separate the columns by commas. {FORMAT}")
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(names)) < len(names):
        raise ValueError(f"{where} the columns are {', '.join(header)}. {FORMAT}")
    return names


def _row(
    path: str | Path, number: int, names: list[str], cells: list[str], lower: tuple, upper: tuple
) -> dict[str, float]:
    where = f"{path}, line {number}:"
    if len(cells) != len(names):
        raise ValueError(
            f"{where} {len(cells)} entries for the {len(names)} columns {','.join(names)}. "
            "Complete the line or remove it."
        )
    row = {name: _number(where, name, cell) for name, cell in zip(names, cells)}
    for name, low, high in zip(("x", "y"), lower, upper):
        if not low <= row[name] <= high:
            raise ValueError(
                f"{where} the point ({row['x']:g}, {row['y']:g}) lies outside the domain: {name} "
                f"must be between {low:g} and {high:g}. Remove the line or rescale the coordinates."
            )
    if row.get("sigma", 1.0) <= 0:
        raise ValueError(
            f"{where} sigma = {row['sigma']:g} is not positive; it is the standard deviation of u. "
            "Correct it, or leave the column out to have it estimated."
        )
    return row


def _number(where: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(
            f"{where} {name} = {cell!r} is not a finite number. Correct the entry (with a decimal "
            "point, not a comma) or remove the line."
        )
    return value
