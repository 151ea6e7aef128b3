"""What do output activation and loss do to the gradients of the layers before them?

The error signal at the output of a network that is sure and wrong, in closed form and in float32; the
gradient of every layer of networks that differ only in output and loss; how each turns a wrong start.

    python studies/output_layer.py [--scale smoke|lecture|paper] [--seeds 224]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

HEADS = ("sigmoid_ce", "sigmoid_mse", "linear_mse", "softmax_ce")
STARTS = ("undecided", "wrong")


@dataclass(frozen=True)
class Config:
    """How many networks, how long."""

    seeds: int = field(default=128, metadata={"help": "Networks of each output."})
    epochs: int = field(default=100, metadata={"help": "Epochs of training."})
    heads: tuple[str, ...] = field(default=HEADS, metadata={"help": "Outputs to train with."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not 6 <= self.seeds <= 10_000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 10000"
            )
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")
        if len(self.heads) < 2 or not set(self.heads) <= set(HEADS):
            raise UsageError(f"heads {self.heads}: expected at least two of {', '.join(HEADS)}")
        if self.heads[:2] != HEADS[:2]:
            raise UsageError(f"heads {self.heads}: expected {' and '.join(HEADS[:2])} first")


SCALES = {
    "smoke": Config(seeds=32, epochs=50, heads=HEADS[:2]),
    "lecture": Config(),
    "paper": Config(seeds=992, epochs=1000),
}


def cells(config: Config) -> list[Cell]:
    """One cell for the signals, and for each head and start one trained and one to look at."""
    found = [Cell("signals")]
    for head in config.heads:
        for start in STARTS:
            own = {"head": head, "start": start, "seeds": config.seeds}
            found.append(Cell(f"{head}_{start}", own | {"epochs": config.epochs, "deep": False}))
            found.append(Cell(f"{head}_{start}_deep", own | {"epochs": 10, "deep": True}))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Differentiate the heads, or train the networks of one head and start."""
    from gradchain.experiments import lab, lab_numbers

    lab.use_all_cores()
    if cell.name == "signals":
        return _signals()
    return lab_numbers.kept(lab.run(_setting(cell), cell["seeds"], cell.seed))


def _setting(cell: Cell):
    from gradchain.experiments import output_layer

    depth = output_layer.DEEP if cell["deep"] else output_layer.SHALLOW
    start = output_layer.STARTS[cell["start"]]
    return output_layer.setting(cell["head"], start, depth, cell["epochs"])


def _signals() -> dict[str, object]:
    import numpy as np

    from gradchain.experiments import output_layer
    from gradchain.experiments.output_layer_exact import HEADS as ALL
    from gradchain.experiments.output_layer_exact import error_signal

    logits = np.linspace(-20.0, 10.0, 241)
    points = np.arange(-20.0, 11.0, 2.0)
    closed = [[float(error_signal(head, f"{z:g}").value) for z in logits] for head in ALL]
    measured = [np.abs(output_layer.signals(head, points)) for head in ALL]
    return {
        "logits": logits,
        "closed": np.array(closed),
        "points": points,
        "measured": np.array(measured),
    }


