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


def test_a_cluster_of_few_members_is_a_part_of_a_fitted_mixture(monkeypatch):
    """Fewer than the directions that are asked for: the others get the spread of the rest."""
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(FOLDER))
    models = importlib.import_module("usf_models")
    many, few = (np.random.default_rng(0).normal(size=(num, 6)) for num in (200, 3))
    fitted = models.fitted_mixture(np.concatenate([many, few + 100]), 2, 4, dtype="float64")
    big, small = np.argsort(fitted.log_weights)[::-1]
    assert fitted.tail[small] == fitted.tail[big] > 0.5
    assert fitted.variances[small].min() >= fitted.tail[small]
    grams = np.einsum("kdr,kds->krs", fitted.basis, fitted.basis)
    np.testing.assert_allclose(grams, [np.eye(4)] * 2, atol=1e-12)
