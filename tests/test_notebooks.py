"""The notebooks run from top to bottom, at a small size."""

import os
import pathlib
import subprocess
import sys

import pytest

_NOTEBOOKS = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert _NOTEBOOKS


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_converts(path, tmp_path):
    import jupytext

    notebook = jupytext.read(path)
    assert any(cell.cell_type == "markdown" for cell in notebook.cells)
    jupytext.write(notebook, tmp_path / f"{path.stem}.ipynb")
    environment = {**os.environ, "JAXSCI_SMALL": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the truth is" in done.stdout
