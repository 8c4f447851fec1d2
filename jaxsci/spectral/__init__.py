"""Spectral collocation: the strongest simple rival of the Gaussian-process methods."""

from ._collocation import ChebyshevCollocation as ChebyshevCollocation
from ._solution import SpectralSolution as SpectralSolution
