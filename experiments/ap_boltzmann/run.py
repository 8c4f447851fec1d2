"""Boltzmann mixtures of disparate mass: one time step for every mass ratio.

Times are CPU seconds of the process on one thread, medians of warm runs.
"""

import os

if __name__ == "__main__":  # one thread; read when JAX starts, so before it is imported
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    os.environ["OMP_NUM_THREADS"] = "1"

from dataclasses import dataclass
from typing import Any

import ap_boltzmann_mixture as mixtures
import ap_boltzmann_operators as operators
import ap_boltzmann_rows as asked
import ap_boltzmann_space as space
import jax.numpy as jnp
import numpy as np
from ap_boltzmann_expansion import expansion_errors

from jaxsci.run import Row, Run, script


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    costs: bool = True
    """measure times and the rivals"""
    space: bool = True
    """the tube and the waves of light particles"""
    use: bool = True
    """the inverse problem and the sweep"""
    pictures: bool = True
    """draw the epochs and the sweep"""
    check: bool = False
    """exit with status 1 if an acceptance row is missed"""
    quick: bool = False
    """a subset of a minute: 2-D operators, one expansion, three mass ratios"""


def main(settings: Settings, run: Run) -> dict[str, Any]:
    """Measure all rows, record everything.

    Args:
        settings: what to measure.
        run: the recorder.

    Returns:
        The metrics.
    """
    metrics: dict[str, Any] = {
        "operators": _operators(settings, run),
        "expansion": _expansion(settings, run),
        "maxwell": _maxwell(settings, run),
    }
    if settings.quick:
        return metrics | {"waves": _waves((1e-6,), (8, 16), run)}
    if settings.space:
        metrics["tube"] = _tube(settings, run)
        metrics["waves"] = _waves(asked.WAVES, (8, 16, 32), run)
    metrics |= {
        "order_in_time": _orders(run),
        "limit": _limit(run),
        "entropy": _entropy(settings, run),
        "gradient": _gradient(run),
        "truncation": _truncation(),
    }
    if settings.costs:
        metrics["costs"] = _costs(run)
    if settings.use:
        metrics["use"] = _use(settings, run)
    return metrics


def _operators(settings: Settings, run: Run) -> dict[str, Any]:
    found = {"coarse": operators.bkw_error(operators.COARSE, 1.0, 2)}
    run.accept(Row.at_most("BKW, 2-D, N=32, t=1: error of Q", found["coarse"], asked.BKW_COARSE))
    for time, bound in asked.BKW_FINE.items():
        found[f"fine_{time:g}"] = operators.bkw_error(operators.FINE, time, 2)
        row = Row.at_most(f"BKW, 2-D, N=64, t={time:g}: error of Q", found[f"fine_{time:g}"], bound)
        run.accept(row)
    exponents = (0.5,) if settings.quick else (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0)
    found["averages"] = operators.average_error(exponents)
    label = "kernel averages on a Maxwellian, all exponents, 2-D and 3-D: relative error"
    run.accept(Row.at_most(label, found["averages"], asked.AVERAGES))
    if settings.quick:
        return found
    found["bkw_3d"] = operators.bkw_error(operators.SOLID, 1.0, 3)
    found["hard_spheres_3d"] = operators.hard_spheres_in_three_dimensions()
    kept = found["hard_spheres_3d"]["conservation"]
    run.accept(Row.at_most("BKW, 3-D, N=32: error of Q", found["bkw_3d"], asked.THREE_D))
    error = found["hard_spheres_3d"]["error"]
    run.accept(Row.at_most("hard spheres, 3-D, N=32: error of Q", error, asked.THREE_D))
    label = "hard spheres, 3-D: invariants of the corrected Q"
    run.accept(Row.at_most(label, kept, asked.THREE_D_CONSERVATION))
    print(f"operators: {found}", flush=True)
    return found


def _expansion(settings: Settings, run: Run) -> dict[str, Any]:
    cases = ((2, 0.5),) if settings.quick else [(d, e) for d in (2, 3) for e in asked.EXPONENTS]
    table = {}
    for dim, exponent in cases:
        errors = expansion_errors(dim, exponent, (0.0125, 0.00625))
        orders = {name: float(np.log2(pair[0] / pair[1])) for name, pair in errors.items()}
        table[f"d={dim}, exponent {exponent:g}"] = {"errors": errors, "orders": orders}
        for name, order in asked.EXPANSION.items():
            low, high = order - asked.WITHIN, order + asked.WITHIN
            label = f"expansion up to {name}, d={dim}, exponent {exponent:g}: order"
            run.accept(Row.between(label, orders[name], low, high))
    print(f"expansion: {table}", flush=True)
    return table


