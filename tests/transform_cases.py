"""The rows of the transform table: every public method with a small problem of one parameter.

A row maps a scalar parameter to a problem, solves it and reads one number off the solution. The
dtype of the parameter is the dtype of the problem.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsci import bridge, diffusion, fit, gp, inverse, kinetic, pde, solve, spectral


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one problem.

    Attributes:
        name: of the row.
        make: the problem of a parameter, or a model and its data.
        method: how it is solved.
        quantity: a scalar of the solution.
        warns: whether float32 input is answered with a `PrecisionWarning`.
        pmap: run it under `pmap` too: one row per method. lineax with varying right-hand sides
            cannot;
            `jit(vmap)` on an Auto mesh is the way that always works.
        mesh_fault: a known failure on the mesh, in words; the row is then skipped there.
        derivative_fault: why derivatives through the method are not tried, in words.
        random: whether the method draws random numbers.
    """

    name: str
    make: Callable[[Any], Any]
    method: Any
    quantity: Callable[[Any], Any]
    warns: bool = True
    pmap: bool = False
    mesh_fault: str = ""
    derivative_fault: str = ""
    random: bool = False

    def __call__(self, p):
        """The quantity of interest as a function of the parameter."""
        made = self.make(p)
        if isinstance(made, tuple):  # a model and its data
            return self.quantity(fit(*made, self.method, key=jax.random.key(0), throw=False))
        key = jax.random.key(0) if self.random else None
        return self.quantity(solve(made, self.method, key=key, throw=False))


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


def _two_clusters(p):
    """A light bridge to be fitted: epsilon and the end depend on p."""
    random = np.random.default_rng(0)
    start = 0.5 * jnp.asarray(random.normal(size=(24, 2)), p.dtype)
    end = jnp.asarray(random.normal(size=(24, 2)) + 4 * (np.arange(24) % 2)[:, None], p.dtype)
    return bridge.LightBridge.blank(2, 2, p), (start, p * end)


def _unbalanced_clusters(p):
    """Epsilon, tau and the end depend on p."""
    _, (start, end) = _two_clusters(p)
    return bridge.UnbalancedBridge.blank(2, 2, p, 3 * p, num_source=1), (start, end)


def _gaussians(p):
    """Isotropic, so that all eigenvalues coincide."""
    identity, mean = jnp.eye(3, dtype=p.dtype), jnp.arange(3, dtype=p.dtype)
    return bridge.GaussianBridge(p * mean, 2 * p * identity, 1 - mean, p**2 * identity, p)


def _clouds(p):
    _, (start, end) = _two_clusters(p)
    return bridge.DiscreteBridge(start, end[:15], 4 * p)


def _schedule_search(p):
    """The denoised points, the noise and its range depend on p."""
    random = np.random.default_rng(0)
    points, noise = random.normal(size=(3, 2)), random.normal(size=(4, 2))
    denoiser = diffusion.KernelDenoiser(p * jnp.asarray(points, p.dtype))
    start = 3 * p * jnp.asarray(noise, p.dtype)
    span = jnp.stack([-jnp.log(3 * p), jnp.full_like(p, 2.0)])
    return diffusion.ScheduleSearch(denoiser, 2, span, start, start + 0.1, teacher_steps=4)


def _noisy_points(p):
    """A network to be trained; the data and their deviation depend on p."""
    net = diffusion.ResidualMLP(2, 4, 1, dtype=p.dtype, key=jax.random.key(1))
    points = jnp.asarray(np.random.default_rng(0).normal(size=(6, 2)), p.dtype)
    return diffusion.Preconditioned(net, p), p * points


def _gas(p, density, temperature):
    """A Maxwellian, stretched by p."""
    grid = kinetic.VelocityGrid(16, jnp.asarray(5.3, p.dtype))
    v = grid.points
    f = kinetic.maxwellian(grid, density, 0.1, temperature)
    stretch = 1 + 0.1 * p * (v[..., 0] ** 2 - v[..., 1] ** 2) * jnp.exp(-jnp.sum(v**2, -1) / 8)
    return grid, f * stretch


def _mixture(p):
    """The mass ratio, all collisions and the distributions depend on p."""
    light = kinetic.Species(*_gas(p, 1.0, 0.9), kinetic.BGK(2 * p))
    heavy = kinetic.Species(*_gas(p, 1.5, 0.7), kinetic.BGK(p))
    cross = kinetic.VariableHardSphere(1.0, p)
    return kinetic.DisparateMassMixture(light, heavy, p / 5, 0.3, cross)


def _flow(p):
    """As `_mixture`, in three cells of which one is denser, between a mirror and a warm wall."""
    mixture, profile = _mixture(p), jnp.asarray([1.0, 1.2, 1.0], p.dtype)[:, None, None]
    light, heavy = (
        kinetic.Species(s.grid, profile * s.distribution, s.collisions)
        for s in (mixture.light, mixture.heavy)
    )
    walls = (kinetic.Specular(), kinetic.Diffuse(p + 0.3))
    return kinetic.MixtureFlow(light, heavy, p / 5, 0.2, 1 + p, walls, mixture.cross)


def _stretched_gas(p):
    collisions = kinetic.Boltzmann(kinetic.VariableHardSphere(p, 1.0))
    return kinetic.BoltzmannRelaxation(kinetic.Species(*_gas(p, 1.0, 0.9), collisions), p)


def _mass_and_drift(solution):
    model = solution.value
    at = jnp.asarray([[0.3, -0.2], [0.1, 0.6]], model.tau.dtype)
    return model.mass + jnp.sum(model.bridge.drift(0.4, at) ** 2)


