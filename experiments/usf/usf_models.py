"""Models whose score is exact: mixtures of Gaussians fitted to data that need no download."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxsci.diffusion import MixtureDenoiser

try:
    from sklearn import cluster, datasets
except ImportError:
    cluster = datasets = None

INSTALLED = datasets is not None
NOT_RUN = "not run: scikit-learn is not installed"


def digits() -> Float[np.ndarray, "1797 64"]:
    """Handwritten digits of 8 x 8 pixels in [-1, 1]."""
    return _installed(datasets).load_digits().data / 8.0 - 1.0


def patches(count: int = 6000, side: int = 32, seed: int = 0) -> Float[np.ndarray, "n d"]:
    """Square patches of the two photographs in [-1, 1], one flattened patch a row.

    Args:
        count: how many patches.
        side: pixels a side; three colours.
        seed: of their places.
    """
    photos = [image / 127.5 - 1.0 for image in _installed(datasets).load_sample_images().images]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        photo = photos[rng.integers(len(photos))]
        row, column = (rng.integers(size - side + 1) for size in photo.shape[:2])
        found.append(photo[row : row + side, column : column + side].ravel())
    return np.stack(found)


def fitted_mixture(
    data: Float[np.ndarray, "n d"],
    clusters: int,
    rank: int,
    *,
    seed: int = 0,
    dtype: Any = "float32",
) -> MixtureDenoiser:
    """$\\sum_k w_k N(m_k, U_k\\Lambda_kU_k^T + \\tau_k^2(I - U_kU_k^T))$ from k-means clusters.

    Args:
        data: one sample a row.
        clusters: K.
        rank: principal directions of each cluster; the rest of its variance is spread evenly.
        seed: of k-means.
        dtype: of the denoiser.
    """
    means = _installed(cluster).KMeans(clusters, n_init=4, random_state=seed).fit(data)
    parts = [_gaussian(data[means.labels_ == k], rank) for k in range(clusters)]
    counts = np.bincount(means.labels_)
    centres, directions, variances, tails = (np.stack(field) for field in zip(*parts, strict=True))
    few = counts <= rank + 1  # these members say nothing of other directions: the mean of the rest
    tails = np.where(few, tails[~few].mean(), tails)
    variances = np.where(few[:, None], np.maximum(variances, tails[:, None]), variances)
    fields = np.log(counts / len(data)), centres, directions, variances, tails
    return MixtureDenoiser(*(jnp.asarray(field, dtype) for field in fields))


def _gaussian(members: np.ndarray, rank: int) -> tuple[np.ndarray, ...]:
    """Mean, leading directions, variances along them, and the mean variance of the others."""
    mean = members.mean(axis=0)
    few = len(members) < rank  # they have fewer directions: it is filled up with any
    _, sizes, directions = np.linalg.svd(members - mean, full_matrices=few)
    variances = np.pad(sizes**2, (0, max(0, rank - sizes.size))) / len(members)
    tail = variances[rank:].sum() / (members.shape[1] - rank)
    return mean, directions[:rank].T, variances[:rank], np.asarray(tail)


def plane_mixture(dtype: Any = "float32") -> MixtureDenoiser:
    """Eight narrow modes on a circle in the plane, each wider along it than across."""
    angles = np.arange(8) * np.pi / 4
    means = 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    along = np.stack([-np.sin(angles), np.cos(angles)], axis=1)[:, :, None]
    fields = (np.zeros(8), means, along, np.full((8, 1), 0.12**2), np.full(8, 0.02**2))
    return MixtureDenoiser(*(jnp.asarray(field, dtype) for field in fields))


def digits_mixture(seed: int = 0, dtype: Any = "float32") -> MixtureDenoiser:
    """The main model: 20 clusters of rank 12 in 64 dimensions."""
    return fitted_mixture(digits(), 20, 12, seed=seed, dtype=dtype)


def patch_mixture(seed: int = 0, dtype: Any = "float32") -> MixtureDenoiser:
    """As many dimensions as a small colour picture, 3,072: 8 clusters of rank 48."""
    return fitted_mixture(patches(), 8, 48, seed=seed, dtype=dtype)


def _installed(module: Any) -> Any:
    if module is None:
        raise ImportError("This model needs scikit-learn: pip install scikit-learn.")
    return module
