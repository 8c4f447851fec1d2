"""A schedule found on one model and used on another of the same kind."""

import math
from typing import Any

import numpy as np
from usf_models import digits, fitted_mixture
from usf_search import fixed_errors, gain, schedule_error, search_problem


def transfer(num_evals: int, seed: int) -> dict[str, Any]:
    """Search on a mixture fitted to half of the digits; judge on that of the other half.

    Gains are over the fixed sampler that is best in hindsight on the model that is judged. What is
    kept is measured twice: of the excess of the gain over one, and of its logarithm.

    Args:
        num_evals: evaluations.
        seed: of the halves, the noises and the search.
    """
    order = np.random.default_rng(seed).permutation(len(digits()))
    halves = [
        fitted_mixture(digits()[part], 20, 12, seed=seed) for part in np.array_split(order, 2)
    ]
    first, second = (
        search_problem(model, 64, num_evals, 100 * seed + k) for k, model in enumerate(halves)
    )
    here = gain(first, seed)
    there = schedule_error(second, here["schedule"])
    moved = min(fixed_errors(second).values()) / there
    return {
        "gain": here["gain"],
        "moved_gain": moved,
        "kept": (moved - 1) / (here["gain"] - 1),
        "kept_logarithm": math.log(moved) / math.log(here["gain"]),
    }
