"""Drawings of the isometry study: histograms beside laws, edges, rates over depth, exponents."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gradchain.figures.axes import decades, panel_title
from gradchain.figures.style import INK, new_figure, series

_THEORY = {"color": INK, "linewidth": 2.6, "linestyle": "-"}


def draw_histograms(
    edges: np.ndarray,
    panels: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray, np.ndarray, str]],
) -> Figure:
    """Draw measured shares of singular values by bin, with the law on top.

    Args:
        edges: (B + 1,) decimal logarithms of s.
        panels: for each (weights, activation) shares (S, B) of all singular values, and a fine grid of
            log10 s with the density there a decade, (m,) each, and a note.

    Returns:
        The figure, a row for each law of weights.
    """
    rows = list(dict.fromkeys(row for row, _ in panels))
    columns = list(dict.fromkeys(column for _, column in panels))
    figure, axes = new_figure(len(rows), len(columns), width=17.5, height=10.5, share_x=True)
    step = np.diff(edges)
    for (row, column), (shares, fine, density, note) in panels.items():
        panel = axes[rows.index(row), columns.index(column)]
        heights = shares / step
        middle, error = heights.mean(axis=0), heights.std(axis=0, ddof=1) / len(shares) ** 0.5
        colour = series(rows.index(row))["color"]
        panel.bar(
            edges[:-1], middle, width=step, align="edge", color=colour, alpha=0.45, linewidth=0
        )
        own = np.where(middle > 0, 2 * error, np.nan)
        panel.errorbar(
            edges[:-1] + step / 2, middle, yerr=own, fmt="none", ecolor=colour, elinewidth=2
        )
        if density.any():
            panel.plot(fine, density, **_THEORY)
            panel.set_ylim(0, 1.25 * max(float(np.nanmax(middle)), float(np.nanmax(density[1:-1]))))
        else:
            panel.set_ylim(0, 1.25 * float(middle.max()))
            panel.axvline(0, **_THEORY)
        panel.text(0.04, 0.96, note, transform=panel.transAxes, ha="left", va="top", fontsize=17)
        decades(panel, "x", 4)
        panel.set_xlim(edges[0], edges[-1])
        panel_title(panel, f"{column}, {row}", 19)
        if row == rows[-1]:
            panel.set_xlabel("singular value s")
        if column == columns[0]:
            panel.set_ylabel("share a decade")
    handles = [
        Patch(color=series(0)["color"], alpha=0.45, label="measured, +- 2 standard errors"),
        Line2D([], [], **_THEORY, label="law of infinite width"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=19)
    return figure


def draw_tops(
    depths: Sequence[int],
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
) -> Figure:
    """Draw the largest singular value against depth.

    Args:
        depths: G depths.
        panels: for each law of weights and activation, measured s_max (S, G) and its edge (G,).

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=7.6, share_y=True)
    x = np.log10(np.asarray(depths, float))
    for panel, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for index, (label, (tops, edge)) in enumerate(curves.items()):
            style = series(index)
            logs = np.log10(tops)
            low, high = logs.min(axis=0), logs.max(axis=0)
            panel.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)
            panel.plot(
                x, logs.mean(axis=0), color=style["color"], marker=style["marker"], linestyle="none",
                markersize=11, label=label, zorder=4,
            )  # fmt: skip
            panel.plot(x, np.log10(edge), color=style["color"], linewidth=2.8)
        if panel is axes[0, 0]:
            steps = np.log10(2.0) * np.asarray(depths)
            panel.plot(x, steps, color=INK, linewidth=2.2, linestyle=(0, (1, 1)))
        panel.set_ylim(-0.1, 1.6)
        _plain_ticks(panel.xaxis, x, depths)
        decades(panel, "y", 3)
        panel.yaxis.set_major_locator(FixedLocator([0, np.log10(2), np.log10(5), 1, np.log10(20)]))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{10**v:.0f}"))
        panel.set_xlabel("depth L")
        panel_title(panel, name, 20)
    axes[0, 0].set_ylabel("largest singular value")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles += [
        Line2D([], [], color="#555555", linewidth=2.8),
        Line2D([], [], color=INK, linewidth=2.2, linestyle=(0, (1, 1))),
    ]
    labels += ["edge, infinite width", "2^L"]
    figure.legend(handles, labels, loc="outside upper center", ncols=5, fontsize=18)
    return figure


