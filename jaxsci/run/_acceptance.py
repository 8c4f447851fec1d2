"""Acceptance rows: what was asked, what was measured, and whether it was met."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of an acceptance table.

    The constructors compare with the number as measured, so a NaN never meets its bound.

    Attributes:
        name: what was measured.
        asked: the bound, in words.
        measured: the number.
        met: whether the number meets the bound.
    """

    name: str
    asked: str
    measured: Any
    met: bool

    @classmethod
    def at_most(cls, name: str, measured: Any, bound: float) -> "Row":
        """A row that asks for `measured <= bound`."""
        return cls(name, f"<= {bound:.4g}", measured, bool(measured <= bound))

    @classmethod
    def at_least(cls, name: str, measured: Any, bound: float) -> "Row":
        """A row that asks for `measured >= bound`."""
        return cls(name, f">= {bound:.4g}", measured, bool(measured >= bound))

    @classmethod
    def between(cls, name: str, measured: Any, low: float, high: float) -> "Row":
        """A row that asks for `low <= measured <= high`."""
        return cls(name, f"{low:.4g} to {high:.4g}", measured, bool(low <= measured <= high))


def acceptance_table(rows: Sequence[Row]) -> str:
    """A text table of acceptance rows: name, asked, measured, met.

    Args:
        rows: the rows, in the order to print them.

    Returns:
        The table, with a closing line that counts the rows met.
    """
    cells = [("acceptance", "asked", "measured", "met")]
    cells += [(r.name, r.asked, short(r.measured), "yes" if r.met else "NO") for r in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in cells]
    met = sum(row.met for row in rows)
    return "\n".join([line.rstrip() for line in lines] + [f"{met} of {len(rows)} rows met"])


def short(number: Any) -> str:
    """A number in four significant digits; text, counts and truth values as they are."""
    if isinstance(number, bool | int | str):
        return str(number)
    try:
        return f"{float(number):.4g}"
    except (TypeError, ValueError):  # not a scalar
        return str(number)
