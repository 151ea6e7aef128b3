"""Whisper down the chain: what is left of 1 after n equal factors c?

The smallest model of a deep gradient: every layer multiplies by the same c. All is exact: the
powers are fractions, the depths are counted on integers, and a float type is emulated bit by bit.

    python studies/whisper_chain.py [--scale smoke|lecture|paper] [--factors 0.5 0.9] [--depth 400]
"""

from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

TYPES = ("float16", "bfloat16", "float32", "float64")
TENTHS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0", "1.1")
PEOPLE = 50  # the party of the whispering game, and the depth that lecturers ask about
MAX_DEPTH = 20_000


@dataclass(frozen=True)
class Config:
    """Which factors, and how deep the chain is drawn."""

    factors: tuple[str, ...] = field(
        default=TENTHS, metadata={"help": "Factors c, as decimals; 0.1, 0.5 and 0.9 among them."}
    )
    depth: int = field(default=400, metadata={"help": "How many factors are drawn."})

    def __post_init__(self) -> None:
        """Refuse factors and depths that cannot be drawn."""
        known = names()
        if not PEOPLE <= self.depth <= MAX_DEPTH:
            raise UsageError(f"depth {self.depth}: expected {PEOPLE} to {MAX_DEPTH}")
        unknown = [text for text in self.factors if text not in known]
        if unknown:
            raise UsageError(f"factor {unknown[0]!r}: expected among {', '.join(known)}")
        if not {"0.1", "0.5", "0.9"} <= set(self.factors):
            raise UsageError("factors: expected 0.1, 0.5 and 0.9 among them, the text needs them")
        if len(set(self.factors)) != len(self.factors):
            raise UsageError("factors: expected each only once")


def names() -> dict[str, str]:
    """Return the names of the factors in keys, by their decimals; 1.0 needs none."""
    from gradchain.registry.catalogue_chains import FACTORS, decimal

    found = {decimal(factor): name for name, factor in FACTORS.items()} | {"1.0": ""}
    return dict(sorted(found.items()))


SCALES = {
    "smoke": Config(factors=("0.1", "0.5", "0.9", "1.0", "1.1"), depth=100),
    "lecture": Config(),
    "paper": Config(depth=1200),
}


def cells(config: Config) -> list[Cell]:
    """One cell a factor."""
    return [Cell(f"c{text}", {"factor": text, "depth": config.depth}) for text in config.factors]


def compute(cell: Cell) -> dict[str, object]:
    """Take exact powers of one factor, and count where each float type loses them."""
    import math
    from fractions import Fraction

    import numpy as np

    from gradchain.certify import rational

    text = cell["factor"]
    factor = Fraction(text)
    power, logs = Fraction(1), []
    for _ in range(cell["depth"] + 1):
        # The logarithm of an integer of any size is accurate; a float of the power would underflow.
        logs.append(math.log10(power.numerator) - math.log10(power.denominator))
        power *= factor
    arrays: dict[str, object] = {"log10": np.asarray(logs)}
    if factor < 1:
        arrays["below"] = int(rational.depth_until_below(text, "1/100").value)
        for name in TYPES:
            arrays[f"lost_{name}"] = int(rational.lost_depth(text, name, True).value)
            # Above 1/2 the running product gets stuck; below, it reaches zero.
            arrays[f"stuck_{name}"] = int(rational.stuck_at(text, name).value)
            if not arrays[f"stuck_{name}"]:
                arrays[f"zero_{name}"] = int(rational.underflow_depth(text, name, True).value)
    return arrays


