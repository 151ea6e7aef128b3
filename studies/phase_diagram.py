"""Where in the plane of weight and bias scales do gradients vanish, explode, or keep their size?

Mean field of tanh, erf, sigmoid and relu networks: chi, depth scales and the critical line; the slope of
the log gradient norm measured in random networks at points of the plane, beside the prediction for
infinite width and for the width at hand; and how deep networks train, in units of the depth scale.

    python studies/phase_diagram.py [--scale smoke|lecture|paper] [--width 128] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ACTIVATIONS = ("tanh", "erf", "sigmoid", "relu")
# The bias scales at which slopes are measured.
BIASES = (0.05, 0.3, 0.8)
# The bias scale that is looked at closely, and the two weight scales whose slopes get numbers.
MAIN = 0.3
CITED = {"tanh": (2.0,), "sigmoid": (4.0,)}
TOP = {"tanh": 4.0, "erf": 4.0, "sigmoid": 20.0, "relu": 3.0}
TASKS = {
    "moons": {"task": "moons", "points": 160},
    "clusters": {"task": "clusters", "points": 200, "head": "softmax_ce"},
}
MULTIPLES = (1, 6, 12)


@dataclass(frozen=True)
class Config:
    """How wide and deep, how many networks, and what is trained."""

    width: int = field(default=128, metadata={"help": "Units a layer of the networks measured."})
    depth: int = field(default=20, metadata={"help": "Layers over which a slope is measured."})
    seeds: int = field(default=64, metadata={"help": "Networks at each point."})
    points: int = field(default=81, metadata={"help": "Points of the plane along sigma_w."})
    tasks: tuple[str, ...] = field(
        default=("moons", "clusters"), metadata={"help": "What networks are trained on."}
    )
    scales: tuple[float, ...] = field(
        default=(0.4, 0.6, 0.8, 1.0, 1.5, 3.0), metadata={"help": "Their weight scales."}
    )
    depths: tuple[int, ...] = field(
        default=(3, 6, 12, 20, 32), metadata={"help": "Their hidden layers."}
    )
    units: int = field(default=32, metadata={"help": "Units of each."})
    trained: int = field(default=8, metadata={"help": "Networks trained of each kind."})
    epochs: int = field(default=50, metadata={"help": "Epochs of training."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        limits = {
            "width": (8, 1024), "depth": (2, 500), "seeds": (6, 10_000), "points": (11, 1001),
            "units": (4, 256), "trained": (4, 1024), "epochs": (10, 10_000),
        }  # fmt: skip
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"{name} {getattr(self, name)}: expected {least} to {most}")
        if self.epochs % 10:
            raise UsageError(f"epochs {self.epochs}: expected a multiple of 10")
        if not self.tasks or not set(self.tasks) <= set(TASKS):
            raise UsageError(f"tasks {self.tasks}: expected some of {', '.join(TASKS)}")
        for name, values, most in (("depths", self.depths, 100), ("scales", self.scales, 10)):
            if list(values) != sorted(set(values)) or len(values) < 2:
                raise UsageError(f"{name} {values}: expected two or more increasing numbers")
            if not 0 < values[0] < values[-1] <= most:
                raise UsageError(f"{name} {values}: expected numbers above 0, up to {most}")


SCALES = {
    "smoke": Config(
        width=32, depth=10, seeds=24, points=31, tasks=("moons",), scales=(0.4, 1.0),
        depths=(3, 12), units=16, epochs=20,
    ),
    "lecture": Config(),
    "paper": Config(
        width=256, depth=40, seeds=1000, points=301, trained=128, epochs=300,
        scales=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 1.8, 2.2, 2.6, 3.0, 4.0),
        depths=(3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 100), units=64,
    ),
}  # fmt: skip


def _fields(config: Config, task: str, scale: float) -> dict:
    """Return the setting of one weight scale, without the depth."""
    return TASKS[task] | {
        "activation": "tanh",
        "initializer": "lecun_gaussian",
        "units": config.units,
        "scale": scale,
        "slots": config.depths[-1] - 1,
        "epochs": config.epochs,
        "optimizer": "sgd",
        "values": [["learning_rate", 0.01], ["momentum", 0.9]],
        "chunk": min(config.trained, 32),
        "depth": config.depths[0],
    }


def _trained_name(config: Config, task: str, scale: float) -> str:
    return f"train_{task}_{config.scales.index(scale)}"


def cells(config: Config) -> list[Cell]:
    """One cell for each plane, one a row of measured slopes, one a task and weight scale."""
    found = [
        Cell(f"plane_{name}", {"activation": name, "points": config.points, "sigma_b": MAIN})
        for name in ACTIVATIONS
    ]
    size = {"width": config.width, "depth": config.depth, "seeds": config.seeds}
    found += [
        Cell(f"slopes_{name}_{place}", {"activation": name, "sigma_b": bias} | size)
        for name in ACTIVATIONS
        for place, bias in enumerate(BIASES)
    ]
    size = {"depths": list(config.depths), "seeds": config.trained}
    found += [
        Cell(_trained_name(config, task, scale), {"setting": _fields(config, task, scale)} | size)
        for task in config.tasks
        for scale in config.scales
    ]
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Predict a plane, measure a row of slopes, or train networks of one weight scale."""
    import numpy as np

    from gradchain.experiments import lab
    from gradchain.experiments import phase_diagram as own
    from gradchain.experiments import phase_diagram_numbers as numbers
    from gradchain.experiments.setting import Setting

    lab.use_all_cores()
    if cell.name.startswith("train"):
        setting = Setting.from_json(dict(cell["setting"]))
        found = numbers.trains(setting, cell["depths"], cell["seeds"], cell.seed)
        return {"accuracy": found}
    name = cell["activation"]
    if cell.name.startswith("plane"):
        sigma_w = np.linspace(TOP[name] / 20, TOP[name], cell["points"])
        sigma_b = np.linspace(0.0, 1.0, cell["points"] // 2 + 1)
        return {**own.plane(name, sigma_w, sigma_b), **own.depth_scales(name, cell["sigma_b"])}
    grid = numbers.GRIDS[name]
    size = (cell["sigma_b"], cell["width"], cell["depth"])
    slopes = own.measured_slopes(name, grid, *size, cell["seeds"], cell.seed)
    theory = own.expected(name, grid, *size)
    found = {"slopes": slopes, "infinite": theory.infinite, "at_width": theory.at_width}
    if cell["sigma_b"] == MAIN:
        fine = np.linspace(grid[0], grid[-1], 40)
        curve = own.expected(name, fine.tolist(), *size)
        found |= {
            "fine": fine, "fine_infinite": curve.infinite, "fine_at_width": curve.at_width,
        }  # fmt: skip
    return {**found}


def summarize(config: Config, results: Results) -> Summary:
    """Say where the critical line lies, how well it is met, and how deep networks train."""
    from gradchain.experiments import phase_diagram_records as records
    from gradchain.figures.phase_diagram_pictures import pictures

    place = BIASES.index(MAIN)
    rows = {
        name: records.Row(
            name, MAIN, results[f"slopes_{name}_{place}"]["slopes"], config.width, config.depth,
            results.seed,
        )
        for name in ACTIVATIONS
    }  # fmt: skip
    numbers = [number for row in rows.values() for number in row.critical()]
    numbers += [n for name, scales in CITED.items() for s in scales for n in rows[name].slope(s)]
    for task in config.tasks:
        for scale in config.scales:
            learned = _learned(config, results, task, scale)
            fields = _fields(config, task, scale)
            if scale < 1:
                numbers += records.depth_numbers(
                    task, fields, learned, list(config.depths), results.seed
                )
    numbers += records.scale_numbers("tanh", [scale for scale in config.scales if scale < 1])
    numbers += records.paper_numbers()
    known = {number.key for number in numbers}
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, known),
        seen=_seen(config, results, known),
        figures=pictures(
            config, results, dict(_trained_shares(config, results)), known, BIASES, MAIN, MULTIPLES
        ),
    )


