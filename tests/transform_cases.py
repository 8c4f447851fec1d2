"""The rows of the transform table: every public method with a small problem of one parameter.

A row maps a scalar parameter to a problem, solves it and reads one number off the solution. The
dtype of the parameter is the dtype of the problem.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxsci import gp, inverse, pde, solve, spectral


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one problem.

    Attributes:
        name: of the row.
        make: the problem of a parameter.
        method: how it is solved.
        quantity: a scalar of the solution.
        warns: whether float32 input is answered with a `PrecisionWarning`.
        pmap: run it under `pmap` too: one row per method. lineax with varying right-hand sides
            cannot;
            `jit(vmap)` on an Auto mesh is the way that always works.
        mesh_fault: a known failure on the mesh, in words; the row is then skipped there.
    """

    name: str
    make: Callable[[Any], Any]
    method: Any
    quantity: Callable[[Any], Any]
    warns: bool = True
    pmap: bool = False
    mesh_fault: str = ""

    def __call__(self, p):
        """The quantity of interest as a function of the parameter."""
        return self.quantity(solve(self.make(p), self.method, throw=False))


def _box(p, dim):
    return pde.Box(jnp.zeros(dim, p.dtype), jnp.ones(dim, p.dtype))


def _wavy_line(p):
    """A variable coefficient, a source, a boundary value and a Robin weight depend on p."""
    boundary = pde.Boundary((pde.Dirichlet(p), pde.Robin(1.0, 0.5 + p, 1.0)))
    source = lambda x: 30 * jnp.sin(9 * x[0] + p)
    return pde.Helmholtz(_box(p, 1), lambda x: 1 + p * x[0], source, boundary)


def _reaction_line(p):
    return pde.AllenCahn(_box(p, 1), lambda x: 9 * jnp.sin(6 * x[0]), pde.Dirichlet(p), 1.0, p)


def _poisson_square(p):
    """The source agrees with the boundary data in the corners: the prior is smooth there."""
    source = lambda x: jnp.sin(math.pi * x[0]) * jnp.cos(x[1] * p)
    return pde.Poisson(_box(p, 2), source, pde.Dirichlet(lambda x: p * x[0] * x[1]))


def _observed_square(p):
    points = jnp.asarray([[0.3, 0.4], [0.7, 0.6], [0.5, 0.2]], p.dtype)
    seen = pde.Observations(points, jnp.asarray([0.1, -0.2, 0.3], p.dtype), 0.1 * p)
    source = lambda x: jnp.sin(4 * x[0]) * p
    return pde.Poisson(_box(p, 2), source, pde.Dirichlet(0.0), (seen,), source_noise=0.2)


def _heat(p):
    start = lambda x: p * jnp.sin(jnp.pi * x[0])
    boundary = pde.Boundary(pde.Dirichlet(0.0), pde.Initial(start))
    return pde.Heat(_box(p, 2), p, lambda x: x[0] * (1 - x[0]) * x[1], boundary)


def _reaction_square(p):
    source = lambda x: jnp.sin(3 * x[0]) * jnp.cos(2 * x[1])
    return pde.AllenCahn(_box(p, 2), source, pde.Dirichlet(p), 1.0, p)


def _noisy_line(p):
    seen = pde.Observations(jnp.full((1, 1), 0.4, p.dtype), jnp.ones(1, p.dtype), 0.1)
    source = lambda x: p * jnp.sin(5 * x[0])
    return pde.Poisson(_box(p, 1), source, pde.Dirichlet(p), (seen,), source_noise=0.1)


def _paper_line(p):
    source = lambda x: -(9.0**2) * p * jnp.sin(9 * x[0])
    return pde.Poisson(_box(p, 1), source, pde.Dirichlet(lambda x: p * jnp.sin(9 * x[0])))


def _decay(p):
    time = jnp.linspace(jnp.zeros_like(p), jnp.ones_like(p), 6)
    forward = lambda theta: theta[0] * jnp.exp(-theta[1] * time)
    prior = inverse.GaussianPrior(jnp.ones(2, p.dtype), 2.0)
    return inverse.InverseProblem(forward, (1 + time) * p, jnp.full_like(p, 0.1), prior)


def _mean_cube(solution):
    return jnp.mean(solution.value**3)


def _mean_and_deviation(solution):
    """Of the mean and of the deviation at one point."""
    at = jnp.full((1, solution.dim), 0.3, solution.value.dtype)
    return solution(at)[0] ** 2 + solution.std(at)[0]


def _parameters_and_evidence(solution):
    return solution.value[0] * solution.value[1] + solution.log_evidence / 100


_SCATTERED = jnp.asarray([[(i + 0.5) / 20, (7 * i % 20 + 0.5) / 20] for i in range(20)], "float32")

ROWS = (
    Row(
        "SpectralFeatureGP line",
        _wavy_line,
        gp.SpectralFeatureGP(40, num_features=32),
        _mean_cube,
        pmap=True,
    ),
    Row(
        "SpectralFeatureGP nonlinear line",
        _reaction_line,
        gp.SpectralFeatureGP(40, num_features=32),
        _mean_cube,
    ),
    Row(
        "SpectralFeatureGP observed square",
        _observed_square,
        gp.SpectralFeatureGP(32, num_features=24),
        _mean_cube,
    ),
    Row(
        "SpectralFeatureGP heat",
        _heat,
        gp.SpectralFeatureGP(32, num_features=24),
        _mean_cube,
        mesh_fault="compiling the batched LU for four CPU devices never returns (JAX 0.10)",
    ),
    Row(
        "SpectralFeatureGP nonlinear square",
        _reaction_square,
        gp.SpectralFeatureGP(32, num_features=24),
        _mean_cube,
    ),
    Row(
        "KroneckerGP line",
        _noisy_line,
        gp.KroneckerGP(gp.SquaredExponential(0.3), 12),
        _mean_and_deviation,
        pmap=True,
    ),
    Row(
        "KroneckerGP square",
        _poisson_square,
        gp.KroneckerGP(gp.Matern(0.4, 3.5), 8),
        _mean_cube,
    ),
    Row(
        "ScatteredGP",
        _observed_square,
        gp.ScatteredGP(gp.SquaredExponential(0.5), _SCATTERED, num_boundary=4),
        _mean_and_deviation,
        pmap=True,
    ),
    Row(
        "GPHM",
        _paper_line,
        gp.GPHM(24, 3.0, max_steps=2, num_components=3),
        lambda solution: 1e3 * jnp.mean(solution.value**2),
        pmap=True,
    ),
    Row(
        "ChebyshevCollocation",
        _heat,
        spectral.ChebyshevCollocation(10),
        _mean_cube,
        pmap=True,
    ),
    Row(
        "ChebyshevCollocation nonlinear",
        _reaction_line,
        spectral.ChebyshevCollocation(16),
        _mean_cube,
    ),
    Row(
        "GaussNewton",
        _decay,
        inverse.GaussNewton(),
        _parameters_and_evidence,
        warns=False,
    ),
)

BY_NAME = {row.name: row for row in ROWS}
# at these sizes compiling is all the work: the programs are not optimised
FAST_COMPILE = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
PARAMETERS = (0.5, 0.6, 0.7, 0.8)
