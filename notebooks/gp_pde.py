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
# # Gaussian processes for differential equations
#
# State a problem, choose a method, get a solution with error bars that you can differentiate:
# solve, see the uncertainty, assimilate data, invert, sweep.

# %%
import os

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)  # spectral work needs the digits

from jaxsci import RESULTS, gp, inverse, pde, solve, spectral

SMALL = "JAXSCI_SMALL" in os.environ  # the tests run this notebook at a small size

# %% [markdown]
# ## 1. Solve
#
# $u'' = f$ on $[0, 1]$ with $u = \sin x + 0.1 \sin 20x + 0.05 \sin 100x$. The solver is given $f$
# and two boundary values. It is not told the frequencies.


# %%
def exact(x):
    return jnp.sin(x[0]) + 0.1 * jnp.sin(20 * x[0]) + 0.05 * jnp.sin(100 * x[0])


def source(x):
    return -jnp.sin(x[0]) - 40 * jnp.sin(20 * x[0]) - 500 * jnp.sin(100 * x[0])


problem = pde.Poisson(pde.Box(0.0, 1.0), source, pde.Dirichlet(exact))
sol = solve(problem, gp.SpectralFeatureGP(200))
sol

# %% [markdown]
# ## 2. See the uncertainty
#
# `sol(points)` is the posterior mean, `sol.std(points)` its standard deviation, and
# `sol.partial((k,), points)` a derivative. The result code was decided by the residual on points
# that the method never saw; `problem.residual` checks any candidate independently.

# %%
points = jnp.linspace(0.0, 1.0, 400)[:, None]
error = jnp.abs(sol(points) - jax.vmap(exact)(points))
print(f"largest error {error.max():.1e}, largest deviation {sol.std(points).max():.1e}")
print(f"largest residual {jnp.abs(problem.residual(sol, points)).max():.1e}")

# %% [markdown]
# A grid that cannot resolve the finest wave is not accepted in silence: with 190 equally spaced
# points there are fewer than two points per wave of $\sin 100x$ on $[0, 2\pi]$.

# %%
from jaxsci.approx import UniformNodes

fast = pde.Poisson(
    pde.Box(0.0, 2 * jnp.pi), lambda x: -1e4 * jnp.sin(100 * x[0]), pde.Dirichlet(0.0)
)
blind = solve(fast, gp.SpectralFeatureGP(190, nodes=UniformNodes()), throw=False)
print(RESULTS[blind.result])

# %% [markdown]
# Where the grid has more than about 3.6 points per wave and the data are exact, plain Chebyshev
# collocation is as accurate and quicker. It solves the same statement:

# %%
plain = solve(problem, spectral.ChebyshevCollocation(200))
print(f"Chebyshev: largest error {jnp.abs(plain(points) - jax.vmap(exact)(points)).max():.1e}")

# %% [markdown]
# ## 3. Assimilate data
#
# A source known to 5 %, and forty noisy observations of $u$ inside: the deviations shrink where
# data are.

# %%
num = 40 if SMALL else 80
method = gp.SpectralFeatureGP(num, num_features=32 if SMALL else 64)
true = lambda x: jnp.sin(3 * x[0]) * x[0]
rough = pde.Poisson(
    pde.Box(0.0, 2.0),
    lambda x: 6 * jnp.cos(3 * x[0]) - 9 * x[0] * jnp.sin(3 * x[0]),
    pde.Dirichlet(true),
)
(nodes,) = method.grid(rough)
keys = jax.random.split(jax.random.key(0), 3)
sigma = 0.5
measured = jax.vmap(rough.source)(nodes[:, None]) + sigma * jax.random.normal(keys[0], (num,))
places = jax.random.uniform(keys[1], (40, 1), minval=0.8, maxval=1.2)
values = jax.vmap(true)(places) + 0.005 * jax.random.normal(keys[2], (40,))


def posterior(observations):
    statement = pde.Poisson(rough.domain, measured, pde.Dirichlet(true), observations, sigma)
    return solve(statement, method, throw=False)


without = posterior(())
with_data = posterior((pde.Observations(places, values, 0.005),))
middle = jnp.array([[1.0]])
print(f"deviation at x = 1: {without.std(middle)[0]:.4f} -> {with_data.std(middle)[0]:.4f}")

# %% [markdown]
# ## 4. Invert
#
# The reaction rate $r$ of $-\Delta u + r u = \sin \pi x \sin \pi y$ from thirty noisy values of
# $u$, by Gauss-Newton through the solver, with its uncertainty.

# %%
box = pde.Box((0.0, 0.0), (1.0, 1.0))
count = 12 if SMALL else 20
sensors = jax.random.uniform(jax.random.key(1), (30, 2), minval=0.1, maxval=0.9)


def load(x):
    return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])


def forward(rate):
    equation = pde.AdvectionDiffusionReaction(box, 1.0, (), rate, load, pde.Dirichlet(0.0))
    return solve(equation, spectral.ChebyshevCollocation(count), throw=False)(sensors)


truth, noise = 7.0, 2e-4
data = forward(jnp.asarray(truth)) + noise * jax.random.normal(jax.random.key(2), (30,))
task = inverse.InverseProblem(forward, data, noise)
found = solve(task, inverse.GaussNewton(start=jnp.asarray(1.0)))
print(f"rate {found.value:.3f} +- {found.std:.3f}; the truth is {truth}")

# %% [markdown]
# ## 5. Sweep
#
# Solutions compose with `vmap`: one call, one result code per element.

# %%
wave_numbers = jnp.linspace(1.0, 3.0, 8 if SMALL else 64)


def peak(k):
    equation = pde.Helmholtz(box, k, load, pde.Dirichlet(0.0))
    answer = solve(equation, spectral.ChebyshevCollocation(count), throw=False)
    return jnp.abs(answer.value).max(), answer.result


peaks, codes = jax.jit(jax.vmap(peak))(wave_numbers)
good = bool(jnp.all(codes == RESULTS.successful))
print(f"peaks from {peaks.min():.3f} to {peaks.max():.3f}; all successful: {good}")

# %% [markdown]
# ## Pictures
#
# With matplotlib installed (`pip install "jaxsci[plot]"`):

# %%
from jaxsci import plot

axes = plot.plot_field_1d(sol, points[:, 0])
