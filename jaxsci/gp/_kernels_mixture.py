"""Spectral mixtures: kernels for processes with a few unknown frequencies."""

import math
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ._kernels import AbstractKernel, Jet, leibniz, positive
from ._kernels_classic import cosine_jet, gaussian_jet, matern_jet, matern_nu


class SpectralMixture(AbstractKernel):
    """$k(r) = \\sum_q w_q\\, e^{-r^2/2\\ell_q^2} \\cos(2\\pi f_q r)$.

    The spectral density is a mixture of Gaussians of deviation $1 / 2\\pi\\ell_q$ around $\\pm f_q$
    (Wilson and Adams 2013). Weights live in the log domain, where Jeffreys' prior $p(w) \\propto
    1/w$ is flat: maximising a likelihood over `log_weights` with no further term *is* the maximum
    a posteriori under Jeffreys' prior, which drives the weights of superfluous frequencies to zero
    (Fang et al., arXiv 2311.04465, section 3).

    Attributes:
        log_weights: $\\log w_q$, shape `(q,)`; $w_q$ is the prior variance of component $q$.
        frequencies: $f_q$ in **cycles per unit length** (not angular), shape `(q,)`.
        length_scales: $\\ell_q$, the coherence lengths in the units of $x$, shape `(q,)`.
    """

    log_weights: Float[Array, " q"]
    frequencies: Float[Array, " q"]
    length_scales: Float[Array, " q"]

    def __init__(self, log_weights: ArrayLike, frequencies: ArrayLike, length_scales: ArrayLike):
        """Collect the components; a scalar stands for all of them.

        Raises:
            ValueError: if a length scale is not positive, or the shapes disagree.
        """
        parts = _components("SpectralMixture", log_weights, frequencies, length_scales)
        self.log_weights, self.frequencies, self.length_scales = parts

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return math.inf

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        parts = (self.log_weights, self.frequencies, self.length_scales)
        return _mixture_jet(r, order, parts, gaussian_jet)


class StudentTSpectralMixture(AbstractKernel):
    """$k(r) = \\sum_q w_q\\, M_\\nu(r / \\ell_q) \\cos(2\\pi f_q r)$.

    $M_\\nu$ is the Matern function. The spectral density is a mixture of Student-t densities with
    $2\\nu$ degrees of freedom around $\\pm f_q$: heavier tails than `SpectralMixture`. With
    $\\nu = 5/2$ it is the kernel of Fang et al. (arXiv 2311.04465), whose code has the inverse
    lengths $l_q = 1/\\ell_q$. On the weights and Jeffreys' prior see `SpectralMixture`.

    Attributes:
        log_weights: $\\log w_q$, shape `(q,)`; $w_q$ is the prior variance of component $q$.
        frequencies: $f_q$ in **cycles per unit length** (not angular), shape `(q,)`.
        length_scales: $\\ell_q$, the coherence lengths in the units of $x$, shape `(q,)`.
        nu: the smoothness: 0.5, 1.5, 2.5 or 3.5; an equation of order $m$ needs $m + 1/2$.
    """

    log_weights: Float[Array, " q"]
    frequencies: Float[Array, " q"]
    length_scales: Float[Array, " q"]
    nu: float = eqx.field(static=True)

    def __init__(
        self,
        log_weights: ArrayLike,
        frequencies: ArrayLike,
        length_scales: ArrayLike,
        nu: float = 2.5,
    ):
        """Collect the components; a scalar stands for all of them.

        Raises:
            ValueError: if a length scale is not positive, the shapes disagree, or `nu` has no
                closed form.
        """
        parts = _components("StudentTSpectralMixture", log_weights, frequencies, length_scales)
        self.log_weights, self.frequencies, self.length_scales = parts
        self.nu = matern_nu("StudentTSpectralMixture", nu)

    @property
    def max_order(self) -> float:
        """See `AbstractKernel.max_order`."""
        return round(2 * self.nu - 1)

    def jet(self, r: Float[Array, "*s"], order: int) -> Jet:
        """See `AbstractKernel.jet`."""
        parts = (self.log_weights, self.frequencies, self.length_scales)
        return _mixture_jet(r, order, parts, lambda r, ell, n: matern_jet(r, ell, n, self.nu))


def _mixture_jet(r: Array, order: int, parts: tuple[Array, ...], envelope: Callable) -> Jet:
    """The components along a new first axis, which the sums at the end reduce."""
    along = lambda part: part.astype(r.dtype).reshape(-1, *(1,) * r.ndim)
    log_weights, frequencies, length_scales = map(along, parts)
    r = r[None]
    jets = leibniz(
        envelope(r, length_scales, order), cosine_jet(r, 2 * math.pi * frequencies, order)
    )
    return tuple(jnp.sum(jnp.exp(log_weights) * part, axis=0) for part in jets)


def _components(owner: str, log_weights, frequencies, length_scales) -> tuple[Array, ...]:
    as_float = lambda x: jnp.asarray(x, None if hasattr(x, "dtype") else jnp.result_type(float))
    given = tuple(map(as_float, (log_weights, frequencies, length_scales)))
    num = max((part.shape[0] for part in given if part.ndim), default=1)
    if any(part.ndim > 1 or part.shape not in ((), (num,)) for part in given):
        raise ValueError(
            f"{owner}: log_weights, frequencies and length_scales must be scalars or vectors of "
            f"one length, got shapes {', '.join(str(part.shape) for part in given)}."
        )
    full = [jnp.broadcast_to(part, (num,)) for part in given]
    return full[0], full[1], positive(owner, "length_scales", full[2], (num,))
