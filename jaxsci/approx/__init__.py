"""One-dimensional nodes, quadrature weights, interpolation, differentiation and bases."""

from ._barycentric import barycentric_weights as barycentric_weights
from ._barycentric import chebyshev_cardinals as chebyshev_cardinals
from ._barycentric import chebyshev_differentiation as chebyshev_differentiation
from ._barycentric import chebyshev_reference as chebyshev_reference
from ._barycentric import chebyshev_weights as chebyshev_weights
from ._barycentric import differentiation_matrix as differentiation_matrix
from ._barycentric import interpolation_matrix as interpolation_matrix
from ._choice import AbstractNodes as AbstractNodes
from ._choice import ChebyshevNodes as ChebyshevNodes
from ._choice import GaussLegendreNodes as GaussLegendreNodes
from ._choice import UniformNodes as UniformNodes
from ._fourier import fourier_cardinals as fourier_cardinals
from ._fourier import fourier_differentiation as fourier_differentiation
from ._fourier import fourier_reference as fourier_reference
from ._fourier import fourier_values as fourier_values
from ._nodes import chebyshev_interior_nodes as chebyshev_interior_nodes
from ._nodes import chebyshev_nodes as chebyshev_nodes
from ._nodes import gauss_legendre_nodes as gauss_legendre_nodes
from ._nodes import periodic_nodes as periodic_nodes
from ._nodes import uniform_nodes as uniform_nodes
from ._polynomials import chebyshev_values as chebyshev_values
from ._polynomials import legendre_jet as legendre_jet
from ._polynomials import legendre_values as legendre_values
from ._quadrature import clenshaw_curtis_weights as clenshaw_curtis_weights
from ._quadrature import gauss_legendre_weights as gauss_legendre_weights
from ._quadrature import trapezoid_weights as trapezoid_weights
