# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Few-step samplers: choose one, search one, export it
#
# A diffusion model turns noise into data by solving $dy/ds = (y - D(y, s))/s$ from a large noise
# level $s$ to a small one. Each evaluation of the denoiser $D$ costs one pass of a network, so with
# 4 to 10 of them everything depends on where they are spent. Here every sampler is data: arrays
# that say what each step does. One program runs all of them, and searches among them.

# %%
import itertools
import os
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsci import diffusion, fit, plot, sample, solve

SMALL = "JAXSCI_SMALL" in os.environ  # the tests run this notebook at a small size
jax.config.update("jax_disable_most_optimizations", SMALL)  # there compilation is all the work
keys = jax.random.split(jax.random.key(0), 12)

# %% [markdown]
# ## 1. A model
#
# All that a sampler asks for is $D(y, s) = E[x_0 \mid y = x_0 + s\varepsilon]$. For a mixture of
# Gaussians it is known in closed form, so that nothing but the sampler is wrong. Eight narrow modes
# on a ring, the first of them heavier than the others:

# %%
angles = 2 * np.pi * np.arange(8) / 8
outward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
across = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
weights = np.array([0.3] + 7 * [0.1])
ring = diffusion.MixtureDenoiser(
    jnp.log(jnp.asarray(weights, jnp.float32)),
    jnp.asarray(0.8 * outward, jnp.float32),
    jnp.asarray(across[:, :, None], jnp.float32),  # wide along the ring,
    jnp.full((8, 1), 0.12**2, jnp.float32),
    jnp.full(8, 0.03**2, jnp.float32),  # narrow across it
)
noise = diffusion.EDM()  # s from 80 to 0.002

# %% [markdown]
# A network of your own is wrapped by `Denoiser`, see section 5. A named sampler on a grid of noise
# levels makes it a model that can be sampled:

# %%
unipc = diffusion.unipc(diffusion.rho_grid(noise, 40), 3)
model = diffusion.DiffusionModel(ring, unipc, shape=(2,))
samples = sample(model, keys[0], 4000)
heavy = jnp.mean(jnp.abs(jnp.arctan2(samples[:, 1], samples[:, 0])) < np.pi / 8)
print(f"{int(unipc.num_evals)} evaluations; share of the first mode {heavy:.3f}", end="; ")
print("the truth is 0.300")

# %% [markdown]
# Where do the paths of a sampler leave the exact ones? With six evaluations, DDIM and iPNDM on the
# same grid against 256 evaluations of Runge-Kutta (grey):

# %%
grid = diffusion.rho_grid(noise, 6)
start = 80 * jax.random.normal(keys[1], (24, 2))
fine = diffusion.rho_grid(noise, 64)
exact = diffusion.fine_path(ring, fine, start)
for solver in (diffusion.ddim, diffusion.ipndm):
    axes = plot.plot_trajectories(exact, fine, data=samples, marks=False, colour="0.6")
    path = diffusion.DiffusionModel(ring, solver(grid), (2,)).trajectory(start)
    plot.plot_trajectories(path, grid, axes=axes)
    axes.set_title(solver.__name__)

# %% [markdown]
# ## 2. All solvers, in one call
#
# Samplers of any number of steps are stacked into one array program. Shorter ones are padded with
# steps that do nothing and cost nothing; `num_evals` counts exactly.

# %%
numbers = [4, 6] if SMALL else [4, 5, 6, 8, 10, 20]
SOLVERS = {
    "ddim": lambda g: diffusion.ddim(g),
    "dpm_solver_pp 2": lambda g: diffusion.dpm_solver_pp(g, 2),
    "unipc 3": lambda g: diffusion.unipc(g, 3),
    "ipndm": lambda g: diffusion.ipndm(g),
    "deis": lambda g: diffusion.deis(g, 3),
}
GRIDS = {"rho7": diffusion.rho_grid, "log_snr": diffusion.log_snr_grid}
pairs = [(s, g) for s in SOLVERS for g in GRIDS]
population = diffusion.stack_schedules(
    [SOLVERS[s](GRIDS[g](noise, n)) for s, g in pairs for n in numbers]
)
test = 80 * jax.random.normal(keys[2], (64 if SMALL else 1024, 2))
truth = diffusion.fine_path(ring, fine, test)[-1]
ends = diffusion.run_population(ring, population, test)
rmse = jnp.sqrt(jnp.mean((ends - truth) ** 2, axis=(1, 2))).reshape(len(pairs), len(numbers))
errors = {f"{s}, {g}": row for (s, g), row in zip(pairs, rmse)}
for name, row in errors.items():
    print(f"{name:24}", *(f"{value:.3f}" for value in row))
axes = plot.plot_solver_errors(numbers, errors)
axes.legend(fontsize=7)

# %% [markdown]
# ## 3. Start in the middle, go back
#
# `vary` noises given data to the time of a step and samples from there, as image-to-image does: the
# later the step, the less changes. `invert` runs the same steps from data to noise.

