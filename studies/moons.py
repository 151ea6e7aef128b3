"""The classic demonstration, two moons and ever deeper networks, with hundreds of seeds.

Ten units a layer, Adam, 100 epochs, six activations, 1 to 30 hidden layers; the three networks that
lecture notes show, 1 000 times each; and ten times as long for those that do not learn.

    python studies/moons.py [--scale smoke|lecture|paper] [--depths 1 3 10] [--seeds 256]
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

NOTES = (("sigmoid", 10), ("sigmoid", 3), ("relu", 10))
# What does not learn in 100 epochs, or not in all seeds: trained on at lecture scale.
STUCK = (
    *(("sigmoid", depth) for depth in (7, 10, 15, 20, 30)),
    *((name, 30) for name in ("relu", "leaky_relu", "gelu")),
)
SHOWN = (3, 10, 30)
# What the notes' sentences say; words of this study may hold these decimals.
SAID = ("0.693", "0.003", "0.39", "1e-4", "0.05", "0.01", "1e-5")
# Numbers of epochs that the engine takes: up to 10, or a multiple of 10.
SEGMENT = 10


@dataclass(frozen=True)
class Config:
    """Which networks, how many, how long."""

    activations: tuple[str, ...] = field(
        default=("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu"),
        metadata={"help": "Activations, up to six."},
    )
    depths: tuple[int, ...] = field(
        default=(1, 2, 3, 5, 7, 10, 15, 20, 30), metadata={"help": "Numbers of hidden layers."}
    )
    seeds: int = field(default=224, metadata={"help": "Networks a cell."})
    notes_seeds: int = field(default=1000, metadata={"help": "Networks of the notes' three cells."})
    stuck_seeds: int = field(default=64, metadata={"help": "Networks that are trained for longer."})
    longer: int = field(default=10, metadata={"help": "How many times as long."})
    longer_all: bool = field(default=False, metadata={"help": "Train every cell for longer."})
    epochs: int = field(default=100, metadata={"help": "Epochs."})

    def __post_init__(self) -> None:
        """Refuse networks that cannot be trained, or say nothing."""
        from gradchain.certify.facts import NAMES

        if not 1 <= len(set(self.activations)) == len(self.activations) <= 6:
            raise UsageError(f"activations {self.activations}: expected one to six different ones")
        for name in self.activations:
            if name not in NAMES:
                raise UsageError(f"activation {name[:40]!r}: expected one of {', '.join(NAMES)}")
        if list(self.depths) != sorted(set(self.depths)) or not 2 <= len(self.depths) <= 12:
            raise UsageError(f"depths {self.depths}: expected 2 to 12 increasing numbers")
        if not all(1 <= depth <= 100 for depth in self.depths):
            raise UsageError(f"depths {self.depths}: expected whole numbers from 1 to 100")
        for name in ("seeds", "notes_seeds", "stuck_seeds"):
            if not 6 <= getattr(self, name) <= 100_000:
                raise UsageError(
                    f"{name} {getattr(self, name)}: expected 6 (the least for a 95 % interval) to 100000"
                )
        if not 2 <= self.longer <= 100:
            raise UsageError(f"longer {self.longer}: expected 2 to 100")
        if not 1 <= self.epochs <= 10_000 or (self.epochs > SEGMENT and self.epochs % SEGMENT):
            raise UsageError(f"epochs {self.epochs}: expected 1 to {SEGMENT}, or a multiple of it")
        if self.epochs < SEGMENT:
            raise UsageError(f"epochs {self.epochs}: expected at least {SEGMENT}")


SCALES = {
    "smoke": Config(
        activations=("sigmoid", "relu"), depths=(3, 10), seeds=32, notes_seeds=32, stuck_seeds=32,
        longer=2,
    ),
    "lecture": Config(),
    "paper": Config(seeds=1024, notes_seeds=10_000, stuck_seeds=1024, longer_all=True),
}  # fmt: skip


def _grid(config: Config) -> list[tuple[str, int]]:
    return [(name, depth) for name in config.activations for depth in config.depths]


def _longer(config: Config) -> list[tuple[str, int]]:
    grid = _grid(config)
    return grid if config.longer_all else [pair for pair in STUCK if pair in grid]


def cells(config: Config) -> list[Cell]:
    """The points, one cell a network of the grid and of the notes, one a network trained longer."""
    room = max(10, *config.depths) - 1

    def cell(name: str, depth: int, seeds: int, times: int) -> Cell:
        fields = {
            "activation": name,
            "depth": depth,
            "epochs": config.epochs * times,
            "slots": room,
        }
        ending = "" if times == 1 else "_longer"
        return Cell(f"{name}_d{depth}{ending}", {"setting": fields, "seeds": seeds})

    found = [Cell("data", {"said": SAID})]
    for name, depth in dict.fromkeys([*_grid(config), *NOTES]):
        noted = (name, depth) in NOTES
        found.append(cell(name, depth, config.notes_seeds if noted else config.seeds, 1))
    return found + [
        cell(name, depth, config.stuck_seeds, config.longer) for name, depth in _longer(config)
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Draw the points, or train the networks of one cell."""
    from gradchain.experiments import lab

    lab.use_all_cores()
    import numpy as np

    from gradchain.experiments import moons_cells

    if cell.name == "data":
        points = lab.points_of(lab.Setting())
        return {"inputs": points.inputs, "targets": points.targets[0]}
    setting = lab.Setting.from_json(cell["setting"])
    outcome = lab.run(setting, cell["seeds"], cell.seed)
    arrays = moons_cells.ends(outcome)
    if (setting.activation, setting.depth) in NOTES and setting.epochs <= 1000:
        x, y = np.linspace(-1.5, 2.5, 121), np.linspace(-1.0, 1.5, 91)
        chosen = moons_cells.typical(outcome)
        logits = moons_cells.surface(outcome, setting.activation, chosen, x, y)
        arrays |= moons_cells.followed(outcome) | {"x": x, "y": y, "logits": logits}
    return arrays


