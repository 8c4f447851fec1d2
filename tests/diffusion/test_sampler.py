"""The scan: random schedules, one compilation, exact counts, gradients, precision, equivalences."""

import diffusion_published as published
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion_models import Calls, on_host, smooth_mixture, start_noise

from jaxsci import diffusion, sample
from jaxsci.diffusion import EDM, AbstractDenoiser, Schedule, integrate

ROWS, WINDOW = 10, 5  # most cases share one program


def random_rows(random, steps):
    """Orders 1 to 4, low-order estimates, all scalings, correctors, both predictions, starts."""
    rows = []
    for n in range(steps):
        order = int(random.integers(1, min(n + 1, 4) + 1))
        rows.append(
            {
                "prediction": str(random.choice(["data", "noise"])),
                "order": order,
                "estimate": int(random.integers(1, max(order, 2))),
                "start": int(random.integers(0, 2)) if n else 0,
                "scaling": str(random.choice(["none", "bh1", "bh2", "exp+", "exp-"])),
                "relaxation": float(random.normal(scale=0.03)),
                "second_scale": float(random.choice([1.0, 0.5])),
                "corrector": bool(random.integers(0, 2)) and n < steps - 1,
            }
        )
    return rows


def schedule_of(grid, rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    arrays = {n: jnp.asarray(v) if not isinstance(v[0], str) else v for n, v in columns.items()}
    return Schedule(grid, **arrays)


def random_grid(random, steps):
    parts = np.cumsum(random.dirichlet(np.full(steps, 3.0)))
    first, last = -np.log(80.0), -np.log(0.002)
    return jnp.asarray(np.append(first, first + parts * (last - first)))


def random_case(seed):
    random = np.random.default_rng(seed)
    steps = int(random.integers(4, ROWS + 1))
    return random_grid(random, steps), random_rows(random, steps)


def test_random_schedules_against_the_general_step_written_out():
    """Relative error 1e-9 of forty schedules, by linear systems and series on the other side."""
    for seed in range(40):
        grid, rows = random_case(seed)
        padded = diffusion.pad_schedule(schedule_of(grid, rows), ROWS, WINDOW)
        found = integrate(smooth_mixture(), padded, start_noise(4))
        s = np.exp(-np.asarray(grid))
        exact = published.unified(on_host(), s, np.asarray(start_noise(4)), rows)
        scale = max(1.0, np.abs(exact).max())
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * scale)


class Counting(AbstractDenoiser):
    """A denoiser that writes down when it is traced and when it is run."""

    inner: AbstractDenoiser
    traces: Calls = eqx.field(static=True)
    runs: Calls | None = eqx.field(static=True, default=None)

    def __call__(self, y, s, step=0):
        self.traces.append(None)
        if self.runs is not None:
            jax.debug.callback(lambda: self.runs.append(None))
        return self.inner(y, s, step)


COUNTED = Counting(smooth_mixture(), Calls(), Calls())


@pytest.mark.parametrize(
    ("schedule", "count"),
    [
        (diffusion.ddim(diffusion.rho_grid(EDM(), 5)), 5),
        (diffusion.heun(diffusion.rho_grid(EDM(), 3)), 6),
        (diffusion.pndm(diffusion.rho_grid(EDM(), 4)), 5),
        (diffusion.pndm_runge_kutta(diffusion.rho_grid(EDM(), 1)), 4),
        (diffusion.unipc(diffusion.rho_grid(EDM(), 6)), 6),
        (diffusion.pad_schedule(diffusion.unipc(diffusion.rho_grid(EDM(), 4)), 7), 4),
        (diffusion.denoise_to_zero(diffusion.ddim(diffusion.rho_grid(EDM(), 4))), 5),
        (Schedule(diffusion.rho_grid(EDM(), 5), order=[1, 2, 3, 4, 2], analytic=True), 4),
    ],
    ids=["ddim", "heun", "pndm", "pndm runge kutta", "unipc", "padded", "to zero", "analytic"],
)
def test_evaluations_are_counted_exactly(schedule, count):
    """The model reports each time that it is really run."""
    COUNTED.runs.clear()
    padded = diffusion.pad_schedule(schedule, ROWS, WINDOW)
    integrate(COUNTED, padded, start_noise(4)).block_until_ready()
    jax.effects_barrier()
    assert int(schedule.num_evals) == int(padded.num_evals) == len(COUNTED.runs) == count