# %%
for first in (8, 20, 28):
    moved = model.vary(keys[6], samples[:500], first)
    print(f"from step {first}: moved by {jnp.sqrt(jnp.mean((moved - samples[:500]) ** 2)):.3f}")
back = model.invert(samples[:500])
there = model.trajectory(back)[-1]
off = jnp.median(jnp.linalg.norm(there - samples[:500], axis=1))
print(f"inverted to noise of deviation {jnp.std(back):.1f} and sampled again: off by {off:.1e}")

# %% [markdown]
# ## 4. Train a network
#
# `Preconditioned` is the parametrisation of EDM around any network, `ResidualMLP` a small one.
# The fit has a progress bar, a checkpoint and resumes from it:
# `loop=Loop(progress=True, checkpoint="net")`.

# %%
data = ring.sample(keys[7], 4000)
size = {"width": 32, "depth": 2} if SMALL else {"width": 128, "depth": 3}
net = diffusion.Preconditioned(diffusion.ResidualMLP(2, **size, key=keys[8]), jnp.std(data))
training = diffusion.DenoisingScoreMatching(max_steps=300 if SMALL else 4000)
trained = fit(net, data, training, key=keys[9])
print(trained)
learnt = diffusion.DiffusionModel(trained.value, unipc, (2,))
radius = jnp.linalg.norm(sample(learnt, keys[10], 1000), axis=1)
print(f"radius of its samples {radius.mean():.2f} +- {radius.std():.2f}", end="; ")
radius = jnp.linalg.norm(data, axis=1)
print(f"of the data {radius.mean():.2f} +- {radius.std():.2f}")

# %% [markdown]
# ## 5. Plug in a model from elsewhere
#
# Say you have a network `net(x, t)` that predicts $\varepsilon$, trained elsewhere, and the
# `alphas_cumprod` of its noise schedule, as diffusers keeps them. Any callable of a batch and one
# time will do; the other kinds of output are `"x0"`, `"v"`, `"score"` and `"flow"`. Here an
# equinox network of single samples, trained by a loop of one's own:


# %%
class Epsilon(eqx.Module):
    mlp: eqx.nn.MLP

    def __call__(self, x, t):
        phase = jnp.pi * t / 1000 * 2.0 ** jnp.arange(6)
        return self.mlp(jnp.concatenate([x, jnp.sin(phase), jnp.cos(phase)]))


alphas_cumprod = jnp.cumprod(1 - jnp.linspace(1e-4, 0.02, 1000))
theirs = Epsilon(eqx.nn.MLP(14, 2, 64 if SMALL else 128, 3, jax.nn.silu, key=keys[8]))
rule = optax.adam(2e-3)


def loss(net, key):
    pick, when, kick = jax.random.split(key, 3)
    x0 = data[jax.random.randint(pick, (256,), 0, len(data))]
    t = jax.random.randint(when, (256,), 0, 1000)
    eps, keep = jax.random.normal(kick, x0.shape), alphas_cumprod[t][:, None]
    x = jnp.sqrt(keep) * x0 + jnp.sqrt(1 - keep) * eps
    return jnp.mean((jax.vmap(net)(x, t.astype(x.dtype)) - eps) ** 2)


@eqx.filter_jit
def train(net, keys):
    weights, rest = eqx.partition(net, eqx.is_inexact_array)

    def step(carry, key):
        weights, state = carry
        slope = jax.grad(lambda w: loss(eqx.combine(w, rest), key))(weights)
        change, state = rule.update(slope, state)
        return (optax.apply_updates(weights, change), state), None

    (weights, _), _ = jax.lax.scan(step, (weights, rule.init(weights)), keys)
    return eqx.combine(weights, rest)


theirs = train(theirs, jax.random.split(keys[9], 300 if SMALL else 6000))

# %% [markdown]
# Three lines plug it in. `eqx.filter_vmap` keeps the weights where JAX can see them, as arguments
# of the compiled sampler. The parameters of a flax network go along as `condition`:
#
# ```python
# apply = lambda x, t, params: net.apply(params, x, jnp.full(x.shape[0], t))
# denoiser = diffusion.Denoiser(apply, vp, "eps", condition=(params,))
# ```

# %%
vp = diffusion.DiscreteVP(alphas_cumprod)
denoiser = diffusion.Denoiser(eqx.filter_vmap(theirs, in_axes=(0, None)), vp, "eps")
plugged = diffusion.DiffusionModel(
    denoiser, diffusion.dpm_solver_pp(diffusion.time_grid(vp, 40), 2), shape=(2,)
)
print("samples of a network from elsewhere:", sample(plugged, keys[10], 1000).shape)

# %% [markdown]
# ## 6. Search
#
# `ScheduleSearch` states the problem: a denoiser, a number of evaluations, noises to train on. A
# second set of noises is only reported on. So is the best fixed sampler of all named ones, chosen
# in hindsight on that second set; `gain` is the ratio of the errors.

