"""What does a recurrent network remember of a country, a few words later and many words later?

"France ... I speak fluent": a simple RNN, an LSTM and a GRU, each with the start that libraries give it
and with one that keeps more, on a near and on a far sentence. Gradients at each word before and after
training, gates along the far sentence, what the cells cost, and one weight matrix for all steps beside a
new one at each.

    python studies/two_sentences.py [--scale smoke|lecture|paper] [--near 4] [--far 20] [--seeds 16]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

NETWORKS = ("rnn.torch", "rnn.orthogonal", "lstm.bias1", "lstm.bias3", "gru.bias0", "gru.bias3")
LABELS = {
    "rnn.torch": "RNN, PyTorch's start",
    "rnn.orthogonal": "RNN, orthogonal",
    "lstm.bias1": "LSTM, forget bias 1",
    "lstm.bias3": "LSTM, forget bias 3",
    "gru.bias0": "GRU, update bias 0",
    "gru.bias3": "GRU, update bias 3",
}
KINDS = {
    "linear": "linear, gain 1",
    "tanh": "tanh, gain 1.5, no input",
    "driven": "tanh, gain 1.5, with input",
}
SIZES = ((32, 35), (128, 64), (512, 256))
SAID_SIZE = (128, 64)
# What the cost of a step is timed with: sequences at a time, and their length.
TIMED = (32, 25)


@dataclass(frozen=True)
class Config:
    """How far the clue is, how much is trained, how many networks."""

    near: int = field(default=4, metadata={"help": "Words from clue to answer, near."})
    far: int = field(default=20, metadata={"help": "Words from clue to answer, far."})
    units: int = field(default=32, metadata={"help": "Units of each trained network."})
    seeds: int = field(default=16, metadata={"help": "Trained networks of each kind."})
    steps: int = field(default=320, metadata={"help": "Optimizer steps."})
    batch: int = field(default=32, metadata={"help": "Sentences a step."})
    rate: float = field(default=0.01, metadata={"help": "Learning rate of Adam."})
    width: int = field(default=64, metadata={"help": "Units, tied against untied."})
    length: int = field(default=100, metadata={"help": "Steps, tied against untied."})
    networks: int = field(default=192, metadata={"help": "Networks, tied against untied."})
    rounds: int = field(default=11, metadata={"help": "How often times are taken."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not 2 <= self.near < self.far <= 200:
            raise UsageError(f"near {self.near}, far {self.far}: expected 2 <= near < far <= 200")
        for name, least, most in (
            ("units", 4, 512),
            ("seeds", 4, 1024),
            ("steps", 8, 100_000),
            ("batch", 1, 4096),
            ("width", 4, 1000),
            ("length", 4, 2000),
            ("networks", 8, 20_000),
            ("rounds", 3, 1000),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(f"{name} {value}: expected {least} to {most}")
        if self.steps % 8:
            raise UsageError(f"steps {self.steps}: expected a multiple of 8")
        if not 0 < self.rate <= 1:
            raise UsageError(f"rate {self.rate}: expected above 0, to 1")
        if 1.0 * self.width**2 * self.length * self.networks > 3e11:
            raise UsageError("expected width^2 times length times networks of at most 3e11")


SCALES = {
    "smoke": Config(
        near=2, far=6, units=12, seeds=8, steps=80, rate=0.02, width=16, length=24, networks=64,
        rounds=3,
    ),
    "lecture": Config(),
    "paper": Config(far=50, seeds=128, steps=1600, networks=2000, rounds=51),
}  # fmt: skip


def cells(config: Config) -> list[Cell]:
    """One cell a network and sentence, one a kind of unrolled network, one for times."""
    size = {name: getattr(config, name) for name in ("units", "seeds", "steps", "batch", "rate")}
    found = [
        Cell(f"{place}_{network}", {"network": network, "distance": distance} | size)
        for place, distance in (("near", config.near), ("far", config.far))
        for network in NETWORKS
    ]
    chain = {"width": config.width, "steps": config.length, "seeds": config.networks}
    found += [Cell(f"unrolled_{kind}", {"kind": kind} | chain) for kind in KINDS]
    found.append(Cell("times", {"rounds": config.rounds, "size": list(SAID_SIZE + TIMED)}))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Train networks on one sentence, unroll networks of one kind, or take times."""
    from gradchain.experiments import lab

    lab.use_all_cores()
    given = dict(cell.settings)
    if cell.name == "times":
        from gradchain.experiments.two_sentences_cost import times

        units, inputs, batch, length = given["size"]
        return {"seconds": times(units, inputs, batch, length, given["rounds"], cell.seed)}
    if cell.name.startswith("unrolled"):
        from gradchain.experiments.two_sentences_tied import chains

        return chains(**given, seed=cell.seed)._asdict()
    from gradchain.experiments.two_sentences import train

    return dict(train(**given, seed=cell.seed, follow=cell.name.startswith("far")))


def _found(config: Config, results: Results):
    from gradchain.experiments.two_sentences_found import Found

    return Found(config, dict(results), SAID_SIZE, results.seed)


def summarize(config: Config, results: Results) -> Summary:
    """Say what reaches the clue, and what carries it."""
    from gradchain.experiments.two_sentences import example, predicted_logs
    from gradchain.experiments.two_sentences_tied import predicted_growth
    from gradchain.figures.two_sentences_pictures import pictures
    from gradchain.tasks.sequences import sentence

    found = _found(config, results)
    distances = {"near": config.near, "far": config.far}
    words = {place: example(sentence(d), results.seed)[1] for place, d in distances.items()}
    theory = {
        place: {name: predicted_logs(name, d, config.units) for name in NETWORKS}
        for place, d in distances.items()
    }
    growth = {kind: predicted_growth(kind, config.width)[0] for kind in KINDS}
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, LABELS, KINDS, words, theory, growth),
    )