def summarize(config: Config, results: Results) -> Summary:
    """Say which outputs keep their gradient when they are wrong."""
    from gradchain.experiments.output_layer_records import (
        exact_numbers,
        measured_numbers,
        trained_numbers,
    )

    numbers = [*exact_numbers(), *measured_numbers()]
    for cell in results.cells:
        if cell.name == "signals":
            continue
        measures = ("gradient_first_start", "gradient_ratio_start")
        stem = f"deep.{cell['start']}" if cell["deep"] else cell["start"]
        measures = measures if cell["deep"] else ("accuracy",)
        numbers += trained_numbers(
            cell["head"], stem, results[cell.name], _setting(cell), results.seed, measures
        )
    seen = [
        "Sure and wrong, at logit -10 on an example of class 1, a sigmoid with cross-entropy sends the "
        "error signal {outputlayer.sigmoidce.minus10.signal}, a sigmoid with squared error "
        "{outputlayer.sigmoidmse.minus10.signal}, a linear output with squared error "
        "{outputlayer.linearmse.minus10.signal}. Float32 gives "
        "{outputlayer.sigmoidce.minus10.measured}, {outputlayer.sigmoidmse.minus10.measured} and "
        "{outputlayer.linearmse.minus10.measured}.",
        "Softmax with cross-entropy is the same function of the difference of its logits: "
        "{outputlayer.softmaxce.minus10.signal}.",
        "Cross-entropy on a sigmoid sends {outputlayer.advantage.logit0} times the gradient of squared "
        "error where the network is undecided, never less, and {outputlayer.advantage.minus10} times "
        "at logit -10. Squared error on a sigmoid never sends more than "
        "{outputlayer.sigmoidmse.largest.signal}, at probability "
        "{outputlayer.sigmoidmse.largest.probability}.",
        "For one example and one output this number multiplies the gradient of every layer alike. In "
        "ten ReLU layers with the last bias at -10 the first kernel's gradient is "
        "{outputlayer.sigmoidce.deep.wrong.first} with cross-entropy and "
        "{outputlayer.sigmoidmse.deep.wrong.first} with squared error, but first to last it is "
        "{outputlayer.sigmoidce.deep.wrong.ratio} and {outputlayer.sigmoidmse.deep.wrong.ratio}. A bad "
        "output makes all gradients small; it does not make them vanish towards the input.",
        "Gradient flow turns a wrong logit of -10 in the time {outputlayer.sigmoidce.minus10.time} with "
        "cross-entropy, and {outputlayer.sigmoidmse.minus10.time} with squared error, both on a "
        "sigmoid.",
        "Trained from the wrong start, networks of three ReLU layers reach the accuracy "
        "{outputlayer.sigmoidce.wrong.accuracy} with cross-entropy and "
        "{outputlayer.sigmoidmse.wrong.accuracy} with squared error on a sigmoid.",
        "Keras' binary cross-entropy from probabilities clips them: beyond the logit "
        "{outputlayer.kerasbce.clip.logit} an example that is most wrong of all sends exactly "
        "{outputlayer.kerasbce.minus20.signal}. The loss from logits does not.",
    ]
    return Summary(
        numbers=numbers,
        tables=_tables(config, results),
        seen=seen,
        figures=[
            _signal_picture(results),
            _layer_picture(config, results),
            _recovery(config, results),
        ],
    )


def _tables(config: Config, results: Results) -> list[Table]:
    import numpy as np

    from gradchain.experiments.output_layer_exact import HEADS as ALL
    from gradchain.experiments.output_layer_records import NAMES
    from gradchain.experiments.records import segment

    def stem(head: str) -> str:
        return f"outputlayer.{segment(head)}"

    signals = []
    for head in HEADS[:3]:
        at = [f"{{{stem(head)}.{z}.signal}}" for z in ("logit0", "minus5", "minus10", "minus20")]
        time = f"{{{stem(head)}.minus10.time}}"
        signals.append((NAMES[head], *at, f"{{{stem(head)}.minus10.measured}}", time))
    trained = [
        (
            NAMES[head],
            "last bias -10" if start == "wrong" else "undecided",
            f"{{{stem(head)}.deep.{start}.first}}",
            f"{{{stem(head)}.deep.{start}.ratio}}",
            f"{{{stem(head)}.{start}.accuracy}}",
        )
        for start in STARTS
        for head in config.heads
    ]
    arrays = results["signals"]
    data = [
        (head, float(z), float(value), "closed form")
        for head, row in zip(ALL, arrays["closed"], strict=True)
        for z, value in zip(arrays["logits"], row, strict=True)
    ]
    data += [
        (head, float(z), float(value), "float32")
        for head, row in zip(ALL, arrays["measured"], strict=True)
        for z, value in zip(arrays["points"], row, strict=True)
    ]
    layers = [
        (head, start, kernel + 1, float(value))
        for head in config.heads
        for start in STARTS
        for kernel, value in enumerate(
            np.median(results[f"{head}_{start}_deep"]["log_gradient_norms"][:, 0], axis=0)
        )
    ]
    return [
        Table(
            "signals",
            "Error signal |dE/dz| of an example of class 1 by its logit; the time that gradient flow on "
            "the logit needs from -10 to the point of no decision",
            ("output", "z = 0", "z = -5", "z = -10", "z = -20", "float32 at -10", "time"),
            signals,
        ),
        Table(
            "trained",
            "Ten ReLU layers at the start: gradient of the first kernel, and its ratio to the last "
            f"one's; three ReLU layers after {config.epochs} epochs of plain gradient descent: accuracy",
            ("output", "start", "first kernel", "first to last", "accuracy"),
            trained,
        ),
        Table("signal_curves", "Error signals", ("output", "z", "signal", "by"), data, show=False),
        Table(
            "layers",
            "Natural logarithm of the gradient norm of each kernel at the start (medians)",
            ("output", "start", "kernel", "log norm"),
            layers,
            show=False,
        ),
    ]


