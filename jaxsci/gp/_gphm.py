"""GP-HM, the method of Fang et al. (ICLR 2024), as published: the baseline."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._core import RESULTS, AbstractIterativeMethod, AbstractSolution, adam, concrete
from ..approx import uniform_nodes
from ..pde import (
    AbstractPDE,
    AbstractTensorField,
    Box,
    sample_at,
    tensor_points,
    validation_axes,
    verdict,
)
from ._conditioning import mean_square
from ._gphm_model import (
    Conditional,
    Parameters,
    Sampled,
    Side,
    boundary_misfit,
    initial_parameters,
    log_joint,
    residual,
)
from ._kernels import AbstractKernel, positive
from ._kronecker import check_num_points
from ._precision import warn_if_single

State = tuple[Parameters, PyTree]


class GPHM(AbstractIterativeMethod):
    """GP-HM: the joint mode of the solution at the nodes and of all hyperparameters, by Adam.

    $$\\max_{U, \\theta, \\tau, v}\\ \\log p(U \\mid \\theta)
      + \\lambda_b \\log p(g \\mid U_b, \\tau) + \\log p(0 \\mid R(U), v).$$

    $U$ holds the solution on a uniform grid, the prior is a product of spectral mixtures, and the
    derivatives in $R$ are those of the conditional mean given $U$. Conditions of value enter softly
    as Gaussian data. Nothing is tuned with an exact solution, and the last iterate is the answer
    (the published code reports the best of 20 checkpoints, chosen with the exact solution).

    The algorithm is the published one (arXiv 2311.04465 and its code: initial values, jitter, full
    batch, constant rate); only the arithmetic differs: kernels at the distinct distances, one
    Cholesky factorisation per dimension and step, derivatives in closed form. It converges in
    $10^4$ to $10^6$ steps and its error then wanders by two orders; `SpectralFeatureGP` solves the
    same problems directly.

    Attributes:
        num_points: grid points per dimension.
        freq_scale: the largest initial frequency, in cycles per unit length; the paper sets it by
            hand for every problem.
        max_steps: Adam steps.
        num_components: $Q$.
        student: the Student-t mixture (GP-HM-StM), else the Gaussian one (GP-HM-GM).
        learning_rate: of Adam.
        boundary_weight: $\\lambda_b$.
        jitter: added to the diagonal of every kernel matrix, absolute as published.
        rtol: the residual, relative to the terms of the equation, that counts as a success.
    """

    accepts: ClassVar[tuple[type, ...]] = (AbstractPDE,)
    num_points: int = eqx.field(static=True)
    freq_scale: Any
    max_steps: int = eqx.field(static=True, default=100_000)
    num_components: int = eqx.field(static=True, default=30)
    student: bool = eqx.field(static=True, default=True)
    learning_rate: Any = 1e-2
    boundary_weight: Any = 200.0
    jitter: Any = 1e-6
    rtol: Any = 1e-2

    def __check_init__(self):
        names = ("freq_scale", "learning_rate", "boundary_weight", "jitter", "rtol")
        for name in names:
            positive("GPHM", name, getattr(self, name))

    def init(self, problem: AbstractPDE, key: Array | None) -> tuple[Sampled, State]:
        """See `AbstractIterativeMethod.init`; the method draws no random numbers."""
        check_num_points("GPHM", self.num_points, problem)
        _refuse(problem)
        warn_if_single("GPHM", problem.domain.lower.dtype)
        axes = _nodes(problem.domain, self.num_points)
        data = sampled(problem, axes)
        dtype = axes[0].dtype
        scale = jnp.asarray(self.freq_scale, dtype)
        parameters = initial_parameters(data.shape, self.num_components, scale, dtype)
        moments = adam(self.learning_rate, dtype).init(parameters)  # pyright: ignore[reportArgumentType]
        return data, (parameters, moments)

    def step(self, data: Sampled, state: State) -> State:
        """One step of Adam on the negative log joint."""
        parameters, moments = state
        dtype = parameters.log_v.dtype
        jitter, weight = (jnp.asarray(x, dtype) for x in (self.jitter, self.boundary_weight))
        loss = lambda p: -log_joint(p, data, self.student, jitter, weight)
        optimiser = adam(self.learning_rate, dtype)
        updates, moments = optimiser.update(jax.grad(loss)(parameters), moments)
        return eqx.apply_updates(parameters, updates), moments

    def done(self, data: Sampled, state: State) -> Array:
        """Never before the last step, as published."""
        return jnp.asarray(False)

    def finish(
        self, problem: AbstractPDE, data: Sampled, state: State, stats: dict
    ) -> "GPHMSolution":
        """The conditional mean of the last iterate, judged on the shifted grid."""
        axes = validation_axes(problem.domain, data.shape)
        jitter, rtol = (jnp.asarray(x, axes[0].dtype) for x in (self.jitter, self.rtol))
        unseen = sampled(problem, axes)
        return _finish(state[0], data, unseen, self.student, jitter, rtol, stats)

    def metrics(self, state: State) -> dict[str, Array]:
        """The logarithms of the two precisions."""
        return {"log_tau": state[0].log_tau, "log_v": state[0].log_v}


class GPHMSolution(AbstractSolution, AbstractTensorField):
    """$u(x) = \\sum_i c_i \\prod_j k_j(x_j - x_{i_j})$, $c = (\\bigotimes_j K_j)^{-1} U$.

    The published method has no posterior deviation, and neither has this.

    Attributes:
        value: $U$ at the nodes.
        result: a `RESULTS` code.
        stats: residuals, `num_steps`.
        dim: the number of dimensions.
        coefficients: $c$.
        kernels: the learned kernels.
        axes: the nodes.
    """

    value: Float[Array, "..."]
    result: RESULTS
    stats: dict[str, PyTree[ArrayLike]]
    dim: int = eqx.field(static=True)
    coefficients: Float[Array, "..."]
    kernels: tuple[AbstractKernel, ...]
    axes: tuple[Float[Array, " _"], ...]

    __repr__ = AbstractSolution.__repr__

    def basis(self, axis: int, x: Float[Array, " n"], order: int) -> Float[Array, "n r"]:
        """See `AbstractTensorField.basis`."""
        return self.kernels[axis].derivative(x[:, None] - self.axes[axis][None, :], order)


def sampled(problem: AbstractPDE, axes: tuple[Float[Array, " _"], ...]) -> Sampled:
    """The statement on the tensor grid of `axes`; user callables are sampled here."""
    grid = tensor_points(axes)
    operator = problem.operator
    return Sampled(
        axes=axes,
        coefficients=tuple(sample_at("coefficient", t.coefficient, grid) for t in operator.terms),
        orders=tuple(term.orders for term in operator.terms),
        source=sample_at("source", problem.source, grid),
        sides=_sides(problem, grid),
        nonlinearity=problem.nonlinearity,
    )


def _sides(problem: AbstractPDE, grid: Array) -> tuple[Side, ...]:
    corners = (problem.domain.lower, problem.domain.upper)
    sides = []
    for axis in range(problem.dim):
        for side, trace in problem.conditions.traces(axis):
            points = jnp.take(grid, 0, axis=axis).at[..., axis].set(corners[side][axis])
            name = f"boundary value, axis {axis} {('lower', 'upper')[side]}"
            sides.append(Side(axis, -side, sample_at(name, trace.data, points)))
    return tuple(sides)


def _refuse(problem: AbstractPDE) -> None:
    """What the published method has no place for.

    Raises:
        TypeError: naming what, and the methods that have.
    """
    remedy = "Use KroneckerGP, ScatteredGP or SpectralFeatureGP."
    if problem.observations:
        raise TypeError(f"GPHM does not take observations. {remedy}")
    for axis in range(problem.dim):
        traces = problem.conditions.traces(axis)
        plain = [_is_one(t.value_weight) and _is_one(t.slope_weight + 1) for _, t in traces]
        if problem.conditions.is_periodic(axis) or not all(plain):
            raise TypeError(
                f"GPHM takes conditions on the value alone (Dirichlet, Initial); dimension {axis} "
                f"has another one. {remedy}"
            )
    if not callable(problem.source) and jnp.ndim(problem.source) > 0:
        raise TypeError(
            "GPHM judges its answer between its nodes: give the source as a function or a number, "
            f"not as an array. {remedy}"
        )


def _is_one(weight: Any) -> bool:
    return concrete(weight) and float(weight) == 1.0


def _nodes(domain: Box, n: int) -> tuple[Float[Array, " _"], ...]:
    return tuple(uniform_nodes(domain.lower[j], domain.upper[j], n) for j in range(domain.dim))


@eqx.filter_jit
def _finish(parameters, data, unseen, student, jitter, rtol, stats) -> GPHMSolution:
    conditional = Conditional(parameters, data, student, jitter)
    solution = GPHMSolution(
        value=parameters.values,
        result=RESULTS.successful,
        stats=stats,
        dim=len(data.axes),
        coefficients=conditional.weights(),
        kernels=tuple(conditional.kernels),
        axes=data.axes,
    )
    on_nodes = _relative(residual(conditional, data), conditional.partial, data)
    field = _OnGrid(solution, unseen.axes)
    off_nodes = _relative(residual(field, unseen), field.partial, unseen)
    misfit = boundary_misfit(parameters.values, data)
    size = jnp.max(jnp.abs(jnp.concatenate([side.data.ravel() for side in data.sides])))
    size = size + jnp.sqrt(mean_square(parameters.values))
    boundary = jnp.max(jnp.abs(misfit)) / jnp.where(size > 0, size, 1.0)
    found = {
        "residual": on_nodes,
        "validation_residual": off_nodes,
        "boundary_residual": boundary,
        "jitter": jitter,
    }
    result = verdict(on_nodes, off_nodes, boundary, rtol)
    return eqx.tree_at(lambda s: (s.result, s.stats), solution, (result, {**stats, **found}))


class _OnGrid:
    """A field restricted to a tensor grid, with the derivatives that `residual` asks for."""

    def __init__(self, field: AbstractTensorField, axes: tuple[Array, ...]):
        self.field, self.axes = field, axes

    def partial(self, orders: tuple[int, ...]) -> Array:
        return self.field.partial_on_grid(orders, self.axes)


def _relative(rest: Array, partial: Any, data: Sampled) -> Array:
    """The root mean square of a residual relative to the linear terms and the source."""
    size = mean_square(data.source.ravel())
    for coefficient, orders in zip(data.coefficients, data.orders):
        size = size + mean_square((coefficient * partial(orders)).ravel())
    return jnp.sqrt(mean_square(rest.ravel()) / jnp.where(size > 0, size, 1.0))
