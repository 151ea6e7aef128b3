"""How fast do gradients explode through normalized layers at initialization, with and without skips?

Batch norm at several batch sizes and layer norm: the factor by which a layer multiplies the squared
gradient, measured at several widths and extrapolated, beside the exact rates; and its growth through
1 to 100 layers, plain and residual.

    python studies/normalization.py [--scale smoke|lecture|paper] [--batches 8 32] [--seeds 100]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

RATE_DEPTH = 8
LAYER_ROWS = 8  # inputs that go through layer norm together; they do not see each other
EXACT = ("tanh", "sigmoid", "gelu", "silu", "elu", "selu", "identity", "relu")


@dataclass(frozen=True)
class Config:
    """How wide, how deep, which batches, how many networks."""

    batches: tuple[int, ...] = field(
        default=(6, 16, 64), metadata={"help": "Batch sizes, at least 5."}
    )
    widths: tuple[int, ...] = field(
        default=(128, 256, 512), metadata={"help": "Widths of the extrapolation."}
    )
    depth: int = field(default=100, metadata={"help": "Layers of the deep networks."})
    seeds: int = field(default=60, metadata={"help": "Networks of each width."})
    deep_seeds: int = field(default=24, metadata={"help": "Deep networks."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, low, high in (("batches", 5, 256), ("widths", 8, 1024)):
            given = getattr(self, name)
            if not given or list(given) != sorted(set(given)):
                raise UsageError(f"{name} {given}: expected increasing numbers")
            if given[0] < low or given[-1] > high:
                raise UsageError(f"{name} {given}: expected {low} to {high}")
        if len(self.widths) < 2:
            raise UsageError(f"widths {self.widths}: expected at least two, to extrapolate")
        if not 2 <= self.depth <= 200:
            raise UsageError(f"depth {self.depth}: expected 2 to 200")
        if min(self.seeds, self.deep_seeds) < 6 or max(self.seeds, self.deep_seeds) > 2000:
            raise UsageError(f"seeds {self.seeds}, {self.deep_seeds}: expected 6 to 2000")

    @property
    def deep_batch(self) -> int:
        """The batch of the deep networks: the largest up to 32."""
        return max((b for b in self.batches if b <= 32), default=self.batches[0])

    @property
    def deep_width(self) -> int:
        """The width of the deep networks: the largest up to 256."""
        return max((n for n in self.widths if n <= 256), default=self.widths[0])


SCALES = {
    "smoke": Config(batches=(8, 32), widths=(24, 48), depth=20, seeds=24, deep_seeds=20),
    "lecture": Config(),
    "paper": Config(
        batches=(5, 6, 8, 16, 32, 64, 128, 256), widths=(256, 512, 1024), seeds=200, deep_seeds=100
    ),
}


def cells(config: Config) -> list[Cell]:
    """One cell a norm, batch and width, and two of deep networks."""
    size = {"depth": RATE_DEPTH, "seeds": config.seeds}
    pairs = [("batch", batch) for batch in config.batches] + [("layer", LAYER_ROWS)]
    found = [
        Cell(f"{norm}{batch}_w{width}", {"norm": norm, "batch": batch, "width": width} | size)
        for norm, batch in pairs
        for width in config.widths
    ]
    size = {"depth": config.depth, "seeds": config.deep_seeds, "width": config.deep_width}
    for norm, batch in (("batch", config.deep_batch), ("layer", LAYER_ROWS)):
        found.append(Cell(f"deep_{norm}", {"norm": norm, "batch": batch} | size))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Follow networks of one norm, batch and width."""
    from gradchain.experiments.normalized_numbers import log_steps

    names = ("norm", "batch", "width", "depth", "seeds")
    return {
        "log_step": log_steps(
            *(cell[name] for name in names), cell.seed, cell.name.startswith("deep")
        )
    }


