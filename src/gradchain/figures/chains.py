"""Drawings of chains against depth: exact norms beside bounds, laws side by side, factors by layer.

All sizes are handed over as decimal logarithms; nothing is computed here but quantiles over networks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from gradchain.figures.axes import band, bound, decades, line, panel_title
from gradchain.figures.style import INK, new_figure, series

# Smallest positive number with gradual underflow, as a decimal logarithm.
_FLOORS = {"float16": -7.22, "float32": -44.85, "float64": -323.31}


def draw_bounds(
    depths: np.ndarray, norms: np.ndarray, uppers: Mapping[str, np.ndarray], power: float, name: str
) -> Figure:
    """Draw exact norms of many networks beside upper bounds and a power that is none.

    Args:
        depths: (G,) depths.
        norms: (S, G) norms of the networks.
        uppers: for each upper bound its name and its (G,) medians; the first is hatched.
        power: logarithm of the number whose powers are drawn as well.
        name: what the power is called.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=15.5, height=8)
    for panel, last in zip(axes[0], (min(10, depths[-1]), depths[-1]), strict=True):
        part = depths <= last
        own = depths[part]
        bottom = min(float(np.median(norms[:, part][:, -1])), own[-1] * power)
        panel.set_xlim(0, own[-1])
        panel.set_ylim(1.06 * bottom, 0.04 * abs(bottom))
        for index, (label, heights) in enumerate(uppers.items()):
            if index == 0:
                bound(panel, own, heights[part], label)
            else:
                panel.plot(own, heights[part], **(series(4) | {"label": label, "markersize": 11}))
        band(panel, own, norms[:, part], 0, "exact norm")
        panel.plot([0, own[-1]], [0, power * own[-1]], color=INK, dashes=(5, 2), lw=2.2, label=name)
        for label, height in _FLOORS.items():
            _floor(panel, height, label)
        decades(panel)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlabel("depth n (layers)")
        panel.locator_params(axis="x", integer=True)
    axes[0, 0].set_ylabel("spectral norm of $dh_n/dh_0$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=19)
    return figure


def _floor(axes: Axes, height: float, label: str) -> None:
    # Where a float type ends, named inside the panel; nothing if the panel ends above it.
    low, high = axes.get_ylim()
    left, right = axes.get_xlim()
    if not low < height < high:
        return
    axes.axhline(height, color="#444444", lw=1.8, linestyle=(0, (1, 1.6)))
    place = height - 0.012 * (high - low)
    axes.text(left + 0.015 * (right - left), place, label, fontsize=16, va="top", color="#333333")


def draw_laws(
    depths: Sequence[int], norms: Mapping[str, np.ndarray], names: Sequence[str]
) -> Figure:
    """Draw norms against depth, one panel a law, one curve an activation.

    Args:
        depths: (G,) depths.
        norms: for each panel its title and (S, A, G) norms.
        names: the A activations.

    Returns:
        The figure, with the legend in the place of a last panel.
    """
    figure, axes = new_figure(2, 3, width=16, height=10, share_x=True, share_y=True)
    lowest = min(float(np.median(logs[:, :, -1], axis=0).min()) for logs in norms.values())
    panels = axes.ravel()
    keep = _apart(depths)
    spaced = np.asarray(depths)[keep]
    for panel, (title, logs) in zip(panels, norms.items(), strict=False):
        for index in range(len(names)):
            band(panel, spaced, logs[:, index, keep], index, names[index])
        panel.axhline(0, color=INK, linewidth=1.4)
        panel.set_xlim(0, depths[-1])
        panel.set_ylim(1.05 * lowest, 0.08 * abs(lowest))
        _floor(panel, _FLOORS["float32"], "float32")
        decades(panel)
        panel_title(panel, title, 20)
    last = panels[len(norms)]
    last.set_axis_off()
    handles: list[Any] = [Line2D([], [], label=t, **series(i)) for i, t in enumerate(names)]
    handles.append(Patch(color="#999999", alpha=0.4, label="90 % of networks"))
    last.legend(handles=handles, loc="center", fontsize=20, handlelength=4, labelspacing=0.9)
    for panel in axes[1]:
        panel.set_xlabel("depth n (layers)")
    axes[0, 2].tick_params(labelbottom=True)
    figure.supylabel("spectral norm of $dh_n/dh_0$", fontsize=20)
    return figure


def draw_slopes(depths: np.ndarray, norms: np.ndarray, slopes: np.ndarray) -> Figure:
    """Draw the mean slope of each layer above the chain up to that layer.

    Args:
        depths: (G,) depths.
        norms: (S, G) norms of the chain.
        slopes: (S, L) logarithms of the mean slope of each layer.

    Returns:
        The figure.
    """
    figure, axes = new_figure(width=12.5, height=7)
    layers = np.arange(1, slopes.shape[1] + 1)
    band(axes, layers, slopes, 1, "mean slope of layer n")
    keep = _apart(depths)
    band(axes, depths[keep], norms[:, keep], 0, "the chain: norm of $dh_n/dh_0$")
    low = float(np.median(norms[:, -1]))
    axes.set_xlim(0, depths[-1])
    axes.set_ylim(1.06 * low, 0.05 * abs(low))
    middle = np.quantile(norms, 0.5, axis=0, method="nearest")
    place = 0.5 * depths[-1]
    axes.text(place, -0.05 * abs(low), "slope of layer n", fontsize=20, va="top", color=_dark(1))
    height = float(np.interp(place, depths, middle)) + 0.07 * abs(low)
    axes.text(place, height, "the whole chain to layer n", fontsize=20, color=_dark(0))
    decades(axes)
    axes.set_xlabel("layer n")
    axes.set_ylabel("slope; spectral norm of the chain")
    return figure


def draw_split(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw the factors of the weight gradient against the layer, one panel a kind of network.

    Args:
        panels: for each panel its title and the (S, L) logarithms `error`, `slope`, `input`.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=14.5, height=7.4, share_y=True)
    axes = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    labels = {"error": "error signal dE/dh", "slope": "slope", "input": "input"}
    for panel, (title, split) in zip(axes, panels.items(), strict=True):
        layers = np.arange(1, split["error"].shape[1] + 1)
        for index, (name, label) in enumerate(labels.items()):
            band(panel, layers, split[name], index, label)
        panel.set_xlim(0, layers[-1] + 1)
        panel.set_xlabel("layer")
        panel_title(panel, title, 20)
        decades(panel)
    axes[0].set_ylabel("size")
    low, high = axes[0].get_ylim()
    last = axes[0].get_xlim()[1]
    axes[0].annotate(
        "the way back",
        xy=(0.42 * last, low + 0.12 * (high - low)),
        xytext=(0.66 * last, low + 0.12 * (high - low)),
        fontsize=20,
        va="center",
        arrowprops={"arrowstyle": "-|>", "lw": 2.6, "color": INK},
    )
    handles = [Line2D([], [], label=t, **series(i)) for i, t in enumerate(labels.values())]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=20)
    return figure


