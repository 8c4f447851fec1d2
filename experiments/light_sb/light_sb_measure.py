"""Measurements on the mixtures benchmark: errors, losses and CPU time of a fit."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from light_sb_rows import Asked

from jaxsci import fit
from jaxsci.bridge import (
    LightBridge,
    MomentMatching,
    conditional_bw_uvp,
    sampled_conditional_bw_uvp,
)
from jaxsci.bridge._reference import mixture_pair
from jaxsci.run import child_report, timed

CHILD = Path(__file__).with_name("light_sb_child.py")
COMPONENTS = 5
_LANES = 8  # fits side by side whose work stays in the cache
_BLOCK = 10_000  # samples drawn at a time: the plans of all of them would not fit into memory

exact_error = eqx.filter_jit(conditional_bw_uvp)
sampled_error = eqx.filter_jit(sampled_conditional_bw_uvp)


class Instance(eqx.Module):
    """One instance of a cell with its samples.

    Attributes:
        truth: the bridge between the two sides.
        data: samples of both, unpaired.
        starts: at which plans are compared.
        variance: of the end, the trace of its covariance.
    """

    truth: LightBridge
    data: tuple[Float[Array, "n d"], Float[Array, "n d"]]
    starts: Float[Array, "m d"]
    variance: Float[Array, ""]

    def error(self, model: LightBridge) -> float:
        """cBW-UVP with exact moments, in per cent."""
        return float(exact_error(model, self.truth, self.starts, self.variance))


def instance(asked: Asked, seed: int, num: int) -> Instance:
    """The instance `seed` of a cell, with `num` samples a side."""
    pair = mixture_pair(asked.dim, asked.epsilon, asked.variant, seed)
    first, second, third = jax.random.split(jax.random.key(1000 + seed), 3)
    end = _in_blocks(pair.end, second, num)
    variance = jnp.sum(jnp.var(end, axis=0))
    return Instance(
        pair.truth, (pair.start(first, num), end), pair.start(third, asked.num_tests), variance
    )


def _in_blocks(draw: Callable[[Array, int], Array], key: Array, num: int) -> Array:
    size = min(_BLOCK, num)
    keys = jax.random.split(key, -(-num // size))
    # `draw` is a method of a module: its arrays are arguments here, not constants of the program
    blocks = eqx.filter_jit(lambda f, k: jax.lax.map(lambda one: f(one, size), k))(draw, keys)
    return blocks.reshape(-1, blocks.shape[-1])[:num]


def template(asked: Asked) -> LightBridge:
    """What is fitted: as many components as the truth has."""
    return LightBridge.blank(asked.dim, COMPONENTS, asked.epsilon, full=asked.full)


def measure_fit(case: Instance, asked: Asked, repeats: int, seed: int) -> dict[str, Any]:
    """Errors in both metrics, the loss beside the truth's, and times of `MomentMatching`."""
    key = jax.random.key(seed)
    program = lambda: fit(template(asked), case.data, MomentMatching(), key=key, throw=False)
    solution, first, warm = timed(program, repeats)
    draws = jax.random.key(77)
    score = lambda model: sampled_error(model, case.truth, case.starts, case.variance, draws)
    return {
        "error": case.error(solution.value),
        "sampled": float(score(solution.value)),
        "floor": float(score(case.truth)),
        "excess_loss": float(solution.stats["loss"] - case.truth.loss(*case.data)),
        "sweeps": int(solution.stats["num_sweeps"]),
        "first": first,
        "warm": warm,
    }


def median_of_instances(asked: Asked, seeds: int, num: int, repeats: int) -> dict[str, float]:
    """`measure_fit`, entry by entry the median over the instances; `worst` is the worst error."""
    found = []
    for seed in range(seeds):
        runs = repeats if seed == 0 else 0
        found.append(measure_fit(instance(asked, seed, num), asked, runs, seed))
    medians = {name: statistics.median(each[name] for each in found) for name in found[0]}
    medians["over_floor"] = statistics.median(each["sampled"] / each["floor"] for each in found)
    medians["worst"] = max(each["error"] for each in found)
    times = {"first": found[0]["first"], "warm": found[0]["warm"]}
    return medians | times | {"first_instance": found[0]["error"]}


def sweep_seconds(count: int, num: int, repeats: int) -> dict[str, float]:
    """CPU seconds per fit: `count` epsilons one at a time, in one `vmap`, in a `vmap` of 8 by 8.

    Args:
        count: epsilons between 0.1 and 10.
        num: samples a side, D = 2.
        repeats: warm runs of which the median counts.
    """
    case = instance(Asked("A", 2, 1.0, 0, 0), 0, num)
    epsilons = jnp.logspace(-1, 1, count)
    key = jax.random.key(0)

    def one(epsilon: Array, data: Any) -> LightBridge:
        blank = LightBridge.blank(2, COMPONENTS, epsilon)
        return fit(blank, data, MomentMatching(), key=key, throw=False).value

    vectorised = eqx.filter_jit(lambda e, data: jax.vmap(lambda x: one(x, data))(e))
    chunked = eqx.filter_jit(
        lambda e, data: jax.lax.map(lambda x: one(x, data), e, batch_size=_LANES)
    )
    values = [float(epsilon) for epsilon in epsilons]
    programs = {
        "single": lambda: [one(jnp.asarray(epsilon), case.data) for epsilon in values],
        "vmap": lambda: vectorised(epsilons, case.data),
        "chunked": lambda: chunked(epsilons, case.data),
    }
    return {name: timed(program, repeats)[2] / count for name, program in programs.items()}


def first_fit_seconds(asked: Asked, num: int) -> float:
    """CPU seconds of one fit in a fresh process, compilation included, importing left out."""
    arguments = (asked.variant, str(asked.dim), str(asked.epsilon), str(num))
    return child_report(CHILD, "--first", *arguments)["first"]


def first_fit(variant: str, dim: int, epsilon: float, num: int) -> dict[str, float]:
    """What a fresh process reports for `first_fit_seconds`."""
    asked = Asked(variant, dim, epsilon, 0.0, 0.0)
    case = instance(asked, 0, num)
    jax.block_until_ready(case.data)
    return {"first": measure_fit(case, asked, 0, 0)["first"]}
