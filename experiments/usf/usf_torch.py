"""A sampler as it is usually written: PyTorch, one schedule after another, one step at a time."""

from typing import Any

import numpy as np

from jaxsci.diffusion import MixtureDenoiser, Schedule

try:
    import torch
except ImportError:
    torch: Any = None

INSTALLED = torch is not None
NOT_RUN = "not run: torch is not installed"


class TorchMixture:
    """`MixtureDenoiser` in PyTorch, the same products of the same sizes."""

    def __init__(self, denoiser: MixtureDenoiser):
        tensor = lambda leaf: torch.tensor(np.asarray(leaf))
        self.log_weights, self.means = tensor(denoiser.log_weights), tensor(denoiser.means)
        self.variances, self.tail = tensor(denoiser.variances), tensor(denoiser.tail)
        basis = tensor(denoiser.basis)
        self.middle = self.means.mean(0)
        self.centred = self.means - self.middle
        self.origin = torch.einsum("kdr,kd->kr", basis, self.means)
        self.flat = basis.movedim(1, 0).reshape(self.means.shape[1], -1)

    def __call__(self, y: Any, s: Any) -> Any:
        """$D(y, s)$ of rows."""
        along = (y @ self.flat).reshape(len(y), *self.origin.shape) - self.origin
        row = y - self.middle
        total = (row**2).sum(1)[:, None] + (self.centred**2).sum(1) - 2 * row @ self.centred.T
        across = (total - (along**2).sum(-1)).clamp_min(0)
        wide, narrow = self.variances + s**2, self.tail + s**2
        left_over = self.means.shape[1] - self.variances.shape[1]
        log_det = torch.log1p(self.variances / s**2).sum(1)
        log_det = log_det + left_over * torch.log1p(self.tail / s**2)
        squares = (along**2 / wide).sum(-1) + across / narrow
        chance = torch.softmax(self.log_weights - (log_det + squares) / 2, dim=1)
        keep = self.tail / narrow
        shrink = self.variances / wide - keep[:, None]
        clean = (chance @ keep)[:, None] * y + (chance * (1 - keep)) @ self.means
        return clean + (chance[:, :, None] * shrink * along).reshape(len(y), -1) @ self.flat.T


def torch_steps(denoiser: TorchMixture, schedule: Schedule, y: Any) -> Any:
    """Run a Taylor schedule from its latest point, deciding and solving at every step.

    Args:
        denoiser: of rows.
        schedule: with `basis` "log_snr" and no added coefficients.
        y: rows to start from.
    """
    plan = {name: np.asarray(value) for name, value in vars(schedule).items()}
    times = torch.tensor(plan["log_snr"], dtype=torch.float64)
    past: list[tuple[Any, Any, tuple[Any, Any]]] = []  # time, state, (x0, eps); latest first
    for n in range(int(plan["live"].sum())):
        s = torch.exp(-times[n]).to(y.dtype)
        clean = denoiser(y, s)
        values = clean, (y - clean) / s
        if n > 0 and plan["corrector"][n - 1]:
            y = _moved(plan, n - 1, past, times[n], (times[n], values))
        past.insert(0, (times[n], y, values))
        y = _moved(plan, n, past, times[n + 1], None)
    return y


def _moved(plan: dict, n: int, past: list, end: Any, new: tuple | None) -> Any:
    """One step of the plan from the latest point; with `new` it is the corrector's."""
    begin, y, values = past[0]
    kind = int(plan["prediction"][n])
    others = [(time, both) for time, _, both in past[1 : int(plan["order"][n])]]
    if new is not None:
        others.insert(0, new)
    h = end - begin
    zeta = h if kind else -h
    phi = _phi(zeta, len(others) + 2)
    scaling = plan["scaling" if new is None else "corrector_scaling"][n]
    terms = phi[0] * values[kind]
    for k in range(1, len(others) + 1):
        used = others
        factor = torch.ones_like(h)
        if k == 1:
            factor = _factor(int(scaling), zeta, phi)
            if new is None:
                used = others[: int(plan["estimate"][n])]
                factor = factor * (1 + float(plan["relaxation"][n]) * h)
        if k == 2 and new is None:
            factor = factor * float(plan["second_scale"][n])
        weights = _derivative([(time - begin) / h for time, _ in used], k)
        slope = sum(
            w.to(y.dtype) * (both[kind] - values[kind])
            for w, (_, both) in zip(weights, used, strict=True)
        )
        terms = terms + (factor * phi[k]).to(y.dtype) * slope
    if kind:
        return y - (torch.exp(-end) * h).to(y.dtype) * terms
    return torch.exp(zeta).to(y.dtype) * y - zeta.to(y.dtype) * terms


def _derivative(places: list, k: int) -> Any:
    """Weights of the differences of values that give the k-th derivative, step length one."""
    x = torch.stack(places)
    size = len(places)
    powers = torch.arange(1, size + 1, dtype=x.dtype)
    factorials = torch.cumprod(powers, 0)
    wanted = torch.zeros(size, dtype=x.dtype)
    wanted[k - 1] = 1
    return torch.linalg.solve(x[None] ** powers[:, None] / factorials[:, None], wanted)


def _phi(z: Any, count: int) -> list:
    """$\\varphi_1, \\varphi_2, ...$ by the recursion, in float64."""
    found, factorial = [torch.expm1(z) / z], 1.0
    for k in range(1, count):
        factorial *= k
        found.append((found[-1] - 1 / factorial) / z)
    return found


def _factor(scaling: int, zeta: Any, phi: list) -> Any:
    half = torch.expm1(zeta) / 2
    kinds = (torch.ones_like(zeta), 0.5 / phi[1], phi[0] / (2 * phi[1]), 1 + half, 1 - half)
    return kinds[scaling]
