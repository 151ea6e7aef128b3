"""Drawings of what a sweep over one or two settings of training gives: curves with bands, and maps.

Where an axis spans decades its values are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gradchain.figures.axes import decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

_PLAIN = {"color": INK, "linewidth": 2.6, "linestyle": (0, (1, 1))}


@dataclass(frozen=True)
class Curve:
    """One series: a middle and, where it has one, a band. All of shape (n,).

    `index` is the number of the series, its place in the panel if not given; -1 draws a plain dark
    line, for a prediction.
    """

    middle: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    index: int | None = None

    @classmethod
    def over(cls, rows: np.ndarray, share: float = 0.5, index: int | None = None) -> "Curve":
        """Take the median over seeds, and the band that holds a share of them.

        Args:
            rows: (seeds, n); NaN counts as high.
            share: the share of the seeds inside the band.
            index: number of the series, if it is not its place in the panel.

        Returns:
            The curve.
        """
        high = np.where(np.isnan(rows), np.inf, np.asarray(rows, float))
        levels = (1 - share) / 2, 0.5, (1 + share) / 2
        low, middle, top = (np.quantile(high, q, axis=0, method="nearest") for q in levels)
        return cls(middle, low, top, index)


@dataclass(frozen=True)
class Panel:
    """One panel of curves: `lines` are heights of thin dark lines across, with their names."""

    title: str
    x_name: str
    y_name: str
    x: np.ndarray
    curves: Mapping[str, Curve]
    powers: str = ""
    y_range: tuple[float, float] | None = None
    lines: tuple[tuple[float, str], ...] = ()
    ticks: tuple[str, ...] = ()


def draw_panels(panels: Sequence[Panel], height: float = 7.2) -> Figure:
    """Draw panels side by side with one legend above.

    Args:
        panels: one to three; a curve of the same name has the same look in all.
        height: of the figure, in inches.

    Returns:
        The figure.
    """
    width = {1: 11.5, 2: 15.5, 3: 19.0}[len(panels)]
    figure, axes = new_figure(1, len(panels), width=width, height=height)
    grid = [axes] if isinstance(axes, Axes) else list(axes[0])
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    handles = {}
    for place, panel in zip(grid, panels, strict=True):
        for name, curve in panel.curves.items():
            index = names.index(name) if curve.index is None else curve.index
            _curve(place, panel, curve, index, name)
            look = _PLAIN if index < 0 else series(index) | {"markersize": 11}
            handles[name] = Line2D([], [], **look, label=name)  # type: ignore[arg-type]
        _finish(place, panel)
    if len(names) > 1:
        figure.legend(
            handles=[handles[name] for name in names],
            loc="outside upper center",
            ncols=_columns(names, width),
            fontsize=19,
        )
    return figure


def _columns(names: Sequence[str], width: float | int) -> int:
    """Return how many legend entries fit side by side, at about 0.13 inches a letter."""
    return max(1, min(len(names), int(width / (1.1 + 0.13 * max(map(len, names))))))


def _curve(axes: Axes, panel: Panel, curve: Curve, index: int, name: str) -> None:
    x = np.asarray(panel.x, float)
    if curve.low is not None and curve.high is not None:
        low, high = np.asarray(curve.low, float), np.asarray(curve.high, float)
        edge = panel.y_range[1] + 1 if panel.y_range else np.nanmax(high[np.isfinite(high)])
        kept = np.isfinite(low)
        axes.fill_between(
            x[kept],
            low[kept],
            np.minimum(high, edge)[kept],
            color=series(index)["color"],
            alpha=0.2,
            lw=0,
        )
    if index < 0:
        axes.plot(x, curve.middle, **_PLAIN)
        return
    every = {"markevery": 1} if len(x) <= 15 else {}
    line(axes, x, curve.middle, index, name, **every)


def _finish(axes: Axes, panel: Panel) -> None:
    for height, text in panel.lines:
        axes.axhline(height, color=INK, linewidth=2, linestyle=(0, (2, 2)), zorder=1)
        axes.annotate(
            text,
            xy=(0.02, height),
            xycoords=("axes fraction", "data"),
            xytext=(0, 5),
            textcoords="offset points",
            fontsize=17,
            va="bottom",
        )
    if panel.y_range:
        axes.set_ylim(*panel.y_range)
    for which in panel.powers:
        decades(axes, which)
    if np.array_equal(panel.x, np.round(panel.x)) and "x" not in panel.powers:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    if panel.ticks:
        axes.set_xticks(np.asarray(panel.x, float), panel.ticks)
    axes.set_xlabel(panel.x_name)
    axes.set_ylabel(panel.y_name)
    if panel.title:
        panel_title(axes, panel.title, 19)


def draw_maps(
    maps: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    names: tuple[str, str, str],
    columns_of_panels: int = 3,
) -> Figure:
    """Draw shares over two settings as squares of grey with the percentage in each.

    Args:
        maps: for each panel (rows, columns) shares from 0 to 1; NaN is left empty.
        rows: names of the rows, bottom to top.
        columns: names of the columns.
        names: of the rows' axis, of the columns' axis, and of the share.
        columns_of_panels: panels side by side.

    Returns:
        The figure.
    """
    across = min(columns_of_panels, len(maps))
    down = -(-len(maps) // across)
    size = 1.6 + 0.92 * len(columns)
    figure, axes = new_figure(
        down, across, width=1.6 + size * across, height=1.4 + down * (1.9 + 0.62 * len(rows))
    )
    grid = [axes] if isinstance(axes, Axes) else list(axes.ravel())
    for place, (title, values) in zip(grid, maps.items(), strict=False):
        place.pcolormesh(np.asarray(values, float), cmap="Greys", vmin=0, vmax=1.15, edgecolors="w")
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{100 * value:.0f}"
                ink = "white" if value > 0.6 else INK
                centre = column + 0.5, row + 0.5
                place.text(*centre, text, ha="center", va="center", fontsize=17, color=ink)
        place.grid(visible=False)
        place.set_xticks(np.arange(len(columns)) + 0.5, columns)
        place.set_yticks(np.arange(len(rows)) + 0.5, rows)
        place.set_xlabel(names[1])
        place.set_ylabel(names[0])
        panel_title(place, title, 19)
    for place in grid[len(maps) :]:
        place.set_visible(False)
    figure.suptitle(names[2], fontsize=19)
    return figure


def draw_pairs(
    labels: Sequence[str],
    points: Mapping[str, Sequence[tuple[float, float, float]]],
    x_name: str,
) -> Figure:
    """Draw a few values for each of several names, one row a name.

    Args:
        labels: names of the rows, top to bottom.
        points: for each series one (low, middle, high) a row.
        x_name: what the values are.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=13, height=2.6 + 0.62 * len(labels))
    for index, (name, values) in enumerate(points.items()):
        own = series(index)
        shift = 0.16 * (2 * index - len(points) + 1)
        for row, (low, middle, high) in enumerate(values):
            y = row + shift
            axes.plot([low, high], [y, y], color=own["color"], linewidth=6, alpha=0.35)
            axes.plot(
                [middle], [y], color=own["color"], marker=own["marker"], markersize=13, ls="none"
            )
        look = {"color": own["color"], "marker": own["marker"], "ls": "none", "markersize": 13}
        axes.plot([], [], label=name, **look)
    axes.set_yticks(range(len(labels)), labels, fontsize=19)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(x_name)
    figure.legend(loc="outside upper center", ncols=len(points), fontsize=19)
    return figure
