"""What does each remedy of a vanishing gradient bring, what does it cost, and which ones interact?

Every fix on the deep sigmoid network of the lecture notes (Keras' defaults), fixes of the weights, of
normalization and of the wiring on ReLU networks too: gradient ratio, final loss, arithmetic a step.

    python studies/remedies.py [--scale smoke|lecture|paper] [--depths 10 20 50] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.experiments import remedies
from gradchain.experiments.remedies import FIXES, REMEDIES
from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

STEMS = tuple(dict.fromkeys(remedy.slug.partition(".")[0] for remedy in REMEDIES))
MEASURED = {"ratio": "start", "ratioend": "end", "loss": "loss"}
# Decimal logarithm of a loss that counts as hardly better than guessing (log 2), or as learned.
STUCK, LEARNED = -0.2, -1.0


@dataclass(frozen=True)
class Config:
    """How deep, how many networks, which remedies."""

    depths: tuple[int, ...] = field(default=(10, 20, 50), metadata={"help": "Hidden layers."})
    seeds: int = field(default=32, metadata={"help": "Networks a remedy and depth."})
    epochs: int = field(default=100, metadata={"help": "Length of the training."})
    include: tuple[str, ...] = field(default=STEMS, metadata={"help": "Remedies to compare."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not self.depths or not all(4 <= depth <= 100 for depth in self.depths):
            raise UsageError(f"depths {self.depths}: expected whole numbers from 4 to 100")
        if list(self.depths) != sorted(set(self.depths)) or len(self.depths) > 6:
            raise UsageError(f"depths {self.depths}: expected up to 6 increasing numbers")
        if not 8 <= self.seeds <= 10_000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 10000")
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")
        unknown = sorted(set(self.include) - set(STEMS))
        if unknown or not {"baseline", "relu"} <= set(self.include):
            raise UsageError(
                f"include {', '.join(self.include)}: expected baseline, relu and any of "
                f"{', '.join(STEMS)}"
            )

    @property
    def middle(self) -> int:
        """The depth of the summary."""
        return self.depths[len(self.depths) // 2]

    @property
    def rows(self) -> list[remedies.Remedy]:
        """The remedies that are compared."""
        return [r for r in REMEDIES if r.slug.partition(".")[0] in self.include]

    @property
    def fixes(self) -> list[str]:
        """The fixes that are tried on sigmoid and on ReLU."""
        return [fix for fix in FIXES if fix in self.include]


_SMOKE = ("baseline", "fewerlayers", "relu", "he", "orthogonal")
SCALES = {
    "smoke": Config(depths=(6, 12), seeds=32, epochs=10, include=_SMOKE),
    "lecture": Config(),
    "paper": Config(depths=(5, 10, 20, 35, 50), seeds=512),
}


def cells(config: Config) -> list[Cell]:
    """One cell a remedy and depth; those of one compiled program follow each other."""
    found = []
    for remedy in config.rows:
        for depth in config.depths if "depth" not in remedy.changes else config.depths[:1]:
            setting = remedy.setting(depth, config.epochs, config.depths[-1] - 1)
            size = {"setting": setting, "seeds": config.seeds}
            found.append(Cell(remedies.cell_name(remedy.slug, setting["depth"]), size))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one remedy and depth."""
    from gradchain.experiments import lab, lab_numbers
    from gradchain.experiments.setting import Setting

    lab.use_all_cores()
    outcome = lab.run(Setting.from_json(cell["setting"]), cell["seeds"], cell.seed)
    return dict(lab_numbers.kept(outcome))


def summarize(config: Config, results: Results) -> Summary:
    """Say what each remedy brings, what it costs, and which pairs interact."""
    from gradchain.experiments.remedies_found import Found

    named = {cell.name: (cell["setting"], results[cell.name]) for cell in results.cells}
    found = Found(config.rows, config.depths, named, results.seed)
    figures = [_summary(config, found)]
    figures += [_depths(config, found)] * (len(config.depths) > 1)
    figures += [_square(config, found)] * ("he" in config.fixes)
    figures += [_interactions(config, found)] * bool(config.fixes)
    return Summary(
        numbers=found.numbers,
        tables=_tables(config, found),
        seen=_seen(config, found),
        figures=figures,
    )