def _orders(run: Run) -> dict[str, Any]:
    found = {variant: operators.order_in_time(variant) for variant in asked.ORDER_IN_TIME}
    for variant, bound in asked.ORDER_IN_TIME.items():
        order = found[variant]["orders"][-1]
        run.accept(Row.at_least(f"BKW in time, {variant}: order", order, bound))
    print(f"orders in time: {found}", flush=True)
    return found


def _maxwell(settings: Settings, run: Run) -> dict[str, Any]:
    epsilons = (1e-1, 1e-4, 1e-8) if settings.quick else asked.EPSILONS
    found = {eps: mixtures.maxwell_report(eps) for eps in epsilons}
    worst = lambda name: max(each[name] for each in found.values())
    span = f"eps={epsilons[0]:g} to {epsilons[-1]:g}, dt=0.05"
    rows = (
        Row.at_most(f"T against exact, {span}", worst("temperature"), asked.TEMPERATURE),
        Row.at_most(f"drift over epsilon, {span}", worst("drift_over_epsilon"), asked.DRIFT),
        Row.at_most(f"f_L - M, {span}", worst("light_distance"), asked.DISTANCE),
        Row.at_most(f"mass, momentum, energy, {span}", worst("conservation"), asked.CONSERVATION),
    )
    for row in rows:
        run.accept(row)
    lowest = min(each["lowest"] for each in found.values())
    run.accept(Row.at_least(f"min f without limiter, {span}", lowest, asked.LOWEST))
    for eps, report in found.items():
        print(f"Maxwell molecules, eps={eps:g}: {report}", flush=True)
    if not settings.quick:
        limited = min(mixtures.limited_lowest(eps) for eps in epsilons)
        run.accept(Row.at_least(f"min f with limiter, {span}", limited, 0.0))
        found["limited"] = {"lowest": limited}
    return {str(name): report for name, report in found.items()}


def _limit(run: Run) -> dict[str, Any]:
    found = {exponent: mixtures.limit_report(exponent) for exponent in (0.5, 1.0)}
    for exponent, report in found.items():
        label = f"exponent {exponent:g}, eps=1e-8, against the limit equations"
        low, high = 1 - asked.WITHIN, 1 + asked.WITHIN
        for order in report["orders"]:
            run.accept(Row.between(f"{label}: order", order, low, high))
        run.accept(Row.at_most(f"{label}: error at dt=0.025", report["errors"][-1], asked.LIMIT))
        kept = report["conservation"]
        run.accept(Row.at_most(f"{label}: conservation", kept, asked.CONSERVATION))
    print(f"limit: {found}", flush=True)
    return {str(exponent): report for exponent, report in found.items()}


def _tube(settings: Settings, run: Run) -> dict[str, Any]:
    reports = {f"{eps:g}": space.tube_report(eps) for eps in asked.TUBE}
    reports |= {f"{eps:g}, mirrors": space.tube_report(eps, True) for eps in (1e-1, 1e-6)}
    worst = max(report["conservation"] for report in reports.values())
    lowest = min(report["lowest"] for report in reports.values())
    least = min(min(report["density"], report["temperature"]) for report in reports.values())
    span = f"tube, eps={asked.TUBE[0]:g} to {asked.TUBE[-1]:g}"
    run.accept(Row.at_most(f"{span}: mass, momentum, energy", worst, asked.SPACE_CONSERVATION))
    run.accept(Row.at_least(f"{span}: min f", lowest, 0.0))
    run.accept(Row.at_least(f"{span}: least density and temperature", least, 0.0))
    smooth, jumps = (space.limit_errors(width, (50, 100, 200)) for width in (0.08, None))
    label = "smooth tube, eps=1e-6, against the limit equations: order in dx"
    for order in smooth["kinetic_orders"]:
        run.accept(Row.at_least(label, order, asked.SPACE_LIMIT))
    spheres = space.limit_errors(0.08, (25, 50, 100), spheres=True)
    distances = space.limit_distances(asked.TUBE)
    against = {"smooth": smooth, "jumps": jumps, "hard spheres": spheres}
    for name, part in (*against.items(), ("distances", distances)):
        print(f"tube, {name}: {part}", flush=True)
    for name, report in reports.items():
        print(f"tube, eps={name}: {report}", flush=True)
    if settings.pictures:
        from ap_boltzmann_pictures import draw_tube

        run.save_figure("tube", draw_tube)
    distances = {f"{eps:g}": values for eps, values in distances.items()}
    return {"reports": reports, **against, "distances": distances}


