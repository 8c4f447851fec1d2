"""The published formulas of the samplers, written out step by step in NumPy.

Independent of the library: no common code, only the denoiser and the grid of sigmas are given.
"""

import itertools
import math

import numpy as np

ADAMS = {1: [1], 2: [3 / 2, -1 / 2], 3: [23 / 12, -4 / 3, 5 / 12]}
ADAMS[4] = [55 / 24, -59 / 24, 37 / 24, -3 / 8]


def eps_of(denoise, y, s):
    return (y - denoise(y, s)) / s


def ddim(denoise, s, y):
    for a, b in itertools.pairwise(s):
        clean = denoise(y, a)
        y = clean + b / a * (y - clean)
    return y


def dpm_solver_2(denoise, s, y):
    for a, b in itertools.pairwise(s):
        h, middle = math.log(a / b), math.sqrt(a * b)
        first = eps_of(denoise, y, a)
        u = y - middle * (math.exp(h / 2) - 1) * first
        second = eps_of(denoise, u, middle)
        y = y - b * (math.exp(h) - 1) * second
    return y


def dpm_solver_3(denoise, s, y, r1=1 / 3, r2=2 / 3):
    for a, b in itertools.pairwise(s):
        h = math.log(a / b)
        s1, s2 = a * math.exp(-r1 * h), a * math.exp(-r2 * h)
        e = eps_of(denoise, y, a)
        u1 = y - s1 * math.expm1(r1 * h) * e
        d1 = eps_of(denoise, u1, s1) - e
        rest = math.expm1(r2 * h) / (r2 * h) - 1
        u2 = y - s2 * math.expm1(r2 * h) * e - s2 * r2 / r1 * rest * d1
        d2 = eps_of(denoise, u2, s2) - e
        y = y - b * math.expm1(h) * e - b / r2 * (math.expm1(h) / h - 1) * d2
    return y


def orders(n, p, lower):
    return [min(p, i + 1, n - i if lower else p) for i in range(n)]


def dpm_solver_pp(denoise, s, y, p, exact=False):
    lam, past = -np.log(s), []
    for i, order in enumerate(orders(len(s) - 1, p, True)):
        past.insert(0, denoise(y, s[i]))
        h = lam[i + 1] - lam[i]
        phi1 = -math.expm1(-h)
        phi2 = 1 - phi1 / h
        moved = s[i + 1] / s[i] * y + phi1 * past[0]
        if order >= 2:
            r0 = (lam[i] - lam[i - 1]) / h
            d0 = (past[0] - past[1]) / r0
        if order == 2:
            moved = moved + (phi2 if exact else phi1 / 2) * d0
        if order == 3:
            r1 = (lam[i - 1] - lam[i - 2]) / h
            d1 = (past[1] - past[2]) / r1
            slope = d0 + r0 / (r0 + r1) * (d0 - d1)
            bend = (d0 - d1) / (r0 + r1)
            phi3 = phi2 / h - 1 / 2
            moved = moved + phi2 * slope - (2 if exact else 1) * phi3 * bend
        y = moved
    return y


def unipc(denoise, s, y, p, variant, noise=False):
    """The multistep algorithm with its linear systems for the weights rho."""
    lam, times, values = -np.log(s), [], []
    n = len(s) - 1

    def model(y, s):
        return eps_of(denoise, y, s) if noise else denoise(y, s)

    times.append(lam[0])
    values.append(model(y, s[0]))
    for i, order in enumerate(orders(n, p, True)):
        h = lam[i + 1] - lam[i]
        hh = h if noise else -h
        b_h = hh if variant == "bh1" else math.expm1(hh)
        base = y - s[i + 1] * math.expm1(h) * values[-1]
        if not noise:
            base = s[i + 1] / s[i] * y - math.expm1(-h) * values[-1]
        front = -s[i + 1] if noise else -1.0
        ratios = [(times[-1 - k] - lam[i]) / h for k in range(1, order)] + [1.0]
        slopes = [(values[-1 - k] - values[-1]) / r for k, r in enumerate(ratios[:-1], 1)]
        matrix, right, phi, factorial = [], [], math.expm1(hh) / hh - 1, 1.0
        for k in range(1, order + 1):
            matrix.append([r ** (k - 1) for r in ratios])
            right.append(phi * factorial / b_h)
            factorial *= k + 1
            phi = phi / hh - 1 / factorial
        matrix, right = np.array(matrix), np.array(right)
        guess = base
        if order == 2:
            guess = base + front * b_h * 0.5 * slopes[0]
        if order == 3:
            rho = np.linalg.solve(matrix[:-1, :-1], right[:-1])
            guess = base + front * b_h * sum(c * d for c, d in zip(rho, slopes))
        if i == n - 1:
            return guess
        fresh = model(guess, s[i + 1])
        rho = np.array([0.5]) if order == 1 else np.linalg.solve(matrix, right)
        all_slopes = [*slopes, fresh - values[-1]]
        y = base + front * b_h * sum(c * d for c, d in zip(rho, all_slopes))
        times.append(lam[i + 1])
        values.append(fresh)
    return y


