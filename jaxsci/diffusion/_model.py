"""The model: a denoiser with the sampler that it is used by."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._core import AbstractModel
from ._denoiser import AbstractDenoiser
from ._derived import reverse_schedule, tail_schedule
from ._sampler import Hook, integrate
from ._schedule import Schedule


class DiffusionModel(AbstractModel):
    """$dy/ds = (y - D(y, s))/s$ from noise to data, along a schedule.

    `sample(model, key, 16)` draws; `sample(model, key, 16, method=other)` draws along another
    schedule. All states are $x/\\alpha$, in the units of clean data.

    Attributes:
        denoiser: $D$.
        schedule: the sampler.
        shape: of one sample.
        mean: the prior mean, around which sampling starts.
    """

    denoiser: AbstractDenoiser
    schedule: Schedule
    shape: tuple[int, ...] = eqx.field(static=True)
    mean: ArrayLike = 0.0

    def sample(
        self,
        key: Array,
        num: int = 1,
        *,
        method: Schedule | None = None,
        hook: Hook | None = None,
    ) -> Float[Array, "n ..."]:
        """New data from $y_0 = m + s_0\\varepsilon$.

        Args:
            key: a random key.
            num: how many.
            method: another schedule.
            hook: see `integrate`.

        Returns:
            Samples, shape `(num, *shape)`, in the dtype of the schedule.
        """
        schedule = self.schedule if method is None else method
        first, second = jax.random.split(key)
        dtype = schedule.log_snr.dtype
        level = jnp.exp(-schedule.log_snr[0])
        noise = jax.random.normal(first, (num, *self.shape), dtype)
        mean = jnp.asarray(self.mean, dtype)
        return integrate(
            self.denoiser, schedule, mean + level * noise, key=second, mean=mean, hook=hook
        )

    def vary(self, key: Array, data: Float[Array, "n ..."], first: int) -> Float[Array, "n ..."]:
        """Start in the middle: noise the data to the time of step `first`, and sample from there.

        Args:
            key: a random key.
            data: clean signals.
            first: how many steps to leave out; the more, the closer the result is to the data.

        Returns:
            New signals in the shape of `data`.

        Raises:
            ValueError: if no step is left.
        """
        rest = tail_schedule(self.schedule, first)
        one, two = jax.random.split(key)
        level = jnp.exp(-rest.log_snr[0]).astype(data.dtype)
        y = data + level * jax.random.normal(one, data.shape, data.dtype)
        return integrate(self.denoiser, rest, y, key=two)

    def invert(self, data: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """The noise that the sampler would turn into these data, by the same steps backwards.

        Args:
            data: clean signals.

        Returns:
            States at the first time of the schedule.

        Raises:
            ValueError: if the schedule adds noise.
        """
        return integrate(self.denoiser, reverse_schedule(self.schedule), data)

    def trajectory(self, y: Float[Array, "n ..."], **options: Any) -> Float[Array, "m n ..."]:
        """All states from a given start.

        Args:
            y: where to start.
            **options: see `integrate`.

        Returns:
            N + 1 states along the first axis.
        """
        return integrate(self.denoiser, self.schedule, y, path=True, mean=self.mean, **options)
