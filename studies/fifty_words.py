"""How much does a recurrent network feel of a word that was said fifty words ago?

The classroom's arithmetic (one factor a word: 0.25, 0.1, a slope of tanh, gates at 0.5, 0.9 and 0.99)
beside real networks at initialization: simple RNNs, LSTMs with forget bias 0, 1 and 5, a GRU.

    python studies/fifty_words.py [--scale smoke|lecture|paper] [--units 64] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

PLAIN = ("rnn.sigmoid", "rnn.tanh")
GATED = ("lstm.bias0", "lstm.bias1", "lstm.bias5", "gru.bias0")
LABELS = {
    "rnn.sigmoid": "sigmoid RNN",
    "rnn.tanh": "tanh RNN",
    "lstm.bias0": "LSTM, bias 0",
    "lstm.bias1": "LSTM, bias 1",
    "lstm.bias5": "LSTM, bias 5",
    "gru.bias0": "GRU",
}


@dataclass(frozen=True)
class Config:
    """How large, how many networks."""

    units: int = field(default=64, metadata={"help": "Units of each network."})
    seeds: int = field(default=64, metadata={"help": "Networks of each kind."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        if not 2 <= self.units <= 256:
            raise UsageError(f"units {self.units}: expected 2 to 256")
        if not 6 <= self.seeds <= 2000:
            raise UsageError(
                f"seeds {self.seeds}: expected 6 (the least for a 95 % interval) to 2000"
            )


SCALES = {
    "smoke": Config(units=12, seeds=16),
    "lecture": Config(),
    "paper": Config(units=128, seeds=512),
}


def cells(config: Config) -> list[Cell]:
    """One cell a kind of network."""
    size = {"units": config.units, "seeds": config.seeds}
    return [Cell(name.replace(".", "_"), {"network": name} | size) for name in (*PLAIN, *GATED)]


def compute(cell: Cell) -> dict[str, object]:
    """Follow the gradient of one kind of network."""
    from gradchain.experiments.fifty_words import walk

    return walk(cell["network"], cell["units"], cell["seeds"], cell.seed)._asdict()


def summarize(config: Config, results: Results) -> Summary:
    """Set the arithmetic beside the networks."""
    from gradchain.experiments.fifty_words_records import classroom, measured

    walks = {name: results[name.replace(".", "_")] for name in (*PLAIN, *GATED)}
    numbers = classroom()
    for name, arrays in walks.items():
        for path in ("total", "direct", "share") if name in GATED else ("total", "share"):
            numbers.append(measured(name, path, arrays[path], config.units, results.seed))
    known = {number.key: number for number in numbers}
    grown = float(known["lstm.fifty.bias5.left"].rational) > 1
    seen = [
        "Fifty factors of one quarter leave {rnn.fifty.quarter.left}; fifty factors of one tenth leave "
        "{rnn.fifty.tenth.left}, which float32 cannot hold: it says exactly 0 from "
        "{rnn.fifty.tenth.lost} words on.",
        "A real sigmoid network keeps {rnn.fifty.sigmoid.left}. That is less than the bound, "
        "{rnn.fifty.quarter.left}: no unit stays where its slope is 1/4.",
        "For tanh the bound is 1 and says nothing. Fifty slopes at 1 leave "
        "{rnn.fifty.tanhone.left}, but a real tanh network keeps {rnn.fifty.tanh.left}: at the start "
        "its states are small, and there its slopes are near 1.",
        "A gate half open keeps {lstm.fifty.half.left}, one nine tenths open "
        "{lstm.fifty.ninetenths.left}, one open to 99 percent {lstm.fifty.ninetyninehundredths.left}: a "
        "gate saves a far word only if it is very nearly open.",
        "Along the direct path the arithmetic is nearly right: an LSTM with forget bias 1 keeps "
        "{lstm.fifty.bias1.direct} there, and a gate that stands still at sigmoid(1) would keep "
        "{lstm.fifty.bias1.standing}.",
        "But the product of the gates is not the gradient. All paths together, through gates and "
        "candidates too, keep {lstm.fifty.bias0.left} at bias 0 (direct: {lstm.fifty.bias0.direct}), "
        "{lstm.fifty.bias1.left} at bias 1 and {lstm.fifty.bias5.left} at bias 5"
        + (", where the gradient has grown." if grown else "."),
        "A GRU whose update gates start at 1/2 keeps {gru.fifty.bias0.left}, and "
        "{gru.fifty.bias0.direct} along its direct path.",
        "There are no weights of the first word: all words share them. To their gradient the word 50 "
        "words back adds {rnn.fifty.tanh.share} of what the last word adds in a tanh network, "
        "{lstm.fifty.bias1.share} in an LSTM with forget bias 1 and {gru.fifty.bias0.share} in a GRU.",
    ]
    return Summary(
        numbers=numbers,
        tables=_tables(walks, known),
        seen=seen,
        figures=[_left(config, walks, grown), _paths(config, walks)],
    )


def _tables(walks: dict, known: dict) -> list[Table]:
    import numpy as np

    from gradchain.experiments.fifty_words_records import standing_key

    lessons = [
        ("0.25", "largest slope of the sigmoid", "{rnn.fifty.quarter.left}"),
        ("0.1", "a saturated slope", "{rnn.fifty.tenth.left}"),
        ("0.41997...", "slope of tanh at 1", "{rnn.fifty.tanhone.left}"),
        ("0.5", "gate with bias 0", "{lstm.fifty.half.left}"),
        ("0.73106...", "gate with bias 1", "{lstm.fifty.bias1.standing}"),
        ("0.9", "gate", "{lstm.fifty.ninetenths.left}"),
        ("0.99", "gate", "{lstm.fifty.ninetyninehundredths.left}"),
        ("0.99331...", "gate with bias 5", "{lstm.fifty.bias5.standing}"),
    ]
    rows, data = [], []
    for name, arrays in walks.items():
        stem = ".fifty.".join(name.split("."))
        standing = standing_key(name)
        row = [LABELS[name], f"{{{stem}.left}}", f"{{{stem}.share}}"]
        if standing is None:
            row += ["no gate", "no gate", ""]
        else:
            direct = known[f"{stem}.direct"]
            row += [f"{{{direct.key}}}", f"{{{standing}}}", _z(direct, known[standing])]
        rows.append(tuple(row))
        for path in ("total", "direct", "share") if standing else ("total", "share"):
            low, middle, high = np.quantile(arrays[path], (0.05, 0.5, 0.95), axis=0)
            data += [
                (name, path, k, float(low[k]), float(middle[k]), float(high[k]))
                for k in range(len(middle))
            ]
    return [
        Table("arithmetic", "One factor a word, fifty words", ("factor", "as", "left"), lessons),
        Table(
            "networks",
            "What real networks keep of a gradient fifty words back (medians), and the gates alone",
            (
                "network",
                "all paths",
                "share of the weights' gradient",
                "direct path",
                "gate standing still",
                "z",
            ),
            rows,
        ),
        Table(
            "curves",
            "log10 of what is left, by words back: median over networks and 5 % and 95 % quantiles",
            ("network", "path", "words back", "low", "median", "high"),
            data,
            show=False,
        ),
    ]


def _z(measured, standing) -> str:
    """Return (measured - standing)/SE of the median's logarithm, from its 95 % interval."""
    import math

    low, high = (
        math.log(float(end)) for end in (measured.uncertainty.low, measured.uncertainty.high)
    )
    gap = math.log(float(measured.rational)) - math.log(float(standing.rational))
    return f"{gap * 2 * 1.96 / (high - low):+.1f}"


