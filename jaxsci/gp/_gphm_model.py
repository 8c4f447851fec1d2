"""The joint model of GP-HM: parameters, log joint, and derivatives of the conditional mean."""

import math
from typing import Any, Protocol

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import Nonlinearity, Orders
from ._gphm_toeplitz import ToeplitzFactor, toeplitz
from ._kernels import AbstractKernel
from ._kernels_mixture import SpectralMixture, StudentTSpectralMixture


class Mixture(eqx.Module):
    """The kernel of one dimension in the unconstrained parameters that Adam moves.

    Attributes:
        log_weights: $\\log w_q$.
        log_rates: $\\log l_q$; $l_q$ is $1/\\ell_q$ (Student-t) or $1/2\\ell_q^2$ (Gaussian).
        frequencies: $f_q$ in cycles per unit length.
    """

    log_weights: Float[Array, " q"]
    log_rates: Float[Array, " q"]
    frequencies: Float[Array, " q"]

    def kernel(self, student: bool) -> AbstractKernel:
        """The spectral mixture that the parameters stand for."""
        if student:
            lengths = jnp.exp(-self.log_rates)
            return StudentTSpectralMixture(self.log_weights, self.frequencies, lengths)
        lengths = jnp.sqrt(0.5) * jnp.exp(-self.log_rates / 2)
        return SpectralMixture(self.log_weights, self.frequencies, lengths)


class Parameters(eqx.Module):
    """What GP-HM optimises.

    Attributes:
        values: $U$, the solution at the nodes.
        mixtures: one per dimension.
        log_tau: the logarithm of the precision of the boundary data.
        log_v: the logarithm of the precision of the equation.
    """

    values: Float[Array, "..."]
    mixtures: tuple[Mixture, ...]
    log_tau: Float[Array, ""]
    log_v: Float[Array, ""]


class Side(eqx.Module):
    """$u = g$ at the nodes of one side.

    Attributes:
        axis: the dimension.
        index: 0 for the lower side, -1 for the upper one.
        data: $g$ there.
    """

    axis: int = eqx.field(static=True)
    index: int = eqx.field(static=True)
    data: Float[Array, "..."]