def lagrange_integral(nodes, j, a, b, of_node, panels=24, num=12):
    """The integral over s of the j-th Lagrange polynomial in the variable `of_node(s)`.

    Composite in log s, where the time of a VP schedule is smooth.
    """
    x, w = np.polynomial.legendre.leggauss(num)
    edges = np.linspace(np.log(a), np.log(b), panels + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    s = np.exp(middle[:, None] + half[:, None] * x)
    u, v = of_node(s), of_node(np.array(nodes))
    basis = np.prod([(u - v[i]) / (v[j] - v[i]) for i in range(len(nodes)) if i != j], axis=0)
    return np.sum(w * half[:, None] * s * basis)


def deis(denoise, s, y, p, of_node=lambda s: s):
    past = []
    for i, order in enumerate(orders(len(s) - 1, p, False)):
        past.insert(0, eps_of(denoise, y, s[i]))
        nodes = [s[i - k] for k in range(order)]
        weight = [lagrange_integral(nodes, j, s[i], s[i + 1], of_node) for j in range(order)]
        y = y + sum(c * e for c, e in zip(weight, past))
    return y


def ipndm(denoise, s, y, p):
    past = []
    for i, order in enumerate(orders(len(s) - 1, p, False)):
        past.insert(0, eps_of(denoise, y, s[i]))
        y = y + (s[i + 1] - s[i]) * sum(c * e for c, e in zip(ADAMS[order], past))
    return y


def pndm(denoise, s, y):
    past = [eps_of(denoise, y, s[0])]
    guess = y + (s[1] - s[0]) * past[0]
    y = y + (s[1] - s[0]) * (past[0] + eps_of(denoise, guess, s[1])) / 2
    for i in range(1, len(s) - 1):
        past.insert(0, eps_of(denoise, y, s[i]))
        weights = ADAMS[min(len(past), 4)]
        y = y + (s[i + 1] - s[i]) * sum(c * e for c, e in zip(weights, past))
    return y


def pndm_runge_kutta(denoise, s, y, halfway):
    """`halfway(a, b)` is the sigma at the middle of the time from a to b."""
    past = []
    for a, b in itertools.pairwise(s):
        first = eps_of(denoise, y, a)
        past.insert(0, first)
        if len(past) > 3:
            slope = sum(c * e for c, e in zip(ADAMS[4], past))
        else:
            m = halfway(a, b)
            second = eps_of(denoise, y + (m - a) * first, m)
            third = eps_of(denoise, y + (m - a) * second, m)
            fourth = eps_of(denoise, y + (b - a) * third, b)
            slope = (first + 2 * second + 2 * third + fourth) / 6
        y = y + (b - a) * slope
    return y


def heun(denoise, s, y):
    for a, b in itertools.pairwise(s):
        slope = eps_of(denoise, y, a)
        end = y + (b - a) * slope
        y = y + (b - a) * (slope + eps_of(denoise, end, b)) / 2
    return y


def edm_churn(denoise, s, y, churn, t_min, t_max, s_noise, noises):
    """Algorithm 2, without its last step to zero; a noise for each step."""
    steps = len(s) - 1
    for i in range(steps):
        gamma = min(churn / steps, math.sqrt(2) - 1) if t_min <= s[i] <= t_max else 0.0
        t_hat = s[i] + gamma * s[i]
        y = y + math.sqrt(t_hat**2 - s[i] ** 2) * s_noise * noises[i]
        slope = (y - denoise(y, t_hat)) / t_hat
        end = y + (s[i + 1] - t_hat) * slope
        other = (end - denoise(end, s[i + 1])) / s[i + 1]
        y = y + (s[i + 1] - t_hat) * (slope / 2 + other / 2)
    return y


def ancestral(denoise, s, y, eta, noises):
    for a, b, z in zip(s[:-1], s[1:], noises):
        up = eta * b * math.sqrt(1 - b**2 / a**2)
        clean = denoise(y, a)
        y = clean + math.sqrt(b**2 - up**2) * (y - clean) / a + up * z
    return y


def sde_dpm_solver_pp(denoise, s, y, p, noises):
    lam, past = -np.log(s), []
    for i, order in enumerate(orders(len(s) - 1, p, True)):
        past.insert(0, denoise(y, s[i]))
        h = lam[i + 1] - lam[i]
        whole = -math.expm1(-2 * h)
        slope = 0.0
        if order == 2:
            slope = h / (lam[i] - lam[i - 1]) * (past[0] - past[1])
        kept = s[i + 1] / s[i] * math.exp(-h) * y
        y = kept + whole * (past[0] + slope / 2) + s[i + 1] * math.sqrt(whole) * noises[i]
    return y


def unified(denoise, s, y, rows):
    """The general step: Taylor expansion from any start, derivatives by a linear system.

    Each row is a dictionary of the decisions of one step.
    """
    lam, states, told = -np.log(s), [], []
    previous = None
    for n, row in enumerate(rows):
        clean = denoise(y, s[n])
        pair = {"data": clean, "noise": (y - clean) / s[n]}
        if previous is not None and previous["corrector"]:
            others = [-1, *other_points(previous, n - 1)]
            y = expansion(lam, s, states, [*told, pair], previous, n - 1, others, fixed=True)
        states.append(y)
        told.append(pair)
        y = expansion(lam, s, states, told, row, n, other_points(row, n))
        previous = row
    return y


def other_points(row, n):
    points = [n - k for k in range(n + 1) if k != row["start"]]
    return points[: row["order"] - 1]


def expansion(lam, s, states, told, row, n, points, fixed=False):
    """The step n; the point -1 is its own end."""
    begin, kind = n - row["start"], row["prediction"]
    h = lam[n + 1] - lam[begin]
    hh = h if kind == "noise" else -h
    at = lambda p: lam[n + 1] if p == -1 else lam[p]
    value = lambda p: told[p][kind]
    moved = states[begin] if kind == "noise" else s[n + 1] / s[begin] * states[begin]
    front = -s[n + 1] if kind == "noise" else 1.0
    total = h * phi(hh, 1) * value(begin)
    for k in range(1, len(points) + 1):
        used = points
        if k == 1 and not fixed:
            used = points[: row["estimate"]]
        r = np.array([at(p) - lam[begin] for p in used])
        system = np.array([r**m / math.factorial(m) for m in range(1, len(used) + 1)])
        weights = np.linalg.solve(system, np.eye(len(used))[k - 1])
        derivative = sum(c * (value(p) - value(begin)) for c, p in zip(weights, used))
        if k == 1 and not fixed:
            derivative = derivative * scale(row["scaling"], hh) * (1 + row["relaxation"] * h)
        if k == 2 and not fixed:
            derivative = derivative * row["second_scale"]
        total = total + h ** (k + 1) * phi(hh, k + 1) * derivative
    return moved + front * total


def phi(z, k):
    return sum(z**n / math.factorial(n + k) for n in range(80))


def scale(name, hh):
    e = math.exp(hh)
    return {
        "none": 1.0,
        "bh2": hh * (e - 1) / 2 / (e - 1 - hh),
        "bh1": hh**2 / 2 / (e - 1 - hh),
        "exp+": 1 + (e - 1) / 2,
        "exp-": 1 - (e - 1) / 2,
    }[name]
