"""Drawings of signals and gradients by layer for laws of initial weights, beside mean-field theory.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from gradchain.figures.axes import band, decades, panel_title
from gradchain.figures.style import INK, new_figure, series


class Curves(NamedTuple):
    """Of one recipe and activation: measured (S, k), predicted (k,), at layers (k,)."""

    layers: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray


def draw_layers(
    rows: Mapping[str, Mapping[str, Mapping[str, Curves]]], bottom: float | int = -45
) -> Figure:
    """Draw sizes by layer: one row a quantity, one column a recipe, one curve an activation.

    Args:
        rows: for each quantity (the label of its y axis), recipe (title) and activation the curves.
        bottom: the lowest decimal logarithm shown.

    Returns:
        The figure.
    """
    columns = len(next(iter(rows.values())))
    figure, axes = new_figure(len(rows), columns, width=16, height=10.5, share_x=True, share_y=True)
    names: dict[str, None] = {}
    lowest = 0.0
    for row, (own, (label, recipes)) in enumerate(zip(axes, rows.items(), strict=True)):
        for panel, (title, curves) in zip(own, recipes.items(), strict=True):
            for index, (name, found) in enumerate(curves.items()):
                names[name] = None
                band(panel, found.layers, found.measured, index, name)
                panel.plot(found.layers, found.predicted, color=INK, lw=1.8, dashes=(2, 2))
                lowest = min(lowest, float(found.predicted.min()))
            panel.set_xlim(0, max(curve.layers[-1] for curve in curves.values()))
            if row == 0:
                panel_title(panel, title, 20)
        own[0].set_ylabel(label)
    bottom = max(float(bottom), 1.05 * lowest)
    axes[0, 0].set_ylim(bottom, 0.1 * abs(bottom))
    for panel in axes.ravel():
        decades(panel)
    for panel in axes[-1]:
        panel.set_xlabel("layer")
    handles: list[Any] = [Line2D([], [], label=t, **series(i)) for i, t in enumerate(names)]
    handles.append(Patch(color="#999999", alpha=0.4, label="90 % of networks"))
    handles.append(Line2D([], [], color=INK, lw=1.8, dashes=(2, 2), label="predicted"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=7,
        fontsize=17,
        columnspacing=1.2,
        handlelength=2.6,
    )
    return figure


def draw_factors(
    factors: np.ndarray, recipes: Sequence[str], activations: Sequence[str], kept: float
) -> Figure:
    """Draw a chart of what a layer leaves of a gradient: recipes down, activations across.

    Args:
        factors: (R, A) factors a layer.
        recipes: R titles.
        activations: A names.
        kept: log10 of the largest factor a layer that counts as kept; the smallest is its inverse.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=17, height=2.6 + 0.62 * len(recipes))
    logs = np.log10(factors)
    norm = TwoSlopeNorm(0.0, vmin=-0.6, vmax=0.12)
    axes.imshow(logs, cmap="RdBu", norm=norm, aspect="auto", alpha=0.75)
    for (row, column), value in np.ndenumerate(logs):
        strong = abs(value) <= kept
        axes.text(
            column,
            row,
            f"{factors[row, column]:.2f}",
            ha="center",
            va="center",
            fontsize=15,
            fontweight="bold" if strong else "normal",
            color="white" if value < -0.42 or value > 0.1 else INK,
        )
        if strong:
            box = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, lw=3, ec=INK)
            axes.add_patch(box)
    axes.set_xticks(range(len(activations)), activations, rotation=40, ha="right", fontsize=16)
    axes.set_yticks(range(len(recipes)), recipes, fontsize=17)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    handles: list[Any] = [
        Patch(color="#d6604d", alpha=0.75, label="lost"),
        Patch(facecolor="white", edgecolor=INK, lw=3, label="kept"),
        Patch(color="#4393c3", alpha=0.75, label="blown up"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=18)
    return figure


def draw_agreement(
    predicted: np.ndarray, measured: np.ndarray, scores: Mapping[str, np.ndarray]
) -> Figure:
    """Draw measured against predicted factors, and the z-scores of the differences.

    Args:
        predicted: (k,) decimal logarithms of the factor a layer.
        measured: (k,) the same, measured.
        scores: for each prediction its name and (k,) z-scores.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=15.5, height=7.4)
    left, right = axes[0]
    ends = [
        min(predicted.min(), measured.min()) - 0.05,
        max(predicted.max(), measured.max()) + 0.05,
    ]
    left.plot(ends, ends, color=INK, lw=2)
    style = series(0) | {"linestyle": "none", "markersize": 8, "alpha": 0.55}
    left.plot(predicted, measured, **style)
    left.set_xlabel("predicted factor a layer")
    left.set_ylabel("measured factor a layer")
    for axis in (left.xaxis, left.yaxis):
        ticks = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
        axis.set_ticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
    left.set_xlim(ends)
    left.set_ylim(ends)
    _scores(right, scores)
    return figure


def _scores(panel: Axes, scores: Mapping[str, np.ndarray]) -> None:
    edges = np.arange(-8.0, 8.01, 0.5)
    for index, (name, z) in enumerate(scores.items()):
        style = series(index)
        # No score where nothing is left to chance, as in linear networks with orthogonal weights.
        counts, _ = np.histogram(np.clip(z[np.isfinite(z)], -7.99, 7.99), edges)
        panel.stairs(counts, edges, color=style["color"], fill=True, alpha=0.22)
        panel.stairs(
            counts, edges, color=style["color"], lw=3, linestyle=style["linestyle"], label=name
        )
    panel.axvline(0, color=INK, lw=2)
    panel.set_xlim(-8, 8)
    panel.set_xlabel("z: (measured - predicted) / standard error")
    panel.set_ylabel("laws with activations")
    panel.set_ylim(0, 1.28 * panel.get_ylim()[1])
    panel.legend(loc="upper left", fontsize=17)
