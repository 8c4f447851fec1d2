"""The recorder that an experiment's `main` is given."""

import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ._acceptance import Row
from ._storage import new_folder, shown, write_arrays, write_json


class Run:
    """One run of an experiment: its folder, its metrics, its acceptance rows.

    Everything is written when it is reported, so an interrupted run keeps what it had:
    `settings.json`, `metrics.json`, `environment.json`, `outcome.json` (status, seconds,
    acceptance rows), arrays as `<name>.npz`, pictures as `<name>.png`.

    Attributes:
        name: the experiment.
        folder: `<root>/<experiment>/<time>/`, new for every run.
        metrics: the metrics reported so far.
        rows: the acceptance rows reported so far.
        status: `running`, `finished`, `interrupted` or `failed`.
    """

    def __init__(self, name: str, settings: Any, root: str | Path = "runs"):
        self.name = name
        self.folder = new_folder(Path(root) / name)
        self.metrics: dict[str, Any] = {}
        self.rows: list[Row] = []
        self.status = "running"
        self._began = datetime.now().astimezone().isoformat(timespec="seconds")
        self._clock = time.perf_counter()
        write_json(self.folder / "settings.json", settings)
        write_json(self.folder / "metrics.json", {})
        self._write_outcome()

    def metric(self, name: str, value: Any) -> None:
        """Report a metric; a second report under the same name replaces the first.

        Args:
            name: the metric's name.
            value: a number, a text or a small array.
        """
        self.metrics[name] = value
        write_json(self.folder / "metrics.json", self.metrics)

    def accept(self, row: Row) -> None:
        """Report an acceptance row, see `Row.at_most`, `Row.at_least`, `Row.between`."""
        self.rows.append(row)
        self._write_outcome()

    def accepted(self) -> bool:
        """True if acceptance rows were reported and every one of them is met."""
        return bool(self.rows) and all(row.met for row in self.rows)

    def save_arrays(self, name: str, **arrays: Any) -> Path:
        """Save arrays to `<name>.npz`.

        Args:
            name: the file's name without its ending.
            **arrays: anything `numpy.asarray` accepts.

        Returns:
            The file's path.

        Raises:
            ValueError: if this run already saved such a file.
        """
        path = self._new_file(name, ".npz")
        write_arrays(path, arrays)
        return path

    def save_dataset(self, name: str, dataset: Any) -> Path:
        """Save an `xarray.Dataset` to `<name>.nc` (netCDF 4; needs the extra `io`).

        Args:
            name: the file's name without its ending.
            dataset: the labelled arrays.

        Returns:
            The file's path.

        Raises:
            ValueError: if this run already saved such a file.
        """
        path = self._new_file(name, ".nc")
        dataset.to_netcdf(path, engine="h5netcdf")
        return path

    def save_figure(self, name: str, figure: Any | Callable[[], Any]) -> Path | None:
        """Save a picture to `<name>.png`.

        Args:
            name: the file's name without its ending.
            figure: a matplotlib figure, or a function that draws one. Give a function: it is only
                called when matplotlib is installed.

        Returns:
            The file's path, or `None` if matplotlib is missing; then a line says how to get it.

        Raises:
            ValueError: if this run already saved such a file.
        """
        path = self._new_file(name, ".png")
        if importlib.util.find_spec("matplotlib") is None:
            print(
                f"no picture {path.name}: matplotlib is not installed. To get it:\n"
                f"  {sys.executable} -m pip install matplotlib"
            )
            return None
        drawn = figure if hasattr(figure, "savefig") else figure()
        drawn.savefig(path, dpi=150)
        return path

    def progress(self, work: Iterable[Any] | int, label: str) -> Any:
        """A progress bar on a terminal, nothing in a log file.

        Args:
            work: what to iterate over, or how many steps there will be.
            label: the text in front of the bar.

        Returns:
            A tqdm bar: iterate over it, or call its `update(steps)`.
        """
        from tqdm import tqdm

        if isinstance(work, int):
            return tqdm(total=work, desc=label, disable=None)
        return tqdm(work, desc=label, disable=None)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Write down how the block ended: finished, interrupted or failed (with its traceback)."""
        try:
            yield
            self.status = "finished"
        except KeyboardInterrupt:
            self.status = "interrupted"
            raise
        except BaseException:
            self.status = "failed"
            (self.folder / "traceback.txt").write_text(traceback.format_exc())
            raise
        finally:
            self._write_outcome()

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {self.status}, {shown(self.folder)!r})"

    def _new_file(self, name: str, suffix: str) -> Path:
        path = self.folder / f"{name}{suffix}"
        if path.parent != self.folder:
            raise ValueError(
                f"{name!r} is not a plain file name: a run keeps all files in one folder."
            )
        if path.exists():
            raise ValueError(f"this run already saved {path.name}: give each file its own name.")
        return path

    def _write_outcome(self) -> None:
        outcome = {
            "experiment": self.name,
            "status": self.status,
            "began": self._began,
            "seconds": round(time.perf_counter() - self._clock, 3),
            "acceptance": self.rows,
        }
        write_json(self.folder / "outcome.json", outcome)