def _left(config: Config, walks: dict, grown: bool):
    import math

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.fifty_words import draw_left

    quarter, tanh_one = math.log10(0.25), -2 * math.log10(math.cosh(1.0))
    panels = {
        "no gates": (
            {"0.25": quarter, "0.1": -1.0, "0.42 = tanh'(1)": tanh_one},
            {LABELS[name]: walks[name]["total"] for name in PLAIN},
        ),
        "gates": (
            {share: math.log10(float(share)) for share in ("0.5", "0.9", "0.99")},
            {LABELS[name]: walks[name]["total"] for name in GATED},
        ),
    }
    return Picture(
        "fifty_words",
        "What is left of a gradient fifty words back",
        lambda: draw_left(panels, ("no gates", "0.25", quarter)),
        alt=alt_text(
            "Line chart, two panels,",
            "what is left of a gradient, on a scale of powers of ten, against words back, from 0 to 50",
            f"{config.seeds} networks of {config.units} units a kind, at initialization; bands hold "
            "90 % of them; dashed lines are exact powers",
            "Without gates a sigmoid network falls to {rnn.fifty.sigmoid.left}, just below the powers "
            "of 0.25, while tanh only falls to {rnn.fifty.tanh.left}; the powers of 0.1 fall below "
            "float32's smallest number. With gates a GRU falls to {gru.fifty.bias0.left}, LSTMs to "
            "{lstm.fifty.bias0.left} with forget bias 0 and {lstm.fifty.bias1.left} with 1; with 5 "
            + ("the gradient grows to" if grown else "there is left")
            + " {lstm.fifty.bias5.left}.",
        ),
        caption="Dashed: one and the same factor at each word. Bands: real networks at the start of "
        "training, reading a sentence. The panels' scales differ.",
    )


def _paths(config: Config, walks: dict):
    import math

    from gradchain.figures import Picture, alt_text
    from gradchain.figures.fifty_words import draw_paths

    gates = {"lstm.bias0": 0, "lstm.bias1": 1, "lstm.bias5": 5, "gru.bias0": 0}
    panels = {
        LABELS[name]: (
            walks[name]["total"],
            walks[name]["direct"],
            -math.log10(1 + math.exp(-bias)),
        )
        for name, bias in gates.items()
    }
    return Picture(
        "paths",
        "Through the gate, and around it",
        lambda: draw_paths(panels),
        alt=alt_text(
            "Line chart, four panels,",
            "what is left of a gradient, on a scale of powers of ten, against words back, for LSTMs with "
            "forget bias 0, 1 and 5 and a GRU: all paths together, and the product of the gates alone",
            f"{config.seeds} networks of {config.units} units a kind, at initialization; bands hold "
            "90 % of them",
            "The direct path lies on the power of a gate that stands still: after 50 words "
            "{lstm.fifty.bias0.direct}, {lstm.fifty.bias1.direct}, {lstm.fifty.bias5.direct} and "
            "{gru.fifty.bias0.direct}. All paths together keep more: {lstm.fifty.bias0.left}, "
            "{lstm.fifty.bias1.left}, {lstm.fifty.bias5.left} and {gru.fifty.bias0.left}.",
        ),
        caption="The classroom's product of gates is one path of many: the state also acts on the next "
        "gates and candidates, and these paths weigh more the longer the way.",
    )


STUDY = Study(
    name="fifty_words",
    title="Fifty words",
    question="How much does a recurrent network feel of a word that was said fifty words ago?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=410,
)

if __name__ == "__main__":
    main(STUDY)
