"""Drawings of gradients through time: by cell, by forget bias, until lost, before and after training.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradchain.figures.axes import band, bound, decades, floor, label_ends, panel_title
from gradchain.figures.meeting import LAW
from gradchain.figures.style import INK, new_figure, series

_BAND = Patch(color="#999999", alpha=0.5, label="90 % of networks, with median")
_THEORY = Line2D([], [], label="prediction (root mean square)", **LAW)
_BOUND = Line2D([], [], label="upper bound", color=INK, linewidth=2.0, linestyle=(0, (1, 1)))


class Curve(NamedTuple):
    """Networks (S, T+1), prediction (T+1,) or None, upper bound (T+1,) or None, by steps back."""

    rows: np.ndarray
    theory: np.ndarray | None
    upper: np.ndarray | None


def _panel(
    panel: Axes, curves: Mapping[str, Curve], places: Mapping[str, int], limits: Mapping[str, float]
) -> None:
    back = np.arange(next(iter(curves.values())).rows.shape[1])
    low, _ = panel.get_ylim()
    ends = []
    for name, curve in curves.items():
        # A chain that is cut at 0 counts as lowest.
        rows = np.where(np.isfinite(curve.rows), curve.rows, -999.0)
        band(panel, back, rows, places[name], name)
        if curve.theory is not None:
            panel.plot(back, curve.theory, **LAW)
        last = np.median(rows, axis=0)
        # A median may lie between a chain and one that is cut: named is where it leaves the panel.
        shown = np.flatnonzero(last >= low)[-1]
        ends.append((back[shown], float(last[shown]), name, places[name]))
    low, high = panel.get_ylim()
    for name, curve in curves.items():
        if curve.upper is not None and curve.upper[-1] < high + 20:
            panel.set_ylim(low, high)
            bound(panel, back, curve.upper, f"upper bound, {name}")
    panel.axhline(0, color=INK, linewidth=1.4)
    panel.set_xlim(0, back[-1])
    panel.set_xlabel("steps back")
    for name, height in limits.items():
        floor(panel, height, "")
        ends.append((back[-1], height, name, -1))
    label_ends(panel, ends, 0.055 * (high - low))


def draw_cells(
    panels: Mapping[str, Mapping[str, Curve]],
    bottoms: Sequence[float],
    limits: Mapping[str, float],
) -> Figure:
    """Draw what is left of a gradient against steps back, one panel a family of cells.

    Args:
        panels: for each title and name a curve.
        bottoms: for each panel the lower end of its axis.
        limits: names and logarithms of lines across, drawn where a panel reaches them.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17.5, height=9)
    names = [name for curves in panels.values() for name in curves]
    places = {name: index for index, name in enumerate(dict.fromkeys(names))}
    for panel, (title, curves), bottom in zip(axes[0], panels.items(), bottoms, strict=True):
        tops = [float(np.nanmax(curve.rows)) for curve in curves.values()]
        panel.set_ylim(bottom, max(*tops, 0.0) - 0.04 * bottom)
        own = {name: height for name, height in limits.items() if height > bottom}
        _panel(panel, curves, places, own)
        decades(panel)
        panel_title(panel, title, 20)
    axes[0, 0].set_ylabel("what is left of a gradient")
    handles: list[Any] = [_BAND, _THEORY]
    if any(curve.upper is not None for curves in panels.values() for curve in curves.values()):
        handles.append(_BOUND)
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=19)
    return figure


