"""Drawings of the output layer: error signals by logit, gradients by layer, recovery from a wrong start.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

_BOTTOM = -9.5


def draw_signals(
    logits: np.ndarray,
    curves: Mapping[str, np.ndarray],
    points: np.ndarray,
    measured: Mapping[str, np.ndarray],
) -> Figure:
    """Draw the error signal against the logit, closed forms and float32 autodiff.

    Args:
        logits: (n,) logits of the closed forms.
        curves: for each head (n,) logarithms of |dE/dz| on an example of class 1; -inf where 0.
        points: (m,) logits where it was measured.
        measured: for each head (m,) logarithms.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14, height=8)
    for index, (name, logs) in enumerate(curves.items()):
        alive = np.isfinite(logs)
        x, y = logits, np.where(alive, logs, _BOTTOM - 1)
        line(axes, x, y, index, name, marker="none")
        colour = series(index)["color"]
        axes.plot(
            points,
            np.where(np.isfinite(measured[name]), measured[name], np.nan),
            linestyle="none",
            marker=series(index)["marker"],
            markersize=10,
            color=colour,
            markeredgecolor="white",
        )
    axes.axvline(0, color=INK, linewidth=1.6)
    for x, text in ((-0.35, "wrong"), (0.35, "right")):
        axes.annotate(
            text,
            (x * 4, 1.75),
            ha="right" if x < 0 else "left",
            va="center",
            fontsize=20,
            color=INK,
        )
    axes.set_xlim(float(logits[0]), float(logits[-1]))
    axes.set_ylim(_BOTTOM, 2.2)
    decades(axes)
    axes.set_xlabel("logit z of an example of class 1")
    axes.set_ylabel("error signal |dE/dz|")
    figure.legend(loc="outside upper center", fontsize=18, ncols=2)
    return figure


def draw_layers(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw the gradient of every kernel, one panel a start.

    Args:
        panels: for each start and head (S, K) logarithms of gradient norms.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15, height=7.4, share_y=True)
    for panel, (title, heads) in zip(axes[0], panels.items(), strict=True):
        for index, (name, rows) in enumerate(heads.items()):
            band(panel, np.arange(1, rows.shape[1] + 1), rows, index, name)
        panel_title(panel, title, 20)
        panel.set_xlabel("kernel, first to last")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        decades(panel)
    axes[0, 0].set_ylabel("norm of the gradient")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=18)
    return figure


def draw_recovery(panels: Mapping[str, Mapping[str, np.ndarray]], chance: float) -> Figure:
    """Draw the accuracy against the epoch, one panel a start.

    Args:
        panels: for each start and head (5, E): quantiles of the accuracy over seeds at 5, 25, 50, 75
            and 95 %.
        chance: share of the larger class.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15, height=7.4, share_y=True)
    for panel, (title, heads) in zip(axes[0], panels.items(), strict=True):
        for index, (name, rows) in enumerate(heads.items()):
            epochs = np.arange(1, rows.shape[1] + 1)
            panel.fill_between(
                epochs, rows[0], rows[-1], color=series(index)["color"], alpha=0.18, linewidth=0
            )
            line(panel, epochs, rows[2], index, name)
        panel.axhline(chance, color=INK, linewidth=1.8, linestyle=(0, (1, 1.6)))
        panel_title(panel, title, 20)
        panel.set_xlabel("epoch")
        panel.set_ylim(0.3, 1.02)
    axes[0, 0].set_ylabel("accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=18)
    return figure
