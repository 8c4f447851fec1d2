"""The shape matrices of a mixture: K symmetric positive matrices, diagonal or full."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float


class AbstractSpread(eqx.Module):
    """$S_1, \\dots, S_K$, symmetric positive definite, of size D."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """`(K, D)`."""

    @abc.abstractmethod
    def mv(self, x: Float[Array, "... k d"]) -> Float[Array, "... k d"]:
        """$S_k x_k$."""

    @abc.abstractmethod
    def form(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """$x^T S_k x$."""

    @abc.abstractmethod
    def affine(self, scale: ArrayLike, shift: ArrayLike) -> "AbstractSpread":
        """$a S_k + b I$."""

    @abc.abstractmethod
    def inverse(self) -> "AbstractSpread":
        """$S_k^{-1}$."""

    @abc.abstractmethod
    def log_det(self) -> Float[Array, " k"]:
        """$\\log\\det S_k$."""

    @abc.abstractmethod
    def color(self, z: Float[Array, "... d"], index: Array) -> Float[Array, "... d"]:
        """$S_k^{1/2} z$ for the component `index` of every row: white noise of covariance S."""

    @abc.abstractmethod
    def dense(self) -> Float[Array, "k d d"]:
        """The matrices."""


class Diagonal(AbstractSpread):
    """Diagonal matrices.

    Attributes:
        values: the diagonals.
    """

    values: Float[Array, "k d"]

    @property
    def shape(self) -> tuple[int, int]:
        """See `AbstractSpread.shape`."""
        return self.values.shape[0], self.values.shape[1]

    def mv(self, x: Float[Array, "... k d"]) -> Float[Array, "... k d"]:
        """See `AbstractSpread.mv`."""
        return self.values * x

    def form(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """See `AbstractSpread.form`."""
        return self.values @ (x**2).T

    def affine(self, scale: ArrayLike, shift: ArrayLike) -> "Diagonal":
        """See `AbstractSpread.affine`."""
        return Diagonal(jnp.asarray(scale * self.values + shift))

    def inverse(self) -> "Diagonal":
        """See `AbstractSpread.inverse`."""
        return Diagonal(1 / self.values)

    def log_det(self) -> Float[Array, " k"]:
        """See `AbstractSpread.log_det`."""
        return jnp.sum(jnp.log(self.values), axis=-1)

    def color(self, z: Float[Array, "... d"], index: Array) -> Float[Array, "... d"]:
        """See `AbstractSpread.color`."""
        return jnp.sqrt(self.values)[index] * z

    def dense(self) -> Float[Array, "k d d"]:
        """See `AbstractSpread.dense`."""
        return jax.vmap(jnp.diag)(self.values)


class Full(AbstractSpread):
    """Symmetric matrices.

    Attributes:
        matrices: all of them; only the symmetric part counts.
    """

    matrices: Float[Array, "k d d"]

    @property
    def shape(self) -> tuple[int, int]:
        """See `AbstractSpread.shape`."""
        return self.matrices.shape[0], self.matrices.shape[1]

    def mv(self, x: Float[Array, "... k d"]) -> Float[Array, "... k d"]:
        """See `AbstractSpread.mv`."""
        return jnp.einsum("kde,...ke->...kd", self.matrices, x)

    def form(self, x: Float[Array, "n d"]) -> Float[Array, "k n"]:
        """See `AbstractSpread.form`; one component after the other, which bounds the memory."""
        return jax.lax.map(lambda matrix: jnp.sum((x @ matrix) * x, axis=1), self.matrices)

    def affine(self, scale: ArrayLike, shift: ArrayLike) -> "Full":
        """See `AbstractSpread.affine`."""
        identity = jnp.eye(self.shape[1], dtype=self.matrices.dtype)
        return Full(jnp.asarray(scale * self.matrices + shift * identity))

    def inverse(self) -> "Full":
        """See `AbstractSpread.inverse`."""
        identity = jnp.eye(self.shape[1], dtype=self.matrices.dtype)
        root = jnp.linalg.cholesky(self.matrices)
        whiten = jax.vmap(lambda r: jax.scipy.linalg.solve_triangular(r, identity, lower=True))
        inverse_root = whiten(root)
        return Full(jnp.einsum("kca,kcb->kab", inverse_root, inverse_root))

    def log_det(self) -> Float[Array, " k"]:
        """See `AbstractSpread.log_det`."""
        root = jnp.linalg.cholesky(self.matrices)
        return 2 * jnp.sum(jnp.log(jnp.diagonal(root, axis1=1, axis2=2)), axis=-1)

    def color(self, z: Float[Array, "... d"], index: Array) -> Float[Array, "... d"]:
        """See `AbstractSpread.color`."""
        every = jnp.einsum("kde,...e->...kd", jnp.linalg.cholesky(self.matrices), z)
        return jnp.take_along_axis(every, index[..., None, None], axis=-2)[..., 0, :]

    def dense(self) -> Float[Array, "k d d"]:
        """See `AbstractSpread.dense`."""
        return self.matrices
