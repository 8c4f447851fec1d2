"""Models and schedules that tests and experiments share."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import DTypeLike

from ._closed_form import MixtureDenoiser
from ._schedule import Schedule


def smooth_mixture(dtype: DTypeLike = "float64") -> MixtureDenoiser:
    """$\\sum_k w_kN(m_k, C_k)$ in the plane, three wide modes: solvers show their orders on it.

    Args:
        dtype: of the denoiser.
    """
    angles = np.array([0.3, 1.2, 2.0])
    basis = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, :, None]
    means = np.array([[0.6, 0.1], [-0.5, 0.4], [0.1, -0.7]])
    along, across = np.array([[0.5], [0.4], [0.3]]) ** 2, np.array([0.3, 0.35, 0.4]) ** 2
    fields = (np.log([0.5, 0.3, 0.2]), means, basis, along, across)
    return MixtureDenoiser(*(jnp.asarray(field, dtype) for field in fields))


def uneven_schedule(order: int, ratio: float, seed: int = 4, num_steps: int = 60) -> Schedule:
    """Correctors, and steps whose random lengths differ up to a ratio, in float64.

    Args:
        order: of all steps that have enough points behind them.
        ratio: of the longest to the shortest step.
        seed: of the lengths.
        num_steps: N.

    Returns:
        A schedule from the level 80 to 0.002, with times that float32 can hold.
    """
    random = np.random.default_rng(seed)
    parts = np.cumsum(np.exp(random.uniform(-np.log(ratio), 0, num_steps)))
    grid = np.append(0.0, parts / parts[-1]) * np.log(80 / 0.002) - np.log(80)
    orders = jnp.asarray(np.minimum(np.arange(num_steps) + 1, order))
    return Schedule(jnp.asarray(grid.astype("float32"), "float64"), order=orders, corrector=True)
