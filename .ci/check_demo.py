"""Check the numbers that `make demo` printed: python .ci/check_demo.py LOG."""

import json
import re
import sys
from pathlib import Path

# metric: the least and the largest value that passes
ASKED = {
    "multiscale_error": (0.0, 1e-11),
    "multiscale_deviation": (1e-16, 1e-9),  # error bars exist and are not vacuous
    "multiscale_residual": (0.0, 1e-10),
    "coefficient_error": (0.0, 2e-3),
    "coefficient_deviation": (1e-3, 1e-2),  # the Cramer-Rao level is 3.3e-3
    "misfit": (0.85, 1.15),
    "sweep_size": (64, 64),
    "sweep_failed": (0, 0),
    "seconds": (0.0, 90.0),
}


def main(log: str) -> int:
    """Compare the printed metrics with the bounds and with the files of the run."""
    text = Path(log).read_text()
    folder = Path(re.findall(r"^finished; results in (.+)$", text, re.MULTILINE)[-1])
    printed = dict(re.findall(r"^  (\w+) +(\S+)$", text, re.MULTILINE))
    stored = json.loads((folder / "metrics.json").read_text())
    rows = json.loads((folder / "outcome.json").read_text())["acceptance"]
    wrong = [problem(name, printed, stored, *bounds) for name, bounds in ASKED.items()]
    wrong += [f"row not met: {row}" for row in rows if not row["met"]]
    wrong += [] if rows else ["the demo reported no acceptance rows"]
    wrong += [] if list(folder.glob("*.png")) else [f"no picture in {folder}"]
    found = [line for line in wrong if line]
    print("\n".join(found) or f"demo: {len(ASKED)} numbers, {len(rows)} rows and the picture: ok")
    return 1 if found else 0


def problem(name: str, printed: dict, stored: dict, low: float, high: float) -> str | None:
    """What is wrong with one metric, or `None`."""
    if name not in printed or name not in stored:
        return f"{name}: neither printed nor stored as it should be"
    number = float(stored[name])
    if abs(float(printed[name]) - number) > 1e-3 * abs(number):
        return f"{name}: printed {printed[name]}, stored {number}"
    if not low <= number <= high:
        return f"{name}: {number} is not between {low} and {high}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
