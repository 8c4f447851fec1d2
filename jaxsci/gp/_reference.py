"""The multi-scale benchmark problems of Fang et al. (ICLR 2024), with their exact solutions.

Tests and experiments share these statements. Source: arXiv 2311.04465 and its published code; the
advection problem here is given initial and inflow data only (the paper also prescribes the exact
solution at the outflow side and at the final time).
"""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..pde import (
    AbstractPDE,
    Advection,
    AllenCahn,
    Boundary,
    Box,
    Dirichlet,
    Free,
    Initial,
    Poisson,
    tensor_points,
)

_Profile = Callable[[Float[Array, ""]], Float[Array, ""]]
_Point = Float[Array, " d"]


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One problem of the paper.

    Attributes:
        name: as in the paper's code.
        problem: makes the statement.
        exact: $u$, a function of a point of shape `(d,)`.
        num_points: the paper's grid points per dimension.
        freq_scale: the paper's largest initial frequency, in cycles per unit length.
    """

    name: str
    problem: Callable[[], AbstractPDE]
    exact: Callable[[_Point], Float[Array, ""]]
    num_points: int
    freq_scale: float

    def test_axes(self, num: int = 300) -> tuple[Float[Array, " num"], ...]:
        """The paper's uniform test coordinates, ends included, one vector per dimension."""
        domain = self.problem().domain
        return tuple(
            jnp.linspace(domain.lower[axis], domain.upper[axis], num) for axis in range(domain.dim)
        )

    def exact_on_grid(self, *axes: Float[Array, " _"]) -> Float[Array, "..."]:
        """$u$ on the tensor grid of `axes`."""
        return jnp.vectorize(self.exact, signature="(d)->()")(tensor_points(axes))

    def relative_error(self, solution: Callable, num: int = 300) -> Float[Array, ""]:
        """$\\|\\hat u - u\\|_2 / \\|u\\|_2$ on the test grid.

        Args:
            solution: any field, or a function from points of shape `(..., d)` to `(...)`.
            num: test points per dimension; the paper has 300.

        Returns:
            The relative error.
        """
        axes = self.test_axes(num)
        exact = self.exact_on_grid(*axes)
        found = solution.on_grid(*axes) if hasattr(solution, "on_grid") else None
        found = solution(tensor_points(axes)) if found is None else found
        return jnp.linalg.norm((found - exact).ravel()) / jnp.linalg.norm(exact.ravel())


def _single_sin(z):
    return jnp.sin(100 * z)


def _single_sin_2(z):
    return -1e4 * jnp.sin(100 * z)


def _mix_sin(z):
    return jnp.sin(z) + 0.1 * jnp.sin(20 * z) + 0.05 * jnp.sin(100 * z)


def _mix_sin_2(z):
    return -jnp.sin(z) - 40 * jnp.sin(20 * z) - 500 * jnp.sin(100 * z)


def _sin_cos(z):
    return jnp.sin(6 * z) * jnp.cos(100 * z)


def _sin_cos_2(z):
    slow = 10036 * jnp.sin(6 * z) * jnp.cos(100 * z)
    return -slow - 1200 * jnp.cos(6 * z) * jnp.sin(100 * z)


def _x_time_sinx(z):
    return z * jnp.sin(200 * z)


def _x_time_sinx_2(z):
    return 400 * jnp.cos(200 * z) - 4e4 * z * jnp.sin(200 * z)


def _x2_add_sinx(z):
    return jnp.sin(500 * z) - 2 * (z - 0.5) ** 2


def _x2_add_sinx_2(z):
    return -2.5e5 * jnp.sin(500 * z) - 4


def _slow_sin_cos(z):
    return jnp.sin(6 * z) * jnp.cos(20 * z)


def _slow_sin_cos_2(z):
    slow = 436 * jnp.sin(6 * z) * jnp.cos(20 * z)
    return -slow - 240 * jnp.cos(6 * z) * jnp.sin(20 * z)


def _mix_sincos(z):
    return jnp.sin(z) + 0.1 * jnp.sin(20 * z) + jnp.cos(100 * z)


def _mix_sincos_2(z):
    return -jnp.sin(z) - 40 * jnp.sin(20 * z) - 1e4 * jnp.cos(100 * z)


def _along(profile: _Profile) -> Callable:
    return lambda x: profile(x[0])


