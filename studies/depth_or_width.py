"""Deep and narrow, or shallow and wide: which is better, with the same number of parameters?

Networks of one to many hidden layers with equally many parameters, on two moons, circles and spirals:
gradient at the first layer, final loss, and a task for which one hidden layer is not enough.

    python studies/depth_or_width.py [--scale smoke|lecture|paper] [--parameters 477] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# name -> fields of the setting; the first is the one that is hard for one hidden layer.
TASKS = {
    "spirals": {"task": "spirals", "noise": 0.01, "turns": 2.5},
    "fewturns": {"task": "spirals", "noise": 0.01, "turns": 1.5},
    "circles": {"task": "circles"},
    "moons": {"task": "moons"},
}
WORDS = {
    "spirals": "spirals of 2.5 turns",
    "fewturns": "spirals of 1.5 turns",
    "circles": "circles",
    "moons": "two moons",
}
ACTIVATIONS = {"relu": "he_normal", "sigmoid": "glorot_uniform"}
AGREE = 0.02
# Adam's learning rate where only one is tried.
RATE = 0.01
NAMES = (
    "final_loss", "final_accuracy", "test_accuracy", "nan_step", "loss_bands", "log_gradient_norms",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """How many parameters, which depths, how many networks."""

    parameters: int = field(default=477, metadata={"help": "Weights and biases of every network."})
    depths: tuple[int, ...] = field(default=(1, 3, 9, 24), metadata={"help": "Hidden layers."})
    rates: tuple[float, ...] = field(
        default=(0.003, 0.01, 0.03, 0.1), metadata={"help": "Learning rates tried on the spirals."}
    )
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=150, metadata={"help": "Length of the training."})
    tasks: tuple[str, ...] = field(
        default=("spirals", "moons"), metadata={"help": "Tasks of ReLU."}
    )
    every_sigmoid: bool = field(
        default=False, metadata={"help": "Sigmoid at every depth, not at the ends alone."}
    )

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        from gradchain.experiments.shapes import parameters, width_for

        if not 50 <= self.parameters <= 5000:
            raise UsageError(f"parameters {self.parameters}: expected 50 to 5000")
        if len(self.depths) < 2 or list(self.depths) != sorted(set(self.depths)):
            raise UsageError(f"depths {self.depths}: expected at least two increasing numbers")
        if not all(1 <= depth <= 50 for depth in self.depths) or self.depths[0] != 1:
            raise UsageError(f"depths {self.depths}: expected 1, and others up to 50")
        counts = [parameters(d, width_for(d, self.parameters)) for d in self.depths]
        if max(counts) > (1 + AGREE) * min(counts):
            raise UsageError(
                f"depths {self.depths} have {counts} parameters, expected counts within "
                f"{100 * AGREE:g} %: choose other depths or another number"
            )
        if not self.rates or not all(0 < rate <= 10 for rate in self.rates):
            raise UsageError(f"rates {self.rates}: expected numbers above 0 to 10")
        if not 8 <= self.seeds <= 10_000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 10000")
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")
        if not set(self.tasks) <= set(TASKS) or not {"spirals", "moons"} <= set(self.tasks):
            raise UsageError(
                f"tasks {', '.join(self.tasks)}: expected spirals, moons and any of {', '.join(TASKS)}"
            )

    def shapes(self, activation: str) -> tuple[int, ...]:
        """The depths of an activation."""
        ends = activation == "sigmoid" and not self.every_sigmoid
        return (self.depths[0], self.depths[-1]) if ends else self.depths


SCALES = {
    "smoke": Config(depths=(1, 3), rates=(0.01,), seeds=32, epochs=50),
    "lecture": Config(),
    "paper": Config(
        depths=(1, 3, 5, 9, 24), rates=(0.001, 0.003, 0.01, 0.03, 0.1), seeds=256, epochs=1000,
        tasks=tuple(TASKS), every_sigmoid=True,
    ),
}  # fmt: skip


def _runs(config: Config, activation: str, depth: int) -> list[dict]:
    """List the settings of one shape; all share one program."""
    from gradchain.experiments.shapes import width_for

    base = {
        "activation": activation,
        "initializer": ACTIVATIONS[activation],
        "depth": depth,
        "units": width_for(depth, config.parameters),
        "slots": depth - 1 or -1,
        "epochs": config.epochs,
        "points": 500,
        "batch": 64,
    }
    found = []
    for task in config.tasks if activation == "relu" else ("moons",):
        for rate in config.rates if task == "spirals" else (RATE,):
            found.append(base | TASKS[task] | {"values": [["learning_rate", rate]]})
    return found


def _places(config: Config, activation: str) -> list[tuple[str, float]]:
    """List task and learning rate of each setting of a cell."""
    return [
        (task, rate)
        for task in (config.tasks if activation == "relu" else ("moons",))
        for rate in (config.rates if task == "spirals" else (RATE,))
    ]


def cells(config: Config) -> list[Cell]:
    """One cell an activation and shape."""
    return [
        Cell(
            f"{activation}_d{depth}",
            {"runs": _runs(config, activation, depth), "seeds": config.seeds},
        )
        for activation in ACTIVATIONS
        for depth in config.shapes(activation)
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one shape on every task."""
    from gradchain.experiments import grids, lab

    lab.use_all_cores()
    every = cell["runs"][0]["epochs"]
    return dict(grids.train(cell["runs"], cell["seeds"], cell.seed, NAMES, every))


