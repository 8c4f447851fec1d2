"""Linear functionals of a Gaussian process and their covariances: the core of Gram methods."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..pde import Orders
from ._kernels_box import AbstractBoxKernel


class Functionals(eqx.Module):
    """$\\ell_i u = \\sum_q \\sum_t c_{tiq}\\,\\partial^{\\alpha_t} u(x_{iq})$, $i = 1 \\dots m$.

    Equations at nodes, boundary traces, periodic pairs, values and integrals are all of this form.

    Attributes:
        points: $x$, shape `(m, q, d)`; $q = 1$ for anything local.
        coefficients: $c$, shape `(t, m, q)`, quadrature weights included.
        orders: the multi-indices $\\alpha_t$.
    """

    points: Float[Array, "m q d"]
    coefficients: Float[Array, "t m q"]
    orders: tuple[Orders, ...] = eqx.field(static=True)

    @property
    def num(self) -> int:
        """The number $m$ of functionals."""
        return self.points.shape[0]

    def terms(self) -> tuple["Functionals", ...]:
        """One set of functionals per multi-index; they add up to this one."""
        return tuple(
            Functionals(self.points, self.coefficients[t : t + 1], (orders,))
            for t, orders in enumerate(self.orders)
        )


def evaluation(points: Float[Array, "m d"], orders: Orders) -> Functionals:
    """$u \\mapsto \\partial^\\alpha u(x_i)$."""
    return Functionals(points[:, None], jnp.ones((1, points.shape[0], 1), points.dtype), (orders,))


def covariance(
    kernel: AbstractBoxKernel, left: Functionals, right: Functionals
) -> Float[Array, "m n"]:
    """$\\mathrm{cov}(\\ell_i u, \\ell'_j u)$.

    Every derivative $\\partial^\\gamma k$ is evaluated once: the coefficients of all pairs with
    $\\alpha_s + \\alpha_t = \\gamma$ are collected first.
    """
    x, y = _flat(left.points), _flat(right.points)
    r = tuple(x[:, None, axis] - y[None, :, axis] for axis in range(x.shape[-1]))
    total = jnp.zeros(r[0].shape, r[0].dtype)
    for orders, factor in _paired(left, right).items():
        total = total + factor * kernel.derivative(r, orders)
    blocks = total.reshape(*left.points.shape[:2], *right.points.shape[:2])
    return jnp.sum(blocks, axis=(1, 3))


def variances(kernel: AbstractBoxKernel, functionals: Functionals) -> Float[Array, " m"]:
    """$\\mathrm{var}(\\ell_i u)$, without forming a matrix."""

    def one(points, coefficients):
        single = Functionals(points[None], coefficients[:, None], functionals.orders)
        return covariance(kernel, single, single)[0, 0]

    return jax.vmap(one, in_axes=(0, 1))(functionals.points, functionals.coefficients)


def gram(kernel: AbstractBoxKernel, blocks: tuple[Functionals, ...]) -> Float[Array, "m m"]:
    """The covariance matrix of all functionals of all blocks, exactly symmetric."""
    upper = {
        (i, j): covariance(kernel, a, b)
        for i, a in enumerate(blocks)
        for j, b in enumerate(blocks)
        if i <= j
    }
    rows = range(len(blocks))
    matrix = jnp.block([[upper[i, j] if i <= j else upper[j, i].T for j in rows] for i in rows])
    return (matrix + matrix.T) / 2


def cross_covariance(
    kernel: AbstractBoxKernel, left: Functionals, blocks: tuple[Functionals, ...]
) -> Float[Array, "m n"]:
    """The covariances of `left` with all functionals of all blocks."""
    return jnp.concatenate([covariance(kernel, left, block) for block in blocks], axis=1)


def _flat(points: Float[Array, "m q d"]) -> Float[Array, "mq d"]:
    return points.reshape(-1, points.shape[-1])


def _paired(left: Functionals, right: Functionals) -> dict[Orders, Array]:
    """$\\gamma \\mapsto \\sum_{\\alpha_s + \\alpha_t = \\gamma} (-1)^{|\\alpha_t|} c_s c_t'$."""
    collected: dict[Orders, Array] = {}
    for s, a in enumerate(left.orders):
        for t, b in enumerate(right.orders):
            orders = tuple(i + j for i, j in zip(a, b))
            sign = -1.0 if sum(b) % 2 else 1.0
            first, second = left.coefficients[s].ravel(), right.coefficients[t].ravel()
            outer = sign * first[:, None] * second[None, :]
            collected[orders] = collected[orders] + outer if orders in collected else outer
    return collected
