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
WHATS = {
    "sign_first": "one sign, first layer",
    "sign_second": "one sign, second layer",
    "condition": "condition number",
    "leading": "largest to second eigenvalue",
}


@dataclass(frozen=True)
class Config:
    """How deep, which weight scales and learning rates, how many networks."""

    depths: tuple[int, ...] = field(default=(1, 3, 5), metadata={"help": "Hidden layers."})
    depth: int = field(default=3, metadata={"help": "The depth of the numbers; one of depths."})
    scales: tuple[float, ...] = field(
        default=(1.0, 4.0), metadata={"help": "Factors of the sigmoid's Glorot weights."}
    )
    sgd: tuple[float, ...] = field(
        default=(0.1, 0.3, 1.0), metadata={"help": "Learning rates of SGD."}
    )
    adam: tuple[float, ...] = field(
        default=(0.003, 0.01, 0.03), metadata={"help": "Learning rates of Adam."}
    )
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=150, metadata={"help": "Length of the training."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not self.depths or list(self.depths) != sorted(set(self.depths)):
            raise UsageError(f"depths {self.depths}: expected increasing numbers")
        if not all(1 <= depth <= 30 for depth in self.depths) or self.depth not in self.depths:
            raise UsageError(
                f"depths {self.depths}: expected 1 to 30, depth {self.depth} among them"
            )
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

    def places(self, optimizer: str) -> list[tuple[float, int, float]]:
        """List weight scale, depth and learning rate of each setting of a cell."""
        rates = getattr(self, optimizer)
        return [(s, d, r) for s in self.scales for d in self.depths for r in rates]


SCALES = {
    "smoke": Config(
        depths=(2,), depth=2, sgd=(0.3,), adam=(0.01,), seeds=32, epochs=50, scales=(1.0, 4.0)
    ),
    "lecture": Config(),
    "paper": Config(
        depths=(1, 2, 3, 5, 7, 10), scales=(0.5, 1.0, 2.0, 4.0, 8.0), seeds=256, epochs=500,
        sgd=(0.03, 0.1, 0.3, 1.0, 3.0), adam=(0.001, 0.003, 0.01, 0.03, 0.1),
    ),
}  # fmt: skip


def _base(config: Config, activation: str, scale: float, depth: int) -> dict:
    return {
        "activation": activation,
        "scale": scale * ACTIVATIONS[activation],
        "depth": depth,
        "epochs": config.epochs,
        "slots": max(*config.depths, 2) - 1,
    }


def cells(config: Config) -> list[Cell]:
    """One cell an optimizer and activation, one for the start."""
    found = []
    for short, optimizer in OPTIMIZERS.items():
        for name in ACTIVATIONS:
            runs = [
                _base(config, name, scale, depth)
                | {"optimizer": optimizer, "values": [["learning_rate", rate]]}
                for scale, depth, rate in config.places(short)
            ]
            found.append(Cell(f"{short}_{name}", {"runs": runs, "seeds": config.seeds}))
    starts = [
        _base(config, name, scale, config.depth) for scale in config.scales for name in ACTIVATIONS
    ]
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
        from gradchain.experiments.grids import tag

        self.config, self.results, self.numbers = config, results, []
        self.cells = {cell.name: cell for cell in results.cells}
        for scale in (1.0, 4.0):
            for name in ACTIVATIONS:
                arrays, setting = self.start(name, scale)
                self.numbers += own.start_numbers(arrays, setting, scale, results.seed)
        for short in OPTIMIZERS:
            for scale in (1.0, 4.0):
                stem = f"centring.{short}.scale{tag(scale)}"
                pairs = {n: self.best(short, n, scale, config.depth) for n in ACTIVATIONS}
                for pair in pairs.values():
                    self.numbers.append(own.reached_number(stem, *pair, results.seed))
                for name in list(ACTIVATIONS)[1:]:
                    key = f"{stem}.slowdown.{name.replace('_', '')}"
                    self.numbers += own.slowdown_number(
                        key, pairs["sigmoid"], pairs[name], results.seed
                    )
        self.known = {number.key for number in self.numbers}

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

    def best(self, optimizer: str, name: str, scale: float, depth: int):
        """Return arrays and setting at the learning rate with the lowest median final loss."""
        import numpy as np

        places = self.config.places(optimizer)
        own = [k for k, (s, d, _) in enumerate(places) if (s, d) == (scale, depth)]
        found = [self.one(f"{optimizer}_{name}", place) for place in own]
        return min(found, key=lambda pair: np.nan_to_num(np.median(pair[0]["final_loss"]), nan=1e9))


def summarize(config: Config, results: Results) -> Summary:
    """Say whether the missing centre slows training."""
    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=[_losses(found), _epochs(found), _signs(found)],
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
        f"{start.format('tanh', 'leading')} after tanh; the condition numbers are "
        f"{start.format('sigmoid', 'condition')}, {start.format('shiftedsigmoid', 'condition')} and "
        f"{start.format('tanh', 'condition')}.",
    ]
    for short, title in TITLES.items():
        for scale in (1.0, 4.0):
            stem = f"centring.{short}.scale{scale:g}"
            reached = [f"{{{stem}.{name.replace('_', '')}.reached}}" for name in ACTIVATIONS]
            text = (
                f"{title}, {found.config.depth} hidden layers, weights times {scale:g}: 95 % accuracy is "
                f"reached by {reached[0]} of the sigmoid networks, {reached[1]} of those of sigmoid - "
                f"1/2, {reached[2]} of those of tanh at matched slope."
            )
            key = f"{stem}.slowdown.shiftedsigmoid"
            if key in found.known:
                text += (
                    f" Sigmoid needs {{{key}}} times the epochs of sigmoid - 1/2 (median of pairs)"
                )
                other = f"{stem}.slowdown.tanh"
                text += f", {{{other}}} times those of tanh." if other in found.known else "."
            said.append(text)
    said.append(
        "A network of sigmoids is a network of sigmoid - 1/2 with other biases, so the missing centre "
        "costs speed and no ability."
    )
    return said


