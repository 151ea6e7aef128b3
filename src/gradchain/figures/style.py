"""The house style: what every figure looks like, whatever the user's own settings are.

Type sizes are chosen for a figure of 10 x 6 inches that fills a slide: the smallest letter is then
about 1/40 of the height. Colours are matplotlib's petroff6 (made for all kinds of colour vision);
each comes with its own marker and dash, so a figure reads in grey too.
"""

import contextlib
from collections.abc import Generator
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gradchain.figures._palette import COLOURS

INK = "#1a1a1a"
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = (
    "-",
    (0, (6, 2)),
    (0, (2, 1.5)),
    (0, (6, 2, 1.5, 2)),
    (0, (10, 3)),
    (0, (4, 1, 1, 1, 1, 1)),
)
SERIES = tuple(
    {"color": colour, "marker": marker, "linestyle": dash}
    for colour, marker, dash in zip(COLOURS, _MARKERS, _DASHES, strict=True)
)

HOUSE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 17,
    "axes.titlesize": 19,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 18,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": False,  # ASCII hyphen: what is copied from a figure can be read back
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.9,
    "xtick.labelsize": 16,
    "ytick.labelsize": 16,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.fontsize": 16,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 3.0,
    "lines.markersize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "svg.fonttype": "path",  # drawn letters: the layout holds where the font is missing
    "svg.hashsalt": "gradchain",
    "pdf.fonttype": 42,
}


@contextlib.contextmanager
def house_style() -> Generator[None, None, None]:
    """Draw in the house style inside a `with` block, and leave no trace outside it.

    Yields:
        Nothing.
    """
    with matplotlib.style.context(["default", HOUSE]):
        yield


def series(index: int) -> dict[str, Any]:
    """Return colour, marker and dash of a series.

    Args:
        index: 0 for the first; after the sixth the colours come again with other markers.

    Returns:
        Keyword arguments of `Axes.plot`.
    """
    found = dict(SERIES[index % len(SERIES)])
    turn = index // len(SERIES)
    found["marker"] = _MARKERS[(index + turn) % len(_MARKERS)]
    return found


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float | int = 11.0,
    height: float | int = 6.4,
    share_x: bool = False,
    share_y: bool = False,
) -> tuple[Figure, Any]:
    """Make a figure with a grid of panels that lays itself out.

    Args:
        rows: rows of panels.
        columns: panels a row.
        width: in inches.
        height: in inches.
        share_x: whether panels share their x axis.
        share_y: whether panels share their y axis.

    Returns:
        The figure, and its one `Axes` or an object array of shape (rows, columns).
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    # A little air at the edges, so that no letter touches the frame of a slide.
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr]
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    if rows == columns == 1:
        single: Axes = axes[0, 0]
        return figure, single
    return figure, axes
