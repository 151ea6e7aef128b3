"""Drawings of the study of exploding gradients through time: the wall, the way back, training with clips.

Everything is handed over; sizes that span decades as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

_DOTTED: dict[str, Any] = {"color": INK, "linewidth": 1.8, "linestyle": (0, (1, 1))}
_LIMIT: dict[str, Any] = {"color": INK, "linewidth": 2.0, "linestyle": (0, (4, 2))}
_THIN: dict[str, Any] = {"color": "#666666", "linewidth": 1.6}
_BAND = {"color": "#999999", "alpha": 0.4, "label": "90 % of networks"}


def _entry(label: str, look: Mapping[str, Any]) -> Line2D:
    """Make an entry of a legend."""
    return Line2D([], [], label=label, **look)


def _series(index: int) -> dict[str, Any]:
    return series(index) | {"markersize": 11}


def draw_wall(
    plane: tuple[np.ndarray, np.ndarray, np.ndarray],
    ridge: tuple[np.ndarray, np.ndarray],
    offsets: np.ndarray,
    slopes: Mapping[str, np.ndarray],
    tops: Sequence[float],
    spacing: float,
) -> Figure:
    """Draw the loss over weight and bias, and its gradient against the distance from the ridge.

    Args:
        plane: weights (W,), biases (B,) and losses (B, W).
        ridge: weights and biases of the ridge, from the closed form.
        offsets: (K,) log10 of distances from the ridge.
        slopes: for each number of steps its name and (K,) log10 of the gradient's length.
        tops: log10 of the gradient on the ridge, from the closed form, one each.
        spacing: log10 of the distance of two neighbours in float32.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=16.5, height=7.6)
    left, right = axes[0]
    drawn = left.pcolormesh(*plane, cmap="Greys", shading="nearest", rasterized=True)
    left.plot(*ridge, color=series(1)["color"], lw=3.2, ls=(0, (4, 2)), label="ridge, closed form")
    left.set_xlim(plane[0][0], plane[0][-1])
    left.set_ylim(plane[1][0], plane[1][-1])
    left.grid(visible=False)
    left.set_xlabel("weight w")
    left.set_ylabel("bias b")
    panel_title(left, "loss", 20)
    left.legend(loc="upper right", fontsize=18, frameon=True, framealpha=0.95)
    figure.colorbar(drawn, ax=left, pad=0.02)
    for index, ((name, values), top) in enumerate(zip(slopes.items(), tops, strict=True)):
        line(right, offsets, values, index, name, markersize=10)
        right.axhline(top, **_DOTTED)
    right.axvline(spacing, color="#444444", lw=1.8, ls=(0, (4, 2)))
    inside = right.get_xaxis_transform()
    right.text(spacing, 0.56, " float32 spacing", fontsize=17, transform=inside)
    low, high = right.get_ylim()
    right.set_ylim(low, high + 0.36 * (high - low))
    handles, _ = right.get_legend_handles_labels()
    handles.append(_entry("on the ridge, closed form", _DOTTED))
    right.legend(handles=handles, loc="upper right", fontsize=17, frameon=True, framealpha=1.0)
    for which in "xy":
        decades(right, which)
    right.set_xlabel("distance of b below the ridge")
    right.set_ylabel("length of the loss' gradient")
    panel_title(right, "gradient across the wall", 20)
    return figure