def summarize(config: Config, results: Results) -> Summary:
    """Put the exact depths beside each other and say what was seen."""
    numbers = _numbers(config, results)
    known = {number.key for number in numbers}

    def cite(key: str, otherwise: str) -> str:
        return f"{{{key}}}" if key in known else otherwise

    lost, running = [], []
    for text, name in ((text, names()[text]) for text in config.factors):
        left = cite(f"whisper.{name}.n{PEOPLE}", "1")
        below = cite(f"whisper.{name}.below.onepercent", "never")
        lost.append((
            text,
            left,
            below,
            *(cite(f"whisper.{name}.lost.{dtype}", "never") for dtype in TYPES),
        ))
        if f"underflow.{name}.float32" in known:
            running.append((text, *(f"zero from {{underflow.{name}.{d}}} on" for d in TYPES)))
        elif f"underflow.stuck.{name}.float32" in known:
            row = (f"stays at {{underflow.stuck.{name}.{d}}} x the smallest" for d in TYPES)
            running.append((text, *row))
    data = [
        (text, n, float(log10))
        for text in config.factors
        for n, log10 in enumerate(results[f"c{text}"]["log10"])
    ]
    return Summary(
        numbers=numbers,
        tables=[
            Table(
                "lost",
                "What is left after 50 factors c, the number of factors from which less than 1 % "
                "is left, and the number from which each float type writes the exact power as zero",
                ("c", "left after 50", "below 1 % from", *TYPES),
                lost,
            ),
            Table(
                "running",
                "The product taken step by step in each float type (gradual underflow): when it "
                "is zero, or where it gets stuck, in multiples of the smallest positive number",
                ("c", *TYPES),
                running,
            ),
            Table("powers", "log10 of c^n", ("c", "n", "log10"), data, show=False),
        ],
        seen=[
            "After 50 factors of 0.9 only {whisper.ninetenths.n50} is left; 50 factors of 0.5 leave "
            "{whisper.half.n50}. A factor that looks harmless once is not harmless often.",
            "Less than 1 % is left from {whisper.ninetenths.below.onepercent} factors of 0.9 on, and "
            "from {whisper.half.below.onepercent} factors of 0.5 on.",
            "Powers of 0.5 are too small for float16 from {whisper.half.lost.float16} factors on, "
            "for float32 from {whisper.half.lost.float32}, for float64 from "
            "{whisper.half.lost.float64}; in logarithms nothing is ever lost.",
            "Multiplied step by step in float32, a product of factors 0.9 never reaches zero: it "
            "stays at {underflow.stuck.ninetenths.float32} times the smallest positive number. "
            "What does not shrink any more is then rounding, not gradient.",
        ],
        figures=[_falling(config, results), _faint(config, results)],
    )


def _numbers(config: Config, results: Results) -> list:
    """Fill the catalogue's records of these factors with what the cells hold."""
    from gradchain._result import Result
    from gradchain.certify import rational
    from gradchain.registry import catalogue_chains, catalogue_floats

    drafts = [
        *catalogue_chains.whispers(),
        *catalogue_floats.losses(),
        *catalogue_floats.underflows(),
        *catalogue_floats.stuck_products(),
    ]
    arrays_of = {
        catalogue_chains.FACTORS[name]: results[f"c{text}"]
        for text, name in names().items()
        if text in config.factors and name
    }
    found = []
    for draft in drafts:
        given = draft.how.kwargs
        arrays = arrays_of.get(given.get("factor") or given.get("base"))
        function = draft.how.function.rsplit(".", 1)[1]
        if arrays is None or given.get("gradual") is False:
            continue
        if function == "power":
            found.append(draft.fill(rational.power(**given)))
            continue
        stem = {"lost_depth": "lost", "underflow_depth": "zero", "stuck_at": "stuck"}.get(function)
        value = arrays[f"{stem}_{given['dtype']}"] if stem else arrays["below"]
        found.append(draft.fill(Result(str(int(value)))))
    return found


def _floors() -> dict[str, float]:
    import math

    from gradchain.certify.rational import float_format

    return {name: -math.log10(float_format(name).tiny.denominator) for name in TYPES}


