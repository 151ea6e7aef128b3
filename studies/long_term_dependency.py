"""Over which distance does a recurrent network learn to remember, and did its first gradient tell?

Seven cells trained alike to recall the first token of a sequence, at several distances, and some of them
on the adding problem, copy memory and a sentence: the share of runs that learn, the distance at which
half of them fail, and what the gradient at the clue was before training.

    python studies/long_term_dependency.py [--scale smoke|lecture|paper] [--steps 600] [--seeds 16]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ALL = ("tanh", "orthogonal", "irnn", "update0", "forget0", "forget1", "forget5")
OTHERS = ("adding", "copy_memory", "sentence")


@dataclass(frozen=True)
class Config:
    """Which cells, which distances, how long, how many runs."""

    kinds: tuple[str, ...] = field(default=ALL, metadata={"help": "Cells."})
    distances: tuple[int, ...] = field(
        default=(10, 20, 40, 80), metadata={"help": "Distances of the first token, increasing."}
    )
    shown: int = field(default=20, metadata={"help": "The distance at which cells are compared."})
    other_kinds: tuple[str, ...] = field(
        default=("tanh", "forget1", "forget5"), metadata={"help": "Cells on the other tasks."}
    )
    other_distances: tuple[int, ...] = field(
        default=(20,), metadata={"help": "Distances of the other tasks."}
    )
    units: int = field(default=16, metadata={"help": "Units of a cell."})
    batch: int = field(default=32, metadata={"help": "Sequences a step."})
    steps: int = field(default=600, metadata={"help": "Optimizer steps."})
    rate: float = field(default=0.01, metadata={"help": "Learning rate of Adam, for all cells."})
    way: float = field(
        default=0.5, metadata={"help": "Share of the way from chance to 1 that is success."}
    )
    seeds: int = field(default=16, metadata={"help": "Runs of each cell at each distance."})

    def __post_init__(self) -> None:
        """Refuse what cannot be ranked, or takes days."""
        for name, least in (("kinds", 1), ("other_kinds", 0)):
            own = getattr(self, name)
            if len(own) < least or not set(own) <= set(ALL) or len(set(own)) != len(own):
                raise UsageError(f"{name} {own}: expected different ones of {', '.join(ALL)}")
        if not set(self.other_kinds) <= set(self.kinds):
            raise UsageError(f"other_kinds {self.other_kinds}: expected some of kinds {self.kinds}")
        for name, least, top in (("distances", 2, 2000), ("other_distances", 1, 200)):
            own = getattr(self, name)
            if not least <= len(own) <= 20 or list(own) != sorted(set(own)):
                raise UsageError(f"{name} {own}: expected {least} to 20 increasing numbers")
            if own[0] < (4 if name == "other_distances" else 1) or own[-1] > top:
                raise UsageError(
                    f"{name} {own}: expected distances up to {top}, of other tasks from 4"
                )
        if self.shown not in self.distances:
            raise UsageError(f"shown {self.shown}: expected one of the distances {self.distances}")
        sizes = (
            ("units", 2, 256), ("batch", 1, 1024), ("steps", 1, 100_000), ("seeds", 8, 1024),
        )  # fmt: skip
        for name, low, high in sizes:
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        if not 0 < self.rate <= 1 or not 0 < self.way < 1:
            raise UsageError(
                f"rate {self.rate} and way {self.way}: expected a rate above 0, to 1, and a way "
                f"between "
                "0 and 1"
            )


SCALES = {
    "smoke": Config(
        kinds=("tanh", "orthogonal"), distances=(2, 6), shown=6, other_kinds=("tanh",),
        other_distances=(4,), units=8, batch=16, steps=60, seeds=8,
    ),
    "lecture": Config(),
    "paper": Config(
        distances=(5, 10, 20, 40, 80, 160), other_kinds=ALL, other_distances=(20, 60), units=32,
        batch=64, steps=2000, seeds=64,
    ),
}  # fmt: skip


def cells(config: Config) -> list[Cell]:
    """One cell a training, in the order of compiled programs; one a start."""
    size = {"units": config.units, "batch": config.batch, "seeds": config.seeds}
    found = [
        Cell(f"start_{kind}", {"kind": kind, "distance": config.distances[-1]} | size)
        for kind in config.kinds
    ]
    runs = [("first_token", d, config.kinds) for d in config.distances]
    runs += [(task, d, config.other_kinds) for task in OTHERS for d in config.other_distances]
    settings = size | {"steps": config.steps, "rate": config.rate}
    for task, distance, kinds in runs:
        for kind in kinds:
            own = {"kind": kind, "task": task, "distance": distance}
            found.append(Cell(f"{task}_{distance}_{kind}", own | settings))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one cell at one distance, or look at their first gradients."""
    from gradchain.experiments import lab
    from gradchain.experiments import long_term_dependency as study

    lab.use_all_cores()
    if cell.name.startswith("start_"):
        size = cell["units"], cell["batch"], cell["seeds"], cell.seed
        return {"log10": study.start(cell["kind"], cell["distance"], *size)}
    plan = study.Plan(cell["units"], cell["batch"], cell["steps"], cell["rate"])
    return dict(
        study.train(cell["kind"], cell["task"], cell["distance"], plan, cell["seeds"], cell.seed)
    )


