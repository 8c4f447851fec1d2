"""Inverse problems against closed forms, through PDE solvers, and refused when ill stated."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxsci
from jaxsci.inverse import GaussianPrior, GaussNewton, InverseProblem
from jaxsci.pde import AdvectionDiffusionReaction, Box, Dirichlet, Helmholtz
from jaxsci.spectral import ChebyshevCollocation

SIGMA = 0.3


class Linear(eqx.Module):
    """Straight lines: parameters in a dictionary, to see that the structure survives."""

    matrix: jax.Array

    def __call__(self, parameters):
        theta = jnp.concatenate([parameters["slope"][None], parameters["rest"]])
        return self.matrix @ theta


@pytest.fixture
def linear():
    rng = np.random.default_rng(3)
    matrix = jnp.asarray(rng.normal(size=(12, 3)))
    observed = jnp.asarray(rng.normal(size=12))
    prior = GaussianPrior({"slope": jnp.asarray(0.5), "rest": jnp.asarray([-1.0, 2.0])}, 2.0)
    return InverseProblem(Linear(matrix), observed, SIGMA, prior)


def closed_form(problem):
    """Posterior mean and covariance, and the log evidence as a joint normal density."""
    matrix, observed = np.asarray(problem.forward.matrix), np.asarray(problem.observed)
    mean, prior = np.array([0.5, -1.0, 2.0]), 4.0 * np.eye(3)
    covariance = np.linalg.inv(matrix.T @ matrix / SIGMA**2 + np.linalg.inv(prior))
    posterior = covariance @ (matrix.T @ observed / SIGMA**2 + np.linalg.inv(prior) @ mean)
    joint = matrix @ prior @ matrix.T + SIGMA**2 * np.eye(12)
    evidence = stats.multivariate_normal(matrix @ mean, joint).logpdf(observed)
    return posterior, covariance, evidence


def flat(parameters):
    return np.concatenate([parameters["rest"], np.asarray(parameters["slope"])[None]])


def test_linear_model_against_the_closed_form(linear):
    solution = jaxsci.solve(linear, GaussNewton())
    mean, covariance, evidence = closed_form(linear)
    order = [1, 2, 0]  # pytrees of dictionaries are flattened by key: rest, slope
    np.testing.assert_allclose(flat(solution.value), mean[order], rtol=1e-8)
    np.testing.assert_allclose(solution.covariance, covariance[np.ix_(order, order)], rtol=1e-9)
    np.testing.assert_allclose(flat(solution.std) ** 2, np.diag(covariance)[order], rtol=1e-9)
    np.testing.assert_allclose(solution.log_evidence, evidence, rtol=1e-10)


def test_reverse_mode_finds_the_same(linear):
    forward = jaxsci.solve(linear, GaussNewton())
    reverse = jaxsci.solve(linear, GaussNewton(forward_limit=0))
    np.testing.assert_allclose(reverse.covariance, forward.covariance, rtol=1e-12)
    np.testing.assert_allclose(flat(reverse.value), flat(forward.value), rtol=1e-8)


def test_interval_and_samples_agree_with_the_covariance(linear, key):
    solution = jaxsci.solve(linear, GaussNewton())
    lower, upper = solution.interval(0.95)
    np.testing.assert_allclose(flat(upper) - flat(lower), 2 * 1.959964 * flat(solution.std), 1e-6)
    draws = solution.sample(key, 20_000)
    assert draws["rest"].shape == (20_000, 2)
    stacked = np.column_stack([draws["rest"], draws["slope"]])
    np.testing.assert_allclose(np.cov(stacked.T), solution.covariance, atol=2e-4)


def test_derivative_of_the_optimum_is_implicit(linear):
    """d theta / d y = C A^T / sigma^2 for a linear model."""
    found = lambda y: jaxsci.solve(
        eqx.tree_at(lambda p: p.observed, linear, y), GaussNewton(), throw=False
    ).value["slope"]
    gradient = jax.grad(found)(linear.observed)
    _, covariance, _ = closed_form(linear)
    expected = covariance[0] @ np.asarray(linear.forward.matrix).T / SIGMA**2
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_vmap_gives_what_a_loop_gives(linear):
    shifts = jnp.asarray([-1.0, 0.0, 2.5])
    solve = lambda shift: jaxsci.solve(
        eqx.tree_at(lambda p: p.observed, linear, linear.observed + shift),
        GaussNewton(),
        throw=False,
    ).value["slope"]
    together = jax.jit(jax.vmap(solve))(shifts)
    np.testing.assert_allclose(together, [solve(shift) for shift in shifts], rtol=1e-7)


def test_the_compiled_program_holds_no_callback(linear):
    text = jax.jit(lambda p: jaxsci.solve(p, GaussNewton(), throw=False).covariance)
    assert "callback" not in text.lower(linear).as_text()


def test_coverage_of_the_95_percent_interval():
    """200 draws of truth and noise from the prior: the intervals cover as they claim."""
    x = jnp.linspace(0, 1, 15)
    model = lambda rate: jnp.exp(-rate * x)
    prior = GaussianPrior(jnp.asarray(1.0), 0.2)
    rng = np.random.default_rng(7)
    truth = jnp.asarray(1.0 + 0.2 * rng.normal(size=200))
    noise = jnp.asarray(0.02 * rng.normal(size=(200, 15)))
    solve = lambda y: jaxsci.solve(
        InverseProblem(model, y, 0.02, prior), GaussNewton(), throw=False
    )
    solutions = jax.jit(jax.vmap(solve))(jax.vmap(model)(truth) + noise)
    lower, upper = jax.vmap(lambda s: s.interval(0.95))(solutions)
    covered = float(jnp.mean((lower <= truth) & (truth <= upper)))
    assert 0.91 <= covered <= 0.985  # four standard errors of 200 draws below, three above
    scores = (solutions.value - truth) / solutions.std
    assert 0.85 < float(jnp.std(scores)) < 1.15


class Waves(eqx.Module):
    """Helmholtz at points, as a function of its wave number."""

    points: jax.Array

    def __call__(self, wavenumber):
        push = lambda x: jnp.exp(-10 * jnp.sum((x - 0.4) ** 2))
        problem = Helmholtz(Box((0.0, 0.0), (1.0, 1.0)), wavenumber, push)
        return jaxsci.solve(problem, ChebyshevCollocation(14), throw=False)(self.points)


def test_recovers_a_scalar_through_a_solver():
    rng = np.random.default_rng(0)
    forward = Waves(jnp.asarray(rng.uniform(size=(40, 2))))
    clean = forward(jnp.asarray(3.0))
    sigma = 0.02 * float(jnp.std(clean))
    observed = clean + sigma * rng.normal(size=40)
    solution = jaxsci.solve(InverseProblem(forward, observed, sigma), GaussNewton(start=2.0))
    assert abs(float(solution.value) - 3.0) < 3 * float(solution.std)
    assert float(solution.std) < 0.02
    assert 0.6 < float(solution.stats["misfit"]) < 1.4


class Reaction(eqx.Module):
    """-u'' + r(x) u = 1 with log r a Gaussian-bump expansion of five coefficients."""

    points: jax.Array

    def __call__(self, coefficients):
        centres = jnp.linspace(0, 1, 5)
        rate = lambda x: jnp.exp(
            3 + jnp.sum(coefficients * jnp.exp(-0.5 * ((x[0] - centres) / 0.15) ** 2))
        )
        problem = AdvectionDiffusionReaction(
            Box(0.0, 1.0), 1.0, (), rate, lambda x: 50 * jnp.cos(9 * x[0]), Dirichlet(1.0)
        )
        return jaxsci.solve(problem, ChebyshevCollocation(32), throw=False)(self.points)


def test_recovers_a_field_of_five_parameters():
    rng = np.random.default_rng(1)
    truth = jnp.asarray([0.8, -0.6, 0.4, 0.9, -0.5])
    forward = Reaction(jnp.linspace(0.02, 0.98, 60)[:, None])
    sigma = 1e-3
    observed = forward(truth) + sigma * rng.normal(size=60)
    prior = GaussianPrior(jnp.zeros(5), 1.0)
    solution = jaxsci.solve(InverseProblem(forward, observed, sigma, prior), GaussNewton())
    off = np.asarray(solution.value - truth)
    chi2 = off @ np.linalg.solve(np.asarray(solution.covariance), off)
    assert chi2 < stats.chi2(5).ppf(0.999)
    assert np.all(np.asarray(solution.std) < 0.3)  # the data, not the prior, determine the field


def test_parameters_left_open_are_reported():
    problem = InverseProblem(lambda p: (p[0] + p[1]) * jnp.ones(4), jnp.ones(4), 0.1)
    solution = jaxsci.solve(problem, GaussNewton(start=jnp.zeros(2)), throw=False)
    assert bool(solution.result == jaxsci.RESULTS.singular)
    assert not np.isfinite(solution.covariance).any()
    with pytest.raises(jaxsci.JaxsciError):
        jaxsci.solve(problem, GaussNewton(start=jnp.zeros(2)))


def test_nan_of_the_model_is_never_successful():
    problem = InverseProblem(lambda p: jnp.sqrt(p - 10.0) * jnp.ones(4), jnp.ones(4), 0.1)
    solution = jaxsci.solve(problem, GaussNewton(start=1.0), throw=False)
    assert bool(solution.result == jaxsci.RESULTS.nonfinite)


def test_too_few_steps_are_reported():
    problem = InverseProblem(lambda p: jnp.exp(p) * jnp.ones(4), 1e3 * jnp.ones(4), 0.1)
    solution = jaxsci.solve(problem, GaussNewton(max_steps=2, start=0.0), throw=False)
    assert bool(solution.result == jaxsci.RESULTS.not_converged)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: InverseProblem(jnp.sin, jnp.ones(3), 0.0), ValueError, "noise .* positive"),
        (lambda: InverseProblem(jnp.sin, jnp.ones(3), -1.0), ValueError, "noise .* positive"),
        (lambda: InverseProblem(jnp.sin, jnp.ones(3), jnp.nan), ValueError, "noise .* positive"),
        (lambda: InverseProblem(jnp.sin, jnp.ones(3), jnp.ones(2)), ValueError, r"\(3,\)"),
        (lambda: InverseProblem(jnp.sin, jnp.ones(0), 1.0), ValueError, "empty"),
        (lambda: InverseProblem(jnp.sin, [1.0, jnp.inf], 1.0), ValueError, "not finite"),
        (lambda: InverseProblem(3.0, jnp.ones(3), 1.0), TypeError, "function"),
        (lambda: InverseProblem(jnp.sin, jnp.ones(3), 1.0, 2.0), TypeError, "GaussianPrior"),
        (lambda: GaussianPrior(jnp.ones(2), 0.0), ValueError, "positive"),
        (lambda: GaussianPrior(jnp.ones(2), jnp.ones(3)), ValueError, r"\(3,\)"),
        (lambda: GaussianPrior({"a": 1.0}, {"b": 1.0}), ValueError, "structure"),
        (lambda: GaussNewton(max_steps=0), ValueError, "at least 1"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_nowhere_to_begin():
    with pytest.raises(ValueError, match=r"GaussNewton\(start="):
        jaxsci.solve(InverseProblem(jnp.sin, jnp.ones(()), 1.0), GaussNewton())


def test_start_unlike_the_prior():
    prior = GaussianPrior(jnp.zeros(2), 1.0)
    problem = InverseProblem(lambda p: p, jnp.ones(2), 1.0, prior)
    with pytest.raises(ValueError, match="structure and shapes"):
        jaxsci.solve(problem, GaussNewton(start=jnp.zeros(3)))


def test_predictions_of_another_shape():
    problem = InverseProblem(lambda p: jnp.zeros(5) + p, jnp.ones(4), 1.0)
    with pytest.raises(ValueError, match=r"\(5,\).*\(4,\)"):
        jaxsci.solve(problem, GaussNewton(start=0.0))
