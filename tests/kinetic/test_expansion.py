"""The expansion between species against the full operators, order by order."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "ap_boltzmann"


@pytest.fixture(scope="module")
def measured():
    """The part of the experiment that measures the expansion."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("ap_boltzmann_expansion")
    sys.path.remove(str(FOLDER))


@pytest.mark.parametrize(("dim", "exponent"), [(2, 0.0), (2, 0.5), (3, 1.0)])
def test_each_term_raises_the_order_by_one(dim, exponent, measured):
    errors = measured.expansion_errors(dim, exponent, (0.0125, 0.00625))
    orders = {name: np.log2(pair[0] / pair[1]) for name, pair in errors.items()}
    for name, asked in {"Q0": 1, "Q1": 2, "Q2": 3, "H0": 2, "H1": 3}.items():
        assert abs(orders[name] - asked) < 0.1, orders


def test_the_centred_truncation_is_of_third_order_or_better_for_isotropic_stress(measured):
    errors = measured.centred_errors(0.5, (0.0125, 0.00625))
    assert np.log2(errors[0] / errors[1]) > 2.9, errors  # 4 for want of a third moment
