"""Drawings of optimizers on a network whose gradient has vanished: what moves, and what it is worth.

Sizes are handed over as decimal logarithms; -inf (nothing moved) is drawn at the lower edge.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

LOG_LN2 = float(np.log10(np.log(2.0)))


def draw_hidden(
    names: Sequence[str],
    percent: Mapping[str, Sequence[np.ndarray]],
    losses: Mapping[str, Sequence[np.ndarray]],
) -> Figure:
    """Draw for each optimizer how far first-layer weights moved, and beside it the final loss.

    Args:
        names: of the optimizers.
        percent: for each depth's label, for each optimizer (S,) logarithms of the median percent change
            of the first kernel.
        losses: for each depth's label, for each optimizer (S,) losses.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16, height=8.6, share_y=True)
    left, right = axes[0]
    bottom = -4.0
    for index, columns in enumerate(percent.values()):
        style = series(index)
        for place, values in enumerate(columns):
            y = place + 0.3 * (index - (len(percent) - 1) / 2)
            low, middle, high = _three(np.maximum(values, bottom))
            left.plot([low, high], [y, y], color=style["color"], linewidth=6, alpha=0.45)
            left.plot(
                [middle], [y], color=style["color"], marker=style["marker"], markersize=12,
                linestyle="none",
            )  # fmt: skip
            if middle <= bottom:
                left.annotate(
                    "did not move" if np.median(values) == -np.inf else "less",
                    xy=(bottom, y),
                    xytext=(14, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=15,
                )
    left.axvline(0, color=INK, linewidth=2, linestyle=(0, (1, 1.6)))
    left.set_xlim(bottom - 0.15, 3)
    decades(left, "x")
    left.set_xlabel("change of first-layer weights, percent")
    for index, (label, columns) in enumerate(losses.items()):
        style = series(index)
        for place, values in enumerate(columns):
            y = place + 0.3 * (index - (len(losses) - 1) / 2)
            low, middle, high = _three(values)
            right.plot([low, high], [y, y], color=style["color"], linewidth=6, alpha=0.45)
            right.plot(
                [middle], [y], color=style["color"], marker=style["marker"], markersize=12,
                linestyle="none", label=label if place == 0 else None,
            )  # fmt: skip
    right.axvline(
        np.log(2.0), color=INK, linewidth=2, linestyle=(0, (1, 1.6)), label="log 2 = 0.693"
    )
    right.set_xlim(min(right.get_xlim()[0], 0.6), max(right.get_xlim()[1], 0.72))
    right.set_xlabel("loss of the last epoch")
    left.set_yticks(range(len(names)), list(names), fontsize=18)
    left.invert_yaxis()
    panel_title(left, "what the weights do", 20)
    panel_title(right, "what it is worth", 20)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, fontsize=19)
    return figure


def _three(values: np.ndarray) -> tuple[float, float, float]:
    high = np.where(np.isnan(values), np.inf, values)
    low, middle, top = np.quantile(high, [0.05, 0.5, 0.95], method="inverted_cdf")
    return float(low), float(middle), float(top)


def draw_layers(true: np.ndarray, pseudo: Mapping[str, np.ndarray]) -> Figure:
    """Draw by layer the true gradient a weight, and what is read off the weights instead.

    Args:
        true: (S, K) logarithms of the root mean square of the true gradient's entries at the start.
        pseudo: for each optimizer (S, K) logarithms of median |old - new|/rate.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=15.5, height=8.4)
    bottom = -10.0
    kernels = np.arange(1, true.shape[1] + 1)
    axes.plot(
        kernels, np.median(true, axis=0), color=INK, linewidth=6, label="true gradient, start"
    )
    for index, (name, rows) in enumerate(pseudo.items()):
        line(axes, kernels, np.maximum(np.median(rows, axis=0), bottom), index, name, markevery=1)
    axes.set_ylim(bottom, 4)
    decades(axes)
    axes.set_xticks(kernels)
    axes.set_xlabel("kernel, from first to last")
    axes.set_ylabel("|old - new| / rate, median weight")
    figure.legend(loc="outside right upper", fontsize=18)
    return figure


def draw_losses(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw loss against epoch for each optimizer, one panel a depth.

    Args:
        panels: for each depth's title and optimizer's name (5, E) quantiles of the loss.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=16, height=8.4, share_y=True)
    row = np.atleast_1d(axes).ravel()  # one panel comes alone, several in a grid
    for panel, (title, curves) in zip(row, panels.items(), strict=True):
        for index, (name, rows) in enumerate(curves.items()):
            band(panel, np.arange(1, rows.shape[1] + 1), rows, index, name, share=1.0)
        panel.axhline(
            np.log(2.0), color=INK, linewidth=2, linestyle=(0, (1, 1.6)), label="log 2 = 0.693"
        )
        panel.set_ylim(0.4, 0.8)
        panel.set_xlabel("epoch")
        panel_title(panel, title, 20)
    row[0].set_ylabel("loss")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=18)
    return figure
