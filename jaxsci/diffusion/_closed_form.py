"""Denoisers in closed form: mixtures of Gaussians, and the data themselves."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._denoiser import AbstractDenoiser


class MixtureDenoiser(AbstractDenoiser):
    """$D(y, s) = \\sum_k r_k(y, s)\\,[m_k + C_k (C_k + s^2)^{-1} (y - m_k)]$.

    The data are $\\sum_k w_k N(m_k, C_k)$, $C_k = U_k\\Lambda_k U_k^T + \\tau_k^2 (I - U_k U_k^T)$:
    low rank plus isotropic. In the eigenbasis no $d \\times d$ matrix is ever formed; the cost is
    that of two products with the $d \\times KR$ matrix of all eigenvectors.

    Attributes:
        log_weights: $\\log w_k$, up to a constant.
        means: $m_k$.
        basis: $U_k$, orthonormal columns.
        variances: $\\Lambda_k$, the variances along them.
        tail: $\\tau_k^2$, the variance along all other directions.
    """

    log_weights: Float[Array, " k"]
    means: Float[Array, "k d"]
    basis: Float[Array, "k d r"]
    variances: Float[Array, "k r"]
    tail: Float[Array, " k"]

    def __check_init__(self):
        k, d = self.means.shape
        r = self.variances.shape[-1]
        found = self.log_weights.shape, self.basis.shape, self.variances.shape, self.tail.shape
        if found != ((k,), (k, d, r), (k, r), (k,)):
            raise ValueError(
                "MixtureDenoiser: for means of the shape (K, D) log_weights, basis, variances and "
                f"tail must have the shapes (K,), (K, D, R), (K, R) and (K,), got {found} for "
                f"means of {self.means.shape}."
            )

    def __call__(
        self, y: Float[Array, "*batch d"], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "*batch d"]:
        """See `AbstractDenoiser.__call__`; the last axis of `y` is D."""
        rows = y.reshape(-1, y.shape[-1])
        along, log_density = self._posterior(rows, s)
        chance = jax.nn.softmax(log_density, axis=1)
        keep = self.tail / (self.tail + s**2)
        shrink = (self.variances / (self.variances + s**2) - keep[:, None]).reshape(-1)
        kept = jnp.sum(chance * keep, axis=1, keepdims=True)
        clean = kept * rows + (chance * (1 - keep)) @ self.means
        moved = chance @ self._owners().T * shrink * along
        return (clean + moved @ self._flat_basis().T).reshape(y.shape)

    def log_density(self, y: Float[Array, "*batch d"], s: Float[Array, ""]) -> Float[Array, "..."]:
        """$\\log\\sum_k w_k N(y; m_k, C_k + s^2)$ up to a constant; its gradient is the score.

        Args:
            y: where.
            s: the noise level.

        Returns:
            One number for each row.
        """
        terms = self._posterior(y.reshape(-1, y.shape[-1]), s)[1]
        return jax.nn.logsumexp(terms, axis=1).reshape(y.shape[:-1])

    def sample(self, key: Array, num: int) -> Float[Array, "n d"]:
        """Clean data.

        Args:
            key: a random key.
            num: how many.
        """
        first, second, third = jax.random.split(key, 3)
        which = jax.random.categorical(first, self.log_weights, shape=(num,))
        white = jax.random.normal(second, (num, self.means.shape[1]), self.means.dtype)
        inside = jax.random.normal(third, (num, self.variances.shape[1]), self.means.dtype)
        basis = self.basis[which]
        flat = white - jnp.einsum("ndr,ner,ne->nd", basis, basis, white)
        inside = inside * jnp.sqrt(self.variances[which])
        spread = jnp.sqrt(self.tail[which])[:, None] * flat
        return self.means[which] + spread + jnp.einsum("ndr,nr->nd", basis, inside)

    def _posterior(self, rows: Array, s: Array) -> tuple[Array, Array]:
        """Coordinates along all eigenvectors, and log densities but for $d\\log s$."""
        origin = jnp.einsum("kdr,kd->kr", self.basis, self.means).reshape(-1)
        along = _product(rows, self._flat_basis()) - origin
        wide, narrow = self.variances + s**2, self.tail + s**2
        # sums over the rank as products with what all noise levels share: a reduction over a
        # short axis is slow on a CPU, and so is a product for each level
        squares, owners = along**2, self._owners()
        squared_length, inside = (
            _product(part, owners) for part in (squares, squares / wide.reshape(-1))
        )
        across = jnp.maximum(self._squared_distances(rows) - squared_length, 0)
        left_over = self.means.shape[1] - self.variances.shape[1]
        log_det = jnp.sum(jnp.log1p(self.variances / s**2), axis=1)
        log_det = log_det + left_over * jnp.log1p(self.tail / s**2)
        return along, self.log_weights - (log_det + inside + across / narrow) / 2

    def _squared_distances(self, rows: Array) -> Float[Array, "n k"]:
        """$|y - m_k|^2$, expanded around the mean of the means so that float32 keeps its digits."""
        middle = jnp.mean(self.means, axis=0)
        rows, means = rows - middle, self.means - middle
        ends = jnp.sum(rows**2, axis=1)[:, None] + jnp.sum(means**2, axis=1)
        return ends - 2 * _product(rows, means.T)

    def _owners(self) -> Float[Array, "kr k"]:
        """One where the eigenvector belongs to the component."""
        k, r = self.variances.shape
        return jnp.repeat(jnp.eye(k, dtype=self.variances.dtype), r, axis=0)

    def _flat_basis(self) -> Float[Array, "d kr"]:
        return jnp.moveaxis(self.basis, 1, 0).reshape(self.means.shape[1], -1)


def _product(rows: Array, matrix: Array) -> Array:
    """In full precision: the differences that follow have no digits to spare."""
    return jnp.matmul(rows, matrix, precision=jax.lax.Precision.HIGHEST)


class KernelDenoiser(AbstractDenoiser):
    """$D(y, s) = \\sum_i p_i x_i$, $p = \\mathrm{softmax}(-|y - x_i|^2/2s^2)$: a data set itself.

    The best denoiser of the empirical distribution: a sampler that follows it gives the data back.

    Attributes:
        data: $x_i$, one a row.
    """

    data: Float[Array, "n d"]

    def __call__(
        self, y: Float[Array, "*batch d"], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "*batch d"]:
        """See `AbstractDenoiser.__call__`; the last axis of `y` is D."""
        center = jnp.mean(self.data, axis=0)
        points, rows = self.data - center, y.reshape(-1, y.shape[-1]) - center
        logits = (rows @ points.T - jnp.sum(points**2, axis=1) / 2) / s**2
        return (jax.nn.softmax(logits, axis=1) @ self.data).reshape(y.shape)
