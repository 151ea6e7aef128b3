"""Drawings of fifty words: what is left of a gradient against words back, arithmetic and networks.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradchain.figures.axes import band, bound, decades, floor, label_ends, panel_title
from gradchain.figures.style import INK, new_figure, series

_FLOAT32 = -44.85
_ARITHMETIC: dict[str, Any] = {"color": INK, "linewidth": 1.8, "linestyle": (0, (5, 2.5))}


def draw_left(
    panels: Mapping[str, tuple[Mapping[str, float], Mapping[str, np.ndarray]]],
    sure: tuple[str, str, float],
) -> Figure:
    """Draw what is left against words back: dark lines for equal factors, bands for networks.

    Args:
        panels: for each title the logarithm of each factor by its name, and for each network
            (S, words + 1) logarithms.
        sure: the panel, name and logarithm of the factor whose powers are an upper bound there.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17.5, height=9)
    index = 0
    for panel, (title, (factors, networks)) in zip(axes[0], panels.items(), strict=True):
        words = next(iter(networks.values())).shape[1] - 1
        back, ends = np.arange(words + 1), []
        lowest = min(
            words * min(factors.values()), *(float(rows.min()) for rows in networks.values())
        )
        panel.set_xlim(0, words)
        panel.set_ylim(
            1.05 * lowest, max(0.05 * -lowest, *(r.max() + 0.3 for r in networks.values()))
        )
        for name, factor in factors.items():
            if (title, name) == sure[:2]:
                bound(panel, back, back * sure[2], "")
            else:
                panel.plot(back, back * factor, **_ARITHMETIC)
            ends.append((words, words * factor, name, -1))
        for name, rows in networks.items():
            band(panel, back, rows, index, name)
            ends.append((words, float(np.median(rows[:, -1])), name, index))
            index += 1
        if lowest < _FLOAT32:
            floor(panel, _FLOAT32, "float32 ends")
        label_ends(panel, ends, 0.05 * (panel.get_ylim()[1] - panel.get_ylim()[0]))
        panel.axhline(0, color=INK, linewidth=1.4)
        decades(panel)
        panel.set_xlabel("words back")
        panel_title(panel, title, 20)
    axes[0, 0].set_ylabel("what is left of a gradient")
    figure.legend(
        handles=[
            Line2D([], [], label="arithmetic: one factor a word", **_ARITHMETIC),
            Line2D([], [], label="upper bound", color=INK, linewidth=2.0, linestyle=(0, (1, 1))),
            Patch(color="#999999", alpha=0.5, label="90 % of real networks, with median"),
        ],
        loc="outside upper center",
        ncols=3,
        fontsize=19,
    )
    return figure


def draw_paths(panels: Mapping[str, tuple[np.ndarray, np.ndarray, float]]) -> Figure:
    """Draw the direct path through the gates, all paths together, and a gate that stands still.

    Args:
        panels: for each title (S, words + 1) logarithms in total and along the direct path, and the
            logarithm of the gate at its bias.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17.5, height=7.6, share_y=True)
    low = min(float(direct.min()) for _, direct, _ in panels.values())
    for panel, (title, (total, direct, gate)) in zip(axes[0], panels.items(), strict=True):
        back = np.arange(total.shape[1])
        _standing(panel, back, gate)
        band(panel, back, total, 0, "all paths")
        band(panel, back, direct, 1, "direct path: product of the gates")
        panel.axhline(0, color=INK, linewidth=1.4)
        panel.set_xlim(0, back[-1])
        panel.set_xlabel("words back")
        panel_title(panel, title, 20)
    top = max(float(total.max()) for total, _, _ in panels.values())
    axes[0, 0].set_ylim(1.05 * low, max(top, 0.0) + 0.05 * abs(low))
    decades(axes[0, 0])
    axes[0, 0].set_ylabel("what is left of a gradient")
    handles = [Line2D([], [], **series(k)) for k in (0, 1)]
    labels = ["all paths", "direct path: product of the gates"]
    handles.append(Line2D([], [], **_ARITHMETIC))
    figure.legend(
        handles,
        [*labels, "a gate that stands still at its bias"],
        loc="outside upper center",
        ncols=3,
        fontsize=19,
    )
    return figure


def _standing(panel: Axes, back: np.ndarray, gate: float) -> None:
    # Drawn above the bands: the direct path lies on it.
    panel.plot(back, back * gate, zorder=5, **_ARITHMETIC)
