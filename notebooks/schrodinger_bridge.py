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
# # Schrödinger bridges
#
# Two populations are seen at two times and nobody followed the particles between. The Schrödinger
# bridge is the most likely motion: the process nearest to $\sqrt\varepsilon\,W_t$ that carries one
# population into the other. Fit one, ask it everything in closed form, check it against a known
# truth, carry cells through a branching, find an unknown noise by gradients through the fit.

# %%
import os

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

from jaxsci import bridge, fit, solve

SMALL = "JAXSCI_SMALL" in os.environ  # the tests run this notebook at a small size
NUM = 1000 if SMALL else 20_000

# %% [markdown]
# ## 1. Fit
#
# The benchmark of mixtures has a bridge that is known exactly. `MomentMatching` needs no learning
# rate: every component becomes the Gaussian bridge between its own moments.

# %%
from jaxsci.bridge._reference import mixture_pair

epsilon = 1.0
pair = mixture_pair(2, epsilon, "A", seed=3)
keys = jax.random.split(jax.random.key(0), 8)
x0, x1 = pair.start(keys[0], NUM), pair.end(keys[1], NUM)
template = bridge.LightBridge.blank(2, 5, epsilon)
sol = fit(template, (x0, x1), bridge.MomentMatching(), key=keys[2])
sol

# %%
model = sol.value
variance = jnp.sum(jnp.var(x1, axis=0))
error = bridge.conditional_bw_uvp(model, pair.truth, x0[:200], variance)
excess = model.loss(x0, x1) - pair.truth.loss(x0, x1)
print(f"error of the plans {error:.4f} % of the variance; loss minus the truth's {excess:.1e}")

# %% [markdown]
# ## 2. Ask
#
# Where does a particle go that starts at $x$? With which density? With which velocity at time $t$?
# Nothing is simulated, and the drift has no pole at $t = 1$.

# %%
x = jnp.array([[0.5, 0.0]])
plan = model.conditional(x)
print("mean end", plan.mean()[0], "log density there", model.log_plan(x, plan.mean())[0])
print("drift at t = 0, 1/2, 1:", *(model.drift(t, x)[0] for t in (0.0, 0.5, 1.0)))
times = jnp.linspace(0, 1, 5)
print("trajectories:", model.sample(keys[3], x0[:100], times).shape)
back = model.reverse(x0[:500])
print("where it came from:", back.sample(keys[4], x1[:1])[0])
print("entropic transport cost:", model.cost(x0, x1))

# %% [markdown]
# ## 3. Compare
#
# Two simple rivals: one Gaussian a side, and Sinkhorn's iteration between the samples themselves,
# whose bridge extends to new starts.

# %%
gaussian = fit(
    bridge.LightBridge.blank(2, 1, epsilon), (x0, x1), bridge.MomentMatching(), key=keys[2]
).value
atoms = min(NUM, 2000)
points = bridge.DiscreteBridge(x0[:atoms], x1[:atoms], epsilon)
sinkhorn = solve(points, bridge.Sinkhorn(rtol=1e-4)).value
exact = pair.truth.conditional(x0[:200]).mean()
size = jnp.sqrt(jnp.mean(exact**2))
for name, means in {
    "light bridge": model.conditional(x0[:200]).mean(),
    "one Gaussian": gaussian.conditional(x0[:200]).mean(),
    "Sinkhorn": sinkhorn.mean(x0[:200]),
}.items():
    print(f"{name}: mean ends off by {jnp.sqrt(jnp.mean((means - exact) ** 2)) / size:.3f}")

# %% [markdown]
# ## 4. How to choose
#
# | what you have | take | because |
# |---|---|---|
# | thousands of samples, few dimensions | `Sinkhorn` on `DiscreteBridge` | nothing is assumed |
# | many samples, many dimensions, or small noise | `LightBridge`, `MomentMatching` | exact plans |
# | coordinates that depend on each other | `LightBridge.blank(..., full=True)` | ellipsoids turn |
# | two Gaussians | `GaussianBridge`, `ClosedForm` | closed form |
# | the loss must fall at every step, whatever it costs | `LBFGS` | a line search |
# | more data than memory, a stream | `LightSB` | minibatches |
# | populations that grow, die or hold outliers | `UnbalancedBridge` | mass need not be kept |
#
# Sinkhorn's error grows quickly with the dimension when the noise is small: too few atoms lie near
# each end. At $D = 2$ it is hard to beat; at $D = 16$ and $\varepsilon = 0.1$ it is out of the
# question. How many components? Twice what you guess does no harm with enough samples;
# `sol.stats["least_mass"]` tells when one is idle.

# %% [markdown]
# ## 5. Sweep and differentiate
#
# A fit composes with `vmap`, and its derivative is implicit: that of the minimiser, not of the
# iteration. The derivative of the transport cost in $\varepsilon$:

# %%
few = x0[:500], x1[:500]


def cost(value):
    blank = bridge.LightBridge.blank(2, 5, value)
    found = fit(blank, few, bridge.MomentMatching(), key=keys[2], throw=False)
    return found.value.cost(*few), found.result


epsilons = jnp.logspace(-0.5, 0.5, 3 if SMALL else 16)
sweep = jax.jit(jax.vmap(jax.value_and_grad(cost, has_aux=True)))
(costs, codes), slopes = sweep(epsilons)
for row in zip(epsilons, costs, slopes):
    print("epsilon {:.3f}: cost {:.4f}, derivative {:.4f}".format(*row))

# %% [markdown]
# ## 6. Invert: an unknown noise and an unknown shift
#
# Unpaired samples of two times do not tell the noise: every $\varepsilon$ has a bridge between
# them. A few tracked particles do. Their ends are measured with noise, and their starts are known
# up to a common shift. For every $\varepsilon$ the bridge is fitted to the populations, so the
# likelihood of the tracked ends is a function of $\varepsilon$ and the shift. Its gradient goes
# through the fit.

# %%
import equinox as eqx
import optimistix as optx

shift, noise = jnp.array([0.3, -0.2]), 0.1
tracked = pair.start(keys[5], 400 if SMALL else 2000)
ends = pair.truth.sample(keys[6], tracked + shift)
ends = ends + noise * jax.random.normal(keys[7], ends.shape)
again = bridge.MomentMatching(from_model=True, num_moves=0, max_sweeps=300, rtol=1e-10)


def misfit(parameters, known):
    start, populations, starts, measured = known
    guess = eqx.tree_at(lambda m: m.epsilon, start, jnp.exp(parameters[0]))
    fitted = fit(guess, populations, again, key=keys[2], throw=False).value
    ahead = fitted.conditional(starts + parameters[1:])
    blurred = ahead.spread.affine(1.0, noise**2)
    law = bridge.GaussianMixture(ahead.log_weights, ahead.means, blurred)
    return -jnp.mean(law.log_density(measured))


known = (model, (x0, x1), tracked, ends)
begin = jnp.array([jnp.log(0.3), 0.0, 0.0])
best = optx.minimise(misfit, optx.BFGS(rtol=1e-6, atol=1e-6), begin, known, throw=False).value
found, offset = jnp.exp(best[0]), jnp.linalg.norm(best[1:] - shift)
print(f"epsilon {found:.3f}; the truth is {epsilon}. The shift is off by {offset:.3f}")

# %% [markdown]
# ## Pictures
#
# With matplotlib installed (`pip install "jaxsci[plot]"`). The experiment `light_sb` draws a whole
# gallery, and handwritten digits that turn into others.

# %%
from jaxsci import plot

axes = plot.plot_bridge(model, keys[3], x0, x1)
