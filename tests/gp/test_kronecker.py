"""KroneckerGP in one dimension: against dense algebra by hand, exact solutions, its own prior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci import RESULTS, JaxsciError, PrecisionWarning, solve
from jaxsci.approx import ChebyshevNodes
from jaxsci.gp import (
    AbstractKernel,
    KroneckerGP,
    Matern,
    SquaredExponential,
    StudentTSpectralMixture,
    log_marginal_likelihood,
)
from jaxsci.gp._reference import BENCHMARKS
from jaxsci.pde import (
    AdvectionDiffusionReaction,
    AllenCahn,
    Boundary,
    Box,
    Dirichlet,
    Free,
    Helmholtz,
    Initial,
    LinearPDE,
    Neumann,
    Observations,
    Periodic,
    Poisson,
    Robin,
    identity,
    laplacian,
    partial,
)


def failed(solution, code):
    return bool(solution.result == code)


class ByHand:
    """The posterior of u'' + c u = f, u(0) = 1, u'(1) = -2, one noisy u(0.3), for an SE kernel."""

    def __init__(self, ell=0.4, c=3.0, n=6, sigma=0.05, source_noise=0.1):
        self.ell, self.c, self.n = ell, c, n
        self.x = np.linspace(0.0, 1.0, n)
        self.f = np.cos(3 * self.x)
        self.y = np.concatenate([self.f, [1.0, -2.0, 0.7]])
        noise = np.concatenate([np.full(n, source_noise**2), [0.0, 0.0, sigma**2]])
        self.matrix = self.gram() + np.diag(noise)
        self.sigma, self.source_noise = sigma, source_noise

    def k(self, x, y, order):
        t = (x[:, None] - y[None]) / self.ell
        hermite = [1 + 0 * t, t, t**2 - 1, t**3 - 3 * t, t**4 - 6 * t**2 + 3]
        return (-1 / self.ell) ** order * hermite[order] * np.exp(-(t**2) / 2)

    def rows(self, points, a):
        """cov(d^a u(points), data)."""
        end, start, spot = np.array([1.0]), np.array([0.0]), np.array([0.3])
        return np.concatenate(
            [
                self.k(points, self.x, a + 2) + self.c * self.k(points, self.x, a),
                self.k(points, start, a),
                -self.k(points, end, a + 1),
                self.k(points, spot, a),
            ],
            axis=1,
        )

    def gram(self):
        end, start, spot = np.array([1.0]), np.array([0.0]), np.array([0.3])
        equation = self.rows(self.x, 2) + self.c * self.rows(self.x, 0)
        rest = [self.rows(start, 0), self.rows(end, 1), self.rows(spot, 0)]
        return np.concatenate([equation, *rest])

    def posterior(self, points, a):
        rows = self.rows(points, a)
        prior = (-1) ** a * self.k(points, points, 2 * a)
        mean = rows @ np.linalg.solve(self.matrix, self.y)
        return mean, prior - rows @ np.linalg.solve(self.matrix, rows.T)

    def evidence(self):
        fit = self.y @ np.linalg.solve(self.matrix, self.y)
        logdet = np.linalg.slogdet(self.matrix)[1]
        return -0.5 * (fit + logdet + len(self.y) * np.log(2 * np.pi))

    def problem(self):
        return LinearPDE(
            Box(0.0, 1.0),
            laplacian(1) + self.c * identity(1),
            lambda x: jnp.cos(3 * x[0]),
            Boundary((Dirichlet(1.0), Neumann(-2.0))),
            (Observations([[0.3]], [0.7], self.sigma),),
            source_noise=self.source_noise,
        )

    def method(self):
        return KroneckerGP(SquaredExponential(self.ell), self.n, jitter=1e-14)