def summarize(config: Config, results: Results) -> Summary:
    """Put the exact rates beside the measured ones, and say what skips change."""
    from gradchain.experiments import normalized_records as records
    from gradchain.experiments.normalized_numbers import NAMES

    pairs, stems = records.start_pairs(), {}
    for norm, batch in _runs(config):
        steps = _steps(config, results, norm, batch)
        for name in NAMES[norm]:
            given = (name, norm, batch, steps, RATE_DEPTH, results.seed)
            stems[name, norm, batch] = records.add_rate(pairs, *given)
    infinite = records.all_predicted(pairs, EXACT)
    deep = {}
    for norm, batch, name, design, rows in _deep(config, results):
        if name in {"identity", "selu"} or (norm == "layer" and design == "plain"):
            continue  # through 100 plain layers the mean square is that of a few networks
        given = (name, norm, batch, config.deep_width, rows, design, results.seed)
        deep[name, norm, design] = records.add_growth(pairs, *given)
    numbers = [*pairs.numbers, *records.depth_numbers()]
    small, large = config.batches[0], config.batches[-1]
    relu, worst = stems["relu", "batch", large], stems["relu", "batch", small]
    residual, plain = deep["relu", "batch", "residual"], deep["relu", "batch", "plain"]
    seen = [
        "Batch norm keeps gradients from vanishing by making them grow: through relu layers the mean "
        f"square of a gradient is multiplied by {{{relu}.predicted}} a layer at a batch of {large} "
        f"(measured {{{relu}.measured}}), whatever the size of the weights.",
        f"The smaller the batch, the faster it explodes: {{{worst}.predicted}} a layer at a batch of "
        f"{small} (measured {{{worst}.measured}}). At 3 the rate is infinite, and at 2 no gradient "
        "passes at all.",
        "Even linear layers explode with batch norm: "
        f"{{{stems['identity', 'batch', small]}.predicted}} a layer at a batch of {small} (measured "
        f"{{{stems['identity', 'batch', small]}.measured}}).",
        "Layer norm does no harm to relu "
        f"({{{stems['relu', 'layer', LAYER_ROWS]}.measured}} a layer, measured); tanh layers with it "
        f"explode at {{{stems['tanh', 'layer', LAYER_ROWS]}.predicted}} a layer.",
        f"A skip around each normalized layer turns the exponential into a power of the depth: after "
        f"{config.depth} blocks the gradient has grown {{{residual}.predicted}} times (measured "
        f"{{{residual}.measured}}), where {config.depth} plain layers would make it "
        f"{{{plain}.predicted}} times.",
        "Yang et al. (2019) report that networks with batch norm deeper than about "
        "{batchnorm.relu.trainable.depth.reported} layers do not train; sixteen depth scales of the "
        "exact rate are {batchnorm.relu.trainable.depth.predicted} layers.",
    ]
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, pairs, stems, infinite, deep),
        seen=seen,
        figures=[_growth(config, results, plain, residual), _rates(config, results, stems)],
    )


def _runs(config: Config) -> list[tuple[str, int]]:
    return [("batch", batch) for batch in config.batches] + [("layer", LAYER_ROWS)]


def _steps(config: Config, results: Results, norm: str, batch: int) -> dict:
    return {n: results[f"{norm}{batch}_w{n}"]["log_step"] for n in config.widths}


def _deep(config: Config, results: Results) -> list:
    from gradchain.experiments.normalized_numbers import DESIGNS, NAMES, lane_of

    return [
        (norm, batch, name, design, results[f"deep_{norm}"]["log_step"][:, lane])
        for norm, batch in (("batch", config.deep_batch), ("layer", LAYER_ROWS))
        for design in DESIGNS
        for name in NAMES[norm]
        for lane in [lane_of(norm, name, design)]
    ]


def _tables(
    config: Config, results: Results, pairs: object, stems: dict, infinite: list, deep: dict
) -> list[Table]:
    from gradchain.experiments.normalized_numbers import extrapolated_rate, lane_of

    def norm_words(norm: str) -> str:
        return f"{norm} norm"

    rows = [
        (
            norm_words(norm),
            batch if norm == "batch" else None,
            name,
            f"{{{stem}.predicted}}",
            f"{{{stem}.measured}}",
            pairs.z[stem],  # type: ignore[attr-defined]
        )
        for (name, norm, batch), stem in stems.items()
    ]
    grown = [
        (norm_words(norm), design, name, f"{{{stem}.predicted}}", f"{{{stem}.measured}}",
         pairs.z[stem])  # type: ignore[attr-defined]
        for (name, norm, design), stem in deep.items()
    ]  # fmt: skip
    data = [
        (norm, batch, name, width, mean, error)
        for name, norm, batch in stems
        for width, mean, error in extrapolated_rate(
            _steps(config, results, norm, batch), lane_of(norm, name, "plain")
        )[1]
    ]
    return [
        Table(
            "rates",
            "Factor of the mean squared gradient a layer: exact at infinite width, and measured, "
            "extrapolated to infinite width; z: difference in standard errors",
            ("norm", "batch", "activation", "predicted", "measured", "z"),
            rows,
        ),
        Table(
            "infinite_batch",
            "Exact factor of the mean squared gradient a layer with batch norm over an infinite batch",
            ("activation", "factor"),
            [(name, f"{{{stem}.predicted}}") for name, stem in zip(EXACT, infinite, strict=True)],
        ),
        Table(
            "growth",
            f"Growth of the root mean square of a gradient through {config.depth} layers or blocks of "
            f"width {config.deep_width} (batch norm: a batch of {config.deep_batch}); the prediction "
            "is that of infinite width",
            ("norm", "network", "activation", "predicted", "measured", "z"),
            grown,
        ),
        Table(
            "widths",
            "Mean factor a layer at each width",
            ("norm", "batch", "activation", "width", "factor", "standard error"),
            data,
            show=False,
        ),
    ]


