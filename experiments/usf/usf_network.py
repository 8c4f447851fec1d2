"""A network that has learned the digits: errors of a real model, not of an exact score."""

import time
from typing import Any

import jax
import jax.numpy as jnp
from usf_models import digits

from jaxsci import fit
from jaxsci.diffusion import DenoisingScoreMatching, Preconditioned, ResidualMLP


def trained_network(steps: int, seed: int = 0) -> tuple[Preconditioned, dict[str, Any]]:
    """A residual perceptron fitted to the digits in float32.

    Args:
        steps: of Adam.
        seed: of weights, batches and noise.
    """
    data = jnp.asarray(digits(), "float32")
    first, second = jax.random.split(jax.random.key(seed))
    network = ResidualMLP(data.shape[1], dtype="float32", key=first)
    model = Preconditioned(network, jnp.std(data))
    begin = time.process_time()
    found = fit(model, data, DenoisingScoreMatching(max_steps=steps), key=second)
    seconds = time.process_time() - begin
    return found.value, {"loss": float(found.stats["loss"]), "seconds": seconds}
