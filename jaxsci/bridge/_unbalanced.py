"""Light bridges between distributions that need not match: mass may be lost and made."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel
from ._mixture import GaussianMixture
from ._model import LightBridge
from ._spread import Diagonal, Full
from ._validation import positive

Pair = tuple[Float[Array, " n"], Float[Array, " m"]]


class UnbalancedBridge(AbstractModel):
    """$\\gamma(x, y) = u(x)\\,\\pi(y|x)$, $\\pi = e^{x^T y/\\varepsilon} v(y)/c(x)$.

    Two mixtures $u$ and $v$ of Gaussians, and the plan that minimises
    $\\int\\tfrac12|x-y|^2 d\\gamma + \\varepsilon\\int\\gamma(\\log\\gamma - 1)
    + \\tau KL(\\gamma_0|p) + \\tau KL(\\gamma_1|q)$
    with $KL(\\gamma|p) = \\int\\log(d\\gamma/dp)\\,d\\gamma - |\\gamma| + |p|$: where moving is
    dearer than $\\tau$, samples of either side are ignored. The divergence is
    $\\tau KL(\\gamma_0|p) =
    \\sup_\\varphi -\\int\\varphi\\,d\\gamma_0 - \\tau\\int(e^{-\\varphi/\\tau} - 1)\\,dp$;
    exchanged with it, the minimum over plans is at
    $\\gamma = e^{(\\varphi + \\psi - |x-y|^2/2)/\\varepsilon}$, of value
    $-\\varepsilon|\\gamma|$. What remains is the dual, with the sign turned

    $L = \\varepsilon\\textstyle\\int u + \\tau E_p(e^{-\\varphi/\\tau} - 1)
    + \\tau E_q(e^{-\\psi/\\tau} - 1)$,
    $\\varphi = \\varepsilon\\log(u/c) + |x|^2/2$, $\\psi = \\varepsilon\\log v + |y|^2/2$.

    At its minimum $e^{-\\varphi/\\tau} = d\\gamma_0/dp$ and $e^{-\\psi/\\tau} = d\\gamma_1/dq$. For
    $\\tau\\to\\infty$ it is $\\varepsilon$ times the loss of `LightBridge` and a likelihood of $u$.

    Attributes:
        bridge: $v$, and with it the plans $\\pi(y|x)$, the drift and samples at all times; a common
            constant of its weights is fixed by $\\psi$.
        source: $u/|\\gamma|$.
        log_mass: $\\log|\\gamma|$.
        tau: $\\tau > 0$.

    Source: M. Gazdieva et al., Light unbalanced optimal transport (NeurIPS 2024).
    """

    bridge: LightBridge
    source: GaussianMixture
    log_mass: Float[Array, ""]
    tau: Float[Array, ""]

    def __init__(
        self,
        bridge: LightBridge,
        source: GaussianMixture,
        log_mass: ArrayLike,
        tau: ArrayLike,
    ):
        """Assemble a bridge.

        Raises:
            ValueError: if dimensions disagree or tau is not positive.
        """
        if source.means.ndim != 2 or source.means.shape[1] != bridge.dim:
            raise ValueError(
                f"UnbalancedBridge: the means of source must have the shape (L, {bridge.dim}), got "
                f"{source.means.shape}."
            )
        self.bridge, self.source = bridge, source
        dtype = bridge.centers.dtype
        self.log_mass = jnp.asarray(log_mass, dtype)
        remedy = "use LightBridge for marginals that must be met."
        self.tau = positive("UnbalancedBridge: tau", tau, dtype, remedy)

    @staticmethod
    def blank(
        dim: int,
        num_components: int,
        epsilon: ArrayLike,
        tau: ArrayLike,
        *,
        num_source: int | None = None,
        full: bool = False,
    ) -> "UnbalancedBridge":
        """A template for `fit`.

        Args:
            dim: D.
            num_components: of the potential $v$.
            epsilon: the variance of the reference process.
            tau: how dear it is to lose or make mass, in the units of $|x-y|^2/2$.
            num_source: components of $u$; as many as of $v$ by default.
            full: full instead of diagonal matrices.

        Raises:
            ValueError: if a size, epsilon or tau is not positive.
        """
        bridge = LightBridge.blank(dim, num_components, epsilon, full=full)
        num = num_components if num_source is None else num_source
        if num < 1:
            raise ValueError(f"UnbalancedBridge.blank: num_source must be at least 1, got {num}.")
        zeros = jnp.zeros((num, dim), bridge.centers.dtype)
        spread = Diagonal(jnp.ones_like(zeros))
        weights = jnp.full_like(zeros[:, 0], -jnp.log(num))
        source = GaussianMixture(weights, zeros, Full(spread.dense()) if full else spread)
        return UnbalancedBridge(bridge, source, 0.0, tau)

    @property
    def mass(self) -> Float[Array, ""]:
        """$|\\gamma|$: how much is moved, for marginals of mass one."""
        return jnp.exp(self.log_mass)

    def start_potential(self, x: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\varphi(x) = \\varepsilon\\log(u(x)/c(x)) + |x|^2/2$."""
        log_ratio = self.log_mass + self.source.log_density(x) - self.bridge.log_normaliser(x)
        return self.bridge.epsilon * log_ratio + jnp.sum(x**2, axis=-1) / 2

    def end_potential(self, y: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$\\psi(y) = \\varepsilon\\log v(y) + |y|^2/2$."""
        return self.bridge.epsilon * self.bridge.log_potential(y) + jnp.sum(y**2, axis=-1) / 2

    def start_ratio(self, x: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$d\\gamma_0/dp = e^{-\\varphi/\\tau}$: how much of the mass at $x$ is moved."""
        return jnp.exp(-self.start_potential(x) / self.tau)

    def end_ratio(self, y: Float[Array, "... d"]) -> Float[Array, " ..."]:
        """$d\\gamma_1/dq = e^{-\\psi/\\tau}$: how much of the mass at $y$ arrives."""
        return jnp.exp(-self.end_potential(y) / self.tau)

    def loss(
        self, x0: Float[Array, "n d"], x1: Float[Array, "m d"], weights: Pair | None = None
    ) -> Float[Array, ""]:
        """The negative dual $L$.

        Args:
            x0: samples at time 0.
            x1: samples at time 1.
            weights: of the samples, each summing to one; equal by default.
        """
        first, second = (None, None) if weights is None else weights
        lost = jnp.average(jnp.expm1(-self.start_potential(x0) / self.tau), weights=first)
        made = jnp.average(jnp.expm1(-self.end_potential(x1) / self.tau), weights=second)
        return self.bridge.epsilon * self.mass + self.tau * (lost + made)

    def cost(
        self, x0: Float[Array, "n d"], x1: Float[Array, "m d"], weights: Pair | None = None
    ) -> Float[Array, ""]:
        """The least value of the primal problem, $-L$ at the minimum."""
        return -self.loss(x0, x1, weights)

    def scale_free_loss(
        self, x0: Float[Array, "n d"], x1: Float[Array, "m d"], weights: Pair | None = None
    ) -> Float[Array, ""]:
        """$A = \\tau\\log E_p e^{-\\varphi/\\tau} + \\tau\\log E_q e^{-\\psi/\\tau}$ at mass one.

        The constants of $u$ and $v$ can be minimised over in closed form:
        $\\log|\\gamma| = A/(2\\tau + \\varepsilon)$ and
        $\\min L = (2\\tau + \\varepsilon)(|\\gamma| - 1) + \\varepsilon$, which grows with $A$.
        So $A$ is what a fit minimises: nothing in it overflows, and $\\tau$ may be large.
        """
        lost, made = self._exponents(x0, x1, weights)
        return lost + made

    def scaled(
        self, x0: Float[Array, "n d"], x1: Float[Array, "m d"], weights: Pair | None = None
    ) -> "UnbalancedBridge":
        """The same shapes with the best constants of $u$ and $v$, see `scale_free_loss`."""
        lost, made = self._exponents(x0, x1, weights)
        epsilon = self.bridge.epsilon
        log_mass = (lost + made) / (2 * self.tau + epsilon)
        log_scale = (made - lost) / (2 * epsilon) + log_mass / 2
        b = self.bridge
        bridge = LightBridge(b.log_weights + log_scale, b.centers, b.spread, epsilon)
        return UnbalancedBridge(bridge, self.source, log_mass, self.tau)

    def sample(
        self, key: Array, x: Float[Array, "... d"], times: Float[Array, " m"] | None = None
    ) -> Float[Array, "..."]:
        """One trajectory per start that is moved; see `LightBridge.sample`."""
        return self.bridge.sample(key, x, times)

    def sample_start(self, key: Array, num: int) -> Float[Array, "n d"]:
        """Starts of the mass that is moved, from $u/|\\gamma|$."""
        return jax.vmap(self.source.sample)(jax.random.split(key, num))

    def _exponents(
        self, x0: Array, x1: Array, weights: Pair | None
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """$\\tau\\log E_p e^{-\\varphi/\\tau}$ at mass one, $\\tau\\log E_q e^{-\\psi/\\tau}$."""
        first, second = (None, None) if weights is None else weights
        start = self.start_potential(x0) - self.bridge.epsilon * self.log_mass
        ends = ((start, first), (self.end_potential(x1), second))
        lost, made = (self.tau * _log_mean(-values / self.tau, w) for values, w in ends)
        return lost, made


def _log_mean(values: Array, weights: Array | None) -> Float[Array, ""]:
    """$\\log E e^z$."""
    if weights is None:
        return jax.nn.logsumexp(values) - jnp.log(values.size)
    return jax.nn.logsumexp(values, b=weights)
