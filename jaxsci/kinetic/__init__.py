"""Boltzmann equations: relaxation of gases and of mixtures whose masses differ widely."""

from ._correction import conserve as conserve
from ._correction import limit_positive as limit_positive
from ._correction import restore as restore
from ._grid import Interpolant as Interpolant
from ._grid import VelocityGrid as VelocityGrid
from ._kernels import VariableHardSphere as VariableHardSphere
from ._kernels import VariableSoftSphere as VariableSoftSphere
from ._moments import Moments as Moments
from ._moments import collision_invariants as collision_invariants
from ._moments import equilibrium as equilibrium
from ._moments import fluid_moments as fluid_moments
from ._moments import maxwellian as maxwellian
from ._moments import moments as moments
from ._spectral import CollisionQuadrature as CollisionQuadrature
from ._spectral import SpectralTables as SpectralTables
from ._spectral import boltzmann as boltzmann
from ._spectral import collision_rate as collision_rate
from ._spectral import spectral_tables as spectral_tables
