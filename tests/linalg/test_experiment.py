"""The benchmark of structured operators, in its quick form."""

import pytest

from jaxsci.run import run_experiment


def test_structured_operators_are_accurate_and_small(tmp_path):
    run = run_experiment("structured_operators", root=tmp_path, quick=True, rows=12, columns=15)
    assert len(run.rows) == 6
    for name in ("kronecker", "shifted"):
        assert run.metrics[f"{name}_solution_error"] < 1e-10
        assert run.metrics[f"{name}_logdet_error"] < 1e-10
        assert run.metrics[f"{name}_megabytes"] < 0.1 * run.metrics[f"{name}_dense_megabytes"]
        assert run.metrics[f"{name}_speed_up"] == pytest.approx(
            run.metrics[f"{name}_dense_seconds"] / run.metrics[f"{name}_seconds"]
        )
