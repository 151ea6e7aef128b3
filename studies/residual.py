"""How does a gradient grow through residual blocks: identity skips, scaled, normalized, zero branches?

Dense blocks, convolutional ones with Gaussian kernels and with delta-orthogonal ones: the mean square
of the gradient against depth, beside the exact laws, and how much it scatters over networks.

    python studies/residual.py [--scale smoke|lecture|paper] [--width 128] [--depth 50] [--seeds 200]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

TITLES = {
    "dense": "fully connected",
    "convolution": "Gaussian kernels",
    "deltaorthogonal": "delta-orthogonal kernels",
}
LABELS = {
    "linear": "no skip, linear",
    "plain": "no skip",
    "skip": "skip",
    "scaled": "skip, branch / sqrt(L)",
    "normed": "skip, normalized",
    "zero": "skip, zero branch",
    "tanh": "skip, tanh",
}
TABLED = (
    ("dense", ("plain", "skip"), "block"),
    ("convolution", ("plain", "skip"), "block"),
    ("deltaorthogonal", ("plain", "skip"), "block"),
    ("dense", ("scaled", "normed", "zero", "tanh"), "total"),
    ("convolution", ("scaled",), "total"),
    ("deltaorthogonal", ("scaled",), "total"),
    ("dense", ("linear", "plain"), "spread"),
    ("convolution", ("linear", "plain"), "spread"),
    ("deltaorthogonal", ("plain",), "spread"),
)
WORDS = {
    "block": "mean square, factor a block",
    "total": "root mean square, growth in all",
    "spread": "scatter over networks, decades",
}


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    width: int = field(default=128, metadata={"help": "Units of a dense layer."})
    channels: int = field(default=24, metadata={"help": "Channels of a convolution."})
    depth: int = field(default=50, metadata={"help": "Blocks."})
    seeds: int = field(default=160, metadata={"help": "Dense networks."})
    image_seeds: int = field(default=60, metadata={"help": "Convolutional networks, each family."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, low, high in (("width", 4, 1024), ("channels", 4, 256), ("depth", 2, 200)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        for count in (self.seeds, self.image_seeds):
            if not 6 <= count <= 4000:
                raise UsageError(f"seeds {count}: expected 6 to 4000")


SCALES = {
    "smoke": Config(width=32, channels=8, depth=20, seeds=40, image_seeds=20),
    "lecture": Config(),
    "paper": Config(width=512, channels=64, depth=100, seeds=400, image_seeds=200),
}


def cells(config: Config) -> list[Cell]:
    """One cell a family."""
    return [
        Cell(
            family,
            {
                "width": config.width if family == "dense" else config.channels,
                "depth": config.depth,
                "seeds": config.seeds if family == "dense" else config.image_seeds,
            },
        )
        for family in TITLES
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Follow networks of one family."""
    from gradchain.experiments.residual_numbers import log_steps

    size = (cell["width"], cell["depth"], cell["seeds"], cell.seed)
    return {"log_step": log_steps(cell.name, *size)}


def summarize(config: Config, results: Results) -> Summary:
    """Put the laws beside what was measured, and say which skips keep a gradient."""
    from gradchain.experiments import residual_numbers as numbers

    pairs, rows = numbers.start_pairs(), []
    for family, kinds, quantity in TABLED:
        width = config.width if family == "dense" else config.channels
        for kind in kinds:
            steps = _steps(results, family, kind)
            stem = numbers.add(pairs, family, kind, quantity, width, steps, results.seed)
            known = {number.key for number in pairs.numbers}
            predicted, measured = (
                f"{{{stem}.{side}}}" if f"{stem}.{side}" in known else "" for side in
                ("predicted", "measured")
            )  # fmt: skip
            words = (TITLES[family], LABELS[kind], WORDS[quantity])
            z = pairs.z.get(stem, "")
            rows.append((*words, predicted, measured or "1 in every network", z))
    total = "residual.dense.{}.total.{}"
    seen = [
        "A skip alone does not tame a gradient: each block x + V relu(W x) with He's weights multiplies "
        "its mean square by {residual.dense.skip.block.predicted} (measured "
        "{residual.dense.skip.block.measured}), fully connected or convolutional.",
        f"With branches divided by sqrt(L) the gradient grows {{{total.format('scaled', 'predicted')}}} "
        f"times through all {config.depth} blocks (measured {{{total.format('scaled', 'measured')}}}), "
        f"with normalized branches {{{total.format('normed', 'predicted')}}} times (measured "
        f"{{{total.format('normed', 'measured')}}}), and with branches that start at zero "
        f"{{{total.format('zero', 'predicted')}}} times: not at all.",
        "With tanh branches of unit weight scale the growth is slower than exponential: "
        f"{{{total.format('tanh', 'predicted')}}} times (measured "
        f"{{{total.format('tanh', 'measured')}}}).",
        "Without skips the mean square keeps its size, too, but networks differ: the norm scatters by "
        "{residual.dense.plain.spread.predicted} decades (measured "
        "{residual.dense.plain.spread.measured}).",
        "Delta-orthogonal kernels pass every direction of a linear network unchanged; Gaussian kernels "
        "scatter it by {residual.convolution.linear.spread.measured} decades. With relu both scatter: by "
        "{residual.deltaorthogonal.plain.spread.measured} and by "
        "{residual.convolution.plain.spread.measured} decades.",
    ]
    return Summary(
        numbers=pairs.numbers,
        tables=[
            Table(
                "growth",
                f"Growth of a gradient through {config.depth} blocks: predicted (exact at every width, "
                "but for normalized and tanh) and measured; z: difference in standard errors",
                ("blocks", "kind", "quantity", "predicted", "measured", "z"),
                rows,
            ),
            _curves(config, results),
        ],
        seen=seen,
        figures=[_growth(config, results), _scatter(config, results)],
    )