def _seen(found) -> list[str]:
    config, cite = found.config, found.cite
    said = [
        f"Before training, with a clue {config.near} words back, {cite('rnn.torch', 'measured', 'near')} "
        "of the gradient at the last word reaches the clue in a simple RNN with PyTorch's start, and "
        f"{cite('lstm.bias1', 'measured', 'near')} in an LSTM with forget bias 1. With the clue "
        f"{config.far} words back it is {cite('rnn.torch', 'measured')} and "
        f"{cite('lstm.bias1', 'measured')}.",
        f"The start decides more than the cell: over the same {config.far} words a simple RNN with "
        f"orthogonal weights keeps {cite('rnn.orthogonal', 'measured')}, an LSTM with forget bias 3 "
        f"{cite('lstm.bias3', 'measured')}, a GRU {cite('gru.bias0', 'measured')} with update bias 0 and "
        f"{cite('gru.bias3', 'measured')} with update bias 3. Mean field predicts "
        f"{cite('rnn.orthogonal', 'predicted')}, {cite('lstm.bias3', 'predicted')}, "
        f"{cite('gru.bias0', 'predicted')} and {cite('gru.bias3', 'predicted')}.",
        f"Within {config.steps} steps of training the far clue is learned by these shares: "
        + ", ".join(f"{cite(name, 'learned')} ({LABELS[name]})" for name in NETWORKS)
        + ".",
    ]
    for network, stem in found.gate_stems().items():
        gate, name = ("forget", "LSTM") if network.startswith("lstm") else ("update", "GRU")
        said.append(
            f"In the trained {name} with bias 3, the {gate} gates stand at {{{stem}.carriers}} for the "
            f"units that carry the clue and at {{{stem}.all}} for all units. Over the sentence the "
            f"carriers' gates keep {{{stem}.kept}} of it. The path through gates alone is "
            f"{{{stem}.direct}} of the gradient at the clue; the rest goes through the recurrent weights."
        )
    units, inputs = SAID_SIZE
    size = f"units{units}.inputs{inputs}"
    return [
        *said,
        f"Gates are paid for: with {units} units and {inputs} inputs a simple RNN has "
        f"{{rnn.parameters.{size}}} parameters, an LSTM {{lstm.parameters.{size}}}, a GRU "
        f"{{gru.parameters.{size}}}; a step takes {{lstm.arithmetic.{size}}} and "
        f"{{gru.arithmetic.{size}}} times the arithmetic.",
        "Tied weights are not untied ones: with new weights at each step a linear network multiplies a "
        "gradient by {rnn.untied.linear.growth.measured} a step (predicted: "
        "{rnn.untied.linear.growth.predicted}), with one matrix for all steps by "
        "{rnn.tied.linear.growth.measured}. Far back only the largest eigenvalue counts, and its size is "
        f"{{rnn.tied.linear.radius.measured}} at width {config.width}, not 1.",
        "With tanh and no input the untied network multiplies a gradient by "
        "{rnn.untied.tanh.growth.measured} a step (predicted: {rnn.untied.tanh.growth.predicted}), the "
        "tied one by {rnn.tied.tanh.growth.measured}. With inputs that change at each step it is "
        "{rnn.untied.driven.growth.measured} and {rnn.tied.driven.growth.measured}.",
    ]


def _tables(found) -> list[Table]:
    config = found.config
    rows = [
        (
            LABELS[name],
            found.cite(name, "predicted"),
            found.cite(name, "measured"),
            found.z_of(name),
            *found.shares(name),
        )
        for name in NETWORKS
    ]
    growth = [
        (
            title,
            f"{{rnn.untied.{kind}.growth.predicted}}",
            f"{{rnn.untied.{kind}.growth.measured}}",
            found.z[f"rnn.untied.{kind}.growth"],
            f"{{rnn.tied.{kind}.growth.measured}}",
        )
        for kind, title in KINDS.items()
    ]
    units, inputs = SAID_SIZE
    learned = (f"learned, {words} words" for words in (config.near, config.far))
    return [
        Table(
            "networks",
            f"Gradient at the clue relative to the last word before training, {config.far} words back "
            "(z: measured - predicted at infinite width, in standard errors); how many networks learn",
            ("network", "predicted", "measured", "z", *learned),
            rows,
        ),
        Table(
            "parameters",
            "Parameters of a cell with n units and d inputs: the formulas agree with the arrays counted",
            ("cell", "formula", *(f"n = {n}, d = {d}" for n, d in SIZES)),
            found.parameter_rows(SIZES),
        ),
        Table(
            "times",
            f"A step relative to the simple RNN, {units} units, {inputs} inputs. Times are medians on "
            f"the machine of this run, {TIMED[0]} sequences of {TIMED[1]} steps at a time; they differ "
            "from run to run",
            ("cell", "arithmetic", "time, forward", "time, forward and backward"),
            found.time_rows(),
        ),
        Table(
            "growth",
            f"Factor a step of a gradient over steps {config.length // 2} to {config.length}, width "
            f"{config.width}",
            ("network", "untied, predicted", "untied", "z", "tied"),
            growth,
        ),
        Table(
            "ratios",
            "log10 of the median gradient at the clue relative to the last word, and median accuracy",
            ("network", "distance", "log10 before training", "log10 after", "accuracy"),
            found.ratio_rows(),
            show=False,
        ),
    ]


STUDY = Study(
    name="two_sentences",
    title="A near and a far clue",
    question="What does a recurrent network remember of a clue a few words back, and many words back?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=420,
)

if __name__ == "__main__":
    main(STUDY)
