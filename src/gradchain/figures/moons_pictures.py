"""The pictures of the moons study: drawings, with the words that go with each.

Arrays are those that the study keeps of each cell; numbers in words are cited by key.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradchain.figures import moons as draw
from gradchain.figures.picture import Picture
from gradchain.figures.words import alt_text

NOTES = {
    "sigmoid_d10": "10 sigmoid layers",
    "sigmoid_d3": "3 sigmoid layers",
    "relu_d10": "10 ReLU layers",
}
LN10 = float(np.log(10.0))


def pictures(
    results: Mapping[str, Mapping[str, Any]],
    nets: Mapping[str, Any],
    known: Mapping[str, Any],
    said: Sequence[Any],
    *,
    activations: Sequence[str],
    depths: Sequence[int],
    longer: Sequence[str],
    epochs: int,
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        results: arrays of each cell.
        nets: cell name -> its networks, with `stem` (start of its keys), `seeds` and `setting`.
        known: records by key.
        said: the notes' sentences.
        activations: those of the grid.
        depths: those of the grid.
        longer: cells that were trained for longer.
        epochs: epochs of all others.

    Returns:
        The pictures, in order.
    """
    stems = {name: nets[name].stem for name in NOTES}
    found = [
        _boundaries(results, stems),
        _curves(results, nets, stems, depths),
        _weights(results, stems),
        _depths(results, nets, activations, depths, known),
        _layers(results, nets, stems),
        _times(results, nets, activations, depths, known, epochs),
        _sentences(nets, known, said),
    ]
    return [*found, _longer(results, nets, longer)] if longer else found


def _deep(depth: int) -> str:
    return f"{depth} hidden layer" if depth == 1 else f"{depth} hidden layers"


def _log10(values: Any) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log10(np.asarray(values, np.float64))


def _boundaries(results: Mapping, stems: Mapping) -> Picture:
    data, panels = results["data"], {NOTES[name]: results[name]["logits"] for name in NOTES}
    grid = results["sigmoid_d10"]
    return Picture(
        "boundaries",
        "The points, and the boundaries that three networks learned",
        lambda: draw.draw_boundaries(data["inputs"], data["targets"], grid["x"], grid["y"], panels),
        alt=alt_text(
            "Three scatter plots",
            "the training points of two moons, with the boundary that a network learned",
            "of each network the seed with the middle loss",
            f"Ten sigmoid layers, accuracy {{{stems['sigmoid_d10']}.accuracy.mean}} in the mean, "
            "give nearly every point the same answer; three sigmoid layers part the plane by about a "
            "straight line; the boundary of ten ReLU layers winds between the moons.",
        ),
        caption="A boundary is where a network changes its answer. Without one in sight it gives every "
        "point the same answer.",
    )


def _curves(results: Mapping, nets: Mapping, stems: Mapping, depths: Sequence[int]) -> Picture:
    panels: dict[str, dict[str, np.ndarray]] = {}
    for name in ("sigmoid", "relu"):
        own = [f"{name}_d{depth}" for depth in (1, 3, 7, 10, 30)]
        panels[name] = {
            _deep(nets[cell].setting.depth): _log10(results[cell]["loss_bands"])
            for cell in own
            if cell in results
        }
    return Picture(
        "loss_curves",
        "Loss against epoch",
        lambda: draw.draw_curves(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the training loss against the epoch on a scale of powers of ten, for sigmoid and ReLU "
            "networks of several depths",
            "medians; bands hold 90 % of the seeds",
            f"Sigmoid: with three hidden layers the loss falls to {{{stems['sigmoid_d3']}.loss.median}}, "
            f"with ten it ends at {{{stems['sigmoid_d10']}.loss.median}}. ReLU with ten falls to "
            f"{{{stems['relu_d10']}.loss.median}}.",
        ),
        caption="The dotted line is log 2 = 0.693, the loss of a network that answers 1/2 to everything.",
    )


def _weights(results: Mapping, stems: Mapping) -> Picture:
    panels = {
        title: {"first-layer": results[name]["first"], "last-layer": results[name]["last"]}
        for name, title in NOTES.items()
    }
    return Picture(
        "weights",
        "What the weights of the first and the last layer do",
        lambda: draw.draw_weights(panels),
        alt=alt_text(
            "Line charts, two rows of three panels,",
            "the value of every weight of the first and of the last kernel against the epoch",
            "seed number 0 of each network",
            "The flat lines of ten sigmoid layers are those of the last layer, whose median weight "
            f"changes by {{{stems['sigmoid_d10']}.percent.last}} percent; the first-layer weights, whose "
            f"gradient has vanished, drift away by {{{stems['sigmoid_d10']}.percent.median}} percent.",
        ),
        caption="Thin grey lines: where each weight started. A flat line does not tell "
        "a vanished gradient from one that changes its sign, nor a steep line a large gradient.",
    )


def _matrix(results: Mapping, name: str, depths: Sequence[int], what: str) -> np.ndarray:
    """Stack a value of all depths, as many seeds as the least have."""
    columns = [np.asarray(results[f"{name}_d{depth}"][what], np.float64) for depth in depths]
    count = min(map(len, columns))
    return np.stack([column[:count] for column in columns], 1)


