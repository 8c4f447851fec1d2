"""Sums and products of symmetric matrices along axes, in their common eigenbasis.

Both $\\sum_i A_i \\times_i X + \\sigma X$ (a Kronecker sum) and $(\\otimes_i A_i) X + \\sigma X$ (a
shifted Kronecker product) are diagonal in the basis $\\otimes_i Q_i$, with eigenvalues
$\\mu_a$ affine in each $\\lambda^{(i)}_{a_i}$. Eigenvectors are never differentiated: their
derivative is infinite where eigenvalues repeat, while everything computed here is smooth.
"""

import functools
from collections.abc import Sequence
from typing import Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._eigen import SymmetricEigen, symmetric_eigen
from ._factorisation import AbstractFactorisation, refuse_square_root
from ._quadrature import inverse_square_root_rule
from ._tensor import along_all, outer_product, outer_sum, tensor_sum

Mixing: TypeAlias = Literal["sum", "product"]


class SpectralFactorisation(AbstractFactorisation):
    """Eigendecompositions of the factors of a Kronecker sum or a shifted Kronecker product.

    Attributes:
        eigens: one decomposition per axis; derivatives go through their matrices.
        shift: $\\sigma$.
        mixing: how the factors combine.
        definite: whether the operator is declared positive semidefinite.
    """

    eigens: tuple[SymmetricEigen, ...]
    shift: Float[Array, ""]
    mixing: Mixing = eqx.field(static=True)
    definite: bool = eqx.field(static=True)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$Q (Q^T b / \\mu)$."""
        return _inverse(self.mixing, self.eigens, self.shift, self._tensor(vector)).ravel()

    def transpose(self) -> "SpectralFactorisation":
        """Symmetric."""
        return self

    def logdet(self) -> Float[Array, ""]:
        """$\\sum_a \\log |\\mu_a|$."""
        return _logdet(self.mixing, _frozen(self.eigens), self._matrices(), self.shift)

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """$S = A^{1/2}$, the symmetric root; negative eigenvalues (rounding) count as zero."""
        if not self.definite:
            refuse_square_root("a Kronecker sum or shifted product")
        eigens, matrices = _frozen(self.eigens), self._matrices()
        return _root(self.mixing, eigens, matrices, self.shift, self._tensor(vector)).ravel()

    def _matrices(self) -> tuple[Array, ...]:
        return tuple(eigen.matrix for eigen in self.eigens)

    def _tensor(self, vector: Array) -> Array:
        return vector.reshape([eigen.values.shape[0] for eigen in self.eigens])


def apply_mixed(
    mixing: Mixing, matrices: Sequence[Array], shift: Array, tensor: Array
) -> Float[Array, "..."]:
    """$\\sum_i A_i \\times_i X + \\sigma X$ or $(\\otimes_i A_i) X + \\sigma X$."""
    if mixing == "sum":
        return tensor_sum(matrices, tensor, shift)
    return along_all(matrices, tensor) + shift * tensor


def _frozen(eigens: tuple[SymmetricEigen, ...]) -> tuple[SymmetricEigen, ...]:
    return jax.lax.stop_gradient(eigens)


def _eigenvalues(mixing: Mixing, values: Sequence[Array], shift: Array) -> Array:
    """$\\mu_a$."""
    return (outer_sum(values) if mixing == "sum" else outer_product(values)) + shift


def _coupling(mixing: Mixing, values: Sequence[Array], axis: int) -> Array:
    """$c_i = \\partial \\mu / \\partial \\lambda^{(i)}$, constant along axis $i$."""
    others = [jnp.ones(1, v.dtype) if k == axis else v for k, v in enumerate(values)]
    product = outer_product(others)
    return product if mixing == "product" else jnp.ones_like(product)


def _in_eigenbasis(eigens: Sequence[SymmetricEigen], function, tensor: Array) -> Array:
    """$Q\\, f(Q^T X)$ for a function that acts entry by entry."""
    inner = along_all([eigen.vectors.T for eigen in eigens], tensor)
    return along_all([eigen.vectors for eigen in eigens], function(inner))


def _inverse(mixing: Mixing, eigens: Sequence[SymmetricEigen], shift: Array, tensor: Array):
    spectrum = _eigenvalues(mixing, [eigen.values for eigen in eigens], shift)
    return _in_eigenbasis(eigens, lambda inner: inner / spectrum, tensor)


# --- log-determinant -----------------------------------------------------------------------------


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _logdet(mixing, eigens, matrices, shift):
    del matrices
    spectrum = _eigenvalues(mixing, [eigen.values for eigen in eigens], shift)
    return jnp.sum(jnp.log(jnp.abs(spectrum)))


@_logdet.defjvp
def _logdet_jvp(mixing, primals, tangents):
    """$\\mathrm{tr}(A^{-1} dA) = \\sum_i \\langle G_i, dA_i \\rangle + g\\, d\\sigma$."""
    eigens, matrices, shift = primals
    _, matrix_dots, shift_dot = tangents
    gradients, slope = _gradients(mixing, eigens, matrices, shift)
    pairs = zip(gradients, matrix_dots)
    tangent = sum((jnp.sum(g * dot) for g, dot in pairs), start=slope * shift_dot)
    return _logdet(mixing, eigens, matrices, shift), tangent


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gradients(mixing, eigens, matrices, shift):
    """$G_i = Q_i\\,\\mathrm{diag}(g_i)\\,Q_i^T$ and $g = \\mathrm{tr} A^{-1}$."""
    del matrices
    weights, slope = _weights(mixing, [eigen.values for eigen in eigens], shift)
    return tuple((e.vectors * w) @ e.vectors.T for e, w in zip(eigens, weights)), slope


@_gradients.defjvp
def _gradients_jvp(mixing, primals, tangents):
    """Second derivatives of the log-determinant, without those of eigenvectors.

    With $E_i = Q_i^T dA_i Q_i$ the diagonal of $Q_i^T dG_i Q_i$ follows from
    $d\\lambda^{(i)} = \\mathrm{diag}\\,E_i$, and off the diagonal it is $-W_i \\circ E_i$,
    $W_i(k, l) = \\sum_a c_i^2 / (\\mu_{ka} \\mu_{la})$.
    """
    eigens, matrices, shift = primals
    _, matrix_dots, shift_dot = tangents
    # decomposed afresh, so that a third derivative is right, or NaN where eigenvalues repeat,
    # but never silently without the eigenvectors' part
    pairs = [jnp.linalg.eigh(matrix) for matrix in matrices]
    values, vectors = [list(part) for part in zip(*pairs)]
    rotated = [q.T @ dot @ q for q, dot in zip(vectors, matrix_dots)]
    slopes = [jnp.diagonal(e) for e in rotated]
    weights = functools.partial(_weights, mixing)
    _, (weight_dots, slope_dot) = jax.jvp(weights, (values, shift), (slopes, shift_dot))
    inverse = 1 / _eigenvalues(mixing, values, shift)
    tangent = []
    for axis, (q, e, dot) in enumerate(zip(vectors, rotated, weight_dots)):
        scaled = jnp.moveaxis(_coupling(mixing, values, axis) * inverse, axis, 0)
        unfolded = scaled.reshape(scaled.shape[0], -1)
        mixed = -(unfolded @ unfolded.T) * e
        mixed = mixed - jnp.diag(jnp.diagonal(mixed)) + jnp.diag(dot)
        tangent.append(q @ mixed @ q.T)
    return _gradients(mixing, eigens, matrices, shift), (tuple(tangent), slope_dot)


def _weights(mixing: Mixing, values: Sequence[Array], shift: Array) -> tuple[list[Array], Array]:
    """$g_i(k) = \\sum_{a: a_i = k} c_i(a) / \\mu_a$ and $\\sum_a 1 / \\mu_a$."""
    inverse = 1 / _eigenvalues(mixing, values, shift)
    weights = []
    for axis in range(len(values)):
        others = tuple(k for k in range(len(values)) if k != axis)
        weights.append(jnp.sum(_coupling(mixing, values, axis) * inverse, axis=others))
    return weights, jnp.sum(inverse)


# --- symmetric square root -----------------------------------------------------------------------


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _root(mixing, eigens, matrices, shift, tensor):
    del matrices
    spectrum = _eigenvalues(mixing, [eigen.values for eigen in eigens], shift)
    root = jnp.sqrt(jnp.maximum(spectrum, 0))
    return _in_eigenbasis(eigens, lambda inner: root * inner, tensor)


@_root.defjvp
def _root_jvp(mixing, primals, tangents):
    """The derivative of a rational approximation, exact to rounding, in terms of linear solves."""
    eigens, matrices, shift, tensor = primals
    _, *dots = tangents
    rational = functools.partial(_rational_root, mixing, eigens)
    _, tangent = jax.jvp(rational, (matrices, shift, tensor), tuple(dots))
    return _root(mixing, eigens, matrices, shift, tensor), tangent


def _rational_root(mixing, eigens, matrices, shift, tensor):
    """$A^{1/2} x = A \\sum_k w_k (A + t_k^2)^{-1} x$."""
    fixed = jax.lax.stop_gradient(shift)
    spectrum = _eigenvalues(mixing, [eigen.values for eigen in eigens], fixed)
    nodes, weights = inverse_square_root_rule(jnp.min(spectrum), jnp.max(spectrum))

    def accumulate(total, rule):
        node, weight = rule
        solved = jax.lax.custom_linear_solve(
            lambda x: apply_mixed(mixing, matrices, shift + node**2, x),
            tensor,
            lambda _, rhs: _inverse(mixing, eigens, fixed + node**2, rhs),
            symmetric=True,
        )
        return total + weight * solved, None

    total, _ = jax.lax.scan(accumulate, jnp.zeros_like(tensor), (nodes, weights))
    return apply_mixed(mixing, matrices, shift, total)


def spectral_factorisation(
    matrices: Sequence[Float[Array, "n n"]],
    shift: Float[Array, ""],
    mixing: Mixing,
    definite: bool,
) -> SpectralFactorisation:
    """Diagonalise every factor.

    Args:
        matrices: $A_i$, symmetric.
        shift: $\\sigma$.
        mixing: `"sum"` for $\\oplus A_i$, `"product"` for $\\otimes A_i$.
        definite: whether the operator is declared positive semidefinite.

    Returns:
        The factorisation.
    """
    eigens = tuple(symmetric_eigen(matrix) for matrix in matrices)
    return SpectralFactorisation(eigens, shift, mixing, definite)
