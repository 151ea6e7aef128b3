"""How do the singular values of a deep network lie, and what do orthogonal weights change?

Singular values of the Jacobian of critical linear, relu and tanh networks, with Gaussian and orthogonal
weights: histograms beside the law of infinite width, the largest one by depth beside its edge, all of
them down to depth 1000, and Lyapunov exponents of Gaussian products beside Newman's exact ones.

    python studies/isometry.py [--scale smoke|lecture|paper] [--width 200] [--draws 12]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Which quantities of which laws become numbers, at the depth of the histograms.
CITED = {
    "edge": (("identity", "gaussian"), ("relu", "gaussian"), ("relu", "orthogonal")),
    "aboveone": (("relu", "gaussian"), ("tanh", "gaussian"), ("tanh", "orthogonal")),
    "fourth": (("relu", "gaussian"),),
}
LAWS = tuple(
    (weights, activation)
    for weights in ("gaussian", "orthogonal")
    for activation in ("identity", "relu", "tanh")
)
# tanh has a length to keep only with a bias.
BIAS = {"identity": 0.0, "relu": 0.0, "tanh": 0.3}
BLOCKS = 50
# Of the histograms, in log10 s; s = 1 lies in the middle of a bin.
LOW, HIGH = -3.05, 1.15
LYAPUNOV = (2, 10, 100)


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    width: int = field(default=200, metadata={"help": "Units a layer, for histograms and edges."})
    depth: int = field(default=10, metadata={"help": "Layers of the histograms."})
    depths: tuple[int, ...] = field(
        default=(1, 2, 3, 5, 10, 20, 50), metadata={"help": "Depths of the largest value."}
    )
    draws: int = field(default=12, metadata={"help": "Networks of each kind."})
    narrow: int = field(default=64, metadata={"help": "Units a layer of the deepest networks."})
    deep: tuple[int, ...] = field(
        default=(1, 3, 10, 30, 100, 300, 1000), metadata={"help": "Their depths."}
    )
    chains: int = field(default=4, metadata={"help": "How many of them of each kind."})
    factors: int = field(default=20_000, metadata={"help": "Factors of the narrowest product."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        limits = {
            "width": (8, 1000), "depth": (2, 100), "draws": (6, 1000), "narrow": (4, 256),
            "chains": (2, 100), "factors": (2000, 1_000_000),
        }  # fmt: skip
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"{name} {getattr(self, name)}: expected {least} to {most}")
        for name, values, most in (("depths", self.depths, 100), ("deep", self.deep, 2000)):
            if list(values) != sorted(set(values)) or len(values) < 2 or values[0] < 1:
                raise UsageError(f"{name} {values}: expected two or more increasing numbers")
            if values[-1] > most:
                raise UsageError(f"{name} {values}: expected numbers up to {most}")
        if self.depth not in self.depths:
            raise UsageError(f"depth {self.depth}: expected one of the depths {self.depths}")

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """Width and number of factors of each Gaussian product."""
        return tuple(
            (width, max(self.factors // max(width // 5, 1), 10 * BLOCKS)) for width in LYAPUNOV
        )


SCALES = {
    "smoke": Config(
        width=48, depth=5, depths=(1, 2, 5), draws=8, narrow=12, deep=(1, 10, 100), factors=2000
    ),
    "lecture": Config(),
    "paper": Config(
        width=1000, depths=(1, 2, 3, 5, 10, 20, 50, 100), draws=50, narrow=128,
        deep=(1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000), chains=20, factors=200_000,
    ),
}  # fmt: skip


def cells(config: Config) -> list[Cell]:
    """One cell for the bins, two for each law, one a width of Gaussian products."""
    found = [Cell("bins", {"low": LOW, "high": HIGH, "count": 42})]
    for weights, activation in LAWS:
        law = {"activation": activation, "weights": weights, "sigma_b": BIAS[activation]}
        wide = {
            "width": config.width, "depth": config.depth, "depths": list(config.depths),
            "draws": config.draws,
        }  # fmt: skip
        deep = {"width": config.narrow, "depths": list(config.deep), "draws": config.chains}
        found.append(Cell(f"law_{activation}_{weights}", law | wide))
        found.append(Cell(f"deep_{activation}_{weights}", law | deep))
    return found + [
        Cell(f"lyapunov_{width}", {"width": width, "depth": depth, "blocks": BLOCKS})
        for width, depth in config.products
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Draw the networks of one law, or one Gaussian product."""
    import numpy as np

    from gradchain.experiments import isometry as own
    from gradchain.predicted.isometry import singular_value_edge

    if cell.name == "bins":
        return {"edges": np.linspace(cell["low"], cell["high"], cell["count"] + 1)}
    if cell.name.startswith("lyapunov"):
        values, errors = own.exponents(cell["width"], cell["depth"], cell["blocks"], cell.seed)
        return {"values": values, "errors": errors}
    law = (cell["activation"], cell["weights"])
    size = (cell["draws"], cell.seed)
    if cell.name.startswith("deep"):
        return {"logs": own.spectra(*law, cell["width"], cell["depths"], *size)}
    top, fourth = own.tops(*law, cell["width"], cell["depths"], *size)
    fine = np.linspace(LOW, HIGH, 421)
    edges = np.linspace(LOW, HIGH, 43)
    return {
        "top": top,
        "fourth": fourth,
        "logs": own.spectra(*law, cell["width"], (cell["depth"],), *size),
        "edge": np.array([
            float(singular_value_edge(law[0], d, law[1], cell["sigma_b"])) for d in cell["depths"]
        ]),
        "fine": fine,
        "density": own.law_curve(*law, cell["depth"], fine),
        "shares": own.law_shares(*law, cell["depth"], edges),
    }


