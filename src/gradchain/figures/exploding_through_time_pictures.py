"""The pictures of the study of exploding gradients through time: drawings, with their words.

`found` is what the study made of its cells: arrays, shares by arm, keys.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradchain.experiments.exploding_through_time import predicted, upper
from gradchain.experiments.exploding_through_time_exact import ridge
from gradchain.experiments.exploding_through_time_wall import ridge_bias
from gradchain.figures.exploding_through_time import draw_norms, draw_shares, draw_start, draw_wall
from gradchain.figures.picture import Picture
from gradchain.figures.sweeps import Curve, Panel, draw_panels
from gradchain.figures.words import alt_text

TITLES = {"tanh": "tanh", "relu": "ReLU", "lstm": "LSTM, forget bias 1", "gru": "GRU"}


def pictures(found: Any, labels: Mapping[str, str]) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: arrays, shares and keys of a run.
        labels: arm -> its name.

    Returns:
        The pictures, in order.
    """
    made = [_wall(found), _start(found), _shares(found, labels)]
    if "tanh" in found.config.activations:
        made.append(_norms(found, labels))
        if len(found.config.limits) > 1:
            made.append(_limits(found, labels))
    return made


def _wall(found: Any) -> Picture:
    config, arrays = found.config, found.results["wall"]
    weights = np.linspace(4.3, arrays["weights"][-1], 50)
    text = f"{config.weight:g}"
    tops = [np.log10(float(ridge(text, steps, "gradient").value)) for steps in config.wall_steps]
    slopes = {
        f"T = {steps}": row for steps, row in zip(config.wall_steps, arrays["slopes"], strict=True)
    }
    spacing = float(np.log10(np.spacing(np.abs(np.float32(ridge_bias(config.weight))))))
    return Picture(
        "wall",
        "A wall in the loss of a single unit",
        lambda: draw_wall(
            (arrays["weights"], arrays["biases"], arrays["loss"]),
            (weights, ridge_bias(weights)),
            arrays["offsets"],
            slopes,
            tops,
            spacing,
        ),
        alt=alt_text(
            "Two panels",
            f"the loss of a one-unit network after {config.wall_steps[-1]} steps over weight and bias, "
            "and the length of its gradient against the distance of the bias from the ridge, both on "
            "scales of powers of ten",
            f"exact, float64; weight {text} on the right",
            "The loss has two levels with a sharp edge between them, along the line where the closed "
            "form puts the ridge. Coming nearer to it the gradient rises at a certain distance by powers "
            "of ten and ends at the height of the closed form: {rnn.exploding.wall.gradient} "
            f"for {config.wall_steps[-1]} steps.",
        ),
        caption="Left: dark is a large loss. Right: the more steps, the higher and the thinner the wall; "
        "where it is thinner than the spacing of float32, training meets it as a jump.",
    )


def _start(found: Any) -> Picture:
    config = found.config
    size = config.start_distance, config.start_units
    plain = [name for name in config.cells if name in {"tanh", "relu"}]
    rows = {
        TITLES[name]: {
            gain: found.starts[name, gain][:, ::-1] / np.log(10.0) for gain in config.gains
        }
        for name in config.cells
    }
    theory = {
        TITLES[name]: {
            gain: predicted(name, gain, *size)[::-1] / np.log(10.0) for gain in config.gains
        }
        for name in plain
    }
    bounds = {
        TITLES[name]: {gain: upper(gain, size[0])[::-1] / np.log(10.0) for gain in config.gains}
        for name in plain
    }
    said = "; ".join(
        f"at gain 2 a {name} network's changes by {{rnn.exploding.start.{name}.gain2.measured}} a step"
        for name in plain
    )
    return Picture(
        "start",
        "How a gradient grows or shrinks on its way back, before training",
        lambda: draw_start(rows, theory, bounds),
        alt=alt_text(
            "Line chart, one panel a kind of cell,",
            "the length of the loss' gradient by the hidden state against steps back through time, "
            "relative to the last state, on a scale of powers of ten, for recurrent weights of several "
            "gains",
            f"{config.start_seeds} networks of {config.start_units} units a gain; bands hold 90 % of "
            "them; bound and mean field for the simple networks",
            f"No network exceeds its bound, and most stay far below it; {said}.",
        ),
        caption="The bound is the gain to the number of steps, in the same norm. tanh pays for large "
        "gains by saturated units, ReLU by units that are off. Of an LSTM the gradient by h with c held.",
    )


