"""What makes a schedule impossible, said before anything is compiled."""

from typing import Any

import numpy as np

from .._core import concrete


def check_schedule(schedule: Any) -> None:
    """Look at the numbers of a concrete schedule.

    Raises:
        ValueError: naming the step, the value and the remedy.
    """
    if not concrete(schedule):
        return
    numbers = {name: np.asarray(value) for name, value in vars(schedule).items()}
    _check_times(numbers)
    _check_codes(numbers)
    _check_history(numbers)


def _check_times(s: dict[str, np.ndarray]) -> None:
    times, live = s["log_snr"], s["live"]
    if not np.isfinite(times).all():
        raise ValueError(
            f"Schedule: log_snr must be finite, got {times}; a last sigma of zero is the step "
            "`to_zero`, see denoise_to_zero."
        )
    if (np.diff(live.astype(int)) > 0).any() or not live[0]:
        raise ValueError("Schedule: live steps must come first, padding last.")
    used = np.diff(times[: live.sum() + 1])
    if (used < 0).any() and (used > 0).any():
        bad = int(np.flatnonzero(np.sign(used) != np.sign(times[live.sum()] - times[0]))[0])
        raise ValueError(
            f"Schedule: times must be monotone, but log_snr goes from {times[bad]:.6g} to "
            f"{times[bad + 1]:.6g} in step {bad}. Sort them: growing log-SNR to sample, falling "
            "to invert."
        )


def _check_codes(s: dict[str, np.ndarray]) -> None:
    limits = {"prediction": 1, "scaling": 4, "corrector_scaling": 4, "basis": 2}
    for name, last in limits.items():
        if (s[name] < 0).any() or (s[name] > last).any():
            raise ValueError(f"Schedule: {name} must be a code from 0 to {last}, got {s[name]}.")
    if (s["order"] < 1).any() or (s["order"] > 4).any():
        raise ValueError(f"Schedule: order must be 1, 2, 3 or 4, got {s['order']}.")
    for name in ("stochastic", "churn", "churn_noise"):
        if (s[name] < 0).any():
            raise ValueError(f"Schedule: {name} must not be negative, got {s[name]}.")
    clash = np.flatnonzero(s["corrector"][:-1] & (s["churn"][1:] > 0))
    if clash.size:
        raise ValueError(
            f"Schedule: step {clash[0]} has a corrector and step {clash[0] + 1} begins with churn: "
            "the model is then asked elsewhere than where the corrected step ends. Leave out one."
        )


def _check_history(s: dict[str, np.ndarray]) -> None:
    times, window = s["log_snr"], s["extra_state"].shape[1]
    for n in range(int(s["live"].sum())):
        start, order = int(s["start"][n]), int(s["order"][n])
        reach = min(n + 1, window)
        if not 0 <= start < reach:
            raise ValueError(
                f"Schedule: step {n} starts {start} steps back, but only {reach} point(s) are "
                "there. Lower `start`, or raise `window`."
            )
        if order > reach:
            raise ValueError(
                f"Schedule: step {n} asks for order {order}, which needs {order} model values, "
                f"but only {reach} are there. Lower the first orders (1, 2, 3, ...), or use more "
                "steps."
            )
        if s["to_zero"][n]:
            continue
        others = [i for i in range(reach) if i != start][: order - 1]
        used = times[[n - start, *[n - i for i in others]]]
        if times[n + 1] == times[n - start]:
            raise ValueError(
                f"Schedule: step {n} ends where it starts, at log_snr {times[n + 1]:.6g}. Times "
                "must change from the start of a step to its end."
            )
        if len(set(used.tolist())) < used.size:
            raise ValueError(
                f"Schedule: step {n} of order {order} uses two points of the same time. Lower its "
                "order, or move the times apart."
            )
