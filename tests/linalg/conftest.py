"""Small examples of every structured operator, as functions of their array leaves.

A test with an argument `example` runs for all of them, with `definite_example` for those that are
declared positive semidefinite.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

from jaxsci.linalg import (
    Banded,
    BlockDiagonal,
    Circulant,
    Kronecker,
    KroneckerSum,
    LowRankPlusDiagonal,
    Shifted,
    Toeplitz,
)

PSD = lx.positive_semidefinite_tag


def positive(seed, n):
    """A symmetric positive definite matrix with eigenvalues of order one."""
    noise = np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n)
    return noise @ noise.T + 0.5 * np.eye(n)


def general(seed, n):
    """A well-conditioned matrix without symmetry."""
    return np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n) + 2 * np.eye(n)


def _symmetrise(matrix):
    return (matrix + matrix.T) / 2


def _decay(n):
    return 0.5 ** np.arange(n)


def _circular(n):
    column = _decay(n)
    return column + np.roll(column[::-1], 1)


@dataclasses.dataclass(frozen=True)
class Example:
    """`build(*leaves)` is an operator, `dense(*leaves)` the same matrix by other means."""

    build: Callable
    dense: Callable
    numbers: tuple
    definite: bool

    @functools.cached_property
    def matrix(self):
        """The dense matrix in float64, as a NumPy array."""
        return np.asarray(jax.jit(self.dense)(*self.leaves()))

    def leaves(self, dtype=jnp.float64):
        """The arrays that `build` and `dense` take, as NumPy arrays: nothing runs eagerly."""
        return tuple(np.asarray(number, dtype) for number in self.numbers)


def _kron(*matrices):
    total = jnp.eye(1, dtype=matrices[0].dtype)
    for matrix in matrices:
        total = jnp.kron(total, matrix)
    return total


def _kron_sum(matrices, shift):
    eyes = [jnp.eye(m.shape[0], dtype=m.dtype) for m in matrices]
    terms = [
        _kron(*[m if i == j else e for j, e in enumerate(eyes)]) for i, m in enumerate(matrices)
    ]
    total = shift * _kron(*eyes)
    for term in terms:
        total = total + term
    return total


def _toeplitz(column, row):
    index = np.arange(len(column))[:, None] - np.arange(len(row))[None, :]
    return jnp.where(index >= 0, column[np.maximum(index, 0)], row[np.maximum(-index, 0)])


def _banded(bands, lower, upper):
    n = bands.shape[1]
    row, column = np.indices((n, n))
    inside = (row - column <= lower) & (column - row <= upper)
    entries = bands[np.clip(upper + row - column, 0, lower + upper), column]
    return jnp.where(inside, entries, 0)


def _spd_bands(bands):
    """Symmetric pentadiagonal from its three upper bands, in the LAPACK layout."""
    first = jnp.pad(bands[1, 1:], (0, 1))
    second = jnp.pad(bands[0, 2:], (0, 2))
    return jnp.stack([bands[0], bands[1], bands[2], first, second])


def _blocks(*stacks):
    blocks = [block for stack in stacks for block in (stack if stack.ndim == 3 else stack[None])]
    return jax.scipy.linalg.block_diag(*blocks)


def _positive_diagonal(entries):
    return lx.TaggedLinearOperator(lx.DiagonalLinearOperator(entries), PSD)


def _psd(*matrices):
    return [lx.MatrixLinearOperator(_symmetrise(m), PSD) for m in matrices]


_RNG = np.random.default_rng(3)
_THIN = (_RNG.normal(size=(7, 2)), _RNG.normal(size=(7, 2)))
_PIVOTING = _RNG.normal(size=(4, 8))  # weak diagonal: needs row exchanges

EXAMPLES = {
    "kronecker": Example(
        lambda a, b: Kronecker([a, b]), _kron, (general(0, 3), general(1, 4)), False
    ),
    "kronecker_psd": Example(
        lambda a, b, c: Kronecker([_symmetrise(m) for m in (a, b, c)], PSD),
        lambda a, b, c: _kron(*[_symmetrise(m) for m in (a, b, c)]),
        (positive(0, 2), positive(1, 3), positive(2, 2)),
        True,
    ),
    "kronecker_mixed": Example(
        lambda a, c, d: Kronecker(
            [
                *_psd(a),
                Toeplitz(c, tags=PSD),
                _positive_diagonal(d),
            ]
        ),
        lambda a, c, d: _kron(_symmetrise(a), _toeplitz(c, c), jnp.diag(d)),
        (positive(0, 2), _decay(3), np.array([1.0, 2.0])),
        True,
    ),
    "shifted": Example(
        lambda a, b, s: Shifted(Kronecker([_symmetrise(a), _symmetrise(b)], PSD), s),
        lambda a, b, s: _kron(_symmetrise(a), _symmetrise(b)) + s * jnp.eye(12, dtype=a.dtype),
        (positive(0, 3), positive(1, 4), np.array(0.3)),
        True,
    ),
    "kronecker_sum": Example(
        lambda a, b, s: KroneckerSum(_psd(a, b), s),
        lambda a, b, s: _kron_sum([_symmetrise(a), _symmetrise(b)], s),
        (positive(0, 3), positive(1, 4), np.array(0.3)),
        True,
    ),
    "kronecker_sum_one_general": Example(
        lambda a, b, s: KroneckerSum([a, *_psd(b)], s),
        lambda a, b, s: _kron_sum([a, _symmetrise(b)], s),
        (general(0, 3), positive(1, 4), np.array(0.3)),
        False,
    ),
    "kronecker_sum_general": Example(
        lambda a, b, s: KroneckerSum([a, b], s),
        lambda a, b, s: _kron_sum([a, b], s),
        (general(0, 3), general(1, 4), np.array(0.3)),
        False,
    ),
    "toeplitz": Example(Toeplitz, _toeplitz, (_decay(7) + np.eye(7)[0], 0.3 * _decay(7)), False),
    "toeplitz_psd": Example(
        lambda c: Toeplitz(c, tags=PSD), lambda c: _toeplitz(c, c), (_decay(7),), True
    ),
    "circulant": Example(
        Circulant, lambda c: _toeplitz(c, jnp.roll(c[::-1], 1)), (_decay(7),), False
    ),
    "circulant_psd": Example(
        lambda c: Circulant(_even(c), PSD),
        lambda c: _toeplitz(_even(c), jnp.roll(_even(c)[::-1], 1)),
        (_circular(8),),
        True,
    ),
    "low_rank": Example(
        LowRankPlusDiagonal,
        lambda d, u, v: jnp.diag(d) + u @ v.T,
        (2 + np.arange(7.0), *_THIN),
        False,
    ),
    "low_rank_psd": Example(
        lambda d, u: LowRankPlusDiagonal(d, u, tags=PSD),
        lambda d, u: jnp.diag(d) + u @ u.T,
        (1 + np.arange(7.0), _THIN[0]),
        True,
    ),
    "banded": Example(lambda b: Banded(b, 1, 2), lambda b: _banded(b, 1, 2), (_PIVOTING,), False),
    "banded_psd": Example(
        lambda b: Banded(_spd_bands(b), 2, 2, PSD),
        lambda b: _banded(_spd_bands(b), 2, 2),
        (np.array([[0.3], [0.5], [3.0]]) + 0.1 * _RNG.normal(size=(3, 8)),),
        True,
    ),
    "block_diagonal": Example(
        lambda s, b: BlockDiagonal([s, b]),
        _blocks,
        (np.stack([general(k, 2) for k in range(3)]), general(5, 3)),
        False,
    ),
    "block_diagonal_psd": Example(
        lambda s: BlockDiagonal((s + jnp.swapaxes(s, 1, 2)) / 2, PSD),
        lambda s: _blocks((s + jnp.swapaxes(s, 1, 2)) / 2),
        (np.stack([positive(k, 3) for k in range(3)]),),
        True,
    ),
}


def _even(column):
    return (column + jnp.roll(column[::-1], 1)) / 2


def pytest_generate_tests(metafunc):
    """Run tests over the examples."""
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", list(EXAMPLES.values()), ids=list(EXAMPLES))
    if "definite_example" in metafunc.fixturenames:
        chosen = {name: one for name, one in EXAMPLES.items() if one.definite}
        metafunc.parametrize("definite_example", list(chosen.values()), ids=list(chosen))


@pytest.fixture
def quick_jit():
    """`jax.jit` for tiny programs, which take longer to optimise than to run.

    Results are NumPy arrays, so that what the tests do with them compiles nothing either.
    """
    options = {
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
    }

    def compiled(function):
        jitted = jax.jit(function, compiler_options=options)
        return lambda *args: jax.tree.map(_as_numpy, jitted(*args))

    return compiled


def _as_numpy(leaf):
    return np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf


@pytest.fixture
def examples():
    """All examples by name."""
    return EXAMPLES
