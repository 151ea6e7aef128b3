"""Does it slow training that a sigmoid's outputs are not centred around zero, and by how much?

Sigmoid, sigmoid - 1/2 and tanh at matched slope (its weights divided by 4): signs of the gradients of one
point, conditioning of what layers see, epochs to 95 % accuracy from the same draws.

    python studies/centring.py [--scale smoke|lecture|paper] [--depth 3] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The slope of sigmoid is 1/4 where that of tanh is 1.
ACTIVATIONS = {"sigmoid": 1.0, "shifted_sigmoid": 1.0, "tanh": 0.25}
LABELS = {"sigmoid": "sigmoid", "shifted_sigmoid": "sigmoid - 1/2", "tanh": "tanh, weights/4"}
OPTIMIZERS = {"sgd": "sgd", "adam": "keras_adam"}
TITLES = {"sgd": "SGD", "adam": "Adam"}
NAMES = ("final_loss", "final_accuracy", "epochs_to_95", "nan_step", "loss_bands")
SHOWN = (1.0, 4.0)
WHATS = {
    "sign_first": "one sign, first layer",
    "sign_second": "one sign, second layer",
    "condition": "condition number",
    "leading": "largest to second eigenvalue",
}


@dataclass(frozen=True)
class Config:
    """How deep, which weight scales and learning rates, how many networks."""

    depth: int = field(default=3, metadata={"help": "Hidden layers."})
    scales: tuple[float, ...] = field(
        default=(1.0, 4.0), metadata={"help": "Factors of the sigmoid's Glorot weights."}
    )
    sgd: tuple[float, ...] = field(
        default=(0.3, 1.0, 3.0), metadata={"help": "Learning rates of SGD."}
    )
    adam: tuple[float, ...] = field(
        default=(0.01, 0.03, 0.1), metadata={"help": "Learning rates of Adam."}
    )
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=150, metadata={"help": "Length of the training."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not 2 <= self.depth <= 30:
            raise UsageError(f"depth {self.depth}: expected 2 to 30")
        if list(self.scales) != sorted(set(self.scales)) or not set(self.scales) >= {1.0, 4.0}:
            raise UsageError(
                f"scales {self.scales}: expected increasing numbers, 1 and 4 among them"
            )
        if not all(0 < scale <= 1000 for scale in self.scales):
            raise UsageError(f"scales {self.scales}: expected numbers above 0 to 1000")
        for name in OPTIMIZERS:
            rates = getattr(self, name)
            if not rates or not all(0 < rate <= 100 for rate in rates):
                raise UsageError(f"{name} {rates}: expected learning rates above 0 to 100")
        if not 8 <= self.seeds <= 10_000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 10000")
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")

    def places(self, optimizer: str) -> list[tuple[float, float]]:
        """List weight scale and learning rate of each setting of a cell."""
        return [(scale, rate) for scale in self.scales for rate in getattr(self, optimizer)]


SCALES = {
    "smoke": Config(
        depth=2, sgd=(1.0,), adam=(0.03,), seeds=32, epochs=50
    ),
    "lecture": Config(),
    "paper": Config(
        scales=(0.5, 1.0, 2.0, 4.0, 8.0), seeds=256, epochs=500,
        sgd=(0.03, 0.1, 0.3, 1.0, 3.0), adam=(0.001, 0.003, 0.01, 0.03, 0.1),
    ),
}  # fmt: skip


def _base(config: Config, activation: str, scale: float) -> dict:
    return {
        "activation": activation,
        "scale": scale * ACTIVATIONS[activation],
        "depth": config.depth,
        "epochs": config.epochs,
        "slots": config.depth - 1,
    }


def cells(config: Config) -> list[Cell]:
    """One cell an optimizer and activation, one for the start."""
    found = []
    for short, optimizer in OPTIMIZERS.items():
        for name in ACTIVATIONS:
            runs = [
                _base(config, name, scale)
                | {"optimizer": optimizer, "values": [["learning_rate", rate]]}
                for scale, rate in config.places(short)
            ]
            found.append(Cell(f"{short}_{name}", {"runs": runs, "seeds": config.seeds}))
    starts = [_base(config, name, scale) for scale in config.scales for name in ACTIVATIONS]
    return [*found, Cell("start", {"runs": starts, "seeds": config.seeds})]


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one activation, or look at all of them before training."""
    from gradchain.experiments import centring, grids, initial, lab

    lab.use_all_cores()
    if cell.name != "start":
        every = cell["runs"][0]["epochs"]
        return dict(grids.train(cell["runs"], cell["seeds"], cell.seed, NAMES, every))
    found = {}
    for place, fields in enumerate(cell["runs"]):
        setting = lab.Setting.from_json(dict(fields))
        arrays = centring.at_start(initial.start_of(setting, cell["seeds"], cell.seed))
        found |= {f"{name}_{place}": values for name, values in arrays.items()}
    return found