def test_a_thousand_schedules_are_one_program():
    traces = Calls()
    denoiser, y = Counting(smooth_mixture(), traces), start_noise(4)
    random, ends = np.random.default_rng(0), []
    full = diffusion.pad_schedule(schedule_of(*random_case(0)), ROWS, WINDOW)
    for _ in range(1000):
        change = lambda leaf: jnp.asarray(np.asarray(leaf))
        mutated = eqx.tree_at(
            lambda s: (s.log_snr, s.order, s.prediction, s.live),
            jax.tree.map(change, full),
            (
                random_grid(random, ROWS),
                jnp.asarray(random.integers(1, 5, ROWS), jnp.int32),
                jnp.asarray(random.integers(0, 2, ROWS), jnp.int32),
                jnp.asarray(np.arange(ROWS) < random.integers(3, ROWS + 1)),
            ),
        )
        ends.append(np.asarray(integrate(denoiser, mutated, y)))
    assert len(traces) == 1
    assert len({end.tobytes() for end in ends}) == 1000


def population(num):
    schedules = [schedule_of(*random_case(seed)) for seed in range(num)]
    return diffusion.stack_schedules([diffusion.pad_schedule(s, ROWS, WINDOW) for s in schedules])


def test_a_population_is_the_loop_over_it():
    many, y = population(12), start_noise(4)
    found = diffusion.run_population(smooth_mixture(), many, y, chunk=5)
    for index in range(12):
        one = jax.tree.map(lambda leaf, i=index: leaf[i], many)
        alone = integrate(smooth_mixture(), one, y)
        np.testing.assert_allclose(found[index], alone, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(many.num_evals, [int(np.sum(row)) for row in many.live])


def uneven_population():
    """Two, three and four steps; the first one begins without an evaluation."""
    grids = [jnp.linspace(-4.0, 4.0, steps + 1) for steps in (2, 3, 4)]
    many = diffusion.stack_schedules([diffusion.unipc(grid, 2) for grid in grids])
    return eqx.tree_at(lambda s: s.analytic, many, jnp.arange(3) == 0)


def linear_network(weights):
    return diffusion.Denoiser(lambda x, t: jnp.tanh(x @ weights), EDM(), "x0")


def test_gradients_side_by_side_are_those_one_by_one():
    """In the weights of the model and in the noise."""
    many, pair = uneven_population(), (jnp.eye(7) / 2, jnp.ones((4, 7)))
    loss = lambda pair, s: jnp.sum(integrate(linear_network(pair[0]), s, pair[1]) ** 2)
    slopes = jax.jit(jax.grad(loss))
    found = jax.jit(jax.vmap(lambda schedule: slopes(pair, schedule)))(many)
    for index in range(3):
        one, pull = (jax.tree.map(lambda leaf, i=index: leaf[i], tree) for tree in (many, found))
        for a, b in zip(pull, slopes(pair, one), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_schedules_side_by_side_share_the_weights():
    """No copy of them for each schedule: the branch that skips the model is one for all."""
    side_by_side = jax.vmap(lambda s: integrate(linear_network(jnp.eye(7)), s, jnp.ones((4, 7))))
    program = str(jax.make_jaxpr(side_by_side)(uneven_population()))
    assert "[7,7]" in program
    assert "[3,4,7]" in program
    assert "[3,7,7]" not in program


def test_gradients_in_times_and_coefficients():
    """Along a random direction in every real field, against central differences: 1e-6."""
    schedule = diffusion.pad_schedule(schedule_of(*random_case(3)), ROWS, WINDOW)
    y, random = start_noise(4), np.random.default_rng(1)
    real, rest = eqx.partition(schedule, eqx.is_inexact_array)
    names = ("log_snr", "relaxation", "second_scale", "extra_state", "extra_data", "extra_noise")
    names += ("extra_corrector", "shift")
    for name in names:
        leaf = getattr(real, name)
        way = jnp.asarray(random.normal(size=leaf.shape))
        moved = lambda t, name=name, leaf=leaf, way=way: eqx.combine(
            eqx.tree_at(lambda s: getattr(s, name), real, leaf + t * way), rest
        )
        loss = lambda t, moved=moved: jnp.sum(integrate(smooth_mixture(), moved(t), y) ** 2)
        slope, h = float(gradient(moved, y)), 2e-5
        one, two = (float(loss(k * h) - loss(-k * h)) / (2 * k * h) for k in (1, 2))
        np.testing.assert_allclose(slope, (4 * one - two) / 3, rtol=1e-6)


@eqx.filter_jit
def pulled(schedule, y):
    loss = lambda s: jnp.sum(integrate(smooth_mixture(), s, y) ** 2)
    return eqx.filter_grad(loss)(schedule)


def gradient(moved, y):
    """The derivative along the way: one compiled reverse-mode program for all fields."""
    pull = pulled(moved(0.0), y)
    real = lambda t: eqx.filter(moved(t), eqx.is_inexact_array)
    _, push = jax.jvp(real, (0.0,), (1.0,))
    return jax.tree.reduce(jnp.add, jax.tree.map(lambda a, b: jnp.sum(a * b), pull, push))


def as_network(noise, output):
    exact = smooth_mixture()

    def network(x, t):
        alpha, sigma = noise.alpha(t), noise.sigma(t)
        clean = exact(x / alpha, sigma / alpha)
        return diffusion.predicted_output(output, x, clean, alpha, sigma)

    return diffusion.Denoiser(network, noise, output)


def test_every_noise_schedule_is_the_same_equation():
    """One denoiser as VP-linear, cosine, EDM and flow on one log-SNR grid: 1e-10."""
    schedule = diffusion.pad_schedule(diffusion.unipc(jnp.linspace(-4.0, 4.0, 9), 3), ROWS, WINDOW)
    y = start_noise(4)
    exact = integrate(smooth_mixture(), schedule, y)
    for noise, output in (
        (diffusion.VPLinear(), "eps"),
        (diffusion.VPCosine(), "v"),
        (diffusion.EDM(), "x0"),
        (diffusion.FlowMatching(2.0), "flow"),
    ):
        found = integrate(as_network(noise, output), schedule, y)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10)


def test_correctors_do_not_reach_beyond_the_last_evaluation():
    grid, orders = diffusion.rho_grid(EDM(), ROWS), [1] + [2] * (ROWS - 1)
    with_last = Schedule(grid, order=orders, corrector=True, window=WINDOW)
    without = eqx.tree_at(lambda s: s.corrector, with_last, with_last.corrector.at[-1].set(False))
    y = start_noise(4)
    np.testing.assert_array_equal(
        integrate(smooth_mixture(), with_last, y), integrate(smooth_mixture(), without, y)
    )


NUM = 4000


def model():
    schedule = diffusion.unipc(diffusion.log_snr_grid(EDM(80.0, 0.01), 40), 3)
    return diffusion.DiffusionModel(smooth_mixture(), schedule, (2,))


def test_samples_have_the_moments_of_the_data(key):
    drawn = np.asarray(sample(model(), key, NUM))
    exact = np.asarray(smooth_mixture().sample(jax.random.key(1), 60_000))
    np.testing.assert_allclose(drawn.mean(axis=0), exact.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(exact.T), atol=0.04)


def test_inversion_is_undone_by_sampling(key):
    data = smooth_mixture().sample(key, NUM)
    noise = model().invert(data)
    assert 75 < float(jnp.std(noise)) < 85
    back = model().trajectory(noise)
    assert back.shape == (41, NUM, 2)
    np.testing.assert_array_equal(back[0], noise)
    np.testing.assert_allclose(back[-1], data, atol=5e-4)


def test_starting_in_the_middle_keeps_what_the_noise_does_not_hide(key):
    data = smooth_mixture().sample(key, NUM)
    gaps = [
        float(jnp.sqrt(jnp.mean((model().vary(key, data, first) - data) ** 2)))
        for first in (10, 25, 38)
    ]
    assert gaps[0] > 0.5 > gaps[1] > 0.05 > gaps[2]


def test_hook_denoising_and_the_analytic_step():
    y, grid = start_noise(4), diffusion.rho_grid(EDM(), ROWS - 1)
    plain = diffusion.pad_schedule(diffusion.dpm_solver_pp(grid, 2), ROWS - 1, WINDOW)
    twice = lambda y, s, step: jnp.where(step == 0, 2 * y, y)
    path = integrate(smooth_mixture(), diffusion.denoise_to_zero(plain), y, path=True, hook=twice)
    exact = on_host()
    clean, ratio = exact(y, 80.0), float(jnp.exp(grid[0] - grid[1]))
    np.testing.assert_allclose(path[1], 2 * (clean + ratio * (y - clean)), rtol=1e-12)
    last = exact(path[-2], jnp.exp(-grid[-1]))
    np.testing.assert_allclose(path[-1], last, atol=1e-13)
    first = Schedule(grid[:2], analytic=True)
    started = integrate(
        smooth_mixture(), diffusion.pad_schedule(first, ROWS, WINDOW), y, mean=jnp.asarray(0.3)
    )
    np.testing.assert_allclose(started, 0.3 + ratio * (y - 0.3), rtol=1e-13)
