"""When does a loss become NaN, and what does clipping the gradient save and bend?

ReLU networks by weight scale and learning rate under SGD and Adam; clipping by value, by norm and by
global norm: the share of networks it saves, and what it does to the direction of the gradient.

    python studies/exploding.py [--scale smoke|lecture|paper] [--depth 10] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

CLIPS = ("value", "norm", "global")
ARMS = ("sgd", "adam", "kerasbce")
LABELS = {
    "sgd": "SGD",
    "adam": "Adam",
    "kerasbce": "cross-entropy",
    "value": "clip by value",
    "norm": "clip by norm",
    "global": "clip global norm",
}
RELATIVE = tuple(10 ** (k / 4) for k in range(-16, 2))


@dataclass(frozen=True)
class Config:
    """Which weight scales and learning rates, how deep, how many networks."""

    scales: tuple[float, ...] = field(
        default=(1.0, 1.5, 2.0, 3.0), metadata={"help": "Factors of the He weights."}
    )
    rates: tuple[float, ...] = field(
        default=(0.001, 0.01, 0.1, 1.0), metadata={"help": "Learning rates."}
    )
    depth: int = field(default=10, metadata={"help": "Hidden layers."})
    limit: float = field(default=1.0, metadata={"help": "Limit of all three kinds of clipping."})
    # The best constant answer has the squared error 1/4.
    learned: float = field(default=0.15, metadata={"help": "Loss below which a network learned."})
    seeds: int = field(default=64, metadata={"help": "Networks a setting."})
    epochs: int = field(default=20, metadata={"help": "Length of the training."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, values, top in (("scales", self.scales, 1e6), ("rates", self.rates, 1e6)):
            if len(values) < 2 or list(values) != sorted(set(values)) or len(values) > 20:
                raise UsageError(f"{name} {values}: expected 2 to 20 increasing numbers")
            if not all(0 < value <= top for value in values):
                raise UsageError(f"{name} {values}: expected numbers above 0, to {top:g}")
        if not {1.0, 2.0} <= set(self.scales) or 0.01 not in self.rates:
            raise UsageError("expected the scales 1 and 2 and the rate 0.01 among the others")
        if not 2 <= self.depth <= 50:
            raise UsageError(f"depth {self.depth}: expected 2 to 50")
        if not 0 < self.limit < 1e6:
            raise UsageError(f"limit {self.limit}: expected a positive number")
        if not 0 < self.learned < 0.25:
            raise UsageError(f"learned {self.learned}: expected a loss above 0, below 1/4")
        if not 8 <= self.seeds <= 10_000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 10000")
        if not 10 <= self.epochs <= 10_000 or self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10, 10 to 10000")


SCALES = {
    "smoke": Config(scales=(1.0, 2.0), rates=(0.01, 1.0), depth=6, seeds=32, epochs=10),
    "lecture": Config(),
    "paper": Config(
        scales=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 100.0, 1000.0),
        rates=(1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0),
        seeds=256,
        epochs=100,
    ),
}


def _base(config: Config) -> dict:
    return {
        "activation": "relu", "initializer": "he_normal", "head": "linear_mse", "optimizer": "sgd",
        "depth": config.depth, "slots": config.depth - 1, "epochs": config.epochs,
    }  # fmt: skip


def _arms(config: Config) -> dict[str, dict]:
    return {
        "sgd": {},
        "adam": {"optimizer": "keras_adam"},
        "kerasbce": {"head": "keras_bce"},
    } | {clip: {"clip": clip, "limit": config.limit} for clip in CLIPS}


def _grid(config: Config) -> list[tuple[float, float]]:
    return [(scale, rate) for scale in config.scales for rate in config.rates]


def cells(config: Config) -> list[Cell]:
    """One cell an arm of the grid, one for the direction."""
    found = []
    for name, changes in _arms(config).items():
        runs = [
            _base(config) | changes | {"scale": scale, "values": [["learning_rate", rate]]}
            for scale, rate in _grid(config)
        ]
        found.append(Cell(name, {"runs": runs, "seeds": config.seeds}))
    for scale in _scales(config):
        setting = _base(config) | {"scale": scale}
        size = {"limit": config.limit, "seeds": config.seeds}
        found.append(Cell(f"direction_{scale:g}", {"setting": setting} | size))
    return found


def _scales(config: Config) -> list[float]:
    return [scale for scale in (1.0, 2.0) if scale in config.scales]


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one arm, or clip gradients at the start."""
    import numpy as np

    from gradchain.experiments import exploding, grids, lab

    lab.use_all_cores()
    if cell.name.startswith("direction"):
        setting = lab.Setting.from_json(cell["setting"])
        size = cell["seeds"], cell.seed, cell["limit"]
        return exploding.direction(setting, *size, np.array(RELATIVE))
    every = cell["runs"][0]["epochs"]
    return dict(grids.train(cell["runs"], cell["seeds"], cell.seed, every=every))


