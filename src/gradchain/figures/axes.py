"""What is drawn again and again: lines with bands, bounds, floors of float types, decades.

Where values span decades they are handed over as decimal logarithms and drawn on a linear axis with
ticks 10^k: a float axis would stop at 1e-308, and these chains do not.
"""

from collections.abc import Sequence
from typing import Any, SupportsFloat

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gradchain.figures.style import INK, series


def line(axes: Axes, x: Any, y: Any, index: int, label: str, **changes: Any) -> None:
    """Draw one series with its own colour, dash and about ten markers.

    Args:
        axes: where.
        x: shape (n,).
        y: shape (n,); values that are not finite leave a gap.
        index: number of the series, see `series`.
        label: its name, for the legend and for `label_ends`.
        **changes: anything that `Axes.plot` takes.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    style = series(index) | {"markevery": _markevery(len(x), index), "label": label} | changes
    axes.plot(x, np.where(np.isfinite(y), y, np.nan), **style)


def band(axes: Axes, x: Any, rows: Any, index: int, label: str, share: float = 0.9) -> None:
    """Draw the median over seeds, and the band that holds a share of the seeds.

    Args:
        axes: where.
        x: shape (n,).
        rows: shape (seeds, n); a seed that is not finite counts as lowest, as a dead chain does.
        index: number of the series.
        label: its name.
        share: the share of the seeds inside the band.
    """
    rows = np.asarray(rows, dtype=float)
    low, middle, high = (
        np.quantile(rows, level, axis=0, method="nearest")
        for level in ((1 - share) / 2, 0.5, (1 + share) / 2)
    )
    style = series(index)
    finite = np.isfinite(low) & np.isfinite(high)
    axes.fill_between(
        np.asarray(x, dtype=float)[finite],
        low[finite],
        high[finite],
        color=style["color"],
        alpha=0.22,
        linewidth=0,
    )
    line(axes, x, middle, index, label)


def bound(axes: Axes, x: Any, y: Any, label: str, side: str = "upper") -> None:
    """Draw a bound: a thin dark line with short strokes on the forbidden side.

    Args:
        axes: where.
        x: shape (n,).
        y: shape (n,).
        label: its name; say "upper bound" or "lower bound" in it.
        side: `upper` or `lower`.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    axes.plot(x, y, color=INK, linewidth=2.0, linestyle=(0, (1, 1)), label=label)
    low, high = axes.get_ylim()
    height = 0.03 * abs(high - low) * (1 if side == "upper" else -1)
    axes.fill_between(x, y, y + height, facecolor="none", edgecolor="#777777", hatch="////", lw=0)


def floor(axes: Axes, height: SupportsFloat, label: str, **changes: Any) -> None:
    """Draw where a number type ends: a dotted line across, named in the right margin.

    Args:
        axes: where.
        height: decimal logarithm of the smallest positive number of the type.
        label: the type's name.
        **changes: anything that `Axes.axhline` takes.
    """
    style = {"color": "#444444", "linewidth": 1.8, "linestyle": (0, (1, 1.6))} | changes
    axes.axhline(float(height), **style)
    axes.annotate(
        label,
        xy=(1.0, float(height)),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=16,
        color="#333333",
        annotation_clip=False,
    )


def decades(axes: Axes, which: str = "y", ticks: int = 7) -> None:
    """Write the ticks of an axis that holds decimal logarithms as powers of ten.

    Args:
        axes: where.
        which: `x` or `y`.
        ticks: about how many.
    """
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(MaxNLocator(nbins=ticks, integer=True, steps=[1, 2, 3, 5, 10]))
    axis.set_major_formatter(FuncFormatter(_power))


def label_ends(axes: Axes, labels: Sequence[tuple[Any, Any, str, int]], gap: SupportsFloat) -> None:
    """Name curves at their right ends instead of in a legend, without overlaps.

    Args:
        axes: where.
        labels: for each curve x and y of its end, its name, and its series number (-1: dark ink).
        gap: the least distance between two names, in units of the y axis.
    """
    heights = _spread([float(y) for _, y, _, _ in labels], float(gap))
    for (x, y, text, index), height in zip(labels, heights, strict=True):
        colour = INK if index < 0 else _dark(series(index)["color"])
        axes.annotate(
            text,
            xy=(x, y),
            xytext=(12, height),
            textcoords=("offset points", "data"),
            va="center",
            ha="left",
            fontsize=16,
            color=colour,
            annotation_clip=False,
        )


def _spread(wanted: list[float], gap: float) -> list[float]:
    """Return heights in the order of those wanted, near them, and never nearer than the gap."""
    groups: list[list[int]] = []
    for k in sorted(range(len(wanted)), key=wanted.__getitem__):
        groups.append([k])
        # Names that would touch become one group, centred where its members want to be.
        while len(groups) > 1:
            below, above = (_places(group, wanted, gap) for group in groups[-2:])
            if above[0] - below[-1] >= gap:
                break
            groups[-2:] = [groups[-2] + groups[-1]]
    found = dict.fromkeys(range(len(wanted)), 0.0)
    for group in groups:
        found.update(zip(group, _places(group, wanted, gap), strict=True))
    return [found[k] for k in range(len(wanted))]


def _places(group: list[int], wanted: list[float], gap: float) -> list[float]:
    middle = sum(wanted[k] for k in group) / len(group)
    return [middle + gap * (position - (len(group) - 1) / 2) for position in range(len(group))]


def panel_title(axes: Axes, text: str, size: float | int = 17) -> None:
    """Put a short title over a panel.

    Args:
        axes: the panel.
        text: the title.
        size: the letters' size in points.
    """
    axes.set_title(text, fontsize=size)


def _dark(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    # Text needs more contrast on white than a thick line does.
    return tuple(0.62 * part for part in colour)  # type: ignore[return-value]


def _markevery(count: int, index: int) -> tuple[int, int]:
    step = max(1, count // 9)
    return (min(index, max(0, count - 1)) % step, step)


def _power(value: float, position: int | None = None) -> str:
    return "1" if value == 0 else f"$10^{{{value:.0f}}}$"