class Found:
    """Arrays and records of a run."""

    def __init__(self, config: Config, results: Results) -> None:
        """Make every record."""
        from gradchain.experiments import centring_records as own

        self.config, self.results, self.numbers = config, results, []
        self.cells = {cell.name: cell for cell in results.cells}
        for name in ACTIVATIONS:
            arrays, setting = self.start(name, 4.0)
            self.numbers += own.start_numbers(arrays, setting, 4.0, results.seed)
        for short, scale in self.shown:
            stem = self.stem(short, scale)
            pairs = {name: self.best(short, name, scale) for name in ACTIVATIONS}
            for pair in pairs.values():
                self.numbers.append(own.reached_number(stem, *pair, results.seed))
                if scale == SHOWN[-1]:
                    self.numbers.append(own.loss_number(stem, *pair, results.seed))
            for name in list(ACTIVATIONS)[1:]:
                key = f"{stem}.slowdown.{name.replace('_', '')}"
                self.numbers += own.slowdown_number(
                    key, pairs["sigmoid"], pairs[name], results.seed
                )
        self.known = {number.key for number in self.numbers}

    @property
    def shown(self) -> list[tuple[str, float]]:
        """Optimizer and weight scale of what has records."""
        return [(short, scale) for short in OPTIMIZERS for scale in SHOWN]

    @staticmethod
    def stem(short: str, scale: float) -> str:
        """Return the first segments of keys."""
        return f"centring.{short}.scale{scale:g}"

    def one(self, cell: str, place: int):
        """Return arrays and setting of one place of a cell."""
        from gradchain.experiments import grids
        from gradchain.experiments.lab import Setting

        runs = self.cells[cell]["runs"]
        return grids.one(self.results[cell], place), Setting.from_json(dict(runs[place]))

    def start(self, name: str, scale: float):
        """Return what was seen before training."""
        place = self.config.scales.index(scale) * len(ACTIVATIONS) + list(ACTIVATIONS).index(name)
        return self.one("start", place)

    def best(self, optimizer: str, name: str, scale: float):
        """Return arrays and setting at the learning rate with the lowest median final loss."""
        import numpy as np

        own = [k for k, (s, _) in enumerate(self.config.places(optimizer)) if s == scale]
        found = [self.one(f"{optimizer}_{name}", place) for place in own]
        return min(found, key=lambda pair: np.nan_to_num(np.median(pair[0]["final_loss"]), nan=1e9))


def summarize(config: Config, results: Results) -> Summary:
    """Say whether the missing centre slows training."""
    from gradchain.figures.centring import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, LABELS, TITLES, SHOWN),
    )


