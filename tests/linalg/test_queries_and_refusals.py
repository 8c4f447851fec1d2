"""What operators say about themselves, what they refuse, and that nothing grows dense silently."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

from jaxsci._core import RESULTS, linear_solve, succeeded
from jaxsci.linalg import (
    Banded,
    BlockDiagonal,
    Circulant,
    DenseSizeError,
    Kronecker,
    KroneckerSum,
    LowRankPlusDiagonal,
    Shifted,
    StructuredSolver,
    Toeplitz,
    as_structured,
    factorise,
    logdet,
    sqrt_mv,
)

PSD, SYMMETRIC = lx.positive_semidefinite_tag, lx.symmetric_tag
QUERIES = {
    "symmetric": lx.is_symmetric,
    "diagonal": lx.is_diagonal,
    "tridiagonal": lx.is_tridiagonal,
    "unit": lx.has_unit_diagonal,
    "lower": lx.is_lower_triangular,
    "upper": lx.is_upper_triangular,
    "psd": lx.is_positive_semidefinite,
    "nsd": lx.is_negative_semidefinite,
}
M = jnp.eye(3) + 0.1
LOWER = lx.MatrixLinearOperator(jnp.tril(M), lx.lower_triangular_tag)
DIAGONAL = lx.DiagonalLinearOperator(jnp.arange(1.0, 4.0))
TRIDIAGONAL = lx.TridiagonalLinearOperator(jnp.ones(3), jnp.ones(2), jnp.ones(2))
BANDS = jnp.ones((3, 5))
IDENTITY9 = lx.IdentityLinearOperator(jax.ShapeDtypeStruct((9,), jnp.float64))


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (Kronecker([M, M]), ""),
        (Kronecker([M, M], SYMMETRIC), "symmetric"),
        (Kronecker([M, M], PSD), "symmetric psd"),
        (Kronecker([lx.MatrixLinearOperator(M, PSD), M]), ""),
        (Kronecker([LOWER, LOWER]), "lower"),
        (Kronecker([LOWER, LOWER]).T, "upper"),
        (Kronecker([DIAGONAL, DIAGONAL]), "symmetric diagonal tridiagonal lower upper"),
        (Kronecker([DIAGONAL, TRIDIAGONAL]), "tridiagonal"),
        (Kronecker([TRIDIAGONAL, DIAGONAL]), ""),
        (Kronecker([M, M], PSD) + 0.1 * IDENTITY9, "symmetric psd"),
        (Kronecker([M, M], PSD) - 0.1 * IDENTITY9, "symmetric"),
        (Kronecker([M, M], PSD) - 0.1 * IDENTITY9 + 0.3 * IDENTITY9, "symmetric psd"),
        (-Kronecker([M, M], PSD), "symmetric"),
        (2 * Kronecker([M, M], PSD) / 4, "symmetric psd"),
        (KroneckerSum([M, M], 0.2, PSD), "symmetric psd"),
        (KroneckerSum([M, M], -0.2, PSD), "symmetric"),
        (KroneckerSum([LOWER, LOWER], 1.0), "lower"),
        (KroneckerSum([DIAGONAL, TRIDIAGONAL], 1.0), "tridiagonal"),
        (Toeplitz(jnp.ones(4)), "symmetric"),
        (Toeplitz(jnp.ones(4), jnp.ones(4)), ""),
        (Toeplitz(jnp.ones(4), tags=[PSD, lx.unit_diagonal_tag]), "symmetric psd unit"),
        (2 * Toeplitz(jnp.ones(4), tags=[PSD, lx.unit_diagonal_tag]), "symmetric psd"),
        (Circulant(jnp.ones(4)), ""),
        (Circulant(jnp.ones(4), SYMMETRIC), "symmetric"),
        (LowRankPlusDiagonal(jnp.ones(4), jnp.ones((4, 1))), "symmetric"),
        (LowRankPlusDiagonal(jnp.ones(4), jnp.ones((4, 1)), jnp.ones((4, 1))), ""),
        (3.0 * LowRankPlusDiagonal(jnp.ones(4), jnp.ones((4, 1)), tags=PSD), "symmetric psd"),
        (-LowRankPlusDiagonal(jnp.ones(4), jnp.ones((4, 1)), tags=PSD), "symmetric"),
        (Banded(BANDS, 1, 1), "tridiagonal"),
        (Banded(BANDS, 2, 0), "lower"),
        (Banded(BANDS, 2, 0).T, "upper"),
        (Banded(BANDS[:1], 0, 0), "symmetric diagonal tridiagonal lower upper"),
        (BlockDiagonal(M[None], PSD), "symmetric psd"),
        (BlockDiagonal([jnp.ones((4, 1, 1))]), "symmetric diagonal tridiagonal lower upper"),
        (Toeplitz(jnp.ones(4), tags=lx.negative_semidefinite_tag), "symmetric nsd"),
    ],
)
def test_every_lineax_query(operator, expected):
    assert {name for name, query in QUERIES.items() if query(operator)} == set(expected.split())
    for same in (lx.linearise, lx.materialise, lx.conj):
        assert same(operator) is operator


@pytest.mark.parametrize(
    "operator",
    [
        Kronecker([M, M]),
        Kronecker([M, M]) + IDENTITY9,
        KroneckerSum([M, M], -0.2),
        Toeplitz(jnp.ones(4)),
        Banded(BANDS, 1, 1),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_a_tag_given_later_counts(operator):
    tagged = as_structured(lx.TaggedLinearOperator(operator, PSD))
    assert lx.is_positive_semidefinite(tagged)
    assert lx.is_positive_semidefinite(tagged.T)
    assert lx.is_symmetric(tagged)


LARGE = {
    "Kronecker": Kronecker([jnp.eye(100), jnp.eye(100)], PSD),
    "Shifted": Shifted(Kronecker([jnp.eye(100), jnp.eye(100)], PSD), 1.0),
    "KroneckerSum": KroneckerSum([jnp.eye(100), jnp.eye(100)], 1.0, PSD),
    "Toeplitz": Toeplitz(jnp.zeros(5000).at[0].set(1.0)),
    "Circulant": Circulant(jnp.zeros(5000).at[0].set(1.0), PSD),
    "LowRankPlusDiagonal": LowRankPlusDiagonal(jnp.ones(5000), jnp.ones((5000, 1)), tags=PSD),
    "Banded": Banded(jnp.ones((1, 5000)), 0, 0, PSD),
    "BlockDiagonal": BlockDiagonal(jnp.ones((5000, 1, 1)), PSD),
}


@pytest.mark.parametrize("name", list(LARGE))
def test_nothing_large_becomes_dense(name):
    operator = LARGE[name]
    size = operator.shape[0]
    with pytest.raises(DenseSizeError, match=f"{name}.*{size} x {size}.*limit of 16,000,000"):
        operator.as_matrix()
    shifted = operator + lx.IdentityLinearOperator(operator.in_structure())
    with pytest.raises(DenseSizeError, match=r"CG"):
        shifted.as_matrix()
    if name == "Toeplitz":  # its direct factorisation needs n^2 numbers
        with pytest.raises(DenseSizeError, match=r"Toeplitz.factorise"):
            factorise(shifted)
        return
    solution, result = jax.jit(lambda a, b: linear_solve(a, b, StructuredSolver()))(
        shifted, jnp.ones(size)
    )
    assert bool(succeeded(result))
    np.testing.assert_allclose(shifted.mv(solution), jnp.ones(size), atol=1e-11)


def test_unstructured_operators_are_refused_with_a_remedy():
    dense = lx.MatrixLinearOperator(M)
    with pytest.raises(TypeError, match=r"got a MatrixLinearOperator.*AutoLinearSolver.*lineax.CG"):
        linear_solve(dense, jnp.ones(3), StructuredSolver())
    # a sum without common structure is an ordinary lineax sum: products work, solves are refused
    total = Kronecker([M, M]) + Toeplitz(jnp.ones(9))
    assert isinstance(total, lx.AddLinearOperator)
    np.testing.assert_allclose(total.mv(jnp.ones(9)), total.as_matrix() @ jnp.ones(9), rtol=1e-12)
    for function in (logdet, factorise, lambda a: sqrt_mv(a, jnp.ones(9))):
        with pytest.raises(TypeError, match="need a structured operator"):
            function(total)


def test_a_shifted_product_needs_symmetric_factors_to_solve():
    shifted = Kronecker([M, M]) + IDENTITY9
    with pytest.raises(TypeError, match=r"tags=lineax.symmetric_tag.*lineax.GMRES"):
        factorise(shifted)


@pytest.mark.parametrize(
    "operator",
    [
        Kronecker([M, M]),
        KroneckerSum([M, M], 0.1),
        KroneckerSum([M, M], 0.1, SYMMETRIC),
        Toeplitz(jnp.array([2.0, 0.1])),
        Circulant(jnp.array([2.0, 0.1])),
        LowRankPlusDiagonal(jnp.ones(2), jnp.ones((2, 1))),
        Banded(BANDS, 1, 1),
        BlockDiagonal(M[None]),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_a_root_needs_the_declaration(operator):
    with pytest.raises(TypeError, match=r"positive semidefinite.*tags="):
        sqrt_mv(operator, jnp.ones(operator.shape[0]))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Kronecker([]), ValueError, "at least one factor"),
        (lambda: Kronecker([jnp.ones(3)]), ValueError, r"factor 0 must be a matrix.*\(3,\)"),
        (lambda: Kronecker([M.astype(complex)]), TypeError, "factor 0 is complex"),
        (lambda: Kronecker([M, M.astype(jnp.float32)]), ValueError, "float64, float32"),
        (lambda: factorise(Kronecker([M, jnp.ones((2, 3))])), ValueError, "6 x 9"),
        (
            lambda: factorise(Kronecker([jnp.ones((2, 3)), jnp.ones((3, 2))])),
            ValueError,
            r"square factors.*\(2, 3\)",
        ),
        (lambda: Shifted(Toeplitz(jnp.ones(2)), 1.0), TypeError, "wraps a Kronecker"),
        (lambda: Shifted(Kronecker([M]), jnp.ones(2)), ValueError, "must be a scalar"),
        (lambda: KroneckerSum([jnp.ones((2, 3))]), ValueError, r"factor 0 must be square"),
        (lambda: KroneckerSum([M], jnp.ones(2)), ValueError, "shift must be a scalar"),
        (lambda: Toeplitz(M), ValueError, "column must be a vector"),
        (lambda: factorise(Toeplitz(jnp.ones(3), jnp.ones(2))), ValueError, "3 x 2"),
        (lambda: Circulant(M), ValueError, "column must be a vector"),
        (lambda: LowRankPlusDiagonal(jnp.ones(3), jnp.ones((2, 1))), ValueError, r"\(n,\)"),
        (
            lambda: LowRankPlusDiagonal(jnp.ones(3), jnp.ones((3, 1)), jnp.ones((3, 1)), PSD),
            ValueError,
            "leave out `right`",
        ),
        (lambda: Banded(BANDS, 1, 2), ValueError, r"\(4, n\), got \(3, 5\)"),
        (lambda: Banded(jnp.ones((7, 3)), 3, 3), ValueError, "below the size 3"),
        (lambda: BlockDiagonal([]), ValueError, "at least one block"),
        (lambda: BlockDiagonal([jnp.ones(3)]), ValueError, "block 0 must be a matrix"),
        (lambda: Kronecker([M]) + 1.0, TypeError, "only operators can be added"),
        (lambda: Kronecker([M]) + IDENTITY9, ValueError, r"\(3, 3\).*\(9, 9\)"),
        (lambda: Kronecker([M]) * jnp.ones(2), ValueError, "only scalars"),
    ],
)
def test_bad_input_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_singular_operators_return_a_code_and_do_not_raise():
    singular = Kronecker([jnp.ones((2, 2)), M])
    solution, result = linear_solve(singular, jnp.ones(6), StructuredSolver())
    assert not bool(succeeded(result))
    assert RESULTS[result]
    assert not bool(jnp.isfinite(solution).all())


def test_sums_within_a_kind_keep_the_kind(quick_jit):
    pairs = [
        (Toeplitz(jnp.arange(4.0)), Toeplitz(jnp.arange(4.0), jnp.ones(4))),
        (Circulant(jnp.arange(4.0)), Circulant(jnp.ones(4))),
        (Banded(BANDS, 1, 1), Banded(BANDS[:2], 1, 0)),
        (Banded(BANDS, 1, 1), lx.DiagonalLinearOperator(jnp.arange(5.0))),
        (KroneckerSum([M, M], 0.1), KroneckerSum([M.T, 2 * M], 0.3)),
        (BlockDiagonal(jnp.ones((2, 2, 2))), BlockDiagonal(jnp.ones((2, 2, 2)))),
        (
            LowRankPlusDiagonal(jnp.ones(3), M[:, :1]),
            LowRankPlusDiagonal(jnp.ones(3), M[:, 1:], M[:, :2]),
        ),
        (LowRankPlusDiagonal(jnp.ones(3), M[:, :1]), DIAGONAL),
    ]
    for first, second in pairs:
        total = first + second
        assert type(total) is type(first)
        matrices = quick_jit(lambda *terms: [one.as_matrix() for one in terms])
        a, b, both = matrices(first, second, total)
        np.testing.assert_allclose(both, a + b, atol=1e-14)


def test_rectangular_products(quick_jit):
    generator = np.random.default_rng(0)
    wide, tall = (jnp.asarray(generator.normal(size=shape)) for shape in ((2, 3), (4, 2)))
    operators = [
        Kronecker([wide, tall]),
        Toeplitz(jnp.arange(4.0), jnp.arange(6.0)),
        BlockDiagonal([wide, tall]),
    ]
    for operator in operators:
        rows, columns = operator.shape
        x, y = (jnp.asarray(generator.normal(size=size)) for size in (columns, rows))
        compute = quick_jit(lambda a, x, y: (a.as_matrix(), a.mv(x), a.T.mv(y)))
        matrix, product, transposed = compute(operator, x, y)
        np.testing.assert_allclose(product, np.asarray(matrix) @ x, atol=1e-13)
        np.testing.assert_allclose(transposed, np.asarray(matrix).T @ y, atol=1e-13)
        if isinstance(operator, Kronecker):
            np.testing.assert_allclose(matrix, np.kron(wide, tall), rtol=1e-14)


def test_lineax_differentiates_and_batches_its_own_solve(quick_jit):
    """The solver is a citizen of lineax: its primitive, not ours, transforms it here."""
    vector = jnp.arange(1.0, 7.0)

    def energy(first, shift):
        operator = KroneckerSum([first, jnp.diag(jnp.arange(1.0, 3.0))], shift)
        solution = lx.linear_solve(operator, vector, StructuredSolver(), throw=False).value
        return jnp.sum(solution**2)

    def dense(first, shift):
        second = jnp.diag(jnp.arange(1.0, 3.0))
        matrix = jnp.kron(first, jnp.eye(2)) + jnp.kron(jnp.eye(3), second) + shift * jnp.eye(6)
        return jnp.sum(jnp.linalg.solve(matrix, vector) ** 2)

    first = M + jnp.triu(0.3 * M)
    shifts = jnp.asarray([0.5, 0.8])
    gradients = lambda f: quick_jit(jax.vmap(jax.grad(f, (0, 1)), (None, 0)))(first, shifts)
    ours, exact = gradients(energy), gradients(dense)
    for a, b in zip(ours, exact):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_toeplitz_cholesky_on_an_ill_conditioned_kernel():
    """Stable where the condition number is 1e8: the residual stays at rounding."""
    points = np.linspace(0, 1, 200)
    column = jnp.asarray(np.exp(-((points / 0.1) ** 2) / 2) + 1e-6 * (points == 0))
    lower = factorise(Toeplitz(column, tags=PSD)).factors.lower
    matrix = np.asarray(Toeplitz(column).as_matrix())
    assert np.linalg.cond(matrix) > 1e7
    np.testing.assert_allclose(lower @ lower.T, matrix, atol=1e-13)


def test_banded_elimination_exchanges_rows():
    """A zero on the diagonal stops elimination without pivoting."""
    bands = jnp.asarray([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
    operator = Banded(bands, 1, 1)
    matrix, vector = np.asarray(operator.as_matrix()), jnp.arange(1.0, 5.0)
    factors = factorise(operator).factors
    np.testing.assert_allclose(factors.solve(vector), np.linalg.solve(matrix, vector), rtol=1e-13)
    np.testing.assert_allclose(
        factors.transpose().solve(vector), np.linalg.solve(matrix.T, vector), rtol=1e-13
    )