def summarize(config: Config, results: Results) -> Summary:
    """Say what the networks learned, and which sentences of the notes hold for which share."""
    from gradchain.experiments.lab import Setting
    from gradchain.experiments.moons_records import SENTENCES, Networks, majority_number

    nets = {}
    for cell in results.cells[1:]:
        setting = Setting.from_json(cell["setting"])
        own = Networks(results[cell.name], setting, results.seed)
        nets[cell.name] = own
    numbers = [majority_number(results["data"]["targets"], Setting())]
    for name, depth in _grid(config):
        if depth in SHOWN:
            numbers.append(nets[f"{name}_d{depth}"].number("loss.median"))
    for name, depth in NOTES:
        own = nets[f"{name}_d{depth}"]
        whats = ("accuracy.mean", "gradient.factor", "percent.median", "pseudo.median")
        numbers += [own.number(what) for what in whats]
        if (name, depth) not in _grid(config) or depth not in SHOWN:
            numbers.append(own.number("loss.median"))
    deep = nets["sigmoid_d10"]
    whats = ("gradient.first.start", "gradient.last.start", "gradient.first.end", "percent.last")
    numbers.append(deep.number("overone.share"))
    numbers += [deep.number(what) for what in whats]
    said = [s for s in SENTENCES if f"{s.activation}_d{s.depth}" in nets]
    numbers += [nets[f"{s.activation}_d{s.depth}"].said(s) for s in said]
    for name, depth in _grid(config):
        if name in ("sigmoid", "tanh", "relu") and depth in SHOWN:
            numbers.append(nets[f"{name}_d{depth}"].number("reached95.share"))
            numbers += nets[f"{name}_d{depth}"].time()
    for name, depth in STUCK:
        if (name, depth) in _longer(config):
            own = nets[f"{name}_d{depth}_longer"]
            numbers += [own.number(what) for what in ("stuck.share", "reached95.share")]
    if "sigmoid_d15" in nets:
        numbers.append(nets["sigmoid_d15"].number("percent.median"))
    known = {number.key: number for number in numbers}
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, nets, known, said),
        seen=_seen(config, nets, known),
        figures=_figures(config, results, nets, known, said),
    )