def _waves(epsilons: tuple[float, ...], counts: tuple[int, ...], run: Run) -> dict[str, Any]:
    found = {eps: space.wave_errors(eps, counts) for eps in epsilons}
    for eps, report in found.items():
        for name, order in zip(("density", "energy"), report["orders"][-1]):
            label = f"waves of light particles, eps={eps:g}, {name}: order in dx"
            run.accept(Row.at_least(label, order, asked.DIFFUSION))
        print(f"waves, eps={eps:g}: {report}", flush=True)
    return {f"{eps:g}": report for eps, report in found.items()}


def _entropy(settings: Settings, run: Run) -> dict[str, Any]:
    solutions = {eps: mixtures.epochs(eps) for eps in (1e-1, 1e-2, 1e-3)}
    found = {}
    for eps, solution in solutions.items():
        rise = float(jnp.max(jnp.diff(solution.entropy)))
        run.accept(Row.at_most(f"entropy, 150 steps, eps={eps:g}: rise", rise, asked.ENTROPY))
        scales = {name: float(time) for name, time in solution.time_scales._asdict().items()}
        found[str(eps)] = {"rise": rise, **scales}
    if settings.pictures:
        from ap_boltzmann_pictures import draw_epochs

        run.save_figure("epochs", lambda: draw_epochs(solutions))
    print(f"epochs: {found}", flush=True)
    return found


def _truncation() -> dict[str, Any]:
    found = {eps: mixtures.truncation_error(eps) for eps in (0.02, 0.05, 0.1, 0.2, 0.4)}
    for eps, errors in found.items():
        print(f"truncation, eps={eps:g}, anisotropies at t=eps: {errors}", flush=True)
    return {str(eps): errors for eps, errors in found.items()}


def _gradient(run: Run) -> dict[str, float]:
    found = mixtures.gradient_error()
    for name, error in found.items():
        label = f"gradient of the temperature history by {name}: error"
        run.accept(Row.at_most(label, error, asked.GRADIENT))
    return found


def _costs(run: Run) -> dict[str, Any]:
    import ap_boltzmann_cost as cost

    step = cost.step_seconds()
    common = {eps: cost.common_grid(eps, counts) for eps, counts in cost.COUNTS.items()}
    coarse = cost.common_grid(0.125, (16, 8))
    own = {eps: cost.two_grid_seconds(eps) for eps in (0.5, 0.125, 0.03125)}
    sweep = cost.sweep_seconds()
    label = "both direct operators on a common grid, eps=0.125, over one AP step"
    run.accept(Row.at_least(label, common[0.125]["seconds"] / step, asked.TIMES_CHEAPER))
    label = "64 mass ratios, per run: vmap over one at a time"
    run.accept(Row.at_most(label, sweep["vmap"] / sweep["single"], asked.VMAP))
    print(f"one AP step, N=32^2: {1e3 * step:.2f} ms", flush=True)
    print(f"both direct operators on a common grid: {common}", flush=True)
    print(f"the same with 16 radii and 16 angles, eps=0.125: {coarse}", flush=True)
    print(f"both direct operators on two grids, s: {own}", flush=True)
    print(f"sweep, s per run: {sweep}", flush=True)
    named = lambda times: {str(eps): seconds for eps, seconds in times.items()}
    common = {**named(common), "0.125 coarse": coarse}
    return {"step": step, "common": common, "own": named(own), "sweep": sweep}


def _use(settings: Settings, run: Run) -> dict[str, Any]:
    from ap_boltzmann_use import equilibration, infer_the_law

    law = infer_the_law()
    run.accept(Row.at_most("inferred law: error over its deviation", law["off"], 3.0))
    print(f"inferred law: {law}", flush=True)
    sweep = equilibration()
    run.save_arrays("equilibration", **sweep)
    if settings.pictures:
        from ap_boltzmann_pictures import draw_equilibration

        run.save_figure("equilibration", lambda: draw_equilibration(sweep))
    return {"law": law, "equilibration": sweep["time"].tolist()}


if __name__ == "__main__":
    script(__file__)
