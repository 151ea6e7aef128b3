"""How does a saturating unit lose its gradient: with |x|, with the weights, with the bias?

The slopes of saturating activations far from zero, and where plain float32 autodiff gives up on them;
sigmoid and tanh networks at weight scales from 0.1 to 1000, and with the same bias in every unit.

    python studies/saturation.py [--scale smoke|lecture|paper] [--widths 1 10 100] [--seeds 100]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

NETWORKS = ("sigmoid", "tanh")
SHOWN = (1.0, 3.0, 10.0, 30.0)
BIAS_SCALES = (1.0, 10.0)
BIASES = tuple(float(b) for b in range(-12, 13))
FAR = 20.0


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    widths: tuple[int, ...] = field(default=(1, 10, 30, 100), metadata={"help": "Units a layer."})
    depth: int = field(default=20, metadata={"help": "Layers of each network."})
    seeds: int = field(default=100, metadata={"help": "Networks of each width."})
    points: int = field(default=401, metadata={"help": "Points of each slope curve."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not self.widths or not all(1 <= width <= 300 for width in self.widths):
            raise UsageError(f"widths {self.widths}: expected whole numbers from 1 to 300")
        if list(self.widths) != sorted(set(self.widths)) or len(self.widths) > 5:
            raise UsageError(f"widths {self.widths}: expected up to 5 increasing numbers")
        if not 2 <= self.depth <= 200:
            raise UsageError(f"depth {self.depth}: expected 2 to 200")
        if not 6 <= self.seeds <= 2000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 2000"
            )
        if not 101 <= self.points <= 100_001:
            raise UsageError(f"points {self.points}: expected 101 to 100001")


SCALES = {
    "smoke": Config(widths=(10, 30), seeds=20),
    "lecture": Config(),
    "paper": Config(widths=(1, 10, 30, 100, 300), seeds=200, points=2001),
}


def cells(config: Config) -> list[Cell]:
    """One cell for the curves, one a width, one for the bias."""
    size = {"depth": config.depth, "seeds": config.seeds}
    found = [Cell("slopes", {"points": config.points})]
    found += [Cell(f"scales_w{width}", {"width": width} | size) for width in config.widths]
    # Bands over fewer networks do: the curves hardly differ from one to the next.
    size["seeds"] = max(6, config.seeds // 4)
    return [*found, Cell(f"bias_w{config.widths[-1]}", {"width": config.widths[-1]} | size)]


def compute(cell: Cell) -> dict[str, object]:
    """Take the slopes of all saturating activations, or follow the networks of one width."""
    import numpy as np

    from gradchain.experiments import saturation
    from gradchain.experiments.saturation_numbers import SCALES as GRID

    if cell.name == "slopes":
        x = np.linspace(0.0, FAR, cell["points"])
        zeros = [saturation.autodiff_zero_from(name) for name in NETWORKS]
        slopes = saturation.slope_curves(saturation.SATURATING, x)
        return {"x": x, "slopes": slopes, "zeros": np.array(zeros)}
    scales, biases = GRID, (0.0,) * len(GRID)
    if cell.name.startswith("bias"):
        scales = tuple(scale for scale in BIAS_SCALES for _ in BIASES)
        biases = BIASES * len(BIAS_SCALES)
    size = (cell["width"], cell["depth"], cell["seeds"], cell.seed)
    return saturation.scale_sweep(NETWORKS, scales, biases, *size)._asdict()


def summarize(config: Config, results: Results) -> Summary:
    """Say where the gradient is lost, and at which weight scale most of it passes."""
    from gradchain.experiments.saturation_records import (
        autodiff_numbers,
        network_numbers,
        neuron_numbers,
    )

    nets = _networks(config, results)
    wide = config.widths[-1]
    numbers = [*neuron_numbers(), *network_numbers(list(nets.values()), SHOWN)]
    for name, (x, slope) in zip(NETWORKS, results["slopes"]["zeros"], strict=True):
        numbers += autodiff_numbers(name, float(x), float(slope))
    factors = _bias_curves(config, results)
    for name in NETWORKS:
        rows = factors[name][BIAS_SCALES[0]]
        for bias in (-5.0, 5.0):
            log10_factor = rows[:, BIASES.index(bias)]
            numbers.append(nets[name, wide].biased(BIAS_SCALES[0], bias, log10_factor))
    known = {number.key for number in numbers}
    stem = f"saturation.sigmoid.width{wide}"
    seen = [
        "Far from zero the slope of sigmoid and tanh dies exponentially, that of softsign only like "
        "1/x^2; the slope of hard sigmoid drops to 0 at |x| = 3, that of hard tanh at |x| = 1.",
        "Plain float32 autodiff of sigmoid says exactly 0 from x = "
        "{saturation.sigmoid.autodiff.float32.zero} on, although the true slope there is "
        "{saturation.sigmoid.autodiff.float32.lost}; of tanh from "
        "{saturation.tanh.autodiff.float32.zero} on. Such a zero was rounded, it has not vanished.",
        "Larger weights saturate more units: in sigmoid networks a share of "
        f"{{{stem}.scale3.saturated.share}} at sigma_w = 3, {{{stem}.scale30.saturated.share}} at "
        "sigma_w = 30.",
        "And yet larger weights pass more gradient, up to a point: a layer keeps "
        f"{{{stem}.scale1.factor.median}} of it at sigma_w = 1 and {{{stem}.scale10.factor.median}} "
        "at sigma_w = 10. The weight outgrows what saturation takes, as long as a few units are "
        "left in their steep part.",
        "The best weight scale grows with the width: sigma_w = "
        + ", ".join(
            f"{{saturation.sigmoid.width{width}.best.scale}} for {_units(width)}"
            for width in config.widths
        )
        + ". It is about the number of units; beyond, hardly any unit is left unsaturated.",
        "At its best scale a sigmoid layer keeps "
        + ", ".join(
            f"{{saturation.sigmoid.width{width}.best.factor}} of a gradient with {_units(width)}"
            for width in config.widths
        )
        + ". Where this is below 1, no weight scale can keep the gradient.",
        "A bias saturates, too: at sigma_w = 1 the factor a layer falls to "
        f"{{{stem}.scale1.biasplus5.factor}} with the bias 5 in every sigmoid unit.",
        "A single sigmoid neuron lets a gradient pass undiminished for the widest range of inputs at "
        "the weight {sigmoid.neuron.window.weight}, and this range is only "
        "{sigmoid.neuron.window.length} wide.",
    ]
    if f"{stem}.critical.scale" in known:
        seen.insert(
            5,
            f"With {_units(wide)} the sigmoid keeps its gradient from sigma_w = "
            f"{{{stem}.critical.scale}} on, tanh from "
            f"{{saturation.tanh.width{wide}.critical.scale}} on. Below, it vanishes; above, it "
            "grows, until too many units are saturated.",
        )
    return Summary(
        numbers=numbers,
        tables=_tables(config, results, known),
        seen=seen,
        figures=[
            _tails(results),
            _scales(config, results, nets),
            _shares(config, results),
            _biases(config, factors),
        ],
    )


def _units(width: int) -> str:
    return f"{width} unit" if width == 1 else f"{width} units"


def _networks(config: Config, results: Results) -> dict:
    from gradchain.experiments.saturation import Scales
    from gradchain.experiments.saturation_records import Networks

    found = {}
    for name in NETWORKS:
        for width in config.widths:
            arrays = results[f"scales_w{width}"]
            sweep = Scales(arrays["log10_factor"], arrays["saturated"])
            found[name, width] = Networks(sweep, name, width, config.depth, results.seed)
    return found


def _bias_curves(config: Config, results: Results) -> dict:
    logs = results[f"bias_w{config.widths[-1]}"]["log10_factor"]
    count = len(BIASES)
    return {
        name: {
            scale: logs[:, place, k * count : (k + 1) * count]
            for k, scale in enumerate(BIAS_SCALES)
        }
        for place, name in enumerate(NETWORKS)
    }


def _tables(config: Config, results: Results, known: set[str]) -> list[Table]:
    import numpy as np

    from gradchain.experiments.saturation_numbers import SCALES as GRID

    def cite(key: str, otherwise: str) -> str:
        return f"{{{key}}}" if key in known else otherwise

    rows, scales = [], []
    for name in NETWORKS:
        for width in config.widths:
            stem = f"saturation.{name}.width{width}"
            best = (f"{{{stem}.best.scale}}", f"{{{stem}.best.factor}}")
            rows.append((name, width, *best, cite(f"{stem}.critical.scale", "never")))
        stem = f"saturation.{name}.width{config.widths[-1]}.scale"
        scales += [
            (
                name,
                f"{s:g}",
                f"{{{stem}{s:g}.factor.median}}",
                cite(f"{stem}{s:g}.saturated.share", "less than 1 in 1000"),
            )
            for s in SHOWN
        ]
    data = [
        (name, width, sigma_w, float(factor), float(share))
        for place, name in enumerate(NETWORKS)
        for width in config.widths
        for sigma_w, factor, share in zip(
            GRID,
            np.median(results[f"scales_w{width}"]["log10_factor"][:, place], axis=0),
            results[f"scales_w{width}"]["saturated"][:, place].mean(axis=0),
            strict=True,
        )
    ]
    return [
        Table(
            "best",
            f"Weight scale that passes the most gradient through {config.depth} layers, the factor a "
            "layer there, and the scale from which a gradient keeps its size (medians)",
            ("activation", "width", "best sigma_w", "factor there", "factor 1 from sigma_w"),
            rows,
        ),
        Table(
            "scales",
            f"Gradient factor a layer and saturated units at width {config.widths[-1]}",
            ("activation", "sigma_w", "factor a layer", "share of saturated units"),
            scales,
        ),
        Table(
            "curves",
            "log10 of the median factor a layer, and the mean share of saturated units",
            ("activation", "width", "sigma_w", "log10 factor", "saturated"),
            data,
            show=False,
        ),
    ]


def _tails(results: Results):
    import numpy as np

    from gradchain.experiments.saturation import SATURATING
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.saturation import draw_tails

    arrays = results["slopes"]
    slopes = dict(zip(SATURATING, arrays["slopes"], strict=True))
    pairs = zip(NETWORKS, arrays["zeros"], strict=True)
    zeros = {name: (float(x), float(np.log10(slope))) for name, (x, slope) in pairs}
    return Picture(
        "slopes",
        "How the slope dies with |x|",
        lambda: draw_tails(arrays["x"], slopes, zeros),
        alt=alt_text(
            "Line chart",
            f"the slope of {', '.join(SATURATING)} against |x|, on a scale of powers of ten",
            "float64 curves; stars: measured in float32",
            "Sigmoid and tanh fall on straight lines, tanh twice as steep, erf faster than any "
            "line, softsign slowly; the hard ones drop to 0. Stars mark where float32 autodiff says "
            "0: x = {saturation.sigmoid.autodiff.float32.zero} for sigmoid, "
            "{saturation.tanh.autodiff.float32.zero} for tanh.",
        ),
        caption="A straight line on this scale is exponential decay. Behind the stars plain float32 "
        "autodiff gives exactly 0, though the slope is far from too small for float32.",
    )


def _scales(config: Config, results: Results, nets: dict):
    import numpy as np

    from gradchain.experiments.saturation import peak
    from gradchain.experiments.saturation_numbers import scale_grid
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.saturation import draw_scales

    grid = scale_grid()
    panels = {n: {w: nets[n, w].curves for w in config.widths} for n in NETWORKS}
    best = {key: peak(grid, np.median(found.curves, axis=0)) for key, found in nets.items()}
    said = ", ".join(
        f"{{saturation.sigmoid.width{width}.best.scale}} at width {width}"
        for width in config.widths
    )
    return Picture(
        "weight_scale",
        "Which weight scale passes the most gradient",
        lambda: draw_scales(grid, panels, best),
        alt=alt_text(
            "Line chart, two panels,",
            "the gradient factor a layer against the weight scale sigma_w, both on scales of powers "
            "of ten, for sigmoid and tanh and several widths",
            f"{config.seeds} networks of {config.depth} layers a width; bands hold 90 % of them",
            f"Every curve rises, has one top and falls. The tops of sigmoid lie at sigma_w = {said}.",
        ),
        caption="Above the dark line gradients grow, below they vanish. The wider the layers, the "
        "larger the best weight scale; narrow sigmoid layers never reach 1.",
    )


def _shares(config: Config, results: Results):
    from gradchain.experiments.saturation_numbers import scale_grid
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.saturation import draw_shares

    wide = config.widths[-1]
    rows = results[f"scales_w{wide}"]["saturated"]
    stem = f"saturation.sigmoid.width{wide}.scale"
    return Picture(
        "saturated_units",
        "How many units are saturated",
        lambda: draw_shares(scale_grid(), {n: rows[:, k] for k, n in enumerate(NETWORKS)}),
        alt=alt_text(
            "Line chart",
            "the share of saturated units against the weight scale sigma_w, from 0.1 to 1000",
            f"{config.seeds} networks of width {wide}; a unit is saturated if its slope is below 1 % "
            "of the largest",
            f"For sigmoid the share rises from {{{stem}3.saturated.share}} at sigma_w = 3 to "
            f"{{{stem}30.saturated.share}} at 30; tanh saturates at smaller weights.",
        ),
        caption="A unit counts as saturated where its slope is below 1 % of its largest value.",
    )


def _biases(config: Config, factors: dict):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.saturation import draw_biases

    wide = config.widths[-1]
    panels = {
        name: {f"sigma_w = {scale:g}": logs for scale, logs in curves.items()}
        for name, curves in factors.items()
    }
    stem = f"saturation.{{}}.width{wide}.scale1.biasplus5.factor"
    return Picture(
        "bias",
        "What a bias takes",
        lambda: draw_biases(BIASES, panels),
        alt=alt_text(
            "Line chart, two panels,",
            "the gradient factor a layer against the bias of every unit, for sigmoid and tanh at two "
            "weight scales",
            f"{max(6, config.seeds // 4)} networks of width {wide} and {config.depth} layers",
            "With sigma_w = 1 the factor falls exponentially on both sides of 0: to "
            f"{{{stem.format('sigmoid')}}} for sigmoid and {{{stem.format('tanh')}}} for tanh at the "
            "bias 5. With sigma_w = 10 it changes little, but for sigmoid units with a negative "
            "bias, which are switched off together.",
        ),
        caption="With small weights a bias moves every unit into its flat part. Large weights spread "
        "the units wider than that, unless sigmoid units are all switched off (left, negative bias).",
    )


STUDY = Study(
    name="saturation",
    title="Saturation",
    question="How does a saturating unit lose its gradient, and which weights keep most of it?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=40,
)

if __name__ == "__main__":
    main(STUDY)