def summarize(config: Config, results: Results) -> Summary:
    """Say how well the law is met, and what depth does to the singular values."""
    from gradchain.experiments import isometry_records as records
    from gradchain.figures.isometry_pictures import pictures
    from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents

    widths = {*LYAPUNOV, config.narrow}
    exact = {width: gaussian_lyapunov_exponents(width) for width in widths}
    numbers = []
    for what, laws in CITED.items():
        for activation, weights in laws:
            numbers += _measured(config, results, activation, weights).numbers(what)
    deepest = results["deep_identity_gaussian"]["logs"][:, -1]
    numbers += records.span_numbers(deepest, config.deep[-1], results.seed)
    for width, depth in config.products:
        arrays = results[f"lyapunov_{width}"]
        found = (arrays["values"], arrays["errors"], depth, BLOCKS, results.seed)
        numbers += records.exponent_numbers(width, *found)
    numbers += records.paper_numbers()
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, exact),
        seen=_seen(config, results, exact),
        figures=pictures(config, results, LAWS, exact),
    )


def _measured(config: Config, results: Results, activation: str, weights: str):
    from gradchain.experiments.isometry_records import Measured

    arrays = results[f"law_{activation}_{weights}"]
    place = config.depths.index(config.depth)
    return Measured(
        activation, weights, config.width, config.depth, arrays["top"][:, place],
        arrays["fourth"][:, place], arrays["logs"][:, 0], results.seed,
    )  # fmt: skip


def _bins(config: Config, results: Results, activation: str, weights: str):
    """Return the bins, predicted shares, measured ones, and their standard errors."""
    import numpy as np

    arrays, edges = results[f"law_{activation}_{weights}"], results["bins"]["edges"]
    logs = arrays["logs"][:, 0] / np.log(10)
    shares = np.stack([np.histogram(row, edges)[0] / row.size for row in logs])
    error = shares.std(axis=0, ddof=1) / len(shares) ** 0.5
    return edges, arrays["shares"], shares.mean(axis=0), error


def _seen(config: Config, results: Results, exact: dict) -> list[str]:
    import numpy as np

    stem, deep = f"depth{config.depth}", config.deep[-1]
    z = np.concatenate([
        (results[f"lyapunov_{width}"]["values"] - exact[width])
        / results[f"lyapunov_{width}"]["errors"]
        for width in LYAPUNOV
    ])
    return [
        "Critical means that the mean square of the singular values is 1. It does not mean that they are "
        f"near 1: after {config.depth} relu layers with Gaussian weights "
        f"{{spectrum.relu.gaussian.{stem}.aboveone.measured}} of them lie above 1 (predicted "
        f"{{spectrum.relu.gaussian.{stem}.aboveone.predicted}}), and their mean fourth power is "
        f"{{spectrum.relu.gaussian.{stem}.fourth.measured}} (predicted "
        f"{{spectrum.relu.gaussian.{stem}.fourth.predicted}} for infinite width and, exactly, "
        f"{{spectrum.relu.gaussian.{stem}.fourth.atwidth}} for width {config.width}).",
        f"The largest singular value of {config.depth} linear layers with Gaussian weights is "
        f"{{spectrum.linear.gaussian.{stem}.edge.measured}}, near its edge at infinite width of "
        f"{{spectrum.linear.gaussian.{stem}.edge.predicted}}, although each layer has norm 2.",
        "Orthogonal weights keep all singular values at 1 in linear networks. In relu networks they do "
        f"not: the largest is {{spectrum.relu.orthogonal.{stem}.edge.measured}} after {config.depth} "
        f"layers (predicted {{spectrum.relu.orthogonal.{stem}.edge.predicted}}), and at infinite "
        "width half of them are 0.",
        f"In tanh networks with sigma_b = {BIAS['tanh']:g}, "
        f"{{spectrum.tanh.gaussian.{stem}.aboveone.measured}} of the singular values lie above 1 with "
        "Gaussian weights and "
        f"{{spectrum.tanh.orthogonal.{stem}.aboveone.measured}} with orthogonal ones (predicted "
        f"{{spectrum.tanh.gaussian.{stem}.aboveone.predicted}} and "
        f"{{spectrum.tanh.orthogonal.{stem}.aboveone.predicted}}).",
        f"After {deep} linear layers with Gaussian weights the largest singular value lies "
        f"{{spectrum.linear.gaussian.depth{deep}.span.measured}} nats above the smallest (predicted "
        f"{{spectrum.linear.gaussian.depth{deep}.span.predicted}}).",
        "Products of Gaussian matrices grow at Newman's exact rates: for width 2 the largest exponent is "
        "{lyapunov.gaussian.width2.top.measured}, exactly {lyapunov.gaussian.width2.top.predicted}; the "
        "smallest is {lyapunov.gaussian.width2.bottom.predicted} at every width, measured "
        "{lyapunov.gaussian.width100.bottom.measured} at width 100. Of "
        f"{z.size} exponents {int((np.abs(z) > 2).sum())} lie more than 2 standard errors off.",
        "Pennington et al. give {spectrum.pennington.bias.reported} as the sigma_b^2 of a critical tanh "
        "network of their paper; recomputed it is {spectrum.pennington.bias.predicted}.",
    ]


