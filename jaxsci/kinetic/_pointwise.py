"""The operators between two species at one velocity, by direct quadrature: slow and sure."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._expansion import Density, rate_density, speed
from ._kernels import Kernel
from ._radial import directions, radii, speed_weights


def collide_at(
    kernel: Kernel, light: Density, heavy: Density, epsilon: Float[Array, ""],
    v: Float[Array, " d"], grid: Float[Array, "p d"], volume: Float[Array, ""],
    num_angles: int = 16,
) -> Float[Array, ""]:  # fmt: skip
    """$Q_{LH}(v) = \\int\\!\\int B\\,[f_L(v')f_H(w') - f_Lf_H]\\,d\\sigma\\,dw$ as a plain sum.

    With $v' = v + a(|g|\\sigma - g)$, $w' = w - \\varepsilon a(|g|\\sigma - g)$ and
    $a = 1/(1 + \\varepsilon^2)$.

    Args:
        kernel: between the species.
        light: $f_L$.
        heavy: $f_H$.
        epsilon: the root of the mass ratio.
        v: the light velocity.
        grid: points $w$ of a sum that integrates $f_H$.
        volume: of each of them.
        num_angles: of `directions`.

    Returns:
        The operator at one velocity.
    """
    sigma, weights = (jnp.asarray(x, v.dtype) for x in directions(num_angles, v.shape[0], False))
    a = 1 / (1 + epsilon**2)

    def partner(w):
        g = v - epsilon * w
        change = a * (speed(g) * sigma - g)
        after = jax.vmap(light)(v + change) * jax.vmap(heavy)(w - epsilon * change)
        return weights @ (rate_density(kernel, g, sigma) * (after - light(v) * heavy(w)))

    return volume * jnp.sum(jax.vmap(partner)(grid))


def collide_heavy_at(
    kernel: Kernel, light: Density, heavy: Density, epsilon: Float[Array, ""],
    w: Float[Array, " d"], radius: float, num_radii: int = 40, num_angles: int = 16,
) -> Float[Array, ""]:  # fmt: skip
    """$Q_{HL}(w)$ by quadrature over $g$ in polar coordinates, where the kernel has its kink.

    Args:
        kernel: between the species.
        light: $f_L$.
        heavy: $f_H$.
        epsilon: the root of the mass ratio.
        w: the scaled heavy velocity.
        radius: the largest $|g|$.
        num_radii: nodes in $|g|$.
        num_angles: of `directions`, for both directions.

    Returns:
        The operator at one velocity.
    """
    dim, dtype = w.shape[0], w.dtype
    sigma, weights = (jnp.asarray(x, dtype) for x in directions(num_angles, dim, False))
    rho = radius * jnp.asarray(radii(num_radii, dim), dtype)
    reach = jnp.asarray(radius, dtype)
    radial = kernel.constant * speed_weights(num_radii, dim, kernel.exponent, reach)
    a = 1 / (1 + epsilon**2)

    def partner(size, s):
        v, change = epsilon * w + size * s, a * size * (sigma - s)
        after = jax.vmap(light)(v + change) * jax.vmap(heavy)(w - epsilon * change)
        share = weights * kernel.angular(sigma @ s, dim)
        return share @ (after - light(v) * heavy(w))

    each = jax.vmap(lambda size: weights @ jax.vmap(lambda s: partner(size, s))(sigma))(rho)
    return radial @ each
