"""Diffusion and heat conduction of the light species in the limit: implicit, conservative."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._transport_coefficients import SonineTransport
from ._walls import AbstractWall, Diffuse

Blocks = Float[Array, "cells 2 2"]
Pairs = Float[Array, "cells 2"]


class LightDiffusion(eqx.Module):
    """$\\partial_tn + \\partial_xJ = 0$, $\\partial_t(\\tfrac d2nT) + \\partial_xQ = 0$ with the
    fluxes of `SonineTransport`.

    Backward Euler steps with coefficients of their start, linear in the changes of $(n, E_L)$;
    two half steps and a whole one are extrapolated to order two, which still damps what is stiff.
    The cells are updated by the fluxes, so that mass and energy stay to rounding. A `Diffuse` wall
    has the temperature $T_w$ (the light gas takes it without a jump as $\\varepsilon \\to 0$), no
    particles pass; at a `Specular` one there is no flux at all.

    Attributes:
        transport: the coefficients.
        cell_width: $\\Delta x$.
        walls: left and right, or `None` if periodic.
    """

    transport: SonineTransport
    cell_width: Float[Array, ""]
    walls: tuple[AbstractWall, AbstractWall] | None

    def __call__(
        self,
        n: Float[Array, " cells"],
        energy: Float[Array, " cells"],
        m: Float[Array, " cells"],
        time: Float[Array, ""],
    ) -> tuple[Float[Array, " cells"], Float[Array, " cells"]]:
        """Changes of $n$ and $E_L$ within `time`."""
        start = jnp.stack([n, energy], axis=1)
        # lanes of two steps: halves, and a whole one with nothing behind it
        steps = time * jnp.asarray([[0.5, 0.5], [1.0, 0.0]], time.dtype)

        def lane(steps):
            step = lambda y, h: (y + self.change(y, m, h), None)
            return jax.lax.scan(step, start, steps)[0] - start

        halves, whole = jax.vmap(lane)(steps)
        change = 2 * halves - whole
        return change[:, 0], change[:, 1]

    def change(self, y: Pairs, m: Float[Array, " cells"], time: Float[Array, ""]) -> Pairs:
        """Of one backward Euler step."""
        dim, width = self.transport.dim, self.cell_width
        n, temperature = y[:, 0], 2 / dim * y[:, 1] / y[:, 0]
        pressure = n * temperature
        rows = jnp.stack([n, m, temperature, pressure], axis=1)
        left, right = self._sides(rows)
        conduct = self._conductances(left, right)
        apply = lambda gap: jnp.einsum("fij,fj->fi", conduct, gap)
        ascent = jnp.stack([jnp.zeros_like(n), jnp.full_like(n, 2 / dim)], axis=1)
        slope = jnp.stack([-temperature / n, 2 / (dim * n)], axis=1)
        tangent = jnp.stack([ascent, slope], axis=1)  # of (p, T) to (n, E)
        flux = -apply(right[:, [3, 2]] - left[:, [3, 2]]) / width
        ratio = time / width**2
        lower, upper = -ratio * conduct[:-1], -ratio * conduct[1:]
        diagonal = jnp.eye(2, dtype=y.dtype) - (lower + upper) @ tangent
        lower, upper = lower @ jnp.roll(tangent, 1, axis=0), upper @ jnp.roll(tangent, -1, axis=0)
        if self.walls is not None:  # nothing changes in a wall
            lower, upper = lower.at[0].set(0), upper.at[-1].set(0)
        first = solve_cyclic(lower, diagonal, upper, -time / width * jnp.diff(flux, axis=0))
        moved = jnp.einsum("cij,cj->ci", tangent, first)
        before, after = self._sides(moved, still=True)
        return -time / width * jnp.diff(flux - apply(after - before) / width, axis=0)

    def _sides(self, rows: Float[Array, "cells k"], still: bool = False) -> tuple[Array, Array]:
        """Values to the left and to the right of every face; those of walls, or none if `still`."""
        if self.walls is None:
            first, last = rows[-1], rows[0]
        else:
            first, last = (
                jnp.zeros_like(row) if still else _at_wall(wall, row)
                for wall, row in zip(self.walls, (rows[0], rows[-1]))
            )
        return jnp.concatenate([first[None], rows]), jnp.concatenate([rows, last[None]])

    def _conductances(
        self, left: Float[Array, "faces k"], right: Float[Array, "faces k"]
    ) -> Float[Array, "faces 2 2"]:
        """From differences of $(p, T)$ to $(-J, -Q)\\,\\Delta x$."""
        middle = (left + right) / 2
        if self.walls is not None:
            middle = middle.at[0].set(left[0]).at[-1].set(right[-1])
        n, m, temperature = (middle[:, i] for i in range(3))
        particles, thermal, heat = jax.vmap(self.transport)(n, m, temperature)
        enthalpy = 1 + self.transport.dim / 2
        matrix = [
            [particles, n * thermal],
            [
                temperature * (enthalpy * particles + thermal),
                temperature * n * (enthalpy * thermal + heat),
            ],
        ]
        conduct = jnp.stack([jnp.stack(row, axis=-1) for row in matrix], axis=-2)
        if self.walls is None:
            return conduct
        alone = temperature * n * (heat - thermal**2 / particles)  # where J vanishes
        for i, wall in zip((0, -1), self.walls):
            # half a cell to the wall; the gas is as hot as a mirror
            held = 2 * alone[i] if isinstance(wall, Diffuse) else 0
            conduct = conduct.at[i].set(0).at[i, 1, 1].set(held)
        return conduct


def _at_wall(wall: AbstractWall, row: Float[Array, " k"]) -> Float[Array, " k"]:
    """$(n, m, T, p)$: the pressure of the cell, the temperature of the wall."""
    if not isinstance(wall, Diffuse):
        return row
    _, m, _, pressure = row
    return jnp.stack([pressure / wall.temperature, m, wall.temperature, pressure])


def solve_cyclic(lower: Blocks, diagonal: Blocks, upper: Blocks, right: Pairs) -> Pairs:
    """$L_ix_{i-1} + D_ix_i + U_ix_{i+1} = b_i$, with indices modulo the number of cells.

    The last cell is left out; what it does to the others is two more right-hand sides of a block
    tridiagonal system, and its own row then gives it.

    Args:
        lower: $L$; $L_0$ couples to the last cell.
        diagonal: $D$.
        upper: $U$; the last couples to the first cell.
        right: $b$.

    Returns:
        $x$; at least three cells.
    """
    columns = jnp.zeros_like(lower).at[0].set(lower[0]).at[-2].add(upper[-2])
    rows = jnp.concatenate([right[:, :, None], columns], axis=2)

    def eliminate(before, blocks):
        low, middle, up, row = blocks
        both = _inverse(middle - low @ before[:, :2]) @ jnp.concatenate(
            [up, row - low @ before[:, 2:]], axis=1
        )
        return both, both

    def substitute(after, both):
        here = both[:, 2:] - both[:, :2] @ after
        return here, here

    blocks = (lower[:-1].at[0].set(0), diagonal[:-1], upper[:-1].at[-1].set(0), rows[:-1])
    _, reduced = jax.lax.scan(eliminate, jnp.zeros_like(right, shape=(2, 5)), blocks)
    _, found = jax.lax.scan(substitute, jnp.zeros_like(reduced[0, :, 2:]), reduced, reverse=True)
    ends = lower[-1] @ found[-1] + upper[-1] @ found[0]
    last = _inverse(diagonal[-1] - ends[:, 1:]) @ (right[-1] - ends[:, 0])
    return jnp.concatenate([found[:, :, 0] - found[:, :, 1:] @ last, last[None]])


def _inverse(a: Float[Array, "2 2"]) -> Float[Array, "2 2"]:
    determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    rows = jnp.stack([jnp.stack([a[1, 1], -a[0, 1]]), jnp.stack([-a[1, 0], a[0, 0]])])
    return rows / determinant
