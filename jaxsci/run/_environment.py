"""What a run ran on: versions, devices, threads, extras."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__

_THREADS = ("XLA_FLAGS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")


def environment() -> dict[str, Any]:
    """The environment of this process, as written to every run's `environment.json`.

    Returns:
        Versions, platform, usable CPUs, devices, default float type, thread flags, extras and, in
        a source checkout, the commit.
    """
    import jax

    return {
        "jaxsci": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": usable_cpus(),
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "float64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "packages": versions(None),
        "extras": {extra: versions(extra) for extra in ("plot", "io")},
    }


def usable_cpus() -> int:
    """The number of CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions(extra: str | None) -> dict[str, str | None]:
    """The packages that jaxsci requires (with `extra`), and their versions; `None` if missing."""
    return {name: _version(name) for name in _requirements(extra)}


def commit() -> str | None:
    """The commit of the source checkout, with `+` if files were changed since."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):  # no git on this machine: no commit to report
        return None
    return head + ("+" if changed else "")


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements(extra: str | None) -> list[str]:
    """Package names, read from jaxsci's own metadata so that there is one list only."""
    try:
        lines = metadata.requires("jaxsci") or []
    except metadata.PackageNotFoundError:  # run from a folder, never installed
        return []
    names = []
    for line in lines:
        found = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if (found.group(1) if found else None) == extra:
            names.append(re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0])
    return names
