"""What does a recurrent network do with a gradient that grows, and whom does clipping save?

The wall in the loss of a one-unit network; gradients by distance for recurrent weights of gain 0.5 to 3,
beside the bound; training with and without three kinds of clipping: who becomes NaN, who learns.

    python studies/exploding_through_time.py [--scale smoke|lecture|paper] [--limits 0.1 1 10]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

CLIPS = ("value", "norm", "global")
PLAIN = ("tanh", "relu")
LABELS = {
    "none": "no clip", "value": "by value", "norm": "by norm", "global": "by global norm",
    "adam": "Adam, no clip",
}  # fmt: skip
# Ranges of weight and bias in the picture of the wall; log10 of the distances from its ridge.
PLANE = ((3.5, 7.0), (-4.5, -1.0))
OFFSETS = (-12.0, -0.5)


@dataclass(frozen=True)
class Config:
    """Which gains and limits, how far, how many networks."""

    gains: tuple[float, ...] = field(
        default=(0.5, 1.0, 1.5, 2.0, 3.0), metadata={"help": "Factors of the recurrent weights."}
    )
    limits: tuple[float, ...] = field(
        default=(0.1, 1.0, 10.0), metadata={"help": "Limits of the clips, at gain 2 and tanh."}
    )
    clips: tuple[str, ...] = field(default=CLIPS, metadata={"help": "Kinds of clipping."})
    activations: tuple[str, ...] = field(default=PLAIN, metadata={"help": "tanh, relu or both."})
    adam: tuple[float, ...] = field(
        default=(1.0, 2.0, 3.0), metadata={"help": "Gains trained by Adam as well; may be empty."}
    )
    tanh_distance: int = field(default=20, metadata={"help": "Steps to remember, tanh."})
    relu_distance: int = field(default=10, metadata={"help": "Steps to remember, ReLU."})
    units: int = field(default=16, metadata={"help": "Units of the trained networks."})
    steps: int = field(default=400, metadata={"help": "Optimizer steps."})
    seeds: int = field(default=32, metadata={"help": "Networks a setting, in groups of 8."})
    cells: tuple[str, ...] = field(
        default=(*PLAIN, "lstm", "gru"), metadata={"help": "Cells looked at before training."}
    )
    start_distance: int = field(default=50, metadata={"help": "Steps back before training."})
    start_units: int = field(default=32, metadata={"help": "Units of these networks."})
    start_seeds: int = field(default=16, metadata={"help": "Networks a gain and cell, untrained."})
    weight: float = field(default=6.0, metadata={"help": "Weight of the one-unit network."})
    wall_steps: tuple[int, ...] = field(
        default=(10, 20, 50), metadata={"help": "Steps of the one-unit network; the last counts."}
    )
    points: int = field(default=150, metadata={"help": "Points a side in the wall's picture."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, values in (("gains", self.gains), ("limits", self.limits), ("adam", self.adam)):
            if list(values) != sorted(set(values)) or len(values) > 20:
                raise UsageError(f"{name} {values}: expected up to 20 increasing numbers")
            if not all(0.01 <= value <= 1000 for value in values):
                raise UsageError(f"{name} {values}: expected numbers from 0.01 to 1000")
        needed = {1.0, 2.0} | ({3.0} if "relu" in self.activations else set())
        if not needed <= set(self.gains) or 1.0 not in self.limits:
            raise UsageError("expected the gains 1, 2 and 3 and the limit 1 among the others")
        if not set(self.adam) <= set(self.gains):
            raise UsageError(f"adam {self.adam}: expected gains that are among {self.gains}")
        for name, values, known in (
            ("clips", self.clips, CLIPS),
            ("activations", self.activations, PLAIN),
            ("cells", self.cells, (*PLAIN, "lstm", "gru")),
        ):
            if not values or len(set(values)) < len(values) or not set(values) <= set(known):
                raise UsageError(f"{name} {values}: expected some of {', '.join(known)}, each once")
        if not set(PLAIN) & set(self.cells) or "global" not in self.clips:
            raise UsageError("expected tanh or relu among the cells, and global among the clips")
        if not 4.3 <= self.weight <= 8:
            raise UsageError(f"weight {self.weight:g}: expected 4.3 (below is no wall) to 8")
        steps = self.wall_steps
        if list(steps) != sorted(set(steps)) or not 1 <= len(steps) <= 5:
            raise UsageError(f"wall_steps {steps}: expected 1 to 5 increasing whole numbers")
        if not 1 <= steps[0] <= steps[-1] <= 60:
            raise UsageError(f"wall_steps {steps}: expected whole numbers from 1 to 60")
        for name, low, high in (
            ("tanh_distance", 2, 200), ("relu_distance", 2, 200), ("units", 4, 128),
            ("steps", 10, 10_000), ("seeds", 8, 1000), ("start_distance", 2, 500),
            ("start_units", 4, 128), ("start_seeds", 6, 1000), ("points", 20, 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"{name} {value}: expected {low} to {high}")

    @property
    def arms(self) -> tuple[str, ...]:
        """How networks are trained: by SGD without a clip and with each, and by Adam."""
        return ("none", *self.clips, *(("adam",) if self.adam else ()))

    def distance(self, activation: str) -> int:
        """Return how far the networks of an activation have to remember."""
        return self.tanh_distance if activation == "tanh" else self.relu_distance


SCALES = {
    "smoke": Config(
        gains=(1.0, 2.0, 3.0), limits=(1.0,), adam=(), tanh_distance=8, relu_distance=6, units=8,
        steps=60, seeds=8, start_distance=10, start_units=8, start_seeds=6, points=40,
    ),
    "lecture": Config(),
    "paper": Config(
        gains=(0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0),
        limits=(0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0),
        adam=(0.5, 1.0, 1.5, 2.0, 3.0), steps=2000, seeds=128, start_seeds=64, points=400,
    ),
}  # fmt: skip


def _runs(config: Config, activation: str, arm: str) -> list[dict]:
    """List the settings of a cell: all gains at the limit 1, then the other limits at gain 2."""
    base = {
        "activation": activation, "distance": config.distance(activation), "units": config.units,
        "steps": config.steps,
    }  # fmt: skip
    if arm == "adam":
        # Ten times Keras' default, so that as many steps are enough.
        base |= {"optimizer": "keras_adam", "rate": 0.01}
        return [base | {"gain": gain} for gain in config.adam]
    runs = [base | {"gain": gain, "clip": arm} for gain in config.gains]
    if arm != "none" and activation == "tanh":
        others = [limit for limit in config.limits if limit not in (1.0,)]
        runs += [base | {"gain": 2.0, "clip": arm, "limit": limit} for limit in others]
    return runs


def cells(config: Config) -> list[Cell]:
    """One cell for the wall, one a kind of network before training, one an activation and arm."""
    found = [
        Cell(
            "wall",
            {"weight": config.weight, "steps": list(config.wall_steps), "points": config.points},
        )
    ]
    size = {
        "gains": list(config.gains), "distance": config.start_distance,
        "units": config.start_units, "seeds": config.start_seeds,
    }  # fmt: skip
    found += [Cell(f"start_{name}", {"cell": name} | size) for name in config.cells]
    found += [
        Cell(f"{name}_{arm}", {"runs": _runs(config, name, arm), "seeds": config.seeds})
        for name in config.activations
        for arm in config.arms
    ]
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Walk along the wall, pull gradients back before training, or train the networks of one arm."""
    import numpy as np

    from gradchain.experiments import exploding_through_time as through
    from gradchain.experiments import exploding_through_time_wall as walls
    from gradchain.experiments import lab

    lab.use_all_cores()
    if cell.name == "wall":
        weights, biases = (np.linspace(low, high, cell["points"]) for low, high in PLANE)
        across, up = np.meshgrid(weights, biases)
        loss = walls.wall(across.ravel(), up.ravel(), cell["steps"][-1]).loss.reshape(up.shape)
        offsets = np.linspace(*OFFSETS, 47)
        own = np.full(len(offsets), cell["weight"])
        bias = walls.ridge_bias(cell["weight"]) - 10.0**offsets
        slopes = [np.log10(walls.wall(own, bias, steps).steepness) for steps in cell["steps"]]
        found = {"weights": weights, "biases": biases, "loss": loss, "offsets": offsets}
        return found | {"slopes": np.stack(slopes)}
    if cell.name.startswith("start_"):
        size = cell["distance"], cell["units"], cell["seeds"], cell.seed
        rows = [through.start(cell["cell"], gain, *size) for gain in cell["gains"]]
        return {"logs": np.stack(rows, axis=1)}
    arrays = {}
    for place, fields in enumerate(cell["runs"]):
        trained = through.train(through.Arm(**fields), cell["seeds"], cell.seed)
        arrays |= {f"{name}_{place}": values for name, values in trained._asdict().items()}
    return arrays