def draw_start(
    measured: Mapping[str, Mapping[float, np.ndarray]],
    predicted: Mapping[str, Mapping[float, np.ndarray]],
    uppers: Mapping[str, Mapping[float, np.ndarray]],
) -> Figure:
    """Draw the gradient at each state against the way back, one panel a cell, one curve a gain.

    Args:
        measured: title of the panel -> gain -> (S, T+1) log10 of sizes, from the last state on back.
        predicted: likewise (T+1,); where there is a prediction.
        uppers: likewise (T+1,); where there is a bound.

    Returns:
        The figure.
    """
    down = -(-len(measured) // 2)
    figure, axes = new_figure(down, 2, width=16, height=2 + 5 * down, share_x=True)
    gains = list(next(iter(measured.values())))
    for panel in axes.ravel()[len(measured) :]:
        panel.set_visible(False)
    for panel, (title, curves) in zip(axes.ravel(), measured.items(), strict=False):
        for index, gain in enumerate(gains):
            x = np.arange(curves[gain].shape[1])
            if title in uppers:
                panel.plot(x, uppers[title][gain], **_THIN | {"color": series(index)["color"]})
            band(panel, x, curves[gain], index, "")
            if title in predicted:
                panel.plot(x, predicted[title][gain], **_DOTTED, zorder=4)
            panel.set_xlim(0, x[-1])
        _limits(panel, curves)
        decades(panel)
        panel_title(panel, title, 20)
    for panel in axes[-1]:
        panel.set_xlabel("steps back through time")
    for panel in axes[:, 0]:
        panel.set_ylabel("gradient at the state / at the last")
    handles = [_entry(f"gain {gain:g}", _series(index)) for index, gain in enumerate(gains)]
    handles += [_entry("bound, same colour", _THIN), _entry("mean field", _DOTTED)]
    figure.legend(
        handles=[*handles, Patch(**_BAND)], loc="outside upper center", ncols=4, fontsize=19
    )
    return figure


def _limits(panel: Axes, curves: Mapping[float, np.ndarray]) -> None:
    """Leave room for the networks, not for bounds far above or below them."""
    low = min(float(np.min(np.median(rows, axis=0))) for rows in curves.values())
    high = max(float(np.max(np.quantile(rows, 0.95, axis=0))) for rows in curves.values())
    room = 0.12 * (high - low)
    panel.set_ylim(low - room, high + 1.5 * room)


def draw_shares(
    panels: Sequence[tuple[str, str, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]],
    names: Sequence[str],
    x_name: str,
) -> Figure:
    """Draw shares of networks at a few settings, arms side by side, with their intervals.

    Args:
        panels: for each its title, what the share is of, and for each arm its name and (share, low,
            high), (G,) each; NaN where there is none.
        names: of the G settings.
        x_name: what the settings are.

    Returns:
        The figure, with one legend for all panels.
    """
    figure, axes = new_figure(1, len(panels), width=3 + 6 * len(panels), height=7.6, share_y=True)
    axes = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    arms = list(dict.fromkeys(name for _, _, curves in panels for name in curves))
    for panel, (title, what, curves) in zip(axes, panels, strict=True):
        for index, name in enumerate(arms):
            share, low, high = curves[name]
            x = np.arange(len(names)) + 0.13 * (index - (len(arms) - 1) / 2)
            look = _series(index)
            panel.vlines(x, low, high, color=look["color"], lw=5, alpha=0.35)
            panel.plot(x, share, **look | {"linewidth": 1.2})
        for edge in range(1, len(names)):
            panel.axvline(edge - 0.5, color="#d9d9d9", lw=0.9)
        panel.grid(visible=False, axis="x")
        panel.set_xticks(np.arange(len(names)), names)
        panel.set_ylim(-0.04, 1.04)
        panel.set_xlabel(x_name)
        panel.set_ylabel(what)
        panel_title(panel, title, 19)
    handles = [_entry(name, _series(index)) for index, name in enumerate(arms)]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(arms), 5), fontsize=19)
    return figure


def draw_norms(panels: Mapping[str, Mapping[str, np.ndarray]], limit: float) -> Figure:
    """Draw gradient norms along training: median, band, and the network of the middle peak.

    Args:
        panels: title of the panel -> name of the arm -> (S, N) log10 of norms; NaN where there is none.
        limit: log10 of the clipping limit.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=16, height=7.6, share_y=True)
    for panel, (title, arms) in zip(axes[0], panels.items(), strict=True):
        for index, rows in enumerate(arms.values()):
            look, steps = series(index), np.arange(1, rows.shape[1] + 1)
            known = np.isfinite(rows).all(axis=0)
            low, middle, high = np.quantile(
                rows[:, known], (0.05, 0.5, 0.95), axis=0, method="nearest"
            )
            panel.fill_between(steps[known], low, high, color=look["color"], alpha=0.2, lw=0)
            tops = np.where(np.isfinite(rows), rows, -np.inf).max(axis=1)
            typical = np.argsort(tops)[len(tops) // 2]
            panel.plot(steps, rows[typical], color=look["color"], lw=0.9)
            line(panel, steps[known], middle, index, "", markersize=11)
            panel.set_xlim(1, rows.shape[1])
        panel.axhline(limit, **_LIMIT)
        panel.set_xlabel("training step")
        decades(panel)
        panel_title(panel, title, 20)
    axes[0, 0].set_ylabel("norm of the gradient before clipping")
    names = next(iter(panels.values()))
    handles = [_entry(name, _series(index)) for index, name in enumerate(names)]
    handles += [
        _entry("limit of the clip", _LIMIT),
        _entry("one network", _THIN | {"linewidth": 0.9}),
    ]
    figure.legend(
        handles=[*handles, Patch(**_BAND)], loc="outside upper center", ncols=3, fontsize=19
    )
    return figure
