"""Constants of differentiation."""

from typing import Any

import equinox as eqx
import jax


def freeze(tree: Any) -> Any:
    """The same tree, constant to differentiation; leaves that are no arrays stay as they are."""
    return jax.tree.map(lambda x: jax.lax.stop_gradient(x) if eqx.is_array(x) else x, tree)
