"""What is asked: the bounds of every acceptance row."""

GAINS = {4: (2.0, 3.0), 5: (3.0, 4.5), 6: (2.3, 4.0), 8: (2.3, 4.0), 10: (2.1, 4.0)}
"""Evaluations, and how many times smaller the error of the search is: asked, stretch."""

OTHER_GAIN = 1.5  # the same on photo patches and on a trained network
KEPT_GAIN = 0.5  # of a transferred schedule: what is left of its gain less one
SEARCH_SECONDS = 60.0  # CPU, warm, teacher included
SEARCH_EVALUATIONS = 6000
FASTER_THAN_TORCH = (9.0, 50.0)  # 256 schedules, digits mixture and two dimensions
COMPILE_SECONDS = 5.0  # CPU, of the population call

NAMED = 1e-10  # named samplers against straight implementations, float64
SLOPES = {"dpm_solver_pp 2": 1.9, "third order": 2.8, "unipc 3": 2.8}
PHI = 5e-7  # relative, float32
UNEVEN = 5e-4  # float32 against float64
NOISES = 1e-10  # one denoiser under four noise schedules
GRADIENT = 1e-6  # relative, against central differences
