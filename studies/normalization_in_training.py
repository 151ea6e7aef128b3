"""What do batch and layer norm change besides the gradient?

The learning rates that still train, weights scaled by 0.1 to 10, the gap between training and test, and
batch norm in training against inference mode, without normalization, with batch norm and with layer norm.

    python studies/normalization_in_training.py [--scale smoke|lecture|paper] [--depth 10] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

KINDS = {"none": "none", "batch": "batch_before", "layer": "layer"}
NAMES = {"none": "no normalization", "batch": "batch norm", "layer": "layer norm"}
# Exponents of ten of the lowest and the highest learning rate.
RATES = {"sgd": (-3, 2), "keras_adam": (-5, 0)}
SAID = {"sgd": "SGD", "keras_adam": "Adam"}
MODES = {"before": "batch_before", "after": "batch_after"}
# Points closer together, and five of them new for each that is trained on: something to overfit.
GAP = {"noise": 0.25, "points": 1000, "test_share": 0.8}
GAP_EPOCHS = 2
RELU = {"activation": "relu", "initializer": "he_uniform"}


@dataclass(frozen=True)
class Config:
    """How deep, how many networks, how fine the grids."""

    depth: int = field(default=10, metadata={"help": "Hidden layers."})
    seeds: int = field(default=64, metadata={"help": "Networks a point of a grid."})
    epochs: int = field(default=50, metadata={"help": "Length of the training."})
    optimizers: tuple[str, ...] = field(
        default=("sgd", "keras_adam"), metadata={"help": "Optimizers whose rates are tried."}
    )
    a_decade: int = field(default=2, metadata={"help": "Learning rates a decade."})
    scales: tuple[float, ...] = field(
        default=(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), metadata={"help": "Scales of the weights."}
    )
    data_sets: int = field(default=8, metadata={"help": "Data sets of the gap."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        ranges = {"depth": (2, 50), "seeds": (8, 10_000), "epochs": (20, 1000)}
        for name, (low, high) in (ranges | {"a_decade": (1, 10), "data_sets": (3, 1000)}).items():
            value = getattr(self, name)
            if not low <= value <= high or (name == "epochs" and value % 10):
                tens = "a multiple of 10, " if name == "epochs" else ""
                raise UsageError(f"{name} {value}: expected {tens}{low} to {high}")
        if not self.optimizers or not set(self.optimizers) <= set(RATES):
            raise UsageError(f"optimizers {self.optimizers}: expected some of {', '.join(RATES)}")
        rising = list(self.scales) == sorted(set(self.scales)) and {0.1, 1.0, 10.0} <= set(
            self.scales
        )
        if not rising or not all(0.001 <= scale <= 1000 for scale in self.scales):
            raise UsageError(
                f"scales {self.scales}: expected increasing numbers from 0.001 to 1000, 0.1, 1 and 10 "
                "among them"
            )

    def rates(self, optimizer: str) -> tuple[float, ...]:
        """The learning rates that are tried."""
        low, high = RATES[optimizer]
        steps = range((high - low) * self.a_decade + 1)
        return tuple(float(f"{10 ** (low + step / self.a_decade):.3g}") for step in steps)


SCALES = {
    "smoke": Config(
        depth=4, seeds=32, epochs=20, optimizers=("sgd",), a_decade=1, scales=(0.1, 1.0, 10.0),
        data_sets=3,
    ),
    "lecture": Config(),
    "paper": Config(seeds=512, epochs=100, a_decade=4, data_sets=40,
        scales=(0.1, 0.14, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 7.0, 10.0)),
}  # fmt: skip


def cells(config: Config) -> list[Cell]:
    """A cell for each kind of norm and question; those of one program follow each other."""
    found = []
    for kind, norm in KINDS.items():
        plain = RELU | {"depth": config.depth, "norm": norm, "epochs": config.epochs}
        size = {"seeds": config.seeds, "a_decade": config.a_decade}
        for optimizer in config.optimizers:
            setting = plain | {"optimizer": optimizer}
            grid = {"setting": setting, "field": "rate", "grid": list(config.rates(optimizer))}
            found.append(Cell(f"rates_{optimizer}_{kind}", grid | size))
        grid = {"setting": plain, "field": "scale", "grid": list(config.scales)}
        found.append(Cell(f"scales_{kind}", grid | size))
        setting = plain | GAP | {"epochs": GAP_EPOCHS * config.epochs}
        grid = {"setting": setting, "field": "data", "grid": list(range(config.data_sets))}
        found.append(Cell(f"gap_{kind}", grid | size))
        for mode, own in MODES.items():
            if kind == "batch":
                setting = plain | {"norm": own, "epochs": 2 * config.epochs}
                found.append(Cell(f"modes_{mode}", {"setting": setting, "seeds": config.seeds}))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one kind of norm over one grid."""
    from gradchain.experiments import lab, lab_numbers, normalization
    from gradchain.experiments.setting import Setting

    lab.use_all_cores()
    setting = Setting.from_json(cell["setting"])
    if cell.name.startswith("modes"):
        return dict(lab_numbers.kept(lab.run(setting, cell["seeds"], cell.seed)))
    return normalization.sweep(setting, cell["field"], cell["grid"], cell["seeds"], cell.seed)