class Sampled(eqx.Module):
    """A statement sampled on a tensor grid: what every step needs unchanged.

    Attributes:
        axes: the nodes of every dimension.
        coefficients: of the terms of the operator, on the grid or constant.
        orders: their multi-indices.
        source: $f$ on the grid.
        sides: the conditions.
        nonlinearity: $N$, or `None`.
    """

    axes: tuple[Float[Array, " _"], ...]
    coefficients: tuple[Array, ...]
    orders: tuple[Orders, ...] = eqx.field(static=True)
    source: Float[Array, "..."]
    sides: tuple[Side, ...]
    nonlinearity: Nonlinearity | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid."""
        return tuple(axis.shape[0] for axis in self.axes)


class Conditional:
    """$\\partial^\\alpha U = \\bigotimes_j K_j^{(\\alpha_j)} K_j^{-1}\\, U$; factors with 0 cancel.

    Every kernel is evaluated at the $N_j$ distinct distances, and factorised once.
    """

    def __init__(self, parameters: Parameters, data: Sampled, student: bool, jitter: Array):
        self.values = parameters.values
        self.distances = [axis - axis[0] for axis in data.axes]
        self.kernels = [mixture.kernel(student) for mixture in parameters.mixtures]
        columns = [kernel(r) for kernel, r in zip(self.kernels, self.distances)]
        self.factors = [ToeplitzFactor(column, jitter) for column in columns]

    def partial(self, orders: Orders) -> Float[Array, "..."]:
        """$\\partial^\\alpha U$ at the nodes."""
        result = self.values
        for axis, order in enumerate(orders):
            if order:
                column = self.kernels[axis].derivative(self.distances[axis], order)
                matrices: list[Any] = [None] * len(orders)
                matrices[axis] = toeplitz(column, order)
                result = along_all(matrices, self.solve_along(axis, result))
        return result

    def solve_along(self, axis: int, values: Float[Array, "..."]) -> Float[Array, "..."]:
        """$K_j^{-1}$ along dimension $j$."""
        front = jnp.moveaxis(values, axis, 0)
        solved = self.factors[axis].solve(front.reshape(front.shape[0], -1))
        return jnp.moveaxis(solved.reshape(front.shape), 0, axis)

    def weights(self) -> Float[Array, "..."]:
        """$(\\bigotimes_j K_j)^{-1} U$: the coefficients of the conditional mean."""
        result = self.values
        for axis in range(self.values.ndim):
            result = self.solve_along(axis, result)
        return result

    def log_prior(self) -> Float[Array, ""]:
        """$-\\tfrac12 (\\log|K| + U^T K^{-1} U)$ with $\\log|K| = \\sum_j (N/N_j) \\log|K_j|$."""
        size = self.values.size
        logdet = jnp.zeros((), self.values.dtype)
        for factor in self.factors:
            logdet = logdet + size / factor.column.shape[0] * factor.logdet()
        return -0.5 * logdet - 0.5 * jnp.sum(self.values * self.weights())


class HasPartials(Protocol):
    """Anything whose derivatives on the grid can be asked for."""

    def partial(self, orders: Orders) -> Float[Array, "..."]:
        """$\\partial^\\alpha u$ on the grid."""
        ...


def residual(field: HasPartials, data: Sampled) -> Float[Array, "..."]:
    """$L U + N(x, U, \\dots) - f$ at the nodes."""
    total = -data.source
    for coefficient, orders in zip(data.coefficients, data.orders):
        total = total + coefficient * field.partial(orders)
    if data.nonlinearity is not None:
        jet = [field.partial(orders).ravel() for orders in data.nonlinearity.orders]
        points = jnp.stack(jnp.meshgrid(*data.axes, indexing="ij"), axis=-1)
        flat = points.reshape(-1, points.shape[-1])
        total = total + data.nonlinearity.at(flat, *jet).reshape(data.shape)
    return total


def boundary_misfit(values: Float[Array, "..."], data: Sampled) -> Float[Array, " m"]:
    """$U_b - g$ on all sides; corners belong to every side that meets there."""
    parts = [jnp.take(values, side.index, axis=side.axis) - side.data for side in data.sides]
    return jnp.concatenate([part.ravel() for part in parts])


def log_joint(
    parameters: Parameters, data: Sampled, student: bool, jitter: Array, boundary_weight: Array
) -> Float[Array, ""]:
    """$\\log p(U) + \\lambda_b \\log p(g \\mid U, \\tau) + \\log p(0 \\mid U, v)$ up to constants.

    Fang et al., arXiv 2311.04465, eq. 13; $N(g \\mid U_b, \\tau^{-1})$ and
    $N(0 \\mid R(U), v^{-1})$ at all nodes.
    """
    conditional = Conditional(parameters, data, student, jitter)
    misfit = boundary_misfit(parameters.values, data)
    rest = residual(conditional, data)
    boundary = _log_normal(misfit, parameters.log_tau)
    equation = _log_normal(rest.ravel(), parameters.log_v)
    return conditional.log_prior() + boundary_weight * boundary + equation


def initial_parameters(
    shape: tuple[int, ...], num_components: int, freq_scale: Array, dtype: Any
) -> Parameters:
    """$U = 0$, equal weights, unit rates, frequencies evenly from 0 to the largest."""
    zeros = jnp.zeros(num_components, dtype)
    ramp = jnp.linspace(0.0, 1.0, num_components, dtype=dtype) * freq_scale
    mixture = Mixture(zeros - math.log(num_components), zeros, ramp)
    zero = jnp.zeros((), dtype)
    return Parameters(jnp.zeros(shape, dtype), (mixture,) * len(shape), zero, zero)


def _log_normal(misfit: Array, log_precision: Array) -> Array:
    return 0.5 * misfit.size * log_precision - 0.5 * jnp.exp(log_precision) * jnp.sum(misfit**2)
