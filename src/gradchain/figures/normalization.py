"""Drawings of normalization in training: learning rates, weight scales, modes, the gap to test points.

Sizes are handed over as decimal logarithms where they span decades.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series


def draw_rates(panels: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> Figure:
    """Draw the share of networks that train against the learning rate, one panel an optimizer.

    Args:
        panels: for each optimizer the logarithms of the rates and, for each curve, the shares.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=4.5 + 5.5 * len(panels), height=7, share_y=True)
    panels_drawn = np.atleast_2d(np.asarray(axes, dtype=object))[0]
    for panel, (name, (rates, curves)) in zip(panels_drawn, panels.items(), strict=True):
        for index, (label, shares) in enumerate(curves.items()):
            line(panel, rates, shares, index, label, markevery=1, markersize=12, linewidth=4)
        panel.set_ylim(-0.03, 1.03)
        panel.set_xlabel(f"learning rate of {name}", fontsize=20)
        decades(panel, "x")
    panels_drawn[0].set_ylabel("share that trains", fontsize=20)
    figure.legend(
        *panels_drawn[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        fontsize=20 if len(panels) > 1 else 17,
    )
    return figure


def draw_scales(log10_scale: np.ndarray, curves: Mapping[str, np.ndarray]) -> Figure:
    """Draw the final loss against the scale of the weights.

    Args:
        log10_scale: (K,) logarithms of the scales.
        curves: for each kind of norm (S, K) logarithms of the loss.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7.4)
    for index, (label, logs) in enumerate(curves.items()):
        band(axes, log10_scale, logs, index, label)
    axes.axhline(
        float(np.log10(np.log(2.0))),
        color=INK,
        linewidth=2,
        linestyle=(0, (2, 2)),
        label="guessing",
    )
    axes.set_xlim(log10_scale[0], log10_scale[-1])
    ticks = [
        value for value in (-3, -2, -1, 0, 1, 2, 3) if log10_scale[0] <= value <= log10_scale[-1]
    ]
    axes.set_xticks(ticks, [f"{10.0**value:g}" for value in ticks], fontsize=19)
    decades(axes)
    axes.set_xlabel("all hidden weights at the start, times", fontsize=20)
    axes.set_ylabel("final training loss", fontsize=20)
    figure.legend(loc="outside upper center", ncols=4, fontsize=19)
    return figure


def draw_modes(panels: Mapping[str, tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> Figure:
    """Draw the loss by epoch in training and in inference mode.

    Args:
        panels: for each place of the norm the epochs and, for each mode, (S, R) logarithms.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=7.4, share_y=True)
    for panel, (name, (epochs, modes)) in zip(axes[0], panels.items(), strict=True):
        for index, (label, logs) in enumerate(modes.items()):
            band(panel, epochs, logs, index, label)
        decades(panel)
        panel.set_xlim(epochs[0] - 0.02 * epochs[-1], 1.02 * epochs[-1])
        panel.set_xlabel("epoch", fontsize=20)
        panel_title(panel, name, 19)
    axes[0, 0].set_ylabel("loss on the training points", fontsize=20)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=20
    )
    return figure


def draw_gap(rows: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw the gaps between test and training points, one dot a data set.

    Args:
        rows: for each kind of norm the gaps of loss and of accuracy, (data sets,) each.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=15, height=5.6, share_y=True)
    for place, (panel, name) in enumerate(
        zip(
            axes[0], ("test loss - training loss", "training accuracy - test accuracy"), strict=True
        )
    ):
        for row, (_, gaps) in enumerate(rows.items()):
            own = series(row)
            heights = row + np.linspace(-0.2, 0.2, len(gaps[place]))
            panel.plot(
                gaps[place], heights, linestyle="none", markersize=11, alpha=0.65,
                color=own["color"], marker=own["marker"],
            )  # fmt: skip
            panel.plot([gaps[place].mean()] * 2, [row - 0.32, row + 0.32], color=INK, linewidth=5)
        panel.axvline(0, color=INK, linewidth=1.5)
        panel.set_xlabel(name, fontsize=20)
        panel.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(rows)), list(rows), fontsize=20)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    return figure
