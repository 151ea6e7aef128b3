"""Drawings of networks on two moons: what they learn, how long it takes, what their weights do.

Sizes that span decades are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

# Weights that did not move at all are drawn at the lower edge: a hundredth of a percent.
_STILL = -2.0
LOG_LN2 = float(np.log10(np.log(2.0)))


def draw_boundaries(
    points: np.ndarray,
    classes: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    panels: Mapping[str, np.ndarray],
) -> Figure:
    """Draw the points and, for some networks, where they change their answer.

    Args:
        points: (2, n).
        classes: (n,) of 0 and 1.
        x: (k,) first coordinates of the grid.
        y: (m,) second coordinates.
        panels: title -> (m, k) logits.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=16, height=6.4, share_y=True)
    for panel, (title, logits) in zip(axes[0], panels.items(), strict=True):
        panel.contourf(
            x, y, logits, levels=[-np.inf, 0, np.inf], colors=[_light(0), _light(1)], zorder=0
        )
        panel.contour(x, y, logits, levels=[0.0], colors=[INK], linewidths=4, zorder=2)
        for index, name in enumerate(("outer moon", "inner moon")):
            own = points[:, classes == index]
            style = series(index)
            panel.scatter(
                *own,
                s=46,
                color=style["color"],
                marker=style["marker"],
                edgecolor="white",
                label=name,
            )
        panel.set_xlabel("first coordinate")
        panel.grid(False)
        panel_title(panel, title, 19)
    axes[0, 0].set_ylabel("second coordinate")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles.append(figure.axes[0].plot([], [], color=INK, linewidth=4)[0])
    figure.legend(
        handles, [*labels, "learned boundary"], loc="outside upper center", ncols=3, fontsize=19
    )
    return figure


def _light(index: int) -> tuple[float, float, float]:
    return tuple(1 - 0.22 * (1 - part) for part in series(index)["color"])  # type: ignore[return-value]


