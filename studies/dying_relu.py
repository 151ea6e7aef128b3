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
BIASES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0)
CITED = (-1.0, 1.0)
INITIALIZERS = (
    "he_normal", "glorot_uniform", "torch_uniform", "orthogonal", "lecun_normal", "he_uniform", "lsuv",
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
    depths: tuple[int, ...] = field(default=(1, 2, 5, 10, 20), metadata={"help": "Depths."})
    depth: int = field(default=5, metadata={"help": "Hidden layers of all other sweeps."})
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=50, metadata={"help": "Length of the training."})
    relatives: tuple[str, ...] = field(
        default=ACTIVATIONS[1:], metadata={"help": "Activations beside ReLU."}
    )
    initializers: tuple[str, ...] = field(
        default=INITIALIZERS[:3], metadata={"help": "he_normal, glorot_uniform and others."}
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
        if not set(INITIALIZERS[:2]) <= set(self.initializers) <= set(INITIALIZERS):
            raise UsageError(
                f"initializers {', '.join(self.initializers)}: expected "
                f"{' and '.join(INITIALIZERS[:2])} and any of {', '.join(INITIALIZERS[2:])}"
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
        rates=(0.001, 0.01, 0.1, 1.0), depths=(1, 5, 20), seeds=32, epochs=10, relatives=("elu",),
        initializers=INITIALIZERS[:2],
    ),
    "lecture": Config(),
    "paper": Config(
        depths=(1, 2, 3, 5, 7, 10, 15, 20, 30, 50), seeds=512, epochs=200,
        initializers=INITIALIZERS,
    ),
}  # fmt: skip


def _base(config: Config, activation: str) -> dict:
    # Room for more layers costs time; only ReLU is swept over depth.
    deepest = max(*config.depths, config.depth) if activation == "relu" else config.depth
    return {
        "activation": activation,
        "initializer": "he_normal",
        "depth": config.depth,
        "epochs": config.epochs,
        "slots": max(deepest, 2) - 1,
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
    relu = _base(config, "relu")
    found["depth_relu"] = [relu | {"depth": depth} for depth in config.depths]
    found["rate_sgd"] = [run | {"optimizer": "sgd"} for run in found["rate_relu"]]
    found["bias"] = [relu | {"bias": bias} for bias in BIASES]
    found["initializer"] = [relu | {"initializer": name} for name in config.initializers]
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
        from gradchain.experiments.grids import tag
        from gradchain.experiments.lab import Setting

        self.config, self.results, self.numbers = config, results, []
        self.runs = {
            cell.name: [Setting.from_json(run) for run in cell["runs"]] for cell in results.cells
        }
        for name in (*(f"rate_{name}" for name in config.shown), "rate_sgd"):
            for rate in self.cited if name in ("rate_relu", "rate_sgd") else config.rates[-2:-1]:
                place = config.rates.index(rate)
                arrays, setting = self.one(name, place)
                self.numbers += own.rate_numbers(arrays, setting, rate, results.seed)
        for depth in self.ends:
            arrays, setting = self.one("depth_relu", config.depths.index(depth))
            self.numbers += own.state_numbers(arrays, setting, results.seed, f"depth{depth}", "")
        self.numbers += own.start_numbers(arrays, setting, results.seed)
        for bias in CITED:
            arrays, setting = self.one("bias", BIASES.index(bias))
            words = f"with the bias {bias:g} in every unit"
            self.numbers += own.state_numbers(
                arrays, setting, results.seed, f"bias{tag(bias)}", words
            )
        for place, name in enumerate(config.initializers[:3]):
            arrays, setting = self.one("initializer", place)
            key = name.replace("_", "")
            self.numbers += own.state_numbers(arrays, setting, results.seed, key, f"({name})")
        self.known = {number.key for number in self.numbers}

    @property
    def cited(self) -> list[float]:
        """The learning rates that have records: the usual one and the two largest."""
        return list(dict.fromkeys((self.config.own_rate, *self.config.rates[-2:])))

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest depth."""
        return self.config.depths[0], self.config.depths[-1]

    def one(self, name: str, place: int):
        """Return arrays and setting of one place of a sweep."""
        from gradchain.experiments import grids

        return grids.one(self.results[name], place), self.runs[name][place]

    def sweep(self, name: str, take):
        """Return a value of every place of a sweep, (places, seeds)."""
        import numpy as np

        return np.stack([take(self.one(name, k)[0]) for k in range(len(self.runs[name]))])

    def dead(self, name: str, when: int):
        """Return each network's share of dead units at the start (0) or the end (-1), (places, seeds)."""
        return self.sweep(name, lambda a: a["dead"][:, when].mean(axis=1))

    def learned(self, name: str):
        """Return whether each network gets most training points right, (places, seeds)."""
        from gradchain.experiments.dying_relu import LEARNED

        return self.sweep(name, lambda a: a["final_accuracy"] >= LEARNED)


def summarize(config: Config, results: Results) -> Summary:
    """Say when ReLU units die."""
    from gradchain.figures.dying_relu import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, BIASES),
    )


