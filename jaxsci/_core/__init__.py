"""Floor 0: the nouns, the verbs, the result codes, the iteration loop, the linear solve."""

from ._adam import adam as adam
from ._adam import falling_rate as falling_rate
from ._derivative import with_derivative as with_derivative
from ._errors import JaxsciError as JaxsciError
from ._errors import PrecisionWarning as PrecisionWarning
from ._freeze import freeze as freeze
from ._linear_solve import linear_solve as linear_solve
from ._loop import Loop as Loop
from ._nouns import AbstractIterativeMethod as AbstractIterativeMethod
from ._nouns import AbstractMethod as AbstractMethod
from ._nouns import AbstractModel as AbstractModel
from ._nouns import AbstractProblem as AbstractProblem
from ._nouns import AbstractSolution as AbstractSolution
from ._nouns import Solution as Solution
from ._nouns import all_succeeded as all_succeeded
from ._nouns import succeeded as succeeded
from ._results import RESULTS as RESULTS
from ._results import concrete as concrete
from ._runge_kutta import runge_kutta as runge_kutta
from ._verbs import fit as fit
from ._verbs import sample as sample
from ._verbs import solve as solve
