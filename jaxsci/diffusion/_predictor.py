"""A small network that ranks schedules before they are run."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from .._core import adam
from ._schedule import BASES, MAX_ORDER, SCALINGS, Schedule
from ._times import log_steps

Network = tuple[tuple[Array, Array], ...]


class Archive(eqx.Module):
    """The latest schedules that were evaluated, and the network that has learnt from them.

    Attributes:
        features: of each schedule, see `schedule_features`.
        losses: of each.
        count: how many have been evaluated, also those that are forgotten.
        network: weights and biases of each layer, from features to a score.
    """

    features: Float[Array, "c f"]
    losses: Float[Array, " c"]
    count: Int[Array, ""]
    network: Network


class RankPredictor(eqx.Module):
    """$\\min_f\\sum_{L_i<L_j}\\log(1 + e^{f(x_i)-f(x_j)})$: a score that orders as the loss does.

    A perceptron with two hidden layers on the decisions of all steps, fitted by Adam on random
    pairs. Only the order counts: losses range over decades.

    Attributes:
        width: of the hidden layers.
        num_steps: of Adam each time it is fitted; it starts from the fit before.
        batch: pairs in each step.
        learning_rate: of Adam.
        memory: how many schedules are remembered, the latest.

    Source: after Liu et al., A unified sampling framework (ICLR 2024); the loss is that of
        Burges et al., Learning to rank using gradient descent (ICML 2005), equation 3.
    """

    width: int = eqx.field(static=True, default=64)
    num_steps: int = eqx.field(static=True, default=300)
    batch: int = eqx.field(static=True, default=128)
    learning_rate: ArrayLike = 3e-3
    memory: int = eqx.field(static=True, default=2048)

    def blank(self, key: Array, like: Schedule) -> Archive:
        """An empty archive.

        Args:
            key: a random key, for the network.
            like: a population, for its sizes.
        """
        shape = jax.eval_shape(jax.vmap(schedule_features), like)
        sizes, dtype = (shape.shape[1], self.width, self.width, 1), shape.dtype
        rows, losses = jnp.zeros((self.memory, sizes[0]), dtype), jnp.zeros(self.memory, dtype)
        keys = jax.random.split(key, 3)
        network = tuple(
            (jax.random.normal(k, (a, b), dtype) / a**0.5, jnp.zeros(b, dtype))
            for k, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
        )
        return Archive(rows, losses, jnp.zeros((), jnp.int32), network)

    def learn(
        self, archive: Archive, key: Array, schedules: Schedule, losses: Float[Array, " p"]
    ) -> Archive:
        """The archive with new rows, and the network fitted to all of them.

        Args:
            archive: what was learnt before.
            key: a random key, for the pairs.
            schedules: a population, not larger than the memory.
            losses: of each.
        """
        place = (archive.count + jnp.arange(len(losses), dtype=jnp.int32)) % self.memory
        rows = archive.features.at[place].set(jax.vmap(schedule_features)(schedules))
        known, count = archive.losses.at[place].set(losses), archive.count + len(losses)
        shape, filled = (self.num_steps, 2, self.batch), jnp.minimum(count, self.memory)
        pairs = jax.random.randint(key, shape, 0, filled)
        return Archive(rows, known, count, self._fitted(archive.network, rows, known, pairs))

    def _fitted(self, network: Network, rows: Array, losses: Array, pairs: Array) -> Network:
        optimiser = adam(self.learning_rate, rows.dtype)

        def step(carry: tuple[Network, Any], pair: Array) -> tuple[tuple[Network, Any], None]:
            network, state = carry
            slopes = jax.grad(_disorder)(network, rows[pair], losses[pair])
            moves, state = optimiser.update(slopes, state)
            return (jax.tree.map(jnp.add, network, moves), state), None

        return jax.lax.scan(step, (network, optimiser.init(network)), pairs)[0][0]  # pyright: ignore[reportArgumentType]

    def score(self, archive: Archive, schedules: Schedule) -> Float[Array, " p"]:
        """The lower, the better; meant to be compared, not read.

        Args:
            archive: with a fitted network.
            schedules: a population.
        """
        return _scores(archive.network, jax.vmap(schedule_features)(schedules))


def _disorder(network: Network, rows: Float[Array, "2 b f"], losses: Float[Array, "2 b"]) -> Array:
    """How far pairs are from being in the order of their losses."""
    first, second = _scores(network, rows)
    # infinite losses are equal to each other, and worse than all others
    way = jnp.where(losses[0] < losses[1], 1, jnp.where(losses[0] > losses[1], -1, 0))
    wrong = jax.nn.softplus(way * (first - second))
    return jnp.mean(jnp.where(way == 0, 0, wrong))


def _scores(network: Network, x: Float[Array, "... f"]) -> Float[Array, "..."]:
    *hidden, (last, bias) = network
    for weights, shift in hidden:
        x = jnp.tanh(x @ weights + shift)
    return (x @ last + bias)[..., 0]


def schedule_features(schedule: Schedule) -> Float[Array, " f"]:
    """All decisions as numbers of the size one, zero where a decision changes nothing.

    Args:
        schedule: one schedule.
    """
    real, num, order = schedule.log_snr.dtype, schedule.num_steps, schedule.order
    one_hot = lambda code, size: jax.nn.one_hot(code, size, dtype=real)
    first, last = schedule.log_snr[0], schedule.log_snr[-1]
    taylor = schedule.basis == 0
    if_order = lambda least: (taylor & (order >= least)).astype(real)
    corrects = schedule.corrector & jnp.append(schedule.live[1:], False)
    columns = [
        log_steps(schedule) - jnp.log((last - first) / num),
        2 * (schedule.log_snr[:-1] - first) / (last - first) - 1,
        one_hot(order - 1, MAX_ORDER),
        schedule.estimate.astype(real) * if_order(3),
        2 * schedule.prediction.astype(real) - 1,
        one_hot(schedule.scaling, len(SCALINGS)) * if_order(2)[:, None],
        10 * schedule.relaxation * if_order(2),
        schedule.second_scale * if_order(3),
        one_hot(schedule.basis, len(BASES)),
        corrects.astype(real),
        schedule.extra_noise,
    ]
    table = jnp.concatenate([column.reshape(num, -1) for column in columns], axis=1)
    table = jnp.where(schedule.live[:, None], table, 0)
    return jnp.append(table.reshape(-1), schedule.analytic.astype(real))
