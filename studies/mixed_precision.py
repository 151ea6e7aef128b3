"""At which depth does float16, bfloat16 or float32 lose the gradient, and what does a loss scale save?

True gradients against the floors of the number types; the share of entries that a type loses, layer by
layer, predicted from the true gradient and counted in passes run in the type; layers saved by a loss
scale.

    python studies/mixed_precision.py [--scale smoke|lecture|paper] [--depth 70] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ACTIVATIONS = ("sigmoid", "tanh", "relu")
SCALED = ("float16", 0), ("float16", 8), ("float16", 16), ("bfloat16", 0), ("float32", 0)


@dataclass(frozen=True)
class Config:
    """How wide, how deep, how many networks."""

    width: int = field(default=64, metadata={"help": "Units a layer."})
    depth: int = field(default=70, metadata={"help": "Hidden layers."})
    batch: int = field(default=32, metadata={"help": "Examples."})
    seeds: int = field(default=64, metadata={"help": "Networks of each activation."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        for name, low, high in (("width", 2, 512), ("depth", 20, 300), ("batch", 1, 512)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        if not 6 <= self.seeds <= 2000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 2000"
            )


SCALES = {
    "smoke": Config(width=32, batch=8, seeds=16),
    "lecture": Config(),
    "paper": Config(width=128, depth=80, seeds=512),
}


def cells(config: Config) -> list[Cell]:
    """For each activation one float64 pass, and one cell of passes run in the types."""
    size = {name: getattr(config, name) for name in ("width", "depth", "batch", "seeds")}
    return [
        Cell(f"{activation}_{what}", {"activation": activation} | size)
        for activation in ACTIVATIONS
        for what in ("truth", "measured")
    ]


def _sizes(cell: Cell):
    from gradchain.experiments.mixed_precision import Sizes

    return Sizes(cell["width"], cell["depth"], cell["batch"], cell["seeds"], cell.seed)


def _runs(activation: str) -> list[tuple[str, int]]:
    from gradchain.experiments.mixed_precision_numbers import EXPONENTS

    scales = EXPONENTS if activation == "sigmoid" else (0,)
    return [*(("float16", s) for s in scales), ("bfloat16", 0), ("float32", 0)]


def compute(cell: Cell) -> dict[str, object]:
    """Compute true gradients and what floors lose, or count what passes in the types lose."""
    import numpy as np

    from gradchain.experiments import mixed_precision
    from gradchain.experiments.mixed_precision_numbers import all_floors

    activation, sizes = cell["activation"], _sizes(cell)
    if cell.name.endswith("truth"):
        return mixed_precision.truth(activation, sizes, all_floors())._asdict()
    found = [mixed_precision.measured(activation, sizes, *run) for run in _runs(activation)]
    return {
        "zero": np.stack([counts.zero for counts in found]),
        "wrong": np.stack([counts.wrong for counts in found]),
    }


def _networks(results: Results) -> dict:
    from gradchain.experiments.mixed_precision import Counts, Truth
    from gradchain.experiments.mixed_precision_records import Networks

    found = {}
    for cell in results.cells:
        if not cell.name.endswith("truth"):
            continue
        name = cell["activation"]
        arrays = results[f"{name}_measured"]
        runs = zip(_runs(name), arrays["zero"], arrays["wrong"], strict=True)
        counts = {run: Counts(zero, wrong) for run, zero, wrong in runs}
        found[name] = Networks(name, _sizes(cell), Truth(**results[cell.name]), counts)
    return found


def summarize(config: Config, results: Results) -> Summary:
    """Say how many layers each type keeps, and how many a loss scale saves."""
    from gradchain.experiments.mixed_precision_records import limit_numbers, network_numbers

    nets = _networks(results)
    numbers = [*limit_numbers()]
    for networks in nets.values():
        numbers += network_numbers(networks)
    known = {number.key for number in numbers}
    stem = "mixedprecision.sigmoid"
    seen = [
        "float16 ends at {mixedprecision.float16.normal} for normal and at "
        "{mixedprecision.float16.subnormal} for subnormal numbers, bfloat16 at "
        "{mixedprecision.bfloat16.normal} and {mixedprecision.bfloat16.subnormal}, float32 at "
        "{mixedprecision.float32.normal} and {mixedprecision.float32.subnormal}.",
        "Towards the input a sigmoid layer with Glorot weights costs the gradient "
        f"{{{stem}.bits}} bits. After {config.depth} layers the first kernel's gradient is "
        f"{{{stem}.first.gradient}}; in tanh networks it is {{mixedprecision.tanh.first.gradient}}, in "
        "ReLU networks with He weights {mixedprecision.relu.first.gradient}. Only the sigmoid needs a "
        "loss scale against vanishing.",
        f"Cast to float16, the true gradient survives in {{{stem}.float16.cast.layers}} layers next to "
        f"the output; with both passes run in float16, in {{{stem}.float16.measured.layers}}: error "
        "signals are lost a little before the gradients.",
        f"A loss scale of 2^16 saves {{{stem}.float16.scale16.measured.saved}} layers, as counted in "
        f"float16; its 16 bits divided by the bits lost a layer are "
        f"{{{stem}.float16.scale16.predicted.saved}}. A loss scale of 2^8 saves "
        f"{{{stem}.float16.scale8.measured.saved}}. It buys a fixed number of layers; it does not cure "
        "the decay.",
        f"The scale cannot grow at will: float16 overflows beyond {{{stem}.float16.largest.scale}}.",
    ]
    if f"{stem}.float32.flushed.layers" in known and f"{stem}.bfloat16.measured.layers" in known:
        seen.insert(
            3,
            "bfloat16 has the exponents of float32 and keeps "
            f"{{{stem}.bfloat16.measured.layers}} layers, float32 {{{stem}.float32.measured.layers}}, "
            "where subnormal numbers are flushed to 0, as on this CPU: fewer bits of precision cost no "
            "depth, fewer bits of exponent do.",
        )
    return Summary(
        numbers=numbers,
        tables=_tables(results, nets, known),
        seen=seen,
        figures=[_floors(config, nets), _lost(config, nets), _saved(config, nets)],
    )


def _label(dtype: str, exponent: int) -> str:
    return f"{dtype}, loss scale 2^{exponent}" if exponent else dtype


def _cast(networks, dtype: str, exponent: int):
    """Return mean shares lost by a cast, as this machine flushes, the layer next to the output first."""
    from gradchain.experiments.mixed_precision_numbers import cast_shares

    # XLA's CPU flushes what is subnormal in float32, and so all that is subnormal in bfloat16.
    flushed = dtype != "float16"
    return cast_shares(networks.found, dtype, flushed, exponent).mean(axis=0)[::-1]


def _counted(networks, dtype: str, exponent: int):
    from gradchain.experiments.mixed_precision import lost_shares

    return lost_shares(networks.counts[dtype, exponent], networks.found.zero).mean(axis=0)[::-1]


def _tables(results: Results, nets: dict, known: set[str]) -> list[Table]:
    from gradchain.experiments.mixed_precision import TYPES

    def cite(key: str) -> str:
        return f"{{{key}}}" if key in known else "all of them"

    limits, kept = [], []
    for dtype in TYPES:
        ends = (f"{{mixedprecision.{dtype}.{name}}}" for name in ("normal", "subnormal", "largest"))
        limits.append((dtype, *ends))
        stem = f"mixedprecision.sigmoid.{dtype}"
        flushed = cite(f"{stem}.flushed.layers") if dtype != "float16" else "not flushed"
        kept.append((dtype, cite(f"{stem}.cast.layers"), flushed, cite(f"{stem}.measured.layers")))
    scale = "mixedprecision.sigmoid.float16.scale"
    saved = [
        (f"2^{s}", *(f"{{{scale}{s}.{by}.saved}}" for by in ("predicted", "cast", "measured")))
        for s in (8, 16)
    ]
    shares = [
        (name, _label(dtype, s), layer + 1, float(cast), float(own))
        for name, networks in nets.items()
        for dtype, s in SCALED
        if (dtype, s) in networks.counts
        for layer, (cast, own) in enumerate(
            zip(_cast(networks, dtype, s), _counted(networks, dtype, s), strict=True)
        )
    ]
    return [
        Table(
            "limits",
            "Where the number types end",
            ("type", "smallest normal", "smallest subnormal", "largest"),
            limits,
        ),
        Table(
            "layers",
            "Layers next to the output that keep at least half of their gradient entries in sigmoid "
            "networks, without loss scale",
            ("type", "cast, subnormals kept", "cast, subnormals flushed", "computed in the type"),
            kept,
        ),
        Table(
            "saved",
            "Layers that a loss scale saves in float16 (sigmoid networks)",
            ("loss scale", "bits / bits a layer", "cast", "computed in float16"),
            saved,
        ),
        Table(
            "shares",
            "Share of gradient entries lost, by layers back from the output (means)",
            ("activation", "type", "layers back", "cast", "computed"),
            shares,
            show=False,
        ),
    ]


def _floors(config: Config, nets: dict):
    import numpy as np

    from gradchain.experiments.mixed_precision import LAWS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.mixed_precision import draw_floors

    two = float(np.log10(2.0))
    ends = [
        (-14 * two, "float16 normal"),
        (-24 * two, "float16 subnormal"),
        (-126 * two, "bfloat16, float32\nnormal"),
        (-149 * two, "float32 subnormal"),
    ]

    def curves() -> dict:
        shift = float(np.log2(config.width))
        return {
            f"{name}, {LAWS[name].replace('_', ' ')}": (own.found.log2_norms[:, ::-1] - shift) * two
            for name, own in nets.items()
        }

    return Picture(
        "floors",
        "True gradients and the floors of number types",
        lambda: draw_floors(curves(), ends),
        alt=alt_text(
            "Line chart",
            "the root mean square entry of each kernel's gradient against the number of layers back from "
            "the output, on a scale of powers of ten, with the smallest numbers of float16, bfloat16 and "
            "float32",
            f"{config.seeds} networks each, width {config.width}; bands hold 90 % of them",
            "Sigmoid falls on a straight line, {mixedprecision.sigmoid.bits} bits a layer, below the "
            "floor of float16 within some ten layers and below that of float32 near the end. Tanh and "
            "ReLU stay level.",
        ),
        caption="Where a curve goes below a dotted line, that type holds zeros. bfloat16 and float32 "
        "share their exponents, and so almost their floor.",
    )


def _lost(config: Config, nets: dict):
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.mixed_precision import draw_lost

    own = nets["sigmoid"]
    cast = {_label(*run): _cast(own, *run) for run in SCALED}
    counted = {_label(*run): _counted(own, *run) for run in SCALED}
    return Picture(
        "lost",
        "Which share of the gradient becomes zero",
        lambda: draw_lost(cast, counted),
        alt=alt_text(
            "Line chart",
            "the share of gradient entries that become 0 against the number of layers back from the "
            "output, for float16 without and with loss scale, bfloat16 and float32",
            f"{config.seeds} sigmoid networks of width {config.width}; lines: the true gradient cast; "
            "markers: passes run in the type",
            "Every curve climbs from 0 to 1 within a few layers. float16 computed passes one half at "
            "{mixedprecision.sigmoid.float16.measured.layers} layers, with a loss scale of 2^16 "
            "{mixedprecision.sigmoid.float16.scale16.measured.saved} layers later.",
        ),
        caption="Lines: what a cast of the true gradient loses. Markers: what passes run in the type "
        "lose, a little more, since error signals are rounded on the way.",
    )


def _saved(config: Config, nets: dict):
    import numpy as np

    from gradchain.experiments.mixed_precision import bits_a_layer
    from gradchain.experiments.mixed_precision_numbers import EXPONENTS
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.mixed_precision import draw_saved

    own = nets["sigmoid"]

    def saved(by: str):
        rows = [own.kept("float16", s, by) for s in EXPONENTS]
        return np.stack(rows, 1) - rows[0][:, None]

    def curves() -> dict:
        return {"true gradient cast": saved("cast"), "computed in float16": saved("measured")}

    bits = float(np.median(bits_a_layer(own.found.log2_norms)))
    largest = float(np.log2(65504.0) - np.median(own.found.log2_largest))
    return Picture(
        "saved",
        "How many layers a loss scale saves",
        lambda: draw_saved(EXPONENTS, bits, curves(), largest),
        alt=alt_text(
            "Line chart",
            "the number of layers saved in float16 against the loss scale",
            f"{config.seeds} sigmoid networks of width {config.width}; bands hold 90 % of them",
            "Predicted, cast and computed values lie on one straight line through 0: 2^16 saves "
            "{mixedprecision.sigmoid.float16.scale16.measured.saved} layers. The line ends where float16 "
            "overflows, near {mixedprecision.sigmoid.float16.largest.scale}.",
        ),
        caption="A loss scale of s bits saves s divided by the bits lost a layer, whatever the depth.",
    )


STUDY = Study(
    name="mixed_precision",
    title="Mixed precision",
    question="At which depth does a number type lose the gradient, and what does a loss scale save?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=190,
)

if __name__ == "__main__":
    main(STUDY)
