"""The posterior mean of a direct tensor-product problem, with observations."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..linalg import along_all
from ..pde import Observations, contract_points, sample_at
from ._axis import Axis
from ._features import feature_jet
from ._posterior import AbstractCovariance
from ._tensor_rows import Grid, from_interior, source_residual, to_interior


class Gain(eqx.Module):
    """The correction of a covariance $P$ by observations $y = \\Psi C + \\varepsilon$.

    Attributes:
        cross: $P \\Psi^T$, one interior tensor per observation.
        root: the Cholesky factor of $\\Psi P \\Psi^T + \\Sigma_y$.
        noise: the standard deviations of the observations.
        design: $\\Psi$, one interior tensor per observation.
    """

    cross: Float[Array, "m ..."]
    root: Float[Array, "m m"]
    noise: Float[Array, " m"]
    design: Float[Array, "m ..."]

    def correct(self, innovation: Float[Array, " m"]) -> Float[Array, "..."]:
        """$P \\Psi^T (\\Psi P \\Psi^T + \\Sigma_y)^{-1}$ times an innovation."""
        solved = jax.scipy.linalg.cho_solve((self.root, True), innovation)
        return jnp.tensordot(solved, self.cross, axes=1)


def observation_gain(
    design: Float[Array, "m ..."], noise: Float[Array, " m"], covariance: AbstractCovariance
) -> Gain:
    """Condition a covariance on observations.

    Args:
        design: one interior tensor per observation.
        noise: their standard deviations.
        covariance: before the observations.

    Returns:
        The gain.
    """
    cross = jax.lax.map(covariance.apply, design)
    flat = design.reshape(design.shape[0], -1)
    matrix = flat @ cross.reshape(flat.shape).T + jnp.diag(noise**2)
    return Gain(cross, jnp.linalg.cholesky((matrix + matrix.T) / 2), noise, design)


class Posterior(eqx.Module):
    """The log posterior density of the interior coefficients of a direct problem.

    $-\\tfrac12 \\|\\rho(C)\\|^2_{\\Sigma^{-1}} - \\tfrac12 \\|C\\|^2 / s^2 -
    \\tfrac12 \\|(y - \\Psi C)/\\sigma_y\\|^2$, with $\\rho$ the projected residual of the equation.

    Attributes:
        grid: the data.
        axes: the bases.
        lift: the lifting of the boundary data.
        vectors: eigenvectors of every axis, constant.
        noises: noise variances of the modes.
        observed: rows, values, noise and offset of the observations, or `None`.
    """

    grid: Grid
    axes: tuple[Axis, ...]
    lift: Float[Array, "..."]
    vectors: tuple[Float[Array, "k k"], ...]
    noises: Float[Array, "..."]
    observed: tuple[Array, Array, Array, Array] | None

    def log_density(self, interior: Float[Array, "..."]) -> Float[Array, ""]:
        """The logarithm of the density, up to a constant."""
        tensor = self.lift + from_interior(self.axes, interior)
        residual = to_interior(self.axes, source_residual(self.grid, self.axes, tensor))
        modes = along_all([v.T for v in self.vectors], residual)
        total = jnp.sum(modes**2 / self.noises) + jnp.sum((interior / self.grid.scales.prior) ** 2)
        if self.observed is not None:
            design, values, noise, offset = self.observed
            found = offset + jnp.einsum("m...,...->m", design, interior)
            total = total + jnp.sum(((values - found) / noise) ** 2)
        return -total / 2


def log_posterior(
    grid: Grid,
    axes: tuple[Axis, ...],
    lift: Float[Array, "..."],
    vectors: tuple[Float[Array, "k k"], ...],
    noises: Float[Array, "..."],
) -> Posterior:
    """Gather what the log posterior needs; observations may be absent."""
    observed = _observed(grid, axes, lift) if grid.observations else None
    return Posterior(grid, axes, lift, vectors, noises, observed)


def maximise(
    posterior: Posterior,
    interior: Float[Array, "..."],
    covariance: AbstractCovariance,
    gain: Gain | None,
) -> Float[Array, "..."]:
    """The maximum of the log posterior, from the coefficients that solve the equation.

    There the equation has no gradient: only the prior and the observations have one.

    Args:
        posterior: the log density.
        interior: the coefficients that solve the equation.
        covariance: without the observations.
        gain: their correction, or `None`.

    Returns:
        The maximum.
    """
    shrunk = interior - covariance.apply(interior / posterior.grid.scales.prior**2)
    if gain is None or posterior.observed is None:
        return shrunk
    design, values, _, offset = posterior.observed
    innovation = values - offset - jnp.einsum("m...,...->m", design, shrunk)
    return shrunk + gain.correct(innovation)


def newton_step(
    posterior: Posterior,
    interior: Float[Array, "..."],
    covariance: AbstractCovariance,
    gain: Gain | None,
) -> Float[Array, "..."]:
    """One Newton step on the log posterior: exact, for it is quadratic.

    Only the gradient depends on the parameters of the problem to differentiation: at the maximum
    that is the implicit derivative.

    Args:
        posterior: the log density.
        interior: where to start.
        covariance: without the observations.
        gain: their correction, or `None`.

    Returns:
        The maximum.
    """
    step = covariance.apply(jax.grad(posterior.log_density)(interior))
    if gain is None:
        return interior + step
    return interior + step - gain.correct(jnp.einsum("m...,...->m", gain.design, step))


def _observed(grid: Grid, axes: tuple[Axis, ...], lift: Array) -> tuple[Array, Array, Array, Array]:
    """Interior rows, values, noise, and what the lifting contributes, over all groups."""
    designs, offsets, values, noises = [], [], [], []
    for observed in grid.observations:
        rows, offset = _group(observed, axes, lift)
        designs.append(rows)
        offsets.append(offset)
        values.append(observed.values)
        noises.append(jnp.broadcast_to(observed.noise, observed.values.shape))
    join = jnp.concatenate
    return join(designs), join(values), join(noises), join(offsets)


def _group(observed: Observations, axes: tuple[Axis, ...], lift: Array) -> tuple[Array, Array]:
    points = observed.flat_points()
    zero = ((0,) * len(axes),)
    terms = () if observed.operator is None else observed.operator.terms
    orders = zero if observed.operator is None else tuple(term.orders for term in terms)
    rows = jnp.zeros((points.shape[0], *(axis.null.shape[1] for axis in axes)), points.dtype)
    offset = jnp.zeros(points.shape[0], points.dtype)
    for number, multi in enumerate(orders):
        weight = jnp.ones(points.shape[0], points.dtype)
        if terms:
            weight = sample_at("observation coefficient", terms[number].coefficient, points)
        values = [
            feature_jet(axis.slots, axis.interval, points[:, j], order)[order] @ axis.weights
            for j, (axis, order) in enumerate(zip(axes, multi))
        ]
        offset = offset + weight * contract_points(lift, values)
        inner = [value @ axis.null for value, axis in zip(values, axes)]
        rows = rows + weight.reshape(-1, *[1] * len(axes)) * _outer(inner)
    return observed.reduce(rows), observed.reduce(offset)


def _outer(values: list[Array]) -> Array:
    """The outer product of one row per axis, for every point."""
    result = values[0]
    for value in values[1:]:
        result = result[..., None] * value.reshape(value.shape[0], *[1] * (result.ndim - 1), -1)
    return result
