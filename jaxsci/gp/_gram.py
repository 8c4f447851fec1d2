"""One Cholesky factorisation of an equilibrated Gram matrix: solves, log-determinant, inverse."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

_RETRIES = 6


class GramFactor(eqx.Module):
    """$A = S^{-1} (\\hat A) S^{-1}$, $\\hat A = S (G + \\Sigma) S + \\epsilon I = C C^T$.

    $S$ makes the diagonal of $S (G + \\Sigma) S$ one, so that the jitter $\\epsilon$ is relative to
    the variance of every functional: variances of $u$ and of $u''$ may differ by $10^{16}$.

    Derivatives never go through the factorisation: $dx = A^{-1}(db - dA\\,x)$ and
    $d \\log\\det A = \\mathrm{tr}(A^{-1} dA)$ reuse it.

    Attributes:
        matrix: $\\hat A$.
        cholesky: $C$, a constant of differentiation.
        scale: the diagonal of $S$.
        jitter: the $\\epsilon$ used; larger than asked for where the matrix was not positive
            definite in this precision.
    """

    matrix: Float[Array, "m m"]
    cholesky: Float[Array, "m m"]
    scale: Float[Array, " m"]
    jitter: Float[Array, ""]

    def solve(self, b: Float[Array, "m *k"]) -> Float[Array, "m *k"]:
        """$A^{-1} b$."""
        scale = self.scale.reshape(-1, *(1,) * (b.ndim - 1))
        return scale * solve_with_factor(self.matrix, self.cholesky, scale * b)

    def logdet(self) -> Float[Array, ""]:
        """$\\log\\det A$."""
        return _logdet(self.matrix, self.cholesky) - 2 * jnp.sum(jnp.log(self.scale))

    def inverse_diagonal(self) -> Float[Array, " m"]:
        """$\\mathrm{diag}(A^{-1})$."""
        return self.scale**2 * jnp.diagonal(_inverse(self.matrix, self.cholesky))


def factorise(
    gram: Float[Array, "m m"], noise: Float[Array, " m"], jitter: ArrayLike
) -> GramFactor:
    """Factorise $G + \\mathrm{diag}(\\sigma^2)$ with a relative jitter.

    The jitter is at least $m$ times the machine epsilon. If rounding still leaves the matrix
    indefinite the jitter is raised tenfold, six times at most; a matrix that fails then gives NaN.
    """
    variance = jnp.diagonal(gram) + noise**2
    scale = jax.lax.rsqrt(jnp.where(variance > 0, variance, 1.0))
    equilibrated = (gram + jnp.diag(noise**2)) * scale[:, None] * scale[None, :]
    cholesky, jitter = cholesky_with_jitter(equilibrated, jitter)
    identity = jnp.eye(gram.shape[0], dtype=gram.dtype)
    return GramFactor(equilibrated + jitter * identity, cholesky, scale, jitter)


def cholesky_with_jitter(
    matrix: Float[Array, "m m"], jitter: ArrayLike
) -> tuple[Float[Array, "m m"], Float[Array, ""]]:
    """The factor of $M + \\epsilon I$ and the $\\epsilon$ used: constants of differentiation."""
    size, dtype = matrix.shape[0], matrix.dtype
    frozen, identity = jax.lax.stop_gradient(matrix), jnp.eye(size, dtype=dtype)
    factor = lambda epsilon: jnp.linalg.cholesky(frozen + epsilon * identity)
    least = jnp.asarray(size * jnp.finfo(dtype).eps, dtype)
    start = jnp.maximum(jax.lax.stop_gradient(jnp.asarray(jitter, dtype)), least)

    def again(carry):
        count, _, cholesky = carry
        return (count < _RETRIES) & ~jnp.isfinite(cholesky[-1, -1])

    def raise_jitter(carry):
        count, epsilon, _ = carry
        return count + 1, 10 * epsilon, factor(10 * epsilon)

    _, epsilon, cholesky = jax.lax.while_loop(again, raise_jitter, (0, start, factor(start)))
    return cholesky, epsilon


def solve_with_factor(
    matrix: Float[Array, "m m"], cholesky: Float[Array, "m m"], b: Float[Array, "m *k"]
) -> Float[Array, "m *k"]:
    """$M^{-1} b$ by substitution; derivatives of any order in $M$ and $b$ reuse the factor."""

    def substitute(_, rhs):
        return jax.scipy.linalg.cho_solve((cholesky, True), rhs)

    return jax.lax.custom_linear_solve(lambda x: matrix @ x, b, substitute, symmetric=True)


def _inverse(matrix: Array, cholesky: Array) -> Array:
    return solve_with_factor(matrix, cholesky, jnp.eye(matrix.shape[0], dtype=matrix.dtype))


@jax.custom_jvp
def _logdet(matrix: Array, cholesky: Array) -> Array:
    return 2 * jnp.sum(jnp.log(jnp.diagonal(cholesky)))


@_logdet.defjvp
def _logdet_jvp(primals, tangents):
    matrix, cholesky = primals
    change = jnp.sum(_inverse(matrix, cholesky) * tangents[0])
    return _logdet(matrix, cholesky), change