def _depths(
    results: Mapping, nets: Mapping, activations: Sequence, depths: Sequence, known: Mapping
) -> Picture:
    losses = {name: _log10(_matrix(results, name, depths, "final_loss")) for name in activations}
    accuracy = {name: _matrix(results, name, depths, "final_accuracy") for name in activations}
    majority = float(known["moons.majority.share"].rational)
    said = ", ".join(
        f"{{{key}}} for {name}"
        for name in activations
        for key in [f"{nets[f'{name}_d{depths[-1]}'].stem}.loss.median"]
        if key in known
    )
    end = (
        f"With {depths[-1]} hidden layers the median loss is {said}." if said else "See the tables."
    )
    return Picture(
        "depth",
        "Final loss and accuracy by depth",
        lambda: draw.draw_depths(depths, losses, accuracy, majority),
        alt=alt_text(
            "Line chart, two panels,",
            "the loss (powers of ten) and the accuracy of the last epoch against the number of hidden "
            f"layers, for {', '.join(activations)}",
            "medians; bands hold half of the seeds",
            f"{end} Always giving the same answer has an accuracy of {{moons.majority.share}}.",
        ),
        caption="An accuracy near the dotted line on the right is that of a network which has learned "
        "nothing.",
    )


def _layers(results: Mapping, nets: Mapping, stems: Mapping) -> Picture:
    gradients, percent = {}, {}
    for name, title in NOTES.items():
        logs = results[name]["log_gradient_norms"] / LN10
        gradients[title] = (logs[:, 0], logs[:, 1])
        percent[title] = _log10(results[name]["percent_median"])
    stem = stems["sigmoid_d10"]
    return Picture(
        "layers",
        "The true gradient by layer, and what the weights changed by",
        lambda: draw.draw_layers(gradients, percent),
        alt=alt_text(
            "Line chart, two panels,",
            "the norm of the true gradient and the percent change of the median weight, by kernel from "
            "first to last, both on scales of powers of ten",
            f"medians; bands hold 90 % of {nets['sigmoid_d10'].seeds} seeds",
            f"With ten sigmoid layers the gradient falls from {{{stem}.gradient.last.start}} at the last "
            f"kernel to {{{stem}.gradient.first.start}} at the first; the first-layer weights change by "
            f"{{{stem}.percent.median}} percent all the same.",
        ),
        caption="Left: what has vanished. Right: what notes read it off from. The right panel does not "
        "show what the left one does. At its lower edge: layers of which most weights did not move.",
    )


def _times(
    results: Mapping,
    nets: Mapping,
    activations: Sequence,
    depths: Sequence,
    known: Mapping,
    epochs: int,
) -> Picture:
    times, shares = {}, {}
    for name in activations:
        rows = _matrix(results, name, depths, "epochs_to_95")
        middle = np.quantile(rows, 0.5, axis=0, method="higher")
        times[name], shares[name] = middle, np.isfinite(rows).mean(axis=0)
    stem = nets["relu_d10"].stem
    keys = [f"moons.{name}.hidden10.reached95.share" for name in ("sigmoid", "relu")]
    parts = [f"{{{key}}} of {key.split('.')[1]}" for key in keys if key in known]
    if f"{stem}.epochs.mean" in known:
        parts.append(f"relu taking {{{stem}.epochs.mean}} epochs in the mean")
    return Picture(
        "epochs_to_95",
        "How many epochs it takes to reach 95 % accuracy",
        lambda: draw.draw_times(depths, times, shares, epochs),
        alt=alt_text(
            "Line chart, two panels,",
            "the median number of epochs until 95 % of the training points are right, and the share of "
            "networks that get there, against the number of hidden layers",
            f"up to {epochs} epochs",
            "With ten hidden layers the share that gets there is " + ", ".join(parts) + ".",
        ),
        caption="Left, a curve ends where more than half of the networks never get there.",
    )


def _sentences(nets: Mapping, known: Mapping, said: Sequence) -> Picture:
    rows, words = [], []
    for sentence in said:
        key = f"{nets[f'{sentence.activation}_d{sentence.depth}'].stem}.{sentence.key}"
        number = known[key]
        ends = number.uncertainty
        rows.append((sentence.label, float(number.rational), float(ends.low), float(ends.high)))
        words.append(f"{sentence.label}: {{{key}}}")
    return Picture(
        "sentences",
        "For which share of seeds each sentence of the notes holds",
        lambda: draw.draw_sentences(rows),
        alt=alt_text(
            "Bar chart",
            "the share of seeds for which each sentence of the notes holds",
            "bars; lines are 95 % Wilson intervals",
            "; ".join(words) + ".",
        ),
        caption="A sentence about one run is a matter of luck where its bar is neither full nor empty.",
    )


def _longer(results: Mapping, nets: Mapping, longer: Sequence[str]) -> Picture:
    epochs = nets[longer[0]].setting.epochs
    panels: dict[str, dict[str, np.ndarray]] = {}
    for name in longer:
        setting, curve = nets[name].setting, _log10(results[name]["loss_bands"])
        deep = _deep(setting.depth)
        if setting.activation == "sigmoid":
            panels.setdefault("sigmoid", {})[deep] = curve
        else:
            panels.setdefault("others", {})[f"{setting.activation}, {deep}"] = curve
    words = ", ".join(
        f"{{{nets[name].stem}.stuck.share}} with {nets[name].setting.depth} layers of "
        f"{nets[name].setting.activation}"
        for name in longer
    )
    return Picture(
        "longer",
        "Stuck, or slow?",
        lambda: draw.draw_curves(panels),
        alt=alt_text(
            "Line chart",
            f"the training loss of the networks that did not learn, up to epoch {epochs}",
            f"medians of {nets[longer[0]].seeds} seeds; bands hold 90 % of them",
            f"The share whose loss still lies at 0.693 at the end is {words}.",
        ),
        caption="A plateau need not be the end: where the median curve leaves the dotted line, training "
        "was slow and not stuck.",
    )
