"""The limit above which nothing is turned into a dense matrix."""

MAX_DENSE_ENTRIES = 16_000_000


class DenseSizeError(ValueError):
    """A dense matrix was asked for that has more than `MAX_DENSE_ENTRIES` entries."""


def check_dense(name: str, rows: int, columns: int) -> None:
    """Refuse to build a dense matrix of `rows` times `columns` if it is too large.

    Args:
        name: who asks, for the message.
        rows: number of rows.
        columns: number of columns.

    Raises:
        DenseSizeError: if `rows * columns` exceeds `MAX_DENSE_ENTRIES`. Shapes are static, so this
            happens before anything is compiled.
    """
    if rows * columns > MAX_DENSE_ENTRIES:
        raise DenseSizeError(
            f"{name}: a dense matrix of {rows} x {columns} = {rows * columns:,} entries is above "
            f"the limit of {MAX_DENSE_ENTRIES:,}. Use `mv`, `StructuredSolver()`, `logdet` or "
            "`sqrt_mv`, which keep the structure, or an iterative solver such as `lineax.CG`."
        )