def draw_curves(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw losses against epochs, with a line at log 2.

    Args:
        panels: for each panel's title and name of a curve, (5, E) logarithms of the loss at five
            quantiles over seeds, the middle one the median, the outer ones the band.

    Returns:
        The figure.
    """
    width = 7.6 * max(2, len(panels)) - 1.6 * (len(panels) == 1)
    figure, axes = new_figure(1, len(panels), width=width, height=7.6, share_y=True)
    row = np.atleast_1d(axes).ravel()  # one panel comes alone, several in a grid
    for panel, (title, curves) in zip(row, panels.items(), strict=True):
        for index, (label, rows) in enumerate(curves.items()):
            band(panel, np.arange(1, rows.shape[1] + 1), rows, index, label, share=1.0)
        panel.axhline(
            LOG_LN2, color=INK, linewidth=2, linestyle=(0, (1, 1.6)), label="log 2 = 0.693"
        )
        panel.set_xlabel("epoch")
        panel.set_xlim(0, None)
        panel_title(panel, title, 20)
        panel.legend(loc="lower left", fontsize=17)
    _loss_axis(row[0])
    return figure


def _loss_axis(axes: Axes) -> None:
    decades(axes)
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, 0.1))
    axes.set_ylabel("loss")


def draw_weights(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw the value of every weight against the epoch: rows are kernels, columns networks.

    Args:
        panels: for each network's title, kernel's name -> (E + 1, weights), from the start.

    Returns:
        The figure.
    """
    rows = list(next(iter(panels.values())))
    figure, axes = new_figure(len(rows), len(panels), width=16, height=9, share_x=True)
    for column, (title, kernels) in enumerate(panels.items()):
        for row, name in enumerate(rows):
            values, panel = kernels[name], axes[row, column]
            for number in range(values.shape[1]):
                style = series(number)
                panel.plot(values[:, number], color=style["color"], linewidth=2.2)
                panel.plot(
                    [0, len(values) - 1], [values[0, number]] * 2, color="#999999", lw=1, zorder=1
                )
            panel.yaxis.set_major_locator(MaxNLocator(5))
            if row == 0:
                panel_title(panel, title, 19)
            if row == len(rows) - 1:
                panel.set_xlabel("epoch")
            if column == 0:
                panel.set_ylabel(f"{name} weights")
    return figure


def draw_depths(
    depths: Sequence[int],
    loss: Mapping[str, np.ndarray],
    accuracy: Mapping[str, np.ndarray],
    majority: float,
) -> Figure:
    """Draw final loss and accuracy against depth.

    Args:
        depths: numbers of hidden layers.
        loss: for each activation (S, depths) logarithms of the loss.
        accuracy: for each activation (S, depths).
        majority: accuracy of always giving the same answer.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16, height=7.8)
    left, right = axes[0]
    for index, (name, rows) in enumerate(loss.items()):
        band(left, depths, rows, index, name, share=0.5)
        band(right, depths, accuracy[name], index, name, share=0.5)
    left.axhline(LOG_LN2, color=INK, linewidth=2, linestyle=(0, (1, 1.6)), label="log 2 = 0.693")
    right.axhline(majority, color=INK, linewidth=2, linestyle=(0, (1, 1.6)))
    right.annotate(
        f"always the same answer: {majority:.3g}",
        xy=(depths[0], majority),
        xytext=(4, -8),
        textcoords="offset points",
        va="top",
        fontsize=17,
    )
    right.set_ylim(min(0.44, majority - 0.05), 1.01)
    right.set_ylabel("accuracy on the training points")
    _loss_axis(left)
    for panel in (left, right):
        _depth_axis(panel, depths)
    _shared_legend(figure, left, 4)
    return figure


def _depth_axis(panel: Axes, depths: Sequence[int]) -> None:
    panel.set_xscale("log")
    panel.set_xticks(list(depths), [str(depth) for depth in depths])
    panel.minorticks_off()
    panel.set_xlim(depths[0] / 1.15, depths[-1] * 1.15)
    panel.set_xlabel("hidden layers")


def _shared_legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=18)


def draw_layers(
    gradients: Mapping[str, tuple[np.ndarray, np.ndarray]], percent: Mapping[str, np.ndarray]
) -> Figure:
    """Draw the true gradient by layer, and beside it what weights changed by.

    Args:
        gradients: for each network's name (S, K) logarithms of the norm at the start and the end.
        percent: for each name (S, K) logarithms of the median percent change.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16, height=8.4)
    left, right = axes[0]
    for index, (name, (start, end)) in enumerate(gradients.items()):
        kernels = np.arange(1, start.shape[1] + 1)
        band(left, kernels, start, index, name)
        middle = np.median(end, axis=0)
        style = series(index) | {"linestyle": (0, (1, 1)), "marker": ""}
        left.plot(kernels, middle, **style)
        band(right, kernels, np.maximum(percent[name], _STILL), index, name)
    left.plot([], [], color="#555555", linestyle=(0, (1, 1)), label="gradient after training")
    right.axhline(0, color=INK, linewidth=2, linestyle=(0, (1, 1.6)))
    right.annotate(
        "1 percent", xy=(1, 0), xytext=(0, -8), textcoords="offset points", va="top", fontsize=17
    )
    left.set_ylabel("norm of the true gradient")
    right.set_ylabel("change of the median weight, percent")
    right.set_ylim(_STILL, max(right.get_ylim()[1], 2.2))
    for panel in (left, right):
        decades(panel)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlabel("kernel, from first to last")
    panel_title(left, "true gradient", 20)
    panel_title(right, "how far the weights moved", 20)
    _shared_legend(figure, left, 4)
    return figure


def draw_times(
    depths: Sequence[int],
    times: Mapping[str, np.ndarray],
    shares: Mapping[str, np.ndarray],
    last: int,
) -> Figure:
    """Draw the epochs until 95 % accuracy, and the share of networks that get there, by depth.

    Args:
        depths: numbers of hidden layers.
        times: for each activation (depths,) median epochs; infinite where most never get there.
        shares: for each activation (depths,) share that got there.
        last: number of epochs trained.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16, height=7.8)
    left, right = axes[0]
    for index, (name, values) in enumerate(times.items()):
        line(left, depths, values, index, name, markevery=1)
        line(right, depths, shares[name], index, name, markevery=1)
    left.set_ylim(0, last * 1.02)
    left.set_ylabel("epochs to 95 % accuracy (median)")
    right.set_ylim(-0.03, 1.03)
    right.set_ylabel("share of networks that get there")
    for panel in (left, right):
        _depth_axis(panel, depths)
    _shared_legend(figure, left, 6)
    return figure


def draw_sentences(rows: Sequence[tuple[str, float, float, float]]) -> Figure:
    """Draw for which share of seeds each sentence holds.

    Args:
        rows: the sentence, the share, the ends of its interval.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=15, height=1.6 + 0.8 * len(rows))
    for place, (_, share, low, high) in enumerate(rows):
        axes.barh(place, share, height=0.62, color=series(0)["color"], zorder=2)
        axes.plot([low, high], [place, place], color=INK, linewidth=3.2, zorder=3)
        axes.annotate(
            f"{share:.1%}",
            xy=(max(share, high), place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=18,
        )
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=18)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.16)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of seeds for which it holds (95 % interval)")
    return figure