def _seen(found: Found) -> list[str]:
    start = "{{centring.start.scale4.{}.{}}}"
    said = [
        "For one point, all weights of a unit that is fed by sigmoids have gradients of one sign: a "
        f"share of {start.format('sigmoid', 'signsecond')} of the pairs (unit, point) in the second "
        f"layer. After sigmoid - 1/2 it is {start.format('shiftedsigmoid', 'signsecond')}, after tanh "
        f"{start.format('tanh', 'signsecond')}.",
        "In the first layer the share is that of points whose coordinates share a sign, whatever the "
        f"activation: {start.format('sigmoid', 'signfirst')}. Over a batch the signs of different "
        "points differ, and so do those of the sum.",
        "The missing centre shows in the conditioning: the largest eigenvalue of the second moment of "
        f"what the second layer sees is {start.format('sigmoid', 'leading')} times the next one after "
        f"sigmoids, {start.format('shiftedsigmoid', 'leading')} times after sigmoid - 1/2 and "
        f"{start.format('tanh', 'leading')} after tanh. The condition numbers are "
        f"{start.format('sigmoid', 'condition')}, {start.format('shiftedsigmoid', 'condition')} and "
        f"{start.format('tanh', 'condition')}: large for all, since ten units look at two inputs.",
    ]
    for short, scale in found.shown:
        stem = found.stem(short, scale)
        reached = [f"{{{stem}.{name.replace('_', '')}.reached}}" for name in ACTIVATIONS]
        text = (
            f"{TITLES[short]}, weights times {scale:g}: 95 % accuracy is reached by {reached[0]} of "
            f"the sigmoid networks, {reached[1]} of those of sigmoid - 1/2, {reached[2]} of those of "
            "tanh at matched slope."
        )
        slow = {
            LABELS[name].partition(",")[0]: f"{stem}.slowdown.{name.replace('_', '')}"
            for name in list(ACTIVATIONS)[1:]
        }
        slow = [
            f"{{{key}}} times those of {name}" for name, key in slow.items() if key in found.known
        ]
        if slow:
            text += f" The epochs that sigmoid needs are {' and '.join(slow)} (medians of pairs)."
        if scale == SHOWN[-1]:
            losses = [f"{{{stem}.{name.replace('_', '')}.loss}}" for name in ACTIVATIONS]
            text += f" The median losses end at {losses[0]}, {losses[1]} and {losses[2]}."
        said.append(text)
    said.append(
        "It is sigmoid - 1/2 that tells what centring does. A tanh network at matched slope has weights "
        "four times smaller, so that the same step changes more of it."
    )
    said.append(
        "A network of sigmoids is a network of sigmoid - 1/2 with other biases, so the missing centre "
        "costs speed and no ability."
    )
    return said


def _layers(depth: int) -> str:
    return f"{depth} hidden layer" + "s" * (depth > 1)


def _tables(found: Found) -> list[Table]:
    import numpy as np

    config = found.config
    starts, speed, losses, data = [], [], [], []
    for name in ACTIVATIONS:
        stem = f"centring.start.scale4.{name.replace('_', '')}"
        starts.append((LABELS[name], *(f"{{{stem}.{w.replace('_', '')}}}" for w in WHATS)))
    for short, scale in found.shown:
        stem = found.stem(short, scale)
        reached = [f"{{{stem}.{name.replace('_', '')}.reached}}" for name in ACTIVATIONS]
        keys = [f"{stem}.slowdown.{name.replace('_', '')}" for name in list(ACTIVATIONS)[1:]]
        slow = [f"{{{key}}}" if key in found.known else "too few arrive" for key in keys]
        speed.append((TITLES[short], f"{scale:g}", *reached, *slow))
        if scale == SHOWN[-1]:
            losses.append((
                TITLES[short],
                *(f"{{{stem}.{n.replace('_', '')}.loss}}" for n in ACTIVATIONS),
            ))
    for short in OPTIMIZERS:
        for name in ACTIVATIONS:
            for k, (scale, rate) in enumerate(config.places(short)):
                arrays, _ = found.one(f"{short}_{name}", k)
                epochs = np.quantile(arrays["epochs_to_95"], (0.25, 0.5, 0.75), method="nearest")
                values = [*epochs, *np.quantile(arrays["final_loss"], (0.25, 0.5, 0.75))]
                kept = [float(v) if np.isfinite(v) else None for v in values]
                data.append((short, LABELS[name], scale, config.depth, rate, *kept))
    names = list(LABELS.values())
    return [
        Table(
            "start",
            f"Before training, {_layers(config.depth)}, weights times 4: share of (unit, point) with "
            "gradients of one sign; conditioning of what the second layer sees",
            ("activation", *WHATS.values()),
            starts,
        ),
        Table(
            "speed",
            f"Networks that reach 95 % accuracy in {config.epochs} epochs, and how many times the "
            "epochs of the centred ones the sigmoid needs",
            (
                "optimizer", "weights times", *(f"reached, {name}" for name in names),
                *(f"slower than {name}" for name in names[1:]),
            ),
            speed,
        ),
        Table(
            "losses",
            f"Median loss after {config.epochs} epochs, weights times {SHOWN[-1]:g}",
            ("optimizer", *names),
            losses,
        ),
        Table(
            "runs",
            "Every setting: quartiles of the epochs to 95 % accuracy and of the final loss",
            (
                "optimizer", "activation", "weights times", "hidden layers", "learning rate",
                "epochs 25 %", "epochs 50 %", "epochs 75 %", "loss 25 %", "loss 50 %", "loss 75 %",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


STUDY = Study(
    name="centring",
    title="Centring",
    question="Does it slow training that a sigmoid's outputs are not centred around zero?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=140,
)

if __name__ == "__main__":
    main(STUDY)