class Found:
    """Arrays and records of a run."""

    def __init__(self, config: Config, results: Results) -> None:
        """Make every record."""
        from gradchain.experiments import exploding_records as own
        from gradchain.experiments.lab import Setting

        self.config, self.results, self.numbers = config, results, []
        self.cells = {cell.name: cell for cell in results.cells}
        self.grid = _grid(config)
        for arm in ARMS:
            for point in self.row + self.column if arm == "sgd" else self.shown:
                place = self.grid.index(point)
                self.numbers += own.grid_numbers(arm, *self.one(arm, place), results.seed)
        for clip in CLIPS:
            for point in (self.shown[1], self.shown[-1]):
                place = self.grid.index(point)
                bare, setting = self.one("sgd", place)
                ended, _ = self.one(clip, place)
                self.numbers += own.saved_numbers(
                    clip, config.limit, config.learned, bare, ended, setting, results.seed
                )
        for scale in _scales(config):
            cell = self.cells[f"direction_{scale:g}"]
            setting = Setting.from_json(cell["setting"])
            self.numbers += own.cosine_numbers(
                results[cell.name], config.limit, setting, results.seed
            )
        self.known = {number.key for number in self.numbers}

    @property
    def row(self) -> list[tuple[float, float]]:
        """All weight scales, at the learning rate 0.01."""
        return [(scale, 0.01) for scale in self.config.scales]

    @property
    def column(self) -> list[tuple[float, float]]:
        """All other learning rates, at He weights."""
        return [(1.0, rate) for rate in self.config.rates if rate not in (0.01,)]

    @property
    def shown(self) -> list[tuple[float, float]]:
        """What every optimizer and loss is compared at; the last is the largest learning rate."""
        return [(1.0, 0.01), (2.0, 0.01), (1.0, self.config.rates[-1])]

    def one(self, name: str, place: int):
        """Return arrays and setting of one point of the grid."""
        from gradchain.experiments import grids
        from gradchain.experiments.lab import Setting

        runs = self.cells[name]["runs"]
        return grids.one(self.results[name], place), Setting.from_json(runs[place])

    def lost(self, name: str):
        """Return the share of networks that diverge at every point of the grid, (scales, rates)."""
        return self._shares(name, lambda arrays: arrays["nan_step"] >= 0)

    def learned(self, name: str):
        """Return the share of networks that learn at every point of the grid, (scales, rates)."""
        limit = self.config.learned
        return self._shares(name, lambda a: (a["nan_step"] < 0) & (a["final_loss"] < limit))

    def _shares(self, name: str, take):
        import numpy as np

        values = [float(np.mean(take(self.one(name, k)[0]))) for k in range(len(self.grid))]
        return np.array(values).reshape(len(self.config.scales), len(self.config.rates))

    @staticmethod
    def key(arm: str, scale: float, rate: float, what: str) -> str:
        """Return the key of a point of the grid."""
        from gradchain.experiments.grids import tag

        return f"exploding.{arm}.scale{tag(scale)}.rate{tag(rate)}.{what}"

    def cite(self, key: str) -> str:
        """Return a placeholder, or a dash where there is no number."""
        return f"{{{key}}}" if key in self.known else "-"


def summarize(config: Config, results: Results) -> Summary:
    """Say when the loss becomes NaN, and what clipping does."""
    from gradchain.figures.exploding import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, LABELS, CLIPS, RELATIVE, _scales(config)),
    )


