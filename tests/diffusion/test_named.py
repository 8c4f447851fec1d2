"""Every named sampler against its published formula, and its order of convergence."""

import functools

import diffusion_published as published
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from diffusion_models import on_host, smooth_mixture, start_noise

from jaxsci import diffusion
from jaxsci.diffusion import EDM, VPLinear, integrate

GRIDS = {
    "rho7": lambda n: diffusion.rho_grid(EDM(), n),
    "log_snr": lambda n: diffusion.log_snr_grid(EDM(), n),
    "time": lambda n: diffusion.time_grid(EDM(), n, VPLinear()),
}
EVALS = (4, 5, 6, 8, 10)
ROWS, WINDOW = 10, 5  # all cases share one program


def of_order(function, *args, **options):
    return lambda denoise, s, y: function(denoise, s, y, *args, **options)


def vp_time(s):
    return np.asarray(VPLinear().time(-jnp.log(jnp.asarray(s))))


# name: schedule of a grid, published formula, evaluations per step of the grid and besides
NAMED = {
    "ddim": (diffusion.ddim, published.ddim, 1, 0),
    "dpm_solver 2": (diffusion.dpm_solver, published.dpm_solver_2, 2, 0),
    "dpm_solver 3": (lambda g: diffusion.dpm_solver(g, 3), published.dpm_solver_3, 3, 0),
    "pndm": (diffusion.pndm, published.pndm, 1, 1),
    "heun": (diffusion.heun, published.heun, 2, 0),
    "deis time 3": (
        lambda g: diffusion.deis(g, 3, "time"),
        of_order(published.deis, 3, of_node=vp_time),
        1,
        0,
    ),
}
for p in (2, 3):
    for exact in (False, True):
        NAMED[f"dpm_solver_pp {p} {exact}"] = (
            lambda g, p=p, exact=exact: diffusion.dpm_solver_pp(g, p, exact=exact),
            of_order(published.dpm_solver_pp, p, exact),
            1,
            0,
        )
for p in (1, 2, 3):
    for variant in ("bh1", "bh2"):
        for kind in ("data", "noise"):
            NAMED[f"unipc {p} {variant} {kind}"] = (
                lambda g, p=p, v=variant, k=kind: diffusion.unipc(g, p, v, prediction=k),
                of_order(published.unipc, p, variant, noise=kind == "noise"),
                1,
                0,
            )
for p in (2, 3, 4):
    NAMED[f"deis s {p}"] = (
        lambda g, p=p: diffusion.deis(g, p),
        of_order(published.deis, p),
        1,
        0,
    )
    NAMED[f"ipndm {p}"] = (
        lambda g, p=p: diffusion.ipndm(g, p),
        of_order(published.ipndm, p),
        1,
        0,
    )


@pytest.mark.parametrize("name", NAMED)
def test_every_named_sampler_is_its_published_formula(name):
    """Three grids, 4 to 10 evaluations where the method can have that many, absolute 1e-10."""
    make, formula, each, besides = NAMED[name]
    compared = 0
    for grid in GRIDS.values():
        for evals in EVALS:
            steps, left = divmod(evals - besides, each)
            if left:
                continue
            schedule = make(grid(steps))
            assert int(schedule.num_evals) == evals
            padded = diffusion.pad_schedule(schedule, ROWS, WINDOW)
            found = integrate(smooth_mixture(), padded, start_noise())
            s = np.exp(-np.asarray(grid(steps)))
            exact = formula(on_host(), s, np.asarray(start_noise()))
            np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10)
            compared += 1
    assert compared >= (3 if each == 3 else 9)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_pndm_with_its_runge_kutta_start_is_its_published_formula(grid):
    """Halves of the time of a VP schedule, by bisection on the other side: 1e-10."""
    for steps, evals in ((2, 8), (3, 12), (5, 14), (8, 17)):
        schedule = diffusion.pndm_runge_kutta(grid(steps))
        assert int(schedule.num_evals) == evals
        padded = diffusion.pad_schedule(schedule, 17, 13)
        found = integrate(smooth_mixture(), padded, start_noise())
        s = np.exp(-np.asarray(grid(steps)))
        exact = published.pndm_runge_kutta(on_host(), s, np.asarray(start_noise()), halfway)
        # with so few steps it leaves the data: some samples are of the size 800
        scale = max(1.0, np.abs(exact).max())
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10 * scale)