def test_posterior_is_the_dense_algebra_written_by_hand(key):
    hand = ByHand()
    solution = solve(hand.problem(), hand.method(), throw=False)
    points = np.array([0.05, 0.33, 0.5, 0.98])
    for order in (0, 2):
        mean, covariance = hand.posterior(points, order)
        found = solution.partial((order,), points[:, None])
        np.testing.assert_allclose(found, mean, rtol=1e-7, atol=1e-8)
        std = solution.std(points[:, None], (order,))
        np.testing.assert_allclose(std, np.sqrt(np.diag(covariance)), rtol=1e-5)
        draws = solution.sample(key, points[:, None], 20_000, (order,))
        np.testing.assert_allclose(jnp.mean(draws, axis=0), mean, atol=4e-2 * np.max(std))
        np.testing.assert_allclose(jnp.cov(draws.T), covariance, atol=4e-2 * np.max(std) ** 2)
    np.testing.assert_allclose(
        log_marginal_likelihood(hand.problem(), hand.method()), hand.evidence()
    )
    np.testing.assert_allclose(solution.stats["log_marginal_likelihood"], hand.evidence())
    np.testing.assert_allclose(solution.value, solution(hand.x[:, None]), rtol=1e-12)


def test_acceptance_single_sin_true_frequency():
    benchmark = BENCHMARKS["poisson_1d-single_sin"]
    kernel = StudentTSpectralMixture(0.0, 100 / (2 * jnp.pi), 10.0)
    solution = solve(benchmark.problem(), KroneckerGP(kernel, 400))
    assert benchmark.relative_error(solution) < 1e-8  # asked: 5e-8, stretch: 1e-8
    assert solution.stats["validation_residual"] < 1e-8
    assert solution.stats["jitter"] == 1e-11


def test_variable_coefficients_and_chebyshev_nodes():
    exact = lambda x: jnp.exp(x[0]) * jnp.sin(4 * x[0])
    diffusivity = lambda x: 1.0 + x[0] ** 2
    make = lambda source: AdvectionDiffusionReaction(
        Box(0.0, 2.0), diffusivity, (lambda x: jnp.sin(x[0]),), 2.0, source, Dirichlet(exact)
    )
    source = lambda x: make(0.0).residual(exact, x[None])[0]
    kernel = SquaredExponential(0.5, 100.0)
    solution = solve(make(source), KroneckerGP(kernel, 40, nodes=ChebyshevNodes()))
    x = jnp.linspace(0.0, 2.0, 101)[:, None]
    np.testing.assert_allclose(solution(x), jax.vmap(exact)(x), atol=1e-6)
    slope = jax.vmap(lambda p: jax.grad(exact)(p)[0])(x)
    np.testing.assert_allclose(solution.partial((1,), x), slope, atol=1e-5)


