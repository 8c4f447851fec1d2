"""Inverse use: the noise of a process and a shift of its start, by gradients through the fit.

Unpaired samples of two times do not tell the noise: every epsilon has a bridge between them. A few
tracked particles do. Two large populations calibrate the bridge; some particles are followed from
their starts, which are known up to a common shift, to their ends, which are measured with noise.
For every epsilon the process is the fitted bridge, so the likelihood of the measurements is a
function of epsilon and the shift, differentiated through the fit.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Float

from jaxsci import fit
from jaxsci.bridge import GaussianMixture, LightBridge, MomentMatching
from jaxsci.bridge._reference import mixture_pair


class Recovery(eqx.Module):
    """What is known.

    Attributes:
        data: calibration samples at time 0 and at time 1, unpaired.
        starts: of the tracked particles, before the shift.
        ends: theirs, with noise.
        noise: standard deviation of the measurements.
        initial: a bridge fitted for some epsilon; every fit starts from it.
    """

    data: tuple[Float[Array, "n d"], Float[Array, "n d"]]
    starts: Float[Array, "m d"]
    ends: Float[Array, "m d"]
    noise: float
    initial: LightBridge

    def bridge(self, epsilon: Float[Array, ""]) -> LightBridge:
        """The process for one epsilon: the bridge between the calibration populations."""
        model = eqx.tree_at(lambda m: m.epsilon, self.initial, epsilon)
        method = MomentMatching(from_model=True, num_moves=0, max_sweeps=300, rtol=1e-10)
        key = jax.random.key(0)  # only the order of the blocks
        return fit(model, self.data, method, key=key, throw=False).value

    def loss(self, parameters: Float[Array, " p"]) -> Float[Array, ""]:
        """Minus the mean log-likelihood of the measurements.

        Args:
            parameters: $(\\log\\varepsilon, \\delta)$.
        """
        plan = self.bridge(jnp.exp(parameters[0])).conditional(self.starts + parameters[1:])
        blurred = plan.spread.affine(1.0, self.noise**2)
        law = GaussianMixture(plan.log_weights, plan.means, blurred)
        return -jnp.mean(law.log_density(self.ends))


def recover(task: Recovery, epsilon: float, steps: int = 60) -> dict[str, Any]:
    """Maximum likelihood from no shift and the given epsilon, with standard deviations.

    The deviations are those of the observed information, its Hessian by central differences of the
    gradient: they know about the tracked particles, not about the calibration's own sampling error.
    """
    dim = task.starts.shape[1]
    start = jnp.concatenate([jnp.log(jnp.asarray([epsilon])), jnp.zeros(dim)])
    solver = optx.BFGS(rtol=1e-6, atol=1e-6)
    loss = lambda parameters, task: task.loss(parameters)
    best = optx.minimise(loss, solver, start, task, max_steps=steps, throw=False).value
    slope = eqx.filter_jit(lambda p, t: jax.grad(lambda q: t.loss(q))(p))
    shifts = 1e-3 * jnp.eye(dim + 1)
    rows = [(slope(best + s, task) - slope(best - s, task)) / 2e-3 for s in shifts]
    information = task.ends.shape[0] * jnp.stack(rows)
    deviations = jnp.sqrt(jnp.diagonal(jnp.linalg.inv((information + information.T) / 2)))
    return {"parameters": best, "deviations": deviations, "gradient": slope(best, task)}


def recovery_errors(num: int, tracked: int, seed: int = 0) -> dict[str, float]:
    """A generated case: epsilon 1 and the shift (0.3, -0.2), measured with noise 0.1.

    Args:
        num: calibration samples a side.
        tracked: particles.
        seed: of all samples.

    Returns:
        Errors of epsilon (relative) and of the shift (its norm), what was found, and the largest
        error in standard deviations.
    """
    epsilon, shift, noise, guess = 1.0, jnp.asarray([0.3, -0.2]), 0.1, 0.3
    pair = mixture_pair(2, epsilon, "A", 3)
    keys = jax.random.split(jax.random.key(seed), 6)
    data = pair.start(keys[0], num), pair.end(keys[1], num)
    starts = pair.start(keys[2], tracked)
    ends = pair.truth.sample(keys[3], starts + shift)
    ends = ends + noise * jax.random.normal(keys[4], ends.shape)
    blank = LightBridge.blank(2, 5, guess)
    initial = fit(blank, data, MomentMatching(), key=keys[5], throw=False).value
    found = recover(Recovery(data, starts, ends, noise, initial), guess)
    parameters = found["parameters"]
    truth = jnp.concatenate([jnp.log(jnp.asarray([epsilon])), shift])
    return {
        "epsilon": float(jnp.exp(parameters[0])),
        "epsilon_error": float(jnp.abs(jnp.exp(parameters[0]) / epsilon - 1)),
        "epsilon_deviation": float(found["deviations"][0]),
        "shift_error": float(jnp.linalg.norm(parameters[1:] - shift)),
        "in_deviations": float(jnp.max(jnp.abs(parameters - truth) / found["deviations"])),
    }
