"""The pictures of the long-term dependency study: drawings, with the words that go with each.

`found` is what the study made of its cells: arrays by cell and distance, shares, intervals, keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gradchain.figures.axes import decades, panel_title
from gradchain.figures.picture import Picture
from gradchain.figures.style import INK, new_figure, series
from gradchain.figures.sweeps import draw_pairs
from gradchain.figures.words import alt_text, power_of_ten

LABELS = {
    "tanh": "RNN, tanh, Glorot",
    "orthogonal": "RNN, tanh, orthogonal",
    "irnn": "RNN, ReLU, identity",
    "update0": "GRU",
    "forget0": "LSTM, forget bias 0",
    "forget1": "LSTM, forget bias 1",
    "forget5": "LSTM, forget bias 5",
}
TASK_LABELS = {
    "first_token": "first token",
    "adding": "adding problem",
    "copy_memory": "copy memory",
    "sentence": "sentence",
}
_LAW = {"color": INK, "linewidth": 2.0, "linestyle": (0, (2, 2)), "zorder": 4}
_LINE = {"color": INK, "linewidth": 2.0, "linestyle": (0, (2, 2)), "zorder": 1}


def pictures(found: Any) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: arrays, shares, intervals and keys of a run.

    Returns:
        The pictures, in order.
    """
    made = [_success(found), _accuracy(found), _half(found), _start(found), _predicts(found)]
    return made + ([_tasks(found)] if found.others else [])


def _look(kind: str) -> dict[str, Any]:
    """Return colour, marker and dash of a cell; the seventh is dark."""
    index = list(LABELS).index(kind)
    if index < 6:
        return series(index)
    return {"color": INK, "marker": "X", "linestyle": (0, (1, 1))}


def _panels(kinds: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the panels: without gates, with gates; empty ones are left out."""
    plain = ("tanh", "orthogonal", "irnn")
    both = (
        ("without gates", [kind for kind in kinds if kind in plain]),
        ("with gates", [kind for kind in kinds if kind not in plain]),
    )
    return [(title, own) for title, own in both if own]


def _grid(count: int, height: float | int = 7.4) -> tuple[Figure, list[Axes]]:
    figure, axes = new_figure(1, count, width=16 if count > 1 else 11, height=height, share_y=True)
    return figure, [axes] if isinstance(axes, Axes) else list(axes[0])


def _distances(axes: Axes, distances: Sequence[int], name: str) -> None:
    """Write the tested distances on a logarithmic x axis."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(distances)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(name)


def _across(axes: Axes, height: float | int, words: str, side: str = "left") -> None:
    """Draw a line across with its name."""
    axes.axhline(height, **_LINE)
    place, align = (0.02, "left") if side == "left" else (0.98, "right")
    axes.annotate(
        words, xy=(place, height), xycoords=("axes fraction", "data"), xytext=(0, 5),
        textcoords="offset points", fontsize=17, ha=align,
    )  # fmt: skip


def _legend(figure: Figure, kinds: Sequence[str], *more: Line2D, columns: int = 4) -> None:
    own = [Line2D([], [], label=LABELS[kind], markersize=11, **_look(kind)) for kind in kinds]
    handles = [*own, *more]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(columns, len(handles)),
        fontsize=17,
    )


def _way(found: Any) -> str:
    return f"{100 * found.config.way:.0f} %"


def _listed(found: Any, task: str, distance: int, kinds: Sequence[str]) -> str:
    """Return the share of each cell as a placeholder behind its name."""
    return ", ".join(f"{LABELS[kind]} {found.share_key(kind, task, distance)}" for kind in kinds)


def _shifts(count: int) -> np.ndarray:
    """Return factors of x that keep the intervals of several curves apart."""
    return 1.045 ** (np.arange(count) - (count - 1) / 2)


def _success(found: Any) -> Picture:
    distances = found.config.distances

    def draw() -> Figure:
        panels = _panels(found.kinds)
        figure, grid = _grid(len(panels))
        for axes, (title, kinds) in zip(grid, panels, strict=True):
            for kind, shift in zip(kinds, _shifts(len(kinds)), strict=True):
                low, middle, high = np.array(found.shares[kind]).T
                axes.errorbar(
                    np.array(distances) * shift, middle, yerr=(middle - low, high - middle),
                    capsize=6, markersize=11, elinewidth=2, **_look(kind),
                )  # fmt: skip
            _across(axes, 0.5, "half of the runs", "right")
            _distances(axes, distances, "steps from the clue to the answer")
            axes.set_ylim(-0.04, 1.06)
            panel_title(axes, title, 19)
        grid[0].set_ylabel("share of runs that learn")
        _legend(figure, found.kinds)
        return figure

    return Picture(
        "success",
        "Who learns to remember over which distance",
        draw,
        alt=alt_text(
            "Line chart, panels for cells without and with gates,",
            "the share of runs that learn to recall the first token against the distance",
            f"{found.config.seeds} seeds a point, bars: Wilson's 95 % intervals",
            f"At {found.config.shown} steps: "
            f"{_listed(found, 'first_token', found.config.shown, found.kinds)}"
            ".",
        ),
        caption=f"A run learns if its accuracy ends more than {_way(found)} of the way from chance "
        f"to 1; by "
        "guessing none gets there.",
    )


