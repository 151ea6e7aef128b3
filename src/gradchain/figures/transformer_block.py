"""Drawings of transformer blocks: in how many directions their tokens point."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from gradchain.figures.axes import band, label_ends, panel_title
from gradchain.figures.meeting import law, law_handle
from gradchain.figures.style import new_figure


def draw_ranks(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray | None]]], tokens: int
) -> Figure:
    """Draw effective ranks against depth, one panel an attention.

    Args:
        panels: for each panel and design (seeds, L + 1) ranks and the law's (L + 1,), or None.
        tokens: T, the largest rank.

    Returns:
        The figure.
    """
    figure, axes = new_figure(1, len(panels), width=15.5, height=7.6, share_y=True)
    for panel, (title, curves) in zip(np.atleast_2d(axes)[0], panels.items(), strict=True):
        ends = []
        for index, (name, (rows, theory)) in enumerate(curves.items()):
            blocks = np.arange(rows.shape[1])
            band(panel, blocks, rows, index, name)
            if theory is not None:
                law(panel, blocks, theory)
            ends.append((blocks[-1], float(np.median(rows[:, -1])), name, index))
        panel.set_ylim(0, tokens * 1.04)
        panel.margins(x=0.01)
        panel.set_xlabel("blocks")
        panel_title(panel, title, 20)
        label_ends(panel, ends, tokens * 0.065)
    np.atleast_2d(axes)[0, 0].set_ylabel("effective rank of the tokens")
    handle = law_handle()
    handle.set_label("prediction")
    figure.legend(handles=[handle], loc="outside upper right", fontsize=19)
    return figure