class Found:
    """Shares, intervals, records and words of a run."""

    def __init__(self, config: Config, results: Results) -> None:
        """Make every record."""
        from gradchain.experiments import long_term_dependency as study
        from gradchain.experiments.long_term_dependency_half import half_distance
        from gradchain.experiments.long_term_dependency_records import Records

        self.config, self.results = config, results
        self.kinds, self.others = config.kinds, config.other_kinds
        plan = study.Plan(config.units, config.batch, config.steps, config.rate)
        self.records = Records(plan, config.way, config.seeds, results.seed)
        longest = config.distances[-1]
        self.chance = study.task_of("first_token", longest).chance
        self.left = {kind: results[f"start_{kind}"]["log10"] for kind in self.kinds}
        self.laws = {
            kind: study.predicted_start(kind, longest, config.units) for kind in self.kinds
        }
        self.good = {kind: self._good(kind) for kind in self.kinds}
        self.shares = {kind: [_share(good) for good in self.good[kind]] for kind in self.kinds}
        self.task_shares = {
            (task, d): {kind: _share(self.succeeded(kind, task, d)) for kind in self.others}
            for task, d in self.compared
        }
        self.halves = {
            kind: half_distance(
                config.distances, self.good[kind].sum(axis=1).tolist(), config.seeds
            )
            for kind in self.kinds
        }
        self.numbers = self._numbers()
        self.known = {number.key for number in self.numbers}

    @property
    def compared(self) -> list[tuple[str, int]]:
        """The tasks and distances at which the cells of `other_kinds` are compared."""
        found = [(task, d) for d in self.config.other_distances for task in OTHERS]
        return [
            ("first_token", d) for d in self.config.other_distances if d in self.config.distances
        ] + (found if self.others else [])

    def accuracy(self, kind: str, distance: int, task: str = "first_token"):
        """Return the final accuracy of each run."""
        return self.results[f"{task}_{distance}_{kind}"]["accuracy"]

    def succeeded(self, kind: str, task: str, distance: int):
        """Return which runs learned."""
        from gradchain.experiments.long_term_dependency_numbers import succeeded

        return succeeded(self.accuracy(kind, distance, task), task, distance, self.config.way)

    def _good(self, kind: str):
        import numpy as np

        return np.stack([
            self.succeeded(kind, "first_token", distance) for distance in self.config.distances
        ])

    def _numbers(self) -> list:
        import numpy as np

        config, made = self.config, []
        for kind in self.kinds:
            good = self.good[kind][config.distances.index(config.shown)]
            made.append(self.records.success(kind, "first_token", config.shown, good))
            made.append(self.records.start(kind, config.shown, self.left[kind]))
            if self.halves[kind].closed:
                made.append(self.records.half(kind, config.distances, self.halves[kind]))
            for task, d in self.compared if kind in self.others else []:
                if (task, d) != ("first_token", config.shown):
                    made.append(self.records.success(kind, task, d, self.succeeded(kind, task, d)))
        x = np.stack([self.left[kind][:, list(config.distances)].T for kind in self.kinds])
        y = np.stack([self.good[kind] for kind in self.kinds])
        return made + self.records.ranks(self.kinds, config.distances, x, y)

    def share_key(self, kind: str, task: str, distance: int) -> str:
        """Return the placeholder of a share."""
        from gradchain.experiments.long_term_dependency_records import success_key

        return f"{{{success_key(kind, task, distance)}}}"

    def half_text(self, kind: str) -> str:
        """Return the half-failure distance, or on which side of the tested distances it lies."""
        half = self.halves[kind]
        if half.closed:
            from gradchain.experiments.long_term_dependency_records import stem

            return f"{{{stem(kind)}.half}}"
        sides = [f"above {half.low:g}"] if half.low else []
        sides += [f"below {half.high:g}"] if half.high else []
        return " and ".join(sides) or "not told by these runs"

    def interval_text(self, kind: str) -> str:
        """Return the ends of the interval, as far as the runs tell them."""
        half = self.halves[kind]
        low, high = (f"{end:g}" if end else None for end in (half.low, half.high))
        if low and high:
            return f"{low} to {high}"
        return f"above {low}" if low else f"below {high}" if high else "open"


def _share(good) -> tuple[float, float, float]:
    """Return the ends of Wilson's interval with the share between them."""
    from gradchain.experiments.statistics import wilson

    hits = int(good.sum())
    low, high = wilson(hits, len(good))
    return low, hits / len(good), high


def summarize(config: Config, results: Results) -> Summary:
    """Say who learns to remember over which distance."""
    from gradchain.figures.long_term_dependency import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers, tables=_tables(found), seen=_seen(found), figures=pictures(found)
    )


