"""Posteriors of `SpectralFeatureGP`."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS
from ..linalg import along_all
from ..pde import AbstractTensorField, Orders, as_points, contract_points
from ._assimilate import Gain
from ._axis import Axis
from ._features import FeatureSlots, Interval, feature_values
from ._line import LineFit
from ._posterior import AbstractCovariance
from ._solution import AbstractGPSolution
from ._tensor import TensorFit


class LineSolution(AbstractGPSolution, AbstractTensorField):
    """A posterior in one dimension, exact for linear problems.

    `sol(points)`, `sol.on_grid(x)` and `sol.partial((k,), points)` are the posterior mean and its
    derivatives, `sol.std` and `sol.sample` its uncertainty.

    Attributes:
        value: the mean at the nodes.
        result: a `RESULTS` code, decided by the residual on independent points.
        stats: residuals relative to the magnitude of the source, features, rounds.
        coefficients: the mean of the weights.
        root: a square root of their covariance.
        slots: the features.
        interval: the domain.
        nodes: where the equation was imposed.
    """

    value: Float[Array, " n"]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    coefficients: Float[Array, " r"]
    root: Float[Array, "r r"]
    slots: FeatureSlots
    interval: Interval
    nodes: tuple[Float[Array, " n"], ...]
    dim: int = eqx.field(static=True, default=1)

    def __init__(self, fit: LineFit, interval: Interval, nodes: tuple[Float[Array, " n"], ...]):
        """Wrap a fit."""
        self.coefficients, self.root, self.slots = fit.weights, fit.root, fit.slots
        self.interval, self.nodes, self.dim = interval, nodes, 1
        self.result, self.stats = fit.result, fit.stats
        self.value = feature_values(fit.slots, interval, nodes[0], 0) @ fit.weights

    def basis(self, axis: int, x: Float[Array, " n"], order: int) -> Float[Array, "n r"]:
        """See `AbstractTensorField.basis`."""
        return feature_values(self.slots, self.interval, x, order)

    def std(self, points: Float[Array, "n d"], orders: Orders | None = None) -> Float[Array, " n"]:
        """See `AbstractGPSolution.std`."""
        x = as_points(points, 1)[:, 0]
        return jnp.linalg.norm(self.basis(0, x, (orders or (0,))[0]) @ self.root, axis=1)

    def sample(
        self,
        key: Array,
        points: Float[Array, "n d"],
        num_samples: int = 1,
        orders: Orders | None = None,
    ) -> Float[Array, "s n"]:
        """See `AbstractGPSolution.sample`."""
        x = as_points(points, 1)[:, 0]
        shape = (num_samples, self.root.shape[1])
        draws = jax.random.normal(key, shape, self.root.dtype) @ self.root.T
        return (self.coefficients + draws) @ self.basis(0, x, (orders or (0,))[0]).T


class TensorSolution(AbstractGPSolution, AbstractTensorField):
    """A posterior on a box in two or three dimensions.

    The mean solves the equation as stated. Deviations and samples are those of the separable,
    constant-coefficient part of the operator: exact where that is the whole operator, an
    approximation where coefficients vary or the equation is nonlinear.

    Attributes:
        value: the mean at the nodes.
        result: a `RESULTS` code, decided by the residual on independent points.
        stats: residuals relative to the magnitude of the source, features, rounds.
        coefficients: the mean in the orthonormal bases.
        axes: the bases.
        covariance: of the interior coefficients, observations apart.
        gain: the correction by observations, or `None`.
        scale: exact data carry no noise; deviations are scaled to the residual on fresh points.
        nodes: where the equation was imposed.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    coefficients: Float[Array, "..."]
    axes: tuple[Axis, ...]
    covariance: AbstractCovariance
    gain: Gain | None
    scale: Float[Array, ""]
    nodes: tuple[Float[Array, " _"], ...]
    dim: int = eqx.field(static=True)

    def __init__(self, fit: TensorFit, nodes: tuple[Float[Array, " _"], ...]):
        """Wrap a fit."""
        self.coefficients, self.axes = fit.coefficients, fit.axes
        self.covariance, self.gain = fit.covariance, fit.gain
        self.scale, self.nodes, self.dim = fit.scale, nodes, len(nodes)
        self.value, self.result, self.stats = fit.values, fit.result, fit.stats

    def basis(self, axis: int, x: Float[Array, " n"], order: int) -> Float[Array, "n r"]:
        """See `AbstractTensorField.basis`."""
        along = self.axes[axis]
        return feature_values(along.slots, along.interval, x, order) @ along.weights

    def std(self, points: Float[Array, "n d"], orders: Orders | None = None) -> Float[Array, " n"]:
        """See `AbstractGPSolution.std`."""
        points = as_points(points, self.dim)
        rows = self._interior(orders, [points[:, j] for j in range(self.dim)])
        variance = self.covariance.variance(rows)
        if self.gain is not None:
            variance = variance - self._explained(jax.vmap(lambda c: contract_points(c, rows)))
        return self.scale * jnp.sqrt(jnp.maximum(variance, 0.0))

    def std_on_grid(
        self, *axes: Float[Array, " _"], orders: Orders | None = None
    ) -> Float[Array, "..."]:
        """The deviation of $\\partial^{\\alpha} u$ on a tensor grid, at the cost of the mean."""
        rows = self._interior(orders, axes)
        variance = self.covariance.variance_on_grid(rows)
        if self.gain is not None:
            variance = variance - self._explained(jax.vmap(lambda c: along_all(rows, c)))
        return self.scale * jnp.sqrt(jnp.maximum(variance, 0.0))

    def sample(
        self,
        key: Array,
        points: Float[Array, "n d"],
        num_samples: int = 1,
        orders: Orders | None = None,
    ) -> Float[Array, "s n"]:
        """See `AbstractGPSolution.sample`."""
        points = as_points(points, self.dim)
        rows = self._interior(orders, [points[:, j] for j in range(self.dim)])
        mean = self.partial(orders or (0,) * self.dim, points)
        draw = lambda k: contract_points(self._draw(k), rows)
        return mean + self.scale * jax.vmap(draw)(jax.random.split(key, num_samples))

    def _interior(
        self, orders: Orders | None, axes: Sequence[Float[Array, " _"]]
    ) -> list[Float[Array, "_ k"]]:
        """Rows over the interior coefficients, per axis."""
        orders = orders or (0,) * self.dim
        return [self.basis(j, x, orders[j]) @ self.axes[j].null for j, x in enumerate(axes)]

    def _explained(self, evaluate: Callable) -> Float[Array, "..."]:
        """What the observations take off the variance."""
        gain: Gain = self.gain  # pyright: ignore[reportAssignmentType]
        cross = evaluate(gain.cross)
        flat = cross.reshape(cross.shape[0], -1)
        whitened = jax.scipy.linalg.solve_triangular(gain.root, flat, lower=True)
        return jnp.sum(whitened**2, axis=0).reshape(cross.shape[1:])

    def _draw(self, key: Array) -> Float[Array, "..."]:
        """A zero-mean interior tensor; observations by Matheron's rule."""
        if self.gain is None:
            return self.covariance.draw(key)
        first, second = jax.random.split(key)
        tensor = self.covariance.draw(first)
        noise = self.gain.noise * jax.random.normal(second, self.gain.noise.shape, tensor.dtype)
        innovation = jnp.einsum("m...,...->m", self.gain.design, tensor) + noise
        return tensor - self.gain.correct(innovation)