def _seen(config: Config, nets: dict, known: dict) -> list[str]:
    deep, three, relu = (nets[f"{name}_d{depth}"].stem for name, depth in NOTES)
    count = nets["sigmoid_d10"].seeds
    seen = [
        f"With ten sigmoid layers the loss reads 0.693 (within 0.003) for this share of {count} seeds: "
        f"{{{deep}.stuck.share}}. The mean accuracy, {{{deep}.accuracy.mean}}, is about what always "
        "giving the same answer has, {moons.majority.share}.",
        f"The true gradient of the first kernel is {{{deep}.gradient.first.start}} before training, "
        f"that of the last {{{deep}.gradient.last.start}}: a factor of {{{deep}.gradient.factor}} a "
        "layer. It has vanished.",
        f"And yet the weights move: the median first-layer weight changes by {{{deep}.percent.median}} "
        f"percent, and {{{deep}.overone.share}} of them by more than 1 percent. That no first-layer "
        f"weight changes by 1 percent holds for a share {{{deep}.unmoved.share}} of seeds. Adam "
        "divides by the gradient's own size. The last layer's weights, whose gradient has not "
        f"vanished, change by {{{deep}.percent.last}} percent: its sign keeps changing.",
        f"(old - new) / learning rate is {{{deep}.pseudo.median}} there, and no gradient; it is 1e-5 "
        f"or less for a share {{{deep}.smallpseudo.share}} of seeds.",
        f"With three sigmoid layers the median loss is {{{three}.loss.median}}; it reads 0.39 or less "
        f"for a share {{{three}.reached.share}} of seeds.",
        f"With ten ReLU layers the median loss is {{{relu}.loss.median}}; it reads 1e-4 or less for a "
        f"share {{{relu}.reached.share}} of seeds. The median first-layer weight changes by "
        f"{{{relu}.percent.median}} percent.",
    ]
    if "sigmoid_d15" in nets:
        seen.append(
            "With fifteen sigmoid layers Adam no longer hides it: the gradient lies below its epsilon, "
            f"and the median first-layer weight changes by {{{nets['sigmoid_d15'].stem}.percent.median}} "
            "percent."
        )
    rest = [
        f"{{{own.stem}.stuck.share}} with {own.setting.depth} layers of {own.setting.activation}"
        for name, own in nets.items()
        if name.endswith("_longer") and f"{own.stem}.stuck.share" in known
    ]
    if rest:
        seen.append(
            f"Stuck or slow? After {config.epochs * config.longer} epochs the loss is still 0.693 in "
            f"a share of {', '.join(rest)}."
        )
    return seen


def _tables(
    config: Config, results: Results, nets: dict, known: dict, said: Sequence
) -> list[Table]:
    import numpy as np

    def cite(key: str) -> str:
        return f"{{{key}}}" if key in known else ""

    sentences = [
        (s.label, nets[f"{s.activation}_d{s.depth}"].seeds, cite(f"{_stem(nets, s)}.{s.key}"))
        for s in said
    ]
    shown = [depth for depth in SHOWN if depth in config.depths]
    losses = [
        (name, *(cite(f"{nets[f'{name}_d{depth}'].stem}.loss.median") for depth in shown))
        for name in config.activations
    ]
    data = []
    for cell in results.cells[1:]:
        arrays, own = results[cell.name], nets[cell.name]
        loss, logs = arrays["final_loss"], arrays["log_gradient_norms"] / np.log(10)
        data.append(
            (
                own.setting.activation, own.setting.depth, own.setting.epochs, own.seeds,
                *(float(q) for q in np.nanquantile(loss, [0.05, 0.5, 0.95])),
                float(np.median(arrays["final_accuracy"])), float(np.median(arrays["test_accuracy"])),
                float(np.median(logs[:, 0, 0])), float(np.median(logs[:, 0, -1])),
                float(np.median(logs[:, 1, 0])), float(np.median(logs[:, 1, -1])),
                float(np.median(arrays["percent_median"][:, 0])),
                float(np.median(arrays["percent_median"][:, -1])),
                float(np.median(arrays["epochs_to_95"])),
                float(np.isfinite(arrays["epochs_to_95"]).mean()),
                float((arrays["nan_step"] >= 0).mean()),
            )
        )  # fmt: skip
    columns = (
        "activation", "hidden layers", "epochs", "seeds", "loss 5 %", "loss median", "loss 95 %",
        "accuracy", "test accuracy", "log10 gradient first start", "log10 gradient last start",
        "log10 gradient first end", "log10 gradient last end", "percent change first",
        "percent change last", "epochs to 95 %", "share that gets there", "share diverged",
    )  # fmt: skip
    return [
        Table(
            "sentences",
            "The notes' sentences, and the share of seeds for which each holds",
            ("sentence", "seeds", "share"),
            sentences,
        ),
        Table(
            "losses",
            f"Median loss after {config.epochs} epochs",
            ("activation", *(f"{depth} hidden layers" for depth in shown)),
            losses,
        ),
        Table("grid", "All networks: medians over seeds", columns, data, show=False),
    ]


def _stem(nets: dict, sentence) -> str:
    return nets[f"{sentence.activation}_d{sentence.depth}"].stem


def _figures(config: Config, results: Results, nets: dict, known: dict, said: Sequence) -> list:
    from gradchain.figures.moons_pictures import pictures

    longer = [f"{name}_d{depth}_longer" for name, depth in STUCK]
    return pictures(
        results,
        nets,
        known,
        said,
        activations=config.activations,
        depths=config.depths,
        longer=[name for name in longer if name in results],
        epochs=config.epochs,
    )


STUDY = Study(
    name="moons",
    title="Two moons",
    question="What do deep networks learn on two moons, and do the notes' sentences about it hold?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=100,
)

if __name__ == "__main__":
    main(STUDY)
