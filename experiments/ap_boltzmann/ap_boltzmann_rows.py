"""What is asked of the kinetic family: the bounds of the acceptance table."""

BKW_FINE = {1.0: 1e-10, 4.0: 1e-12}  # N = 64, by time
BKW_COARSE = 5e-6  # N = 32, t = 1
ORDER_IN_TIME = {"exponential": 0.85, "penalised": 0.85, "two-stage": 1.8}
THREE_D = 1e-4
THREE_D_CONSERVATION = 1e-10
EXPANSION = {"Q0": 1, "Q1": 2, "Q2": 3, "H0": 2, "H1": 3}  # orders, within 0.1
WITHIN = 0.1
CONSERVATION = 1e-12
TEMPERATURE = 1e-6
DRIFT = 1e-7  # times epsilon
DISTANCE = 1e-8  # of f_L from its Maxwellian
LIMIT = 3e-4  # at dt = 0.025
AVERAGES = 1e-7  # relative
ENTROPY = 1e-12
LOWEST = -1e-8
GRADIENT = 1e-6
SPACE_CONSERVATION = 1e-11
SPACE_LIMIT = 0.9  # order in the width of cells
DIFFUSION = 1.8  # order in the width of cells, for every epsilon
TIMES_CHEAPER = 1000.0
VMAP = 1.0

EPSILONS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
TUBE = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
WAVES = (1.0, 3e-1, 1e-1, 1e-2, 1e-4, 1e-6)
EXPONENTS = (0.0, 0.5, 1.0)
