"""The benchmark of light bridges: its quick form, and the loader of cells."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from jaxsci.run import run_experiment

FOLDER = Path(__file__).parents[2] / "experiments" / "light_sb"


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("light_sb_cells")


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    points = random.normal(size=(60, 8)) * np.arange(8, 0, -1)
    return {"X_pca": points, "day": np.repeat([2, 3, 7], [10, 20, 30])}


@pytest.mark.slow
def test_quick_benchmark(tmp_path):
    run = run_experiment("light_sb", root=tmp_path, quick=True)
    missed = [row for row in run.rows if not row.met]
    assert not missed


def test_cells_from_a_file_a_mapping_and_an_object(cells, table, tmp_path):
    path = tmp_path / "cells.npz"
    np.savez(path, **table)
    nested = {"obsm": {"X_pca": table["X_pca"]}, "obs": {"day": table["day"]}}
    days = [
        cells.load_cells(source, num_components=5)
        for source in (path, table, nested, types.SimpleNamespace(**nested))
    ]
    for found in days:
        assert [day.shape for day in found] == [(10, 5), (20, 5), (30, 5)]
        for day, same in zip(found, days[0]):
            np.testing.assert_array_equal(day, same)
    assert np.concatenate(days[0])[:, 0].std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_pca": None}, r"there is no X_pca; found: day\. Wanted: an \.npz file"),
        ({"day": None}, r"there is no day; found: X_pca"),
        ({"day": np.arange(3)}, r"there are 3 labels in day for 60 cells in X_pca"),
        ({"day": np.repeat([1, 2], 30)}, r"day has the label\(s\) 1, 2; .* three"),
        ({"X_pca": np.zeros(60)}, r"X_pca must be a matrix .* shape \(60,\)"),
        ({"X_pca": np.where(np.arange(60)[:, None] == 4, np.nan, 1.0)}, r"the first is 4"),
        ({"X_pca": np.ones((60, 3))}, r"does not vary"),
    ],
)
def test_cells_that_do_not_fit(cells, table, change, message):
    wrong = {name: array for name, array in {**table, **change}.items() if array is not None}
    with pytest.raises(ValueError, match=message):
        cells.load_cells(wrong)


def test_a_file_that_holds_no_arrays(cells, tmp_path):
    path = tmp_path / "cells.npz"
    path.write_text("X_pca,day\n")
    with pytest.raises(ValueError, match=r"cells\.npz: not an \.npz file"):
        cells.load_cells(path)


def test_the_torch_rival_is_optional(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    rival = importlib.import_module("light_sb_torch")
    installed = importlib.util.find_spec("torch") is not None
    assert installed == rival.INSTALLED
    assert installed or "torch" not in sys.modules
