"""What do the usual laws of initial weights do to signals and gradients in a deep network?

Square networks of 100 layers, every law of the package that declares a variance, the defaults of PyTorch,
Keras, Flax, Equinox and Haiku, with every activation: how large signals are on the way on, gradients on
the way back, and what mean-field theory said before any network was drawn.

    python studies/initializers.py [--scale smoke|lecture|paper] [--width 100] [--depth 100]
"""

import math
import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LN10 = math.log(10.0)
GROUPS = {
    "uniform": ("torch", "torch_uniform", "keras", "he_uniform", "he_leaky_uniform"),
    "truncated": ("truncated_normal", "haiku", "flax", "he_normal", "he_leaky_normal"),
    "gaussian": ("normal", "glorot_gaussian", "he_gaussian", "he_leaky_gaussian"),
    "orthogonal": ("orthogonal", "orthogonal_sqrt2"),
}
# Recipe, activation: what gets numbers. The first is also told of at the input and in its signals.
CITED = (
    ("torch", "relu"),
    ("torch", "tanh"),
    ("torch", "sigmoid"),
    ("haiku", "relu"),
    ("keras", "relu"),
    ("flax", "selu"),
    ("he_normal", "relu"),
    ("he_normal", "tanh"),
    ("he_normal", "softplus"),
    ("orthogonal_sqrt2", "relu"),
)
LAYERS = {"PyTorch, Equinox": "torch", "Keras (Glorot)": "keras", "He": "he_normal"}
CURVES = ("relu", "tanh", "sigmoid", "gelu", "selu")
CHART = {
    "normal(0.01)": "normal",
    "PyTorch, Equinox": "torch",
    "Haiku": "haiku",
    "Keras (Glorot uniform)": "keras",
    "Flax (LeCun normal)": "flax",
    "orthogonal": "orthogonal",
    "He": "he_normal",
    "orthogonal times sqrt 2": "orthogonal_sqrt2",
}


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    width: int = field(default=100, metadata={"help": "Units a layer."})
    depth: int = field(default=100, metadata={"help": "Layers of each network."})
    seeds: int = field(default=48, metadata={"help": "Networks of each law."})
    activations: tuple[str, ...] = field(default=(), metadata={"help": "Activations; all if none."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        from gradchain.certify.facts import NAMES

        if not self.activations:
            object.__setattr__(self, "activations", tuple(NAMES))
        wanted = {*CURVES, *(name for _, name in CITED)}
        if not wanted <= set(self.activations) <= set(NAMES):
            raise UsageError(f"activations: expected names of the library with {sorted(wanted)}")
        if not 20 <= self.width <= 500:
            raise UsageError(f"width {self.width}: expected 20 to 500")
        if not 10 <= self.depth <= 200:
            raise UsageError(f"depth {self.depth}: expected 10 to 200, what float64 can follow")
        if not 8 <= self.seeds <= 2000:
            raise UsageError(f"seeds {self.seeds}: expected 8 to 2000")

    @property
    def kept(self) -> float:
        """log10 of the factor a layer at which 100 layers, or all, change a gradient tenfold."""
        return 1 / self.depth


SCALES = {
    "smoke": Config(width=40, depth=30, seeds=16, activations=(*CURVES, "softplus")),
    "lecture": Config(),
    "paper": Config(width=200, seeds=400),
}


def cells(config: Config) -> list[Cell]:
    """One cell a distribution: its laws share their draws."""
    sizes = {"width": config.width, "depth": config.depth, "seeds": config.seeds}
    names = list(config.activations)
    return [Cell(group, sizes | {"activations": names}) for group in GROUPS]


def compute(cell: Cell) -> dict[str, object]:
    """Follow signals and gradients through networks of all laws of one distribution."""
    from gradchain.experiments.initializers import follow
    from gradchain.experiments.initializers_theory import kept

    names, n = tuple(cell["activations"]), cell["width"]
    found = follow(GROUPS[cell.name], names, n, cell["depth"], cell["seeds"], cell.seed)
    return {
        f"{recipe}.{what}": array
        for recipe, followed in found.items()
        for what, array in kept(recipe, names, n, followed).items()
    }


def summarize(config: Config, results: Results) -> Summary:
    """Say which laws keep, lose and blow up gradients, and whether theory knew it."""
    rows = _rows(config, results)
    seen = [
        "What libraries draw when nothing is said loses the gradient of a ReLU network: a layer leaves "
        "{init.torch.relu.factor.measured} of it in PyTorch and Equinox (predicted: "
        "{init.torch.relu.factor.predicted}), {init.haiku.relu.factor.measured} in Haiku (predicted: "
        "{init.haiku.relu.factor.predicted}) and {init.keras.relu.factor.measured} in Keras (predicted: "
        "{init.keras.relu.factor.predicted}).",
        f"After {config.depth} layers with the default of PyTorch {{init.torch.relu.gradient.measured}} "
        "of the gradient is left, while the signal does not vanish: its root mean square settles at "
        "{init.torch.relu.length.measured}, because each layer adds its biases.",
        "He's weights make a layer keep {init.henormal.relu.factor.measured} of it. Theory for infinite "
        "width says {init.henormal.relu.factor.predicted}; the law at this width says "
        "{init.henormal.relu.factor.finite}.",
        "Gradients of tanh networks change by the factor {init.henormal.tanh.factor.measured} a layer "
        "with He's weights, {init.torch.tanh.factor.measured} with the default of PyTorch; those of "
        "sigmoid networks by {init.torch.sigmoid.factor.measured}.",
        "SELU with the weights made for it keeps signals, not gradients: they grow by "
        "{init.flax.selu.factor.measured} a layer (predicted: {init.flax.selu.factor.predicted}).",
        "Softplus with He's weights shows where theory for infinite width stops: it says "
        "{init.henormal.softplus.factor.predicted} a layer, networks keep "
        "{init.henormal.softplus.factor.measured}. What lies along the signal itself falls more "
        "slowly, and after enough layers it is all that is left.",
        "Of an entry only the variance matters: uniform, normal and truncated laws of one variance do "
        "the same. Orthogonal weights times the square root of 2 leave "
        "{init.orthogonalsqrt2.relu.factor.measured} in ReLU networks, hardly more than He's.",
    ]
    return Summary(
        numbers=_numbers(config, results),
        tables=_tables(config, results, rows),
        seen=seen,
        figures=[_layers(config, results), _chart(config, rows), _agreement(config, rows)],
    )


def _found(config: Config, results: Results, recipe: str, activation: str):
    """Return what was followed of one recipe and activation, (S, L) each, and the own prediction."""
    from gradchain.experiments.initializers import Followed

    cell = results[next(group for group, names in GROUPS.items() if recipe in names)]
    place = config.activations.index(activation)
    length, factor = (cell[f"{recipe}.{what}"][:, :, place] for what in ("length", "factor"))
    return Followed(length, length, factor), cell[f"{recipe}.finite"][:, place]


def _rows(config: Config, results: Results) -> list[dict]:
    """Compare what was measured with both predictions, for every recipe and activation."""
    import numpy as np

    from gradchain.experiments.initializers_theory import infinite
    from gradchain.experiments.statistics import mean_and_error

    rows = []
    for recipe in (name for names in GROUPS.values() for name in names):
        for activation in config.activations:
            found, own = _found(config, results, recipe, activation)
            theory = infinite(recipe, activation, config.width, config.depth)
            total = np.asarray(found.factor, np.float64).sum(axis=1)
            mean, error = mean_and_error(total.tolist())
            shift, shift_error = mean_and_error((total - own).tolist())
            last = np.asarray(found.length, np.float64)[:, -1]
            log10 = mean / (2 * LN10)
            rows.append({
                "recipe": recipe,
                "activation": activation,
                "log10 gradient predicted": float(theory.factor.sum()) / (2 * LN10),
                "log10 gradient finite width": (mean - shift) / (2 * LN10),
                "log10 gradient measured": log10,
                "standard error": error / (2 * LN10),
                "z infinite width": _score(mean - float(theory.factor.sum()), error),
                "z finite width": _score(shift, shift_error),
                "log10 signal predicted": float(theory.length[-1]) / (2 * LN10),
                "log10 signal measured": float(last.mean()) / (2 * LN10),
                "gradient": "kept" if abs(log10) <= 1 else "lost" if log10 < 0 else "blown up",
            })
    return rows


def _score(difference: float, error: float) -> float:
    # Orthogonal weights leave nothing to chance in a linear network: what is left is rounding.
    return difference / error if error > 1e-4 else math.nan


def _numbers(config: Config, results: Results) -> list:
    from gradchain.experiments import initializers_records as records

    made = []
    for index, (recipe, activation) in enumerate(CITED):
        found, _ = _found(config, results, recipe, activation)
        sizes = (recipe, activation, config.width)
        for quantity in ("factor", "gradient", "length") if index == 0 else ("factor",):
            made.append(records.predicted(*sizes, config.depth, quantity))
            made.append(records.measured(found, *sizes, results.seed, quantity))
    made.append(records.predicted("he_normal", "relu", config.width, config.depth, "finite"))
    return made


def _tables(config: Config, results: Results, rows: list[dict]) -> list[Table]:
    import numpy as np

    from gradchain.experiments.initializers import RECIPES
    from gradchain.experiments.initializers_records import WORDS, stem
    from gradchain.experiments.initializers_theory import infinite

    by_name = {(row["recipe"], row["activation"]): row for row in rows}
    cited = []
    for pair in CITED:
        key, row = f"{stem(*pair)}.factor", by_name[pair]
        zs = (f"{row['z infinite width']:+.1f}", f"{row['z finite width']:+.1f}")
        words = (WORDS[pair[0]], pair[1])
        cited.append((*words, f"{{{key}.predicted}}", f"{{{key}.measured}}", *zs))
    verdicts = []
    for recipe in (name for names in GROUPS.values() for name in names):
        own = [row for row in rows if row["recipe"] == recipe]
        same = ", ".join((recipe, *RECIPES[recipe].same))
        sorts = (
            ", ".join(row["activation"] for row in own if row["gradient"] == sort) or "none"
            for sort in ("lost", "kept", "blown up")
        )
        verdicts.append((same, *sorts))
    layers = []
    for recipe in LAYERS.values():
        for name in CURVES:
            found, _ = _found(config, results, recipe, name)
            theory = infinite(recipe, name, config.width, config.depth)
            middle = np.mean(found.length, axis=0, dtype=np.float64)
            ratios = np.mean(np.exp(found.factor.astype(np.float64)), axis=0)
            columns = (
                theory.length / (2 * LN10),
                middle / (2 * LN10),
                np.exp(theory.factor),
                ratios,
            )
            layers += [
                (recipe, name, layer, *values)
                for layer, values in enumerate(np.stack(columns, axis=1).tolist(), 1)
            ]
    return [
        Table(
            "defaults",
            f"What a layer leaves of a gradient, typically, in {config.depth} layers of width "
            f"{config.width}; z is (measured - predicted) / standard error, at infinite width and with "
            "the first correction for this width, from the networks' own lengths",
            ("weights", "activation", "predicted", "measured", "z infinite width", "z this width"),
            cited,
        ),
        Table(
            "verdicts",
            f"Gradients lost, kept (within a factor of 10) and blown up over {config.depth} layers",
            ("weights", "lost", "kept", "blown up"),
            verdicts,
        ),
        Table(
            "every_law",
            "Every law with every activation: predictions, measurements, z-scores",
            tuple(rows[0]),
            [tuple(row.values()) for row in rows],
            show=False,
        ),
        Table(
            "layers",
            "By layer: log10 of the signal's root mean square, mean factor of the squared gradient",
            (
                *("recipe", "activation", "layer", "log10 signal predicted"),
                *("log10 signal measured", "factor predicted", "factor measured"),
            ),
            layers,
            show=False,
        ),
    ]


def _layers(config: Config, results: Results):
    import numpy as np

    from gradchain.experiments.initializers_theory import infinite
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.initializers import Curves, draw_layers

    unit = 2 * LN10
    on, back = {}, {}
    layers = np.arange(1, config.depth + 1)
    for title, recipe in LAYERS.items():
        on[title], back[title] = {}, {}
        for name in CURVES:
            found, _ = _found(config, results, recipe, name)
            theory = infinite(recipe, name, config.width, config.depth)
            on[title][name] = Curves(layers, found.length / unit, theory.length / unit)
            # What has come back to layer l - 1 has passed the factors of layers l to L.
            sums = np.cumsum(found.factor[:, ::-1].astype(np.float64), axis=1)[:, ::-1]
            whole = np.cumsum(theory.factor[::-1])[::-1]
            back[title][name] = Curves(layers - 1, sums / unit, whole / unit)
    rows = {"signal, rms of $z_l$": on, "gradient $|g_l|/|g_L|$": back}
    return Picture(
        "by_layer",
        "Signals on the way on, gradients on the way back",
        lambda: draw_layers(rows),
        alt=alt_text(
            "Line chart, six panels,",
            f"the signal (above) and the gradient (below) at each of {config.depth} layers, on a scale "
            "of powers of ten, for three laws of weights and five activations",
            f"{config.seeds} networks of width {config.width}; bands hold 90 % of them",
            "With the default of PyTorch all gradients fall steadily towards the input, for ReLU by "
            "{init.torch.relu.factor.measured} a layer, while biases keep the signals. With He's weights "
            "those of ReLU stay near 1, those of tanh grow. The dashes of theory follow the curves.",
        ),
        caption="Read the lower row from right to left: the gradient enters at the last layer. Dashes: "
        "mean-field theory, nothing fitted.",
    )


def _chart(config: Config, rows: list[dict]):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.initializers import draw_factors

    by_name = {(row["recipe"], row["activation"]): row for row in rows}
    factors = np.array([
        [
            10 ** (by_name[r, a]["log10 gradient measured"] / config.depth)
            for a in config.activations
        ]
        for r in CHART.values()
    ])
    return Picture(
        "chart",
        "What a layer leaves of a gradient",
        lambda: draw_factors(factors, list(CHART), config.activations, config.kept),
        alt=alt_text(
            "Chart of numbers",
            f"the measured factor of the gradient a layer for {len(CHART)} laws of weights and "
            f"{len(config.activations)} activations",
            f"{config.seeds} networks of {config.depth} layers of width {config.width} each",
            "The default of PyTorch loses the gradient with every activation. No law keeps it with all "
            "of them: what keeps ReLU's (He) blows up SELU's. Sigmoid loses it everywhere.",
        ),
        caption=f"Boxes: kept within a factor of 10 over {config.depth} layers. Measured, typical "
        "(geometric mean over networks).",
    )


def _agreement(config: Config, rows: list[dict]):
    import numpy as np

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.initializers import draw_agreement

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows])

    predicted, measured = (
        column(f"log10 gradient {which}") / config.depth for which in ("predicted", "measured")
    )
    scores = {
        "infinite width": column("z infinite width"),
        f"to order 1/{config.width}": column("z finite width"),
    }
    return Picture(
        "agreement",
        "What theory said, and what networks do",
        lambda: draw_agreement(predicted, measured, scores),
        alt=alt_text(
            "Scatter chart beside a histogram",
            "the measured against the predicted factor of a gradient a layer, and the z-scores of the "
            "differences",
            f"{len(rows)} pairs of a law and an activation, {config.seeds} networks each",
            "The points lie on the diagonal. At infinite width most z-scores are negative: networks of "
            "finite width lose a little more. With the first correction most lie around 0.",
        ),
        caption="Laws of one distribution share their draws, so z-scores move together. The correction "
        "takes each network's own lengths. The last bins also hold what lies beyond.",
    )


STUDY = Study(
    name="initializers",
    title="Initializers",
    question="What do the usual laws of initial weights do to signals and gradients?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=300,
)

if __name__ == "__main__":
    main(STUDY)