def _seen(found: Found) -> list[str]:
    def at(arm: str, scale: float, rate: float, what: str = "diverged") -> str:
        return f"{{{found.key(arm, scale, rate, what)}}}"

    top = found.config.rates[-1]
    scales = ", ".join(f"{at('sgd', *point)} at {point[0]:g}" for point in found.row)
    rates = ", ".join(f"{at('sgd', 1.0, rate)} at {rate:g}" for rate in found.config.rates)
    said = [
        "ReLU networks with squared error under SGD at the learning rate 0.01: as the weights grow, in "
        f"units of He's, the share of networks whose loss becomes NaN is {scales}. Every layer "
        "multiplies the signal on the way in and the gradient on the way back.",
        f"With He weights it is a matter of the learning rate: the share is {rates}.",
        f"Of Adam's networks a share of {at('adam', 1.0, 0.01)} is lost with He weights, "
        f"{at('adam', 2.0, 0.01)} with weights twice as large, and {at('adam', 1.0, top)} with He "
        f"weights at the learning rate {top:g}: its steps do not grow with the gradient.",
        "The cross-entropy with the probability clipped as in Keras hides the explosion: a share of "
        f"{at('kerasbce', 2.0, 0.01)} becomes NaN with weights twice as large. Where the clip is "
        "active the gradient is 0, so a network that is confidently wrong stays so.",
    ]
    steps = found.key("sgd", 2.0, 0.01, "steps")
    if steps in found.known:
        said.append(f"Where SGD diverges at twice the He weights, it does at step {{{steps}}}.")
    for (scale, rate), words in zip(
        (found.shown[1], found.shown[-1]),
        ("twice the He weights", f"He weights and the learning rate {top:g}"),
        strict=True,
    ):
        finite = [found.key(f"clip.{clip}", scale, rate, "finite") for clip in CLIPS]
        if all(key in found.known for key in finite):
            learned = [key.replace(".finite", ".learned") for key in finite]
            said.append(
                f"Of the networks lost at {words}, clipping at {found.config.limit:g} keeps finite: by "
                f"value {{{finite[0]}}}, by norm {{{finite[1]}}}, by global norm {{{finite[2]}}}. Of "
                f"the same networks {{{learned[0]}}}, {{{learned[1]}}} and {{{learned[2]}}} end below "
                f"the loss {found.config.learned:g}."
            )
    cosine = "{{exploding.clip.{}.scale2.cosine}}"
    value, norm, whole = (cosine.format(clip) for clip in CLIPS)
    said.append(
        f"Clipping by global norm keeps the direction (cosine {whole}); by norm of each array the "
        f"cosine to the raw gradient falls to {norm}, by value to {value}, with twice the He weights."
    )
    return said


def _tables(found: Found) -> list[Table]:
    import numpy as np

    from gradchain.experiments.statistics import wilson

    config = found.config
    points = []
    for scale, rate in dict.fromkeys(found.row + found.column):
        bare = [found.cite(found.key(arm, scale, rate, "diverged")) for arm in ARMS]
        saved = [found.cite(found.key(f"clip.{clip}", scale, rate, "finite")) for clip in CLIPS]
        points.append((f"{scale:g}", f"{rate:g}", *bare, *saved))
    cosine = [
        (f"{scale:g}", *(f"{{exploding.clip.{clip}.scale{scale:g}.cosine}}" for clip in CLIPS))
        for scale in _scales(config)
    ]
    data = []
    for arm, label in LABELS.items():
        lost, learned = found.lost(arm), found.learned(arm)
        for k, (scale, rate) in enumerate(found.grid):
            place = divmod(k, len(config.rates))
            shares = []
            for share in (float(lost[place]), float(learned[place])):
                hits = int(np.round(share * config.seeds))
                shares += [share, *wilson(hits, config.seeds)]
            data.append((label, scale, rate, *shares))
    return [
        Table(
            "points",
            "Share of networks whose loss becomes NaN, and share of those lost to SGD that clipping "
            "keeps finite",
            (
                "weights times", "learning rate", "SGD", "Adam", "SGD, cross-entropy",
                *(f"kept finite by {clip}" for clip in CLIPS),
            ),
            points,
        ),
        Table(
            "direction",
            f"Cosine between raw and clipped gradient at the start, limit {config.limit:g} (medians)",
            ("weights times", "by value", "by norm", "by global norm"),
            cosine,
        ),
        Table(
            "grid",
            f"Share of networks that diverge, and that end below the loss {config.learned:g}; 95 % "
            "Wilson intervals",
            (
                "arm", "weights times", "learning rate", "diverged", "diverged low",
                "diverged high", "learned", "learned low", "learned high",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


STUDY = Study(
    name="exploding",
    title="Exploding gradients and clipping",
    question="At which weights and learning rates does a loss become NaN, and what does clipping save?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=180,
)

if __name__ == "__main__":
    main(STUDY)