def _growth(config: Config, results: Results, plain: str, residual: str):
    import numpy as np

    from gradchain.experiments.normalized_numbers import log_growth
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.meeting import draw_growth

    panels: dict = {f"batch norm, batch {config.deep_batch}": {}, "layer norm": {}}
    for norm, batch, name, design, steps in _deep(config, results):
        if norm == "layer" and name == "selu":
            continue  # its rate is almost that of tanh
        panel = panels["layer norm" if norm == "layer" else f"batch norm, batch {batch}"]
        rows = np.cumsum(steps, axis=1) / np.log(100)
        law = log_growth(name, norm, batch, config.depth, design) / np.log(100)
        padded = np.concatenate([np.zeros((len(rows), 1)), rows], axis=1)
        label = name if design == "plain" else f"{name} + skip"
        panel[label] = (padded, np.concatenate([[0.0], law]))
    return Picture(
        "growth",
        "Gradients explode through batch norm; a skip tames them",
        lambda: draw_growth(panels, "layers", "growth of the gradient's norm", gap=0.055),
        alt=alt_text(
            "Line chart, two panels,",
            "how many times the norm of a gradient grows, on a scale of powers of ten, against the "
            "number of layers, with batch norm and with layer norm, plain and with skips",
            f"{config.deep_seeds} networks of width {config.deep_width}; bands hold 90 % of them; "
            "dashed: predictions of infinite width",
            f"With batch norm plain relu layers rise on a straight line to {{{plain}.measured}} after "
            f"{config.depth} layers; with skips they bend and reach {{{residual}.measured}}. Measured "
            "bands lie on the predicted lines.",
        ),
        caption="A straight line is exponential growth. Medians with bands that hold 90 % of the "
        "networks; dashed: the exact rates of infinite width. Linear layers fall behind where depth "
        "times batch is not small against the width.",
    )


def _rates(config: Config, results: Results, stems: dict):
    import numpy as np

    from gradchain.experiments.normalized import exact_rate
    from gradchain.experiments.normalized_numbers import NAMES, extrapolated_rate, lane_of
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.meeting import draw_rates
    from gradchain.predicted.normalization import batch_norm_rate

    batches = np.arange(4, 258)
    curves, points = {}, {}
    for name in NAMES["batch"]:
        factors = np.array([exact_rate(name, "batch", int(b)) for b in batches])
        curves[name] = (batches, factors, float(batch_norm_rate(name, None)))
        points[name] = []
        for batch in config.batches:
            found, _ = extrapolated_rate(
                _steps(config, results, "batch", batch), lane_of("batch", name, "plain")
            )
            points[name].append((float(batch), float(found.value), float(found.uncertainty.value)))
    small, large = (stems["relu", "batch", config.batches[k]] for k in (0, -1))
    return Picture(
        "rates",
        "The smaller the batch, the faster gradients explode",
        lambda: draw_rates(curves, points),
        alt=alt_text(
            "Line chart",
            "the factor of the squared gradient a layer with batch norm against the batch size, for "
            "linear and relu layers",
            f"exact curves; points: {config.seeds} networks of each of {len(config.widths)} widths, "
            "extrapolated to infinite width, with 2 standard errors",
            f"Both curves fall towards their limits; relu from {{{small}.predicted}} at a batch of "
            f"{config.batches[0]} to {{{large}.predicted}} at {config.batches[-1]}. The points lie on "
            "the curves.",
        ),
        caption="Curves: exact. Points: measured at several widths and extrapolated to infinite "
        "width. A factor above 1 is an explosion, whatever the initial weights are.",
    )


STUDY = Study(
    name="normalization",
    title="Normalization at initialization",
    question="How fast do gradients explode through normalized layers, before any training?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=340,
)

if __name__ == "__main__":
    main(STUDY)
