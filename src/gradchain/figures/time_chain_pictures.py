"""The pictures of the study of chains through time: drawings with their words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.experiments.statistics import median_ranks
from gradchain.experiments.time_chain import LIMITS
from gradchain.figures.picture import Picture
from gradchain.figures.time_chain import (
    Curve,
    draw_cells,
    draw_lost,
    draw_strength,
    draw_training,
)
from gradchain.figures.words import alt_text

Arrays = Mapping[str, Any]
_LINES = {"1 %": LIMITS["percent"], "float32 ends": LIMITS["float32"]}


def _curves(cells: Mapping[str, Arrays], kind: str, *, upper: bool) -> dict[str, Curve]:
    theory = {"total": "theory", "direct": "theory_direct"}[kind]
    return {
        name: Curve(own[kind], own[theory], np.median(own["upper"], axis=0) if upper else None)
        for name, own in cells.items()
    }


def _bottom(curves: Mapping[str, Curve]) -> float:
    # The lowest median, and some room for its band.
    finite = [np.median(curve.rows, axis=0) for curve in curves.values()]
    return 1.12 * min(float(own[np.isfinite(own)].min()) for own in finite)


def by_cell(
    plain: Mapping[str, Arrays], gated: Mapping[str, Arrays], back: int, whose: str
) -> Picture:
    """Show what is left of a gradient by steps back, plain cells beside gated ones.

    Args:
        plain: results of the plain cells by name.
        gated: of the gated cells.
        back: steps back that the words are about.
        whose: which networks.

    Returns:
        The picture.
    """
    panels = {
        "plain cells": _curves(plain, "total", upper=True),
        "gated cells": _curves(gated, "total", upper=False),
    }
    left = f"kept{back}.measured"
    return Picture(
        "by_cell",
        "How a gradient fades with distance, by cell",
        lambda: draw_cells(panels, [_bottom(own) for own in panels.values()], _LINES),
        alt=alt_text(
            "Line chart, two panels,",
            "what is left of a gradient against steps back, on a scale of powers of ten, for plain and "
            "gated cells, with predictions",
            f"{whose}; bands hold 90 % of them",
            f"After {back} steps the orthogonal tanh RNN keeps {{rnn.chain.orthogonal.{left}}}, the "
            f"identity relu RNN {{rnn.chain.irnn.{left}}}, the GRU {{gru.chain.bias0.{left}}}, the LSTM "
            f"with bias 1 {{lstm.chain.bias1.{left}}}. Predictions run along the bands.",
        ),
        caption="Dotted: the bound from the weights alone, 1 for orthogonal and identity weights. For "
        "Glorot weights and for all gated cells it grows, and says nothing.",
    )


def by_bias(cells: Mapping[str, Arrays], back: int, whose: str) -> Picture:
    """Show what is left in LSTMs by forget bias, over all paths and over the direct one.

    Args:
        cells: results of the LSTMs by name.
        back: steps back that the words are about.
        whose: which networks.

    Returns:
        The picture.
    """
    panels = {
        "all paths": _curves(cells, "total", upper=False),
        "direct path: forget gates": _curves(cells, "direct", upper=False),
    }
    left = f"kept{back}.measured"
    return Picture(
        "by_forget_bias",
        "The forget bias sets the memory of an LSTM",
        lambda: draw_cells(panels, [_bottom(own) for own in panels.values()], _LINES),
        alt=alt_text(
            "Line chart, two panels,",
            "what is left of a gradient in LSTMs of forget bias -1 to 5 against steps back, on a scale "
            "of powers of ten, for all paths and along the product of the forget gates",
            f"{whose}; bands hold 90 % of them",
            f"The larger the bias, the more is left: after {back} steps {{lstm.chain.bias0.{left}}} at "
            f"bias 0 and {{lstm.chain.bias2.{left}}} at bias 2. All paths together keep far more than "
            "the forget gates alone.",
        ),
        caption="Left all paths, right the direct path alone. The way through candidate and recurrent "
        "weights adds to the gates, since the same weights act at every step. At bias 5 the prediction "
        "fails: it takes what different steps add to the cell for independent.",
    )


def until_lost(cells: Mapping[str, Arrays], farthest: float) -> Picture:
    """Show after how many steps a gradient is below 1 percent and out of the floats' range.

    Args:
        cells: results by name.
        farthest: how many steps were looked at.

    Returns:
        The picture.
    """
    names = {"1 %": "percent", "float32's range": "float32", "float64's range": "float64"}
    rows, count = [], 0
    for name, own in cells.items():
        limits, count = {}, len(own["lost"])
        low, high = median_ranks(count)
        for title, limit in names.items():
            place = list(LIMITS).index(limit)
            steps = np.log10(np.maximum(np.sort(own["lost"][:, place]), 1))
            theory = math.log10(max(float(own["lost_theory"][place]), 1))
            ends = float(steps[low - 1]), float(steps[high - 1])
            limits[title] = (float(np.median(steps)), *ends, theory)
        rows.append((name, limits))
    return Picture(
        "until_lost",
        "After how many steps a gradient is lost",
        lambda: draw_lost(rows, math.log10(farthest)),
        alt=alt_text(
            "Dot plot",
            "the number of steps until a gradient is below 1 % of its size and below the smallest "
            "positive numbers of float32 and float64, for each cell, on a scale of powers of ten",
            f"medians of {count} networks with 95 % intervals; hollow: predicted",
            "LSTMs with forget bias -1 and minimal cells lose a gradient soonest, then LSTMs with bias 0 "
            "and GRUs, then tanh RNNs and LSTMs with larger biases; the identity relu RNN does not.",
        ),
        caption=f"Looked at are {farthest:.0f} steps. Float32 ends at about 10^-45, float64 at about "
        "10^-323.",
    )


def training(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray, str]], distance: int, whose: str
) -> Picture:
    """Show what is left by steps back before and after training.

    Args:
        panels: by name (S, T+1) before and after, and how many learned.
        distance: trained for.
        whose: which networks.

    Returns:
        The picture.
    """
    return Picture(
        "training",
        "What training does to the gradient through time",
        lambda: draw_training(panels, distance),
        alt=alt_text(
            f"Line chart, {len(panels)} panels,",
            "what is left of a gradient against steps back before and after training, on a scale of "
            "powers of ten, one panel a cell",
            f"{whose} on tokens {distance} steps ago; bands hold 90 % of them",
            "; ".join(f"{name}: {said}" for name, (_, _, said) in panels.items()),
        ),
        caption="Cells that learned carry more of a gradient afterwards. Where next to nothing was left "
        f"{distance} steps back, training had nothing to go by.",
    )


def by_strength(
    names: Sequence[str],
    arrays: Arrays,
    grid: Sequence[float],
    points: Sequence[float],
    whose: str,
) -> Picture:
    """Show the factor of a gradient a step against the size of the inputs.

    Args:
        names: of the cells.
        arrays: `theory` (cells, G) and `factors` (cells, S, K).
        grid: (G,) logarithms of |x|^2.
        points: (K,) those measured.
        whose: which networks.

    Returns:
        The picture.
    """
    theory = {name: arrays["theory"][k] for k, name in enumerate(names)}
    seen = {}
    for place, name in enumerate(names):
        low, middle, high = np.quantile(arrays["factors"][place], (0.05, 0.5, 0.95), axis=0)
        seen[name] = list(zip(points, middle, low, high, strict=True))
    return Picture(
        "by_input_size",
        "Inputs make plain RNNs forget, more than gated ones",
        lambda: draw_strength(np.array(grid), theory, seen),
        alt=alt_text(
            "Line chart",
            "the factor of a gradient a step against the squared size of an input, on a scale of powers "
            "of ten",
            f"{whose}; lines: predictions",
            "The tanh RNN keeps nearly all of a gradient a step with very small inputs and loses ever "
            "more with larger ones, which saturate it. GRU and LSTM change much less.",
        ),
        caption="Embedded tokens as Keras draws them have |x|^2 of about 10^-2 and less.",
    )
