"""Drawings of mixed precision: gradients against the floors of number types, what is lost, what is saved.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gradchain.figures.axes import band, decades, floor, line
from gradchain.figures.style import INK, new_figure, series


def draw_floors(curves: Mapping[str, np.ndarray], floors: Sequence[tuple[float, str]]) -> Figure:
    """Draw the typical gradient entry of each layer and the floors of number types.

    Args:
        curves: for each kind of network (S, L) logarithms, the layer next to the output first.
        floors: (logarithm, name) of each floor.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14.5, height=8.4)
    bottom = 0.0
    for index, (name, rows) in enumerate(curves.items()):
        band(axes, np.arange(1, rows.shape[1] + 1), rows, index, name)
        bottom = min(bottom, float(np.median(rows, axis=0).min()))
    for height, name in floors:
        floor(axes, height, name)
    last = min(height for height, _ in floors)
    axes.set_ylim(min(bottom, last) - 1.5, 0.5)
    axes.set_xlim(1, max(rows.shape[1] for rows in curves.values()))
    decades(axes, ticks=9)
    axes.set_xlabel("layers back from the output")
    axes.set_ylabel("typical entry of the gradient")
    axes.legend(loc="lower left", bbox_to_anchor=(0.01, 0.24), fontsize=19)
    return figure


def draw_lost(
    cast: Mapping[str, np.ndarray], measured: Mapping[str, np.ndarray], half: str = "half of them"
) -> Figure:
    """Draw the share of gradient entries that a number type loses, by layer.

    Args:
        cast: for each type and loss scale (L,) shares, the layer next to the output first.
        measured: the same for passes run in the type.
        half: the name of the line at one half.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14.5, height=7.8)
    for index, (name, shares) in enumerate(cast.items()):
        layers = np.arange(1, len(shares) + 1)
        line(axes, layers, shares, index, name, marker="none")
        own = measured.get(name)
        if own is not None:
            # Where nothing or everything is lost, all markers would lie on each other.
            shown = np.where((own > 0.002) & (own < 0.998), own, np.nan)
            axes.plot(
                layers, shown, linestyle="none", marker=series(index)["marker"], markersize=8,
                color=series(index)["color"], markeredgecolor="white",
            )  # fmt: skip
    axes.axhline(0.5, color=INK, linewidth=1.6, linestyle=(0, (1, 1.6)))
    axes.annotate(half, (0.995, 0.515), xycoords=("axes fraction", "data"), ha="right", fontsize=16)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(0, max(len(shares) for shares in cast.values()) + 1)
    axes.set_xlabel("layers back from the output")
    axes.set_ylabel("share of entries that become 0")
    figure.legend(loc="outside upper center", fontsize=18, ncols=3)
    return figure


def draw_saved(
    exponents: Sequence[int],
    bits: float,
    curves: Mapping[str, np.ndarray],
    largest: float,
) -> Figure:
    """Draw how many layers a loss scale saves.

    Args:
        exponents: of the loss scales.
        bits: lost a layer (median).
        curves: by "cast" and "measured" (S, exponents) layers saved.
        largest: exponent at which float16 overflows (median).

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7.4)
    x = np.asarray(exponents, float)
    line(axes, x, x / bits, 0, "bits of the scale / bits lost a layer", marker="none")
    for index, (name, rows) in enumerate(curves.items(), 1):
        shown = np.isfinite(rows).all(axis=0) & (x <= largest)
        band(axes, x[shown], rows[:, shown], index, name)
    axes.axvline(largest, color=INK, linewidth=1.8, linestyle=(0, (1, 1.6)))
    axes.annotate(
        "float16\noverflows", (largest, 0.0), xytext=(10, 6), textcoords="offset points", fontsize=18,
        va="bottom",
    )  # fmt: skip
    axes.set_xlim(0, x[-1] + 1)
    axes.set_ylim(0, None)
    axes.set_xticks(x, [f"$2^{{{int(s)}}}$" for s in x])
    axes.set_xlabel("loss scale")
    axes.set_ylabel("layers saved")
    axes.legend(loc="upper left", fontsize=18)
    return figure
