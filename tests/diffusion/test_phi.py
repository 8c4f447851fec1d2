"""The phi functions against their power series in exact rational arithmetic."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.diffusion._phi import phi_functions


def series(z, k):
    """$\\sum_n z^n/(n+k)!$, without rounding until the end."""
    exact, total, term = Fraction(float(z)), Fraction(0), Fraction(1, math.factorial(k))
    for n in range(120):
        total += term
        term = (term * exact / (n + k + 1)).limit_denominator(10**60)
    return float(total)


SIZES = np.logspace(-4, 1, 41)
BOTH_SIGNS = np.concatenate([SIZES, -SIZES])


def relative_error(dtype):
    z = jnp.asarray(BOTH_SIGNS, dtype)
    exact = np.array([[series(x, k) for k in range(1, 6)] for x in np.asarray(z)])
    return np.abs(np.asarray(jax.jit(phi_functions)(z), np.float64) / exact - 1).max()


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 5e-7), ("float64", 5e-15)])
def test_five_functions_at_both_signs(dtype, bound):
    assert relative_error(dtype) <= bound


def test_values_and_derivatives_through_zero():
    """$\\varphi_k(0) = 1/k!$ and $\\varphi_k'(0) = 1/(k+1)!$."""
    inverse = [1 / math.factorial(k) for k in range(1, 7)]
    for z in (0.0, 1e-12, -1e-12):
        value, slope = jax.jvp(phi_functions, (jnp.asarray(z),), (jnp.asarray(1.0),))
        np.testing.assert_allclose(value, inverse[:5], rtol=1e-11)
        np.testing.assert_allclose(slope, inverse[1:], rtol=1e-11)
