"""Every structured operator against the dense matrix: products, factors, derivatives, batches."""

import functools

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

from jaxsci import linalg
from jaxsci._core import linear_solve, succeeded
from jaxsci.linalg import StructuredSolver, factorise, logdet, sqrt_mv

PSD = lx.positive_semidefinite_tag


def _close(value, expected, rtol=1e-10):
    expected = np.asarray(expected)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * scale)


def _vector(n, dtype=jnp.float64):
    return np.asarray(np.random.default_rng(11).normal(size=n), dtype)


def _everything(build, definite, leaves, vector):
    """All that an operator computes, in one compiled function."""
    operator = build(*leaves)
    factorised = factorise(operator)
    solution, result = linear_solve(operator, vector, StructuredSolver())
    values = {
        "mv": operator.mv(vector),
        "mv_transposed": operator.T.mv(vector),
        "diagonal": lx.diagonal(operator),
        "tridiagonal": lx.tridiagonal(operator),
        "matrix": operator.as_matrix(),
        "matrix_transposed": operator.T.as_matrix(),
        "solve": solution,
        "solve_reused": factorised.solve(vector)[0],
        "solve_transposed": factorised.factors.transpose().solve(vector),
        "solve_lineax": lx.linear_solve(operator, vector, StructuredSolver(), throw=False).value,
        "logdet": factorised.logdet(),
    }
    if definite:
        basis = jnp.eye(vector.size, dtype=vector.dtype)
        values["root"] = jax.vmap(factorised.sqrt_mv, 1, 1)(basis)
    return values, succeeded(result)


def _expected(matrix, vector):
    solution = np.linalg.solve(matrix, vector)
    return {
        "mv": matrix @ vector,
        "mv_transposed": matrix.T @ vector,
        "diagonal": np.diag(matrix),
        "tridiagonal": tuple(np.diag(matrix, offset) for offset in (0, -1, 1)),
        "matrix": matrix,
        "matrix_transposed": matrix.T,
        "solve": solution,
        "solve_reused": solution,
        "solve_lineax": solution,
        "solve_transposed": np.linalg.solve(matrix.T, vector),
        "logdet": np.linalg.slogdet(matrix)[1],
    }


def test_agrees_with_the_dense_matrix(example, quick_jit):
    vector = _vector(len(example.matrix))
    compute = functools.partial(_everything, example.build, example.definite)
    values, good = quick_jit(compute)(example.leaves(), vector)
    assert bool(good)
    if example.definite:
        root = values.pop("root")
        _close(root @ root.T, example.matrix)
    expected = _expected(example.matrix, np.asarray(vector))
    assert values.keys() == expected.keys()
    jax.tree.map(functools.partial(_close, rtol=1e-11), values, expected)


def test_single_precision_stays_single(example, quick_jit):
    vector = _vector(len(example.matrix), jnp.float32)

    def essentials(leaves, vector):
        operator = example.build(*leaves)
        factorised = factorise(operator)
        root = factorised.sqrt_mv(vector) if example.definite else None
        return operator.mv(vector), factorised.solve(vector)[0], factorised.logdet(), root

    *values, root = quick_jit(essentials)(example.leaves(jnp.float32), vector)
    assert {leaf.dtype for leaf in jax.tree.leaves((values, root))} == {jnp.dtype(jnp.float32)}
    expected = _expected(example.matrix, np.asarray(vector, np.float64))
    for value, key in zip(values, ("mv", "solve", "logdet")):
        _close(value, expected[key], 2e-4)


def _quadratic(operator, vector):
    """$b^T A^{-1} b + \\log\\det A$, the shape of a Gaussian log-likelihood."""
    solution, _ = linear_solve(operator, vector, StructuredSolver())
    return vector @ solution + logdet(operator)


def _directions(arguments):
    generator = np.random.default_rng(5)
    return jax.tree.map(lambda leaf: generator.normal(size=leaf.shape), arguments)


def _inner(first, second):
    return sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second)))


def _derivatives(function, directions):
    """Value, gradient, and how both change along the directions (forward over reverse)."""

    def compute(arguments):
        both = jax.jvp(jax.value_and_grad(function), (arguments,), (directions,))
        (value, gradient), (slope, second) = both
        return value, slope, gradient, second

    return compute


def test_derivatives_of_quadratic_form_and_logdet_in_batches(example, quick_jit):
    leaves = example.leaves()
    vector = _vector(len(example.matrix))
    directions = _directions((leaves, vector))
    single = _derivatives(lambda args: _quadratic(example.build(*args[0]), args[1]), directions)
    # two operators times two vectors: vmap of vmap, with the derivatives inside
    nested = quick_jit(jax.vmap(jax.vmap(lambda a, v: single((a, v)), (None, 0)), (0, None)))
    batch = jax.tree.map(lambda leaf: np.stack([leaf, 1.1 * leaf]), leaves)
    vectors = np.stack([vector, vector + 1])
    value, slope, gradient, second = nested(batch, vectors)
    for j, v in enumerate(vectors):
        exact = v @ np.linalg.solve(example.matrix, v) + np.linalg.slogdet(example.matrix)[1]
        _close(value[0, j], exact)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(directions))
    along = sum(np.sum((g * d).reshape(2, 2, -1), axis=-1) for g, d in pairs)
    _close(along, slope, 1e-9)
    up, down = [
        nested(
            jax.tree.map(lambda leaf, d, step=step: leaf + step * d, batch, directions[0]),
            vectors + step * directions[1],
        )
        for step in (1e-5, -1e-5)
    ]
    central = lambda part: jax.tree.map(lambda u, d: (u - d) / 2e-5, up[part], down[part])
    _close(slope, central(0), 2e-7)
    jax.tree.map(functools.partial(_close, rtol=2e-7), second, central(2))


