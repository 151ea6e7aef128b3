"""How does a gradient fade through time, for each recurrent cell, at the start and after training?

Exact chains of Jacobians of plain, orthogonal and identity RNNs, of minimal cells, GRUs and LSTMs with
forget bias -1 to 5, beside the bound from their weights and the prediction of mean field; after how many
steps a gradient falls below 1 % and out of float32 and float64; and what training does to it.

    python studies/time_chain.py [--scale smoke|lecture|paper] [--units 32] [--seeds 16] [--steps 200]
"""

import math
import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

# Small matrix products of several processes at once are slower on two BLAS threads than on one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

PLAIN = ("rnn.orthogonal", "rnn.glorot", "rnn.irnn")
BIASES = ("lstm.biasminus1", "lstm.bias0", "lstm.bias1", "lstm.bias2", "lstm.bias5")
GATED = ("rnn.minimal", "gru.bias0", "lstm.bias1")
NETWORKS = (*PLAIN, "rnn.minimal", "gru.bias0", *BIASES)
LABELS = {
    "rnn.orthogonal": "tanh, orthogonal",
    "rnn.glorot": "tanh, Glorot",
    "rnn.irnn": "relu, identity",
    "rnn.minimal": "minimal",
    "gru.bias0": "GRU",
    "lstm.biasminus1": "LSTM, bias -1",
    "lstm.bias0": "LSTM, bias 0",
    "lstm.bias1": "LSTM, bias 1",
    "lstm.bias2": "LSTM, bias 2",
    "lstm.bias5": "LSTM, bias 5",
}
# Of which the size of the inputs is varied.
STRENGTH = ("rnn.orthogonal", "gru.bias0", "lstm.bias1")
GRID = tuple(0.25 * k for k in range(-12, 7))
POINTS = (-3.0, -2.0, -1.0, 0.0, 1.0)
TOLD = ("rnn.orthogonal", "gru.bias0", "lstm.bias1", "lstm.bias2")