def _product(profile: _Profile) -> Callable:
    return lambda x: profile(x[0]) * profile(x[1])


def _product_laplacian(u: _Profile, u_2: _Profile) -> Callable:
    return lambda x: u_2(x[0]) * u(x[1]) + u(x[0]) * u_2(x[1])


def _sum(profile: _Profile) -> Callable:
    return lambda x: profile(x[0]) + profile(x[1])


def _reaction(exact: Callable, laplacian: Callable) -> Callable:
    """$\\Delta u + u(u^2 - 1)$, the source of the steady Allen-Cahn equation."""
    return lambda x: laplacian(x) + exact(x) * (exact(x) ** 2 - 1)


def _travelling(x: _Point) -> Float[Array, ""]:
    return jnp.sin(x[0] - 200 * x[1])


def _three_waves(x: _Point) -> Float[Array, ""]:
    return jnp.sin(40 * x[0]) * jnp.sin(60 * x[1]) * jnp.sin(50 * x[2])


def _three_waves_laplacian(x: _Point) -> Float[Array, ""]:
    return -7700.0 * _three_waves(x)


def _box(length: float, dim: int) -> Box:
    return Box((0.0,) * dim, (length,) * dim)


def _poisson(name, length, dim, exact, source, num_points, freq_scale) -> Benchmark:
    # pyright takes the abstract variables of AbstractPDE for arguments of the constructors
    make = lambda: Poisson(_box(length, dim), source, Dirichlet(exact))  # pyright: ignore[reportCallIssue]
    return Benchmark(name, make, exact, num_points, freq_scale)


def _allen_cahn(name, length, dim, exact, laplacian, num_points, freq_scale) -> Benchmark:
    source = _reaction(exact, laplacian)
    make = lambda: AllenCahn(_box(length, dim), source, Dirichlet(exact))  # pyright: ignore[reportCallIssue]
    return Benchmark(name, make, exact, num_points, freq_scale)


def _advection() -> Advection:
    known = Dirichlet(_travelling)
    boundary = Boundary((known, Free()), Initial(_travelling))
    return Advection(_box(1.0, 2), (200.0,), 0.0, boundary)  # pyright: ignore[reportCallIssue]


def _line(name, u, u_2, length, num_points, freq_scale) -> Benchmark:
    return _poisson(name, length, 1, _along(u), _along(u_2), num_points, freq_scale)


def _line_allen_cahn(name, u, u_2) -> Benchmark:
    return _allen_cahn(name, 2 * math.pi, 1, _along(u), _along(u_2), 400, 20.0)


_TURN = 2 * math.pi

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        _line("poisson_1d-single_sin", _single_sin, _single_sin_2, _TURN, 400, 20.0),
        _line("poisson_1d-mix_sin", _mix_sin, _mix_sin_2, 1.0, 900, 30.0),
        _line("poisson_1d-sin_cos", _sin_cos, _sin_cos_2, _TURN, 400, 20.0),
        _line("poisson_1d-x_time_sinx", _x_time_sinx, _x_time_sinx_2, _TURN, 900, 50.0),
        _line("poisson_1d-x2_add_sinx", _x2_add_sinx, _x2_add_sinx_2, 1.0, 400, 100.0),
        _line_allen_cahn("allencahn_1d-single_sin", _single_sin, _single_sin_2),
        _line_allen_cahn("allencahn_1d-sin_cos", _sin_cos, _sin_cos_2),
        _poisson(
            "poisson_2d-sin_sin",
            _TURN,
            2,
            _product(_single_sin),
            _product_laplacian(_single_sin, _single_sin_2),
            400,
            20.0,
        ),
        _poisson(
            "poisson_2d-sin_add_cos",
            _TURN,
            2,
            _sum(_slow_sin_cos),
            _sum(_slow_sin_cos_2),
            200,
            20.0,
        ),
        _allen_cahn(
            "allencahn_2d-mix-sincos",
            1.0,
            2,
            _product(_mix_sincos),
            _product_laplacian(_mix_sincos, _mix_sincos_2),
            400,
            30.0,
        ),
        Benchmark("advection-sin", _advection, _travelling, 200, 40.0),
        _poisson("poisson_3d-sin_sin_sin", 1.0, 3, _three_waves, _three_waves_laplacian, 80, 15.0),
    )
}
