"""The pictures of the dying ReLU study: drawings, with the words that go with each.

`found` is what the study made of its cells: each network's share of dead units, by sweep.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradchain.experiments.dead_units import off_share
from gradchain.experiments.grids import tag
from gradchain.experiments.statistics import mean_and_error, wilson
from gradchain.figures.picture import Picture
from gradchain.figures.sweeps import Curve, Panel, draw_pairs, draw_panels
from gradchain.figures.words import alt_text


def pictures(found: Any, biases: Sequence[float]) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: sweeps, keys and arrays of a run.
        biases: those of the sweep over the bias.

    Returns:
        The pictures, in order.
    """
    return [_rates(found), _depths(found), _starts(found, biases)]


def _means(rows: np.ndarray) -> Curve:
    """Return means over seeds, and the band that holds half of the networks; rows (places, seeds)."""
    low, high = np.quantile(np.asarray(rows, float), (0.25, 0.75), axis=1)
    return Curve(np.mean(rows, axis=1), low, high)


def _shares(rows: np.ndarray) -> Curve:
    """Return shares of networks with Wilson's interval; rows (places, seeds) of truth values."""
    hits = np.count_nonzero(rows, axis=1)
    ends = np.array([wilson(int(own), rows.shape[1]) for own in hits])
    return Curve(hits / rows.shape[1], ends[:, 0], ends[:, 1])


def _rates(found: Any) -> Picture:
    config = found.config
    x = np.log10(np.asarray(config.rates, float))
    cells = {name.replace("_", " "): f"rate_{name}" for name in config.shown}
    cells["relu, SGD"] = "rate_sgd"
    dead = {label: _means(found.dead(cell, -1)) for label, cell in cells.items()}
    learned = {label: _shares(found.learned(cell)) for label, cell in cells.items()}
    large, stem = config.rates[-2], "relu.dying.adam.rate"
    panels = [
        Panel(title, "learning rate", name, x, curves, powers="x", y_range=(-0.03, 1.05))
        for title, name, curves in (
            ("units dead after training", "share of units", dead),
            ("networks that classify 80 %", "share of networks", learned),
        )
    ]
    return Picture(
        "learning_rate",
        "Dead units against the learning rate",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of dead units and the share of networks that classify 80 % of the points, after "
            "training, against the learning rate",
            f"{config.seeds} networks of {config.depth} hidden layers a point, {config.epochs} epochs",
            f"With Adam the share of dead ReLU units is {{{stem}{tag(large)}.dead}} at the learning "
            f"rate {large:g}, where a share of {{{stem}{tag(large)}.learned}} of the networks learns; "
            "leaky ReLU, PReLU and ELU, where drawn, have fewer dead units or none.",
        ),
        caption="Left: units whose slope is 0 at every training point, means; bands hold half of the "
        "networks. Right: what that means for the network; bands are 95 % intervals. Adam unless said "
        "otherwise.",
    )


def _depths(found: Any) -> Picture:
    config = found.config
    deep = config.depths[-1]
    x = np.asarray(config.depths, float)
    curves = {
        "dead at the start": _means(found.dead("depth_relu", 0)),
        "dead after training": _means(found.dead("depth_relu", -1)),
    }
    arrays, setting = found.one("depth_relu", len(config.depths) - 1)
    layers = np.arange(1, deep + 1, dtype=float)
    predicted = np.array([float(off_share(setting.units, k)) for k in range(1, deep + 1)])
    start = {
        "dead at the start": _means(arrays["dead"][:, 0].T),
        "off at a point": _means(arrays["saturated"][:, 0].T),
        "predicted": Curve(predicted, index=-1),
    }
    panels = [
        Panel("ReLU, all layers", "hidden layers", "share of dead units", x, curves,
              y_range=(0.0, 1.0)),
        Panel(f"ReLU, {deep} layers, at the start", "hidden layer", "share of units", layers, start,
              y_range=(0.0, 1.0)),
    ]  # fmt: skip
    return Picture(
        "depth",
        "Dead units against depth",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of dead ReLU units against depth, and of units that are off at one point or at "
            "all points against the layer",
            f"{config.seeds} networks a depth, He weights, learning rate {config.own_rate:g}; means, "
            "bands hold half of the networks",
            f"At the start a share of {{relu.dying.depth{deep}.start}} is dead in networks of {deep} "
            "layers. Units off at a point follow the prediction, close to 1/2 in every layer; units "
            "off at all points grow from 0 towards the same height.",
        ),
        caption="Right: half of the units are off at any point, in every layer; deep down it is the "
        "same half at all points. Lines are means; bands hold half of the networks.",
    )


def _starts(found: Any, biases: Sequence[float]) -> Picture:
    config = found.config
    labels = [f"bias {bias:+g}" for bias in biases]
    labels += [name.replace("_", " ") for name in config.initializers]

    def points(when: int) -> list[tuple[float, float, float]]:
        made = []
        for cell in ("bias", "initializer"):
            for rows in found.dead(cell, when):
                middle, error = mean_and_error(np.asarray(rows, float).tolist())
                made.append((middle - 2 * error, middle, middle + 2 * error))
        return made

    series = {"at the start": points(0), "after training": points(-1)}
    return Picture(
        "bias_and_initializer",
        "Dead units against bias and initializer",
        lambda: draw_pairs(labels, series, "share of dead units"),
        alt=alt_text(
            "Dot chart",
            "the share of dead ReLU units before and after training, for several biases and "
            "initializers",
            f"{config.seeds} networks of {config.depth} hidden layers each; bars: two standard errors",
            f"With the bias -1 a share of {{relu.dying.bias{tag(-1.0)}.start}} is dead at the start, "
            "with +1 {relu.dying.bias1.start}.",
        ),
        caption="A negative bias switches units off before training starts, for good; a positive one "
        "changes little. He weights where no initializer is named, bias 0 where none is.",
    )
