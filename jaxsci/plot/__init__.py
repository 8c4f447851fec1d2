"""Floor 3: pictures. matplotlib is loaded on first use; without it, an error says how to get it."""

from ._axes import new_axes as new_axes
from ._axes import new_panels as new_panels
from ._bridge import plot_bridge as plot_bridge
from ._diffusion import plot_sample_rows as plot_sample_rows
from ._diffusion import plot_solver_errors as plot_solver_errors
from ._diffusion import plot_trajectories as plot_trajectories
from ._fields import plot_field_1d as plot_field_1d
from ._fields import plot_field_2d as plot_field_2d
from ._flow import plot_flow as plot_flow
from ._relaxation import plot_defects as plot_defects
from ._relaxation import plot_entropy as plot_entropy
from ._relaxation import plot_epochs as plot_epochs
from ._relaxation import plot_relaxation as plot_relaxation
from ._schedules import plot_schedules as plot_schedules
from ._sweep import plot_sweep as plot_sweep
from ._velocities import plot_distribution as plot_distribution
from ._velocities import plot_distributions as plot_distributions