class Found:
    """Arrays and records of a run."""

    def __init__(self, config: Config, results: Results) -> None:
        """Make every record."""
        from gradchain.experiments import depth_or_width as own

        self.config, self.results, self.numbers = config, results, []
        self.cells = {cell.name: cell for cell in results.cells}
        for activation, tasks in self.tasks.items():
            for task in tasks:
                for depth in config.shapes(activation):
                    whats = ["loss"]
                    if (activation, task) == ("relu", "spirals"):
                        whats += ["testaccuracy"]
                    if task == "moons":
                        whats += ["gradientstart", "gradientend"]
                    if task == "moons" and depth == config.depths[-1]:
                        whats += ["stuck"]
                    arrays, setting = self.best(activation, task, depth)
                    stem = f"depthorwidth.{activation}.{task}.depth{depth}"
                    self.numbers += own.numbers(stem, arrays, setting, results.seed, tuple(whats))
        self.known = {number.key for number in self.numbers}

    @property
    def tasks(self) -> dict[str, tuple[str, ...]]:
        """The tasks of each activation."""
        return {"relu": self.config.tasks, "sigmoid": ("moons",)}

    def one(self, activation: str, depth: int, place: int):
        """Return arrays and setting of one place of a cell."""
        from gradchain.experiments import grids
        from gradchain.experiments.lab import Setting

        name = f"{activation}_d{depth}"
        runs = self.cells[name]["runs"]
        return grids.one(self.results[name], place), Setting.from_json(runs[place])

    def best(self, activation: str, task: str, depth: int):
        """Return arrays and setting at the learning rate with the lowest median final loss."""
        import numpy as np

        places = [k for k, (t, _) in enumerate(_places(self.config, activation)) if t == task]
        found = [self.one(activation, depth, k) for k in places]
        return min(
            found, key=lambda pair: float(np.nan_to_num(np.median(pair[0]["final_loss"]), nan=1e9))
        )

    def shape(self, depth: int) -> tuple[int, int]:
        """Return units a layer and the number of parameters."""
        from gradchain.experiments.shapes import parameters, width_for

        units = width_for(depth, self.config.parameters)
        return units, parameters(depth, units)

    def losses(self, activation: str, task: str):
        """Return the logarithm of final losses, (seeds, depths), at each shape's best rate."""
        import numpy as np

        found = [
            self.best(activation, task, depth)[0]["final_loss"]
            for depth in self.config.shapes(activation)
        ]
        # Below 1e-7 a loss is as good as 0: the probability is clipped there.
        return np.log10(np.maximum(np.stack(found, axis=1), 1e-7))

    @property
    def silent(self) -> bool:
        """Whether a tenth of the deepest ReLU networks or more starts without any gradient."""
        import numpy as np

        logs = self.best("relu", "moons", self.config.depths[-1])[0]["log_gradient_norms"]
        return bool(np.mean(np.isneginf(logs[:, 0, 0])) >= 0.1)

    def winner(self, activation: str, task: str) -> int:
        """Return the depth with the lowest median loss."""
        import numpy as np

        return self.config.depths[int(np.argmin(np.median(self.losses(activation, task), axis=0)))]


def summarize(config: Config, results: Results) -> Summary:
    """Say where depth wins, and what it costs."""
    from gradchain.figures.depth_or_width import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, WORDS, ACTIVATIONS),
    )


def _key(activation: str, task: str, depth: int, what: str) -> str:
    return f"depthorwidth.{activation}.{task}.depth{depth}.{what}"


