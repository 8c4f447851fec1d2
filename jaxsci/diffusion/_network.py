"""A small network to train: a residual perceptron, and the preconditioning around any network."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, DTypeLike, Float

from .._core import concrete
from ._denoiser import AbstractDenoiser


class Preconditioned(AbstractDenoiser):
    """$D(y, s) = c_{skip}\\,y + c_{out}\\,F(c_{in}\\,y,\\; \\tfrac14\\log s)$.

    With $c_{skip} = \\sigma_d^2/r^2$, $c_{out} = s\\,\\sigma_d/r$, $c_{in} = 1/r$ and
    $r^2 = s^2 + \\sigma_d^2$ the input of $F$ and what it has to answer have variance one at every
    noise level, and its errors are amplified as little as possible.

    Attributes:
        function: $F$, any callable of the whole batch and one number, as in `Denoiser`; its arrays
            are what `DenoisingScoreMatching` trains.
        sigma_data: $\\sigma_d$, the standard deviation of a coordinate of the data.

    Source: Karras et al., Elucidating the design space of diffusion-based generative models
        (NeurIPS 2022), section 5 and table 1.
    """

    function: Callable[[Array, Array], Array]
    sigma_data: ArrayLike = 0.5

    def __check_init__(self):
        if concrete(self.sigma_data) and not np.all(np.asarray(self.sigma_data) > 0):
            raise ValueError(
                f"Preconditioned: sigma_data must be positive, got {self.sigma_data}; it is the "
                "standard deviation of the data, such as jnp.std(data)."
            )

    def __call__(
        self, y: Float[Array, "..."], s: Float[Array, ""], step: ArrayLike = 0
    ) -> Float[Array, "..."]:
        """See `AbstractDenoiser.__call__`."""
        skip, out, scale = self.coefficients(s)
        answer = self.function(scale * y, jnp.log(s) / 4)
        if jnp.shape(answer) != y.shape:
            raise ValueError(
                f"Preconditioned: the function returned the shape {jnp.shape(answer)} for data of "
                f"the shape {y.shape}; it must answer in the same shape. Wrap a network of single "
                "samples by jax.vmap(net, in_axes=(0, None))."
            )
        return skip * y + out * answer

    def coefficients(
        self, s: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]:
        """$c_{skip}$, $c_{out}$ and $c_{in}$.

        Args:
            s: noise levels.
        """
        data = jnp.asarray(self.sigma_data, s.dtype)
        scale = 1 / jnp.sqrt(s**2 + data**2)
        return (data * scale) ** 2, s * data * scale, scale

    def loss_weight(self, s: Float[Array, "..."]) -> Float[Array, "..."]:
        """$1/c_{out}^2$: with it every noise level weighs the same in the loss at the start.

        Args:
            s: noise levels.
        """
        return 1 / self.coefficients(s)[1] ** 2


class ResidualMLP(eqx.Module):
    """$h \\leftarrow h + W_2\\,\\mathrm{silu}(W_1 h + E(c))$, between two linear maps.

    $E$ is linear in sines and cosines of the noise coordinate $c$. What each block adds is zero at
    the start, and so is the answer: a new denoiser is that of Gaussian data.

    Attributes:
        first: from the data to the hidden state.
        inner: $W_1$ of each block.
        level: $E$ of each block.
        outer: $W_2$ of each block.
        last: from the hidden state to the answer.
    """

    first: eqx.nn.Linear
    inner: tuple[eqx.nn.Linear, ...]
    level: tuple[eqx.nn.Linear, ...]
    outer: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear

    def __init__(
        self,
        dim: int,
        width: int = 256,
        depth: int = 3,
        *,
        dtype: DTypeLike | None = None,
        key: Array,
    ):
        """A network with random weights.

        Args:
            dim: of the data.
            width: of the hidden state.
            depth: how many blocks.
            dtype: of the weights, and so of what it takes; the default type.
            key: a random key.

        Raises:
            ValueError: if a size is not positive.
        """
        sizes = {"dim": dim, "width": width, "depth": depth}
        wrong = {name: size for name, size in sizes.items() if size < 1}
        if wrong:
            raise ValueError(f"ResidualMLP: sizes must be at least 1, got {wrong}.")
        linear = lambda k, m, n: eqx.nn.Linear(m, n, dtype=dtype, key=k)
        blank = lambda k, m, n: jax.tree.map(jnp.zeros_like, linear(k, m, n))
        keys = jax.random.split(key, 2 * depth + 1)
        self.first = linear(keys[0], dim, width)
        self.inner = tuple(linear(k, width, width) for k in keys[1::2])
        self.level = tuple(linear(k, 2 * _WAVES.size, width) for k in keys[2::2])
        self.outer = tuple(blank(key, width, width) for _ in range(depth))
        self.last = blank(key, width, dim)

    def __call__(
        self, x: Float[Array, "*batch d"], c: Float[Array, ""]
    ) -> Float[Array, "*batch d"]:
        """The answer of the network.

        Args:
            x: scaled data, along the last axis.
            c: the noise coordinate.
        """
        waves = jnp.asarray(_WAVES, x.dtype) * c
        level = jnp.concatenate([jnp.sin(waves), jnp.cos(waves)])
        h = _affine(self.first, x)
        for inner, at, outer in zip(self.inner, self.level, self.outer):
            h = h + _affine(outer, jax.nn.silu(_affine(inner, h) + _affine(at, level)))
        return _affine(self.last, h)


# c runs over about 3 units from 80 to 0.002: from less than one wave to a dozen
_WAVES = np.geomspace(0.5, 32.0, 16)


def _affine(layer: eqx.nn.Linear, x: Float[Array, "*batch m"]) -> Float[Array, "*batch n"]:
    """`layer` along the last axis."""
    return x @ layer.weight.T + layer.bias  # pyright: ignore[reportOperatorIssue]
