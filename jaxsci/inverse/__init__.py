"""Inverse problems: parameters of a forward model from noisy observations, with uncertainty."""

from ._gauss_newton import GaussNewton as GaussNewton
from ._problem import GaussianPrior as GaussianPrior
from ._problem import InverseProblem as InverseProblem
from ._solution import InverseSolution as InverseSolution