def _seen(found: Found) -> list[str]:
    config = found.config
    deep, shapes = config.depths[-1], []
    for depth in config.depths:
        units, count = found.shape(depth)
        shapes.append(f"{depth} x {units} units ({count} parameters)")
    best = found.winner("relu", "spirals")
    medians = [sorted(row)[len(row) // 2] for row in found.losses("relu", "spirals").T.tolist()]
    # Half a decade of the loss: less is no need.
    needed = medians[0] - min(medians) > 0.5
    said = [
        f"Compared are ReLU and sigmoid networks of {', '.join(shapes)}, all with Adam; on the spirals "
        "each at the best of the learning rates tried."
    ]
    if needed:
        said.append(
            f"Spirals of two and a half turns need depth: with one hidden layer the loss ends at "
            f"{{{_key('relu', 'spirals', 1, 'loss')}}} and "
            f"{{{_key('relu', 'spirals', 1, 'testaccuracy')}}} "
            f"of new points are right; with {best} hidden layers and as many parameters it is "
            f"{{{_key('relu', 'spirals', best, 'loss')}}} and "
            f"{{{_key('relu', 'spirals', best, 'testaccuracy')}}}."
        )
    else:
        said.append("Among the tasks tried none was found for which depth is needed.")
    said += [
        f"Two moons do not need it: one hidden layer of ReLU ends at the loss "
        f"{{{_key('relu', 'moons', 1, 'loss')}}}.",
        f"More depth at the same number of parameters is not better for ever: with {deep} hidden "
        f"layers the loss on the spirals is {{{_key('relu', 'spirals', deep, 'loss')}}}, on the moons "
        f"{{{_key('relu', 'moons', deep, 'loss')}}}; a share of "
        f"{{{_key('relu', 'moons', deep, 'stuck')}}} of these ReLU networks stays at log 2."
        + f" Layers of {found.shape(deep)[0]} units often have none that is on."
        * found.silent,
        "The first layer's gradient at the start falls with depth: for sigmoid networks on the moons "
        f"from {{{_key('sigmoid', 'moons', 1, 'gradientstart')}}} with one hidden layer to "
        f"{{{_key('sigmoid', 'moons', deep, 'gradientstart')}}} with {deep}, for ReLU from "
        f"{{{_key('relu', 'moons', 1, 'gradientstart')}}} to "
        f"{{{_key('relu', 'moons', deep, 'gradientstart')}}}. The deep sigmoid networks end at the "
        f"loss {{{_key('sigmoid', 'moons', deep, 'loss')}}}.",
    ]
    return said


def _tables(found: Found) -> list[Table]:
    import numpy as np

    config = found.config

    def cite(activation: str, task: str, depth: int, what: str) -> str:
        key = _key(activation, task, depth, what)
        return f"{{{key}}}" if key in found.known else ""

    pairs = [(a, t) for a, tasks in found.tasks.items() for t in tasks]
    rows, gradients = [], []
    for depth in config.depths:
        units, count = found.shape(depth)
        losses = [cite(*pair, depth, "loss") for pair in pairs]
        right = cite("relu", "spirals", depth, "testaccuracy")
        rows.append((depth, units, count, *losses, right))
        ends = ("gradientstart", "gradientend")
        cited = [cite(a, "moons", depth, what) for a in ACTIVATIONS for what in ends]
        gradients.append((depth, units, *cited))
    data = []
    for activation in ACTIVATIONS:
        for depth in config.shapes(activation):
            units, count = found.shape(depth)
            for k, (task, rate) in enumerate(_places(config, activation)):
                arrays, _ = found.one(activation, depth, k)
                logs = np.median(arrays["log_gradient_norms"][:, :, 0], axis=0) / np.log(10.0)
                values = [
                    *np.quantile(arrays["final_loss"], (0.25, 0.5, 0.75)),
                    np.median(arrays["test_accuracy"]), logs[0], logs[-1],
                ]  # fmt: skip
                kept = [float(v) if np.isfinite(v) else None for v in values]
                data.append((activation, WORDS[task], depth, units, count, rate, *kept))
    return [
        Table(
            "losses",
            "Final loss (median) of networks with equally many parameters, each at its best learning "
            "rate",
            (
                "hidden layers", "units", "parameters", *(f"{a}, {WORDS[t]}" for a, t in pairs),
                "spirals of 2.5 turns: share of new points right",
            ),
            rows,
        ),
        Table(
            "gradients",
            "Gradient norm at the first kernel, two moons (medians)",
            (
                "hidden layers", "units",
                *(f"{a}, {when}" for a in ACTIVATIONS for when in ("at the start", "after training")),
            ),
            gradients,
        ),
        Table(
            "runs",
            "Every setting: quartiles of the final loss, median accuracy on new points, log10 of the "
            "first gradient",
            (
                "activation", "task", "hidden layers", "units", "parameters", "learning rate",
                "loss 25 %", "loss 50 %", "loss 75 %", "test accuracy", "gradient at the start",
                "gradient at the end",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


STUDY = Study(
    name="depth_or_width",
    title="Depth or width",
    question="With the same number of parameters, when is deep and narrow better than shallow and wide?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=170,
)

if __name__ == "__main__":
    main(STUDY)