def summarize(config: Config, results: Results) -> Summary:
    """Say how normalization widens what can be trained, and what it costs at inference."""
    numbers = _numbers(config, results)
    known = {number.key for number in numbers}
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, known),
        seen=_seen(config, known),
        figures=[draw(config, results) for draw in (_rates, _scales, _modes, _gap)],
    )


def _looks(config: Config) -> tuple[int, int]:
    """Return the epochs at which the modes are compared: early, and at the end."""
    whole = 2 * config.epochs
    return max(10, whole // 10 // 10 * 10), whole


def _numbers(config: Config, results: Results) -> list:
    from gradchain.experiments import normalization_records as records
    from gradchain.experiments.normalization import highest_trained
    from gradchain.experiments.setting import Setting

    cells, found = {cell.name: cell for cell in results.cells}, []

    def add(name: str, key: str, what: str) -> None:
        cell, kind = cells[name], name.rpartition("_")[2]
        arrays, setting = dict(results[name]), Setting.from_json(cell["setting"])
        tried = (cell["field"], tuple(cell["grid"]), cell["a_decade"], results.seed, what)
        key = f"normalization.{kind}.{key}"
        found.append(records.sweep_number(key, arrays, setting, kind, *tried))

    for kind in KINDS:
        for optimizer in config.optimizers:
            name, stem = f"rates_{optimizer}_{kind}", SAID[optimizer].lower()
            add(name, f"{stem}.decades", "decades")
            trained = highest_trained(results[name]["accuracy"], config.rates(optimizer))
            if (trained > -100).sum() >= 6:
                add(name, f"{stem}.highest", "highest")
        add(f"scales_{kind}", "scale.spread", "spread")
        add(f"gap_{kind}", "gap.loss", "gap_loss")
        add(f"gap_{kind}", "gap.accuracy", "gap_accuracy")
    for mode in MODES:
        name = f"modes_{mode}"
        setting = Setting.from_json(cells[name]["setting"])
        for epoch in _looks(config):
            found += records.mode_numbers(mode, results[name], setting, results.seed, epoch)
    return found


def _listed(config: Config, what: str) -> str:
    return ", ".join(f"{{normalization.{kind}.{what}}} with {NAMES[kind]}" for kind in KINDS)


def _seen(config: Config, known: set[str]) -> list[str]:
    said = []
    for optimizer in config.optimizers:
        stem = SAID[optimizer].lower()
        said.append(
            f"ReLU networks of {config.depth} layers train with {SAID[optimizer]} over so many decades "
            f"of the learning rate: {_listed(config, f'{stem}.decades')}."
        )
        keys = {kind: f"normalization.{kind}.{stem}.highest" for kind in KINDS}
        told = [f"{{{key}}} with {NAMES[kind]}" for kind, key in keys.items() if key in known]
        if told:
            said.append(f"The highest rate of {SAID[optimizer]} that trains: {', '.join(told)}.")
    early, late = _looks(config)
    ends = config.scales[0], config.scales[-1]
    return [
        *said,
        f"Weights scaled from {ends[0]} to {ends[1]} times at the start change the final loss by a "
        f"factor of {_listed(config, 'scale.spread')}.",
        "On noisy data the test loss exceeds the training loss by "
        f"{_listed(config, 'gap.loss')}; the accuracy falls by {_listed(config, 'gap.accuracy')}.",
        f"After {early} epochs a network with batch norm before the activation has the loss "
        f"{{normalization.before.epoch{early}.trainmode}} with the statistics of the batch and "
        f"{{normalization.before.epoch{early}.inference}} in inference mode, with its running "
        f"averages. After {late} epochs the two are {{normalization.before.epoch{late}.trainmode}} and "
        f"{{normalization.before.epoch{late}.inference}}.",
    ]


def _tables(config: Config, results: Results, known: set[str]) -> list[Table]:
    from gradchain.experiments.normalization_records import epoch_rows, grid_rows

    sweeps = [cell for cell in results.cells if not cell.name.startswith("modes")]
    named = [(cell.name, cell["grid"], results[cell.name]) for cell in sweeps]
    lines = [r for m in MODES for r in epoch_rows(f"modes_{m}", results[f"modes_{m}"])]

    def cite(key: str, otherwise: str = "none trains") -> str:
        return f"{{normalization.{key}}}" if f"normalization.{key}" in known else otherwise

    stems = [SAID[optimizer].lower() for optimizer in config.optimizers]
    rows = [
        (
            NAMES[kind],
            *(cite(f"{kind}.{stem}.{what}") for stem in stems for what in ("decades", "highest")),
            cite(f"{kind}.scale.spread"),
            cite(f"{kind}.gap.loss"),
            cite(f"{kind}.gap.accuracy"),
        )
        for kind in KINDS
    ]
    both = ("decades of rates", "highest rate")
    heads = [f"{SAID[optimizer]}: {what}" for optimizer in config.optimizers for what in both]
    modes = [
        (
            f"{mode} the activation",
            epoch,
            *(cite(f"{mode}.epoch{epoch}.{what}") for what in ("trainmode", "inference", "excess")),
        )
        for mode in MODES
        for epoch in _looks(config)
    ]
    return [
        Table(
            "norms",
            "What normalization changes besides the gradient",
            ("networks", *heads, "loss factor over scales", "gap of loss", "gap of accuracy"),
            rows,
        ),
        Table(
            "modes",
            "Batch norm in training and in inference mode: median loss on the training points",
            ("batch norm", "epoch", "batch statistics", "running averages", "ratio"),
            modes,
        ),
        Table(
            "grids",
            "Every point of every grid: median final loss, share that trains, mean gaps",
            ("cell", "value", "loss", "trained", "gap of loss", "gap of accuracy"),
            grid_rows(named),
            show=False,
        ),
        Table(
            "by_epoch",
            "Training and inference mode by epoch: medians",
            (
                "cell",
                "epoch",
                *(f"{mode} {what}" for what in ("loss", "accuracy") for mode in both),
            ),
            lines,
            show=False,
        ),
    ]


def _source(config: Config) -> str:
    return f"{config.seeds} ReLU networks of {config.depth} layers a point, He weights, two moons"


def _rates(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.normalization import TRAINED
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.normalization import draw_rates

    panels = {
        SAID[optimizer]: (
            np.log10(config.rates(optimizer)),
            {
                NAMES[kind]: (results[f"rates_{optimizer}_{kind}"]["accuracy"] >= TRAINED).mean(
                    axis=1
                )
                for kind in KINDS
            },
        )
        for optimizer in config.optimizers
    }
    stem = SAID[config.optimizers[0]].lower()
    return Picture(
        "learning_rates",
        "Which learning rates still train",
        lambda: draw_rates(panels),
        alt=alt_text(
            "Line chart",
            "the share of networks that train against the learning rate, without normalization, with "
            "batch norm and with layer norm",
            _source(config),
            f"Decades that train with {SAID[config.optimizers[0]]}: "
            f"{_listed(config, f'{stem}.decades')}.",
        ),
        caption="A network trains if it has nineteen of twenty points right at the end. The wider the "
        "plateau, the less the learning rate matters.",
    )


def _scales(config: Config, results: Results):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.normalization import draw_scales

    curves = {NAMES[kind]: np.log10(results[f"scales_{kind}"]["loss"]).T for kind in KINDS}
    return Picture(
        "weight_scale",
        "How much the scale of the weights matters",
        lambda: draw_scales(np.log10(config.scales), curves),
        alt=alt_text(
            "Line chart",
            "the final loss against the scale of all hidden weights at the start, on scales of powers "
            "of ten",
            f"{_source(config)}, Adam; bands hold 90 % of the networks",
            f"The loss varies by a factor of {_listed(config, 'scale.spread')}.",
        ),
        caption="Weights multiplied before training starts. A flat curve: the scale does not matter.",
    )


def _modes(config: Config, results: Results):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.normalization import draw_modes

    panels = {}
    for mode in MODES:
        arrays = results[f"modes_{mode}"]
        panels[f"batch norm {mode} the activation"] = (
            arrays["epochs"],
            {
                "batch statistics": np.log10(arrays["full_loss"]),
                "running averages": np.log10(arrays["infer_loss"]),
            },
        )
    early, late = _looks(config)
    stem = "normalization.before.epoch"
    return Picture(
        "modes",
        "Batch norm: training mode against inference mode",
        lambda: draw_modes(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the loss on the training points against the epoch, with the statistics of the batch and "
            "with the running averages",
            f"{_source(config)}, Adam; bands hold 90 % of the networks",
            f"With the running averages the loss is {{{stem}{early}.excess}} times as large after "
            f"{early} epochs and {{{stem}{late}.excess}} times after {late}.",
        ),
        caption="The same weights, the same points. Running averages remember a hundred batches: "
        "early in training they are those of another network.",
    )


def _gap(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.normalization import draw_gap

    rows = {
        NAMES[kind]: (
            results[f"gap_{kind}"]["gap_loss"].mean(axis=1),
            results[f"gap_{kind}"]["gap_accuracy"].mean(axis=1),
        )
        for kind in KINDS
    }
    return Picture(
        "gap",
        "Test loss minus training loss",
        lambda: draw_gap(rows),
        alt=alt_text(
            "Dot plot, two panels,",
            "the gap between test and training points, in loss and in accuracy, one dot a data set",
            f"{config.data_sets} data sets of noisy two moons, {config.seeds} networks each, depth "
            f"{config.depth}",
            f"The mean gap of the loss is {_listed(config, 'gap.loss')}.",
        ),
        caption="Each dot is one data set, the bar their mean. Batch norm in inference mode.",
    )


STUDY = Study(
    name="normalization_in_training",
    title="Normalization in training",
    question="What do batch and layer norm change besides the gradient?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=130,
)

if __name__ == "__main__":
    main(STUDY)
