"""A value that is known already, with the derivative of the function that would compute it."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


@eqx.filter_custom_jvp
def with_derivative(
    value: Any, function: Callable[[Any, Any], Any], args: Any, constants: Any = None
) -> Any:
    """`value` as it is, with the derivative of `function(args, constants)` with respect to `args`.

    What a search has found need not be computed again only to be differentiated: `function` is
    traced when a derivative is asked for, and leaves nothing in the program otherwise.

    Args:
        value: a pytree, equal to `function(args, constants)` up to rounding.
        function: it must not capture arrays.
        args: a pytree; derivatives are taken with respect to its arrays.
        constants: a pytree of what else it needs.

    Returns:
        `value`.
    """
    return value


@with_derivative.def_jvp
def _with_derivative_jvp(primals, tangents):
    value, function, args, constants = primals
    moving, fixed = eqx.partition(args, eqx.is_inexact_array)
    is_none = lambda leaf: leaf is None
    at_rest = lambda leaf, rate: jnp.zeros_like(leaf) if rate is None and leaf is not None else rate
    rates = jax.tree.map(at_rest, moving, tangents[2], is_leaf=is_none)

    def arrays(leaves):
        return eqx.filter(function(eqx.combine(leaves, fixed), constants), eqx.is_inexact_array)

    return value, jax.jvp(arrays, (moving,), (rates,))[1]
