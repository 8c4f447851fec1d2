"""The one figure of the demonstration."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from demo_membrane import LOWER, RANGE, UPPER, membrane
from demo_multiscale import exact
from demo_observations import Table

from jaxsci.inverse import InverseSolution
from jaxsci.pde import Box
from jaxsci.plot import plot_field_1d, plot_field_2d, plot_sweep

BLUE, RED, GREY = "#1f4e79", "#c0392b", "#7f8c8d"


def draw(
    multiscale: Any,
    data: Table,
    found: InverseSolution,
    swept: dict[str, np.ndarray],
    truth: float | None,
    metrics: dict[str, Any],
) -> Any:
    """Two panels for the equation, two for the coefficient, one for the sweep."""
    import matplotlib
    from matplotlib.figure import Figure

    style = {"font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(12, 7.2), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
        rows = figure.add_gridspec(2, 1, hspace=0.08)
        top = rows[0].subgridspec(1, 2, width_ratios=(1.5, 1))
        bottom = rows[1].subgridspec(1, 3, width_ratios=(1.2, 0.8, 1.3))
        _multiscale(figure.add_subplot(top[0]), multiscale, metrics)
        _error(figure.add_subplot(top[1]), multiscale)
        _membrane(figure.add_subplot(bottom[0]), data, found)
        _posterior(figure.add_subplot(bottom[1]), found, truth)
        _response(figure.add_subplot(bottom[2]), swept, found)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _multiscale(axes: Any, solution: Any, metrics: dict[str, Any]) -> None:
    plot_field_1d(solution, np.linspace(0, 1, 1000), axes=axes)
    nodes = solution.nodes[0]
    axes.plot(nodes, np.full(nodes.size, -0.13), "|", color=GREY, ms=6, label="points of f")
    axes.set_title(
        "a   u″ = f : three scales found from f alone, relative error "
        f"{metrics['multiscale_error']:.0e}"
    )
    axes.legend(frameon=False, loc="upper left")


def _error(axes: Any, solution: Any) -> None:
    x = jnp.linspace(0, 1, 1000)[:, None]
    error = np.abs(np.asarray(solution(x) - jax.vmap(exact)(x)))
    axes.semilogy(
        x[1:-1], 2 * np.asarray(solution.std(x))[1:-1], color=BLUE, lw=2, label="claimed: 2 sd"
    )
    axes.semilogy(x[1:-1], np.maximum(error, 1e-18)[1:-1], color=RED, lw=0.6, label="true error")
    axes.set(xlabel="x", xlim=(0, 1), ylim=(1e-17, 1e-11))
    axes.set_title("a   the error bar holds")
    axes.legend(frameon=False, loc="upper right", ncols=2)


def _membrane(axes: Any, data: Table, found: InverseSolution) -> None:
    solution = membrane(found.value)
    plot_field_2d(solution, Box(LOWER, UPPER), points=data.points, values=data.values, axes=axes)
    axes.set_title(f"b   membrane and {len(data.values)} noisy observations")


def _posterior(axes: Any, found: InverseSolution, truth: float | None) -> None:
    value, std = float(found.value), float(found.std)
    k = np.linspace(value - 4.5 * std, value + 4.5 * std, 300)
    density = np.exp(-0.5 * ((k - value) / std) ** 2)
    inside = np.abs(k - value) < 1.96 * std
    axes.fill_between(k[inside], density[inside], color="#8fb8de", lw=0, label="95 %")
    axes.plot(k, density, color=BLUE)
    if truth is not None:
        axes.axvline(truth, color=RED, ls="--", lw=1.2, label="truth")
    axes.set(xlabel="wave number k", yticks=[], ylim=(0, 1.35))
    axes.ticklabel_format(useOffset=False)
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    axes.set_title(f"b   k = {value:.4f} ± {std:.4f}")
    axes.legend(frameon=False, loc="upper center", ncols=2)


def _response(axes: Any, swept: dict[str, np.ndarray], found: InverseSolution) -> None:
    for place in sorted({np.pi * np.hypot(m, n) for m in range(1, 5) for n in range(1, 5)}):
        if place < RANGE[1]:
            axes.axvline(place, color=GREY, lw=0.7, ls=":")
    plot_sweep(
        swept["wavenumber"], swept["response"], successful=swept["successful"], log=True, axes=axes
    )
    axes.axvline(float(found.value), color=RED, lw=1.2, ls="--", label="recovered k")
    axes.set(xlabel="wave number k", ylabel="root mean square of u", xlim=RANGE)
    axes.set_ylim(top=4 * swept["response"].max())
    axes.set_title(f"c   {swept['wavenumber'].size} wave numbers at once; dotted: resonances")
    axes.legend(framealpha=1, edgecolor="white", loc="upper right")
