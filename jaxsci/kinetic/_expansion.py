"""The operators between species of disparate mass, expanded in the root of the mass ratio.

Light particles have the velocity $v$, heavy ones $\\varepsilon w$; $g = v - \\varepsilon w$.
Everything here is at a point, for distributions given as functions: the reference against which
flows on grids are checked. `VelocityGrid.interpolant` makes a function of values on a grid.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._kernels import Kernel
from ._radial import directions, radii, speed_weights

Density = Callable[[Float[Array, " d"]], Float[Array, ""]]


class RawMoments(eqx.Module):
    """$n = \\int f$, $m_1 = \\int wf$, $m_2 = \\int w \\otimes wf$.

    Attributes:
        zeroth: $n$.
        first: $m_1$.
        second: $m_2$.
    """

    zeroth: Float[Array, ""]
    first: Float[Array, " d"]
    second: Float[Array, "d d"]


def speed(g: Float[Array, " d"]) -> Float[Array, ""]:
    """$|g|$, with the derivative zero at zero.

    Args:
        g: a velocity.

    Returns:
        Its length.
    """
    square = jnp.sum(g**2)
    return jnp.sqrt(jnp.where(square > 0, square, 1)) * (square > 0).astype(square.dtype)


def rate_density(
    kernel: Kernel, g: Float[Array, " d"], sigma: Float[Array, "m d"]
) -> Float[Array, " m"]:
    """$B(|g|, \\hat g\\cdot\\sigma)$ for many directions.

    Args:
        kernel: of the collisions.
        g: the relative velocity, not zero.
        sigma: unit vectors.

    Returns:
        One value per direction.
    """
    size = speed(g)
    return kernel.constant * size**kernel.exponent * kernel.angular(sigma @ g / size, g.shape[0])


def light_expansion(
    kernel: Kernel, light: Density, heavy: RawMoments, v: Float[Array, " d"], num_angles: int = 16
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """$Q_{LH} = Q_0 + \\varepsilon Q_1 + \\varepsilon^2Q_2 + O(\\varepsilon^3)$ at one velocity.

    A heavy particle at $u = \\varepsilon w$ scatters as a fixed one in its own frame, which is
    $S_uf(v) = \\int B(|v-u|)\\,[f(u + |v-u|\\sigma) - f(v)]\\,d\\sigma$, and recoils:

    $$Q_0 = n_HS_0f, \\quad Q_1 = m_1\\cdot\\partial_uS_uf,$$
    $$Q_2 = \\tfrac12m_2:\\partial_u^2S_uf
    + n_H\\nabla\\cdot\\int B\\,(v - |v|\\sigma)f(|v|\\sigma)\\,d\\sigma,$$

    derivatives at $u = 0$. They are the commutators of $S$ with gradients.

    Args:
        kernel: between the species.
        light: $f_L$.
        heavy: raw moments of $f_H$.
        v: the light velocity, not zero.
        num_angles: of the quadrature over $\\sigma$, see `directions`.

    Returns:
        $(Q_0, Q_1, Q_2)$.
    """
    sigma, weights = (jnp.asarray(x, v.dtype) for x in directions(num_angles, v.shape[0], False))

    def scattered(u):
        g = v - u
        arrived = jax.vmap(light)(u + speed(g) * sigma)
        return weights @ (rate_density(kernel, g, sigma) * (arrived - light(v)))

    def recoil(x):
        arrived = weights * rate_density(kernel, x, sigma) * jax.vmap(light)(speed(x) * sigma)
        return jnp.sum(arrived[:, None] * (x - speed(x) * sigma), axis=0)

    at_rest = jnp.zeros_like(v)
    slope, curvature = jax.grad(scattered)(at_rest), jax.hessian(scattered)(at_rest)
    divergence = jnp.trace(jax.jacfwd(recoil)(v))
    second = 0.5 * jnp.sum(heavy.second * curvature) + heavy.zeroth * divergence
    return heavy.zeroth * scattered(at_rest), heavy.first @ slope, second


class LightForces(eqx.Module):
    """What the light species does to a heavy particle at rest, from moments of $f_L$.

    Attributes:
        force: $F_0 = \\int\\nu_1vf_L$.
        friction: $K_{ij} = -\\int\\nu_1v_i\\partial_jf_L$.
        diffusion: $D_{ij} = \\int f_L[(2\\nu_1 - \\nu_2)v_iv_j + \\nu_2(|v|^2\\delta_{ij} -
            v_iv_j)/(d-1)]$.
    """

    force: Float[Array, " d"]
    friction: Float[Array, "d d"]
    diffusion: Float[Array, "d d"]


def light_forces(
    kernel: Kernel, light: Density, radius: float, dim: int, num_radii: int = 40,
    num_angles: int = 16,
) -> LightForces:  # fmt: skip
    """`LightForces` by polar quadrature, exact for the kink of $|v|^\\gamma$ at zero.

    Args:
        kernel: between the species.
        light: $f_L$.
        radius: beyond which $f_L$ is nothing.
        dim: $d$.
        num_radii: nodes in the speed.
        num_angles: of `directions`.

    Returns:
        The three moments.
    """
    dtype = kernel.constant.dtype
    s, angular = (jnp.asarray(x, dtype) for x in directions(num_angles, dim, False))
    rho = radius * jnp.asarray(radii(num_radii, dim), dtype)
    reach = jnp.asarray(radius, dtype)
    radial = kernel.constant * speed_weights(num_radii, dim, kernel.exponent, reach)
    # nu_k over C r^gamma; quadratures over the direction of deflection
    cosine = s @ s[0]
    share = angular * kernel.angular(cosine, dim)
    first = share @ (1 - cosine) / jnp.sum(share)
    second = share @ (1 - cosine**2) / jnp.sum(share)
    v = (rho[:, None, None] * s).reshape(-1, dim)
    weights = jnp.outer(radial, angular).ravel()
    value, slope = jax.vmap(jax.value_and_grad(light))(v)
    squares = v[:, :, None] * v[:, None, :]
    eye = jnp.sum(v**2, axis=1)[:, None, None] * jnp.eye(dim, dtype=dtype)
    spread = (2 * first - second) * squares + second / (dim - 1) * (eye - squares)
    return LightForces(
        force=first * (weights * value) @ v,
        friction=-first * (weights[:, None] * v).T @ slope,
        diffusion=jnp.tensordot(weights * value, spread, axes=1),
    )


def heavy_expansion(
    forces: LightForces, heavy: Density, w: Float[Array, " d"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """$Q_{HL} = \\varepsilon H_0 + \\varepsilon^2H_1 + O(\\varepsilon^3)$ at one velocity.

    $$H_0 = -\\nabla\\cdot(F_0f_H), \\qquad
    H_1 = \\nabla\\cdot(Kwf_H) + \\tfrac12\\nabla\\nabla:(Df_H).$$

    Args:
        forces: of the light species.
        heavy: $f_H$.
        w: the scaled heavy velocity.

    Returns:
        $(H_0, H_1)$.
    """
    flux = lambda x: (forces.friction @ x) * heavy(x)
    spread = jnp.sum(forces.diffusion * jax.hessian(heavy)(w))
    drift = jnp.trace(jax.jacfwd(flux)(w))
    return -forces.force @ jax.grad(heavy)(w), drift + 0.5 * spread


def centred_light(
    kernel: Kernel,
    light: Density,
    heavy: tuple[Float[Array, ""], Float[Array, " d"], Float[Array, ""]],
    epsilon: Float[Array, ""],
    v: Float[Array, " d"],
    num_angles: int = 16,
) -> Float[Array, ""]:
    """$n_HS_{\\varepsilon u_H}f + \\varepsilon^2n_H\\nabla\\cdot[\\nu_1(T_H\\nabla f + cf)]$.

    The truncation in the frame of the heavy species, $c = v - \\varepsilon u_H$. It agrees with
    $Q_{LH}$ to $O(\\varepsilon^3)$ where $f_L$ and the heavy stress are isotropic in that frame,
    and to $O(\\varepsilon^2)$ times the anisotropies elsewhere; in return, with its partner
    $k\\nabla\\cdot((w - u_H)f_H) + \\tfrac12D\\Delta f_H$ and the return of the momentum, mass,
    momentum and energy are exact at every $\\varepsilon$ and entropy never rises.

    Args:
        kernel: between the species.
        light: $f_L$.
        heavy: $(n_H, u_H, T_H)$.
        epsilon: the root of the mass ratio.
        v: the light velocity, not $\\varepsilon u_H$.
        num_angles: of `directions`.

    Returns:
        The rate of change times $\\varepsilon^2$.
    """
    density, velocity, temperature = heavy
    center = epsilon * velocity
    sigma, weights = (jnp.asarray(x, v.dtype) for x in directions(num_angles, v.shape[0], False))
    g = v - center
    arrived = jax.vmap(light)(center + speed(g) * sigma)
    scattered = weights @ (rate_density(kernel, g, sigma) * (arrived - light(v)))

    def flux(x):
        c = x - center
        transport = kernel.transport_fraction(v.shape[0]) * kernel.constant
        rate = transport * speed(c) ** kernel.exponent
        return rate * (temperature * jax.grad(light)(x) + c * light(x))

    return density * (scattered + epsilon**2 * jnp.trace(jax.jacfwd(flux)(v)))
