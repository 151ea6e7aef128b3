"""How fast does a gradient shrink through real layers, and what do the bounds say about it?

For five activations, five initializers and several widths: the exact spectral norm of dh_n/dh_0 of
many networks at every depth, beside the product bound, the local bound and (1/4)^n. All networks of
one initializer share their weights; a network of depth n is the first n layers of the deepest one.

    python studies/jacobian_chain.py [--scale smoke|lecture|paper] [--widths 10 100] [--seeds 100]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# An SVD of a 100 x 100 matrix is up to ten times slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "gelu")
INITIALIZERS = ("glorot_uniform", "he_normal", "lecun_normal", "orthogonal", "unit_spectral")
TITLES = ("Glorot uniform", "He normal", "LeCun normal", "orthogonal", "unit spectral norm")
GRID = (1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 150, 200)
SHOWN = 10  # the depth that lecturers ask about, beside the deepest
SPLITS = (("sigmoid", "glorot_uniform"), ("relu", "he_normal"))
MAIN = ("sigmoid", "glorot_uniform")


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    widths: tuple[int, ...] = field(default=(10, 100), metadata={"help": "Units a layer."})
    depth: int = field(default=100, metadata={"help": "Layers of the deepest network."})
    seeds: int = field(default=100, metadata={"help": "Networks of each kind."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not self.widths or not all(2 <= width <= 300 for width in self.widths):
            raise UsageError(f"widths {self.widths}: expected whole numbers from 2 to 300")
        if list(self.widths) != sorted(set(self.widths)):
            raise UsageError(f"widths {self.widths}: expected increasing numbers, each once")
        if not SHOWN < self.depth <= 200:
            raise UsageError(f"depth {self.depth}: expected {SHOWN + 1} to 200")
        if not 6 <= self.seeds <= 2000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 2000"
            )

    @property
    def depths(self) -> tuple[int, ...]:
        """The depths at which the spectral norm is taken."""
        return (*(n for n in GRID if n < self.depth), self.depth)

    @property
    def split_depth(self) -> int:
        """The depth of the networks whose weight gradients are split."""
        return min(30, self.depth)


SCALES = {
    "smoke": Config(widths=(10, 30), depth=20, seeds=20),
    "lecture": Config(),
    "paper": Config(widths=(10, 100, 300), seeds=200),
}


def cells(config: Config) -> list[Cell]:
    """One cell an initializer and width, and one a split of the weight gradient."""
    size = {"seeds": config.seeds}
    found = [
        Cell(
            f"{name}_w{width}",
            {"initializer": name, "width": width, "depths": config.depths} | size,
        )
        for width in config.widths
        for name in INITIALIZERS
    ]
    for activation, name in SPLITS:
        own = {"activation": activation, "initializer": name, "depth": config.split_depth}
        own |= {"width": config.widths[-1]} | size
        found.append(Cell(f"split_{activation}", own))
    return found


def compute(cell: Cell) -> dict[str, object]:
    """Follow the networks of one cell."""
    from gradchain.experiments import chains

    seeds, width, law = cell["seeds"], cell["width"], cell["initializer"]
    if "activation" in cell.settings:
        return chains.factor_sweep(cell["activation"], law, width, cell["depth"], seeds, cell.seed)
    return chains.sweep(ACTIVATIONS, law, width, tuple(cell["depths"]), seeds, cell.seed)._asdict()


def summarize(config: Config, results: Results) -> Summary:
    """Set the exact norms beside the bounds and say what was seen."""
    numbers = _numbers(config, results)
    wide, deep, cut = config.widths[-1], config.depth, config.split_depth
    stem = f"chain.sigmoid.glorotuniform.width{wide}"
    near, far = f"{stem}.depth{SHOWN}", f"{stem}.depth{deep}"
    lost, kept = f"{stem}.depth{cut}", f"chain.relu.henormal.width{wide}.depth{cut}"
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, {number.key for number in numbers}),
        seen=[
            f"Sigmoid with Glorot weights: {SHOWN} layers leave a spectral norm of "
            f"{{{near}.norm.median}}, {deep} layers leave {{{far}.norm.median}}. Every layer takes "
            "the same factor, so the gradient vanishes exponentially.",
            f"The product bound always holds and is far too careful: {{{near}.slack.median}} times "
            f"too large at {SHOWN} layers, {{{far}.slack.median}} times at {deep} layers. It takes "
            "the worst direction at every layer, and these do not line up.",
            "The local bound, with the slopes really met, is hardly better "
            f"({{{near}.localslack.median}} times too large at {SHOWN} layers): in a wide layer some "
            "slope is always near 1/4.",
            "(1/4)^n is not a bound for Glorot weights, whose spectral norm is near 2: at "
            f"{SHOWN} layers the share of networks above it is {{{near}.above.share}}. It is a "
            "bound for orthogonal weights and for weights of spectral norm 1.",
            "The root mean square over networks and directions does stay below (1/4)^n: it is "
            f"{{{near}.rms.ratio}} times as large at {SHOWN} layers, at most 1 at any depth.",
            "The slopes do not become smaller from layer to layer: their mean is "
            f"{{{stem}.depth1.slope.mean}} in layer 1 and {{{far}.slope.mean}} in layer {deep}. "
            "What falls is the product.",
            f"Of the three factors of dE/dw only the error signal shrinks: back through {cut} "
            f"sigmoid layers to {{{lost}.error.ratio}} of its size. The slope changes by a factor "
            f"{{{lost}.slope.ratio}}, the input by {{{lost}.input.ratio}}.",
            "In ReLU networks with He weights the error signal keeps its size: "
            f"{{{kept}.error.ratio}} after {cut} layers.",
        ],
        figures=[
            _bounds(config, results),
            _laws(config, results),
            _slopes(config, results),
            _split(config, results),
            _folklore(config, results),
        ],
    )


def _cell(results: Results, activation: str, law: str, width: int):
    from gradchain.experiments.chain_records import Cell as Record
    from gradchain.experiments.chains import Sweep

    arrays = results[f"{law}_w{width}"]
    found = Sweep(**{name: arrays[name] for name in Sweep._fields})
    return Record(found, ACTIVATIONS, activation, law, width, results.seed)


def _numbers(config: Config, results: Results) -> list:
    from gradchain.experiments.chain_records import chain_numbers, split_numbers

    def cell_of(activation: str, law: str, width: int):
        return _cell(results, activation, law, width)

    laws = (ACTIVATIONS, INITIALIZERS)
    found = chain_numbers(cell_of, laws, config.widths, config.depths, SHOWN)
    for activation, law in SPLITS:
        cell = cell_of(activation, law, config.widths[-1])
        found += split_numbers(cell, results[f"split_{activation}"], config.split_depth)
    return found


def _tables(config: Config, results: Results, known: set[str]) -> list[Table]:
    import numpy as np

    from gradchain.experiments.records import segment

    wide = config.widths[-1]

    def key(activation: str, law: str, depth: int, what: str) -> str:
        text = f"chain.{segment(activation)}.{segment(law)}.width{wide}.depth{depth}.{what}"
        return f"{{{text}}}" if text in known else ""

    norms = [
        (name, depth, *(key(name, law, depth, "norm.median") for law in INITIALIZERS))
        for depth in (SHOWN, config.depth)
        for name in ACTIVATIONS
    ]
    whats = ("norm.median", "localupper.median", "upper.median", "above.share", "rms.ratio")
    bounds = [
        (depth, *(key(*MAIN, depth, what) for what in whats))
        for depth in config.depths
        if key(*MAIN, depth, "norm.median")
    ]
    data = []
    for width in config.widths:
        for law in INITIALIZERS:
            logs = results[f"{law}_w{width}"]["log10_norm"]
            ends = np.quantile(logs, (0.05, 0.5, 0.95), axis=0, method="nearest")
            data += [
                (activation, law, width, depth, *(float(end[a, d]) for end in ends))
                for a, activation in enumerate(ACTIVATIONS)
                for d, depth in enumerate(config.depths)
            ]
    return [
        Table(
            "norms",
            f"Spectral norm of dh_n/dh_0, median of {config.seeds} networks of width {wide}, with "
            "its 95 % interval",
            ("activation", "n", *TITLES),
            norms,
        ),
        Table(
            "bounds",
            f"Sigmoid with Glorot weights, width {wide}: exact norm and bounds (medians), share of "
            "networks above (1/4)^n, root mean square over directions divided by (1/4)^n",
            ("n", "exact norm", "local bound", "product bound", "above (1/4)^n", "rms / (1/4)^n"),
            bounds,
        ),
        Table(
            "chains",
            "log10 of the spectral norm over networks: 5 %, median, 95 %",
            ("activation", "initializer", "width", "n", "low", "median", "high"),
            data,
            show=False,
        ),
    ]


def _words(config: Config, width: int | None = None) -> str:
    return f"{config.seeds} networks of width {width or config.widths[-1]}, at initialization"


def _bounds(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.chains import log10_upper
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.chains import draw_bounds

    found = _cell(results, *MAIN, config.widths[-1]).found
    key = f"chain.sigmoid.glorotuniform.width{config.widths[-1]}.depth{config.depth}"
    places = np.asarray(found.depths) - 1
    uppers = {
        "product bound": log10_upper(found.log10_weight, "sigmoid"),
        "local bound": log10_upper(found.log10_weight, "sigmoid", found.top_slope[:, 0]),
    }
    medians = {name: np.median(logs, axis=0)[places] for name, logs in uppers.items()}
    return Picture(
        "bounds",
        "Sigmoid, Glorot weights: exact norm and bounds",
        lambda: draw_bounds(
            found.depths, found.log10_norm[:, 0], medians, -2 * np.log10(2), "(1/4)^n"
        ),
        alt=alt_text(
            "Line chart",
            "the spectral norm of the Jacobian against depth, on a scale of powers of ten, beside "
            "the product bound, the local bound and (1/4)^n, for sigmoid with Glorot weights",
            _words(config),
            f"All fall on straight lines. At depth {config.depth} the exact norm is "
            f"{{{key}.norm.median}}, the local bound {{{key}.localupper.median}}, the product bound "
            f"{{{key}.upper.median}}. (1/4)^n runs close to the exact norm, at first below it.",
        ),
        caption="Left the first layers, right all. The band holds 90 % of the networks; the two "
        "bounds coincide. (1/4)^n is no bound here: it starts below the exact norm.",
    )


def _laws(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.chains import draw_laws

    wide, deep = config.widths[-1], config.depth
    pairs = zip(INITIALIZERS, TITLES, strict=True)
    logs = {title: results[f"{law}_w{wide}"]["log10_norm"] for law, title in pairs}
    key = f"chain.{{}}.{{}}.width{wide}.depth{deep}.norm.median"
    said = "; ".join(
        f"{title}: sigmoid {{{key.format('sigmoid', law.replace('_', ''))}}}, "
        f"tanh {{{key.format('tanh', law.replace('_', ''))}}}, "
        f"ReLU {{{key.format('relu', law.replace('_', ''))}}}"
        for law, title in zip(INITIALIZERS, TITLES, strict=True)
    )
    return Picture(
        "initializers",
        "Five activations by five initializers",
        lambda: draw_laws(config.depths, logs, ACTIVATIONS),
        alt=alt_text(
            "Five line charts",
            "the spectral norm of the Jacobian against depth, on a scale of powers of ten, for "
            "sigmoid, tanh, ReLU, leaky ReLU and GELU, one chart an initializer",
            _words(config),
            f"Sigmoid falls steepest in every chart. Medians at depth {deep}: {said}.",
        ),
        caption="Same scale everywhere; ReLU and leaky ReLU coincide. With He weights ReLU keeps its "
        "gradient; sigmoid loses it whatever the initializer.",
    )


def _slopes(config: Config, results: Results):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.chains import draw_slopes

    found = _cell(results, *MAIN, config.widths[-1]).found
    stem = f"chain.sigmoid.glorotuniform.width{config.widths[-1]}"
    last = f"{stem}.depth{config.depth}"
    return Picture(
        "slope_and_chain",
        "The slopes stay, their product falls",
        lambda: draw_slopes(found.depths, found.log10_norm[:, 0], np.log10(found.mean_slope[:, 0])),
        alt=alt_text(
            "Line chart",
            "the mean slope of each layer and the spectral norm of the chain up to it, against the "
            "layer, on a scale of powers of ten, for sigmoid with Glorot weights",
            _words(config),
            f"The mean slope is a flat line from {{{stem}.depth1.slope.mean}} to "
            f"{{{last}.slope.mean}}; the chain falls to {{{last}.norm.median}}.",
        ),
        caption="No layer is worse than another; multiplying them is what makes the gradient vanish.",
    )


def _split(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.chains import draw_split

    wide, cut = config.widths[-1], config.split_depth
    titles = {"sigmoid": "sigmoid, Glorot weights", "relu": "ReLU, He weights"}
    splits = {title: results[f"split_{name}"] for name, title in titles.items()}
    first = f"chain.sigmoid.glorotuniform.width{wide}.depth{cut}"
    second = f"chain.relu.henormal.width{wide}.depth{cut}"
    return Picture(
        "gradient_factors",
        "Which factor of dE/dw shrinks",
        lambda: draw_split(splits),
        alt=alt_text(
            "Line chart, two panels,",
            "error signal, slope and input of each layer's weight gradient against the layer, on a "
            "scale of powers of ten; left sigmoid with Glorot weights, right ReLU with He weights",
            _words(config),
            "Left the error signal of the first layer is "
            f"{{{first}.error.ratio}} of that of the last, slope ({{{first}.slope.ratio}}) and "
            f"input ({{{first}.input.ratio}}) do not shrink; right the error signal keeps its "
            f"size ({{{second}.error.ratio}}).",
        ),
        caption="Read from right to left, the way back. dE/dw = error signal x slope x input; only "
        "the error signal collects a factor at every layer.",
    )


def _folklore(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.statistics import wilson
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.chains import draw_shares

    found = {width: _cell(results, *MAIN, width).found for width in config.widths}
    stem = f"chain.sigmoid.glorotuniform.width{config.widths[-1]}.depth{SHOWN}"
    step = -2 * np.log10(2)
    powers = step * np.asarray(config.depths)
    shares = {}
    for width, sweep in found.items():
        hits = (sweep.log10_norm[:, 0] > powers).sum(axis=0)
        low, high = np.array([wilson(int(count), config.seeds) for count in hits]).T
        shares[f"width {width}"] = (hits / config.seeds, low, high)
    widest = found[config.widths[-1]]
    layers = np.arange(1, config.depth + 1)
    scaled = widest.log10_square[:, 0] - 2 * step * layers
    roots = np.log10(np.mean(10.0**scaled, axis=0)) / 2
    ratios = (widest.log10_norm[:, 0] - powers, layers, roots)
    return Picture(
        "quarter_power",
        "What does (1/4)^n bound?",
        lambda: draw_shares(config.depths, shares, ratios, "(1/4)^n"),
        alt=alt_text(
            "Line chart, two panels,",
            "against depth: left the share of networks whose norm exceeds (1/4)^n, for each width; "
            "right the norm and the root mean square over directions, divided by (1/4)^n",
            f"sigmoid with Glorot weights, {config.seeds} networks of each width",
            f"At depth {SHOWN} the share is {{{stem}.above.share}} for the widest networks. Right, "
            "the norm starts above 1 and falls below it only in deep networks; the root mean square "
            f"is below 1 everywhere ({{{stem}.rms.ratio}} at depth {SHOWN}).",
        ),
        caption="(1/4)^n bounds the root mean square over directions and networks, not the norm of "
        "one network.",
    )


STUDY = Study(
    name="jacobian_chain",
    title="Jacobian chains and their bounds",
    question="How fast does a gradient shrink through real layers, and what do the bounds say?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=30,
)

if __name__ == "__main__":
    main(STUDY)