def _seen(found: Found) -> list[str]:
    from gradchain.experiments.grids import tag

    config = found.config
    first, deep = found.ends
    large, stem = config.rates[-2], "relu.dying"

    def listed(family: str, what: str) -> str:
        """Return a value at every cited learning rate, with the rates."""
        keys = [f"{stem}.{family}.rate{tag(rate)}.{what}" for rate in found.cited]
        return ", ".join(
            f"{{{key}}} at the learning rate {rate:g}"
            for key, rate in zip(keys, found.cited, strict=True)
        )

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
        f"After Adam the share of dead units is {listed('adam', 'dead')}. The share of networks that "
        f"learn to classify 80 % of the points is {listed('adam', 'learned')}.",
        f"After plain SGD dead units are {listed('sgd', 'dead')}, networks that learn "
        f"{listed('sgd', 'learned')}.",
        f"A bias of -1 in every unit leaves {{{stem}.bias{tag(-1.0)}.start}} dead before training and "
        f"{{{stem}.bias{tag(-1.0)}.end}} after it. A bias of +1 is no cure: {{{stem}.bias1.start}} and "
        f"{{{stem}.bias1.end}}, without bias {{{stem}.henormal.start}} and {{{stem}.henormal.end}}.",
        f"After training a share of {{{stem}.glorotuniform.end}} is dead with Glorot weights and "
        f"{{{stem}.henormal.end}} with He weights, both without bias.",
    ]
    others = [name for name in config.shown if name != "relu"]
    if others:
        dead = ", ".join(
            f"{{{name.replace('_', '')}.dying.adam.rate{tag(large)}.dead}} ({name.replace('_', ' ')})"
            for name in others
        )
        learned = ", ".join(
            f"{{{name.replace('_', '')}.dying.adam.rate{tag(large)}.learned}} ({name.replace('_', ' ')})"
            for name in others
        )
        said.append(
            f"Beside it, Adam at the learning rate {large:g}: dead units {dead}; networks that learn "
            f"{learned}."
        )
        best = max(float(found.learned(f"rate_{name}")[-2].mean()) for name in others)
        if best < 0.5:
            said.append(
                "A slope that is never 0 on paper does not save a learning rate that is too large; the "
                "slope of ELU, exp(x), is 0 in float32 far enough below 0."
            )
    return said


def _tables(found: Found) -> list[Table]:
    import numpy as np

    from gradchain.experiments.grids import tag
    from gradchain.experiments.statistics import mean_and_error, wilson

    config = found.config
    rows = []
    for name, family in (*((name, "adam") for name in config.shown), ("relu", "sgd")):
        for rate in config.rates:
            key = f"{name.replace('_', '')}.dying.{family}.rate{tag(rate)}"
            if f"{key}.dead" in found.known:
                label = f"{name.replace('_', ' ')}, {'Adam' if family == 'adam' else 'SGD'}"
                rows.append((label, f"{rate:g}", f"{{{key}.dead}}", f"{{{key}.learned}}"))
    causes = [
        (f"{depth} hidden layer" + "s" * (depth > 1), f"depth{depth}") for depth in found.ends
    ]
    causes += [(f"bias {bias:+g}", f"bias{tag(bias)}") for bias in CITED]
    causes += [(name.replace("_", " "), name.replace("_", "")) for name in config.initializers[:3]]
    starts = [
        (label, f"{{relu.dying.{key}.start}}", f"{{relu.dying.{key}.end}}") for label, key in causes
    ]
    data = []
    for cell, runs in found.runs.items():
        start, end, learned = found.dead(cell, 0), found.dead(cell, -1), found.learned(cell)
        low = found.sweep(cell, lambda a: a["saturated"][:, -1].mean(axis=1)).mean(axis=1)
        loss = np.median(found.sweep(cell, lambda a: a["final_loss"]), axis=1)
        for k, setting in enumerate(runs):
            rate = dict(setting.values)["learning_rate"]
            names = (cell, setting.activation, setting.optimizer, setting.initializer)
            sizes = (setting.depth, rate, setting.bias)
            hits = int(np.count_nonzero(learned[k]))
            values = (
                *(mean_and_error(start[k].tolist())), *(mean_and_error(end[k].tolist())), low[k],
                hits / len(learned[k]), *wilson(hits, len(learned[k])), loss[k],
            )  # fmt: skip
            data.append((*names, *sizes, *(float(v) if np.isfinite(v) else None for v in values)))
    return [
        Table(
            "rates",
            f"Dead units, and networks that classify 80 %, after {config.epochs} epochs, "
            f"{config.depth} hidden layers",
            ("networks", "learning rate", "share of dead units", "share of networks that learn"),
            rows,
        ),
        Table(
            "causes",
            f"Dead ReLU units, Adam at the learning rate {config.own_rate:g}; {config.depth} hidden "
            "layers where no other depth is named",
            ("networks", "at the start", "after training"),
            starts,
        ),
        Table(
            "sweeps",
            "Every setting: mean shares with standard errors, Wilson's 95 % interval of the share that "
            "learned, and the median final loss",
            (
                "sweep", "activation", "optimizer", "initializer", "depth", "rate", "bias",
                "dead at the start", "error", "dead at the end", "error of it", "slope below 1 %",
                "learned", "learned low", "learned high", "loss",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


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