def _seen(found: Found) -> list[str]:
    from gradchain.figures.long_term_dependency import LABELS, TASK_LABELS

    config = found.config
    way = f"{100 * config.way:.0f} %"
    shares = "; ".join(
        f"{LABELS[kind]} {found.share_key(kind, 'first_token', config.shown)}"
        for kind in found.kinds
    )
    halves = "; ".join(f"{LABELS[kind]} {found.half_text(kind)}" for kind in found.kinds)
    said = [
        f"{config.seeds} runs of each cell learn to name the first token of a sequence after other "
        f"tokens; "
        f"a run counts if its accuracy ends more than {way} of the way from chance to 1. At a "
        f"distance of "
        f"{config.shown} steps the share of runs that learn is: {shares}.",
        f"Half of the runs fail at a distance of: {halves}. Intervals come from exact binomial "
        f"tests at the "
        "distances tested, so they are as coarse as those.",
        f"All cells were trained for {config.steps} steps at one learning rate. A rate tuned for "
        f"each, or "
        "longer training, could move every border; the order of the cells is that of short training.",
    ]
    ranks = {
        "settings": "over all cells and distances the rank correlation with the share of runs that "
        "learn "
        "is {}",
        "distance": "over cells at the same distance it is {}",
        "seeds": "of two runs of the same cell at the same distance, one that learned and one that "
        "did not, "
        "the first had the larger gradient in {} of the cases (1/2: no better than a coin)",
    }
    told = [
        words.format(f"{{rnn.recall.start.{name}}}") for name, words in ranks.items()
        if f"rnn.recall.start.{name}" in found.known
    ]  # fmt: skip
    if told:
        said.append(f"The gradient at the clue before training: {'; '.join(told)}.")
    for task, d in found.compared:
        if task == "first_token":
            continue
        own = "; ".join(f"{LABELS[kind]} {found.share_key(kind, task, d)}" for kind in found.others)
        said.append(
            f"{TASK_LABELS[task].capitalize()} at {d} steps, share of runs that learn: {own}."
        )
    return said


def _tables(found: Found) -> list[Table]:
    from gradchain.experiments.long_term_dependency_records import stem
    from gradchain.figures.long_term_dependency import LABELS, TASK_LABELS

    config = found.config
    rows = [
        (
            LABELS[kind],
            f"{{{stem(kind)}.start{config.shown}}}",
            found.share_key(kind, "first_token", config.shown),
            found.half_text(kind),
            found.interval_text(kind),
        )
        for kind in found.kinds
    ]
    tables = [
        Table(
            "half",
            "Before and after training: the gradient and the runs that learn, by cell",
            (
                "cell", f"gradient left {config.shown} steps back, before training",
                f"runs that learn at {config.shown} steps", "half of the runs fail at",
                "95 % interval",
            ),
            rows,
        ),
        _all_runs(found),
        _starts(found),
    ]  # fmt: skip
    if found.others:
        tasks = [
            (TASK_LABELS[task], d, *(found.share_key(kind, task, d) for kind in found.others))
            for task, d in found.compared
        ]
        heads = ("task", "distance", *(LABELS[kind] for kind in found.others))
        tables.append(Table("tasks", "Runs that learn, by task", heads, tasks))
    return tables


def _all_runs(found: Found) -> Table:
    import numpy as np

    rows = []
    runs = [("first_token", d, kind) for d in found.config.distances for kind in found.kinds]
    runs += [
        (task, d, k) for task, d in found.compared if task != "first_token" for k in found.others
    ]
    for task, d, kind in runs:
        own = found.results[f"{task}_{d}_{kind}"]
        low, share, high = _share(found.succeeded(kind, task, d))
        middle = [float(v) for v in np.quantile(own["accuracy"], (0.05, 0.5, 0.95))]
        lost = int(np.count_nonzero(own["nan_step"] >= 0))
        rows.append((task, d, kind, share, low, high, *middle, lost))
    heads = (
        "task", "distance", "cell", "learn", "learn low", "learn high", "accuracy 5 %",
        "accuracy median", "accuracy 95 %", "runs that diverged",
    )  # fmt: skip
    return Table("runs", "Runs that learn, with Wilson's 95 % intervals", heads, rows, show=False)


def _starts(found: Found) -> Table:
    """The gradient by distance: measured, predicted, and their difference in standard errors."""
    import numpy as np

    from gradchain.experiments.statistics import mean_and_error

    rows = []
    for kind in found.kinds:
        for d in range(1, found.config.distances[-1] + 1):
            own, law = found.left[kind][:, d], found.laws[kind]
            mean, error = mean_and_error(own.tolist())
            law = None if law is None else float(law[d])
            z = None if law is None or error == 0 else (mean - law) / error
            rows.append((kind, d, float(np.median(own)), mean, error, law, z))
    heads = (
        "cell", "steps back", "log10 median", "log10 mean", "standard error", "log10 predicted", "z",
    )  # fmt: skip
    title = "What is left of the gradient before training; prediction: infinite width"
    return Table("start", title, heads, rows, show=False)


STUDY = Study(
    name="long_term_dependency",
    title="Long-term dependency",
    question="Over which distance does a recurrent network learn to remember, and did its first "
    "gradient "
    "tell?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=430,
)

if __name__ == "__main__":
    main(STUDY)
