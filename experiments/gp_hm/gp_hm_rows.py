"""What is asked: one row per problem, grid and node family."""

from dataclasses import dataclass

from jaxsci.approx import AbstractNodes, ChebyshevNodes, GaussLegendreNodes, UniformNodes

GAUSS, CHEBYSHEV, UNIFORM = GaussLegendreNodes(), ChebyshevNodes(), UniformNodes()


@dataclass(frozen=True)
class Asked:
    """One row of the acceptance table.

    Attributes:
        problem: its name in `jaxsci.gp._reference.BENCHMARKS`.
        nodes: the node family.
        num_points: points per dimension.
        error: the relative L2 error at most.
        stretch: the error hoped for.
        seconds: warm CPU seconds at most.
        quick: part of the quick subset.
    """

    problem: str
    nodes: AbstractNodes
    num_points: int
    error: float
    stretch: float
    seconds: float
    quick: bool = False

    @property
    def label(self) -> str:
        """A short name for tables."""
        family = type(self.nodes).__name__.removesuffix("Nodes")
        return f"{self.problem}, {family} {self.num_points}"


ROWS = (
    Asked("poisson_1d-single_sin", GAUSS, 400, 1e-9, 1e-10, 0.5, quick=True),
    Asked("poisson_1d-sin_cos", GAUSS, 400, 1e-9, 1e-10, 0.5),
    Asked("allencahn_1d-single_sin", GAUSS, 400, 1e-9, 1e-10, 0.5),
    Asked("allencahn_1d-sin_cos", GAUSS, 400, 1e-9, 1e-10, 0.5),
    Asked("poisson_1d-x_time_sinx", GAUSS, 900, 5e-9, 5e-10, 1.0),
    Asked("poisson_1d-mix_sin", GAUSS, 900, 1e-11, 1e-14, 1.0),
    Asked("poisson_1d-x2_add_sinx", GAUSS, 400, 1e-10, 1e-11, 1.0, quick=True),
    Asked("poisson_2d-sin_sin", GAUSS, 400, 1e-11, 1e-12, 1.0),
    Asked("poisson_2d-sin_add_cos", GAUSS, 200, 1e-10, 1e-12, 1.0),
    Asked("allencahn_2d-mix-sincos", GAUSS, 400, 1e-9, 1e-11, 2.0),
    Asked("advection-sin", GAUSS, 200, 1e-11, 1e-13, 0.5),
    Asked("poisson_1d-single_sin", UNIFORM, 240, 1e-8, 1e-10, 0.5),
    Asked("poisson_1d-single_sin", UNIFORM, 210, 1e-8, 1e-10, 0.5, quick=True),
    Asked("poisson_1d-x_time_sinx", UNIFORM, 430, 1e-8, 1e-9, 1.0),
    Asked("poisson_3d-sin_sin_sin", GAUSS, 80, 1e-9, 1e-11, 5.0),
)

UNDER_RESOLVED = Asked("poisson_1d-single_sin", UNIFORM, 190, 0.0, 0.0, 0.5, quick=True)
KRONECKER = Asked("poisson_1d-single_sin", UNIFORM, 400, 5e-8, 1e-8, 1.0, quick=True)
