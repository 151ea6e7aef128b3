"""Drawings of recognition: hits against false alarms, and which cause fools which sign."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from gradchain.figures.axes import line
from gradchain.figures.style import INK, new_figure, series


def draw_rates(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], marks: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw hits against false alarms while each sign's threshold runs, with the thresholds in use.

    Args:
        curves: for each sign (false alarms, hits), rising.
        marks: for each sign (false alarms, hits) at its threshold in common use; a sign without a curve
            is drawn as a point alone.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14.5, height=8.6)
    places = list(curves)
    for index, (name, (false, hits)) in enumerate(curves.items()):
        line(axes, false, hits, index, name, marker="none", drawstyle="steps-post")
    for name, (false, hit) in marks.items():
        own = series(places.index(name)) if name in places else {"color": INK, "marker": "X"}
        axes.plot(
            [false], [hit], color=own["color"], marker=own["marker"], markersize=19, zorder=5,
            markeredgecolor=INK, markeredgewidth=1.6, linestyle="none", clip_on=False,
            label=f"{name}: threshold in use" if name not in places else None,
        )  # fmt: skip
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1.6, linestyle=(0, (1, 1.6)), label="guessing")
    axes.set_xlim(-0.02, 1.0)
    axes.set_ylim(0, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("false alarms among networks whose gradient has not vanished")
    axes.set_ylabel("hits among those where it has")
    figure.legend(loc="outside right upper", fontsize=17)
    return figure


def draw_causes(rows: Sequence[str], columns: Sequence[str], shares: np.ndarray) -> Figure:
    """Draw a table of shares of alarms in shades of grey, one row a kind of network.

    Args:
        rows: names of the kinds of network.
        columns: names of the signs.
        shares: (rows, columns); NaN where there is no network.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=15, height=1.9 + 0.85 * len(rows))
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1.25, aspect="auto")
    for (row, column), value in np.ndenumerate(shares):
        if np.isfinite(value):
            axes.text(
                column, row, f"{100 * value:.0f} %", ha="center", va="center", fontsize=19,
                color="white" if value > 0.6 else INK,
            )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, fontsize=16)
    axes.set_yticks(range(len(rows)), rows, fontsize=17)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.axhline(0.5, color=INK, linewidth=2.5)
    return figure
