"""The equations in space: two species of disparate masses between two walls, or periodic."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractProblem
from ._direct import between_species, resolved_quadrature
from ._kernels import VariableHardSphere
from ._problem import Species
from ._problem_checks import check_flow, check_horizon
from ._spectral import CollisionQuadrature
from ._validation import cast, positive, scalar
from ._walls import AbstractWall

Pair = tuple[Float[Array, "cells ..."], Float[Array, "cells ..."]]


class MixtureFlow(AbstractProblem):
    """$\\partial_tf_L + \\varepsilon^{-1}v_1\\partial_xf_L = \\varepsilon^{-p}Q_{LL} +
    \\varepsilon^{-2}Q_{LH}$ on $0 \\le x \\le \\ell$, and the heavy species

    $\\partial_tf_H + w_1\\partial_xf_H = \\varepsilon^{-q}Q_{HH} + \\varepsilon^{-2}Q_{HL}$: the
    `DisparateMassMixture` in one dimension of space, in its units. Lengths are measured by the way
    of a heavy particle within the unit of time; light ones fly $1/\\varepsilon$ times as fast
    between collisions that are $\\varepsilon^2$ apart, so that they diffuse.

    Attributes:
        light: $f_L$ at the start, one distribution a cell, shape `(cells, N, ..., N)`.
        heavy: $f_H$, of as many cells.
        epsilon: $\\varepsilon$.
        end: the final time.
        length: $\\ell$; cells are $\\Delta x = \\ell/\\text{cells}$ wide.
        walls: left and right, `Specular` or `Diffuse`; `None` if periodic.
        cross: kernel between the species.
        light_exponent: $p$, 2 by default.
        heavy_exponent: $q$, 1 by default.
        start: the initial time.
        odd: of $f_L$, the part odd in $v_1$ over $\\varepsilon$ at the faces of the cells, as a
            run leaves it; by default the mean of the neighbours.

    Source: the scaling of P. Degond, B. Lucquin-Desreux, Math. Models Methods Appl. Sci. 6 (1996)
    405, with lengths such that the heavy gas flows at the speed of sound.
    """

    light: Species
    heavy: Species
    epsilon: Float[Array, ""]
    end: Float[Array, ""]
    length: Float[Array, ""]
    walls: tuple[AbstractWall, AbstractWall] | None
    cross: VariableHardSphere
    light_exponent: Float[Array, ""]
    heavy_exponent: Float[Array, ""]
    start: Float[Array, ""]
    odd: Float[Array, "faces ..."] | None

    def __init__(
        self,
        light: Species,
        heavy: Species,
        epsilon: ArrayLike,
        end: ArrayLike,
        length: ArrayLike = 1.0,
        walls: tuple[AbstractWall, AbstractWall] | None = None,
        cross: VariableHardSphere | None = None,
        light_exponent: ArrayLike = 2.0,
        heavy_exponent: ArrayLike = 1.0,
        start: ArrayLike = 0.0,
        odd: Float[Array, "faces ..."] | None = None,
    ):
        name, dtype = "MixtureFlow", light.grid.dtype
        self.light, self.heavy, self.odd = light, heavy, odd
        self.epsilon = positive(
            f"{name}: epsilon",
            epsilon,
            "it is the square root of the mass ratio; LimitEquations are the limit at zero.",
            dtype,
        )
        self.length = positive(f"{name}: length", length, "cells need a width.", dtype)
        self.end = scalar(f"{name}: end", end, dtype)
        self.start = scalar(f"{name}: start", start, dtype)
        self.walls = cast(walls, dtype)
        self.cross = cast(VariableHardSphere() if cross is None else cross, dtype)
        self.light_exponent = scalar(f"{name}: light_exponent", light_exponent, dtype)
        self.heavy_exponent = scalar(f"{name}: heavy_exponent", heavy_exponent, dtype)
        check_horizon(name, self.start, self.end)
        check_flow(self)

    @property
    def num_cells(self) -> int:
        """How many cells."""
        return self.light.distribution.shape[0]

    @property
    def cell_width(self) -> Float[Array, ""]:
        """$\\Delta x$."""
        return self.length / self.num_cells

    @property
    def positions(self) -> Float[Array, " cells"]:
        """The centres of the cells."""
        return self.cell_width * (jnp.arange(self.num_cells, dtype=self.length.dtype) + 0.5)

    def residual(
        self,
        distributions: Pair,
        rates: Pair,
        slopes: Pair,
        quadrature: CollisionQuadrature = CollisionQuadrature(),  # noqa: B008 (immutable)
    ) -> Pair:
        """Both equations for candidates, their rates of change and slopes in space.

        Args:
            distributions: $(f_L, f_H)$.
            rates: $\\partial_t$ of both.
            slopes: $\\partial_x$ of both.
            quadrature: within the species.

        Returns:
            Left-hand sides less right-hand sides, with the full operators.
        """
        species, eps = (self.light, self.heavy), self.epsilon
        grids = (self.light.grid, self.heavy.grid)
        fine = resolved_quadrature(self.light.grid)
        between = lambda f: between_species(grids, self.cross, eps, f, fine)
        cross = jax.lax.map(between, distributions)
        scales = ((1 / eps, self.light_exponent), (1.0, self.heavy_exponent))
        found = []
        for i, (speed, exponent) in enumerate(scales):
            grid, collisions = species[i].grid, species[i].collisions
            tables = collisions.tables(grid, quadrature)
            own = jax.lax.map(
                lambda f, c=collisions, g=grid, t=tables: c.operator(g, t, f), distributions[i]
            )
            flight = speed * grid.points[..., 0] * slopes[i]
            found.append(rates[i] + flight - eps**-exponent * own - eps**-2.0 * cross[i])
        return found[0], found[1]

    def continued(
        self, distributions: Pair, end: ArrayLike, odd: Float[Array, "faces ..."] | None = None
    ) -> "MixtureFlow":
        """The same flow from `self.end` to `end`, from stored distributions.

        Args:
            distributions: of both species at the centres of the cells.
            end: the new final time.
            odd: `solution.odd`; with it the run goes on as if it had not been interrupted.

        Returns:
            The problem.
        """
        light, heavy = (
            Species(species.grid, f, species.collisions)
            for species, f in zip((self.light, self.heavy), distributions)
        )
        return MixtureFlow(
            light, heavy, self.epsilon, end, self.length, self.walls, self.cross,
            self.light_exponent, self.heavy_exponent, self.end, odd,
        )  # fmt: skip
