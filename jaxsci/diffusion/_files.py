"""Schedules on disk: versioned JSON that gives every bit back; lists for other libraries."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._grids import log_snr_span
from ._noise import AbstractNoise
from ._schedule import BASES, PREDICTIONS, SCALINGS, Schedule

FORMAT = "jaxsci.diffusion.schedule"
VERSION = 1
_NAMES = {
    "prediction": PREDICTIONS,
    "scaling": SCALINGS,
    "corrector_scaling": SCALINGS,
    "basis": BASES,
}


def save_schedule(
    path: str | Path, schedule: Schedule, *, info: dict[str, Any] | None = None
) -> None:
    """Write a schedule as JSON.

    Args:
        path: the file.
        schedule: one schedule; decimal numbers are written so that reading gives the same bits.
        info: where it comes from (model, teacher, loss, seeds), anything JSON can hold.

    Raises:
        ValueError: if it is a population.
    """
    if schedule.log_snr.ndim != 1:
        raise ValueError(
            f"save_schedule: one schedule a file, got log_snr of {schedule.log_snr.shape}."
        )
    times = np.asarray(schedule.log_snr)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": str(times.dtype),
        "num_evals": int(schedule.num_evals),
        "log_snr_range": [float(times[0]), float(times[-1])],
        "fields": {name: _written(name, value) for name, value in vars(schedule).items()},
        "info": {} if info is None else info,
    }
    Path(path).write_text(json.dumps(document, indent=1) + "\n")


def load_schedule(path: str | Path, noise: AbstractNoise | None = None) -> Schedule:
    """Read what `save_schedule` wrote.

    Args:
        path: the file.
        noise: the noise schedule of the model it is for; the file's times must lie in its span.

    Returns:
        The schedule, every bit as it was saved.

    Raises:
        ValueError: if the file is of another kind or version, or for another range of noise.
    """
    document = _document(path)
    dtype = document["dtype"]
    if dtype == "float64" and jnp.zeros(0).dtype != jnp.float64:
        raise ValueError(
            f"load_schedule: {path} holds float64; switch it on by "
            'jax.config.update("jax_enable_x64", True).'
        )
    times = np.asarray(document["fields"]["log_snr"])
    if noise is not None:
        _check_range(path, times, noise)
    fields = {name: _read(value, dtype) for name, value in document["fields"].items()}
    window = np.shape(document["fields"]["extra_state"])[1]
    return Schedule(fields.pop("log_snr"), window=window, **fields)


def schedule_info(path: str | Path) -> dict[str, Any]:
    """What `save_schedule` was told about the origin of a schedule.

    Args:
        path: the file.

    Returns:
        The dictionary `info`.

    Raises:
        ValueError: if the file is of another kind or version.
    """
    return _document(path)["info"]


def export_timesteps(schedule: Schedule, noise: AbstractNoise) -> list[int] | list[float]:
    """The times at which the model is asked, most noise first: diffusers' `timesteps`.

    Other libraries take the times alone, and their own solver. For `FlowMatching` the time is the
    noise level: there this is the list that they call `sigmas`.

    Args:
        schedule: a multistep method, from noise to data; padding is left out.
        noise: of the model; for `DiscreteVP` the times are rounded to whole indices.

    Returns:
        N falling numbers, integers for `DiscreteVP`.

    Raises:
        ValueError: if two steps ask the model at one time, which those libraries refuse.
    """
    times = noise.time(schedule.log_snr[:-1] + schedule.shift)
    numbers = np.asarray(times)[np.asarray(schedule.live)]
    if _counts(noise):
        numbers = np.round(numbers).astype(int)
    _check_falling("export_timesteps", numbers)
    return numbers.tolist()


def export_sigmas(schedule: Schedule, *, final_zero: bool = False) -> list[float]:
    """$\\sigma/\\alpha$ at all times, most noise first: the `sigmas` of k-diffusion and diffusers.

    Args:
        schedule: a multistep method, from noise to data; padding is left out.
        final_zero: append the zero that k-diffusion's samplers and diffusers' lists end with. It
            costs one evaluation more: its step is that of `denoise_to_zero`, whose schedules end
            at zero anyway.

    Returns:
        N + 1 falling numbers, or N + 2.

    Raises:
        ValueError: if two steps begin at one noise level, which those libraries refuse.
    """
    there = np.append(True, np.asarray(schedule.live))
    end = np.append(False, np.asarray(schedule.to_zero))
    levels = np.where(end, 0.0, np.exp(-np.asarray(schedule.log_snr)))[there]
    if final_zero and levels[-1] > 0:
        levels = np.append(levels, 0.0)
    _check_falling("export_sigmas", levels)
    return levels.tolist()


def _check_falling(name: str, numbers: np.ndarray) -> None:
    wrong = np.flatnonzero(np.diff(numbers) >= 0)
    if wrong.size:
        step = int(wrong[0])
        raise ValueError(
            f"{name}: steps {step} and {step + 1} have {numbers[step]} and {numbers[step + 1]}, "
            "but other libraries want falling lists. Single-step methods (Heun, DPM-Solver) are "
            "exported by the grid they were made of; times that were rounded to one index want "
            "fewer steps."
        )


def _counts(noise: AbstractNoise) -> bool:
    return hasattr(noise, "alphas_cumprod")


def _written(name: str, value: Array) -> Any:
    array = np.asarray(value)
    if name in _NAMES:
        return [_NAMES[name][code] for code in array]
    # float64 holds every float32, and Python prints the shortest decimal that gives it back
    return array.astype(np.float64).tolist() if array.dtype.kind == "f" else array.tolist()


def _read(value: Any, dtype: str) -> Any:
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return [str(name) for name in array]
    return jnp.asarray(array.astype(dtype)) if array.dtype.kind == "f" else array


def _document(path: str | Path) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f"load_schedule: {path} is not JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"load_schedule: {path} is not a schedule of jaxsci.diffusion.")
    if document.get("version") != VERSION:
        raise ValueError(
            f"load_schedule: {path} has version {document.get('version')}, this release reads "
            f"version {VERSION}. Save it anew with the release that wrote it, or install that one."
        )
    return document


def _check_range(path: str | Path, times: np.ndarray, noise: AbstractNoise) -> None:
    first, last = sorted(float(end) for end in log_snr_span(noise))
    low, high = times.min(), times.max()
    slack = 1e-4 * (last - first)
    if low < first - slack or high > last + slack:
        raise ValueError(
            f"load_schedule: {path} is for log-SNR from {low:.4g} to {high:.4g}, but "
            f"{type(noise).__name__} spans {first:.4g} to {last:.4g}. Search a schedule for this "
            "range, or pass the noise schedule that the file was made for."
        )
