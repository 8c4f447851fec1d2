"""What a search minimises: functions of the sampler's ends and the teacher's."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

Objective = Callable[[Float[Array, "n ..."], Float[Array, "n ..."]], Float[Array, ""]]


def end_point_error(ends: Float[Array, "n ..."], targets: Float[Array, "n ..."]) -> Array:
    """$\\frac1{nd}\\sum|y_i - y_i^*|^2$, pair by pair from the same noise.

    Args:
        ends: of the sampler.
        targets: of the teacher.

    Returns:
        The mean square.
    """
    return jnp.mean((ends - targets) ** 2)


class MMD(eqx.Module):
    """$E k(x, x') - 2 E k(x, y) + E k(y, y')$, $k = \\sum_b (1 + |x-y|^2/2b^2)^{-1}$.

    The squared maximum mean discrepancy of two samples, biased, so never negative.

    Attributes:
        scales: $b$.
    """

    scales: tuple[ArrayLike, ...] = (0.5, 1.0, 2.0, 4.0)

    def __call__(
        self, ends: Float[Array, "n ..."], targets: Float[Array, "m ..."]
    ) -> Float[Array, ""]:
        """The discrepancy of the two samples."""
        x, y = _rows(ends), _rows(targets)
        mean = lambda a, b: jnp.mean(self._kernel(a, b))
        return mean(x, x) - 2 * mean(x, y) + mean(y, y)

    def _kernel(self, x: Array, y: Array) -> Array:
        squares = jnp.sum(x**2, axis=1)[:, None] - 2 * x @ y.T + jnp.sum(y**2, axis=1)
        squares = jnp.maximum(squares, 0)
        parts = [1 / (1 + squares / (2 * scale**2)) for scale in self.scales]
        return jnp.stack(parts).sum(axis=0)


class FrechetDistance(eqx.Module):
    """$|\\mu_x-\\mu_y|^2 + \\mathrm{tr}(C_x + C_y - 2 (C_x C_y)^{1/2})$ of features.

    Attributes:
        features: from a batch of samples to rows of features; the samples themselves by default.

    Source: Heusel et al., GANs trained by a two time-scale update rule (NeurIPS 2017), section 3.
    """

    features: Callable[[Array], Array] | None = None

    def __call__(
        self, ends: Float[Array, "n ..."], targets: Float[Array, "m ..."]
    ) -> Float[Array, ""]:
        """The squared distance of the two samples' Gaussians."""
        look = _rows if self.features is None else self.features
        x, y = look(ends), look(targets)
        gap = jnp.mean(x, axis=0) - jnp.mean(y, axis=0)
        root = lambda z: (z - jnp.mean(z, axis=0)) / jnp.sqrt(jnp.asarray(len(z), z.dtype))
        x, y = root(x), root(y)
        # Y X^T has the singular values of Cx^1/2 Cy^1/2: their sum is the trace of the root
        overlap = jnp.sum(jnp.linalg.svd(y @ x.T, compute_uv=False))
        return jnp.sum(gap**2) + jnp.sum(x**2) + jnp.sum(y**2) - 2 * overlap


def _rows(x: Float[Array, "n ..."]) -> Float[Array, "n d"]:
    return x.reshape(x.shape[0], -1)


def per_sample_error(
    ends: Float[Array, "n ..."], targets: Float[Array, "n ..."]
) -> Float[Array, " n"]:
    """$\\sqrt{\\frac1d|y_i - y_i^*|^2}$ of each noise.

    Args:
        ends: of the sampler.
        targets: of the teacher.

    Returns:
        One number for each row.
    """
    return jnp.sqrt(jnp.mean(_rows(ends - targets) ** 2, axis=1))


def error_summary(errors: Float[Array, "*k n"]) -> dict[str, Float[Array, "*k"]]:
    """Root mean square, median and 95 % quantile: errors of samplers have heavy tails.

    Args:
        errors: of each noise, along the last axis.

    Returns:
        "rmse", "median", "tail".
    """
    median, tail = jnp.quantile(errors, jnp.asarray([0.5, 0.95], errors.dtype), axis=-1)
    rmse = jnp.sqrt(jnp.mean(errors**2, axis=-1))
    return {"rmse": rmse, "median": median, "tail": tail}
