"""Exact checks: the drift between Gaussians, and derivatives through the fit."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxsci import fit, solve
from jaxsci.bridge import ClosedForm, GaussianBridge, LightBridge, MomentMatching
from jaxsci.bridge._reference import mixture_pair

_TIMES = (0.0, 1e-9, 0.3, 0.5, 0.9, 1 - 1e-9, 1.0)


def gaussian_drift_errors(dim: int, num: int, epsilon: float, fits: bool) -> dict[str, float]:
    """The largest relative errors of the drift on [0, 1], of the closed form and of a fit.

    The exact drift between the samples' own Gaussians is that of Bunne et al. (2023), theorem 3,
    with its pole at t = 1 cancelled by hand; S comes from matrix square roots, another formula than
    that of the library.

    Args:
        dim: D.
        num: samples a side.
        epsilon: of the reference process.
        fits: whether to fit as well.

    Returns:
        `closed`, of `GaussianBridge`; `fitted`, of `MomentMatching` with one full component.
    """
    keys = jax.random.split(jax.random.key(5), 4)
    roots = [jax.random.normal(k, (dim, dim)) for k in keys[:2]]
    x0, x1 = (
        jax.random.normal(k, (num, dim)) @ root + shift
        for k, root, shift in zip(keys[2:], roots, (0.0, 1.5))
    )
    moments = [(jnp.mean(x, axis=0), jnp.cov(x, rowvar=False, bias=True)) for x in (x0, x1)]
    blank = LightBridge.blank(dim, 1, epsilon, full=True)
    method = MomentMatching(num_starts=1, num_moves=0)
    problem = GaussianBridge(*moments[0], *moments[1], epsilon)
    models = {"closed": solve(problem, ClosedForm()).value}
    if fits:
        models["fitted"] = fit(blank, (x0, x1), method, key=keys[0]).value
    points = 2 * jax.random.normal(keys[1], (20, dim))
    errors = dict.fromkeys(models, 0.0)
    for t in _TIMES:
        exact = _gaussian_drift(*moments[0], *moments[1], epsilon, t, points)
        for name, model in models.items():
            error = jnp.max(jnp.abs(model.drift(t, points) - exact)) / jnp.max(jnp.abs(exact))
            errors[name] = max(errors[name], float(error))
    return errors


def _gaussian_drift(
    m0: Array, a: Array, m1: Array, b: Array, epsilon: float, t: float, x: Array
) -> Array:
    half = _root(a)
    identity = jnp.eye(a.shape[0])
    inner = _root(half @ b @ half + epsilon**2 / 4 * identity) - epsilon / 2 * identity
    cross = half @ inner @ jnp.linalg.inv(half)  # Cov(x0, x1)
    both = t * (1 - t) * (cross + cross.T + epsilon * identity)
    marginal = (1 - t) ** 2 * a + t**2 * b + both
    slope = cross.T + t * b - (1 - t) * a - t * (cross + cross.T) - epsilon * t * identity
    apart = x - ((1 - t) * m0 + t * m1)
    return m1 - m0 + jnp.linalg.solve(marginal, apart.T).T @ slope.T


def _root(matrix: Array) -> Array:
    values, vectors = jnp.linalg.eigh(matrix)
    return (vectors * jnp.sqrt(values)) @ vectors.T


def gradient_errors(num: int) -> dict[str, float]:
    """Relative errors of derivatives through `fit`, against central differences.

    All fits start from the true model, so that every one of them finds the same minimum, and
    sweep until rounding.

    Args:
        num: samples a side.

    Returns:
        `cost_epsilon`, `cost_data` of the fitted transport cost; `model_epsilon`, `model_data` of
        a scalar of the fitted parameters.
    """
    pair = mixture_pair(2, 1.0, "A", 3)
    keys = jax.random.split(jax.random.key(9), 4)
    data = pair.start(keys[0], num), pair.end(keys[1], num)
    method = MomentMatching(rtol=-1.0, max_sweeps=1500, from_model=True, num_moves=0)
    direction = jax.random.normal(keys[2], data[1].shape)

    def fitted(epsilon: Array, step: Array) -> tuple[LightBridge, Any]:
        model = eqx.tree_at(lambda m: m.epsilon, pair.truth, epsilon)
        moved = data[0], data[1] + step * direction
        return fit(model, moved, method, key=keys[3], throw=False).value, moved

    def scalars(at: Float[Array, "2"]) -> Float[Array, "2"]:
        model, moved = fitted(at[0], at[1])
        shape = jnp.sum(jnp.sin(model.spread.values))  # pyright: ignore[reportAttributeAccessIssue]
        return jnp.stack([model.cost(*moved), jnp.sum(model.centers**2) + shape])

    errors = _slope_errors(scalars, jnp.asarray([1.0, 0.0]))
    names = ("cost_epsilon", "cost_data", "model_epsilon", "model_data")
    return dict(zip(names, map(float, errors.ravel())))


def _slope_errors(function: Callable, at: Float[Array, " n"]) -> Float[Array, "m n"]:
    """Relative, of the reverse-mode Jacobian, against central differences of fourth order."""
    value = jax.jit(function)
    slopes = jax.jit(jax.jacrev(function))(at)
    step = 2e-3
    steps = step * jnp.eye(at.size)
    near = jnp.stack([value(at + s) - value(at - s) for s in steps], axis=1)
    far = jnp.stack([value(at + 2 * s) - value(at - 2 * s) for s in steps], axis=1)
    return jnp.abs((8 * near - far) / (12 * step) / slopes - 1)
