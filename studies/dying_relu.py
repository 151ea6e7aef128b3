"""When do ReLU units die, and what becomes of their relatives that cannot?

Dead units before and after training, by learning rate, bias, initializer and depth; leaky ReLU, PReLU
and ELU beside them; the share of units that are off before any training, predicted and measured.

    python studies/dying_relu.py [--scale smoke|lecture|paper] [--depth 5] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ACTIVATIONS = ("relu", "leaky_relu", "prelu", "elu")
BIASES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
INITIALIZERS = (
    "glorot_uniform", "he_uniform", "he_normal", "lecun_normal", "orthogonal", "torch_uniform", "lsuv",
)  # fmt: skip
NAMES = (
    "final_loss", "final_accuracy", "nan_step", "saturated", "dead", "test_accuracy",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Which learning rates, how deep, how many networks."""

    rates: tuple[float, ...] = field(
        default=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), metadata={"help": "Learning rates."}
    )
    depths: tuple[int, ...] = field(default=(1, 2, 5, 10, 20, 30), metadata={"help": "Depths."})
    depth: int = field(default=5, metadata={"help": "Hidden layers of all other sweeps."})
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=50, metadata={"help": "Length of the training."})
    relatives: tuple[str, ...] = field(
        default=ACTIVATIONS[1:], metadata={"help": "Activations beside ReLU."}
    )

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if len(self.rates) < 2 or not all(0 < rate <= 100 for rate in self.rates):
            raise UsageError(f"rates {self.rates}: expected at least two numbers, above 0 to 100")
        if list(self.rates) != sorted(set(self.rates)) or len(self.rates) > 15:
            raise UsageError(f"rates {self.rates}: expected up to 15 increasing numbers")
        if len(self.depths) < 2 or list(self.depths) != sorted(set(self.depths)):
            raise UsageError(f"depths {self.depths}: expected at least two increasing numbers")
        if not all(1 <= depth <= 50 for depth in (*self.depths, self.depth)):
            raise UsageError(f"depths {self.depths}, depth {self.depth}: expected 1 to 50")
        if not 8 <= self.seeds <= 10_000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 10000")
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")
        if not set(self.relatives) <= set(ACTIVATIONS[1:]):
            raise UsageError(
                f"relatives {', '.join(self.relatives)}: expected some of "
                f"{', '.join(ACTIVATIONS[1:])}"
            )

    @property
    def shown(self) -> tuple[str, ...]:
        """ReLU and its relatives."""
        return ("relu", *(name for name in ACTIVATIONS[1:] if name in self.relatives))

    @property
    def own_rate(self) -> float:
        """The learning rate of the sweeps over depth, bias and initializer: the one nearest 0.01."""
        return min(self.rates, key=lambda rate: max(rate / 0.01, 0.01 / rate))


SCALES = {
    "smoke": Config(
        rates=(0.001, 0.01, 0.1, 1.0), depths=(1, 5, 20), seeds=32, epochs=10, relatives=("elu",)
    ),
    "lecture": Config(),
    "paper": Config(depths=(1, 2, 3, 5, 7, 10, 15, 20, 30, 50), seeds=512, epochs=200),
}


def _base(config: Config, activation: str) -> dict:
    return {
        "activation": activation,
        "initializer": "he_normal",
        "depth": config.depth,
        "epochs": config.epochs,
        "slots": max(*config.depths, config.depth, 2) - 1,
        "values": [["learning_rate", config.own_rate]],
    }


def _runs(config: Config) -> dict[str, list[dict]]:
    """List the settings of every cell."""
    found = {}
    for name in config.shown:
        base = _base(config, name)
        found[f"rate_{name}"] = [
            base | {"values": [["learning_rate", rate]]} for rate in config.rates
        ]
        found[f"depth_{name}"] = [base | {"depth": depth} for depth in config.depths]
    relu = _base(config, "relu")
    found["rate_sgd"] = [run | {"optimizer": "sgd"} for run in found["rate_relu"]]
    found["bias"] = [relu | {"bias": bias} for bias in BIASES]
    found["initializer"] = [relu | {"initializer": name} for name in INITIALIZERS]
    return found


