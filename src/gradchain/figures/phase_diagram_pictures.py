"""The pictures of the phase diagram study: drawings, with the words that go with each."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.experiments.grids import tag
from gradchain.experiments.phase_diagram import ACTIVATIONS, plane
from gradchain.experiments.phase_diagram_numbers import GRIDS
from gradchain.figures.phase_diagram import (
    draw_depth_scales,
    draw_planes,
    draw_slopes,
    draw_training,
)
from gradchain.figures.picture import Picture
from gradchain.figures.words import alt_text


def pictures(
    config: Any,
    results: Any,
    trained: Mapping[str, np.ndarray],
    known: Collection[str],
    biases: Sequence[float],
    main: float,
    multiples: Sequence[int],
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        config: its settings.
        results: arrays by cell.
        trained: for each task the share of trained networks, (scales, depths).
        known: keys of the numbers made.
        biases: the bias scales at which slopes were measured.
        main: the one looked at closely.
        multiples: of the depth scale, each a line.

    Returns:
        The pictures, in order.
    """
    return [
        _planes(config, results, biases),
        _slopes(config, results, main, biases.index(main)),
        _depth_scales(results, main),
        _training(config, trained, known, multiples),
    ]


def _planes(config: Any, results: Any, biases: Sequence[float]) -> Picture:

    planes = {name: results[f"plane_{name}"] for name in ACTIVATIONS}
    points: dict[str, list] = {name: [] for name in ACTIVATIONS}
    for name in ACTIVATIONS:
        for place, bias in enumerate(biases):
            means = results[f"slopes_{name}_{place}"]["slopes"].mean(axis=0)
            points[name] += [(s, bias, float(m)) for s, m in zip(GRIDS[name], means, strict=True)]
    return Picture(
        "plane",
        "Where gradients vanish and where they explode",
        lambda: draw_planes(planes, points),
        alt=alt_text(
            "Four maps",
            "the change of the log gradient norm a layer over sigma_w and sigma_b, for tanh, erf, "
            "sigmoid and relu, with the critical line and measured points",
            f"mean field; points: {config.seeds} networks of width {config.width} each",
            "Left of the critical line gradients vanish, right of it they explode. At sigma_b = 0.3 it "
            "lies at sigma_w = {meanfield.tanh.critical.predicted} for tanh and "
            "{meanfield.sigmoid.critical.predicted} for sigmoid. Measured points have the colour of the "
            "map behind them.",
        ),
        caption="Where theory is right, a point has the colour of what lies behind it.",
    )


def _slopes(config: Any, results: Any, main: float, place: int) -> Picture:

    panels = {}
    for name in ACTIVATIONS:
        arrays = results[f"slopes_{name}_{place}"]
        fine = (arrays["fine"], arrays["fine_infinite"], arrays["fine_at_width"])
        panels[name] = (np.asarray(GRIDS[name]), arrays["slopes"], *fine)
    return Picture(
        "slopes",
        f"Change of the gradient a layer, sigma_b = {main:g}",
        lambda: draw_slopes(panels, config.width),
        alt=alt_text(
            "Four line charts",
            "the change of the log gradient norm a layer against sigma_w, measured and predicted, for "
            "tanh, erf, sigmoid and relu",
            f"{config.seeds} networks of {config.depth} layers and width {config.width}; bands hold 90 "
            "% of them",
            "All curves rise through 0. For tanh this happens at sigma_w = "
            "{meanfield.tanh.critical.measured}, predicted {meanfield.tanh.critical.atwidth} for this "
            "width and {meanfield.tanh.critical.predicted} for infinite width.",
        ),
        caption="Below 0 gradients vanish, above they explode. The line for this width carries the "
        "correction of order 1/n.",
    )


def _depth_scales(results: Any, main: float) -> Picture:
    scales = {}
    for name in ACTIVATIONS:
        arrays = results[f"plane_{name}"]
        scales[name] = (arrays["ratio"], np.log10(arrays["ratio_xi"]))
    return Picture(
        "depth_scale",
        "How far two inputs remember each other",
        lambda: draw_depth_scales(scales),
        alt=alt_text(
            "Line chart",
            "the depth scale xi_c in layers, on a scale of powers of ten, against sigma_w over its "
            "critical value, for tanh, erf, sigmoid and relu",
            f"mean field, infinite width, sigma_b = {main:g}",
            "All curves grow without bound at the critical line; away from it they are a few layers. "
            "relu has none in the chaotic phase, where lengths grow without bound.",
        ),
        caption="Correlations of two inputs tend to their limit by a factor of e every xi_c layers.",
    )


def _training(
    config: Any, trained: Mapping[str, np.ndarray], known: Collection[str], multiples: Sequence[int]
) -> Picture:

    fine = np.geomspace(config.scales[0] / 1.3, config.scales[-1] * 1.3, 201)
    curve = (fine, plane("tanh", fine, np.zeros(1))["xi"][:, 0])
    keys = {
        task: f"meanfield.training.{task}.sw{tag(config.scales[0])}.multiple.measured"
        for task in config.tasks
    }
    cited = [f"{{{key}}} depth scales on {task}" for task, key in keys.items() if key in known]
    said = (
        f" At sigma_w = {config.scales[0]:g} half of them train down to {', '.join(cited)}."
        if cited
        else ""
    )
    return Picture(
        "training",
        "How deep networks train",
        lambda: draw_training(config.scales, config.depths, trained, curve, multiples),
        alt=alt_text(
            "Maps",
            "the share of tanh networks that train, by weight scale and number of hidden layers, with "
            "multiples of the depth scale xi_c",
            f"{config.trained} networks of {config.units} units a field, {config.epochs} epochs",
            f"The farther sigma_w lies below 1, the shallower a network must be to train.{said}",
        ),
        caption="A network counts as trained from 80 % of its training points right. sigma_b = 0, where "
        "the critical sigma_w is 1.",
    )