def _accuracy(found: Any) -> Picture:
    distances = found.config.distances

    def draw() -> Figure:
        panels = _panels(found.kinds)
        figure, grid = _grid(len(panels))
        for axes, (title, kinds) in zip(grid, panels, strict=True):
            for kind, shift in zip(kinds, _shifts(len(kinds)), strict=True):
                rows = np.stack([found.accuracy(kind, d) for d in distances], axis=1)
                low, middle, high = (
                    np.quantile(rows, q, axis=0, method="nearest") for q in (0.05, 0.5, 0.95)
                )
                x, look = np.array(distances) * shift, _look(kind)
                axes.fill_between(x, low, high, color=look["color"], alpha=0.15, lw=0)
                axes.plot(x, middle, markersize=11, **look)
            _across(axes, found.chance, "chance")
            _distances(axes, distances, "steps from the clue to the answer")
            axes.set_ylim(0, 1.06)
            panel_title(axes, title, 19)
        grid[0].set_ylabel("accuracy after training")
        _legend(figure, found.kinds)
        return figure

    return Picture(
        "accuracy",
        "How much is remembered after training",
        draw,
        alt=alt_text(
            "Line chart, panels for cells without and with gates,",
            "the final accuracy of recalling the first token against the distance, with the line "
            "of chance",
            f"{found.config.seeds} seeds a point; lines: medians, bands hold 90 % of the runs",
            "Where a cell learns at all it is nearly always right; beyond that it falls to chance "
            "within "
            "a factor of a few in distance.",
        ),
        caption="Between the two many runs know only some of the first tokens.",
    )


def _half(found: Any) -> Picture:
    distances = found.config.distances

    def draw() -> Figure:
        figure, axes = new_figure(width=12, height=2.4 + 0.75 * len(found.kinds))
        first, last = distances[0], distances[-1]
        for row, kind in enumerate(found.kinds):
            half, look = found.halves[kind], _look(kind)
            ends = half.low or first / 1.6, half.high or last * 1.6
            axes.plot(ends, [row, row], color=look["color"], linewidth=6, alpha=0.35)
            for end, known, mark in zip(ends, (half.low, half.high), ("<", ">"), strict=True):
                if known is None:
                    axes.plot([end], [row], marker=mark, color=look["color"], markersize=12)
            if half.where == "inside":
                axes.plot(
                    [half.estimate], [row], marker=look["marker"], color=look["color"],
                    markersize=14, markeredgecolor="white",
                )  # fmt: skip
        _distances(axes, distances, "distance at which half of the runs fail, steps")
        axes.set_xlim(first / 1.8, last * 1.8)
        axes.set_yticks(
            range(len(found.kinds)), [LABELS[kind] for kind in found.kinds], fontsize=18
        )
        axes.set_ylim(len(found.kinds) - 0.5, -0.5)
        return figure

    return Picture(
        "half",
        "The distance at which half of the runs fail",
        draw,
        alt=alt_text(
            "Dot chart",
            "the distance at which half of the runs fail to recall the first token, one row a cell",
            f"{found.config.seeds} seeds at each of {len(distances)} distances; bars: 95 % "
            f"intervals from "
            "exact binomial tests; an arrow where an end lies outside of the distances tested",
            f"{'; '.join(f'{LABELS[kind]}: {found.half_text(kind)}' for kind in found.kinds)}.",
        ),
        caption="Bars run from the largest distance at which more than half of the runs surely "
        "learn to "
        "the smallest at which less than half do; arrows: no such distance was tested.",
    )