def _learned(config: Config, results: Results, task: str, scale: float):
    from gradchain.experiments.phase_diagram_numbers import LEARNED

    return results[_trained_name(config, task, scale)]["accuracy"] >= LEARNED


def _trained_shares(config: Config, results: Results):
    """Yield each task with the share of trained networks, (scales, depths)."""
    import numpy as np

    for task in config.tasks:
        rows = [_learned(config, results, task, s).mean(axis=0) for s in config.scales]
        yield task, np.stack(rows)


def _z(config: Config, results: Results, infinite: bool) -> list[float]:
    """Return the z-scores of all measured points, for one of the two predictions."""
    import numpy as np

    found = []
    for _name, _bias, arrays in _measured(results):
        rows = arrays["slopes"]
        error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
        found += list((rows.mean(axis=0) - arrays["infinite" if infinite else "at_width"]) / error)
    return found


def _measured(results: Results):
    for name in ACTIVATIONS:
        for place, bias in enumerate(BIASES):
            yield name, bias, results[f"slopes_{name}_{place}"]


def _seen(config: Config, results: Results, known: set[str]) -> list[str]:
    import numpy as np

    z_width, z_far = (np.abs(_z(config, results, infinite)) for infinite in (False, True))
    said = [
        "Each activation has a line in the plane of sigma_w and sigma_b on which gradients neither "
        "vanish nor explode; at sigma_b = 0.3 it lies at sigma_w = "
        + ", ".join(f"{{meanfield.{name}.critical.predicted}} for {name}" for name in ACTIVATIONS)
        + ".",
        "Networks of "
        f"{config.width} units agree: their gradients keep their size at sigma_w = "
        + ", ".join(f"{{meanfield.{name}.critical.measured}} for {name}" for name in ACTIVATIONS)
        + "; at this width theory says "
        + ", ".join(f"{{meanfield.{name}.critical.atwidth}}" for name in ACTIVATIONS)
        + ".",
        "A finite width makes every gradient shrink a little faster than mean field says, because the "
        "mean of a logarithm lies below the logarithm of the mean. With sigma_w = 2 a tanh network "
        "changes the gradient norm by {meanfield.tanh.sw2.slope.measured} nats a layer; predicted "
        "{meanfield.tanh.sw2.slope.predicted} for infinite width, {meanfield.tanh.sw2.slope.atwidth} "
        "for this one.",
        f"Over all {len(z_width)} points measured, {int((z_width > 2).sum())} lie more than 2 standard "
        f"errors from the prediction for this width, and {int((z_far > 2).sum())} from that for "
        "infinite width.",
        "A raw sigmoid needs sigma_w = {meanfield.sigmoid.critical.predicted}: at sigma_w = 4 its "
        "gradient still falls by {meanfield.sigmoid.sw4.slope.measured} nats a layer.",
        "Schoenholz et al. give sigma_w^2 = {meanfield.schoenholz.critical.reported} for tanh with "
        "sigma_b^2 = 0.05; recomputed it is {meanfield.schoenholz.critical.predicted}.",
    ]
    for task in config.tasks:
        ratios = [
            f"{{meanfield.training.{task}.sw{_tag(s)}.multiple.measured}} at sigma_w = {s:g}"
            for s in config.scales
            if f"meanfield.training.{task}.sw{_tag(s)}.multiple.measured" in known and s < 1
        ]
        if ratios:
            said.append(
                f"On {task}, half of the tanh networks train down to a depth of this many depth scales: "
                + ", ".join(ratios)
                + ". Schoenholz et al. say about {meanfield.schoenholz.multiple.reported}."
            )
    return said


