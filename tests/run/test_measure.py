"""Measurements in a process of their own."""

import math
import sys

import pytest

from jaxsci.run import child_report, peak_gigabytes, timed


def test_a_child_reports_on_one_thread(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(
        "import json, os, sys\n"
        "print('other output')\n"
        "print(json.dumps({'arguments': sys.argv[1:], 'threads': os.environ['OMP_NUM_THREADS']}))\n"
    )
    assert child_report(script, "a", "2") == {"arguments": ["a", "2"], "threads": "1"}


def test_a_child_that_fails_is_heard(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("raise OSError('the disk is full')\n")
    with pytest.raises(RuntimeError, match=r"broken\.py failed(.|\n)*the disk is full"):
        child_report(script)


def test_peak_memory_grows_with_what_is_held():
    before = peak_gigabytes()
    if not sys.platform.startswith("linux"):
        assert math.isnan(before)
        return
    held = bytearray(int((before + 0.3) * 1e9))  # above the peak whatever was freed before
    held[::4096] = b"x" * len(held[::4096])
    assert peak_gigabytes() > before + 0.2


def test_a_program_is_run_once_cold_and_then_warm():
    calls = []
    result, first, warm = timed(lambda: calls.append(None) or len(calls), 3)
    assert result == len(calls) == 4
    assert first >= 0
    assert warm >= 0
    assert math.isnan(timed(lambda: None, 0)[2])