# %%
search = diffusion.ScheduleSearch.draw(
    denoiser, 6, vp, (2,), keys[3], num_train=64 if SMALL else 256, num_valid=64 if SMALL else 1024
).prepared()  # with the ends of the teacher, which all methods share
ladder = [g(vp, 6) for g in (diffusion.time_grid, diffusion.rho_grid, diffusion.log_snr_grid)]
euler = diffusion.stack_schedules([diffusion.pad_schedule(diffusion.ddim(g), 7) for g in ladder])
methods = {"times of ddim": diffusion.GradientTimes(max_steps=30 if SMALL else 120, start=euler)}
if not SMALL:
    methods |= {
        "DynamicProgramming": diffusion.DynamicProgramming(),
        "GradientTimes": diffusion.GradientTimes(),
        "Evolution": diffusion.Evolution(),
        "Combined": diffusion.Combined(),
    }
found = {}
for name, method in methods.items():
    begun = time.process_time()
    found[name] = solve(search, method, key=keys[4])
    gain, seconds = found[name].stats["gain"], time.process_time() - begun
    print(f"{name}: gain {gain:.2f}, {seconds:.0f} CPU s with compilation")
found[name]

# %% [markdown]
# What has it found? A strip shows every step: the colour is what it expands (the clean signal or
# the noise), the number its order, a plus changed coefficients, a diamond a corrector, a tick the
# time that the model is told.

# %%
best = found[name].value
axes = plot.plot_schedules({name: best, "unipc 3": diffusion.unipc(ladder[0], 3)})
axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))

# %% [markdown]
# A schedule is kept as JSON, with its origin. Reading gives the same bits, and refuses files of
# another version or for another range of noise.

# %%
origin = {"model": "ring", "rmse": float(found[name].stats["rmse"])}
diffusion.save_schedule("ring-6.json", best, info=origin)
again = diffusion.load_schedule("ring-6.json", vp)
six = diffusion.DiffusionModel(denoiser, again, shape=(2,))
same = jnp.array_equal(sample(six, keys[5], 100), sample(six, keys[5], 100, method=best))
print("the same samples from the file:", bool(same), diffusion.schedule_info("ring-6.json"))

# %% [markdown]
# ## 7. Export
#
# Other libraries take the times of a schedule and bring their own solver. So the times were also
# searched for the solver that will run there: DDIM, their Euler method.

# %%


def error(schedule):
    ends = diffusion.integrate(denoiser, schedule, search.valid)
    return float(jnp.sqrt(jnp.mean((ends - search.targets[1]) ** 2)))


exported = found["times of ddim"].value
usual = [error(diffusion.pad_schedule(diffusion.ddim(g), 7)) for g in ladder]
print("ddim on equal times, rho 7, equal log-SNR:", *(f"{e:.3f}" for e in usual), end="; ")
print(f"on the times that were found: {error(exported):.3f}")
print("timesteps =", diffusion.export_timesteps(exported, vp))
sigmas = diffusion.export_sigmas(exported, final_zero=True)
print("sigmas =", [round(s, 4) for s in sigmas])

# %% [markdown]
# The lists fall, whole timesteps are integers, and `final_zero` ends the noise levels at zero, as
# k-diffusion's samplers and diffusers' Euler scheduler expect: a last evaluation, which returns the
# clean signal. Before it, this is what their Euler method does with the list:

# %%
ask = eqx.filter_jit(denoiser.__call__)
x = search.valid
for here, after in itertools.pairwise(sigmas[:-1]):
    x = x + (after - here) * (x - ask(x, jnp.asarray(here))) / here
ours = diffusion.integrate(denoiser, exported, search.valid)
difference = float(jnp.abs(x - ours).max())
print(f"their loop and our scan differ by {difference:.1e}")
assert difference < 1e-4

# %% [markdown]
# ## 8. How to choose
#
# | you have | take | because |
# |---|---|---|
# | 8 to 20 evaluations, no search | `ipndm` on `log_snr_grid` | least error in section 2 |
# | 4 to 6, no search | `dpm_solver_pp` 2 on `rho_grid` | near the least, here and on digits |
# | 4 to 10, a minute of CPU for a small network | `Combined` | the largest gain in section 6 |
# | no gradient of the network | `Evolution` | values alone, all decisions |
# | DDIM of another library | `GradientTimes` that start at `ddim` | moves the times alone |
# | no time for more than a pass of the teacher | `DynamicProgramming` | cheapest; look at `gain` |
# | samples that should vary | `ancestral`, `sde_dpm_solver_pp` | fresh noise in every step |
# | data to turn into noise and back | `unipc` 3, 40 steps | `invert`, section 3 |
#
# No fixed sampler wins everywhere: `best_fixed(search)` names the best for your model. Errors have
# heavy tails, as a few noises land in another mode: trust `gain` on a thousand noises, not on a
# hundred, and look at `median` and `tail` as well. Dynamic programming adds up the errors of single
# steps as if all of them lasted to the end. In section 6 it puts its times at the largest noise,
# and loses to the fixed samplers.
