"""The compile cache, the environment report and the doctor."""

import os
import subprocess
import sys

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from jaxsci.run import enable_compile_cache, environment
from jaxsci.run._compile_cache import cache_folder
from jaxsci.run._doctor import cache_is_written, doctor, float64_works


@pytest.fixture
def unset(monkeypatch):
    """No cache is configured; whatever a test configures is undone."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delenv("JAXSCI_COMPILE_CACHE", raising=False)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch, unset):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().parent == tmp_path / "jaxsci" / "compiled"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().parent == tmp_path / ".cache" / "jaxsci" / "compiled"
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    for word in ("off", "OFF", "0", "no"):
        monkeypatch.setenv("JAXSCI_COMPILE_CACHE", word)
        assert cache_folder() is None
        assert enable_compile_cache() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_the_cache_is_written_where_it_says(tmp_path, monkeypatch, unset):
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", str(tmp_path / "mine"))
    folder = enable_compile_cache()
    assert folder == tmp_path / "mine"
    assert cache_is_written(folder)
    assert not list(folder.glob("*probe*"))  # the probe removes its traces
    assert not cache_is_written(tmp_path)


def test_a_folder_given_to_jax_is_left_in_place(tmp_path, monkeypatch, unset):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", str(tmp_path / "mine"))
    assert enable_compile_cache() == tmp_path / "theirs"
    assert not (tmp_path / "mine").exists()


def test_a_cache_that_cannot_be_made_is_a_warning(tmp_path, monkeypatch, unset):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="no compile cache"):
        assert enable_compile_cache() is None


def test_float64_is_computed_not_looked_up():
    assert float64_works()
    with jax.enable_x64(False):
        assert not float64_works()


def test_the_environment_names_what_matters(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    report = environment()
    assert report["packages"]["jax"] == jax.__version__
    assert set(report["extras"]) == {"plot", "io"}
    assert list(report["extras"]["plot"]) == ["matplotlib"]
    assert report["threads"]["OMP_NUM_THREADS"] == "3"
    assert report["cpus"] >= 1
    assert len(report["devices"]) == len(jax.devices())
    assert report["float64"] is True


def test_the_doctor_in_a_fresh_process(tmp_path):
    variables = {**os.environ, "JAXSCI_COMPILE_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "jaxsci", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["float64"] == "works"
    assert lines["cache"].startswith(f"{tmp_path} is written")
    assert f"jax {jax.__version__}" in lines["packages"]


def test_the_doctor_says_when_float64_fails(monkeypatch, capsys, unset):
    monkeypatch.setenv("JAXSCI_COMPILE_CACHE", "off")
    monkeypatch.setattr("jaxsci.run._doctor.float64_works", lambda: False)
    assert doctor() == 1
    text = capsys.readouterr().out
    assert "DOES NOT WORK" in text
    assert "off (JAXSCI_COMPILE_CACHE says so)" in text


def test_import_leaves_the_configuration_alone():
    program = (
        "import jax, jaxsci.run; jaxsci.run.sweep; "
        "assert not jax.config.jax_enable_x64; assert not jax.config.jax_compilation_cache_dir"
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=variables
    )
    assert done.returncode == 0, done.stderr