def test_derivatives_of_the_square_root(definite_example, quick_jit):
    leaves = definite_example.leaves()
    vector = _vector(len(definite_example.matrix))
    directions = _directions(leaves)
    energy = lambda leaves: jnp.sum(jnp.sin(sqrt_mv(definite_example.build(*leaves), vector)))
    compute = quick_jit(_derivatives(energy, directions))
    _, slope, gradient, second = compute(leaves)
    up, down = [
        compute(jax.tree.map(lambda leaf, d, step=step: leaf + step * d, leaves, directions))
        for step in (1e-5, -1e-5)
    ]
    _close(slope, (up[0] - down[0]) / 2e-5, 1e-7)
    _close(_inner(gradient, directions), slope, 1e-10)
    for a, high, low in zip(second, up[2], down[2]):
        _close(a, (high - low) / 2e-5, 1e-6)


def test_shift_and_scale_keep_the_structure(example, quick_jit):
    leaves = example.leaves()
    operator, matrix = example.build(*leaves), example.matrix
    n = matrix.shape[0]
    identity = lx.IdentityLinearOperator(operator.in_structure())
    vector = _vector(n)

    def products(operator, amount, vector):
        left = 2.0 * operator + amount * identity
        right = amount * identity + lx.MulLinearOperator(operator, jnp.asarray(2.0))
        assert isinstance(left, linalg.AbstractStructuredOperator)
        # lineax holds the second as its own sum: the solver finds the structure again
        assert isinstance(right, lx.AddLinearOperator)
        assert type(linalg.as_structured(right)) is type(left)
        assert lx.is_positive_semidefinite(left) == example.definite
        return [one.mv(vector) for one in (left, right, linalg.as_structured(right), -operator)]

    expected = 2 * matrix @ vector + 0.7 * np.asarray(vector)
    *shifted, negated = quick_jit(products)(operator, np.asarray(0.7), vector)
    for product in shifted:
        _close(product, expected)
    _close(negated, -matrix @ vector)
    assert not lx.is_positive_semidefinite(operator - 9.0 * identity)


def test_solves_with_a_shifted_sum_written_either_way(examples, quick_jit):
    example = examples["kronecker_psd"]
    operator, matrix = example.build(*example.leaves()), example.matrix
    vector = _vector(matrix.shape[0])
    noise = 0.7 * lx.IdentityLinearOperator(operator.in_structure())
    expected = np.linalg.solve(matrix + 0.7 * np.eye(len(vector)), vector)
    solve = quick_jit(lambda operator: linear_solve(operator, vector, StructuredSolver())[0])
    for total in (
        operator + noise,
        noise + operator,
        lx.TaggedLinearOperator(noise + operator, PSD),
    ):
        _close(solve(total), expected)


def test_repeated_eigenvalues_have_finite_exact_derivatives(quick_jit):
    """The eigenvectors of a multiple of the identity have no derivative; solutions do."""
    n, vector = 3, _vector(9)

    def outputs(kind, a, b, s):
        matrices = [a * jnp.eye(n), b * jnp.eye(n)]
        product = linalg.Shifted(linalg.Kronecker(matrices, PSD), s)
        operator = product if kind == "product" else linalg.KroneckerSum(matrices, s, PSD)
        root = sqrt_mv(operator, vector)
        return _quadratic(operator, vector) + jnp.sum(root**3)

    def closed(kind, a, b, s):
        level = a * b + s if kind == "product" else a + b + s
        cubes = jnp.sum(vector**3) * level**1.5
        return vector @ vector / level + n * n * jnp.log(level) + cubes

    point = (jnp.asarray(1.5), jnp.asarray(0.8), jnp.asarray(0.4))
    direction = tuple(np.asarray(number) for number in (0.3, -1.0, 0.7))

    def both_orders(function):
        """Gradient and, by reverse over reverse, where a rule lost on the way would show, Hd."""
        gradient = jax.grad(function, (0, 1, 2))
        along = lambda *args: _inner(gradient(*args), direction)
        return lambda args: jnp.stack([*gradient(*args), *jax.grad(along, (0, 1, 2))(*args)])

    for kind in ("product", "sum"):
        ours = quick_jit(both_orders(functools.partial(outputs, kind)))(point)
        exact = quick_jit(both_orders(functools.partial(closed, kind)))(point)
        _close(ours, exact)


def test_factorisation_happens_once_for_solve_logdet_and_root(examples):
    example = examples["shifted"]

    def all_three(leaves, vector):
        factorised = factorise(example.build(*leaves))
        return factorised.solve(vector)[0], factorised.logdet(), factorised.sqrt_mv(vector)

    program = str(jax.make_jaxpr(all_three)(example.leaves(), _vector(12)))
    assert program.count(" eigh[") == 2  # one per factor


def test_samples_have_the_covariance_of_the_operator(examples, key, quick_jit):
    operator = examples["low_rank_psd"].build(*examples["low_rank_psd"].leaves())
    noise = jax.random.normal(key, (20_000, 7))
    samples = quick_jit(jax.vmap(lambda x: sqrt_mv(operator, x)))(noise)
    covariance = np.asarray(samples.T @ samples) / samples.shape[0]
    exact = np.asarray(operator.as_matrix())
    # entries of a sample covariance deviate by about sqrt((A_ii A_jj + A_ij^2) / draws)
    deviation = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / 20_000)
    assert np.abs(covariance - exact).max() < 5 * deviation.max()
    assert np.abs((covariance - exact) / deviation).max() < 5
