"""The quick part of the experiment meets its rows."""

from jaxsci.run import run_experiment


def test_the_quick_rows_are_met(tmp_path):
    run = run_experiment("ap_boltzmann", root=tmp_path, quick=True)
    missed = [row.name for row in run.rows if not row.met]
    assert len(run.rows) == 16
    assert missed == []