def summarize(config: Config, results: Results) -> Summary:
    """Say how steep a wall is, who is lost, and whom each clip saves."""
    from gradchain.experiments.exploding_through_time_found import Found
    from gradchain.figures.exploding_through_time_pictures import pictures

    found = Found(config, results)
    return Summary(
        numbers=found.numbers,
        tables=_tables(found),
        seen=_seen(found),
        figures=pictures(found, LABELS),
    )


def _seen(found) -> list[str]:
    config, wall = found.config, "{rnn.exploding.wall.%s}"
    said = [
        f"In the loss of a single recurrent unit with the weight {config.weight:g} stands a wall: after "
        f"{config.wall_steps[-1]} steps the gradient on its ridge is {wall % 'gradient'} long, and only "
        f"{wall % 'beside'} where the bias is a tenth larger.",
        f"The jump takes place within {wall % 'width'} of the bias. Where numbers of float32 lie farther "
        "apart than that, no step can stop on the wall; it is met as a sudden change of the loss, or as "
        "a gradient from nowhere.",
        "Clipping each entry of (1, 10) at 1 turns it by {clip.textbook.value.angle} degrees, clipping "
        "its norm not at all. By value a gradient of two entries is always turned "
        "by less than {clip.value.largest.entries2} degrees, by norm one of five arrays by less than "
        "{clip.norm.largest.arrays5}: never as far as a right angle, so that a small enough step still "
        "goes down.",
        "A norm of {clip.float32.norm.overflow} or more cannot be clipped in float32 by the root of a "
        "sum of squares: the gradient is deleted.",
    ]
    for name in (name for name in PLAIN if name in config.cells):
        stem = f"rnn.exploding.start.{name}.gain2"
        said.append(
            f"Before training, a gradient in a {name} network of gain 2 changes by "
            f"{{{stem}.measured}} a step back ({{{stem}.predicted}} by mean field), although the bound "
            "is 2."
        )
    for activation in config.activations:
        said += _seen_in_training(found, activation)
    limits = [
        (limit, f"clip.global.tanh.gain2.limit{_tag(limit)}.learned") for limit in config.limits
    ]
    outer = [f"{{{key}}} at {limit:g}" for limit, key in limits if key in found.known]
    if outer:
        said.append(
            "The limit matters: of the tanh networks of gain 2 clipped by global norm a share of "
            f"{' and '.join(outer)} learns. Clipped too hard, steps are too short; too late, the first "
            "wall has thrown the network away."
        )
    return said