@dataclass(frozen=True)
class Config:
    """How large, how long, how many."""

    units: int = field(default=32, metadata={"help": "Units of each network."})
    seeds: int = field(default=16, metadata={"help": "Networks of each kind."})
    steps: int = field(default=200, metadata={"help": "Steps of the chains."})
    long: int = field(default=5000, metadata={"help": "Steps until floats have lost a gradient."})
    distance: int = field(default=20, metadata={"help": "Distance trained for."})
    training: int = field(default=200, metadata={"help": "Training steps of each network."})
    trained: int = field(default=8, metadata={"help": "Networks of each kind that are trained."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        ranges = {
            "units": (2, 128),
            "steps": (20, 2000),
            "long": (self.steps, 20_000),
            "distance": (2, self.steps),
            "training": (1, 100_000),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        for name in ("seeds", "trained"):
            if not 6 <= getattr(self, name) <= 2000:
                raise UsageError(
                    f"{name} {getattr(self, name)}: expected 6 (the least for a 95 % interval) to 2000"
                )

    @property
    def back(self) -> int:
        """The steps back that sentences are about: half of all."""
        return self.steps // 2


SCALES = {
    "smoke": Config(units=8, steps=40, long=400, distance=5, training=20),
    "lecture": Config(),
    "paper": Config(units=64, seeds=200, long=20_000, training=2000, trained=64),
}


def cells(config: Config) -> list[Cell]:
    """One cell a kind of network, and one for the size of the inputs."""
    size = {"units": config.units, "seeds": config.seeds, "steps": config.steps}
    more = {"long": config.long, "distance": config.distance, "training": config.training}
    more["trained"] = config.trained
    found = [Cell(name.replace(".", "_"), {"network": name} | size | more) for name in NETWORKS]
    return [*found, Cell("strength", size)]


def compute(cell: Cell) -> dict[str, object]:
    """Follow gradients in one kind of network, at the start and after training."""
    import numpy as np

    from gradchain.experiments import lab, time_chain
    from gradchain.experiments.time_chain_theory import predicted, predicted_steps

    lab.use_all_cores()
    units, steps, seeds, seed = cell["units"], cell["steps"], cell["seeds"], cell.seed
    if cell.name == "strength":
        squares = [10.0**k for k in POINTS]
        theory = [[predicted(n, units, 60, 10.0**k).rate for k in GRID] for n in STRENGTH]
        seen = [time_chain.factors(n, units, steps, seeds, seed, squares) for n in STRENGTH]
        return {"theory": 10.0 ** np.array(theory), "factors": np.stack(seen)}
    name = cell["network"]
    chains = time_chain.chains(name, units, steps, seeds, seed)
    theory = predicted(name, units, steps)
    trained = time_chain.trained(
        name, units, cell["distance"], cell["training"], steps, cell["trained"], seed
    )
    limits = time_chain.LIMITS.values()
    return {
        **chains._asdict(),
        "theory": theory.total,
        "theory_direct": theory.direct,
        "untied": predicted(name, units, steps, tied=False).total,
        "lost": time_chain.lost(name, units, cell["long"], seeds, seed),
        "lost_theory": np.array([predicted_steps(name, units, limit) for limit in limits]),
        **trained._asdict(),
    }


def _arrays(results: Results) -> dict:
    return {name: results[name.replace(".", "_")] for name in NETWORKS}


def summarize(config: Config, results: Results) -> Summary:
    """Say how fast gradients fade, whether theory knew it, and what training made of them."""
    found = _arrays(results)
    numbers = _numbers(config, results, found)
    known = {number.key: number for number in numbers}
    k, d = config.back, config.distance
    left = f"kept{k}"
    learned = {name: int((arrays["accuracy"] > 0.9).sum()) for name, arrays in found.items()}
    seen = [
        f"A tanh RNN with orthogonal weights keeps {{rnn.chain.orthogonal.{left}.measured}} of a "
        f"gradient over {k} steps (predicted: {{rnn.chain.orthogonal.{left}.predicted}}), although its "
        "weights alone would keep all of it: that upper bound is 1. Its slopes do the rest.",
        "A relu RNN that starts at the identity keeps "
        f"{{rnn.chain.irnn.{left}.measured}} (predicted: {{rnn.chain.irnn.{left}.predicted}}): a unit "
        "passes everything until it is cut at zero once. This fades like a root of the distance, "
        "not exponentially.",
        f"A GRU keeps {{gru.chain.bias0.{left}.measured}} (predicted: "
        f"{{gru.chain.bias0.{left}.predicted}}; {{gru.chain.bias0.{left}.untied}} with new weights at "
        "each step): the same weights at every step help one another.",
        f"The forget bias decides for the LSTM: over {k} steps it keeps "
        f"{{lstm.chain.biasminus1.{left}.measured}} at bias -1, {{lstm.chain.bias0.{left}.measured}} at "
        f"0, {{lstm.chain.bias1.{left}.measured}} at 1, {{lstm.chain.bias2.{left}.measured}} at 2 and "
        f"{{lstm.chain.bias5.{left}.measured}} at 5.",
        f"The prediction fails for slow gates: {{lstm.chain.bias2.{left}.predicted}} at bias 2, and "
        f"{{lstm.chain.bias5.{left}.predicted}} at bias 5, where states of different steps are anything "
        "but independent.",
        *_lost_words(known),
        f"After {config.training} training steps at distance {d}, {learned['lstm.bias1']} of "
        f"{config.trained} LSTMs with forget bias 1 name the token in 9 of 10 sequences, "
        f"{learned['lstm.bias2']} with bias 2, {learned['lstm.bias5']} with bias 5, "
        f"{learned['rnn.orthogonal']} orthogonal tanh RNNs and {learned['gru.bias0']} GRUs. Before "
        f"training they kept {{lstm.chain.bias1.trained{d}.before}}, "
        f"{{lstm.chain.bias2.trained{d}.before}}, more than that, "
        f"{{rnn.chain.orthogonal.trained{d}.before}} and {{gru.chain.bias0.trained{d}.before}} of a "
        "gradient that far back.",
    ]
    return Summary(
        numbers=numbers,
        tables=_tables(config, found, known),
        seen=seen,
        figures=_pictures(config, results, found, learned),
    )


def _lost_words(known: dict) -> list[str]:
    words = {"rnn.chain.orthogonal": "an orthogonal tanh RNN", "gru.chain.bias0": "a GRU"}
    words |= {f"lstm.chain.bias{b}": f"an LSTM with forget bias {b}" for b in ("0", "1", "2")}
    said = []
    for limit, start in (
        ("percent", "Less than 1 percent of a gradient is left within"),
        ("float32", "Float32 has lost it altogether within"),
    ):
        parts = [
            f"{{{stem}.steps.{limit}}} steps in {name}"
            for stem, name in words.items()
            if f"{stem}.steps.{limit}" in known
        ]
        if parts:
            said.append(f"{start} {', '.join(parts)}.")
    return said


def _numbers(config: Config, results: Results, found: dict) -> list:
    from gradchain.experiments import time_chain_records as records
    from gradchain.experiments.time_chain import LIMITS
    from gradchain.experiments.time_chain_numbers import known

    size, made = (config.units, config.back), []
    for name, arrays in found.items():
        total = arrays["total"]
        made.append(records.kept_measured(name, total, *size, config.seeds, results.seed))
        made.append(records.kept_predicted(name, config.units, config.steps, config.back))
        for limit in ("percent", "float32"):
            counts = arrays["lost"][:, list(LIMITS).index(limit)]
            if known(counts):
                sizes = (config.units, config.long, results.seed)
                made.append(records.lost_steps(name, limit, counts, *sizes))
    for name in ("gru.bias0", "lstm.bias1"):
        sizes = (config.units, config.steps, config.back)
        made.append(records.kept_predicted(name, *sizes, tied=False))
    sizes = (config.units, config.distance, config.training, results.seed)
    for name in TOLD:
        for when in ("before", "after"):
            made.append(records.trained_kept(name, when, found[name][when], *sizes))
    return made


def _steps_text(counts, limit: float) -> object:
    import numpy as np

    middle = float(np.median(counts))
    return round(middle) if math.isfinite(middle) else f"beyond {limit:.0f}"


def _tables(config: Config, found: dict, known: dict) -> list[Table]:
    import numpy as np

    from gradchain.experiments.time_chain import LIMITS
    from gradchain.experiments.time_chain_records import stem

    far = 0.9 * config.long
    kept, lost, data = [], [], []
    for name, arrays in found.items():
        own = f"{stem(name)}.kept{config.back}"
        learned = int((arrays["accuracy"] > 0.9).sum())
        upper = float(np.median(arrays["upper"][:, config.back]))
        sure = "1" if abs(upper) < 1e-3 else f"10^{upper:.0f}"
        pair = (f"{{{own}.measured}}", f"{{{own}.predicted}}")
        kept.append((LABELS[name], *pair, sure, f"{learned} of {config.trained}"))
        row = [LABELS[name]]
        for place, limit in enumerate(LIMITS):
            key = f"{stem(name)}.steps.{limit}"
            counts = arrays["lost"][:, place]
            row.append(f"{{{key}}}" if key in known else _steps_text(counts, far))
        lost.append(tuple(row))
        for when in ("total", "before", "after"):
            rows = np.nan_to_num(arrays[when], neginf=-999.0)
            quantiles = np.quantile(rows, (0.05, 0.5, 0.95), axis=0, method="nearest")
            theory = arrays["theory"] if when == "total" else np.full(rows.shape[1], np.nan)
            data += [
                (name, when, k, *map(float, quantiles[:, k]), float(theory[k]))
                for k in range(rows.shape[1])
            ]
    return [
        Table(
            "kept",
            f"What is left of a gradient {config.back} steps back (median, and the prediction of the "
            "root mean square), what the weights alone allow, and networks that learned at distance "
            f"{config.distance}",
            ("cell", "measured", "predicted", "upper bound", "learned"),
            kept,
        ),
        Table(
            "lost",
            "Steps until a gradient of size 1 is below 1 %, and below the smallest normal and positive "
            "numbers of float32 and float64 (medians)",
            ("cell", "1 %", "float32 normal", "float32", "float64 normal", "float64"),
            lost,
        ),
        Table(
            "curves",
            "log10 of what is left by steps back: median and 5 % and 95 % quantiles, prediction",
            ("network", "when", "steps back", "low", "median", "high", "predicted"),
            data,
            show=False,
        ),
    ]


def _pictures(config: Config, results: Results, found: dict, learned: dict) -> list:
    from gradchain.figures import time_chain_pictures as pictures

    whose = f"{config.seeds} networks of {config.units} units at initialization"
    said = {name: f"{learned[name]} of {config.trained} learned" for name in NETWORKS}
    those = f"{config.trained} networks of {config.units} units, {config.training} training steps"
    plain, gated, biases, all_cells = (
        {LABELS[name]: found[name] for name in names} for names in (PLAIN, GATED, BIASES, NETWORKS)
    )
    labels = [LABELS[name] for name in STRENGTH]
    return [
        pictures.by_cell(plain, gated, config.back, whose),
        pictures.by_bias(biases, config.back, whose),
        pictures.until_lost(all_cells, 0.9 * config.long),
        pictures.training(
            {LABELS[n]: (found[n]["before"], found[n]["after"], said[n]) for n in NETWORKS},
            config.distance,
            those,
        ),
        pictures.by_strength(labels, results["strength"], GRID, POINTS, whose),
    ]


STUDY = Study(
    name="time_chain",
    title="Gradients through time",
    question="How far back in time does a recurrent network feel, and what sets that distance?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=400,
)

if __name__ == "__main__":
    main(STUDY)
