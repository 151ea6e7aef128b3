"""How far apart are the gradients of networks that differ only in their random draw?

Square ReLU networks with He's weights and linear networks, at widths 10 to 1000: what is left of a
direction after many layers, over many draws, beside the exact law of its logarithm; and how often a
ReLU layer is dead from the start.

    python studies/finite_width.py [--scale smoke|lecture|paper] [--widths 10 100] [--depth 50]
"""

import math
import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

NETWORKS = ("relu", "identity")
TITLES = {"relu": "ReLU, He weights", "identity": "linear"}
LN10 = math.log(10.0)
# The standard error of a variance needs some networks to be believed.
ENOUGH = 50


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    widths: tuple[int, ...] = field(
        default=(10, 30, 100, 300, 1000), metadata={"help": "Units a layer."}
    )
    narrow: tuple[int, ...] = field(
        default=(3, 5, 7), metadata={"help": "Further widths, where ReLU layers die."}
    )
    depth: int = field(default=50, metadata={"help": "Layers of each network."})
    draws: float = field(default=3e8, metadata={"help": "Weights drawn for each width, about."})
    seeds: int = field(default=2000, metadata={"help": "Networks of a width, at most."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, widths, least in (("widths", self.widths, 2), ("narrow", self.narrow, 0)):
            if len(widths) < least or len(widths) > 6 or list(widths) != sorted(set(widths)):
                raise UsageError(f"{name} {widths}: expected {least} to 6 increasing numbers")
        if not all(2 <= n <= 2000 for n in (*self.narrow, *self.widths)):
            raise UsageError(f"widths {self.narrow + self.widths}: expected 2 to 2000")
        if set(self.narrow) & set(self.widths) or max((0, *self.narrow)) > 30:
            raise UsageError(f"narrow {self.narrow}: expected up to 30, and none of the widths")
        if not 5 <= self.depth <= 500:
            raise UsageError(f"depth {self.depth}: expected 5 to 500")
        if not 1e5 <= self.draws <= 1e12:
            raise UsageError(f"draws {self.draws:g}: expected 1e5 to 1e12")
        if not 20 <= self.seeds <= 20000:
            raise UsageError(f"seeds {self.seeds}: expected 20 to 20000")
        if 2.0 ** -self.widths[0] * self.depth > 1:
            raise UsageError(
                f"width {self.widths[0]}: too narrow for the depth; nearly all are dead"
            )

    @property
    def middle(self) -> int:
        """The width that the sentences are about."""
        return self.widths[len(self.widths) // 2]

    def networks(self, width: int) -> int:
        """How many networks of a width."""
        paid = 2 * int(self.draws / (2 * width**2 * self.depth))
        return max(20, min(self.seeds, paid))


SCALES = {
    "smoke": Config(widths=(10, 30, 100), narrow=(4,), depth=20, draws=1e7, seeds=300),
    "lecture": Config(),
    "paper": Config(depth=100, draws=1e10, seeds=10000),
}


def cells(config: Config) -> list[Cell]:
    """One cell a width."""
    return [
        Cell(f"w{n}", {"width": n, "depth": config.depth, "seeds": config.networks(n)})
        for n in (*config.narrow, *config.widths)
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Draw networks and follow a direction through all layers."""
    from gradchain.experiments.finite_width import log_squares

    sizes = (cell["width"], cell["depth"], cell["seeds"], cell.seed)
    return {"log_square": log_squares(NETWORKS, *sizes)}


def summarize(config: Config, results: Results) -> Summary:
    """Say how far networks spread, and whether the law knew it."""
    from gradchain.experiments.finite_width_records import stem

    middle, first = config.middle, config.widths[0]
    relu, linear = stem("relu", middle), stem("identity", middle)
    dead = _dead_width(config)
    seen = [
        f"He's weights keep the mean square of a gradient at 1. What one network of width {middle} "
        f"typically keeps after {config.depth} layers is less: {{{relu}.typical.measured}} (predicted: "
        f"{{{relu}.typical.predicted}}). The mean is carried by a few networks that keep much more.",
        f"The logarithm of the squared size spreads with the variance {{{relu}.variance.measured}} "
        f"(predicted: {{{relu}.variance.predicted}}), in linear networks with "
        f"{{{linear}.variance.measured}} (predicted: {{{linear}.variance.predicted}}). It grows like "
        "depth divided by width, 5 L/n for ReLU and 2 L/n for linear networks.",
        f"The band that the exact law gives 90 percent of networks holds "
        f"{{{relu}.band.measured}} of those drawn.",
        f"Narrow networks lose far more: at width {first} the logarithm's mean is "
        f"{{{stem('relu', first)}.mean.measured}} (predicted: {{{stem('relu', first)}.mean.predicted}}).",
        f"A ReLU layer can be dead from the start. Of networks of width {dead} and {config.depth} "
        f"layers a share of {{{stem('relu', dead)}.dead.measured}} has one, and then no gradient at all "
        f"(predicted: {{{stem('relu', dead)}.dead.predicted}}); at width {first} "
        f"{{{stem('relu', first)}.dead.measured}}.",
    ]
    return Summary(
        numbers=_numbers(config, results),
        tables=_tables(config, results),
        seen=seen,
        figures=[
            _by_width(config, results),
            _by_depth(config, results),
            _histograms(config, results),
            _dead(config, results),
        ],
    )


def _dead_width(config: Config) -> int:
    return config.narrow[-1] if config.narrow else config.widths[1]


def _end(results: Results, width: int, name: str):
    """Return (S,) logarithms of |Ju|^2 after the last layer."""
    return results[f"w{width}"]["log_square"][:, NETWORKS.index(name), -1]


def _registered(config: Config) -> list[tuple[str, int, str]]:
    """List what gets a number: activation, width, quantity."""
    found = []
    for n in config.widths:
        found.append(("relu", n, "mean"))
        if config.networks(n) >= ENOUGH:
            found.append(("relu", n, "variance"))
    middle = config.middle
    found += [("identity", middle, "mean"), ("identity", middle, "variance")]
    found += [("relu", middle, "typical"), ("relu", config.widths[0], "dead")]
    if _dead_width(config) != config.widths[0]:
        found.append(("relu", _dead_width(config), "dead"))
    return found


def _numbers(config: Config, results: Results) -> list:
    from gradchain.experiments import finite_width_records as records

    made = []
    for name, n, quantity in _registered(config):
        own = _end(results, n, name)
        made.append(records.predicted(name, n, config.depth, quantity))
        made.append(records.measured(own, name, n, config.depth, results.seed, quantity))
    own = _end(results, config.middle, "relu")
    made.append(records.measured(own, "relu", config.middle, config.depth, results.seed, "band"))
    return made


def _z_text(z: float) -> str:
    return "no chance" if math.isnan(z) else f"{z:+.1f}"


def _tables(config: Config, results: Results) -> list[Table]:
    from gradchain.experiments.finite_width import inside, law_of, moments
    from gradchain.experiments.finite_width_numbers import BAND, z_score
    from gradchain.experiments.finite_width_records import stem

    registered = set(_registered(config))
    rows, data = [], []
    for name in NETWORKS:
        for n in config.widths:
            own, law = _end(results, n, name), law_of(name, n, config.depth)
            zs = {q: z_score(own, name, n, config.depth, q) for q in ("mean", "variance", "band")}
            found = moments(own)
            hits, alive = inside(own, law, BAND)
            data.append((
                *(name, n, config.depth, len(own), alive),
                *(law.mean, found.mean, found.mean_error, zs["mean"]),
                *(law.variance, found.variance, found.variance_error, zs["variance"]),
                *(hits / alive, zs["band"]),
            ))
            for quantity in ("mean", "variance"):
                if (name, n, quantity) in registered:
                    key = f"{stem(name, n)}.{quantity}"
                    pair = (f"{{{key}.predicted}}", f"{{{key}.measured}}")
                    kind = {"identity": "linear"}.get(name, name)
                    rows.append((kind, n, len(own), quantity, *pair, _z_text(zs[quantity])))
    dead = []
    for n in (*config.narrow, *config.widths):
        own = _end(results, n, "relu")
        hits = sum(math.isinf(value) for value in own)
        law = law_of("relu", n, config.depth)
        z = z_score(own, "relu", n, config.depth, "dead")
        dead.append((n, config.depth, len(own), law.dead_probability, hits / len(own), z))
    return [
        Table(
            "moments",
            f"Mean and variance of the natural logarithm of |Ju|^2 after {config.depth} layers; z is "
            "(measured - predicted) / standard error",
            ("network", "width", "networks", "quantity", "predicted", "measured", "z"),
            rows,
        ),
        Table(
            "all_moments",
            "Mean, variance and share inside the 90 % band, predicted and measured",
            (
                *("activation", "width", "depth", "networks", "alive"),
                *("mean predicted", "mean measured", "mean se", "mean z"),
                *("variance predicted", "variance measured", "variance se", "variance z"),
                *("inside 90 % band", "band z"),
            ),
            data,
            show=False,
        ),
        Table(
            "dead",
            "Share of ReLU networks with a dead layer",
            ("width", "depth", "networks", "predicted", "measured", "z"),
            dead,
            show=False,
        ),
    ]


def _spreads(config: Config, name: str, pairs: list, width: int | None = None):
    """Quantiles of law and networks; pairs of x and (S,) natural logarithms of |Ju|^2."""
    import numpy as np

    from gradchain.experiments.finite_width import law_of
    from gradchain.figures.finite_width import Spread

    levels = (0.05, 0.5, 0.95)
    laws, seen = [], []
    for x, own in pairs:
        law = law_of(name, width or x, x if width else config.depth)
        laws.append([law.quantile(level) for level in levels])
        seen.append(np.quantile(own[np.isfinite(own)], levels))
    unit = 2 * LN10
    xs = np.array([x for x, _ in pairs], float)
    return Spread(xs, np.array(laws).T / unit, np.array(seen).T / unit)


def _by_width(config: Config, results: Results):
    from gradchain.experiments.finite_width_records import stem
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.finite_width import draw_spreads

    panels = {
        TITLES[name]: _spreads(config, name, [(n, _end(results, n, name)) for n in config.widths])
        for name in NETWORKS
    }
    counts = f"{config.networks(config.widths[-1])} to {config.networks(config.widths[0])} networks"
    key = f"{stem('relu', config.middle)}.typical"
    return Picture(
        "spread_by_width",
        "The narrower, the further apart",
        lambda: draw_spreads(panels, "width (units a layer)", widths=True),
        alt=alt_text(
            "Chart with error bars, two panels,",
            f"what is left of a direction after {config.depth} layers against the width, for ReLU and "
            "linear networks, on a scale of powers of ten",
            f"{counts} a width, bars hold 90 % of them; bands are those of the exact law, given no dead "
            "layer",
            "Bars and bands agree. Both narrow as the width grows, and their middle rises towards 1: "
            f"at width {config.middle} the typical ReLU network keeps {{{key}.measured}}.",
        ),
        caption="The root mean square is 1 at every width; the typical network lies below it, the more "
        "so the narrower it is. Bands: the exact law, nothing fitted.",
    )


def _by_depth(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.finite_width import draw_spreads

    n = config.widths[1]
    step = max(1, config.depth // 10)
    depths = list(range(step, config.depth + 1, step))
    panels = {}
    for place, name in enumerate(NETWORKS):
        logs = results[f"w{n}"]["log_square"][:, place]
        pairs = [(depth, logs[:, depth - 1]) for depth in depths]
        panels[f"{TITLES[name]}, width {n}"] = _spreads(config, name, pairs, width=n)
    return Picture(
        "spread_by_depth",
        "The deeper, the further apart",
        lambda: draw_spreads(panels, "depth (layers)"),
        alt=alt_text(
            "Chart with error bars, two panels,",
            f"what is left of a direction against the depth at width {n}, for ReLU and linear networks, "
            "on a scale of powers of ten",
            f"{config.networks(n)} networks, bars hold 90 % of them; bands are those of the exact law",
            "The median falls along a straight line and the band opens like the root of the depth, in "
            "ReLU networks faster than in linear ones. Bars and bands agree.",
        ),
        caption="A median that falls while the root mean square stays at 1: few networks keep most of "
        "the gradient.",
    )


def _histograms(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.finite_width import law_of
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.finite_width import draw_histograms

    samples, grids, exact, normal = {}, {}, {}, {}
    for n in (config.widths[0], config.middle):
        title = f"ReLU, He weights, width {n}"
        law, own = law_of("relu", n, config.depth), _end(results, n, "relu")
        unit, spread = 2 * LN10, math.sqrt(law.variance)
        x = np.linspace(law.mean - 4.2 * spread, law.mean + 3.6 * spread, 200)
        samples[title], grids[title] = own[np.isfinite(own)] / unit, x / unit
        exact[title] = np.array([law.density(float(value)) for value in x]) * unit
        shape = np.exp(-((x - law.mean) ** 2) / (2 * law.variance))
        normal[title] = shape / (spread * math.sqrt(2 * math.pi)) * unit
    return Picture(
        "histograms",
        "Nearly log-normal, and exactly known",
        lambda: draw_histograms(samples, grids, exact, normal),
        alt=alt_text(
            "Two histograms",
            f"what is left of a direction after {config.depth} layers, on a scale of powers of ten, with "
            "two curves",
            f"{config.networks(config.widths[0])} and {config.networks(config.middle)} ReLU networks "
            "without a dead layer",
            "The exact density fits; the normal law of the logarithm is close, and a little too "
            "symmetric at the smaller width.",
        ),
        caption="Histogram: networks drawn. Solid: the exact law of the logarithm. Dotted: the normal "
        "law of the same mean and variance.",
    )


def _dead(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.finite_width import law_of
    from gradchain.experiments.finite_width_records import stem
    from gradchain.experiments.statistics import wilson
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.finite_width import draw_dead

    step = max(1, config.depth // 10)
    depths = np.arange(step, config.depth + 1, step)
    shares = {}
    for n in (*config.narrow, config.widths[0]):
        dead = np.isneginf(results[f"w{n}"]["log_square"][:, 0])
        hits = dead.sum(axis=0)[depths - 1]
        ends = np.array([wilson(int(hit), len(dead)) for hit in hits])
        law = np.array([law_of("relu", n, int(depth)).dead_probability for depth in depths])
        shares[n] = (law, hits / len(dead), ends[:, 0], ends[:, 1])
    dead = _dead_width(config)
    return Picture(
        "dead_layers",
        "How often a layer is dead from the start",
        lambda: draw_dead(depths, shares),
        alt=alt_text(
            "Line chart",
            "the share of ReLU networks with a dead layer against depth, one curve a width",
            f"{config.networks(config.widths[0])} networks a width, bars are 95 % intervals",
            f"At width {dead} the share is {{{stem('relu', dead)}.dead.measured}} after "
            f"{config.depth} layers. Points lie on the curves of 1 - (1 - 2^-n)^L.",
        ),
        caption="A layer is dead if none of its n units is active: probability 2^-n a layer.",
    )


STUDY = Study(
    name="finite_width",
    title="Finite width",
    question="How far apart are the gradients of networks that differ only in their random draw?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=330,
)

if __name__ == "__main__":
    main(STUDY)
