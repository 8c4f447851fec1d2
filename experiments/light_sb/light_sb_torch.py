"""LightSB in PyTorch, a short re-implementation at its published settings: a rival on the clock.

Diagonal shape matrices from S = 1, centres at samples of the end, K = 50, batches of 128 from each
side, Adam at a constant rate on epsilon log alpha, r and log S, in single precision as published.
Written from the equations of arXiv 2310.01174 (equations 8 and 10).
"""

import importlib.util
import math
import time
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxsci.bridge import Diagonal, LightBridge

INSTALLED = importlib.util.find_spec("torch") is not None
NOT_RUN = "not run: torch is not installed"


def torch_light_sb(
    x0: np.ndarray,
    x1: np.ndarray,
    epsilon: float,
    *,
    learning_rate: float,
    num_components: int = 50,
    steps: int = 10_000,
    batch: int = 128,
    seed: int = 42,
) -> tuple[LightBridge, float]:
    """The fitted bridge and the CPU seconds of its steps, on one thread.

    Args:
        x0: samples of the start, shape `(n, D)`.
        x1: samples of the end.
        epsilon: of the reference process.
        learning_rate: of Adam.
        num_components: K.
        steps: how many.
        batch: samples of each side per step.
        seed: of everything random.
    """
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    start, end = (torch.as_tensor(np.array(x, np.float32)) for x in (x0, x1))
    log_weights = torch.full((num_components,), -epsilon * math.log(num_components))
    centers = end[torch.randperm(len(end))[:num_components]].clone()
    parameters = [log_weights, centers, torch.zeros_like(centers)]
    for parameter in parameters:
        parameter.requires_grad_()
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    began = time.process_time()
    for _ in range(steps):
        x = start[torch.randint(len(start), (batch,))]
        y = end[torch.randint(len(end), (batch,))]
        optimiser.zero_grad()
        _loss(torch, x, y, parameters, epsilon).backward()
        optimiser.step()
    seconds = time.process_time() - began
    weights, r, log_s = (jnp.asarray(p.detach().numpy().astype(np.float64)) for p in parameters)
    bridge = LightBridge(weights / epsilon, r, Diagonal(jnp.exp(log_s)), epsilon)
    return bridge.normalised(), seconds


def _loss(torch: Any, x: Any, y: Any, parameters: list, epsilon: float) -> Any:
    """$E\\log c(x) - E\\log v(y)$, with the mixture as torch.distributions has it, as published."""
    scaled, centers, log_s = parameters
    s = torch.exp(log_s)
    exponent = (x[:, None] ** 2 * s + 2 * x[:, None] * centers).sum(-1) / (2 * epsilon)
    log_c = torch.logsumexp(scaled / epsilon + exponent, dim=1)
    law = torch.distributions
    pieces = law.Independent(law.Normal(centers, torch.sqrt(epsilon * s)), 1)
    log_v = torch.logsumexp(scaled / epsilon + pieces.log_prob(y[:, None]), dim=1)
    return log_c.mean() - log_v.mean()
