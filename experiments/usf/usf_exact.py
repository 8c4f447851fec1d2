"""Numbers that have an exact answer: orders, equivalences, derivatives, float32."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxsci.diffusion import (
    EDM,
    AbstractDenoiser,
    AbstractNoise,
    Denoiser,
    FlowMatching,
    Schedule,
    VPCosine,
    VPLinear,
    dpm_solver_pp,
    fine_path,
    integrate,
    log_snr_grid,
    pad_schedule,
    predicted_output,
    unipc,
)
from jaxsci.diffusion._outputs import Output
from jaxsci.diffusion._reference import smooth_mixture, uneven_schedule

_SOLVERS = {
    "dpm_solver_pp 2": lambda g: dpm_solver_pp(g, 2, lower_order_final=False),
    "third order": lambda g: dpm_solver_pp(g, 3, exact=True, lower_order_final=False),
    "unipc 3": lambda g: unipc(g, 3, lower_order_final=False),
}


def _noise(num: int = 16, dtype: str = "float64") -> Array:
    return 80 * jnp.asarray(np.random.default_rng(0).normal(size=(num, 2)), dtype)


def convergence_slopes(steps: tuple[int, ...] = (80, 160, 320)) -> dict[str, float]:
    """$\\log_2$ of the last ratio of errors when the number of steps doubles."""
    model, y = smooth_mixture(), _noise()
    fine = jax.jit(lambda y: fine_path(model, log_snr_grid(EDM(), 3000), y)[-1])(y)
    slopes = {}
    for name, make in _SOLVERS.items():
        ends = [
            integrate(model, pad_schedule(make(log_snr_grid(EDM(), n)), max(steps)), y)
            for n in steps
        ]
        errors = [float(jnp.sqrt(jnp.mean((end - fine) ** 2))) for end in ends]
        slopes[name] = float(np.log2(errors[-2] / errors[-1]))
    return slopes


def noise_schedule_difference() -> float:
    """The largest difference of ends under VP-linear, cosine, EDM and flow matching."""
    schedule, y = unipc(jnp.linspace(-4.0, 4.0, 9), 3), _noise()
    exact = integrate(smooth_mixture(), schedule, y)
    networks = (
        _as_network(VPLinear(), "eps"),
        _as_network(VPCosine(), "v"),
        _as_network(EDM(), "x0"),
        _as_network(FlowMatching(2.0), "flow"),
    )
    ends = [integrate(network, schedule, y) for network in networks]
    return max(float(jnp.max(jnp.abs(end - exact))) for end in ends)


def _as_network(noise: AbstractNoise, output: Output) -> Denoiser:
    """The smooth mixture as a network of (x, t) that answers in some other form."""
    exact = smooth_mixture()

    def network(x: Array, t: Array) -> Array:
        alpha, sigma = noise.alpha(t), noise.sigma(t)
        return predicted_output(output, x, exact(x / alpha, sigma / alpha), alpha, sigma)

    return Denoiser(network, noise, output)


def gradient_error() -> float:
    """The largest relative error of slopes against central differences, over all real fields."""
    model, y, random = smooth_mixture(), _noise(4), np.random.default_rng(1)
    grid = log_snr_grid(EDM(), 8)
    orders = jnp.asarray([1, 2, 3, 4, 3, 2, 2, 1])
    plain = Schedule(
        grid, order=orders, prediction=["data", "noise"] * 4, corrector=[True] * 7 + [False]
    )
    real, rest = eqx.partition(plain, eqx.is_inexact_array)
    loss = jax.jit(lambda fields: jnp.sum(integrate(model, eqx.combine(fields, rest), y) ** 2))
    slope, worst = jax.grad(loss)(real), 0.0
    names = ("log_snr", "relaxation", "extra_state", "extra_data", "extra_noise", "shift")
    for name in names:
        way = jnp.asarray(random.normal(size=getattr(real, name).shape))
        field = lambda tree, name=name: getattr(tree, name)
        at = lambda t, f=field, w=way: float(loss(eqx.tree_at(f, real, f(real) + t * w)))
        h = 2e-5
        one, two = ((at(k * h) - at(-k * h)) / (2 * k * h) for k in (1, 2))
        exact = float(jnp.sum(getattr(slope, name) * way))
        worst = max(worst, abs(exact / ((4 * one - two) / 3) - 1))
    return worst


def uneven_difference(ratio: float, order: int) -> float:
    """float32 against float64 on 60 steps whose lengths are random up to a ratio; NaN if lost."""
    schedule, start = uneven_schedule(order, ratio), _noise(16, "float32")
    ends = [
        integrate(smooth_mixture(dtype), schedule.astype(dtype), start.astype(dtype))
        for dtype in ("float64", "float32")
    ]
    return float(np.abs(np.asarray(ends[1], np.float64) - np.asarray(ends[0])).max())


class _Counting(AbstractDenoiser):
    """Writes down how often it is traced."""

    inner: AbstractDenoiser
    traces: list = eqx.field(static=True)

    def __call__(self, y: Array, s: Array, step: Array | int = 0) -> Array:
        self.traces.append(None)
        return self.inner(y, s, step)


class _Traces(list):
    """A list that is its own identity, so that it can be a static field."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]
    __eq__ = object.__eq__


def programs_of(count: int) -> int:
    """How many programs `count` different schedules of one maximal length need."""
    random, traces = np.random.default_rng(0), _Traces()
    model, y = _Counting(smooth_mixture(), traces), _noise(4)
    plain = pad_schedule(Schedule(jnp.linspace(-4.0, 6.0, 11)), 10)
    fields = lambda s: (s.log_snr, s.order, s.prediction, s.live)
    for _ in range(count):
        times = np.append(0.0, np.cumsum(random.dirichlet(np.ones(10)))) * 10 - 4
        order = np.minimum(random.integers(1, 5, 10), np.arange(1, 11))
        live = np.arange(10) < random.integers(3, 11)
        new = (times, order.astype(np.int32), random.integers(0, 2, 10).astype(np.int32), live)
        schedule = eqx.tree_at(fields, plain, tuple(jnp.asarray(field) for field in new))
        integrate(model, schedule, y)
    return len(traces)
