"""`jaxsci doctor`: is this machine ready? Every line is looked up or computed on the spot."""

import secrets
from pathlib import Path

from ._compile_cache import SWITCH, cache_folder
from ._environment import environment, usable_cpus
from ._execute import prepare


def doctor() -> int:
    """Print the report; the exit status is 1 if float64 does not work."""
    prepare()
    report = environment()
    precise = float64_works()
    print(
        f"jaxsci    {report['jaxsci']}"
        + (f", commit {report['commit']}" if report["commit"] else "")
    )
    print(f"python    {report['python']} on {report['platform']}")
    print(f"packages  {_listed(report['packages'])}")
    for extra, packages in report["extras"].items():
        print(f"extra     {extra}: {_listed(packages)}")
    print(f"devices   {len(report['devices'])}: {', '.join(report['devices'])}")
    print(f"threads   {_threads(report['threads'])}")
    print(f"float64   {'works' if precise else 'DOES NOT WORK: 1 + 2^-40 was rounded to 1'}")
    print(f"cache     {_cache_line()}")
    return 0 if precise else 1


def float64_works() -> bool:
    """Compute (1 + 2^-40) - 1 on the default device: float32 would round it to zero."""
    import jax
    import jax.numpy as jnp

    # Both numbers are arguments: XLA simplifies (1 + x) - 1 to x, and then even float32 passes.
    one, small = jnp.asarray(1.0), jnp.asarray(2.0**-40)
    return float(jax.jit(lambda a, b: (a + b) - a)(one, small)) == 2.0**-40


def cache_is_written(folder: Path) -> bool:
    """Compile a program that nobody compiled before and look for its entry, then remove it."""
    import jax
    import jax.numpy as jnp

    fresh = secrets.randbits(40) / 2.0**40

    def jaxsci_doctor_probe(x):
        return x + fresh

    jax.jit(jaxsci_doctor_probe)(jnp.zeros(3)).block_until_ready()
    entries = list(folder.glob("*jaxsci_doctor_probe*"))
    for entry in entries:
        entry.unlink()
    return bool(entries)


def _cache_line() -> str:
    import jax

    active = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if not active:
        reason = f"{SWITCH} says so" if cache_folder() is None else "its folder cannot be made"
        return f"off ({reason})"
    folder = Path(active)
    written = "is written" if cache_is_written(folder) else "IS NOT WRITTEN"
    entries = [path for path in folder.glob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in entries) / 1e6
    return f"{folder} {written}; {len(entries)} files, {size:.1f} MB"


def _listed(packages: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in packages.items())


def _threads(flags: dict[str, str]) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in flags.items())
    return f"{usable_cpus()} CPUs usable; {settings or 'no thread flags set'}"
