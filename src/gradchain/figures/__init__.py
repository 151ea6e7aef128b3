"""Figures for the back row: large type, no reliance on colour, the same bytes every time.

A picture is a function that draws, together with the words that stand for it:

    from gradchain.figures import Picture, alt_text, line, new_figure

    def draw():
        figure, axes = new_figure()
        line(axes, depth, log10_norm, 0, "sigmoid")
        decades(axes)
        return figure

    Picture("chain", "The chain shrinks", draw, alt=alt_text(...))

Nothing here touches pyplot, the user's backend or the user's settings, and nothing computes.
"""

from gradchain.figures._palette import COLOURS
from gradchain.figures.axes import band, bound, decades, floor, label_ends, line, panel_title
from gradchain.figures.picture import Picture
from gradchain.figures.style import INK, SERIES, new_figure, series
from gradchain.figures.words import alt_text, power_of_ten, trend

__all__ = [
    "COLOURS",
    "INK",
    "SERIES",
    "Picture",
    "alt_text",
    "band",
    "bound",
    "decades",
    "floor",
    "label_ends",
    "line",
    "new_figure",
    "panel_title",
    "power_of_ten",
    "series",
    "trend",
]
