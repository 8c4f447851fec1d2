"""Float32 against float64 where steps are very uneven: what is lost, where, and what helps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion_models import smooth_mixture, start_noise

from jaxsci import diffusion
from jaxsci.diffusion import EDM, AbstractDenoiser, Schedule, VPLinear, integrate
from jaxsci.diffusion._reference import uneven_schedule

STEPS = 60
coefficients = jax.jit(diffusion.compile_schedule)
stable_orders = jax.jit(diffusion.stable_orders)
amplification = jax.jit(diffusion.amplification)


class SingleModel(AbstractDenoiser):
    """The model alone in float32: everything around it is in float64."""

    inner: AbstractDenoiser

    def __call__(self, y, s, step=0):
        clean = self.inner(y.astype("float32"), s.astype("float32"), step)
        return clean.astype(y.dtype)


def ends(schedule):
    """In float64; in float32; in float64 with a model in float32."""
    y = start_noise(4, dtype="float32")
    single = integrate(smooth_mixture("float32"), schedule.astype("float32"), y)
    model = SingleModel(smooth_mixture("float32"))
    double, mixed = (integrate(m, schedule, y.astype("float64")) for m in (smooth_mixture(), model))
    return np.asarray(double), np.asarray(single, "float64"), np.asarray(mixed)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_uneven_schedules_in_float32(order):
    """Within 5e-4 of float64: ratios of 20 as they are, of 1,000 with orders that are stable."""
    far = [stable_orders(uneven_schedule(order, 1000, seed)) for seed in range(3)]
    assert all(order == 1 or one.order.max() > 1 for one in far)
    for schedule in [uneven_schedule(order, 20), *far]:
        double, single, _ = ends(schedule)
        assert np.isfinite(single).all()
        np.testing.assert_allclose(single, double, rtol=0, atol=5e-4)


def test_coefficients_keep_their_digits_in_float32():
    """Ratios of 1,000, where weights reach a million: their error is that of rounding."""
    for order in (2, 3, 4):
        for seed in range(3):
            schedule = uneven_schedule(order, 1000, seed)
            exact, found = coefficients(schedule), coefficients(schedule.astype("float32"))
            for name in ("data", "corrector_data"):
                a, b = (np.asarray(getattr(c, name), "float64") for c in (exact, found))
                np.testing.assert_array_less(
                    np.abs(a - b).max(axis=1), 2e-6 * np.abs(a).max(axis=1) + 1e-12
                )


def test_what_is_lost_is_lost_in_the_values_of_the_model():
    """Orders that are not stable multiply its rounding errors; the sampler adds none of its own."""
    lost = []
    for order in (2, 3):
        for seed in range(4):
            schedule = uneven_schedule(order, 1000, seed)
            assert float(amplification(schedule).max()) > 50
            double, single, mixed = ends(schedule)
            assert np.isfinite(single).all()
            size = lambda other, double=double: np.sqrt(np.mean((other - double) ** 2))
            lost.append(size(single) / size(mixed))
    assert np.exp(np.mean(np.log(lost))) < 4
    assert max(lost) < 30


def test_named_samplers_are_stable_as_they_are():
    """The limit is above all of them; and just at it where a schedule was lowered."""
    for grid in (
        diffusion.rho_grid(EDM(), STEPS),
        diffusion.log_snr_grid(EDM(), STEPS),
        diffusion.time_grid(EDM(), STEPS, VPLinear()),
    ):
        for schedule in (diffusion.unipc(grid, 3), diffusion.deis(grid, 4)):
            same = stable_orders(schedule)
            np.testing.assert_array_equal(same.order, schedule.order)
            np.testing.assert_array_equal(same.corrector, schedule.corrector)
    raw = uneven_schedule(4, 1000)
    for limit in (3.0, 30.0):
        lowered = stable_orders(raw, limit)
        assert float(amplification(lowered).max()) <= limit < float(amplification(raw).max())
        tops = jnp.minimum(raw.order, lowered.order + 1)
        more = amplification(Schedule(raw.log_snr, order=tops, corrector=True))[:, 0]
        was_lowered = np.asarray(lowered.order < raw.order)
        assert was_lowered.any()
        assert (np.asarray(more)[was_lowered] > limit).all()
