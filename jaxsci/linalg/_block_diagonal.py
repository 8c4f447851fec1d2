"""Block-diagonal matrices."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from ._base import DIAGONAL_QUERIES, AbstractStructuredOperator
from ._factorisation import AbstractFactorisation, factorise_dense
from ._parts import as_real
from ._tags import as_tags, common_tags, scaled_tags, shifted_tags


class BlockFactorisation(AbstractFactorisation):
    """One batched dense factorisation per stack of equal blocks."""

    stacks: tuple[AbstractFactorisation, ...]
    sizes: tuple[tuple[int, int], ...] = eqx.field(static=True)

    def solve(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Block by block."""
        return self._map(lambda factors, part: factors.solve(part), vector)

    def transpose(self) -> "BlockFactorisation":
        """Block by block."""
        return BlockFactorisation(tuple(stack.transpose() for stack in self.stacks), self.sizes)

    def logdet(self) -> Float[Array, ""]:
        """The sum over the blocks."""
        logs = [jnp.sum(jax.vmap(lambda factors: factors.logdet())(s)) for s in self.stacks]
        return sum(logs[1:], start=logs[0])

    def sqrt_mv(self, vector: Float[Array, " n"]) -> Float[Array, " n"]:
        """Block by block."""
        return self._map(lambda factors, part: factors.sqrt_mv(part), vector)

    def _map(self, function: Callable, vector: Array) -> Array:
        parts = split_stacks(vector, self.sizes)
        solved = [jax.vmap(function)(stack, part) for stack, part in zip(self.stacks, parts)]
        return jnp.concatenate([part.ravel() for part in solved])


class BlockDiagonal(AbstractStructuredOperator):
    """$A = \\mathrm{diag}(B_1, \\dots, B_k)$.

    Blocks of one shape are kept in stacks and handled together, so thousands of small blocks
    cost one batched operation.

    Attributes:
        blocks: stacks of blocks, each of shape `(k, a, b)`, in order.
        tags: lineax tags of the whole.
    """

    blocks: tuple[Float[Array, "k a b"], ...]
    tags: frozenset[object] = eqx.field(static=True)

    def __init__(
        self,
        blocks: Float[Array, "k a b"] | Sequence[Float[Array, "..."]],
        tags: object = (),
    ):
        """Build from the blocks.

        Args:
            blocks: a stack of shape `(k, a, b)`, or a sequence of matrices and such stacks.
            tags: lineax tags.

        Raises:
            ValueError: if there is no block, a block is not a matrix or a stack of matrices, or
                dtypes differ.
            TypeError: if a block is complex.
        """
        given = blocks if isinstance(blocks, Sequence) else [blocks]
        stacks = [as_real(f"BlockDiagonal: block {k}", block) for k, block in enumerate(given)]
        if not stacks:
            raise ValueError("BlockDiagonal: needs at least one block.")
        for k, stack in enumerate(stacks):
            if stack.ndim not in (2, 3) or stack.dtype != stacks[0].dtype:
                raise ValueError(
                    f"BlockDiagonal: block {k} must be a matrix or a stack (k, a, b) of dtype "
                    f"{stacks[0].dtype}, got shape {stack.shape} and dtype {stack.dtype}."
                )
        self.blocks = tuple(stack[None] if stack.ndim == 2 else stack for stack in stacks)
        self.tags = as_tags(tags)

    @property
    def shape(self) -> tuple[int, int]:
        """The sums of the blocks' rows and columns."""
        rows = sum(stack.shape[0] * stack.shape[1] for stack in self.blocks)
        return rows, sum(stack.shape[0] * stack.shape[2] for stack in self.blocks)

    @property
    def dtype(self) -> Any:
        """That of the blocks."""
        return self.blocks[0].dtype

    def mv(self, vector: Float[Array, " n"]) -> Float[Array, " m"]:
        """Block by block."""
        parts = split_stacks(vector, [(s.shape[0], s.shape[2]) for s in self.blocks])
        products = [
            jnp.matmul(stack, part[..., None], precision=jax.lax.Precision.HIGHEST)
            for stack, part in zip(self.blocks, parts)
        ]
        return jnp.concatenate([product.ravel() for product in products])

    def transpose(self) -> "BlockDiagonal":
        """Block by block."""
        return self._map(lambda s: jnp.swapaxes(s, 1, 2), lx.transpose_tags(self.tags))

    def dense(self) -> Float[Array, "m n"]:
        """The matrix."""
        total, row, column = jnp.zeros(self.shape, self.dtype), 0, 0
        for stack in self.blocks:
            count, rows, columns = stack.shape
            index = jnp.arange(count)[:, None, None]
            i = row + index * rows + jnp.arange(rows)[:, None]
            j = column + index * columns + jnp.arange(columns)
            total = total.at[i, j].set(stack)
            row, column = row + count * rows, column + count * columns
        return total

    def main_diagonal(self) -> Float[Array, " n"]:
        """The blocks' diagonals."""
        self._check_square_blocks("the diagonal")
        return jnp.concatenate([jnp.diagonal(s, axis1=1, axis2=2).ravel() for s in self.blocks])

    def factorise(self) -> BlockFactorisation:
        """Cholesky or LU of every block."""
        self._check_square_blocks("a factorisation")
        definite = lx.is_positive_semidefinite(self)
        factors = tuple(jax.vmap(lambda b: factorise_dense(b, definite))(s) for s in self.blocks)
        return BlockFactorisation(factors, tuple((s.shape[0], s.shape[1]) for s in self.blocks))

    def scale(self, factor: Float[Array, ""], positive: bool) -> "BlockDiagonal":
        """Block by block."""
        return self._map(lambda s: factor * s, scaled_tags(self.tags, positive))

    def add_identity(self, amount: Float[Array, ""], positive: bool) -> "BlockDiagonal":
        """Every block shifted."""
        self._check_square_blocks("a shift")
        shifted = lambda s: s + amount * jnp.eye(s.shape[1], dtype=self.dtype)
        return self._map(shifted, shifted_tags(self.tags, positive))

    def merge(self, other: lx.AbstractLinearOperator) -> "BlockDiagonal | None":
        """The sum of two with the same blocks."""
        if not isinstance(other, BlockDiagonal):
            return None
        if [s.shape for s in self.blocks] != [s.shape for s in other.blocks]:
            return None
        sums = [a + b for a, b in zip(self.blocks, other.blocks)]
        return BlockDiagonal(sums, common_tags(self.tags, other.tags))

    def infers(self, check: Callable[[lx.AbstractLinearOperator], bool]) -> bool:
        """Blocks of one entry are a diagonal."""
        single = all(stack.shape[1:] == (1, 1) for stack in self.blocks)
        return single and check in DIAGONAL_QUERIES

    def _map(self, function: Callable, tags: object) -> "BlockDiagonal":
        return BlockDiagonal([function(stack) for stack in self.blocks], tags)

    def _check_square_blocks(self, purpose: str) -> None:
        shapes = [stack.shape[1:] for stack in self.blocks]
        if any(rows != columns for rows, columns in shapes):
            raise ValueError(f"BlockDiagonal: {purpose} needs square blocks, got {shapes}.")


def split_stacks(vector: Array, sizes: Sequence[tuple[int, int]]) -> list[Array]:
    """The part of a vector that belongs to each stack, shape `(k, n)`."""
    parts, start = [], 0
    for count, size in sizes:
        parts.append(vector[start : start + count * size].reshape(count, size))
        start += count * size
    return parts
