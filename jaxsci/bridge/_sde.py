"""A bridge as a stochastic differential equation for diffrax."""

import diffrax
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array

from ._model import LightBridge


def sde_terms(
    bridge: LightBridge, key: Array, shape: tuple[int, ...], *, tol: float = 1e-3
) -> diffrax.MultiTerm:
    """$dX = g(X, t)\\,dt + \\sqrt\\varepsilon\\,dW$ on [0, 1].

    `bridge.sample` draws the same law without integrating; this is for other integrators, for
    controls added to the drift, and for checks.

    Args:
        bridge: a light bridge.
        key: of the Brownian motion.
        shape: of the state, `(..., D)`.
        tol: resolution of the Brownian path in time.

    Returns:
        The terms; `diffrax.diffeqsolve(terms, diffrax.Heun(), 0.0, 1.0, dt0, x0)` integrates them.
    """
    structure = jax.ShapeDtypeStruct(shape, bridge.centers.dtype)
    motion = diffrax.VirtualBrownianTree(0.0, 1.0, tol, structure, key)
    drift = diffrax.ODETerm(lambda t, x, args: bridge.drift(t, x))
    root = jnp.sqrt(bridge.epsilon)
    size = lambda t, x, args: lx.DiagonalLinearOperator(jnp.broadcast_to(root, shape))
    noise = diffrax.ControlTerm(size, motion)
    return diffrax.MultiTerm(drift, noise)