def _falling(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text, trend

    floors = _floors()
    curves = {text: results[f"c{text}"]["log10"] for text in config.factors}
    depths = range(len(curves["0.9"]))
    said = [trend(f"c = {text}", depths, curves[text], "n =") for text in ("0.5", "0.9")]
    return Picture(
        "powers",
        "What is left after n factors c, on a scale of powers of ten",
        lambda: _draw_falling(curves, floors, config.depth),
        alt=alt_text(
            "Line chart, two panels,",
            f"c to the power n against n, for c from {config.factors[0]} to {config.factors[-1]}, "
            f"on a scale of powers of ten; left n up to {PEOPLE}, right n up to {config.depth}",
            "exact fractions; dotted lines: the smallest positive number of each float type",
            f"Every c below 1 falls on a straight line, c above 1 rises: {'; '.join(said)}. "
            "0.5 to the n is lost to float16 from n = {whisper.half.lost.float16} on, to float32 "
            "from {whisper.half.lost.float32}, to float64 from {whisper.half.lost.float64}.",
        ),
        caption="Straight lines on a scale of powers of ten: equal factors take away equal numbers "
        "of digits. Dotted: below these lines a float type holds nothing but zero.",
    )


def _draw_falling(curves: dict, floors: dict, depth: int):
    from gradchain.figures import decades, floor, new_figure, panel_title

    figure, axes = new_figure(1, 2, width=14, height=7.2)
    for panel, last, bottom in ((axes[0, 0], PEOPLE, -51), (axes[0, 1], depth, -335)):
        bottom = max(bottom, min(1.06 * float(logs[last]) for logs in curves.values()))
        top = max(0.06 * -bottom, *(1.25 * float(logs[last]) for logs in curves.values()))
        panel.set_xlim(0, last)
        panel.set_ylim(bottom, top)
        for text, logs in curves.items():
            _curve(panel, text, logs[: last + 1], bottom)
        for name, height in floors.items():
            # In the wide view three floors fall together; the left panel tells them apart.
            if height > bottom and (last == PEOPLE or name in {"float32", "float64"}):
                floor(panel, height, name)
        decades(panel)
        panel.set_xlabel("number of factors n")
    axes[0, 0].set_ylabel("what is left of 1")
    panel_title(axes[0, 0], f"a party of {PEOPLE}")
    panel_title(axes[0, 1], f"a chain of {depth}")
    return figure


def _curve(panel, text: str, logs, bottom: float) -> None:
    import numpy as np

    value = float(text)
    style = {"color": "#1f4fbf", "linestyle": "-", "linewidth": 2.4}
    if value == 1:
        style = {"color": "#1a1a1a", "linestyle": "-", "linewidth": 3.4}
    elif value > 1:
        style = {"color": "#b3121d", "linestyle": (0, (6, 2)), "linewidth": 2.8}
    n = np.arange(len(logs))
    panel.plot(n, logs, **style)
    # The name sits on its line; near c = 1 the lines are close, so the names are staggered.
    seen = np.flatnonzero(logs >= bottom)[-1]
    at = max(1, round({"0.9": 0.9, "1.0": 0.68, "1.1": 0.9}.get(text, 0.8) * seen))
    panel.text(
        at,
        logs[at],
        text,
        ha="center",
        va="center",
        fontsize=16,
        color=style["color"],
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
    )


def _faint(config: Config, results: Results):
    from gradchain.figures import Picture, alt_text

    counts = {
        text: int(results[f"c{text}"]["below"])
        for text in config.factors
        if "below" in results[f"c{text}"]
    }
    said = ", ".join(f"{{whisper.{names()[text]}.below.onepercent}} for {text}" for text in counts)
    return Picture(
        "one_percent",
        "How many factors until less than 1 % is left",
        lambda: _draw_faint(counts),
        alt=alt_text(
            "Bar chart",
            "the number of factors c after which less than 1 % is left, against c",
            "counted exactly",
            f"The counts are {said}: they grow without limit as c comes near 1.",
        ),
        caption="Even at 0.9, {whisper.ninetenths.below.onepercent} layers are enough to lose 99 %.",
    )


def _draw_faint(counts: dict[str, int]):
    from gradchain.figures import new_figure

    figure, axes = new_figure()
    bars = axes.bar(list(counts), list(counts.values()), width=0.66, color="#5790fc")
    axes.bar_label(bars, padding=4, fontsize=18)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.12)
    axes.set_xlabel("factor c at every layer")
    axes.set_ylabel("layers until below 1 %")
    return figure


STUDY = Study(
    name="whisper_chain",
    title="Whisper down the chain",
    question="What is left after n equal factors, and when can no float hold it?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=20,
)

if __name__ == "__main__":
    main(STUDY)