def _seen_in_training(found, activation: str) -> list[str]:
    gain = found.shown[activation]
    bare = f"rnn.exploding.sgd.{activation}.gain{gain:g}"
    one = f"rnn.exploding.sgd.{activation}.gain1"
    keys = {
        what: [f"clip.{clip}.{activation}.gain{gain:g}.{what}" for clip in found.config.clips]
        for what in ("finite", "learned", "turned")
    }
    said = [
        f"Of {activation} networks of gain {gain:g} under SGD a share of {found.cite(f'{bare}.lost')} "
        f"becomes NaN and {found.cite(f'{bare}.learned')} learns."
    ]
    if activation == "tanh":
        said.append(
            "States of tanh cannot grow, so the loss stays finite; what happens instead is that a "
            f"gradient {found.cite(f'{one}.peak')} times that of the first step (median, gain 1) throws "
            "the weights to where the units are saturated."
        )

    def listed(what: str) -> str:
        pairs = zip(found.config.clips, keys[what], strict=True)
        shown = [f"{LABELS[clip]} {{{key}}}" for clip, key in pairs if key in found.known]
        return ", ".join(shown)

    for what, words in (
        (
            "finite",
            f"Of the {activation} networks that become NaN at gain {gain:g}, clipping at 1 keeps",
        ),
        (
            "learned",
            f"Of the {activation} networks that fail at gain {gain:g}, clipping at 1 makes learn",
        ),
    ):
        if listed(what):
            said.append(f"{words}{' finite' if what == 'finite' else ''}: {listed(what)}.")
    if listed("turned"):
        said.append(
            f"By how many degrees a step that is clipped there is turned (medians): {listed('turned')}; "
            "by global norm it is rounding."
        )
    adam = f"rnn.exploding.adam.{activation}.gain{gain:g}.learned"
    if adam in found.known:
        said.append(
            f"Under Adam, without any clip, a share of {{{adam}}} of the {activation} networks of gain "
            f"{gain:g} learns: its steps do not grow with the gradient."
        )
    return said


