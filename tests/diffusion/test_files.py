"""Schedules on disk, for other libraries, and every documented error."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion_models import smooth_mixture, start_noise

from jaxsci import diffusion
from jaxsci.diffusion import EDM, DiscreteVP, Schedule, VPLinear, integrate

RHO = diffusion.rho_grid(EDM(), 6)


def awkward(dtype):
    """Numbers that no short decimal equals."""
    random = np.random.default_rng(0)
    schedule = diffusion.unipc(RHO.astype(dtype), 3)
    extra = jnp.asarray(random.normal(size=(6, 4)) / 3, dtype)
    pick = lambda s: (s.extra_noise, s.relaxation, s.shift)
    return eqx.tree_at(pick, schedule, (extra, extra[:, 0], extra[:, 1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_bit_comes_back(dtype, tmp_path):
    saved, path = awkward(dtype), tmp_path / "found.json"
    diffusion.save_schedule(path, saved, info={"teacher": "rk4", "seeds": [1, 2]})
    loaded = diffusion.load_schedule(path, EDM())
    for old, new in zip(jax.tree.leaves(saved), jax.tree.leaves(loaded), strict=True):
        assert old.dtype == new.dtype
        assert np.asarray(old).tobytes() == np.asarray(new).tobytes()
    assert diffusion.schedule_info(path) == {"teacher": "rk4", "seeds": [1, 2]}


def test_samples_of_a_loaded_schedule_are_bitwise_the_same(tmp_path):
    diffusion.save_schedule(tmp_path / "a.json", awkward("float64"))
    loaded = diffusion.load_schedule(tmp_path / "a.json")
    first, second = (
        integrate(smooth_mixture(), s, start_noise(4)) for s in (awkward("float64"), loaded)
    )
    assert np.asarray(first).tobytes() == np.asarray(second).tobytes()


def changed(tmp_path, **fields):
    path = tmp_path / "changed.json"
    diffusion.save_schedule(path, awkward("float64"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


def refused(*words):
    """The error, with all these words."""
    pattern = "".join(f"(?=[\\s\\S]*{word})" for word in words)
    return pytest.raises(ValueError, match=pattern)


def test_files_of_another_kind_version_or_range_are_refused(tmp_path):
    with refused("version 7", "reads", "version 1", "Save it anew"):
        diffusion.load_schedule(changed(tmp_path, version=7))
    with refused("not a schedule"):
        diffusion.load_schedule(changed(tmp_path, format="other"))
    (tmp_path / "text").write_text("sigma = 3")
    with refused("not JSON"):
        diffusion.load_schedule(tmp_path / "text")
    diffusion.save_schedule(tmp_path / "edm.json", diffusion.ddim(RHO))
    with refused("-4.382", "VPLinear", "-5.025", "Search a schedule"):
        diffusion.load_schedule(tmp_path / "edm.json", VPLinear(smallest=0.05))
    population = diffusion.stack_schedules([diffusion.ddim(RHO)] * 2)
    with refused("one schedule a file"):
        diffusion.save_schedule(tmp_path / "b.json", population)


def test_lists_for_diffusers_and_k_diffusion():
    noise = DiscreteVP(jnp.cumprod(1 - jnp.linspace(1e-4, 0.02, 1000)))
    schedule = diffusion.ddim(diffusion.time_grid(noise, 3))
    assert diffusion.export_timesteps(schedule, noise) == [999, 666, 333]
    assert {type(t) for t in diffusion.export_timesteps(schedule, noise)} == {int}
    sigmas = diffusion.export_sigmas(schedule, final_zero=True)
    table = np.sqrt(1 / np.asarray(noise.alphas_cumprod) - 1)
    np.testing.assert_allclose(sigmas, [*table[[999, 666, 333, 0]], 0.0], rtol=1e-12)
    padded = diffusion.pad_schedule(schedule, 5)
    assert diffusion.export_sigmas(padded) == sigmas[:-1]
    np.testing.assert_allclose(diffusion.export_timesteps(schedule, EDM()), sigmas[:3])
    assert diffusion.export_sigmas(diffusion.denoise_to_zero(schedule)) == sigmas
    flow = diffusion.FlowMatching()
    shares = diffusion.export_timesteps(schedule, flow)  # sigma with alpha = 1 - sigma
    np.testing.assert_allclose(shares, np.divide(sigmas[:3], np.add(1, sigmas[:3])), rtol=1e-12)


def test_lists_that_other_libraries_refuse():
    noise = DiscreteVP(jnp.cumprod(1 - jnp.linspace(1e-4, 0.02, 20)))
    with refused("export_timesteps", "have 12 and 12", "fewer steps"):
        diffusion.export_timesteps(diffusion.ddim(diffusion.log_snr_grid(noise, 60)), noise)
    with refused("export_sigmas", "steps 1 and 2", "grid they were made of"):
        diffusion.export_sigmas(diffusion.heun(RHO))
    with refused("export_sigmas", "falling"):
        diffusion.export_sigmas(diffusion.reverse_schedule(diffusion.ddim(RHO)))


def test_impossible_schedules_are_refused():
    with refused("monotone", "step 1", "Sort them"):
        Schedule([-1.0, 0.5, 0.2, 3.0])
    with refused("finite", "denoise_to_zero"):
        Schedule([0.0, jnp.inf])
    with refused("N \\+ 1 times", r"\(1,\)"):
        Schedule([0.0])
    with refused("unknown prediction 'velocity'", "data, noise"):
        Schedule(RHO, prediction="velocity")
    with refused("unknown scaling", "bh2"):
        Schedule(RHO, scaling=["none"] * 5 + ["bh3"])
    with refused("step 0 asks for order 2", "only 1", "Lower the first orders"):
        Schedule(RHO, order=2)
    with refused("order must be 1, 2, 3 or 4", "5"):
        Schedule(RHO, order=[1, 2, 3, 4, 4, 5])
    with refused("step 1 starts 2 steps back"):
        Schedule(RHO, start=[0, 2, 0, 0, 0, 0])
    with refused("ends where it starts"):
        Schedule([0.0, 1.0, 1.0])
    with refused("two points of the same time"):
        Schedule([0.0, 1.0, 1.0, 2.0], start=[0, 1, 0], order=[1, 1, 2])
    with refused("stochastic", "negative"):
        Schedule(RHO, stochastic=-1.0)
    with refused("churn must not be negative"):
        Schedule(RHO, churn=-0.1)
    with refused("step 1 has a corrector", "step 2 begins with churn"):
        Schedule(RHO, corrector=[False, True] + [False] * 4, churn=[0.0, 0.0, 0.1, 0.0, 0.0, 0.0])
    with refused("relaxation", r"\(6,\)", r"\(5,\)"):
        Schedule(RHO, relaxation=jnp.ones(5))
    with refused("live steps must come first"):
        Schedule(RHO, live=[True, False, True, True, True, True])


def test_named_samplers_refuse_what_they_cannot_be():
    with refused("order 3 needs at least 3 steps", "got 2", "finer grid"):
        diffusion.unipc(RHO[:3], 3)
    for make in (diffusion.dpm_solver, diffusion.dpm_solver_pp, diffusion.unipc, diffusion.deis):
        with refused("order must be", "7"):
            make(RHO, 7)
    with refused("variant", "bh3"):
        diffusion.unipc(RHO, 2, "bh3")
    with refused("at least one step", "0"):
        diffusion.rho_grid(EDM(), 0)


def test_denoisers_and_models_refuse_bad_input(key):
    y = start_noise(4)
    with refused(r"\(4,\)", r"\(4, 2\)", "same shape", "vmap"):
        integrate(lambda y, s, step: y[:, 0], diffusion.ddim(RHO), y)
    with refused("float32", "float64"):
        integrate(lambda y, s, step: y.astype("float32"), diffusion.ddim(RHO), y)
    with refused("output", "'noise'", "eps, x0"):
        diffusion.Denoiser(lambda x, t: x, EDM(), "noise")  # pyright: ignore[reportArgumentType]
    with refused("adds noise", "key"):
        integrate(smooth_mixture(), diffusion.ancestral(RHO), y)
    with refused("adds noise", "churn > 0", "key"):
        integrate(smooth_mixture(), diffusion.edm_churn(RHO), y)
    with refused("one schedule", "run_population"):
        integrate(smooth_mixture(), diffusion.stack_schedules([diffusion.ddim(RHO)]), y)
    with refused("stacked", "stack_schedules"):
        diffusion.run_population(smooth_mixture(), diffusion.ddim(RHO), y)
    with refused("first must be 0 to 5", "6"):
        diffusion.tail_schedule(diffusion.ddim(RHO), 6)
    with refused("raw weights", "iPNDM"):
        diffusion.tail_schedule(diffusion.ipndm(RHO), 2)
    with refused("does not fit"):
        diffusion.pad_schedule(diffusion.ddim(RHO), 3)
    with refused("at least one"):
        diffusion.stack_schedules([])
    with refused("reverse_schedule", "step 0", "adds noise"):
        diffusion.reverse_schedule(diffusion.ancestral(RHO))
    with refused("alphas_cumprod", "cumulative"):
        DiscreteVP(jnp.linspace(1e-4, 0.02, 1000))
    with refused("EDM", "largest", "-3.0"):
        EDM(-3.0)
    with refused("MixtureDenoiser", "shapes"):
        diffusion.MixtureDenoiser(
            jnp.ones(2), jnp.ones((3, 2)), jnp.ones((3, 2, 1)), jnp.ones((3, 1)), jnp.ones(3)
        )
    with refused("quantile", "1.5"):
        diffusion.dynamic_threshold(1.5)
