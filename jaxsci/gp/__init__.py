"""jaxsci.gp"""

from ._evidence import log_marginal_likelihood as log_marginal_likelihood
from ._gphm import GPHM as GPHM
from ._kernels import AbstractKernel as AbstractKernel
from ._kernels import Product as Product
from ._kernels import Scaled as Scaled
from ._kernels import Sum as Sum
from ._kernels_box import AbstractBoxKernel as AbstractBoxKernel
from ._kernels_box import AdditiveKernel as AdditiveKernel
from ._kernels_box import ProductKernel as ProductKernel
from ._kernels_classic import Matern as Matern
from ._kernels_classic import PeriodicKernel as PeriodicKernel
from ._kernels_classic import SquaredExponential as SquaredExponential
from ._kernels_mixture import SpectralMixture as SpectralMixture
from ._kernels_mixture import StudentTSpectralMixture as StudentTSpectralMixture
from ._kronecker import KroneckerGP as KroneckerGP
from ._scattered import ScatteredGP as ScatteredGP
from ._spectral_feature import SpectralFeatureGP as SpectralFeatureGP