def draw_lost(
    rows: Sequence[tuple[str, Mapping[str, tuple[float, float, float, float]]]], farthest: float
) -> Figure:
    """Draw after how many steps a gradient falls below each limit, one row a cell.

    Args:
        rows: for each cell, from top to bottom, its name and for each limit the median, the two ends of
            its interval and the prediction, as decimal logarithms of steps; infinite if never.
        farthest: decimal logarithm of the steps that were looked at.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=15.5, height=8.6)
    names = list(rows[0][1])
    for place, (_, limits) in enumerate(rows):
        if not any(np.isfinite(middle) for middle, *_ in limits.values()):
            axes.text(0.03, -place + 0.05, "none of these, as far as looked at", fontsize=16)
        for index, name in enumerate(names):
            middle, low, high, theory = limits[name]
            height = -place + 0.22 - 0.22 * index
            style = series(index)
            if np.isfinite(theory) and theory < farthest + 1:
                axes.plot(
                    [theory],
                    [height],
                    marker=style["marker"],
                    markersize=15,
                    markerfacecolor="none",
                    markeredgecolor=INK,
                    markeredgewidth=2,
                    zorder=3,
                )
            if np.isfinite(middle):
                reach = ([middle - low], [high - middle if np.isfinite(high) else 0.0])
                axes.errorbar(
                    [middle],
                    [height],
                    xerr=reach,
                    marker=style["marker"],
                    color=style["color"],
                    markersize=9,
                    lw=2.2,
                    capsize=5,
                    zorder=4,
                )
    axes.axvline(farthest, color="#444444", lw=1.8, ls=(0, (1, 1.6)))
    axes.text(farthest - 0.02, 0.62, "looked at", ha="right", fontsize=17, color="#333333")
    axes.set_yticks([-place for place in range(len(rows))], [name for name, _ in rows])
    axes.set_ylim(0.5 - len(rows), 0.9)
    axes.set_xlim(0, farthest + 0.75)
    decades(axes, "x")
    axes.set_xlabel("steps until a gradient is below")
    handles = [
        Line2D([], [], color=series(k)["color"], marker=series(k)["marker"], lw=0, label=name)
        for k, name in enumerate(names)
    ]
    handles.append(
        Line2D(
            [],
            [],
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=INK,
            lw=0,
            label="prediction",
        )
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=19)
    return figure


def draw_training(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray, str]], distance: int, columns: int = 5
) -> Figure:
    """Draw what is left before and after training, one panel a cell.

    Args:
        panels: for each title (S, T+1) logarithms before and after, and a line of text.
        distance: steps back that the networks were trained for.
        columns: panels a row.

    Returns:
        The figure.
    """
    lines = -(-len(panels) // columns)
    figure, axes = new_figure(
        lines, columns, width=18, height=5.2 * lines, share_x=True, share_y=True
    )
    for panel in axes.ravel()[len(panels) :]:
        panel.set_visible(False)
    back = np.arange(next(iter(panels.values()))[0].shape[1])
    for panel, (title, (before, after, said)) in zip(axes.ravel(), panels.items(), strict=False):
        for index, rows in enumerate((before, after)):
            shown = np.where(np.isfinite(rows), rows, -99.0)
            band(panel, back, shown, index, ("before", "after")[index])
        panel.axvline(distance, color=INK, lw=1.8, dashes=(4, 2))
        panel.axhline(0, color=INK, lw=1.2)
        panel.text(0.97, 0.95, said, transform=panel.transAxes, ha="right", va="top", fontsize=17)
        panel_title(panel, title, 18)
    axes[0, 0].set_ylim(-10.5, 4.5)
    axes[0, 0].set_xlim(0, back[-1])
    decades(axes[0, 0])
    for row in axes:
        row[0].set_ylabel("left of a gradient")
    for panel in axes[-1]:
        panel.set_xlabel("steps back")
    handles = [Line2D([], [], **series(k)) for k in (0, 1)]
    handles.append(Line2D([], [], color=INK, lw=1.8, dashes=(4, 2)))
    figure.legend(
        handles,
        ["before training", "after training", f"distance trained for: {distance}"],
        loc="outside upper center",
        ncols=3,
        fontsize=19,
    )
    return figure


def draw_strength(
    log10_square: np.ndarray,
    theory: Mapping[str, np.ndarray],
    points: Mapping[str, Sequence[tuple[float, float, float, float]]],
) -> Figure:
    """Draw the factor a step against the size of the inputs.

    Args:
        log10_square: (G,) logarithms of |x|^2.
        theory: for each cell (G,) predicted factors.
        points: for each cell (logarithm of |x|^2, median factor, 5 % and 95 % quantile).

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=13.5, height=8)
    ends = []
    for index, (name, factors) in enumerate(theory.items()):
        style = series(index)
        axes.plot(log10_square, factors, **(LAW | {"color": style["color"], "zorder": 2}))
        own = np.array(points[name])
        axes.errorbar(
            own[:, 0],
            own[:, 1],
            yerr=(own[:, 1] - own[:, 2], own[:, 3] - own[:, 1]),
            color=style["color"],
            marker=style["marker"],
            markersize=11,
            markeredgecolor="white",
            linestyle="none",
            capsize=6,
            linewidth=2.4,
            zorder=4,
        )
        ends.append((log10_square[-1], factors[-1], name, index))
    axes.axhline(1, color=INK, linewidth=1.4)
    axes.axvline(0, color=INK, lw=1.4, dashes=(4, 2))
    axes.set_xlim(log10_square[0] - 0.05, log10_square[-1])
    axes.set_ylim(0, 1.08)
    label_ends(axes, ends, 0.06)
    decades(axes, "x")
    axes.set_xlabel("size of an input, |x|^2")
    axes.set_ylabel("factor of a gradient a step")
    handles: list[Any] = [
        Line2D([], [], label="prediction, infinite width", **LAW),
        Line2D(
            [],
            [],
            color="#777777",
            marker="o",
            lw=0,
            markersize=11,
            label="median, 90 % of networks",
        ),
        Line2D([], [], color=INK, lw=1.4, dashes=(4, 2), label="one-hot tokens"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=18)
    return figure
