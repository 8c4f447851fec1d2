"""What the declared properties of an operator become when it is scaled or shifted."""

from collections.abc import Iterable

import lineax as lx
import numpy as np
from jaxtyping import ArrayLike

from jaxsci._core import concrete

_SEMIDEFINITE = frozenset({lx.positive_semidefinite_tag, lx.negative_semidefinite_tag})


def as_tags(tags: object) -> frozenset[object]:
    """One tag or a collection of tags, as a set."""
    return frozenset(tags) if isinstance(tags, Iterable) else frozenset({tags})


def not_negative(scalar: ArrayLike) -> bool:
    """Whether adding or multiplying by `scalar` may keep a positive semidefinite operator so.

    A concrete number is looked at. A traced one is taken to be non-negative: it is a variance or
    a regularisation in practice, and its value cannot be known.
    """
    return not concrete(scalar) or bool(np.all(np.asarray(scalar) >= 0))


def scaled_tags(tags: frozenset[object], positive: bool) -> frozenset[object]:
    """The tags of $cA$: semidefiniteness survives $c \\ge 0$, a unit diagonal nothing."""
    kept = tags if positive else _symmetric_only(tags)
    return kept - {lx.unit_diagonal_tag}


def shifted_tags(tags: frozenset[object], positive: bool) -> frozenset[object]:
    """The tags of $A + \\sigma I$: positive semidefiniteness survives $\\sigma \\ge 0$."""
    kept = tags if positive else _symmetric_only(tags)
    if lx.negative_semidefinite_tag in kept:
        kept = _symmetric_only(kept)
    return kept - {lx.unit_diagonal_tag}


def common_tags(first: frozenset[object], second: frozenset[object]) -> frozenset[object]:
    """The tags of $A + B$: what holds for both."""
    return (first & second) - {lx.unit_diagonal_tag}


def _symmetric_only(tags: frozenset[object]) -> frozenset[object]:
    if not tags & _SEMIDEFINITE:
        return tags
    return (tags - _SEMIDEFINITE) | {lx.symmetric_tag}