def _tables(found: Found) -> list[Table]:
    import numpy as np

    config = found.config
    starts, speed, data = [], [], []
    for scale in (1.0, 4.0):
        for name in ACTIVATIONS:
            stem = f"centring.start.scale{scale:g}.{name.replace('_', '')}"
            cited = [f"{{{stem}.{what.replace('_', '')}}}" for what in WHATS]
            starts.append((f"{scale:g}", LABELS[name], *cited))
    for short, title in TITLES.items():
        for scale in (1.0, 4.0):
            stem = f"centring.{short}.scale{scale:g}"
            reached = [f"{{{stem}.{name.replace('_', '')}.reached}}" for name in ACTIVATIONS]
            keys = [f"{stem}.slowdown.{n.replace('_', '')}" for n in list(ACTIVATIONS)[1:]]
            slow = [f"{{{key}}}" if key in found.known else "never reached" for key in keys]
            speed.append((title, f"{scale:g}", *reached, *slow))
    for short in OPTIMIZERS:
        for name in ACTIVATIONS:
            for k, (scale, depth, rate) in enumerate(config.places(short)):
                arrays, _ = found.one(f"{short}_{name}", k)
                epochs = np.quantile(arrays["epochs_to_95"], (0.25, 0.5, 0.75), method="nearest")
                values = [*epochs, np.median(arrays["final_loss"])]
                kept = [float(v) if np.isfinite(v) else None for v in values]
                data.append((short, LABELS[name], scale, depth, rate, *kept))
    names = list(LABELS.values())
    return [
        Table(
            "start",
            f"Before training, {config.depth} hidden layers: share of (unit, point) with gradients of "
            "one sign; conditioning of what the second layer sees",
            ("weights times", "activation", *WHATS.values()),
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
            "runs",
            "Every setting: quartiles of the epochs to 95 % accuracy, median final loss",
            (
                "optimizer", "activation", "weights times", "hidden layers", "learning rate",
                "epochs 25 %", "epochs 50 %", "epochs 75 %", "loss",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


def _losses(found: Found):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import Curve, Panel, draw_panels

    config = found.config
    x = np.arange(1, config.epochs + 1, dtype=float)
    panels = []
    for short, title in TITLES.items():
        curves = {}
        for name, label in LABELS.items():
            bands = np.log10(found.best(short, name, 4.0, config.depth)[0]["loss_bands"])
            curves[label] = Curve(bands[2], bands[1], bands[3])
        panels.append(Panel(title, "epoch", "training loss", x, curves, powers="y"))
    return Picture(
        "loss",
        "Loss against epochs, centred and not",
        lambda: draw_panels(panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the training loss against the epoch for sigmoid, sigmoid - 1/2 and tanh at matched slope, "
            "under SGD and Adam",
            f"{config.seeds} networks of {config.depth} hidden layers, weights times 4; bands hold "
            "half of them",
            "A share of {centring.sgd.scale4.sigmoid.reached} of the sigmoid networks reaches 95 % "
            "accuracy under SGD, of sigmoid - 1/2 {centring.sgd.scale4.shiftedsigmoid.reached}.",
        ),
        caption=f"{config.depth} hidden layers, Glorot weights times 4 (tanh: times 1); the learning "
        "rate is the best of those tried for each.",
    )


def _epochs(found: Found):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import Curve, Panel, draw_panels

    config = found.config
    x = np.arange(len(config.depths), dtype=float)
    panels = []
    for scale in (1.0, 4.0):
        curves = {}
        for short, title in TITLES.items():
            for name, label in LABELS.items():
                share = [
                    np.mean(np.isfinite(found.best(short, name, scale, d)[0]["epochs_to_95"]))
                    for d in config.depths
                ]
                curves[f"{label}, {title}"] = Curve(np.array(share))
        panels.append(
            Panel(f"weights times {scale:g}", "hidden layers", "share of networks", x, curves,
                  y_range=(-0.03, 1.05), ticks=tuple(str(depth) for depth in config.depths))
        )  # fmt: skip
    return Picture(
        "reached",
        "Who reaches 95 % accuracy",
        lambda: draw_panels(panels, 7.8),
        alt=alt_text(
            "Line chart, two panels,",
            "the share of networks that reach 95 % accuracy against depth, for three activations and "
            "two optimizers",
            f"{config.seeds} networks a point, {config.epochs} epochs",
            "Under Adam with weights times 4 a share of {centring.adam.scale4.sigmoid.reached} of the "
            "sigmoid networks gets there, and {centring.adam.scale4.tanh.reached} of those of tanh.",
        ),
        caption="Slope times weights is equal for all three in a panel.",
    )


def _signs(found: Found):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.sweeps import draw_pairs

    config = found.config
    labels, rows = [], {"first layer": [], "second layer": []}
    for scale in (1.0, 4.0):
        for name, label in LABELS.items():
            labels.append(f"{label}, times {scale:g}")
            arrays, _ = found.start(name, scale)
            for what, key in (("first layer", "sign_first"), ("second layer", "sign_second")):
                values = sorted(float(v) for v in arrays[key] if v == v)
                cut = len(values) // 4
                middle = sum(values) / len(values)
                rows[what].append((values[cut], middle, values[-1 - cut]))
    return Picture(
        "signs",
        "Gradients of one sign",
        lambda: draw_pairs(labels, rows, "share of (unit, point)"),
        alt=alt_text(
            "Dot chart",
            "the share of pairs of unit and point at which all weights of the unit have gradients of "
            "one sign, in the first and the second layer",
            f"{config.seeds} networks of {config.depth} hidden layers before training; bars hold the "
            "middle half",
            "In the second layer it is {centring.start.scale4.sigmoid.signsecond} for sigmoid and "
            "{centring.start.scale4.shiftedsigmoid.signsecond} for sigmoid - 1/2; in the first "
            "layer it is the same for all, {centring.start.scale4.sigmoid.signfirst}.",
        ),
        caption="Per point; over a batch the signs mix.",
    )


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