def halfway(a, b):
    """The sigma at the middle of the VP times of two others."""
    loss = lambda t: t * (0.1 + t * (20 - 0.1) / 2)  # sigma^2 + 1 = exp(loss)
    time = lambda s: scipy.optimize.brentq(lambda t: loss(t) - np.log1p(s**2), 0, 2, xtol=1e-15)
    return np.sqrt(np.expm1(loss((time(a) + time(b)) / 2)))


def draws(key, steps):
    fresh = lambda n: jax.random.normal(jax.random.fold_in(key, n), start_noise().shape)
    return [np.asarray(fresh(n)) for n in range(steps)]


@pytest.mark.parametrize("steps", [4, 10])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_stochastic_samplers_are_their_published_formulas(grid, steps, key):
    y, s, noises = start_noise(), np.exp(-np.asarray(grid(steps))), draws(key, steps)
    cases = [
        (diffusion.ancestral(grid(steps), eta), of_order(published.ancestral, eta, noises))
        for eta in (0.0, 0.6, 1.0)
    ]
    cases += [
        (
            diffusion.sde_dpm_solver_pp(grid(steps), p),
            of_order(published.sde_dpm_solver_pp, p, noises),
        )
        for p in (1, 2)
    ]
    for schedule, formula in cases:
        padded = diffusion.pad_schedule(schedule, ROWS, WINDOW)
        found = integrate(smooth_mixture(), padded, y, key=key)
        np.testing.assert_allclose(found, formula(on_host(), s, np.asarray(y)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_churn_is_its_published_algorithm(grid, key):
    """The same noise on both sides, in a window of levels and everywhere; absolute 1e-10."""
    y, own = start_noise(), lambda row: jax.random.fold_in(jax.random.fold_in(key, row), 1)
    # a step has two rows of the schedule, and the first one draws
    noises = [np.asarray(jax.random.normal(own(2 * i), y.shape)) for i in range(5)]
    for churn, low, high, size in ((1.2, 0.05, 50.0, 1.003), (40.0, 0.0, 100.0, 0.9)):
        schedule = diffusion.edm_churn(grid(5), churn, smallest=low, largest=high, noise=size)
        assert int(schedule.num_evals) == 10
        levels = np.exp(-np.asarray(grid(5)))[:-1]
        inside = (levels >= low) & (levels <= high)
        assert inside.any()
        np.testing.assert_array_equal(np.asarray(schedule.churn)[::2] > 0, inside)
        padded = diffusion.pad_schedule(schedule, ROWS, WINDOW)
        found = integrate(smooth_mixture(), padded, y, key=key)
        formula = of_order(published.edm_churn, churn, low, high, size, noises)
        exact = formula(on_host(), np.exp(-np.asarray(grid(5))), np.asarray(y))
        scale = max(1.0, np.abs(exact).max())
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10 * scale)


def two_modes():
    """On a line: a quarter at -1, three quarters at 0.6, of other widths."""
    return diffusion.MixtureDenoiser(
        jnp.log(jnp.asarray([0.25, 0.75])),
        jnp.asarray([[-1.0], [0.6]]),
        jnp.ones((2, 1, 1)),
        jnp.asarray([[0.2], [0.1]]) ** 2,
        jnp.ones(2),
    )


def test_churn_keeps_the_law_of_the_data(key):
    """Weights, means and widths of both modes; too much noise widens them, so it is not idle."""
    grid, (first, second) = diffusion.rho_grid(EDM(20.0, 0.002), 120), jax.random.split(key)
    y = 20 * jax.random.normal(first, (20_000, 1))
    sizes = {}
    for noise in (1.0, 1.05):
        schedule = diffusion.edm_churn(grid, 30.0, smallest=0.02, largest=20.0, noise=noise)
        drawn = np.asarray(integrate(two_modes(), schedule, y, key=second))
        left, right = drawn[drawn < -0.3], drawn[drawn >= -0.3]
        sizes[noise] = [left.std(), right.std()]
        if noise == 1.0:
            np.testing.assert_allclose(left.size / drawn.size, 0.25, atol=0.012)
            np.testing.assert_allclose([left.mean(), right.mean()], [-1, 0.6], atol=0.012)
            np.testing.assert_allclose(sizes[noise], [0.2, 0.1], rtol=0.03)
    assert min(np.array(sizes[1.05]) / sizes[1.0]) > 1.03


def test_noise_prediction_with_noise_samples_the_right_law(key):
    """The SDE in the eps form, a Gaussian of known variance, many fine steps."""
    variance = 0.5**2
    data = diffusion.MixtureDenoiser(
        jnp.zeros(1),
        jnp.zeros((1, 2)),
        jnp.eye(2)[None, :, :1],
        jnp.full((1, 1), variance),
        jnp.full(1, variance),
    )
    grid = diffusion.log_snr_grid(EDM(10.0, 0.01), 200)
    for kind in ("data", "noise"):
        orders = [1] + [2] * 199
        schedule = diffusion.Schedule(grid, prediction=kind, order=orders, stochastic=1.0)
        first, second = jax.random.split(key)
        y = 10 * jax.random.normal(first, (8000, 2))
        found = integrate(data, schedule, y, key=second)
        np.testing.assert_allclose(float(jnp.var(found)), variance, rtol=0.04)


@functools.cache
def reference_end():
    """RK4 in log-SNR with 3,000 steps."""
    denoise, y = smooth_mixture(), start_noise(4)
    first, last = np.log(1 / 80), np.log(1 / 0.002)
    h = (last - first) / 3000
    rate = lambda y, lam: denoise(y, jnp.exp(-lam)) - y

    def step(y, lam):
        a = rate(y, lam)
        b = rate(y + h / 2 * a, lam + h / 2)
        c = rate(y + h / 2 * b, lam + h / 2)
        d = rate(y + h * c, lam + h)
        return y + h / 6 * (a + 2 * b + 2 * c + d), None

    return jax.jit(lambda y: jax.lax.scan(step, y, first + h * jnp.arange(3000.0))[0])(y)


@pytest.mark.parametrize(
    ("name", "make", "least", "most"),
    [
        ("ddim", diffusion.ddim, 0.9, 1.1),
        ("2M", lambda g: diffusion.dpm_solver_pp(g, 2, lower_order_final=False), 1.9, 2.2),
        ("3M", lambda g: diffusion.dpm_solver_pp(g, 3, lower_order_final=False), 1.8, 2.2),
        (
            "third order",
            lambda g: diffusion.dpm_solver_pp(g, 3, exact=True, lower_order_final=False),
            2.8,
            3.3,
        ),
        ("unipc 3", lambda g: diffusion.unipc(g, 3, lower_order_final=False), 2.8, 4.4),
        ("deis 3", lambda g: diffusion.deis(g, 3), 2.8, 3.3),
        ("heun", diffusion.heun, 1.9, 2.2),
        ("dpm_solver 3", lambda g: diffusion.dpm_solver(g, 3), 2.8, 3.3),
    ],
)
def test_convergence_orders_on_a_smooth_mixture(name, make, least, most):
    """The shipped third order of DPM-Solver++ is of second order, as its formula says."""
    errors = []
    for steps in (40, 80, 160):
        schedule = make(diffusion.log_snr_grid(EDM(), steps))
        padded = diffusion.pad_schedule(schedule, 480)
        found = integrate(smooth_mixture(), padded, start_noise(4))
        errors.append(float(jnp.sqrt(jnp.mean((found - reference_end()) ** 2))))
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert least <= slopes[-1] <= most, (errors, slopes)