def _signal_picture(results: Results):
    import numpy as np

    from gradchain.experiments.output_layer_exact import HEADS as ALL
    from gradchain.experiments.output_layer_records import NAMES
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.output_layer import draw_signals

    arrays = results["signals"]
    # Softmax is the sigmoid's curve again.
    shown = [head for head in ALL if head != "softmax_ce"]

    def logs(name: str) -> dict:
        with np.errstate(divide="ignore"):
            return {NAMES[head]: np.log10(arrays[name][ALL.index(head)]) for head in shown}

    return Picture(
        "signals",
        "The error signal of an example, by its logit",
        lambda: draw_signals(arrays["logits"], logs("closed"), arrays["points"], logs("measured")),
        alt=alt_text(
            "Line chart",
            "the error signal |dE/dz| of an example of class 1 against its logit, on a scale of powers "
            "of ten",
            "lines: closed forms; markers: float32 autodiff",
            "On the wrong side cross-entropy stays near 1 and the linear output grows, while squared "
            "error on a sigmoid falls to {outputlayer.sigmoidmse.minus10.signal} at logit -10. Keras' "
            "clipped cross-entropy drops to 0 at {outputlayer.kerasbce.clip.logit} below 0.",
        ),
        caption="Left of 0 the network is wrong. Where it is most wrong, squared error on a sigmoid "
        "says least. Softmax with two outputs is the curve of cross-entropy again.",
    )


def _layer_picture(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.output_layer_records import NAMES
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.output_layer import draw_layers

    titles = {"undecided": "undecided start", "wrong": "last bias -10"}

    def panels() -> dict:
        return {
            titles[start]: {
                NAMES[head]: results[f"{head}_{start}_deep"]["log_gradient_norms"][:, 0]
                / np.log(10)
                for head in config.heads
            }
            for start in STARTS
        }

    return Picture(
        "layers",
        "The output moves the gradients of all layers together",
        lambda: draw_layers(panels()),
        alt=alt_text(
            "Line chart, two panels,",
            "the gradient norm of each kernel from first to last, on a scale of powers of ten, by "
            "output and loss",
            f"{config.seeds} networks of ten ReLU layers, at the start; bands hold 90 % of them",
            "The curves have the same shape at different heights. With the last bias at -10 squared "
            "error on a sigmoid lies far below the others: {outputlayer.sigmoidmse.deep.wrong.first} at "
            "the first kernel against {outputlayer.sigmoidce.deep.wrong.first} with cross-entropy.",
        ),
        caption="Output and loss shift whole curves up or down; their slope belongs to the layers "
        "before. Right: half of the points are wrong by a logit of about 10.",
    )


def _recovery(config: Config, results: Results):
    from gradchain.experiments.output_layer_records import NAMES
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.output_layer import draw_recovery

    titles = {"undecided": "undecided start", "wrong": "last bias -10"}

    def panels() -> dict:
        return {
            titles[start]: {
                NAMES[head]: results[f"{head}_{start}"]["accuracy_bands"] for head in config.heads
            }
            for start in STARTS
        }

    return Picture(
        "recovery",
        "Who gets out of a wrong start",
        lambda: draw_recovery(panels(), 0.5),
        alt=alt_text(
            "Line chart, two panels,",
            "the accuracy against the epoch by output and loss",
            f"{config.seeds} networks of three ReLU layers, plain gradient descent with the same rate; "
            "bands hold 90 % of them",
            "From an undecided start all of them learn. From the last bias -10, squared error on a "
            "sigmoid stays at {outputlayer.sigmoidmse.wrong.accuracy}, cross-entropy reaches "
            "{outputlayer.sigmoidce.wrong.accuracy}.",
        ),
        caption="Plain gradient descent, one learning rate for all. Dotted: one half of the points.",
    )


STUDY = Study(
    name="output_layer",
    title="Output layer",
    question="What do output activation and loss do to the gradients of the layers before them?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=160,
)

if __name__ == "__main__":
    main(STUDY)