def _seen(config: Config, found) -> list[str]:
    mid = found.mid
    base = remedies.BASELINE
    said = [
        f"Without a remedy a sigmoid network of {mid} hidden layers ends at the loss "
        f"{found.cite(base, mid, 'loss')}; its first layer starts with "
        f"{found.cite(base, mid, 'ratio')} of the gradient of its last layer."
    ]
    losses = {r.slug: found.middle(r.slug, mid, "loss")[1] for r in config.rows[1:]}
    rows = sorted(config.rows[1:], key=lambda r: losses[r.slug])
    best = [f"{_full(r)} {found.cite(r, mid, 'loss')}" for r in rows[:3]]
    said.append(f"The lowest median losses at {mid} layers: {', '.join(best)}.")
    stuck = [r for r in rows if losses[r.slug] > STUCK]
    if stuck:
        names = ", ".join(f"{_full(r)} ({found.cite(r, mid, 'ratio')})" for r in stuck)
        said.append(
            f"Hardly better than guessing, or worse, at {mid} layers are {names}; in brackets the "
            "gradient ratio at the start."
        )
        near = [r for r in stuck if abs(found.middle(r.slug, mid, "start")[1]) < 1]
        if near:
            said.append(
                "A gradient ratio near 1 is not enough: "
                + ", ".join(f"{_full(r)} {found.cite(r, mid, 'ratio')}" for r in near)
                + " and the loss is that of guessing, or worse, all the same."
            )
    deep = config.depths[-1]
    ends = {
        r.slug: found.middle(r.slug, deep, "loss")[1]
        for r in config.rows
        if "depth" not in r.changes
    }
    alive = [_full(r) for r in config.rows if ends.get(r.slug, 0.0) < LEARNED]
    said.append(
        f"At {deep} layers "
        + (f"these still learn the task: {', '.join(alive)}." if alive else "none learns the task.")
    )
    if "he" in config.fixes:
        stem = f"remedies.reluhe.depth{mid}"
        said.append(
            f"ReLU and He together, {mid} layers: ReLU changes the final loss by "
            f"{{{stem}.loss.relu}} decades, He by {{{stem}.loss.fix}}; He's effect in ReLU networks "
            f"less that in sigmoid networks is {{{stem}.loss.interaction}} decades. The "
            "gradient ratio at the start changes by "
            f"{{{stem}.start.relu}}, {{{stem}.start.fix}} and {{{stem}.start.interaction}}."
        )
    costs = [r for r in config.rows if r.slug in ("fewerlayers", "relu", "batchbefore.sigmoid")]
    words = ", ".join(f"{_full(r)} {found.cite(r, mid, 'cost')}" for r in costs)
    return [*said, f"Arithmetic of a training step, relative to the baseline: {words}."]


def _full(remedy: remedies.Remedy) -> str:
    label = _plain(remedy)
    tried = (
        "" if remedy.slug in ("baseline", "fewerlayers") or _named(remedy) else remedy.activation
    )
    return f"{label} on {tried.replace('relu', 'ReLU')}" if tried else label


def _plain(remedy: remedies.Remedy) -> str:
    return "small random weights" if remedy.fix == "small" else remedy.label


def _named(remedy: remedies.Remedy) -> bool:
    return remedy.group == "activation"


def _tables(config: Config, found) -> list[Table]:
    mid = found.mid
    tables = []
    for depth in config.depths:
        rows = []
        for remedy in config.rows:
            if found.second(remedy) and depth != mid:
                continue
            cost = "1" if remedy.slug == "baseline" else found.cite(remedy, mid, "cost")
            values = [found.cite(remedy, depth, what) for what in MEASURED]
            rows.append((_plain(remedy), remedy.activation, *values, cost))
        tables.append(
            Table(
                f"depth{depth}",
                f"Every remedy at {depth} hidden layers (medians with 95 % intervals; cost counted at "
                f"{mid} layers)",
                ("remedy", "units", "start ratio", "ratio after", "final loss", "cost a step"),
                rows,
            )
        )
    if "he" in config.fixes:
        rows = [
            (
                depth,
                label,
                *(f"{{remedies.reluhe.depth{depth}.{w}.{which}}}" for w in ("loss", "start")),
            )
            for depth in config.depths
            for label, which in (("ReLU", "relu"), ("He", "fix"), ("interaction", "interaction"))
        ]
        tables.append(
            Table(
                "relu_he",
                "ReLU x He as a 2 x 2 design: effects in decades with 95 % intervals",
                (
                    "hidden layers",
                    "effect",
                    "on the final loss",
                    "on the gradient ratio at the start",
                ),
                rows,
            )
        )
    return [*tables, *_data(config, found)]


def _data(config: Config, found) -> list[Table]:
    ends = [f"{what} {end}" for what in MEASURED for end in ("low", "median", "high")]
    return [
        Table(
            "all",
            "Every remedy, kind of unit and depth: log10 of medians and of their 95 % intervals",
            ("remedy", "units", "depth", *ends, "diverged", "operations a step"),
            found.data(),
            show=False,
        ),
        Table(
            "effects",
            "ReLU x every fix: effects in decades, halves of 95 % intervals, seeds, effects in "
            "standard deviations of a network",
            ("fix", "depth", "measure", "effect", "decades", "half", "seeds", "standardized"),
            [
                (*place, which, effect.mean, effect.half, effect.seeds, effect.standardized)
                for place, both in found.effects.items()
                for which, effect in both.items()
            ],
            show=False,
        ),
    ]


def _source(config: Config, depth: str) -> str:
    return f"{config.seeds} networks a point, {depth} hidden layers, {config.epochs} epochs on two moons"