def _tables(config: Config, results: Results, exact: dict) -> list[Table]:
    import numpy as np

    from gradchain.experiments.isometry import law_of
    from gradchain.experiments.isometry_records import NAMES
    from gradchain.predicted.finite_width_moments import second_moments

    place = config.depths.index(config.depth)
    rows, bins = [], []
    for weights, activation in LAWS:
        edges, theory, shares, error = _bins(config, results, activation, weights)
        name = NAMES[activation]
        for k, share in enumerate(shares):
            bins.append((name, weights, *(float(v) for v in (
                edges[k], edges[k + 1], theory[k], share, error[k]
            ))))  # fmt: skip
        arrays = results[f"law_{activation}_{weights}"]
        law = law_of(activation, weights, config.depth)
        fourth, at_width = float(law.moments(2).value[1]), None
        if weights == "gaussian" and activation != "tanh":
            at_width = second_moments(activation, config.width, config.depth).trace_of_square
        for what, predicted, finite, found in (
            ("largest s", arrays["edge"][place], None, arrays["top"][:, place]),
            ("mean of s^4", fourth, at_width, arrays["fourth"][:, place]),
        ):
            mean, spread = found.mean(), found.std(ddof=1) / len(found) ** 0.5
            texts = [
                f"{(mean - value) / spread:+.1f}" if value is not None and spread > 1e-4 else ""
                for value in (predicted, finite)
            ]
            rows.append((
                name, weights, what, f"{predicted:.3f}", "" if finite is None else f"{finite:.3f}",
                f"{mean:.3f}", f"{spread:.3f}", *texts,
            ))  # fmt: skip
    products = []
    for width, depth in config.products:
        arrays = results[f"lyapunov_{width}"]
        for k in sorted({0, width // 2, width - 1}):
            value, size = float(arrays["values"][k]), float(arrays["errors"][k])
            own = float(exact[width][k])
            texts = (f"{own:+.5f}", f"{value:+.5f}", f"{size:.5f}", f"{(value - own) / size:+.1f}")
            products.append((width, depth, k + 1, *texts))
    top = [
        (NAMES[activation], weights, depth, float(edge), float(np.mean(found)), float(np.std(found)))
        for weights, activation in LAWS
        for depth, edge, found in zip(
            config.depths, results[f"law_{activation}_{weights}"]["edge"],
            results[f"law_{activation}_{weights}"]["top"].T, strict=True,
        )
    ]  # fmt: skip
    return [
        Table(
            "spectra",
            f"{config.depth} layers: predicted for infinite width and, where there is a law, for width "
            f"{config.width}; measured over {config.draws} networks; z = (measured - predicted) / "
            "standard error",
            ("activation", "weights", "quantity", "infinite width", f"width {config.width}", "measured",
             "standard error", "z, infinite width", f"z, width {config.width}"),
            rows,
        ),
        Table(
            "exponents",
            "Lyapunov exponents of Gaussian products, nats a factor, beside Newman's",
            ("width", "factors", "place", "exact", "measured", "standard error", "z"),
            products,
        ),
        Table(
            "largest",
            "Largest singular value by depth: edge, mean and standard deviation over networks",
            ("activation", "weights", "depth", "edge", "mean", "standard deviation"),
            top,
            show=False,
        ),
        Table(
            "bins",
            "Share of all singular values by bin of log10 s: predicted, measured, standard error",
            ("activation", "weights", "from", "to", "predicted", "measured", "standard error"),
            bins,
            show=False,
        ),
    ]  # fmt: skip


STUDY = Study(
    name="isometry",
    title="Dynamical isometry",
    question="How far do the singular values of deep networks spread, and what do orthogonal weights do?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=320,
)

if __name__ == "__main__":
    main(STUDY)
