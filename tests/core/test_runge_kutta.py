"""The classical method: its order, with and without time in the rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci._core import runge_kutta


def end(rate, steps):
    """$y(1)$ from $y(0) = 1$; the state is a pair, the second entry $y^2$ by a rule of its own."""
    length = jnp.asarray(1 / steps)

    def step(y, k):
        return runge_kutta(rate, y, length, k * length), None

    return jax.lax.scan(step, (jnp.ones(()), jnp.ones(())), jnp.arange(float(steps)))[0]


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (lambda t, y: (jnp.cos(t) * y[0], 2 * jnp.cos(t) * y[1]), np.sin(1.0)),
        (lambda _, y: (-y[0], -2 * y[1]), -1.0),
    ],
    ids=["with time", "without"],
)
def test_order_four(rate, exact):
    truth = np.exp([exact, 2 * exact])
    errors = [np.abs(np.array(end(rate, steps)) - truth).max() for steps in (10, 20, 40)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert 3.8 < slopes[-1] < 4.3
