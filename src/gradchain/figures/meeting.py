"""Drawings where prediction meets measurement: bands of networks with a law drawn over them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradchain.figures.axes import band, decades, label_ends, panel_title
from gradchain.figures.style import INK, new_figure, series

LAW = {"color": INK, "linewidth": 2.2, "linestyle": (0, (3, 2)), "zorder": 4}


def law(axes: Axes, x: Sequence[float] | np.ndarray, y: np.ndarray) -> None:
    """Draw a prediction: a dark dashed line over the bands.

    Args:
        axes: where.
        x: (n,).
        y: (n,).
    """
    axes.plot(np.asarray(x, float), np.asarray(y, float), **LAW)


def law_handle() -> Line2D:
    """Return the legend's entry of a prediction.

    Returns:
        A line.
    """
    return Line2D([], [], label="prediction of the root mean square", **LAW)


def draw_growth(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray | None]]],
    x_label: str,
    y_label: str,
    *,
    x: Mapping[str, np.ndarray] | None = None,
    log_x: bool = False,
    share_y: bool = True,
    gap: float = 0.06,
) -> Figure:
    """Draw how something grows with depth, one panel a family, one band a kind, its law over it.

    Args:
        panels: for each panel and curve decimal logarithms (seeds, n) and the law's (n,), or None.
        x_label: name of the x axis.
        y_label: name of the y axis.
        x: for each panel (n,); 0 .. n - 1 if not given.
        log_x: whether x holds decimal logarithms.
        share_y: whether the panels share their y axis.
        gap: least distance of two names at the right end, as a share of the panel's height.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=7.6, share_y=share_y)
    grid = np.atleast_2d(axes)
    # A name has the same colour in every panel.
    places = {name: 0 for curves in panels.values() for name in curves}
    places = {name: index for index, name in enumerate(places)}
    for panel, (title, curves) in zip(grid[0], panels.items(), strict=True):
        own_x = np.arange(0)
        for name, (rows, theory) in curves.items():
            own_x = np.arange(rows.shape[1]) if x is None else x[title]
            band(panel, own_x, rows, places[name], name)
            if theory is not None:
                law(panel, own_x, theory)
        panel.set_xlabel(x_label)
        panel_title(panel, title, 20)
        decades(panel)
        if log_x:
            decades(panel, "x")
        panel.margins(x=0.01)
    low, high = grid[0, 0].get_ylim()
    for panel, curves in zip(grid[0], panels.values(), strict=True):
        if not share_y:
            low, high = panel.get_ylim()
        ends = []
        for name, (rows, _) in curves.items():
            last = float(np.asarray(panel.get_lines()[0].get_xdata())[-1])
            ends.append((last, float(np.median(rows[:, -1])), name, places[name]))
        label_ends(panel, ends, gap * (high - low))
    grid[0, 0].set_ylabel(y_label)
    figure.legend(handles=[law_handle()], loc="outside upper right", fontsize=19)
    return figure


def draw_rates(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray, float]],
    points: Mapping[str, Sequence[tuple[float, float, float]]],
) -> Figure:
    """Draw the factor a layer against the batch size.

    Args:
        curves: for each activation batches, exact factors, and the factor of an infinite batch.
        points: for each activation (batch, measured factor, its standard error).

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=13, height=7.6)
    for index, (name, (batches, factors, limit)) in enumerate(curves.items()):
        colour = series(index)["color"]
        axes.plot(np.log2(batches), factors, **(LAW | {"color": colour, "zorder": 2}))
        own = np.array(points[name])
        axes.errorbar(
            np.log2(own[:, 0]),
            own[:, 1],
            yerr=2 * own[:, 2],
            color=colour,
            marker=series(index)["marker"],
            markersize=11,
            markeredgecolor="white",
            linestyle="none",
            capsize=6,
            linewidth=2.4,
            label=f"{name}, measured (2 standard errors)",
            zorder=4,
        )
        axes.axhline(limit, color=colour, linewidth=1.3, linestyle=(0, (1, 2)))
    axes.plot([], [], **LAW, label="exact rate; dotted: infinite batch")
    axes.axvspan(1.0, np.log2(3), color="#dddddd", zorder=0)
    for words, place in (("batch 2: no gradient", 1.14), ("batch 3: infinite", np.log2(3) - 0.12)):
        axes.text(place, 2.0, words, fontsize=17, rotation=90, ha="center", va="center")
    axes.set_xlim(1, 8.1)
    axes.set_ylim(0.95, 3.2)
    axes.set_xticks(range(1, 9), [str(2**k) for k in range(1, 9)])
    axes.set_xlabel("batch size")
    axes.set_ylabel("factor of the squared gradient a layer")
    axes.legend(loc="upper right", fontsize=18)
    return figure