def _shares(found: Any, labels: Mapping[str, str]) -> Picture:
    config = found.config
    panels = []
    for activation in config.activations:
        for what, words in (("learned", "learns"), ("lost", "becomes NaN")):
            # Losses of tanh networks stay finite: a panel of zeros says nothing.
            if what == "lost" and activation == "tanh":
                continue
            curves = {}
            for arm in config.arms:
                share = np.full((3, len(config.gains)), np.nan)
                trained = np.isin(config.gains, config.adam if arm == "adam" else config.gains)
                share[:, trained] = found.share(activation, arm, what)
                curves[labels[arm]] = share[0], share[1], share[2]
            title = f"{TITLES[activation]}, distance {config.distance(activation)}"
            panels.append((title, f"share that {words}", curves))
    gains = [f"{gain:g}" for gain in config.gains]
    keys = [f"clip.global.{name}.gain{gain}.learned" for name, gain in (("tanh", 2), ("relu", 3))]
    said = [f"{{{key}}} ({key.split('.')[2]})" for key in keys if key in found.known]
    takeaway = "Clipping widens the range of gains at which networks learn, global norm the most."
    if said:
        takeaway += (
            " Of those that do not learn without clipping, global norm makes learn "
            f"{' and '.join(said)}."
        )
    return Picture(
        "shares",
        "Who learns, and who is lost",
        lambda: draw_shares(panels, gains, "gain of the recurrent weights"),
        alt=alt_text(
            f"Points with intervals, {len(panels)} panels,",
            "the share of networks that learn, and of ReLU networks whose loss becomes NaN, against the "
            "gain of the recurrent weights, by kind of clipping",
            f"{config.seeds} networks a point, {config.steps} steps; bars are 95 % Wilson intervals",
            takeaway,
        ),
        caption="SGD where Adam is not named; clipping at 1. To learn is to give nine right answers in "
        "ten, chance is one in four. Clipping does nothing for gradients that vanish.",
    )


def _norms(found: Any, labels: Mapping[str, str]) -> Picture:
    panels = {
        f"tanh, gain {gain:g}": {
            labels[arm]: found.one("tanh", arm, gain)[1].log10_norm for arm in ("none", "global")
        }
        for gain in (1.0, 2.0)
    }
    return Picture(
        "norms",
        "Walls met in training",
        lambda: draw_norms(panels, 0.0),
        alt=alt_text(
            "Line chart, two panels,",
            "the norm of the gradient before clipping along training, on a scale of powers of ten, with "
            "and without clipping by global norm",
            f"{found.config.seeds} tanh networks a gain; bands hold 90 % of them, one network is drawn "
            "in full",
            "The norm jumps by powers of ten from one step to the next; without clipping, it rises to "
            f"{found.cite('rnn.exploding.sgd.tanh.gain1.peak')} times that of the first step at gain 1 "
            "(median).",
        ),
        caption="The thin line is the network whose largest norm is the median one. Spikes are walls: "
        "one step along such a gradient undoes hundreds.",
    )


def _limits(found: Any, labels: Mapping[str, str]) -> Picture:
    from gradchain.experiments.statistics import wilson

    config, limits = found.config, found.config.limits
    x = np.log10(np.asarray(limits, float))
    learned, turned = {}, {}
    for clip in config.clips:
        arms = [found.one("tanh", clip, 2.0, limit)[1] for limit in limits]
        hits = [int(arm.learned.sum()) for arm in arms]
        ends = np.array([wilson(hit, config.seeds) for hit in hits])
        learned[labels[clip]] = Curve(np.array(hits) / config.seeds, ends[:, 0], ends[:, 1])
        levels = [np.nanquantile(arm.angle, (0.5, 0.05, 0.95)) for arm in arms]
        turned[labels[clip]] = Curve(*np.array(levels).T)
    panels = [
        Panel(
            "who learns", "limit of the clip", "share that learns", x, learned, powers="x",
            y_range=(-0.04, 1.04),
        ),
        Panel(
            "how far a clipped step is turned", "limit of the clip", "angle in degrees", x, turned,
            powers="x", y_range=(-2.0, 104.0), lines=((90.0, "right angle"),),
        ),
    ]  # fmt: skip
    value, norm = (found.cite(f"clip.{clip}.tanh.gain2.turned") for clip in ("value", "norm"))
    return Picture(
        "limits",
        "The limit, and the direction",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of networks that learn and the angle by which clipping turned their gradients, "
            "against the limit of the clip",
            f"{config.seeds} tanh networks of gain 2; 95 % Wilson intervals on the left, bands of 90 % "
            "of the networks on the right",
            f"Each kind of clip has its own best limit. At 1 a clipped step is turned by {value} "
            f"degrees by value, by {norm} by norm, and not at all by global norm.",
        ),
        caption="A limit on every entry allows a norm as large as that times the root of the number of "
        "entries, so by value the best limit is smaller.",
    )
