"""Drawings of saturation: slopes that die with |x|, factors against weight scale and bias.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from gradchain.figures.axes import band, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

_STAR = {"marker": "*", "markersize": 26, "markeredgecolor": "white", "linestyle": "none"}


def draw_tails(
    x: np.ndarray, slopes: Mapping[str, np.ndarray], zeros: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw slopes against |x|, and where plain float32 autodiff says 0.

    Args:
        x: (n,) points, from 0.
        slopes: for each activation (n,) logarithms of its slope; -inf where it is 0.
        zeros: for two of them, the slower first, from which x autodiff gives 0, and the logarithm of
            the true slope there.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=14.5, height=8)
    bottom = -18.0
    for index, (name, logs) in enumerate(slopes.items()):
        alive = np.isfinite(logs)
        own_x, own = x[alive], logs[alive]
        if not alive.all() and own[-1] > bottom:
            # The slope jumps to 0: on a scale of powers of ten it falls off the page.
            own_x, own = np.append(own_x, own_x[-1]), np.append(own, bottom - 1)
        line(axes, own_x, own, index, name)
    for (name, (place, height)), text in zip(
        zeros.items(), ((15.6, -3.7), (10.0, -13.6)), strict=True
    ):
        colour = series(list(slopes).index(name))["color"]
        axes.plot([place], [height], color=colour, zorder=5, **_STAR)
        axes.annotate(
            f"{name}: float32 autodiff\nsays 0 from x = {place:.2f}",
            xy=(place, height),
            xytext=text,
            fontsize=18,
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-", "lw": 1.6, "color": INK},
        )
    axes.set_xlim(0, x[-1])
    axes.set_ylim(bottom, 1)
    axes.xaxis.set_major_locator(MultipleLocator(5))
    decades(axes)
    axes.set_xlabel("|x|")
    axes.set_ylabel("slope")
    figure.legend(loc="outside right upper", fontsize=19)
    return figure


def draw_scales(
    log10_scale: np.ndarray,
    panels: Mapping[str, Mapping[int, np.ndarray]],
    best: Mapping[tuple[str, int], tuple[float, float]],
) -> Figure:
    """Draw the gradient factor a layer against the weight scale, one panel an activation.

    Args:
        log10_scale: (K,) logarithms of sigma_w.
        panels: for each activation and width (S, K) logarithms of the factor.
        best: for each activation and width the top of its median curve.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=8, share_y=True)
    for panel, (name, widths) in zip(axes[0], panels.items(), strict=True):
        for index, (width, logs) in enumerate(widths.items()):
            _band_alive(panel, log10_scale, logs, index, f"width {width}")
            colour = series(index)["color"]
            panel.plot(*([value] for value in best[name, width]), color=colour, zorder=5, **_STAR)
        panel.axhline(0, color=INK, linewidth=2.2)
        panel.set_xlim(log10_scale[0], log10_scale[-1])
        panel.set_ylim(-2.05, 0.75)
        decades(panel, "x")
        decades(panel)
        panel.set_xlabel("weight scale sigma_w")
        panel_title(panel, name, 20)
    axes[0, 0].set_ylabel("gradient factor a layer")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles.append(Line2D([], [], color="#777777", **_STAR))
    figure.legend(
        handles, [*labels, "best scale"], loc="outside upper center", ncols=5, fontsize=19
    )
    return figure


def _band_alive(panel: Axes, x: np.ndarray, logs: np.ndarray, index: int, label: str) -> None:
    # Far to the right chains die out; a curve is drawn as far as half of them live.
    shown = np.where(np.isfinite(logs), logs, -99.0)
    band(panel, x, shown, index, label)


def draw_shares(log10_scale: np.ndarray, shares: Mapping[str, np.ndarray]) -> Figure:
    """Draw the share of saturated units against the weight scale.

    Args:
        log10_scale: (K,) logarithms of sigma_w.
        shares: for each activation (S, K) shares.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7)
    for index, (name, rows) in enumerate(shares.items()):
        band(axes, log10_scale, rows, index, name)
    axes.set_xlim(log10_scale[0], log10_scale[-1])
    axes.set_ylim(-0.02, 1.02)
    decades(axes, "x")
    axes.set_xlabel("weight scale sigma_w")
    axes.set_ylabel("share of saturated units")
    axes.legend(loc="upper left", fontsize=20)
    return figure


def draw_biases(bias: Sequence[float], panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw the gradient factor a layer against the bias, one panel an activation.

    Args:
        bias: (K,) biases.
        panels: for each activation and name of a curve (S, K) logarithms of the factor.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15, height=7.4, share_y=True)
    for panel, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for index, (label, logs) in enumerate(curves.items()):
            _band_alive(panel, np.asarray(bias), logs, index, label)
        panel.axhline(0, color=INK, linewidth=2.2)
        panel.set_xlim(bias[0], bias[-1])
        panel.set_ylim(-5.3, 0.7)
        decades(panel)
        panel.set_xlabel("bias of every unit")
        panel_title(panel, name, 20)
    axes[0, 0].set_ylabel("gradient factor a layer")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=20)
    return figure
