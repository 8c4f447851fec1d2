"""Named equations, ready to use. In time-dependent ones the last dimension is time."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._boundary import AbstractCondition, Boundary, Dirichlet
from ._differential import DifferentialOperator, identity, laplacian, partial
from ._domain import Box
from ._observations import Observations
from ._problem import AbstractLinearPDE, AbstractNonlinearPDE, Nonlinearity


def _space(dim: int) -> tuple[int, ...]:
    """The space dimensions of a time-dependent problem: all but the last."""
    return tuple(range(dim - 1))


def _zero(dim: int) -> tuple[int, ...]:
    return (0,) * dim


class Poisson(AbstractLinearPDE):
    """$\\Delta u = f$."""

    domain: Box
    source: Any
    boundary: Boundary | AbstractCondition = Dirichlet(0.0)
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\Delta$."""
        return laplacian(self.dim)


class Helmholtz(AbstractLinearPDE):
    """$\\Delta u + k^2 u = f$; `wavenumber` is $k$, a number or a function of the point."""

    domain: Box
    wavenumber: Any
    source: Any
    boundary: Boundary | AbstractCondition = Dirichlet(0.0)
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\Delta + k^2$."""
        return laplacian(self.dim) + self.wavenumber * (self.wavenumber * identity(self.dim))


class Heat(AbstractLinearPDE):
    """$\\partial_t u - \\kappa \\Delta_x u = f$; `diffusivity` is $\\kappa$."""

    domain: Box
    diffusivity: Any
    source: Any
    boundary: Boundary
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\partial_t - \\kappa \\Delta_x$."""
        diffusion = self.diffusivity * laplacian(self.dim, axes=_space(self.dim))
        return partial(self.dim - 1, dim=self.dim) - diffusion


class Advection(AbstractLinearPDE):
    """$\\partial_t u + v \\cdot \\nabla_x u = f$; `velocity` is $v$, one per space dimension."""

    domain: Box
    velocity: tuple[Any, ...]
    source: Any
    boundary: Boundary
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\partial_t + v \\cdot \\nabla_x$."""
        return partial(self.dim - 1, dim=self.dim) + _transport(self.velocity, self.dim)


class AdvectionDiffusionReaction(AbstractLinearPDE):
    """$[\\partial_t u] + v \\cdot \\nabla u - \\kappa \\Delta u + r\\,u = f$.

    Attributes:
        diffusivity: $\\kappa$, outside the divergence; a number or a function of the point.
        velocity: $v$, one entry per space dimension, each a number or a function.
        reaction: $r$, a number or a function.
        transient: if true, the last dimension is time and $\\partial_t u$ is present.
    """

    domain: Box
    diffusivity: Any
    velocity: tuple[Any, ...]
    reaction: Any
    source: Any
    boundary: Boundary | AbstractCondition
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0
    transient: bool = eqx.field(static=True, default=False)

    @property
    def operator(self) -> DifferentialOperator:
        """$[\\partial_t] + v \\cdot \\nabla - \\kappa \\Delta + r$."""
        dim = self.dim
        axes = _space(dim) if self.transient else tuple(range(dim))
        steady = self.reaction * identity(dim) - self.diffusivity * laplacian(dim, axes=axes)
        steady = steady + _transport(self.velocity, dim) if self.velocity else steady
        return partial(dim - 1, dim=dim) + steady if self.transient else steady


class Wave(AbstractLinearPDE):
    """$\\partial_t^2 u - c^2 \\Delta_x u = f$; `speed` is $c$, a number or a function."""

    domain: Box
    speed: Any
    source: Any
    boundary: Boundary
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\partial_t^2 - c^2 \\Delta_x$."""
        spatial = self.speed * (self.speed * laplacian(self.dim, axes=_space(self.dim)))
        return partial(self.dim - 1, 2, dim=self.dim) - spatial


class AllenCahn(AbstractNonlinearPDE):
    """$\\kappa \\Delta u + \\gamma\\,u(u^2 - 1) = f$, or with time $\\partial_t u = \\dots + f$.

    The transient form is $\\partial_t u - \\kappa \\Delta_x u - \\gamma\\,u(u^2 - 1) = f$; phase
    separation has $\\gamma < 0$. The steady form with $\\kappa = \\gamma = 1$ is the benchmark of
    Fang et al., arXiv 2311.04465.

    Attributes:
        diffusivity: $\\kappa$.
        reaction: $\\gamma$.
        transient: if true, the last dimension is time.
    """

    domain: Box
    source: Any
    boundary: Boundary | AbstractCondition
    diffusivity: Any = 1.0
    reaction: Any = 1.0
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0
    transient: bool = eqx.field(static=True, default=False)

    @property
    def operator(self) -> DifferentialOperator:
        """$\\kappa \\Delta$, or $\\partial_t - \\kappa \\Delta_x$."""
        if not self.transient:
            return self.diffusivity * laplacian(self.dim)
        diffusion = self.diffusivity * laplacian(self.dim, axes=_space(self.dim))
        return partial(self.dim - 1, dim=self.dim) - diffusion

    @property
    def nonlinearity(self) -> Nonlinearity | None:
        """$\\pm\\gamma\\,u(u^2 - 1)$."""
        sign = -1.0 if self.transient else 1.0
        return Nonlinearity(_DoubleWell(sign * jnp.asarray(self.reaction)), (_zero(self.dim),))


class Burgers(AbstractNonlinearPDE):
    """$\\partial_t u + u\\,\\partial_x u - \\nu\\,\\partial_x^2 u = f$; `viscosity` is $\\nu$."""

    domain: Box
    viscosity: Any
    source: Any
    boundary: Boundary
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\partial_t - \\nu\\,\\partial_x^2$."""
        return partial(self.dim - 1, dim=self.dim) - self.viscosity * partial(0, 2, dim=self.dim)

    @property
    def nonlinearity(self) -> Nonlinearity | None:
        """$u\\,\\partial_x u$."""
        slope = tuple(int(axis == 0) for axis in range(self.dim))
        return Nonlinearity(_self_advection, (_zero(self.dim), slope))


class SineGordon(AbstractNonlinearPDE):
    """$\\partial_t^2 u - c^2 \\Delta_x u + \\sin u = f$; `speed` is $c$."""

    domain: Box
    source: Any
    boundary: Boundary
    speed: Any = 1.0
    observations: tuple[Observations, ...] = ()
    source_noise: Any = 0.0

    @property
    def operator(self) -> DifferentialOperator:
        """$\\partial_t^2 - c^2 \\Delta_x$."""
        spatial = self.speed * (self.speed * laplacian(self.dim, axes=_space(self.dim)))
        return partial(self.dim - 1, 2, dim=self.dim) - spatial

    @property
    def nonlinearity(self) -> Nonlinearity | None:
        """$\\sin u$."""
        return Nonlinearity(_sine, (_zero(self.dim),))


def _transport(velocity: tuple[Any, ...], dim: int) -> DifferentialOperator:
    """$v \\cdot \\nabla$ over the first dimensions, one per entry of the velocity."""
    terms: list[DifferentialOperator] = [
        speed * partial(axis, dim=dim) for axis, speed in enumerate(velocity)
    ]
    return DifferentialOperator(tuple(term for part in terms for term in part.terms))


class _DoubleWell(eqx.Module):
    strength: Array

    def __call__(self, x: Float[Array, " d"], u: Float[Array, ""]) -> Float[Array, ""]:
        return self.strength * u * (u**2 - 1)


def _self_advection(x: Array, u: Array, slope: Array) -> Array:
    return u * slope


def _sine(x: Array, u: Array) -> Array:
    return jnp.sin(u)