def _tag(value: float) -> str:
    from gradchain.experiments.grids import tag

    return tag(value)


def _tables(found) -> list[Table]:
    config = found.config
    saved = [
        (
            activation,
            f"{found.shown[activation]:g}",
            LABELS[clip],
            *(
                found.cite(f"clip.{clip}.{activation}.gain{found.shown[activation]:g}.{what}")
                for what in ("finite", "learned", "turned")
            ),
        )
        for activation in config.activations
        for clip in config.clips
    ]
    starts = [
        (name, "2", f"{{{stem}.predicted}}", f"{{{stem}.measured}}", found.pairs.z[stem])
        for name in PLAIN
        if name in config.cells
        for stem in [f"rnn.exploding.start.{name}.gain2"]
    ]
    data = []
    for activation in config.activations:
        for arm in config.arms:
            lost, learned = (found.share(activation, arm, what) for what in ("lost", "learned"))
            for place, gain in enumerate(config.adam if arm == "adam" else config.gains):
                ends = [float(part[place]) for share in (lost, learned) for part in share]
                data.append((activation, LABELS[arm], gain, *ends))
    return [
        Table(
            "saved",
            "What clipping at 1 does: share kept finite of those that become NaN, share that learns of "
            "those that do not, and the angle of a clipped step in degrees (median)",
            ("network", "gain", "clip", "kept finite", "made to learn", "turned by"),
            saved,
        ),
        Table(
            "factors",
            f"Factor a step of the gradient before training, {config.start_units} units; mean field",
            ("network", "gain", "predicted", "measured", "z"),
            starts,
        ),
        Table(
            "shares",
            "Shares of networks that become NaN and that learn; 95 % Wilson intervals",
            (
                "network", "arm", "gain", "lost", "lost low", "lost high", "learned", "learned low",
                "learned high",
            ),
            data,
            show=False,
        ),
    ]  # fmt: skip


STUDY = Study(
    name="exploding_through_time",
    title="Exploding gradients through time",
    question="What happens to a recurrent network whose gradient grows, and whom does clipping save?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=440,
)

if __name__ == "__main__":
    main(STUDY)
