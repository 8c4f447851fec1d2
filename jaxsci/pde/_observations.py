"""Noisy observations of the unknown inside the domain (data assimilation)."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._core import concrete
from ._differential import DifferentialOperator


class Observations(eqx.Module):
    """$y_i = \\sum_k w_{ik}\\,(D u)(x_{ik}) + \\sigma_i \\varepsilon_i$, $\\varepsilon_i$ normal.

    With points of shape `(n, d)` each datum is a value of $D u$ at a point; with points of shape
    `(n, q, d)` and weights `(n, q)` it is a linear functional, such as an integral by quadrature.

    Attributes:
        points: where, shape `(n, d)` or `(n, q, d)`.
        values: $y$, shape `(n,)`.
        noise: the standard deviation $\\sigma$, a positive scalar or shape `(n,)`.
        operator: the differential operator $D$; `None` observes $u$ itself.
        weights: $w$, shape `(n, q)`; only with points of shape `(n, q, d)`.
    """

    points: Float[Array, "n *q d"]
    values: Float[Array, " n"]
    noise: Float[Array, "*n"]
    operator: DifferentialOperator | None
    weights: Float[Array, "n q"] | None

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike,
        noise: ArrayLike,
        *,
        operator: DifferentialOperator | None = None,
        weights: ArrayLike | None = None,
    ):
        """Collect observations of one kind.

        Raises:
            ValueError: if shapes disagree, a number is not finite, or a noise level is not
                positive.
        """
        self.points = jnp.asarray(points)
        self.values = jnp.asarray(values)
        self.noise = jnp.asarray(noise)
        self.operator = operator
        self.weights = None if weights is None else jnp.asarray(weights)
        self._check_shapes()
        self._check_numbers()

    @property
    def num(self) -> int:
        """The number of observations."""
        return self.values.shape[0]

    def flat_points(self) -> Float[Array, "m d"]:
        """All points in one list, shape `(n, d)` or `(n q, d)`."""
        return self.points.reshape(-1, self.points.shape[-1])

    def reduce(self, values: Float[Array, "m *r"]) -> Float[Array, "n *r"]:
        """Apply the weights $w$ to values at `flat_points`, along the first axis."""
        if self.weights is None:
            return values
        grouped = values.reshape(*self.weights.shape, *values.shape[1:])
        return jnp.einsum("nq,nq...->n...", self.weights, grouped)

    def _check_shapes(self) -> None:
        n = self.values.shape[0] if self.values.ndim == 1 else -1
        weighted = self.weights is not None
        if n < 1 or self.points.ndim != 2 + weighted or self.points.shape[0] != n:
            raise ValueError(
                "Observations: values must have shape (n,) and points (n, d), or (n, q, d) with "
                f"weights (n, q); got values {self.values.shape}, points {self.points.shape}, "
                f"weights {None if self.weights is None else self.weights.shape}."
            )
        if self.weights is not None and self.weights.shape != self.points.shape[:2]:
            raise ValueError(
                f"Observations: weights must have shape {self.points.shape[:2]}, got "
                f"{self.weights.shape}."
            )
        if self.noise.shape not in ((), (n,)):
            raise ValueError(
                f"Observations: noise must be a scalar or have shape ({n},), got "
                f"{self.noise.shape}."
            )

    def _check_numbers(self) -> None:
        fields: dict[str, Any] = {"points": self.points, "values": self.values, "noise": self.noise}
        for name, array in fields.items():
            if concrete(array) and not np.all(np.isfinite(array)):
                row = int(np.argwhere(~np.isfinite(np.asarray(array)))[0][0]) if array.ndim else 0
                raise ValueError(
                    f"Observations: {name} is not finite at row {row}; remove the row."
                )
        if concrete(self.noise) and not np.all(np.asarray(self.noise) > 0):
            raise ValueError(
                "Observations: noise is a standard deviation and must be positive, got a minimum "
                f"of {float(np.min(self.noise))}."
            )