def _steps(results: Results, family: str, kind: str):
    from gradchain.experiments.residual import KINDS

    return results[family]["log_step"][:, KINDS[family].index(kind)]


def _logs(steps):
    """Return decimal logarithms of |J u| after 0 .. L blocks, (seeds, L + 1)."""
    import numpy as np

    start = np.zeros((len(steps), 1))
    return np.concatenate([start, np.cumsum(steps, axis=1) / np.log(100)], axis=1)


def _law(kind: str, depth: int):
    import numpy as np

    from gradchain.experiments.residual import predicted_log_growth

    return np.concatenate([[0.0], predicted_log_growth(kind, depth) / np.log(100)])


def _curves(config: Config, results: Results) -> Table:
    import numpy as np

    from gradchain.experiments.residual import KINDS

    rows = []
    for family in TITLES:
        for kind in KINDS[family]:
            logs, law = _logs(_steps(results, family, kind)), _law(kind, config.depth)
            for block in range(config.depth + 1):
                own = logs[:, block]
                rms = float(np.log10(np.mean(100 ** (own - own.max()))) / 2 + own.max())
                spread = float(np.std(own, ddof=1))
                rows.append((family, kind, block, float(law[block]), rms, spread))
    names = (
        "family",
        "kind",
        "blocks",
        "log10 predicted",
        "log10 root mean square",
        "std of log10",
    )
    return Table("curves", "Growth of the gradient's norm against depth", names, rows, show=False)


def _growth(config: Config, results: Results):
    from gradchain.experiments.residual import KINDS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.meeting import draw_growth

    panels = {
        TITLES[family]: {
            LABELS[kind]: (_logs(_steps(results, family, kind)), _law(kind, config.depth))
            for kind in KINDS[family]
            if kind not in {"linear", "plain"}
        }
        for family in ("dense", "convolution")
    }
    total = "residual.dense.{}.total.measured"
    return Picture(
        "growth",
        "A skip alone is not enough",
        lambda: draw_growth(panels, "blocks", "growth of the gradient's norm", gap=0.06),
        alt=alt_text(
            "Line chart, two panels,",
            "how many times the norm of a gradient grows, on a scale of powers of ten, against the "
            "number of residual blocks, fully connected and convolutional",
            f"{config.seeds} networks of width {config.width} and {config.image_seeds} of "
            f"{config.channels} channels; bands hold 90 % of them; dashed: predictions",
            "Plain skips rise on a straight line, their mean square "
            "{residual.dense.skip.block.predicted} times a block; tanh bends and reaches "
            f"{{{total.format('tanh')}}}, normalized branches {{{total.format('normed')}}}, scaled "
            f"ones {{{total.format('scaled')}}}; zero branches stay at 1.",
        ),
        caption="Medians with bands that hold 90 % of the networks; dashed: the laws of the root mean "
        "square, exact at every width but for the tanh and the normalized kind.",
    )


def _scatter(config: Config, results: Results):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.meeting import draw_growth

    panels = {
        TITLES[family]: {
            label: (_logs(_steps(results, family, kind)), np.zeros(config.depth + 1))
            for kind, label in (("linear", "linear"), ("plain", "relu"))
        }
        for family in TITLES
    }
    return Picture(
        "scatter",
        "Without skips: the mean square stays, networks scatter",
        lambda: draw_growth(panels, "blocks", "growth of the gradient's norm", gap=0.07),
        alt=alt_text(
            "Line chart, three panels,",
            "how many times the norm of a gradient grows, on a scale of powers of ten, against the "
            "number of blocks without skips: fully connected, Gaussian and delta-orthogonal kernels",
            f"{config.seeds} and twice {config.image_seeds} networks; bands hold 90 % of them; "
            "dashed: the law of the root mean square",
            "Bands widen with depth around 1, wider for relu. The delta-orthogonal linear network has "
            "no band: every direction keeps its length. Its relu networks scatter by "
            "{residual.deltaorthogonal.plain.spread.measured} decades.",
        ),
        caption="Medians with bands that hold 90 % of the networks; the dashed line is the root mean "
        "square, which stays at 1 in all of them.",
    )


STUDY = Study(
    name="residual",
    title="Residual networks",
    question="Which residual blocks keep the size of a gradient, and how far do they stray from it?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=360,
)

if __name__ == "__main__":
    main(STUDY)
