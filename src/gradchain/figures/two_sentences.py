"""Drawings of a near and a far sentence: gradients word by word, gates, and tied beside untied weights.

Sizes are handed over as decimal logarithms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gradchain.figures.axes import band, decades, panel_title
from gradchain.figures.meeting import LAW, law
from gradchain.figures.style import INK, new_figure, series

_LETTERS = 17


def _handle(index: int, name: str) -> Line2D:
    look: dict[str, Any] = series(index) | {"markersize": 11}
    return Line2D([], [], **look, label=name)


class Words(NamedTuple):
    """One panel: its title, the words of a sentence, and for each network what it shows at them.

    `curves`: for each network decimal logarithms (S, T) and the prediction (T,), or None.
    """

    title: str
    words: Sequence[str]
    curves: Mapping[str, tuple[np.ndarray, np.ndarray | None]]


def _write_words(panel: Axes, words: Sequence[str]) -> np.ndarray:
    place = np.arange(1, len(words) + 1)
    panel.set_xticks(place, words, rotation=90, fontsize=_LETTERS)
    # The clue and what is asked for are what the picture is about.
    panel.get_xticklabels()[0].set_fontweight("bold")
    panel.set_xlim(0.6, len(words) + 0.4)
    panel.grid(axis="x", visible=False)
    return place


def draw_words(panels: Sequence[Words], heights: tuple[float, float]) -> Figure:
    """Draw the gradient at each word, one panel a sentence, as wide as it has words.

    Args:
        panels: the sentences.
        heights: the ends of the y axis, decimal logarithms.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17, height=9, share_y=True)
    lengths = [len(panel.words) + 2 for panel in panels]
    axes[0, 0].get_gridspec().set_width_ratios(lengths)
    names: dict[str, int] = {}
    predicted = False
    for place, panel in zip(axes[0], panels, strict=True):
        x = _write_words(place, panel.words)
        for name, (rows, theory) in panel.curves.items():
            band(place, x, rows, names.setdefault(name, len(names)), name)
            if theory is not None:
                law(place, x, theory)
                predicted = True
        panel_title(place, panel.title, 20)
        decades(place, ticks=9)
    axes[0, 0].set_ylim(*heights)
    axes[0, 0].set_ylabel("gradient at each word,\nrelative to the last")
    handles: list[Any] = [_handle(index, name) for name, index in names.items()]
    if predicted:
        handles.append(Line2D([], [], **LAW, label="prediction"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=18)
    return figure


def draw_gates(
    words: Sequence[str], panels: Mapping[str, tuple[np.ndarray, np.ndarray, float, str]]
) -> Figure:
    """Draw gates along a sentence: the units that carry the clue beside all units.

    Args:
        words: the sentence.
        panels: for each title (S, T) means over the carriers and over all units, where the gate starts,
            and the gate's name.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17, height=8.6, share_y=True)
    for place, (title, (carriers, every, start, gate)) in zip(axes[0], panels.items(), strict=True):
        x = _write_words(place, words)
        band(place, x, every, 1, "all units")
        band(place, x, carriers, 0, "units that carry the clue")
        place.axhline(start, color=INK, linewidth=2.2, linestyle=(0, (3, 2)))
        place.set_ylabel(gate)
        panel_title(place, title, 20)
    axes[0, 0].set_ylim(0, 1.02)
    handles: list[Any] = [
        _handle(0, "units that carry the clue"),
        _handle(1, "all units"),
        Line2D([], [], **LAW, label="where the gate's bias starts"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=18)
    return figure


def draw_tied(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]],
) -> Figure:
    """Draw gradients by distance with one matrix for all steps and with a new one at each.

    Args:
        panels: for each title decimal logarithms (S, T+1) tied and untied, the prediction of the untied
            mean (T+1,), and of the tied one, or None.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=17, height=8, share_y=True)
    for place, (title, (tied, untied, theory, other)) in zip(axes[0], panels.items(), strict=True):
        x = np.arange(tied.shape[1])
        band(place, x, tied, 0, "tied")
        band(place, x, untied, 1, "untied")
        law(place, x, theory)
        if other is not None:
            place.plot(x, other, color=INK, linewidth=2.6, linestyle=(0, (1, 1)), zorder=4)
        place.set_xlim(0, tied.shape[1] - 1)
        place.set_xlabel("distance back (steps)")
        panel_title(place, title, 19)
        decades(place)
    axes[0, 0].set_ylabel("what is left of a gradient")
    handles: list[Any] = [
        _handle(0, "one matrix for all steps (tied)"),
        _handle(1, "new weights at each step (untied)"),
        Patch(color="#888888", alpha=0.35, label="90 % of networks"),
        Line2D([], [], **LAW, label="prediction, untied"),
        Line2D(
            [], [], color=INK, linewidth=2.6, linestyle=(0, (1, 1)), label="spectral radius, tied"
        ),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=18)
    return figure
