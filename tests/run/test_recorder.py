"""The recorder: files, names, numbers, pictures with and without matplotlib."""

import dataclasses
import importlib.util
import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.run import Row, Run, acceptance_table, find_experiments, run_experiment
from jaxsci.run import _storage as storage


@dataclasses.dataclass(frozen=True)
class Chosen:
    sizes: tuple[int, ...] = (1, 2)
    rate: float = float("inf")


@pytest.fixture
def run(tmp_path):
    return Run("trial", Chosen(), tmp_path / "runs")


def read(run, name):
    return json.loads((run.folder / name).read_text())


def test_folders_are_never_reused(tmp_path):
    folders = {Run("trial", Chosen(), tmp_path).folder for _ in range(4)}
    assert len(folders) == 4
    assert all((folder / "settings.json").exists() for folder in folders)


def test_metrics_are_on_disk_at_once(run):
    assert read(run, "settings.json") == {"sizes": [1, 2], "rate": "inf"}
    run.metric("error", jnp.asarray(1e-9))
    run.metric("orders", np.array([2.0, np.nan]))
    run.metric("error", np.float32(0.5))
    assert read(run, "metrics.json") == {"error": 0.5, "orders": [2.0, "nan"]}


def test_arrays_keep_their_values_and_types(run):
    path = run.save_arrays("fields", u=jnp.arange(3.0), file=np.array([1, 2], np.int8))
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["u"], [0.0, 1.0, 2.0])
        assert stored["u"].dtype == np.float64
        assert stored["file"].dtype == np.int8
    with pytest.raises(ValueError, match=r"already saved fields\.npz"):
        run.save_arrays("fields", u=0.0)
    with pytest.raises(ValueError, match="not a plain file name"):
        run.save_arrays("../fields", u=0.0)


def test_objects_are_refused_and_leave_no_file(run):
    with pytest.raises(ValueError, match="allow_pickle"):
        run.save_arrays("objects", thing=np.array([object()]))
    assert not (run.folder / "objects.npz").exists()


def test_datasets(run):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    dataset = xarray.Dataset({"u": ("x", [1.0, 2.0])}, coords={"x": [0.0, 1.0]})
    path = run.save_dataset("field", dataset)
    with xarray.open_dataset(path, engine="h5netcdf") as stored:
        assert stored.identical(dataset)


def test_a_figure_or_a_function_that_draws_one(run):
    figure = pytest.importorskip("matplotlib.figure")
    for name, thing in (("a", figure.Figure()), ("b", lambda: figure.Figure())):
        path = run.save_figure(name, thing)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_line_says_how_to_get_the_picture(run, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def draw():
        raise AssertionError("was called without matplotlib")

    assert run.save_figure("picture", draw) is None
    assert "pip install matplotlib" in capsys.readouterr().out


def test_the_outcome_says_how_it_ended(run):
    assert read(run, "outcome.json")["status"] == "running"
    with run.recording():
        run.accept(Row.at_most("error", 1e-3, 1e-2))
    found = read(run, "outcome.json")
    assert found["status"] == "finished"
    assert found["acceptance"] == [
        {"name": "error", "asked": "<= 0.01", "measured": 1e-3, "met": True}
    ]
    with pytest.raises(ZeroDivisionError), run.recording():
        1 / 0  # noqa: B018
    assert read(run, "outcome.json")["status"] == "failed"
    assert "ZeroDivisionError" in (run.folder / "traceback.txt").read_text()


def test_rows():
    assert Row.at_most("a", 1.0, 1.0).met
    assert not Row.at_most("a", 1.1, 1.0).met
    assert Row.at_least("a", 1.0, 1.0).met
    assert not Row.at_least("a", 0.9, 1.0).met
    assert Row.between("a", 0.95, 0.92, 0.98).met
    assert not Row.between("a", 0.99, 0.92, 0.98).met
    nan = float("nan")
    assert not Row.at_most("a", nan, 1.0).met
    assert not Row.at_least("a", nan, 1.0).met
    assert not Row.between("a", jnp.asarray(nan), 0.0, 1.0).met


def test_the_table_shows_each_row_and_counts():
    rows = [Row.at_most("error", jnp.asarray(2.5e-10), 1e-9), Row.at_least("speed", 3, 20)]
    lines = acceptance_table(rows).splitlines()
    assert lines[0].split() == ["acceptance", "asked", "measured", "met"]
    assert lines[1].split() == ["error", "<=", "1e-09", "2.5e-10", "yes"]
    assert lines[2].split() == ["speed", ">=", "20", "3", "NO"]
    assert lines[3] == "1 of 2 rows met"


def test_all_rows_must_be_met(run):
    assert not run.accepted()
    run.accept(Row.at_most("a", 0.0, 1.0))
    assert run.accepted()
    run.accept(Row.at_most("b", 2.0, 1.0))
    assert not run.accepted()


def test_half_written_json_never_replaces_the_old(tmp_path):
    path = tmp_path / "metrics.json"
    storage.write_json(path, {"a": 1})
    endless: list = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        storage.write_json(path, endless)
    assert json.loads(path.read_text()) == {"a": 1}


def test_progress_counts_steps(run):
    assert list(run.progress([1, 2, 3], "work")) == [1, 2, 3]
    with run.progress(5, "work") as bar:
        assert bar.total == 5


def test_experiments_from_python(workplace):
    assert "midpoint" in find_experiments()
    done = run_experiment("midpoint", root=workplace / "elsewhere", quick=True)
    assert done.status == "finished"
    assert done.accepted()
    assert done.folder.parent == workplace / "elsewhere" / "midpoint"
    with pytest.raises(TypeError, match="bonud"):
        run_experiment("midpoint", bonud=1)
    with pytest.raises(ValueError, match="Did you mean 'midpoint'"):
        run_experiment("midpint")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@dataclass(frozen=True)", "@dataclass", "must be frozen"),
        ("    quick: bool = False\n", "    fast: bool = False\n", "lacks the field `quick"),
        ("class Settings:", "class Options:", "no dataclass `Settings`"),
        ("def main(settings: Settings, run: Run)", "def main(settings: Settings)", "main"),
        ('return {"order": order,', 'return [order]\n    {"order": order,', "dict of metrics"),
    ],
)
def test_an_experiment_that_breaks_the_contract_is_told(workplace, old, new, message):
    path = workplace / "experiments" / "midpoint" / "run.py"
    text = path.read_text()
    assert old in text
    changed = text.replace(old, new)
    path.write_text(changed.replace("settings: Settings", "settings: object"))
    with pytest.raises(TypeError, match=message):
        run_experiment("midpoint", quick=True)
