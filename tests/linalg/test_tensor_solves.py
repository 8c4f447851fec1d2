"""Fast diagonalisation and Sylvester equations against dense Kronecker systems."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.linalg import (
    along_all,
    fast_diagonalisation,
    solve_sylvester,
    solve_tensor_sum,
    sylvester_factors,
    symmetric_eigen,
)


def _general(seed, n, dtype=jnp.float64):
    noise = np.random.default_rng(seed).normal(size=(n, n)) / np.sqrt(n)
    return np.asarray(noise + 2 * np.eye(n), dtype)


def _symmetric(seed, n, dtype=jnp.float64):
    matrix = np.asarray(_general(seed, n))
    return np.asarray((matrix + matrix.T) / 2 + np.eye(n), dtype)


def _dense_sum(matrices, shift):
    sizes = [m.shape[0] for m in matrices]
    total = shift * np.eye(int(np.prod(sizes)))
    for axis, matrix in enumerate(matrices):
        term = np.eye(1)
        for k, n in enumerate(sizes):
            term = np.kron(term, matrix if k == axis else np.eye(n))
        total = total + term
    return total


def _dense_solve(matrices, right_side, shift=0.0):
    matrices = [np.asarray(matrix) for matrix in matrices]
    flat = np.linalg.solve(_dense_sum(matrices, shift), np.ravel(right_side))
    return flat.reshape(right_side.shape)


SHAPES = [(5,), (4, 6), (3, 4, 5)]
# which axes are symmetric: all; one general axis in each place; two or more general axes
SYMMETRY = [
    (False,),
    (True, True),
    (False, True),
    (True, False),
    (False, False),
    (True, True, True),
    (False, True, True),
    (True, False, True),
    (True, True, False),
    (False, True, False),
    (False, False, False),
]


def _system(flags, dtype=jnp.float64):
    shape = SHAPES[len(flags) - 1]
    make = lambda k, flag: (_symmetric if flag else _general)(k, shape[k], dtype)
    matrices = [make(k, flag) for k, flag in enumerate(flags)]
    return matrices, np.asarray(np.random.default_rng(9).normal(size=shape), dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_fast_diagonalisation_matches_dense(shape, quick_jit):
    matrices, right_side = _system((True,) * len(shape))
    expected = _dense_solve(matrices, right_side, 0.3)
    solve = quick_jit(fast_diagonalisation)
    np.testing.assert_allclose(solve(matrices, right_side, 0.3), expected, rtol=1e-11)
    reused = solve(
        quick_jit(lambda ms: [symmetric_eigen(m) for m in ms])(matrices), right_side, 0.3
    )
    np.testing.assert_allclose(reused, expected, rtol=1e-11)


@pytest.mark.parametrize("flags", SYMMETRY)
def test_tensor_sum_and_its_transpose_match_dense(flags, quick_jit):
    matrices, right_side = _system(flags)
    factors = quick_jit(lambda m: sylvester_factors(m, 0.4, symmetric=flags))(matrices)
    solve = quick_jit(solve_tensor_sum)
    np.testing.assert_allclose(
        solve(factors, right_side), _dense_solve(matrices, right_side, 0.4), rtol=1e-10
    )
    np.testing.assert_allclose(
        solve(factors.transpose(), right_side),
        _dense_solve([m.T for m in matrices], right_side, 0.4),
        rtol=1e-10,
    )


@pytest.mark.parametrize("flags", [(True, True), (False, True), (False, False)])
def test_sylvester_residual_in_both_precisions(flags, quick_jit):
    for dtype, bound in ((jnp.float64, 1e-13), (jnp.float32, 3e-5)):
        (left, right), right_side = _system(flags, dtype)
        solution = quick_jit(functools.partial(solve_sylvester, symmetric=flags))(
            left, right, right_side
        )
        residual = left @ solution + solution @ right.T - right_side
        assert solution.dtype == dtype
        assert float(np.abs(residual).max()) < bound


@pytest.mark.parametrize(
    "flags", [(True, True), (False, True), (False, False), (True, True, False)]
)
def test_derivatives_of_both_orders(flags, quick_jit):
    matrices, right_side = _system(flags)
    symmetrise = lambda m, flag: (m + m.T) / 2 if flag else m
    point = (matrices, np.asarray(0.2), right_side)
    generator = np.random.default_rng(2)
    direction = jax.tree.map(lambda leaf: generator.normal(size=leaf.shape), point)

    def energy(args):
        matrices, shift, right_side = args
        matrices = [symmetrise(m, flag) for m, flag in zip(matrices, flags)]
        factors = sylvester_factors(matrices, shift, symmetric=flags)
        return jnp.sum(jnp.sin(solve_tensor_sum(factors, right_side)))

    compute = quick_jit(lambda x: jax.jvp(jax.value_and_grad(energy), (x,), (direction,)))
    (_, gradient), (slope, second) = compute(point)
    step = 1e-5
    moved = [
        compute(jax.tree.map(lambda leaf, d, sign=sign: leaf + sign * step * d, point, direction))
        for sign in (1, -1)
    ]
    (up, gradient_up), (down, gradient_down) = (primal for primal, _ in moved)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction))
    np.testing.assert_allclose(sum(np.sum(g * d) for g, d in pairs), slope, rtol=1e-11)
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-7)
    numeric = jax.tree.map(lambda u, v: (u - v) / (2 * step), gradient_up, gradient_down)
    for ours, wanted in zip(jax.tree.leaves(second), jax.tree.leaves(numeric)):
        np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-7)


def test_fast_diagonalisation_differentiates_through_repeated_eigenvalues(quick_jit):
    right_side = np.random.default_rng(1).normal(size=(4, 4))

    def energy(stretch, shift):
        axes = [stretch * jnp.eye(4), jnp.eye(4)]
        return jnp.sum(fast_diagonalisation(axes, right_side, shift) ** 2)

    # C = F / (stretch + 1 + shift) in closed form
    closed = lambda stretch, shift: jnp.sum(right_side**2) / (stretch + 1 + shift) ** 2
    both = lambda f: lambda *args: (jax.grad(f, (0, 1))(*args), jax.hessian(f, (0, 1))(*args))
    point = (np.asarray(2.0), np.asarray(0.5))
    ours, exact = (jax.tree.leaves(quick_jit(both(f))(*point)) for f in (energy, closed))
    np.testing.assert_allclose(ours, exact, rtol=1e-12)


@pytest.mark.parametrize("flags", [(True, True), (True, False), (False, False)])
def test_batches_of_systems_and_of_right_sides(flags, quick_jit):
    matrices, right_side = _system(flags)
    many = np.stack([right_side, 2 * right_side + 1])
    factors = quick_jit(lambda m: sylvester_factors(m, symmetric=flags))(matrices)
    together = quick_jit(jax.vmap(solve_tensor_sum, (None, 0)))(factors, many)
    for one, value in zip(many, together):
        np.testing.assert_allclose(value, _dense_solve(matrices, one), rtol=1e-10)
    scales = np.asarray([1.0, 3.0])
    solve = lambda s: solve_sylvester(s * matrices[0], matrices[1], right_side, symmetric=flags)
    for scale, value in zip(scales, quick_jit(jax.vmap(solve))(scales)):
        expected = _dense_solve([scale * matrices[0], matrices[1]], right_side)
        np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_factors_are_reused_without_a_new_factorisation(quick_jit):
    matrices, right_side = _system((False, False))
    factors = quick_jit(sylvester_factors)(matrices)
    program = str(jax.make_jaxpr(solve_tensor_sum)(factors, right_side))
    assert "schur" not in program
    assert "schur" in str(jax.make_jaxpr(sylvester_factors)(matrices))


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"matrix 1 must be a square matrix, got shape \(2, 3\)"):
        sylvester_factors([jnp.eye(2), jnp.ones((2, 3))])
    with pytest.raises(ValueError, match=r"right_side must have shape \(2, 3\).*got \(3, 2\)"):
        solve_sylvester(jnp.eye(2), jnp.eye(3), jnp.ones((3, 2)))
    with pytest.raises(ValueError, match=r"right_side must have shape \(2, 3\).*got \(6,\)"):
        fast_diagonalisation([jnp.eye(2), jnp.eye(3)], jnp.ones(6))
    with pytest.raises(ValueError, match="2 matrices and 1 symmetry flags"):
        sylvester_factors([jnp.eye(2), jnp.eye(3)], symmetric=[True])


def test_contractions_skip_the_identity():
    tensor = jnp.arange(6.0).reshape(2, 3)
    matrix = jnp.asarray([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(along_all([None, matrix], tensor), tensor @ matrix.T)
