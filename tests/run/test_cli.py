"""The `jaxsci` command, called in this process wherever a fresh one is not the point."""

import json
import os
import re
import subprocess
import sys

import pytest

import jaxsci
from jaxsci._core import RESULTS, JaxsciError
from jaxsci.run._cli import guarded, main


def only_run(workplace, name="midpoint"):
    (folder,) = (workplace / "runs" / name).iterdir()
    return folder


def outcome(folder):
    return json.loads((folder / "outcome.json").read_text())


def test_help_and_version(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("demo", "run", "list", "doctor", "--version"))
    assert main([]) == 0
    assert capsys.readouterr().out == text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxsci {jaxsci.__version__}\n"


def test_list_names_and_first_lines(workplace, capsys):
    assert main(["list"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("midpoint"))
    assert re.fullmatch(r"midpoint +The midpoint rule converges with order two\.", line)


def test_a_run_writes_everything_and_says_where(workplace, capsys):
    assert main(["run", "midpoint", "--quick"]) == 0
    text = capsys.readouterr().out
    folder = only_run(workplace)
    assert f"finished; results in runs/midpoint/{folder.name}" in text
    assert {path.name for path in folder.iterdir()} == {
        "settings.json",
        "metrics.json",
        "environment.json",
        "outcome.json",
        "errors.npz",
        "errors.png",
    }
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["grids_done"] == 3
    assert metrics["float64"] is True
    assert abs(metrics["order"] - 2) < 1e-3
    assert f"order       {metrics['order']:.4g}" in text
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["quick"] is True
    assert settings["bound"] == 1e-3
    assert json.loads((folder / "environment.json").read_text())["jaxsci"] == jaxsci.__version__


def test_check_prints_rows_and_sets_the_exit_status(workplace, capsys):
    assert main(["run", "midpoint", "--check", "--quick"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"distance of the order from 2 +<= 0\.001 +\S+ +yes", text)
    assert "1 of 1 rows met" in text
    assert main(["run", "midpoint", "--check", "--quick", "--bound", "1e-12"]) == 1
    text = capsys.readouterr().out
    assert re.search(r"distance of the order from 2 +<= 1e-12 +\S+ +NO", text)
    assert "0 of 1 rows met" in text


def test_a_check_without_rows_is_no_pass(workplace, capsys):
    path = workplace / "experiments" / "midpoint" / "run.py"
    text = path.read_text()
    line = next(line for line in text.splitlines() if "run.accept(" in line)
    path.write_text(text.replace(line, ""))
    assert main(["run", "midpoint", "--check", "--quick"]) == 1
    assert "nothing was checked" in capsys.readouterr().out


def test_a_mistyped_name_suggests_the_nearest(workplace, capsys):
    assert main(["run", "midpiont"]) == 2
    assert "no experiment called 'midpiont'. Did you mean 'midpoint'?" in capsys.readouterr().err
    assert main(["lst"]) == 2
    assert "no command 'lst'. Did you mean 'list'?" in capsys.readouterr().err
    assert main(["midpoint"]) == 2
    assert "jaxsci run midpoint" in capsys.readouterr().err
    assert main(["list", "--all"]) == 2
    assert "takes no options, got: --all" in capsys.readouterr().err
    assert main(["run"]) == 2
    assert "needs the name of an experiment" in capsys.readouterr().err


def test_a_mistyped_option_suggests_the_nearest(workplace, capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "midpoint", "--bonud", "1"])
    assert end.value.code == 2
    assert "--bound" in capsys.readouterr().err
    assert not (workplace / "runs").exists()


def test_options_are_typed_and_documented(workplace, capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "midpoint", "--bound", "tight"])
    assert end.value.code == 2
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["run", "midpoint", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "three grids instead of six" in text
    assert "The midpoint rule converges" in text


def test_wrong_input_is_a_message_and_status_two(workplace, capsys):
    assert main(["run", "midpoint", "--observations", "nowhere.csv"]) == 2
    captured = capsys.readouterr()
    assert "nowhere.csv" in captured.err
    assert "Traceback" not in captured.err
    assert "failed; results in" in captured.out
    folder = only_run(workplace)
    assert outcome(folder)["status"] == "failed"
    assert "FileNotFoundError" in (folder / "traceback.txt").read_text()


def test_debug_shows_the_traceback(workplace, capsys, monkeypatch):
    words = ["run", "midpoint", "--observations", "nowhere.csv"]
    assert main(["--debug", *words]) == 2
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("JAXSCI_DEBUG", "1")
    assert main(words) == 2
    assert "Traceback" in capsys.readouterr().err


def test_interruption_keeps_what_there_is(workplace, capsys):
    assert main(["run", "midpoint", "--stop-at", "128"]) == 130
    captured = capsys.readouterr()
    assert "interrupted" in captured.err
    folder = only_run(workplace)
    assert outcome(folder)["status"] == "interrupted"
    assert json.loads((folder / "metrics.json").read_text()) == {"grids_done": 3}


def test_a_failed_solution_is_status_one_and_a_bug_keeps_its_traceback(capsys):
    def fails(words):
        raise JaxsciError("the grid is too coarse", result=RESULTS.under_resolved)

    def breaks(words):
        raise RuntimeError("a bug")

    assert guarded(fails, []) == 1
    assert "jaxsci: the grid is too coarse" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="a bug"):
        guarded(breaks, [])


def test_python_m_jaxsci_lists_without_importing_jax(workplace):
    program = (
        "import runpy, sys; sys.argv = ['jaxsci', 'list']\n"
        "try: runpy.run_module('jaxsci', run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert 'jax' not in sys.modules, 'jax was imported'"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "midpoint" in done.stdout


def test_an_experiment_is_a_script_and_a_second_process_finds_compiled_programs(workplace):
    cache = workplace / "cache"
    environment = {**os.environ, "JAXSCI_COMPILE_CACHE": str(cache)}
    command = [sys.executable, "experiments/midpoint/run.py", "--check", "--quick"]

    def once():
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert "1 of 1 rows met" in done.stdout
        return {path.name for path in cache.iterdir() if path.name.endswith("-cache")}

    first = once()
    assert any(name.startswith("jit_") for name in first)
    assert once() == first  # nothing was left to compile
    assert len(list((workplace / "runs" / "midpoint").iterdir())) == 2