def _plain_ticks(axis: object, places: np.ndarray, names: Sequence[int]) -> None:
    found = dict(zip(places.tolist(), names, strict=True))
    axis.set_major_locator(FixedLocator(list(found)))  # type: ignore[attr-defined]
    axis.set_minor_locator(NullLocator())  # type: ignore[attr-defined]
    axis.set_major_formatter(  # type: ignore[attr-defined]
        FuncFormatter(lambda v, _: str(found[min(found, key=lambda place: abs(place - v))]))
    )


def draw_rates(
    depths: Sequence[int],
    panels: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray | None]],
) -> Figure:
    """Draw all singular values as rates, log(s)/L, against depth.

    Args:
        depths: G depths.
        panels: for each (weights, activation) log s (S, G, n), -inf where forced to 0, and the exact
            Lyapunov exponents (n,) where they are known.

    Returns:
        The figure, a row for each law of weights.
    """
    rows = list(dict.fromkeys(row for row, _ in panels))
    columns = list(dict.fromkeys(column for _, column in panels))
    figure, axes = new_figure(
        len(rows), len(columns), width=17.5, height=10.5, share_x=True, share_y=True
    )
    x = np.log10(np.asarray(depths, float))
    for (row, column), (logs, exact) in panels.items():
        panel = axes[rows.index(row), columns.index(column)]
        colour = series(rows.index(row))["color"]
        rates = logs / np.asarray(depths, float)[None, :, None]
        alive = np.isfinite(rates)
        spread = [
            np.array([np.quantile(rates[:, g][alive[:, g]], share) for g in range(len(depths))])
            for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
        panel.fill_between(x, spread[0], spread[4], color=colour, alpha=0.2, linewidth=0)
        panel.fill_between(x, spread[1], spread[3], color=colour, alpha=0.35, linewidth=0)
        panel.plot(x, spread[2], color=colour, linewidth=3.2, marker="o")
        if exact is not None:
            marks = np.quantile(exact, (0.0, 0.25, 0.5, 0.75, 1.0))
            panel.plot(
                np.full(5, x[-1] + 0.12), marks, color=INK, marker="<", linestyle="none",
                markersize=12, clip_on=False, zorder=5,
            )  # fmt: skip
        panel.axhline(0, color="#777777", linewidth=1.6)
        panel.set_ylim(-3.2, 1.2)
        panel.set_xlim(x[0] - 0.05, x[-1] + 0.25)
        _plain_ticks(panel.xaxis, x, depths)
        panel_title(panel, f"{column}, {row}", 19)
        if row == rows[-1]:
            panel.set_xlabel("depth L")
        if column == columns[0]:
            panel.set_ylabel("log(s) / L, nats")
    handles = [
        Patch(color="#888888", alpha=0.3, label="all that are not 0"),
        Patch(color="#888888", alpha=0.6, label="the middle half"),
        Line2D([], [], color="#555555", marker="o", linewidth=3.2, label="median"),
        Line2D(
            [], [], color=INK, marker="<", linestyle="none", markersize=12,
            label="Newman, infinite depth",
        ),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=18)
    return figure


def draw_exponents(panels: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw measured Lyapunov exponents over Newman's exact ones.

    Args:
        panels: for each width the exact exponents, the measured ones and their standard errors, (n,).

    Returns:
        The figure: left the exponents, right z.
    """
    figure, axes = new_figure(1, 2, width=15.5, height=7.2)
    left, right = axes[0]
    for index, (width, (exact, values, errors)) in enumerate(panels.items()):
        style = series(index)
        place = (np.arange(width) + 0.5) / width
        left.plot(place, exact, color=INK, linewidth=2.2, zorder=1)
        left.errorbar(
            place, values, yerr=2 * errors, color=style["color"], marker=style["marker"],
            linestyle="none", markersize=8 if width < 50 else 5, label=f"width {width}", elinewidth=2,
        )  # fmt: skip
        right.plot(
            place, (values - exact) / errors, color=style["color"], marker=style["marker"],
            linestyle="none", markersize=9 if width < 50 else 6,
        )  # fmt: skip
    left.set_ylabel("exponent, nats a factor")
    right.set_ylabel("(measured - exact) / standard error")
    right.set_ylim(-5, 5)
    for height in (-2, 2):
        right.axhline(height, color="#555555", linewidth=1.8, linestyle=(0, (4, 2)))
    for panel, title in ((left, "exponents"), (right, "difference")):
        panel.set_xlabel("place k / n")
        panel.set_xlim(0, 1)
        panel_title(panel, title, 20)
    handles, labels = left.get_legend_handles_labels()
    handles.append(Line2D([], [], color=INK, linewidth=2.2))
    figure.legend(
        handles, [*labels, "Newman, exact"], loc="outside upper center", ncols=5, fontsize=18
    )
    return figure
