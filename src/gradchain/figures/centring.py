"""The pictures of the centring study: drawings, with the words that go with each.

`found` is what the study made of its cells: networks at their best learning rate, and before training.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.experiments.statistics import wilson
from gradchain.figures.picture import Picture
from gradchain.figures.sweeps import Curve, Panel, draw_pairs, draw_panels
from gradchain.figures.words import alt_text


def pictures(
    found: Any, labels: Mapping[str, str], titles: Mapping[str, str], scales: Sequence[float]
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: arrays and keys of a run.
        labels: activation -> its name.
        titles: optimizer -> its name.
        scales: weight scales that are shown; the last one is that of the curves.

    Returns:
        The pictures, in order.
    """
    return [
        _losses(found, labels, titles, scales[-1]),
        _reached(found, labels, titles, scales[-1]),
        _signs(found, labels, scales),
    ]


def _losses(
    found: Any, labels: Mapping[str, str], titles: Mapping[str, str], scale: float
) -> Picture:
    config = found.config
    x = np.arange(1, config.epochs + 1, dtype=float)
    panels = []
    for short, title in titles.items():
        curves = {}
        for name, label in labels.items():
            bands = np.log10(found.best(short, name, scale)[0]["loss_bands"])
            curves[label] = Curve(bands[2], bands[1], bands[3])
        low = np.concatenate([np.asarray(curve.low) for curve in curves.values()])
        # Whole decades, or an axis with few of them has no ticks to speak of.
        bottom = float(np.floor(np.min(low, where=np.isfinite(low), initial=-0.5)))
        panels.append(
            Panel(title, "epoch", "training loss", x, curves, powers="y", y_range=(bottom, 0.25))
        )
    said = [
        f"{{{found.stem(short, scale)}.sigmoid.loss}} under {titles[short]}" for short in titles
    ]
    other = [f"{{{found.stem(short, scale)}.shiftedsigmoid.loss}}" for short in titles]
    return Picture(
        "loss",
        "Loss against epochs, centred and not",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the training loss against the epoch for sigmoid, sigmoid - 1/2 and tanh at matched slope, "
            "under SGD and Adam",
            f"{config.seeds} networks of {config.depth} hidden layers, weights times {scale:g}; bands "
            "hold half of them",
            f"The median loss of the sigmoid networks ends at {' and '.join(said)}, that of sigmoid - "
            f"1/2 at {' and '.join(other)}.",
        ),
        caption=f"{config.depth} hidden layers, Glorot weights times {scale:g} (tanh: times "
        f"{scale / 4:g}); the learning rate is the best of those tried for each.",
    )


def _reached(
    found: Any, labels: Mapping[str, str], titles: Mapping[str, str], scale: float
) -> Picture:
    config = found.config
    x = np.arange(1, config.epochs + 1, dtype=float)
    panels = []
    for short, title in titles.items():
        curves = {}
        for name, label in labels.items():
            first = found.best(short, name, scale)[0]["epochs_to_95"]
            hits = np.count_nonzero(first[:, None] <= x[None, :], axis=0)
            ends = np.array([wilson(int(own), len(first)) for own in hits])
            curves[label] = Curve(hits / len(first), ends[:, 0], ends[:, 1])
        panels.append(Panel(title, "epoch", "share of networks", x, curves, y_range=(-0.03, 1.05)))
    said = [
        f"under {title} {{{found.stem(short, scale)}.sigmoid.reached}} of the sigmoid networks and "
        f"{{{found.stem(short, scale)}.shiftedsigmoid.reached}} of those of sigmoid - 1/2"
        for short, title in titles.items()
    ]
    return Picture(
        "reached",
        "Who has reached 95 % accuracy, and when",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of networks that have reached 95 % accuracy against the epoch, for sigmoid, "
            "sigmoid - 1/2 and tanh at matched slope",
            f"{config.seeds} networks of {config.depth} hidden layers, weights times {scale:g}; bands "
            "are 95 % intervals",
            f"After {config.epochs} epochs it is {', '.join(said)}.",
        ),
        caption="The horizontal distance of two curves is the time that the missing centre costs. "
        "Slope times weights is equal for all three.",
    )


def _signs(found: Any, labels: Mapping[str, str], scales: Sequence[float]) -> Picture:
    config = found.config
    rows: dict[str, list[tuple[float, float, float]]] = {"first layer": [], "second layer": []}
    names = []
    for scale in scales:
        for name, label in labels.items():
            names.append(f"{label.partition(',')[0]}, scale {scale:g}")
            arrays, _ = found.start(name, scale)
            for what, key in (("first layer", "sign_first"), ("second layer", "sign_second")):
                values = np.asarray(arrays[key], float)
                values = np.sort(values[np.isfinite(values)])
                low, high = np.quantile(values, (0.25, 0.75), method="nearest")
                rows[what].append((float(low), float(np.mean(values)), float(high)))
    return Picture(
        "signs",
        "Gradients of one sign",
        lambda: draw_pairs(names, rows, "share of pairs (unit, point) with one sign"),
        alt=alt_text(
            "Dot chart",
            "the share of pairs of unit and point at which all weights of the unit have gradients of "
            "one sign, in the first and the second layer",
            f"{config.seeds} networks of {config.depth} hidden layers before training; bars hold the "
            "middle half",
            "In the second layer it is {centring.start.scale4.sigmoid.signsecond} for sigmoid and "
            "{centring.start.scale4.shiftedsigmoid.signsecond} for sigmoid - 1/2; in the first "
            "layer it is the same for all, {centring.start.scale4.sigmoid.signfirst}.",
        ),
        caption="Per point; over a batch the signs mix. Scale: the factor of the Glorot weights (tanh: "
        "a quarter of it).",
    )