SIN = lambda x: jnp.sin(3 * x[0])
CONDITIONS = {
    "neumann and dirichlet": ((Neumann(-3.0), Dirichlet(SIN)), 2),
    "robin": ((Robin(2.0, 1.0, -3.0), Robin(1.0, 0.5, jnp.sin(3.0) + 1.5 * jnp.cos(3.0))), 2),
    "initial value and slope": (Initial(0.0, 3.0), 2),
    "outflow": ((Dirichlet(0.0), Free()), 1),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_kind_of_condition(name):
    given, order = CONDITIONS[name]
    operator = partial(0, order, dim=1) + 2.0 * identity(1)
    derivative = {1: lambda x: 3 * jnp.cos(3 * x[0]), 2: lambda x: -9 * jnp.sin(3 * x[0])}[order]
    source = lambda x: derivative(x) + 2.0 * jnp.sin(3 * x[0])
    problem = LinearPDE(Box(0.0, 1.0), operator, source, Boundary(given))
    solution = solve(problem, KroneckerGP(SquaredExponential(0.5), 25))
    x = jnp.linspace(0.0, 1.0, 33)[:, None]
    np.testing.assert_allclose(solution(x), jax.vmap(SIN)(x), atol=1e-6)


def test_periodic_conditions():
    exact = lambda x: jnp.exp(jnp.sin(x[0]))
    source = lambda x: exact(x) * (jnp.cos(x[0]) ** 2 - jnp.sin(x[0]) - 1.0)
    operator = laplacian(1) - identity(1)
    problem = LinearPDE(Box(0.0, 2 * jnp.pi), operator, source, Boundary(Periodic()))
    solution = solve(problem, KroneckerGP(SquaredExponential(1.0), 40))
    x = jnp.linspace(0.0, 2 * jnp.pi, 51)[:, None]
    np.testing.assert_allclose(solution(x), jax.vmap(exact)(x), atol=1e-6)
    assert solution.stats["boundary_residual"] < 1e-8


def test_observations_of_values_slopes_and_integrals_fix_what_the_equation_leaves_open():
    # u'' = 0 with exact data has the solution a + b x; three data of other kinds fix a and b
    kernel = SquaredExponential(1.0, 10.0)
    boundary = Boundary((Dirichlet(1.0), Free()))
    slope = Observations([[0.5]], [3.0], 1e-4, operator=partial(0, 1, dim=1))
    first_order = LinearPDE(Box(0.0, 1.0), partial(0, 1, dim=1), 3.0, boundary, (slope,))
    x = jnp.linspace(0.0, 1.0, 9)[:, None]
    line = 1.0 + 3.0 * x[:, 0]
    np.testing.assert_allclose(solve(first_order, KroneckerGP(kernel, 12))(x), line, atol=1e-5)
    q, w = np.polynomial.legendre.leggauss(4)
    integral = Observations(
        (0.5 + 0.5 * q)[None, :, None], [2.5], 1e-5, weights=(0.5 * w)[None]
    )  # of 1 + 3x, against a source whose level is uncertain
    weak = LinearPDE(
        Box(0.0, 1.0), partial(0, 1, dim=1), 2.0, boundary, (integral,), source_noise=1e3
    )
    solution = solve(weak, KroneckerGP(kernel, 12))
    mean = jnp.dot(0.5 * w, solution((0.5 + 0.5 * q)[:, None]))
    np.testing.assert_allclose(mean, 2.5, atol=1e-4)


def prior_draws(key, kernel, x, t, noise, num):
    """Joint draws of the noisy source u'' at x, of u at both ends and of u at t."""
    ends = jnp.array([x[0], x[-1]])
    places = [(x, 2), (ends, 0), (t, 0)]
    cov = jnp.block(
        [
            [(-1.0) ** b * kernel.derivative(p[:, None] - q[None], a + b) for q, b in places]
            for p, a in places
        ]
    )
    scale = jnp.sqrt(jnp.diag(cov))
    root = jnp.linalg.cholesky(cov / scale / scale[:, None] + 1e-12 * jnp.eye(scale.size))
    key, other = jax.random.split(key)
    draws = jax.random.normal(key, (num, scale.size)) @ root.T * scale
    f, g, u = jnp.split(draws, [x.size, x.size + 2], axis=1)
    return f + noise * jax.random.normal(other, f.shape), g, u


def test_deviations_are_calibrated_on_draws_from_the_prior(key):
    kernel, noise = SquaredExponential(0.15), 5.0  # u'' has the deviation 77
    x, t = jnp.linspace(0.0, 1.0, 24), jnp.linspace(0.03, 0.97, 15)
    sources, ends, exact = prior_draws(key, kernel, x, t, noise, 200)
    method = KroneckerGP(kernel, 24)

    def band(source, ends):
        boundary = Boundary((Dirichlet(ends[0]), Dirichlet(ends[1])))
        problem = Poisson(Box(0.0, 1.0), source, boundary, source_noise=noise)
        solution = solve(problem, method)
        return solution(t[:, None]), solution.std(t[:, None])

    mean, std = jax.vmap(band)(sources, ends)
    covered = jnp.mean(jnp.abs(mean - exact) <= 1.959964 * std)
    assert 0.92 < covered < 0.98
    scores = (mean - exact) / std
    assert 0.9 < jnp.sqrt(jnp.mean(scores**2)) < 1.1


def value_at(problem, method, where=0.37):
    return solve(problem, method, throw=False)(jnp.array([[where]]))[0]


def toy(parameters):
    """A statement and a method with every leaf taken from a vector."""
    ell, variance, noise, source_noise, wavenumber, amplitude, end = parameters
    method = KroneckerGP(SquaredExponential(ell, variance), 12, jitter=1e-9)
    x = jnp.linspace(0.0, 1.0, 12)
    problem = Helmholtz(
        Box(0.0, 1.0),
        wavenumber,
        amplitude * jnp.sin(3 * x),
        Boundary((Dirichlet(0.2), Robin(1.0, 0.3, end))),
        (Observations([[0.4], [0.8]], [0.3, 0.5], noise),),
        source_noise,
    )
    return problem, method


@pytest.mark.parametrize("function", [value_at, log_marginal_likelihood])
def test_gradients_agree_with_central_differences(function):
    parameters = jnp.array([0.35, 1.7, 0.1, 0.2, 2.0, 5.0, 0.4])
    total = jax.jit(lambda p: function(*toy(p)))
    gradient = jax.grad(total)(parameters)
    for i, h in enumerate(2e-4 * parameters):
        step = jnp.zeros(7).at[i].set(h)
        around = [total(parameters + m * step) for m in (-2, -1, 1, 2)]
        difference = (around[0] - 8 * around[1] + 8 * around[2] - around[3]) / (12 * h)
        np.testing.assert_allclose(gradient[i], difference, rtol=1e-6, atol=1e-8)


def test_second_derivative_of_the_evidence():
    parameters = jnp.array([0.35, 1.7, 0.1, 0.2, 2.0, 5.0, 0.4])
    step = jnp.array([0.1, 0.3, 0.0, 0.1, 0.5, 0.0, 0.0])
    slope = jax.grad(lambda t: log_marginal_likelihood(*toy(parameters + t * step)))
    slope, second = jax.jit(slope), jax.jit(jax.grad(slope))(0.0)
    difference = (slope(1e-4) - slope(-1e-4)) / 2e-4
    np.testing.assert_allclose(second, difference, rtol=1e-5)


def test_gradient_of_a_deviation():
    std = lambda ell: solve(
        *toy(jnp.array([0.0, 1.7, 0.1, 0.2, 2.0, 5.0, 0.4]).at[0].set(ell))
    ).std(jnp.array([[0.37]]))[0]
    std = jax.jit(std)
    difference = (std(0.35 + 1e-4) - std(0.35 - 1e-4)) / 2e-4
    np.testing.assert_allclose(jax.grad(std)(0.35), difference, rtol=1e-4)


def test_vmap_of_jit_is_the_loop():
    one = jax.jit(
        lambda k: value_at(
            toy(jnp.array([0.35, 1.7, 0.1, 0.2, 2.0, 5.0, 0.4]).at[4].set(k))[0],
            toy(jnp.ones(7))[1],
        )
    )
    ks = jnp.array([1.0, 2.0, 3.5])
    np.testing.assert_allclose(jax.vmap(one)(ks), [one(k) for k in ks], rtol=1e-9)


class Counting(AbstractKernel):
    """A kernel that counts how often it is traced or evaluated."""

    inner: AbstractKernel
    count: list

    @property
    def max_order(self):
        return self.inner.max_order

    def jet(self, r, order):
        self.count[0] += 1
        return self.inner.jet(r, order)


def test_new_constants_do_not_recompile():
    class Count(list):
        __hash__ = object.__hash__

    def once(ell, source, rtol):
        inner = SquaredExponential(ell)
        problem = Poisson(Box(0.0, 1.0), lambda x: source * jnp.sin(x[0]), Dirichlet(source))
        return solve(problem, KroneckerGP(Counting(inner, count), 15, rtol=rtol))

    count = Count([0])
    once(0.3, 1.0, 1e-2)
    traced = count[0]
    assert traced > 0
    once(0.4, 2.0, 3e-2)
    assert count[0] == traced


def test_under_resolved_source_is_not_successful():
    problem = BENCHMARKS["poisson_1d-single_sin"].problem()
    kernel = StudentTSpectralMixture(0.0, 100 / (2 * jnp.pi), 1.0)
    with pytest.raises(JaxsciError, match="grid is likely too coarse"):
        solve(problem, KroneckerGP(kernel, 190))


def test_source_known_at_the_nodes_alone_is_judged_by_leaving_one_out():
    x = jnp.linspace(0.0, 1.0, 60)
    make = lambda f: Poisson(Box(0.0, 1.0), f, Dirichlet(0.0))
    method = KroneckerGP(Matern(0.5, 3.5), 60, rtol=1e-2)
    solution = solve(make(-(jnp.pi**2) * jnp.sin(jnp.pi * x)), method)
    np.testing.assert_allclose(solution(x[:, None]), jnp.sin(jnp.pi * x), atol=1e-5)
    fast = solve(make(jnp.sin(160.0 * x)), method, throw=False)
    assert failed(fast, RESULTS.under_resolved)
    assert fast.stats["residual"] < 1e-2 < fast.stats["validation_residual"]


def test_a_residual_that_the_noise_explains_is_successful(key):
    x = jnp.linspace(0.0, 1.0, 60)
    f = -(jnp.pi**2) * jnp.sin(jnp.pi * x) + 0.3 * jax.random.normal(key, (60,))
    make = lambda noise: Poisson(Box(0.0, 1.0), f, Dirichlet(0.0), source_noise=noise)
    method = KroneckerGP(SquaredExponential(0.2), 60)
    noisy = solve(make(0.3), method)
    assert noisy.stats["residual"] > 1e-3  # reported as it is
    assert not bool(solve(make(1e-6), method, throw=False).result == RESULTS.successful)


def test_nonfinite_is_never_silent():
    problem = Poisson(Box(0.0, 1.0), 1.0, Dirichlet(0.0))
    method = KroneckerGP(SquaredExponential(0.3), 10, rtol=1e-2)
    values = jax.vmap(lambda f: solve(eqx_source(problem, f), method).result)(
        jnp.array([1.0, jnp.nan])
    )
    good = values == RESULTS.successful
    np.testing.assert_array_equal(good, [True, False])
    np.testing.assert_array_equal(values == RESULTS.nonfinite, [False, True])


def eqx_source(problem, f):
    return Poisson(problem.domain, f, problem.boundary)


def test_float32_warns_once():
    box = Box(jnp.zeros(1, jnp.float32), jnp.ones(1, jnp.float32))
    problem = Poisson(box, lambda x: jnp.sin(x[0]), Dirichlet(0.0))
    with pytest.warns(PrecisionWarning, match="float32") as caught:
        solution = solve(problem, KroneckerGP(SquaredExponential(0.3), 12), throw=False)
    assert len(caught) == 1
    assert solution.value.dtype == jnp.float32
    assert jnp.all(jnp.isfinite(solution.value))


def test_bad_input_is_named():
    problem = Poisson(Box(0.0, 1.0), 1.0, Dirichlet(0.0))
    kernel = SquaredExponential(0.3)
    with pytest.raises(ValueError, match="num_points = 2 is too few for an equation of order 2"):
        solve(problem, KroneckerGP(kernel, 2))
    with pytest.raises(ValueError, match="order 4 was asked for"):
        solve(problem, KroneckerGP(Matern(0.3, 1.5), 10))
    with pytest.raises(TypeError, match="Use SpectralFeatureGP"):
        solve(AllenCahn(Box(0.0, 1.0), 0.0, Dirichlet(0.0)), KroneckerGP(kernel, 10))
    with pytest.raises(ValueError, match=r"source: an array of values must have the shape \(10,\)"):
        solve(Poisson(Box(0.0, 1.0), jnp.ones(9), Dirichlet(0.0)), KroneckerGP(kernel, 10))
    with pytest.raises(ValueError, match="source: not finite"):
        solve(Poisson(Box(0.0, 1.0), lambda x: 1 / x[0], Dirichlet(0.0)), KroneckerGP(kernel, 10))
    with pytest.raises(ValueError, match="source_noise must be a number or have the shape"):
        solve(
            Poisson(Box(0.0, 1.0), 1.0, Dirichlet(0.0), source_noise=jnp.ones(3)),
            KroneckerGP(kernel, 10),
        )
    with pytest.raises(TypeError, match="kernel must be a kernel"):
        solve(problem, KroneckerGP(0.3, 10))
    with pytest.raises(TypeError, match="has none"):
        log_marginal_likelihood(problem, 3)