def _depth_row(
    config: Config, results: Results, task: str, scale: float, known: set[str]
) -> list[str]:
    """Return the depth scale, the depth reached and their quotient, as texts of a table."""
    import numpy as np

    from gradchain.experiments.phase_diagram import depth_scale
    from gradchain.experiments.phase_diagram_numbers import half_depth

    shares = _learned(config, results, task, scale).mean(axis=0)
    depth, xi = half_depth(np.asarray(config.depths), shares), depth_scale("tanh", scale)
    beyond = f"below {config.depths[0]}" if shares[0] < 0.5 else f"above {config.depths[-1]}"
    key = f"meanfield.training.{task}.sw{_tag(scale)}.multiple.measured"
    quotient = f"{depth / xi:.1f}" if np.isfinite(depth / xi) and depth / xi > 0 else ""
    return [
        f"{xi:.2f}" if np.isfinite(xi) else "infinite",
        f"{depth:.1f}" if np.isfinite(depth) else beyond,
        f"{{{key}}}" if key in known else quotient,
    ]


def _tag(value: float) -> str:
    from gradchain.experiments.grids import tag

    return tag(value)


def _tables(config: Config, results: Results, known: set[str]) -> list[Table]:
    import numpy as np

    from gradchain.experiments.phase_diagram_numbers import GRIDS

    shown, data = [], []
    for name, bias, arrays in _measured(results):
        rows = arrays["slopes"]
        mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
        far, near = (mean - arrays["infinite"]) / error, (mean - arrays["at_width"]) / error
        for k, sigma_w in enumerate(GRIDS[name]):
            row = (arrays["infinite"][k], arrays["at_width"][k], mean[k], error[k], far[k], near[k])
            values = [float(v) for v in row]
            data.append((name, bias, sigma_w, *values))
            if bias == MAIN and k % 2 == 1:
                texts = [f"{v:+.4f}" for v in values[:3]] + [f"{values[3]:.4f}"]
                shown.append((name, f"{sigma_w:g}", *texts, *(f"{v:+.1f}" for v in values[4:])))
    columns = (
        "infinite width", f"width {config.width}", "measured", "standard error", "z, infinite width",
        f"z, width {config.width}",
    )  # fmt: skip
    depths = [
        (task, f"{scale:g}", *_depth_row(config, results, task, scale, known))
        for task in config.tasks
        for scale in config.scales
    ]
    shares = [
        (task, scale, depth, float(share))
        for task, rows in _trained_shares(config, results)
        for scale, row in zip(config.scales, rows, strict=True)
        for depth, share in zip(config.depths, row, strict=True)
    ]
    return [
        Table(
            "slopes",
            f"Change of the log gradient norm in nats a layer, sigma_b = {MAIN:g}: predicted, measured "
            f"({config.seeds} networks of {config.depth} layers), z = (measured - predicted) / standard "
            "error",
            ("activation", "sigma_w", *columns),
            shown,
        ),
        Table(
            "depths",
            "Depth down to which half of the tanh networks train, beside the depth scale xi_c",
            ("task", "sigma_w", "xi_c", "depth", "depth / xi_c"),
            depths,
        ),
        Table(
            "all_slopes",
            "Every measured slope, nats a layer",
            ("activation", "sigma_b", "sigma_w", *columns),
            data,
            show=False,
        ),
        Table(
            "trained",
            "Share of networks that train",
            ("task", "sigma_w", "hidden layers", "share"),
            shares,
            show=False,
        ),
    ]


STUDY = Study(
    name="phase_diagram",
    title="The phase diagram",
    question="For which weights and biases do gradients keep their size, and do real networks agree?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=310,
)

if __name__ == "__main__":
    main(STUDY)