def _plan_and_drift(solution):
    model = solution.value
    at = jnp.asarray([[0.3, -0.2], [0.1, 0.6]], model.potential1.dtype)
    return model.cost + jnp.sum(model.drift(0.4, at) ** 2) + 100 * jnp.sum(model.plan**2)


def _cost_and_drift(solution):
    at = jnp.asarray([0.3, -0.2, 0.1], solution.value.centers.dtype)
    return solution.cost + jnp.sum(solution.value.drift(0.4, at) ** 2)


def _drift_and_cost(solution):
    model = solution.value
    at = jnp.asarray([[0.3, -0.2], [0.1, 0.6]], model.centers.dtype)
    return jnp.sum(model.drift(0.4, at) ** 2) + model.cost(at, at)


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

ROWS += (
    Row(
        "MomentMatching",
        _two_clusters,
        bridge.MomentMatching(num_starts=2, num_moves=0, rtol=1e-9, num_newton=2),
        _drift_and_cost,
        warns=False,
    ),
    Row(
        "LBFGS",
        _two_clusters,
        bridge.LBFGS(rtol=1e-9, atol=1e-9),
        _drift_and_cost,
        warns=False,
    ),
    Row(
        "LightSB",
        _two_clusters,
        bridge.LightSB(0.1, 3, batch_size=8),
        _drift_and_cost,
        warns=False,
        pmap=True,
    ),
    Row(
        "LightSBM",
        _two_clusters,
        bridge.LightSBM(0.1, 3, batch_size=8),
        _drift_and_cost,
        warns=False,
        pmap=True,
    ),
    Row(
        "ClosedForm",
        _gaussians,
        bridge.ClosedForm(),
        _cost_and_drift,
        warns=False,
        pmap=True,
    ),
    Row(
        "Sinkhorn",
        _clouds,
        bridge.Sinkhorn(rtol=1e-12),
        _plan_and_drift,
        warns=False,
        pmap=True,
    ),
    Row(
        "UnbalancedLBFGS",
        _unbalanced_clusters,
        bridge.UnbalancedLBFGS(),
        _mass_and_drift,
        warns=False,
    ),
)

_STEPS_OF_ADAM = (
    "the derivative of steps of Adam takes second derivatives of a sampler: 20 to 40 CPU seconds "
    "of compilation a row (by hand they agree with differences to 1e-11)"
)
ROWS += tuple(
    Row(
        type(method).__name__,
        _schedule_search,
        method,
        lambda solution: solution.stats["train_loss"] + solution.stats["rmse"],
        warns=False,
        random=True,
        derivative_fault=fault,
    )
    for method, fault in (
        (diffusion.GradientTimes(max_steps=2, num_starts=2), _STEPS_OF_ADAM),
        (diffusion.GradientCoefficients(max_steps=2, num_starts=2), _STEPS_OF_ADAM),
        (diffusion.Evolution(max_steps=2, population=4, pool=3, chunk=4), ""),
        (diffusion.DynamicProgramming(num_times=6, num_noises=2), ""),
        (
            diffusion.Combined(
                diffusion.GradientTimes(max_steps=1, num_starts=1),
                diffusion.Evolution(max_steps=1, population=3, pool=2, chunk=4),
                diffusion.GradientCoefficients(max_steps=1, num_starts=1),
            ),
            _STEPS_OF_ADAM,
        ),
    )
)


def _denoised(solution):
    at = jnp.asarray([[0.3, -0.2], [0.1, 0.6]], solution.stats["loss"].dtype)
    return jnp.sum(solution.value(at, jnp.asarray(0.7, at.dtype)) ** 2)


ROWS += (
    Row(
        "DenoisingScoreMatching",
        _noisy_points,
        diffusion.DenoisingScoreMatching(0.1, 3, batch_size=4),
        _denoised,
        warns=False,
        pmap=True,
    ),
)

ROWS += (
    Row(
        "AsymptoticPreserving mixture",
        _mixture,
        kinetic.AsymptoticPreserving(2, quadrature=kinetic.CollisionQuadrature(6, 4)),
        lambda solution: solution.light.temperature[-1] + jnp.sum(solution.value[1] ** 2),
        warns=False,
        pmap=True,
    ),
    Row(
        "AsymptoticPreserving in space",
        _flow,
        kinetic.AsymptoticPreserving(3),
        lambda solution: solution.light.temperature[-1, 1] + jnp.sum(solution.value[1][0] ** 2),
        warns=False,
        pmap=True,
    ),
    Row(
        "DirectExplicit",
        _stretched_gas,
        kinetic.DirectExplicit(2, quadrature=kinetic.CollisionQuadrature(6, 4)),
        lambda solution: solution.moments.anisotropy[-1] + jnp.sum(solution.value**2),
        warns=False,
        pmap=True,
    ),
    Row(
        "LimitEquations",
        _mixture,
        kinetic.LimitEquations(2),
        lambda solution: solution.value[0] - solution.value[1],
        warns=False,
        pmap=True,
    ),
    Row(
        "LimitEquations flow",
        _flow,
        kinetic.LimitEquations(2),
        lambda solution: jnp.sum(solution.value[2][0] ** 2) + jnp.sum(solution.value[1]),
        warns=False,
    ),
)

BY_NAME = {row.name: row for row in ROWS}
# at these sizes compiling is all the work: the programs are not optimised
FAST_COMPILE = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
PARAMETERS = (0.5, 0.6, 0.7, 0.8)
