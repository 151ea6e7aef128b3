"""The pictures of the exploding gradient study: drawings, with the words that go with each.

`found` is what the study made of its cells: shares by arm, keys, arrays of directions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.figures.picture import Picture
from gradchain.figures.sweeps import Curve, Panel, draw_maps, draw_panels
from gradchain.figures.words import alt_text


def pictures(
    found: Any,
    labels: Mapping[str, str],
    clips: Sequence[str],
    relative: Sequence[float],
    scales: Sequence[float],
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: shares, keys and arrays of a run.
        labels: arm of the grid -> its name.
        clips: kinds of clipping.
        relative: limits of the direction's curves, relative to the gradient's norm.
        scales: weight scales of the direction's panels.

    Returns:
        The pictures, in order.
    """
    return [
        _diverged(found, labels),
        _learned(found, labels),
        _direction(found, clips, relative, scales),
    ]


def _names(values: Sequence[float]) -> list[str]:
    return [f"{value:g}" for value in values]


def _diverged(found: Any, labels: Mapping[str, str]) -> Picture:
    config = found.config
    maps = {label: found.lost(arm) for arm, label in labels.items()}
    names = ("weights, times He", "learning rate", "networks whose loss becomes NaN, %")
    lost = [f"{{{found.key('sgd', scale, 0.01, 'diverged')}}}" for scale in (1.0, 2.0)]
    return Picture(
        "diverged",
        "Where the loss becomes NaN",
        lambda: draw_maps(maps, _names(config.scales), _names(config.rates), names),
        alt=alt_text(
            "Six tables of shades",
            "the share of networks whose loss becomes NaN, by weight scale and learning rate, for "
            "SGD, Adam, another loss and three kinds of clipping",
            f"{config.seeds} networks of {config.depth} hidden layers a square, {config.epochs} "
            "epochs",
            f"SGD with squared error loses {lost[0]} of the networks with He weights at the learning "
            f"rate 0.01, and {lost[1]} with weights twice as large; under clipping most squares are "
            "empty.",
        ),
        caption=f"Percent of {config.seeds} networks. Squared error where no other loss is named, SGD "
        f"where no other optimizer is; clipping at {config.limit:g}.",
    )


def _learned(found: Any, labels: Mapping[str, str]) -> Picture:
    config = found.config
    maps = {label: found.learned(arm) for arm, label in labels.items() if arm != "kerasbce"}
    names = (
        "weights, times He",
        "learning rate",
        f"networks that end below the loss {config.learned:g}, %",
    )
    return Picture(
        "learned",
        "Finite is not learned",
        lambda: draw_maps(maps, _names(config.scales), _names(config.rates), names),
        alt=alt_text(
            "Five tables of shades",
            f"the share of networks that end at a squared error below {config.learned:g}, by weight "
            "scale and learning rate",
            f"{config.seeds} networks a square",
            "Clipping widens the region in which networks learn less than the region in which they "
            "stay finite.",
        ),
        caption=f"Percent of {config.seeds} networks. The best constant answer has the loss 1/4.",
    )


def _direction(
    found: Any, clips: Sequence[str], relative: Sequence[float], scales: Sequence[float]
) -> Picture:
    config = found.config
    x = np.log10(np.asarray(relative, float))
    panels = []
    for scale in scales:
        arrays = found.results[f"direction_{scale:g}"]
        curves = {
            "by global norm" if clip == "global" else f"by {clip}": Curve.over(
                arrays[f"curve_{clip}"], 0.9
            )
            for clip in clips
        }
        panels.append(
            Panel(
                f"He weights times {scale:g}", "limit / norm of the gradient",
                "cosine to the raw gradient", x, curves, powers="x", y_range=(0.0, 1.04),
            )
        )  # fmt: skip
    value, norm = (f"{{exploding.clip.{clip}.scale2.cosine}}" for clip in ("value", "norm"))
    return Picture(
        "direction",
        "What clipping does to the direction",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the cosine between the raw and the clipped gradient against the limit, for three kinds "
            "of clipping",
            f"{config.seeds} networks of {config.depth} hidden layers at the start, float64; bands "
            "hold 90 % of them",
            "By global norm it is 1 throughout. By norm and by value it falls as the limit falls, and "
            "levels off: then all arrays have the same norm, or all entries the same size. At the "
            f"limit {config.limit:g}, with twice the He weights, it is {norm} by norm and {value} by "
            "value.",
        ),
        caption="To the right nothing is clipped. To the left clipping by value leaves only signs.",
    )
