"""Drawings of the spread of gradients over draws, beside the band of the exact law.

Sizes |Ju| are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from gradchain.figures.axes import decades, panel_title
from gradchain.figures.style import INK, new_figure, series


class Spread(NamedTuple):
    """Quantiles of 5, 50 and 95 %: of the law (3, k), of the networks (3, k)."""

    x: np.ndarray
    law: np.ndarray
    networks: np.ndarray


def _spread(panel: Axes, found: Spread, index: int) -> None:
    colour = series(index)["color"]
    panel.fill_between(found.x, found.law[0], found.law[2], color=colour, alpha=0.25, lw=0)
    panel.plot(found.x, found.law[1], color=colour, lw=3)
    low, middle, high = found.networks
    alive = np.isfinite(low)
    panel.errorbar(
        found.x[alive],
        middle[alive],
        yerr=(middle[alive] - low[alive], high[alive] - middle[alive]),
        fmt=series(index)["marker"],
        color=INK,
        markersize=8,
        lw=2,
        capsize=6,
        capthick=2,
    )
    panel.axhline(0, color=INK, lw=2, dashes=(5, 2))


def _legend(figure: Figure) -> None:
    handles: list[Any] = [
        Patch(color="#888888", alpha=0.35, label="law: 90 % of networks"),
        Line2D([], [], color="#777777", lw=3, label="law: median"),
        Line2D([], [], color=INK, marker="o", lw=2, label="measured: median, 90 %"),
        Line2D([], [], color=INK, lw=2, dashes=(5, 2), label="root mean square"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=18)


def draw_spreads(panels: Mapping[str, Spread], axis: str, widths: bool = False) -> Figure:
    """Draw what is left of a direction against depth or width, one panel a kind of network.

    Args:
        panels: for each title the quantiles.
        axis: label of the x axis.
        widths: whether x is a width, drawn on a scale of powers.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=8, share_y=True)
    for index, (panel, (title, found)) in enumerate(zip(axes[0], panels.items(), strict=True)):
        _spread(panel, found, index)
        if widths:
            panel.set_xscale("log")
            panel.xaxis.set_major_locator(FixedLocator([int(n) for n in found.x]))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        else:
            panel.set_xlim(0, 1.03 * found.x[-1])
            panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        panel.set_xlabel(axis)
        panel_title(panel, title, 20)
        decades(panel)
    axes[0, 0].set_ylabel("what is left of a direction, |Ju|")
    _legend(figure)
    return figure


def draw_histograms(
    samples: Mapping[str, np.ndarray],
    grids: Mapping[str, np.ndarray],
    densities: Mapping[str, np.ndarray],
    normals: Mapping[str, np.ndarray],
) -> Figure:
    """Draw histograms over networks with the exact density and the normal law.

    Args:
        samples: for each title (S,) decimal logarithms of |Ju|, finite.
        grids: for each title (G,) points.
        densities: for each title (G,) the exact density a decade.
        normals: for each title (G,) the normal density a decade.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(samples), width=15.5, height=7.6)
    for index, (panel, (title, own)) in enumerate(zip(axes[0], samples.items(), strict=True)):
        grid = grids[title]
        bins = np.linspace(grid[0], grid[-1], max(12, min(40, round(own.size**0.5))) + 1)
        style = {"density": True, "color": series(index)["color"], "alpha": 0.35}
        panel.hist(own, bins, **style)
        panel.plot(grid, densities[title], color=INK, lw=3)
        panel.plot(grid, normals[title], color=INK, lw=2.4, dashes=(2, 1.5))
        panel.axvline(0, color=INK, lw=2, dashes=(6, 3))
        panel.set_xlim(grid[0], grid[-1])
        panel.set_yticks([])
        decades(panel, "x")
        panel.set_xlabel("what is left of a direction, |Ju|")
        panel_title(panel, title, 20)
    axes[0, 0].set_ylabel("networks a decade")
    handles: list[Any] = [
        Patch(color="#888888", alpha=0.4, label="measured"),
        Line2D([], [], color=INK, lw=3, label="exact law"),
        Line2D([], [], color=INK, lw=2.4, dashes=(2, 1.5), label="log-normal law"),
        Line2D([], [], color=INK, lw=2, dashes=(6, 3), label="root mean square"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=18)
    return figure


def draw_dead(
    depths: Sequence[int] | np.ndarray,
    shares: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> Figure:
    """Draw the share of networks with a dead layer against depth, one curve a width.

    Args:
        depths: (G,) depths.
        shares: for each width the prediction, the measured share, its low and its high end, (G,).

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7.4)
    for index, (width, (law, share, low, high)) in enumerate(shares.items()):
        style = series(index)
        axes.plot(depths, law, color=style["color"], linestyle=style["linestyle"], lw=3)
        axes.errorbar(
            depths,
            share,
            yerr=(share - low, high - share),
            fmt=style["marker"],
            color=style["color"],
            markeredgecolor=INK,
            markersize=10,
            lw=2.2,
            capsize=6,
            label=f"width {width}",
        )
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(0, 1.03 * depths[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("depth (layers)")
    axes.set_ylabel("share of networks without any gradient")
    handles, labels = axes.get_legend_handles_labels()
    handles.append(Line2D([], [], color="#777777", lw=3))
    figure.legend(
        handles, [*labels, "law"], loc="outside upper center", ncols=len(labels) + 1, fontsize=18
    )
    return figure
