"""The mixtures benchmark: pairs of distributions whose Schrödinger bridge is known.

The start is $N(0, I/4)$; the potential a mixture of five Gaussians around points of norm 5. The
construction is that of N. Gushchin et al., Building the bridge of Schrödinger (NeurIPS 2023), with
seeds of our own: the published files are not distributed with a generator.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._model import LightBridge
from ._spread import Diagonal, Full

_COMPONENTS = 5
_RADIUS = 5.0
_START_DEVIATION = 0.5
_SEED = 20231174


class MixturePair(eqx.Module):
    """Two distributions and the bridge between them.

    Attributes:
        truth: the bridge.
    """

    truth: LightBridge

    def start(self, key: Array, num: int) -> Float[Array, "n d"]:
        """Samples at time 0."""
        return _START_DEVIATION * jax.random.normal(key, (num, self.truth.dim), self._dtype)

    def end(self, key: Array, num: int) -> Float[Array, "n d"]:
        """Samples at time 1, paired with nothing."""
        first, second = jax.random.split(key)
        return self.truth.sample(second, self.start(first, num))

    @property
    def _dtype(self):
        return self.truth.centers.dtype


def mixture_pair(dim: int, epsilon: float, variant: str = "A", seed: int = 0) -> MixturePair:
    """One instance.

    For the potential $\\sum_n w_n N(y; b_n, \\Sigma_n)$ the truth is a light bridge, with
    $S_n = (\\varepsilon\\Sigma_n^{-1} + I)^{-1}$, $r_n = \\varepsilon S_n\\Sigma_n^{-1} b_n$ and
    $\\alpha_n = w_n N(b_n; 0, \\Sigma_n + \\varepsilon I)$.

    Args:
        dim: D.
        epsilon: of the reference process.
        variant: `"A"`, $\\Sigma_n = 0.05 I$, or `"B"`, randomly rotated with eigenvalues
            log-uniform in [0.02, 0.5].
        seed: of the instance.

    Raises:
        ValueError: for another variant.
    """
    if variant not in ("A", "B"):
        raise ValueError(f'mixture_pair: variant must be "A" or "B", got {variant!r}.')
    random = np.random.default_rng([_SEED, seed, dim, round(1000 * epsilon), ord(variant)])
    points = random.normal(size=(_COMPONENTS, dim))
    points *= _RADIUS / np.linalg.norm(points, axis=1, keepdims=True)
    values = np.full((_COMPONENTS, dim), 0.05)
    rotations = np.broadcast_to(np.eye(dim), (_COMPONENTS, dim, dim))
    if variant == "B":
        values = np.exp(random.uniform(np.log(0.02), np.log(0.5), values.shape))
        rotations = np.stack([_rotation(random, dim) for _ in range(_COMPONENTS)])
    inside = np.einsum("kij,ki->kj", rotations, points)
    shapes = values / (epsilon + values)
    centers = np.einsum("kij,kj->ki", rotations, epsilon / (epsilon + values) * inside)
    spread_out = values + epsilon
    log_weights = -0.5 * np.sum(np.log(spread_out) + inside**2 / spread_out, axis=1)
    if variant == "A":
        spread = Diagonal(jnp.asarray(shapes))
    else:
        spread = Full(jnp.asarray(np.einsum("kij,kj,klj->kil", rotations, shapes, rotations)))
    return MixturePair(
        LightBridge(jnp.asarray(log_weights), jnp.asarray(centers), spread, epsilon).normalised()
    )


def _rotation(random: np.random.Generator, dim: int) -> np.ndarray:
    """Uniform over the orthogonal group."""
    q, r = np.linalg.qr(random.normal(size=(dim, dim)))
    return q * np.sign(np.diagonal(r))
