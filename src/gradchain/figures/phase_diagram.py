"""Drawings of the phase diagram: planes with the critical line, slopes, depth scales, trained depths."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gradchain._errors import UsageError
from gradchain.figures.axes import decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

_COLOURS = "RdBu_r"
_CHI = (0.25, 0.5, 0.75, 1.5, 2.0, 3.0)


def draw_planes(
    planes: Mapping[str, Mapping[str, np.ndarray]],
    points: Mapping[str, Sequence[tuple[float, float, float]]],
) -> Figure:
    """Draw chi over (sigma_w, sigma_b), with the critical line, and measured points on top.

    Args:
        planes: for each of four activations `sigma_w` (m,), `sigma_b` (k,), `chi` (m, k), `line` (k,).
        points: for each (sigma_w, sigma_b, slope in nats a layer); a point whose slope agrees with the
            plane has its colour.

    Returns:
        The figure.

    Raises:
        UsageError: there is no plane.
    """
    figure, axes = new_figure(2, 2, width=15.5, height=11.5)
    norm = TwoSlopeNorm(0.0, -1.0, 0.6)
    shown = None
    for panel, (name, plane) in zip(axes.flat, planes.items(), strict=True):
        x, y, slope = plane["sigma_w"], plane["sigma_b"], np.log(plane["chi"].T) / 2
        shown = panel.pcolormesh(
            x, y, np.clip(slope, -1.0, 0.6), cmap=_COLOURS, norm=norm, shading="gouraud",
            rasterized=True,
        )  # fmt: skip
        lines = panel.contour(
            x, y, plane["chi"].T, levels=_CHI, colors=[INK], linewidths=1.0, linestyles="dotted"
        )
        for label in panel.clabel(lines, fmt="%g", fontsize=15):
            label.set_path_effects([withStroke(linewidth=4, foreground="white")])
        panel.plot(plane["line"], y, color=INK, linewidth=4)
        places = np.asarray(points[name], float)
        inside = (places[:, 0] >= x[0]) & (places[:, 0] <= x[-1]) & (places[:, 1] <= y[-1])
        panel.scatter(
            *places[inside, :2].T, c=np.clip(places[inside, 2], -1.0, 0.6), cmap=_COLOURS, norm=norm,
            s=150, edgecolors=INK, linewidths=1.3, zorder=4, clip_on=False,
        )  # fmt: skip
        panel.set_xlim(x[0], x[-1])
        panel.set_ylim(y[0], y[-1])
        panel.grid(visible=False)
        panel.set_xlabel("sigma_w")
        panel.set_ylabel("sigma_b")
        panel_title(panel, name, 20)
    if shown is None:
        raise UsageError("got no panel to draw, expected at least one")
    bar = figure.colorbar(
        shown, ax=axes, shrink=0.8, ticks=[-1, -0.75, -0.5, -0.25, 0, 0.2, 0.4, 0.6]
    )
    bar.set_label("change of log gradient norm a layer", fontsize=19)
    handles = [
        Line2D([], [], color=INK, linewidth=4, label="critical line, chi = 1"),
        Line2D([], [], color=INK, linewidth=1.2, linestyle="dotted", label="chi (infinite width)"),
        Line2D(
            [], [], marker="o", color="#bbbbbb", markeredgecolor=INK, linestyle="none",
            markersize=13, label="measured",
        ),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=19)
    return figure


def draw_slopes(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    width: int,
) -> Figure:
    """Draw measured slopes against the weight scale, beside both predictions.

    Args:
        panels: for each of four activations sigma_w (K,), slopes (S, K), a fine grid of sigma_w (m,),
            and the slopes predicted there for infinite width and for the width, (m,) each.
        width: n.

    Returns:
        The figure.
    """
    figure, axes = new_figure(2, 2, width=15.5, height=11)
    for panel, (name, (x, rows, fine, infinite, at_width)) in zip(
        axes.flat, panels.items(), strict=True
    ):
        low, high = np.quantile(rows, (0.05, 0.95), axis=0)
        panel.fill_between(x, low, high, color=series(0)["color"], alpha=0.22, linewidth=0)
        panel.plot(fine, infinite, color=INK, linewidth=2.4, linestyle=(0, (1, 1)))
        panel.plot(fine, at_width, color=series(1)["color"], linewidth=2.6)
        error = 2 * rows.std(axis=0, ddof=1) / len(rows) ** 0.5
        panel.errorbar(
            x, rows.mean(axis=0), yerr=error, fmt="o", color=series(0)["color"], markersize=8,
            capsize=4, elinewidth=2, zorder=4,
        )  # fmt: skip
        panel.axhline(0, color="#777777", linewidth=1.6)
        panel.set_xlabel("sigma_w")
        panel.set_ylabel("nats a layer")
        panel_title(panel, name, 20)
    handles = [
        Line2D([], [], color=INK, linewidth=2.4, linestyle=(0, (1, 1)), label="infinite width"),
        Line2D([], [], color=series(1)["color"], linewidth=2.6, label=f"width {width}, predicted"),
        Line2D(
            [], [], color=series(0)["color"], marker="o", linestyle="none", markersize=9,
            label="measured, +- 2 standard errors",
        ),
        Patch(color=series(0)["color"], alpha=0.22, label="90 % of networks"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=18)
    return figure


def draw_depth_scales(scales: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw depth scales against the distance from the critical line.

    Args:
        scales: for each activation sigma_w over its critical value (m,), and the decimal logarithm of
            the depth scale in layers (m,).

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7.2)
    for index, (name, (x, logs)) in enumerate(scales.items()):
        line(axes, x, logs, index, name, marker="")
    axes.axvline(1.0, color=INK, linewidth=2.4)
    axes.set_xlim(0.2, 2.2)
    axes.set_ylim(-1, 4)
    decades(axes)
    axes.set_xlabel("sigma_w / critical sigma_w")
    axes.set_ylabel("depth scale in layers")
    for x, text, side in (
        (0.9, "ordered: vanishing", "right"),
        (1.1, "chaotic: exploding", "left"),
    ):
        axes.text(
            x, 0.98, text, transform=axes.get_xaxis_transform(), ha=side, va="top", fontsize=18
        )
    figure.legend(loc="outside right center", fontsize=20)
    return figure


def draw_training(
    scales: Sequence[float],
    depths: Sequence[int],
    panels: Mapping[str, np.ndarray],
    curve: tuple[np.ndarray, np.ndarray],
    multiples: Sequence[int],
) -> Figure:
    """Draw how many networks train, over weight scale and depth, with multiples of the depth scale.

    Args:
        scales: K weight scales.
        depths: D depths.
        panels: for each task (K, D) shares of trained networks.
        curve: sigma_w (m,) and the depth scale there (m,).
        multiples: of the depth scale, each a line.

    Returns:
        The figure.

    Raises:
        UsageError: there is no panel.
    """
    figure, axes = new_figure(1, len(panels), width=8.8 * len(panels) + 1, height=8.2, share_y=True)
    x, y = np.log(np.asarray(scales, float)), np.log(np.asarray(depths, float))
    shown = None
    for panel, (name, shares) in zip(
        axes[0] if len(panels) > 1 else [axes], panels.items(), strict=True
    ):
        shown = panel.pcolormesh(
            _edges(x), _edges(y), shares.T, cmap="Greys", vmin=0, vmax=1, edgecolors="#aaaaaa",
            linewidth=1,
        )  # fmt: skip
        for (i, j), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else INK
            edge = [withStroke(linewidth=4, foreground=INK if share > 0.5 else "white")]
            panel.text(
                x[i], y[j], f"{share:.2f}", ha="center", va="center", fontsize=16, color=colour,
                zorder=5, path_effects=edge,
            )  # fmt: skip
        for index, multiple in enumerate(multiples):
            style = series(index) | {"marker": "", "linewidth": 4}
            with np.errstate(divide="ignore"):
                panel.plot(
                    np.log(curve[0]), np.log(multiple * curve[1]), label=f"{multiple} xi_c", **style
                )
        _ticks(panel, x, scales, y, depths)
        panel.grid(visible=False)
        panel.set_xlabel("sigma_w")
        panel_title(panel, name, 20)
    first = axes[0, 0] if len(panels) > 1 else axes
    first.set_ylabel("hidden layers")
    handles, labels = first.get_legend_handles_labels()
    if shown is None:
        raise UsageError("got no panel to draw, expected at least one")
    figure.colorbar(shown, ax=axes, shrink=0.8).set_label(
        "share of networks that train", fontsize=18
    )
    figure.legend(handles, labels, loc="outside upper center", ncols=len(multiples), fontsize=19)
    return figure


def _edges(middles: np.ndarray) -> np.ndarray:
    inner = (middles[1:] + middles[:-1]) / 2
    return np.concatenate([[2 * middles[0] - inner[0]], inner, [2 * middles[-1] - inner[-1]]])


def _ticks(
    panel: Axes, x: np.ndarray, scales: Sequence[float], y: np.ndarray, depths: Sequence[int]
) -> None:
    for axis, places, names in ((panel.xaxis, x, scales), (panel.yaxis, y, depths)):
        found = {float(place): f"{name:g}" for place, name in zip(places, names, strict=True)}
        axis.set_major_locator(FixedLocator(list(found)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda v, _, own=found: _nearest(own, v)))
    panel.set_xlim(*_edges(x)[[0, -1]])
    panel.set_ylim(*_edges(y)[[0, -1]])


def _nearest(names: Mapping[float, str], value: float) -> str:
    return names[min(names, key=lambda place: abs(place - value))]
