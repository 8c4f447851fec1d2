"""Samples larger than memory: a fit to HDF5 files, with what it holds in memory at most."""

import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from light_sb_measure import CHILD, exact_error, template
from light_sb_rows import Asked

from jaxsci import fit
from jaxsci.bridge import MomentMatching, Streamed
from jaxsci.bridge._reference import mixture_pair
from jaxsci.run import child_report, peak_gigabytes

_BLOCK = 20_000  # samples drawn at a time


def streamed_report(num: int, dim: int = 16) -> dict[str, Any]:
    """`streamed_fit` in a process of its own, so that its memory is its own."""
    return child_report(CHILD, "--streamed", str(num), str(dim))


def streamed_fit(num: int, dim: int) -> dict[str, float]:
    """Fit to `num` samples a side in files.

    Returns:
        `error` in per cent, `seconds` of CPU, `data_gb` on disk, and `memory_gb`: by how much the
        peak of the process rose during the fit.
    """
    import h5py

    asked = Asked("A", dim, 1.0, 0.0, 0.0)
    pair = mixture_pair(dim, asked.epsilon, asked.variant, 0)
    with tempfile.TemporaryDirectory() as folder, h5py.File(Path(folder) / "samples.h5", "w") as f:
        for name, draw, seed in (("x", pair.start, 1), ("y", pair.end, 2)):
            f.create_dataset(name, (num, dim), np.float64)
            for first in range(0, num, _BLOCK):
                key = jax.random.fold_in(jax.random.key(seed), first)
                f[name][first : first + _BLOCK] = draw(key, min(_BLOCK, num - first))
        before, began = peak_gigabytes(), time.process_time()
        data = Streamed(f["x"]), Streamed(f["y"])
        found = fit(template(asked), data, MomentMatching(), key=jax.random.key(0))
        seconds, memory = time.process_time() - began, peak_gigabytes() - before
    starts = pair.start(jax.random.key(3), asked.num_tests)
    variance = np.var(pair.end(jax.random.key(4), 10 * _BLOCK), axis=0).sum()
    error = float(exact_error(found.value, pair.truth, starts, variance))
    data_gb = 2 * num * dim * 8 / 1e9
    return {"error": error, "seconds": seconds, "data_gb": data_gb, "memory_gb": memory}
