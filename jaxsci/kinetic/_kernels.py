"""Collision kernels: variable hard spheres and variable soft spheres."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete
from ._radial import sphere_area
from ._validation import positive, scalar


def _exponent(name: str, value: ArrayLike) -> Float[Array, ""]:
    number = scalar(name, value)
    if concrete(number) and not -2 < number <= 2:
        raise ValueError(
            f"{name} must lie in (-2, 2], got {float(number):g}: 0 are Maxwell molecules, 1 hard "
            "spheres; use Landau for Coulomb forces."
        )
    return number


class VariableHardSphere(eqx.Module):
    """$B(|g|, \\chi) = C|g|^\\gamma/|S^{d-1}|$: all directions alike.

    Attributes:
        constant: $C$; the total collision rate of a pair is $C|g|^\\gamma$.
        exponent: $\\gamma$, 0 for Maxwell molecules and 1 for hard spheres.

    Source: G. Bird, Molecular Gas Dynamics (1994), section 2.6.
    """

    constant: Float[Array, ""]
    exponent: Float[Array, ""]

    def __init__(self, constant: ArrayLike = 1.0, exponent: ArrayLike = 0.0):
        self.constant = positive(
            "VariableHardSphere: constant", constant, "leave the collisions out instead of zero."
        )
        self.exponent = _exponent("VariableHardSphere: exponent", exponent)

    def angular(self, cosine: Float[Array, "..."], dim: int) -> Float[Array, "..."]:
        """The density of $\\cos\\chi$ on the sphere, of integral one."""
        return jnp.full_like(cosine, 1 / sphere_area(dim))

    def transport_fraction(self, dim: int) -> Float[Array, ""]:
        """$\\nu_1(r)/(Cr^\\gamma)$ with $\\nu_1 = \\int B(1 - \\cos\\chi)\\,d\\sigma$."""
        return jnp.ones_like(self.constant)


class VariableSoftSphere(eqx.Module):
    """$B \\propto C|g|^\\gamma((1 + \\cos\\chi)/2)^{\\alpha-1}$: rather forward for $\\alpha > 1$.

    Attributes:
        constant: $C$; the total collision rate of a pair is $C|g|^\\gamma$.
        exponent: $\\gamma$.
        softness: $\\alpha$; 1 are variable hard spheres.

    Source: K. Koura and H. Matsumoto, Phys. Fluids A 3 (1991) 2459.
    """

    constant: Float[Array, ""]
    exponent: Float[Array, ""]
    softness: Float[Array, ""]

    def __init__(
        self, constant: ArrayLike = 1.0, exponent: ArrayLike = 0.0, softness: ArrayLike = 1.5
    ):
        self.constant = positive(
            "VariableSoftSphere: constant", constant, "leave the collisions out instead of zero."
        )
        self.exponent = _exponent("VariableSoftSphere: exponent", exponent)
        self.softness = positive(
            "VariableSoftSphere: softness", softness, "1 scatters into all directions alike."
        )

    def angular(self, cosine: Float[Array, "..."], dim: int) -> Float[Array, "..."]:
        """The density of $\\cos\\chi$ on the sphere, of integral one.

        In 3-D the constant is $\\alpha/4\\pi$; in 2-D it is
        $\\Gamma(\\alpha)/(2\\sqrt\\pi\\,\\Gamma(\\alpha - 1/2))$, for $\\alpha > 1/2$.
        """
        power = jnp.maximum((1 + cosine) / 2, 0) ** (self.softness - 1)
        if dim == 3:
            return self.softness / (4 * np.pi) * power
        gammas = jnp.exp(gammaln(self.softness) - gammaln(self.softness - 0.5))
        return gammas / (2 * np.sqrt(np.pi)) * power

    def transport_fraction(self, dim: int) -> Float[Array, ""]:
        """$\\nu_1/(Cr^\\gamma)$: $2/(\\alpha + 1)$ in 3-D, $1/\\alpha$ in 2-D."""
        return 2 / (self.softness + 1) if dim == 3 else 1 / self.softness


Kernel = VariableHardSphere | VariableSoftSphere
