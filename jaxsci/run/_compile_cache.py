"""JAX's persistent compilation cache, in the user's cache folder."""

import hashlib
import os
import platform
import warnings
from pathlib import Path

SWITCH = "JAXSCI_COMPILE_CACHE"


def cache_folder() -> Path | None:
    """Where compiled programs are kept; `None` if the cache is switched off.

    `JAXSCI_COMPILE_CACHE` is a folder, or `off`. Without it: `$XDG_CACHE_HOME/jaxsci/compiled` or
    `~/.cache/jaxsci/compiled`, one folder for each kind of processor.
    """
    asked = os.environ.get(SWITCH, "")
    if asked.lower() in {"off", "0", "no", "false"}:
        return None
    if asked:
        return Path(asked).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jaxsci" / "compiled" / _processor()


def enable_compile_cache() -> Path | None:
    """Keep compiled programs on disk, so that a second process need not compile them again.

    A folder that the user has already given to JAX (`JAX_COMPILATION_CACHE_DIR`) is left in place.

    Returns:
        The folder in use, or `None` if the cache is off.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    if jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
        return Path(jax.config.jax_compilation_cache_dir)  # pyright: ignore[reportAttributeAccessIssue]
    folder = cache_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        warnings.warn(f"no compile cache: {error}. {SWITCH}=off silences this.", stacklevel=2)
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # A solve is many small programs: together they take longer to compile than the large ones.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    compilation_cache.reset_cache()  # JAX looks at the folder once, and may have looked before
    return folder


def _processor() -> str:
    """A name for this kind of processor: code compiled for another one may not run here."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else [platform.processor()]
    features = [line for line in lines if line.startswith(("flags", "Features"))] or lines
    digest = hashlib.sha256(features[0].encode()).hexdigest()
    return f"{platform.machine()}-{digest[:8]}"