def _start(found: Any) -> Picture:
    longest = found.config.distances[-1]
    law = Line2D([], [], label="mean-field prediction", **_LAW)

    def draw() -> Figure:
        panels = _panels(found.kinds)
        figure, grid = _grid(len(panels))
        x = np.arange(longest + 1)
        for axes, (title, kinds) in zip(grid, panels, strict=True):
            for place, kind in enumerate(kinds):
                rows, look = found.left[kind], _look(kind)
                low, middle, high = (
                    np.quantile(rows, q, axis=0, method="nearest") for q in (0.05, 0.5, 0.95)
                )
                axes.fill_between(x, low, high, color=look["color"], alpha=0.18, lw=0)
                step = max(1, longest // 8)
                axes.plot(x, middle, markevery=(place * step // 4, step), markersize=10, **look)
                if found.laws[kind] is not None:
                    axes.plot(x, found.laws[kind], **_LAW)
            for d in found.config.distances:
                axes.axvline(d, color="#bbbbbb", linewidth=1.2, zorder=0)
            axes.set_xlabel("steps back from the answer")
            decades(axes)
            panel_title(axes, title, 19)
        grid[0].set_ylabel("gradient, relative to the answer's")
        _legend(figure, found.kinds, law)
        return figure

    ends = "; ".join(
        f"{LABELS[kind]}: {power_of_ten(float(np.median(found.left[kind][:, found.config.shown])))}"
        for kind in found.kinds
    )
    return Picture(
        "start",
        "What is left of the gradient before training",
        draw,
        alt=alt_text(
            "Line chart, panels for cells without and with gates,",
            "the size of the loss' gradient by the hidden state, relative to that at the answer, "
            "on a scale "
            "of powers of ten, against the steps back from the answer",
            f"{found.config.seeds} networks a cell, medians; bands hold 90 % of them; dashed: "
            f"mean-field "
            "predictions of infinite width, where there is one",
            f"Left {found.config.shown} steps back: {ends}.",
        ),
        caption="Vertical lines: the distances of the training runs. Dashed: infinitely wide "
        "networks with "
        "the same scales of weights; none for the identity.",
    )


def _predicts(found: Any) -> Picture:
    distances = found.config.distances

    def draw() -> Figure:
        figure, axes = new_figure(width=13, height=8)
        for kind in found.kinds:
            x = np.median(found.left[kind][:, list(distances)], axis=0)
            low, middle, high = np.array(found.shares[kind]).T
            look = _look(kind)
            axes.errorbar(
                x, middle, yerr=(middle - low, high - middle), capsize=5, elinewidth=1.4,
                markersize=13, markeredgecolor="white", **look | {"linestyle": "none"},
            )  # fmt: skip
            axes.plot(x, middle, color=look["color"], linewidth=1.2, alpha=0.6)
        axes.axhline(0.5, **_LINE)
        axes.set_ylim(-0.04, 1.06)
        decades(axes, "x")
        axes.set_xlabel("gradient at the clue before training, relative to the answer's")
        axes.set_ylabel("share of runs that learn")
        _legend(figure, found.kinds, columns=3)
        return figure

    known = "rnn.recall.start.settings" in found.known
    return Picture(
        "predicts",
        "Does the first gradient tell who will learn?",
        draw,
        alt=alt_text(
            "Scatter chart",
            "the share of runs that learn to recall the first token against the gradient at the "
            "clue before "
            "training, on a scale of powers of ten, one point a cell and distance",
            f"{found.config.seeds} seeds a point; bars: Wilson's 95 % intervals",
            "The rank correlation over all points is {rnn.recall.start.settings}."
            if known
            else "All runs do alike, so nothing can be ranked.",
        ),
        caption="Thin lines join the distances of one cell.",
    )


def _tasks(found: Any) -> Picture:
    config = found.config
    at = config.other_distances[0]
    names = [name for name in TASK_LABELS if found.task_shares.get((name, at))]
    shares: Mapping = found.task_shares
    points = {
        LABELS[kind]: [shares[name, at][kind] for name in names] for kind in config.other_kinds
    }
    return Picture(
        "tasks",
        f"Four tasks at a distance of {at} steps",
        lambda: draw_pairs(
            [TASK_LABELS[name] for name in names], points, "share of runs that learn"
        ),
        alt=alt_text(
            "Dot chart",
            f"the share of runs that learn each task at a distance of {at} steps, for "
            f"{', '.join(LABELS[kind] for kind in config.other_kinds)}",
            f"{config.seeds} seeds a point; bars: Wilson's 95 % intervals",
            "; ".join(
                f"{TASK_LABELS[name]}: {_listed(found, name, at, config.other_kinds)}"
                for name in names
            )
            + ".",
        ),
        caption=f"A run learns if its accuracy ends more than {_way(found)} of the way from chance "
        f"to 1.",
    )
