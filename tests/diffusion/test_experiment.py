"""The experiment on searched schedules in its quick form, and the sampler that it is raced with."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from jaxsci.run import run_experiment

FOLDER = Path(__file__).parents[2] / "experiments" / "usf"


@pytest.mark.slow
def test_quick_experiment(tmp_path):
    run = run_experiment("usf", root=tmp_path, quick=True)
    missed = [row for row in run.rows if not row.met]
    assert not missed


def test_the_rival_in_torch_takes_the_same_steps(monkeypatch):
    """Random schedules with correctors and both predictions, in float32."""
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(FOLDER))
    race = importlib.import_module("usf_throughput")
    rival = importlib.import_module("usf_torch")
    denoiser, schedules = race.plane_mixture(), race.random_schedules(6)
    y = 80 * np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    ours = np.asarray(race.run_population(denoiser, schedules, y))
    rows = [race.jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), schedules) for i in range(6)]
    model = rival.TorchMixture(denoiser)
    theirs = [rival.torch_steps(model, row, torch.tensor(y)).numpy() for row in rows]
    np.testing.assert_allclose(ours, np.stack(theirs), rtol=0, atol=2e-4)
