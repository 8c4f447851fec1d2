"""Flight of the light species: parities on a staggered mesh, implicit, whatever the mass ratio."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._face_collisions import FaceCollisions, collide_faces
from ._heavy_transport import Walls
from ._mixture_step import MixtureStep
from ._parity import LightState, faces_to_cells, first_component, neighbours, outflow
from ._small import solve_small
from ._tridiagonal import solve_bonds
from ._walls import Diffuse


def transport(
    step: MixtureStep,
    state: LightState,
    heavy: tuple[Float[Array, " cells"], Float[Array, "cells d"]],
    time: Float[Array, ""],
    width: Float[Array, ""],
    walls: Walls,
    sweeps: int,
) -> tuple[LightState, Float[Array, " cells"]]:
    """$\\partial_tr + v_1\\partial_xj = 0$, $\\varepsilon^2\\partial_tj + v_1\\partial_xr =
    \\nu(j_* - j) + Lj$, implicit in both.

    With $s = \\Delta t/\\varepsilon^2$ and $D = 1 + s(\\nu + \\mu)$,
    $$j^+ = \\bigl[j + s(\\nu j_* + \\mu j + Lj) - s\\,v_1\\partial_xr^+\\bigr]/D$$
    leaves, at each velocity, one tridiagonal system for $r^+$ whose inverse is positive. It is
    stable for every step and every $\\varepsilon$; for $\\varepsilon \\to 0$ it is an implicit
    scheme for drift and diffusion between next neighbours. What is taken from the last sweep on
    the right lags by one step, by less with more sweeps.

    Args:
        step: grids, kernels and tables.
        state: of the light species.
        heavy: density and velocity in the cells.
        time: $\\Delta t$.
        width: $\\Delta x$.
        walls: left and right, or `None` if periodic.
        sweeps: how often $j_*$ and $Lj$ are taken anew.

    Returns:
        The state afterwards, and the momentum along $x$ that each cell of heavy gas received.

    Source: parities as in S. Jin, L. Pareschi, G. Toscani, SIAM J. Numer. Anal. 38 (2000) 913;
    staggered as in M. Lemou, L. Mieussens, SIAM J. Sci. Comput. 31 (2008) 334.
    """
    periodic = walls is None

    def sweep(latest, _):
        collisions = collide_faces(step, latest, heavy, width, periodic)
        return _implicit(step, state, latest.odd, collisions, time, width, walls), None

    latest, _ = jax.lax.scan(sweep, state, None, length=sweeps)
    v = first_component(step.grids[0])
    even = state.even - time / width * v * outflow(latest.odd, periodic)
    given = _momentum_given(step, state.odd, latest, time / width, periodic)
    return LightState(even, latest.odd), given


def _implicit(
    step: MixtureStep,
    state: LightState,
    odd: Array,
    collisions: FaceCollisions,
    time: Array,
    width: Array,
    walls: Walls,
) -> LightState:
    """One sweep, computed for $v_1 > 0$ and mirrored."""
    grid, eps = step.grids[0], step.epsilon
    s, half = time / eps**2, grid.num_points // 2
    v = first_component(grid)[half:]
    mu = collisions.penalty.reshape(-1, *[1] * grid.dim)
    change = collisions.rate * collisions.target + collisions.own + mu * odd
    source = (state.odd + s * change)[:, half:]
    divisor = 1 + s * (collisions.rate + mu)[:, half:]
    pull = s * v / width * jnp.ones_like(divisor)
    if walls is not None:
        ends = jnp.array([0, -1])
        open_ = jnp.asarray([isinstance(wall, Diffuse) for wall in walls], v.dtype)
        open_ = open_.reshape(-1, *[1] * grid.dim)
        source, pull = source.at[ends].multiply(open_), pull.at[ends].multiply(2 * open_)
        divisor = divisor.at[ends].add(eps * pull[ends])  # r at the wall is rho M_w -+ eps j
    emitted = None if walls is None else jnp.stack([_emitted(grid, wall, eps) for wall in walls])
    even, odd = _solve(
        state.even[:, half:], source / divisor, pull / divisor, time / width * v, v, emitted
    )
    unfold = lambda a, sign: jnp.concatenate([sign * jnp.flip(a, 1), a], axis=1)
    return LightState(unfold(even, 1), unfold(odd, -1))


def _emitted(grid, wall, eps):
    """Of density one, for $v_1 > 0$; a mirror emits nothing of its own."""
    if not isinstance(wall, Diffuse):
        return jnp.zeros((grid.num_points // 2, *grid.shape[1:]), grid.dtype)
    return wall.emitted(grid, eps)[grid.num_points // 2 :]


def _solve(even, source, pull, speed, v, emitted):
    """$r + c\\,(j_{i+1/2} - j_{i-1/2}) = r_0$ with $j = a - b\\,(r_{i+1} - r_i)$."""
    periodic = emitted is None
    bond = speed * pull
    cells = solve_bonds(bond, even - speed * outflow(source, periodic))
    if periodic:
        return cells, source - pull * (cells - jnp.roll(cells, 1, axis=0))
    faces = lambda cells, left, right: (
        -pull * jnp.diff(jnp.concatenate([left[None], cells, right[None]]), axis=0)
    )
    nothing = jnp.zeros_like(emitted[0])
    odd = source + faces(cells, nothing, nothing)
    answers = []  # to what each wall emits with density one
    for i, ghosts in ((0, (emitted[0], nothing)), (-1, (nothing, emitted[1]))):
        load = jnp.zeros_like(cells).at[i].set(bond[i] * emitted[i])
        response = solve_bonds(bond, load)
        answers.append((response, faces(response, *ghosts)))
    densities = _no_net_flux(odd, [answer[1] for answer in answers], v)
    add = lambda base, k: base + densities[0] * answers[0][k] + densities[1] * answers[1][k]
    return add(cells, 0), add(odd, 1)


def _no_net_flux(odd, responses, v):
    """Densities of what walls emit, such that as many particles return as arrive."""
    through = lambda faces: jnp.stack([jnp.sum(v * faces[0]), jnp.sum(v * faces[-1])])
    matrix = jnp.stack([through(faces) for faces in responses], axis=1)
    mirrors = jnp.diagonal(matrix) == 0
    matrix = matrix + jnp.diag(mirrors.astype(matrix.dtype))
    return solve_small(matrix, -through(odd)[:, None])[0][:, 0]


def _momentum_given(step, before, after, way, periodic):
    """Half of what the light species lost to collisions at the two faces of each cell.

    It is what the balance of momentum at the faces leaves, so that the sum is kept to rounding. At
    walls, where no particle passes, nothing is counted.
    """
    grid = step.grids[0]
    v = first_component(grid)
    moment = lambda a: grid.integrate(v * a)
    left, right = neighbours(moment(v * after.even), periodic)
    lost = -(step.epsilon**2 * moment(after.odd - before) + way * (right - left))
    if not periodic:
        lost = lost.at[jnp.array([0, -1])].set(0)
    return faces_to_cells(lost, periodic)