def draw_shares(
    depths: Sequence[int],
    shares: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    ratios: tuple[np.ndarray, np.ndarray, np.ndarray],
    name: str,
) -> Figure:
    """Draw what a power bounds: the share of networks above it, and sizes divided by it.

    Args:
        depths: (G,) depths.
        shares: for each kind of network its name and share, low and high end, each (G,).
        ratios: (S, G) norms divided by the power; (L,) depths and (L,) root mean squares divided by it.
        name: what the power is called.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, 2, width=15.5, height=7.2)
    left, right = axes[0]
    for index, (label, (share, low, high)) in enumerate(shares.items()):
        left.fill_between(depths, low, high, color=series(index)["color"], alpha=0.22, lw=0)
        line(left, depths, share, index, label)
    left.set_ylim(-0.03, 1.03)
    left.set_xlabel("depth n (layers)")
    left.set_ylabel(f"share of networks above {name}")
    left.legend(loc="upper right", fontsize=19)
    norms, layers, roots = ratios
    band(right, depths, norms, 0, "norm of one network")
    line(right, layers, roots, 1, "root mean square")
    right.axhline(0, color=INK, linewidth=2.4)
    right.set_xlabel("depth n (layers)")
    right.set_ylabel(f"size divided by {name}")
    right.legend(loc="lower left", fontsize=19)
    decades(right)
    for panel in (left, right):
        panel.set_xlim(0, depths[-1])
    return figure


def _apart(depths: Sequence[int] | np.ndarray) -> list[int]:
    """Return the places of depths that lie far enough apart to be told from each other."""
    found, step = [0], 0.08 * float(depths[-1])
    for place in range(1, len(depths)):
        if depths[place] - depths[found[-1]] >= step:
            found.append(place)
    return found


def _dark(index: int) -> Any:
    # Text needs more contrast on white than a thick line does.
    return tuple(0.62 * part for part in series(index)["color"])
