"""Drawings of the remedies: every fix by gradient ratio and final loss, by depth, and in pairs.

Sizes are handed over as decimal logarithms.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradchain.figures.axes import decades, panel_title
from gradchain.figures.style import INK, new_figure, series
from gradchain.figures.words import power_of_ten

VARIANTS = ("sigmoid", "ReLU", "as named")


class Point(NamedTuple):
    """One fix on one kind of unit: row of the picture, variant, and (low, median, high) of each."""

    row: int
    variant: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    loss: tuple[float, float, float]


def draw_summary(labels: Sequence[str], points: Sequence[Point], stuck: float | int) -> Figure:
    """Draw every remedy by gradient ratio at the start and by final loss.

    Args:
        labels: names of the rows, top to bottom; the first is the baseline.
        points: one a fix and kind of unit.
        stuck: logarithm of the loss of guessing.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16, height=0.56 * len(labels) + 2.6, share_y=True)
    left, right = axes[0]
    for panel, name in ((left, "start"), (right, "loss")):
        low = min(getattr(p, name)[0] for p in points if np.isfinite(getattr(p, name)[0]))
        for row in range(0, len(labels), 2):
            panel.axhspan(row - 0.5, row + 0.5, color="#f0f0f0", zorder=0)
        for point in points:
            _dot(panel, point, getattr(point, name), low)
        panel.grid(visible=False, axis="y")
        panel.set_xlim(*_whole(*panel.get_xlim()))
        decades(panel, "x")
    left.axvline(0, color=INK, linewidth=2)
    right.axvline(float(stuck), color=INK, linewidth=2, linestyle=(0, (2, 2)))
    left.set_yticks(range(len(labels)), labels, fontsize=20)
    left.set_ylim(len(labels) - 0.5, -0.5)
    left.set_xlabel("gradient at the start, first layer / last layer", fontsize=20)
    right.set_xlabel("final training loss", fontsize=20)
    panel_title(left, "right of the line: it grows downward", 17)
    panel_title(right, "dashed: guessing, log 2", 17)
    used = sorted({point.variant for point in points})
    handles = [Line2D([], [], label=VARIANTS[k], markersize=15, **_style(k)) for k in used]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=20)
    return figure


def _whole(low: float, high: float) -> tuple[float, float]:
    """Widen an axis of powers of ten until two ticks fit."""
    return (low, high) if high - low > 1.5 else (min(low, math.floor(low) - 0.1), max(high, 0.1))


def _style(variant: int) -> dict[str, Any]:
    # Handed on to matplotlib, whose every argument has a type of its own.
    own: dict[str, Any] = series(variant)
    return own | {"linestyle": "none", "markeredgecolor": "white"}


def _dot(panel: Axes, point: Point, values: tuple[float, float, float], low: float) -> None:
    bottom, middle, top = (max(v, low - 1) if v == v else low - 1 for v in values)
    height = point.row + (0.0 if point.variant == 2 else 0.16 * (2 * point.variant - 1))
    style = _style(point.variant)
    panel.plot([bottom, top], [height, height], color=style["color"], linewidth=5, alpha=0.35)
    panel.plot([middle], [height], markersize=14, zorder=4, **style)


def draw_depths(
    labels: Sequence[str], depths: Sequence[int], panels: Mapping[str, np.ndarray]
) -> Figure:
    """Draw the final loss of every remedy at every depth as a table of shades, values written in.

    Args:
        labels: names of the rows.
        depths: hidden layers, one a column.
        panels: for each kind of unit (rows, depths) logarithms of median losses, NaN where untried.

    Returns:
        The figure.
    """
    size = 0.5 * len(labels) + 2.2
    width = 4.6 + 1.5 * len(depths) * len(panels)
    figure, axes = new_figure(1, len(panels), width=width, height=size, share_y=True)
    low = min(-1.0, min(float(np.nanmin(logs)) for logs in panels.values()))
    for panel, (name, logs) in zip(np.ravel(axes), panels.items(), strict=True):
        panel.imshow(
            np.ma.masked_invalid(logs),
            cmap="Blues_r",
            vmin=low,
            vmax=0.0,
            aspect="auto",
            alpha=0.85,
        )
        for row, column in np.argwhere(~np.isnan(logs)):
            value = float(logs[row, column])
            ink = "white" if value < 0.55 * low else INK
            text = power_of_ten(value)
            panel.text(column, row, text, ha="center", va="center", fontsize=18, color=ink)
        panel.grid(visible=False)
        panel.set_xticks(range(len(depths)), [str(depth) for depth in depths], fontsize=19)
        panel.set_xlabel("hidden layers", fontsize=19)
        panel_title(panel, name, 19)
    first = np.ravel(axes)[0]
    first.set_yticks(range(len(labels)), labels, fontsize=19)
    return figure


def draw_square(panels: Mapping[str, np.ndarray], ends: Mapping[str, np.ndarray]) -> Figure:
    """Draw a 2 x 2 design: what a fix does to sigmoid and to ReLU networks.

    Args:
        panels: for each measure (2, 2) means of logarithms, [sigmoid or relu, without or with].
        ends: for each measure the halves of their 95 % intervals.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=7 * len(panels), height=7)
    for panel, (name, means) in zip(axes[0], panels.items(), strict=True):
        for index, label in enumerate(("sigmoid", "ReLU")):
            own, half = means[index], ends[name][index]
            panel.errorbar(
                [0, 1],
                own,
                half,
                capsize=9,
                capthick=3,
                markersize=14,
                label=label,
                **series(index),
            )
        panel.set_xlim(-0.35, 1.35)
        panel.set_xticks([0, 1], ["Glorot", "He"], fontsize=20)
        panel_title(panel, name, 19)
        panel.grid(visible=False, axis="x")
        panel.margins(y=0.15)
        panel.set_ylim(*_whole(*panel.get_ylim()))
        decades(panel)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=20
    )
    return figure


def draw_interactions(
    labels: Sequence[str], rows: Sequence[Sequence[tuple[float, float]]]
) -> Figure:
    """Draw what each fix does to the loss of sigmoid and of ReLU networks, in decades.

    Args:
        labels: names of the fixes, top to bottom.
        rows: for each fix (mean, half a 95 % interval) of its effect on sigmoid and on ReLU networks.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14, height=0.72 * len(labels) + 2.4)
    for row, pairs in enumerate(rows):
        for index, (mean, half) in enumerate(pairs):
            height = row + 0.17 * (2 * index - 1)
            own = series(index) | {"linestyle": "none"}
            label = ("on sigmoid networks", "on ReLU networks")[index] if row == 0 else None
            axes.errorbar(
                [mean],
                [height],
                xerr=half,
                capsize=6,
                elinewidth=4,
                markersize=14,
                label=label,
                **own,
            )
    axes.axvline(0, color=INK, linewidth=2.2)
    axes.set_yticks(range(len(labels)), labels, fontsize=20)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("change of the final loss, decades (left: better)", fontsize=20)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper center", ncols=2, fontsize=20)
    return figure