def _summary(config: Config, found):
    import math

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.remedies import Point, draw_summary

    mid = found.mid
    labels: list[str] = []
    points = []
    for remedy in config.rows:
        labels += [remedy.label] * (remedy.label not in labels)
        variant = {"sigmoid": 0, "relu": 1}.get(remedy.activation, 2)
        ends = [found.middle(remedy.slug, mid, what) for what in ("start", "end", "loss")]
        points.append(Point(labels.index(remedy.label), variant, *ends))
    labels = [
        f"{label} (tanh)" if label == "Glorot" else label.replace("weights", "(also tanh)")
        for label in labels
    ]
    stuck = math.log10(math.log(2.0))
    base = remedies.BASELINE
    return Picture(
        "summary",
        f"Every remedy at {mid} hidden layers",
        lambda: draw_summary(labels, points, stuck),
        alt=alt_text(
            "Dot plot, two panels,",
            "every remedy by the ratio of the first layer's gradient to the last layer's at the "
            "start, and by its final training loss",
            f"{_source(config, str(mid))}; medians with 95 % intervals",
            f"The baseline has the ratio {found.cite(base, mid, 'ratio')} and ends at "
            f"{found.cite(base, mid, 'loss')}. Most remedies bring the ratio near 1; their losses "
            "differ all the same.",
        ),
        caption="Medians with 95 % intervals. A fix of the gradient (left, near the line) is needed to "
        "learn; how well the network learns (right, further left is better) is another question.",
    )


def _depths(config: Config, found):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.remedies import draw_depths

    labels = list(dict.fromkeys(_plain(remedy) for remedy in config.rows))
    panels = {
        name: np.full((len(labels), len(config.depths)), np.nan)
        for name in ("sigmoid, or as named", "with ReLU", "with tanh")
    }
    names = {"relu": "with ReLU", "tanh": "with tanh"}
    for remedy in config.rows:
        own = remedy.activation if remedy.fix else ""
        logs = [found.middle(remedy.slug, depth, "loss")[1] for depth in config.depths]
        panels[names.get(own, "sigmoid, or as named")][labels.index(_plain(remedy))] = logs
    panels = {name: logs for name, logs in panels.items() if not np.isnan(logs).all()}
    return Picture(
        "by_depth",
        "What is left of each remedy in deeper networks",
        lambda: draw_depths(labels, config.depths, panels),
        alt=alt_text(
            "Table of shades",
            "the median final training loss of every remedy against the number of hidden layers",
            _source(config, ", ".join(map(str, config.depths))),
            "The sigmoid baseline stays at the loss of guessing, "
            f"{found.cite(remedies.BASELINE, config.depths[-1], 'loss')} at {config.depths[-1]} layers.",
        ),
        caption="Median final losses: the darker, the better learned. Guessing gives log 2.",
    )


def _square(config: Config, found):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.remedies import draw_square

    mid = found.mid
    both = {
        name: found.means("he", mid, what)
        for name, what in (("final loss", "loss"), ("gradient ratio at the start", "start"))
    }
    panels, ends = ({name: pair[k] for name, pair in both.items()} for k in range(2))
    stem = f"remedies.reluhe.depth{mid}"
    return Picture(
        "relu_he",
        "ReLU and He: do they need each other?",
        lambda: draw_square(panels, ends),
        alt=alt_text(
            "Interaction plot, two panels,",
            "final loss and gradient ratio of sigmoid and ReLU networks with Glorot and with He weights",
            f"{_source(config, str(mid))}; geometric means with 95 % intervals",
            f"On the loss ReLU has the effect {{{stem}.loss.relu}} decades, He {{{stem}.loss.fix}}, and "
            f"their interaction is {{{stem}.loss.interaction}}.",
        ),
        caption="Parallel lines: the two act independently of each other. Where they are not parallel, "
        "He helps one kind of unit more than the other.",
    )


def _interactions(config: Config, found):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.remedies import draw_interactions

    mid = found.mid
    rows = [found.brought(fix, mid, "loss") for fix in config.fixes]
    cited = ", ".join(
        f"{FIXES[fix][0]} {{remedies.relu{fix}.depth{mid}.loss.interaction}}"
        for fix in config.fixes
    )
    return Picture(
        "pairs",
        "What each fix adds to sigmoid and to ReLU networks",
        lambda: draw_interactions([FIXES[fix][0] for fix in config.fixes], rows),
        alt=alt_text(
            "Dot plot",
            "the change of the final loss that each fix brings to sigmoid and to ReLU networks, in "
            "decades",
            f"{_source(config, str(mid))}; means within seeds with 95 % intervals",
            f"Interactions with ReLU, in decades: {cited}.",
        ),
        caption="Two dots at one place would mean that fix and ReLU do not interact.",
    )


STUDY = Study(
    name="remedies",
    title="Remedies",
    question="What does each remedy of a vanishing gradient bring, and what does it cost?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=120,
)

if __name__ == "__main__":
    main(STUDY)