def cells(config: Config) -> list[Cell]:
    """One cell a sweep and activation."""
    return [
        Cell(name, {"runs": runs, "seeds": config.seeds}) for name, runs in _runs(config).items()
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one sweep."""
    from gradchain.experiments import grids, lab

    lab.use_all_cores()
    every = cell["runs"][0]["epochs"]
    return dict(grids.train(cell["runs"], cell["seeds"], cell.seed, NAMES, every))


class Found:
    """Arrays and records of a run."""

    def __init__(self, config: Config, results: Results) -> None:
        """Make every record."""
        from gradchain.experiments import dying_relu as own
        from gradchain.experiments.lab import Setting

        self.config, self.results, self.numbers = config, results, []
        self.runs = {
            cell.name: [Setting.from_json(run) for run in cell["runs"]] for cell in results.cells
        }
        shown = dict.fromkeys((config.rates[0], config.own_rate, *config.rates[-2:]))
        for name in (*(f"rate_{name}" for name in config.shown), "rate_sgd"):
            for rate in shown if name in ("rate_relu", "rate_sgd") else config.rates[-1:]:
                place = config.rates.index(rate)
                arrays, setting = self.one(name, place)
                self.numbers += own.rate_numbers(arrays, setting, rate, results.seed)
        for depth in (config.depths[0], config.depths[-1]):
            arrays, setting = self.one("depth_relu", config.depths.index(depth))
            self.numbers += own.state_numbers(arrays, setting, results.seed, f"depth{depth}", "")
        self.numbers += own.start_numbers(arrays, setting, results.seed)
        for sweep, values in (("bias", (-1.0, 1.0)), ("initializer", INITIALIZERS[:3])):
            for value in values:
                place = (BIASES if sweep == "bias" else INITIALIZERS).index(value)  # type: ignore[arg-type]
                arrays, setting = self.one(sweep, place)
                words = (
                    f"with the bias {value:g} in every unit" if sweep == "bias" else f"({value})"
                )
                key = self.key(sweep, value)
                self.numbers += own.state_numbers(arrays, setting, results.seed, key, words)
        self.known = {number.key for number in self.numbers}

    def one(self, name: str, place: int):
        """Return arrays and setting of one place of a sweep."""
        from gradchain.experiments import grids

        return grids.one(self.results[name], place), self.runs[name][place]

    @staticmethod
    def key(sweep: str, value: object) -> str:
        """Return the part of a key that names a bias or an initializer."""
        from gradchain.experiments.grids import tag

        return f"bias{tag(value)}" if sweep == "bias" else str(value).replace("_", "")  # type: ignore[arg-type]

    def sweep(self, name: str, take):
        """Return a value of every place of a sweep, (places, seeds)."""
        import numpy as np

        return np.stack([take(self.one(name, k)[0]) for k in range(len(self.runs[name]))])

    def dead(self, name: str, when: int):
        """Return the mean share of dead units at the start (0) or the end (-1)."""
        import numpy as np

        rows = self.sweep(name, lambda a: a["dead"][:, when].mean(axis=1))
        return np.mean(rows, axis=1)

    def learned(self, name: str):
        """Return the share of networks that get most training points right."""
        from gradchain.experiments.dying_relu import LEARNED

        return self.sweep(name, lambda a: a["final_accuracy"] >= LEARNED).mean(axis=1)


def summarize(config: Config, results: Results) -> Summary:
    """Say when ReLU units die."""
    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=[_rates(found), _depths(found), _starts(found)],
    )


def _seen(found: Found) -> list[str]:
    from gradchain.experiments.grids import tag

    config = found.config
    first, deep = config.depths[0], config.depths[-1]
    top, own = config.rates[-1], config.own_rate
    stem = "relu.dying"
    said = [
        "Before training a ReLU unit of the first hidden layer is off at a given point with the "
        f"probability {{{stem}.start.first.predicted}}; measured: a share of "
        f"{{{stem}.start.first.off}} of the pairs (unit, point). In hidden layer {deep} it is a little "
        f"more, {{{stem}.start.layer{deep}.predicted}} predicted and {{{stem}.start.layer{deep}.off}} "
        "measured, since a layer of which every unit is off leaves nothing to the next ones.",
        f"Off at one point is not dead. Of the units of networks with {first} hidden "
        f"layer{'s' * (first > 1)} a share of {{{stem}.depth{first}.start}} starts dead, of those "
        f"with {deep} layers {{{stem}.depth{deep}.start}}, of their last layer "
        f"{{{stem}.start.layer{deep}.dead}}: deep down all points arrive in nearly the same "
        "direction, and a unit that is off at one of them is off at all.",
        f"Adam at the learning rate {own:g} leaves {{{stem}.adam.rate{tag(own)}.dead}} of the units "
        f"dead, at {top:g} {{{stem}.adam.rate{tag(top)}.dead}}. A share of "
        f"{{{stem}.adam.rate{tag(own)}.learned}} and {{{stem}.adam.rate{tag(top)}.learned}} of the "
        "networks learns to classify 80 % of the points.",
        f"Plain SGD at {top:g} kills {{{stem}.sgd.rate{tag(top)}.dead}}, at {own:g} "
        f"{{{stem}.sgd.rate{tag(own)}.dead}}.",
        f"A bias of -1 in every unit leaves {{{stem}.bias{tag(-1.0)}.start}} dead before training and "
        f"{{{stem}.bias{tag(-1.0)}.end}} after it. A bias of +1 is no cure: {{{stem}.bias1.start}} and "
        f"{{{stem}.bias1.end}}, without bias {{{stem}.henormal.start}} and {{{stem}.henormal.end}}.",
        f"After training a share of {{{stem}.glorotuniform.end}} is dead with Glorot weights and "
        f"{{{stem}.henormal.end}} with He weights, both without bias.",
    ]
    others = [name for name in config.shown if name != "relu"]
    if others:
        dead = ", ".join(
            f"{{{name.replace('_', '')}.dying.adam.rate{tag(top)}.dead}} ({name.replace('_', ' ')})"
            for name in others
        )
        learned = ", ".join(
            f"{{{name.replace('_', '')}.dying.adam.rate{tag(top)}.learned}} ({name.replace('_', ' ')})"
            for name in others
        )
        said.append(
            f"Beside it, at the learning rate {top:g}: dead units {dead}; networks that learn {learned}. "
            "A slope that is never 0 on paper does not save a learning rate that is too large; the "
            "slope of ELU, exp(x), is 0 in float32 far enough below 0."
        )
    return said


def _tables(found: Found) -> list[Table]:
    import numpy as np

    config = found.config
    rows = []
    for name in config.shown:
        stem = f"{name.replace('_', '')}.dying"
        for rate in config.rates:
            from gradchain.experiments.grids import tag

            key = f"{stem}.adam.rate{tag(rate)}"
            if f"{key}.dead" in found.known:
                rows.append((name, f"{rate:g}", f"{{{key}.dead}}", f"{{{key}.learned}}"))
    starts = []
    for key in (
        [f"depth{d}" for d in (config.depths[0], config.depths[-1])]
        + [found.key("bias", b) for b in (-1.0, 1.0)]
        + [found.key("initializer", n) for n in INITIALIZERS[:3]]
    ):
        stem = f"relu.dying.{key}"
        starts.append((key, f"{{{stem}.start}}", f"{{{stem}.end}}"))
    data = []
    for cell, runs in found.runs.items():
        start, end, learned = found.dead(cell, 0), found.dead(cell, -1), found.learned(cell)
        low = found.sweep(cell, lambda a: a["saturated"][:, -1].mean(axis=1)).mean(axis=1)
        loss = np.median(found.sweep(cell, lambda a: a["final_loss"]), axis=1)
        for k, setting in enumerate(runs):
            rate = dict(setting.values)["learning_rate"]
            names = (cell, setting.activation, setting.optimizer, setting.initializer)
            sizes = (setting.depth, rate, setting.bias)
            values = (start[k], end[k], low[k], learned[k], loss[k])
            data.append((*names, *sizes, *(float(v) if np.isfinite(v) else None for v in values)))
    return [
        Table(
            "rates",
            f"Dead units, and networks that classify 80 %, after {config.epochs} epochs of Adam, "
            f"{config.depth} hidden layers",
            ("activation", "learning rate", "share of dead units", "share of networks that learn"),
            rows,
        ),
        Table(
            "causes",
            f"Dead ReLU units, learning rate {config.own_rate:g}",
            ("networks", "at the start", "after training"),
            starts,
        ),
        Table(
            "sweeps",
            "Every setting: mean shares and the median final loss",
            (
                "sweep", "activation", "optimizer", "initializer", "depth", "rate", "bias",
                "dead at the start", "dead at the end", "slope below 1 %", "learned", "loss",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


def _rates(found: Found):
    import numpy as np

    from gradchain.experiments.grids import tag
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import Curve, Panel, draw_panels

    config = found.config
    x = np.log10(config.rates)
    cells = {name.replace("_", " "): f"rate_{name}" for name in config.shown}
    cells["relu, SGD"] = "rate_sgd"
    dead = {label: Curve(found.dead(cell, -1)) for label, cell in cells.items()}
    learned = {label: Curve(found.learned(cell)) for label, cell in cells.items()}
    size = {"powers": "x", "y_range": (-0.03, 1.05)}
    rate, stem = tag(config.rates[-1]), "relu.dying.adam.rate"
    return Picture(
        "learning_rate",
        "Dead units against the learning rate",
        lambda: draw_panels([
            Panel("units dead after training", "learning rate", "share of units", x, dead, **size),
            Panel(
                "networks that classify 80 %",
                "learning rate",
                "share of networks",
                x,
                learned,
                **size,
            ),
        ]),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of dead units and the share of networks that classify 80 % of the points, after "
            "training, against the learning rate",
            f"{config.seeds} networks of {config.depth} hidden layers a point, {config.epochs} epochs",
            f"With Adam the share of dead ReLU units reaches {{{stem}{rate}.dead}} at the largest "
            "learning rate; leaky ReLU, PReLU and ELU, where drawn, have fewer dead units "
            "or none.",
        ),
        caption="Left: units whose slope is 0 at every training point. Right: what that means for the "
        "network. Adam unless said otherwise.",
    )


def _depths(found: Found):
    import numpy as np

    from gradchain.experiments.dead_units import off_share
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import Curve, Panel, draw_panels

    config = found.config
    deep = config.depths[-1]
    x = np.array(config.depths, float)
    curves = {
        "dead at the start": Curve(found.dead("depth_relu", 0)),
        "dead after training": Curve(found.dead("depth_relu", -1)),
    }
    arrays, setting = found.one("depth_relu", len(config.depths) - 1)
    layers = np.arange(1, deep + 1, dtype=float)
    predicted = np.array([float(off_share(setting.units, k)) for k in range(1, deep + 1)])
    start = {
        "dead at the start": Curve(arrays["dead"][:, 0].mean(axis=0)),
        "off at a point": Curve(arrays["saturated"][:, 0].mean(axis=0)),
        "predicted": Curve(predicted, index=-1),
    }
    return Picture(
        "depth",
        "Dead units against depth",
        lambda: draw_panels([
            Panel("ReLU, all layers", "hidden layers", "share of dead units", x, curves,
                  y_range=(0, 1)),
            Panel(f"ReLU, {deep} layers, at the start", "hidden layer", "share of units", layers,
                  start, y_range=(0, 1)),
        ]),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of dead ReLU units against depth, and of units that are off at one point or at "
            "all points against the layer",
            f"{config.seeds} networks a depth, He weights, learning rate {config.own_rate:g}",
            f"At the start a share of {{relu.dying.depth{deep}.start}} is dead in networks of {deep} "
            "layers. Units off at a point follow the prediction, close to 1/2 in every layer; units "
            "off at all points grow from 0 towards the same height.",
        ),
        caption="Right: half of the units are off at any point, in every layer; deep down it is the "
        "same half at all points.",
    )  # fmt: skip


def _starts(found: Found):
    import numpy as np

    from gradchain.experiments.grids import tag
    from gradchain.experiments.statistics import mean_and_error
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import draw_pairs

    labels = [f"bias {bias:+g}" for bias in BIASES] + list(INITIALIZERS)

    def points(when: int) -> list[tuple[float, float, float]]:
        made = []
        for cell in ("bias", "initializer"):
            for rows in found.sweep(cell, lambda a: a["dead"][:, when].mean(axis=1)):
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
            f"{found.config.seeds} networks of {found.config.depth} hidden layers each; bars: two "
            "standard errors",
            f"With the bias -1 a share of {{relu.dying.bias{tag(-1.0)}.start}} is dead at the start, "
            "with +1 {relu.dying.bias1.start}.",
        ),
        caption="A negative bias switches units off before training starts, for good; a positive one "
        "changes little.",
    )


STUDY = Study(
    name="dying_relu",
    title="Dying ReLU",
    question="When do ReLU units die, and do their relatives train where they cannot?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=150,
)

if __name__ == "__main__":
    main(STUDY)
