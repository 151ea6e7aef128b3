"""Can one tell a vanishing gradient from its signs: a plateau, still weights, small gradients, a slope?

A few thousand trained networks, with and without a vanishing gradient, among them plateaus of other
causes; hits and false alarms of each sign at its threshold in common use, and at every other.

    python studies/recognise.py [--scale smoke|lecture|paper] [--seeds 64]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

CURVES = ("plateau", "weight_change", "autotrainer", "sagemaker", "karpathy", "slope")
SHORT = {
    "plateau": "loss plateau",
    "flat": "flat loss",
    "chance": "loss at log 2",
    "weight_change": "weight change",
    "autotrainer": "gradient ratio",
    "sagemaker": "mean |g|",
    "karpathy": "step to weight",
    "slope": "slope a layer",
}


@dataclass(frozen=True)
class Config:
    """Which kinds of networks, and how many of each."""

    population: str = field(default="all", metadata={"help": "Kinds of networks: all or small."})
    seeds: int = field(default=64, metadata={"help": "Networks of each kind."})

    def __post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if self.population not in {"all", "small"}:
            raise UsageError(f"population {self.population!r}: expected all or small")
        if not 6 <= self.seeds <= 4096:
            raise UsageError(f"seeds {self.seeds}: expected 6 to 4096")


SCALES = {
    "smoke": Config(population="small", seeds=32),
    "lecture": Config(),
    "paper": Config(seeds=992),
}


def cells(config: Config) -> list[Cell]:
    """One cell a kind of network."""
    from gradchain.experiments.recognise_population import POPULATION, names_of

    # The setting stands in the cell, so that a changed one is computed anew.
    return [
        Cell(name, {"seeds": config.seeds, "setting": POPULATION[name][1].as_json()})
        for name in names_of(config.population)
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Train the networks of one kind, read the truth and all signs."""
    from gradchain.experiments import lab, recognise

    lab.use_all_cores()
    return recognise.observe(cell.name, cell["seeds"], cell.seed)._asdict()


def summarize(config: Config, results: Results) -> Summary:
    """Say how often each sign is right."""
    from gradchain.experiments.recognise import SIGNS, Signs
    from gradchain.experiments.recognise_numbers import numbers_of
    from gradchain.experiments.records import segment

    parts = {cell.name: Signs(**results[cell.name]) for cell in results.cells}
    numbers = numbers_of(parts, config.population, config.seeds, results.seed)
    known = {number.key for number in numbers}

    def both(sign: str) -> str:
        stem = f"recognise.{segment(sign)}"
        return f"finds {{{stem}.hits}} of them and accuses {{{stem}.falsealarms}} of the others"

    seen = [
        "In {recognise.population.share} of the networks the gradient has vanished: less than a "
        "thousandth of a random error signal comes from the last hidden layer to the first.",
        f"A loss plateau {both('plateau')}. Small weight changes {_they(both('weight_change'))}.",
        f"The gradient ratio with AutoTrainer's thresholds {both('autotrainer')}; SageMaker's absolute "
        f"threshold {both('sagemaker')}; steps small against the weights {_they(both('karpathy'))}.",
        f"The slope rule {both('slope')}. It misses networks of small weights in which forward signal "
        "and error signal shrink together, so that every kernel's gradient is equally small.",
    ]
    if "recognise.plateau.dead.alarms" in known:
        seen += [
            "Plateaus have many causes: a loss plateau accuses {recognise.plateau.slow.alarms} of the "
            "networks with a learning rate that is too small, {recognise.plateau.dead.alarms} of those "
            "with dead ReLU layers, and {recognise.plateau.hopeless.alarms} of those on points that "
            "cannot be told apart; measured without dividing by the loss also "
            "{recognise.flat.converged.alarms} of those that are done.",
            "Of the networks on a plateau {recognise.plateau.right} have a vanished gradient, of those "
            "whose first layer hardly moved {recognise.weightchange.right}, and of those that the slope "
            "rule accuses {recognise.slope.right}.",
        ]
    return Summary(
        numbers=numbers,
        tables=_tables(parts, known, SIGNS),
        seen=seen,
        figures=[_rates(config, parts), _causes(config, parts)],
    )


def _they(clause: str) -> str:
    return clause.replace("finds", "find").replace("accuses", "accuse")


def _tables(parts: dict, known: set[str], signs: tuple[str, ...]) -> list[Table]:
    import numpy as np

    from gradchain.experiments.recognise import LIMITS, alarms, joined, vanishing
    from gradchain.experiments.recognise_numbers import BY_CAUSE, RULES, WHY
    from gradchain.experiments.recognise_population import CAUSES
    from gradchain.experiments.records import segment

    def cite(key: str) -> str | None:
        return f"{{{key}}}" if key in known else None

    rates = [
        (
            RULES[sign],
            *(cite(f"recognise.{segment(sign)}.{q}") for q in ("hits", "falsealarms", "right")),
        )
        for sign in signs
    ]
    causes = [
        (WHY[cause], *(cite(f"recognise.{segment(sign)}.{cause}.alarms") for sign in BY_CAUSE))
        for cause in CAUSES
        if cite(f"recognise.plateau.{cause}.alarms")
    ]
    kinds = [
        (
            name,
            float(vanishing(own).mean()),
            float(np.isneginf(own.log10_chain).mean()),
            *(float(alarms(own, sign).mean()) for sign in signs),
        )
        for name, own in parts.items()
    ]
    whole = joined(parts)
    limits = []
    for limit in LIMITS:
        truth = vanishing(whole, limit)
        for sign in signs:
            alarm = alarms(whole, sign)
            rows = (alarm[truth], alarm[~truth])
            limits.append((
                f"1e{limit:g}",
                sign,
                *(float(r.mean()) if len(r) else None for r in rows),
            ))
    return [
        Table(
            "rates",
            "Signs of a vanishing gradient with their thresholds in common use",
            ("sign", "hits", "false alarms", "vanished among its alarms"),
            rates,
        ),
        Table(
            "causes",
            "Share of networks accused though their gradient has not vanished",
            ("networks", "loss plateau", "flat loss", "weight change"),
            causes,
        ),
        Table(
            "kinds",
            "Share of networks with vanished gradient, with dead layers, and accused by each sign",
            ("kind", "vanished", "dead", *signs),
            kinds,
            show=False,
        ),
        Table(
            "limits",
            "Hits and false alarms if another size of the chain counts as vanished",
            ("chain below", "sign", "hits", "false alarms"),
            limits,
            show=False,
        ),
    ]


def _rates(config: Config, parts: dict):
    from gradchain.experiments.recognise import alarms, curve, joined, vanishing
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.recognise import draw_rates

    whole = joined(parts)
    truth = vanishing(whole)
    curves = {SHORT[sign]: curve(getattr(whole, sign), truth) for sign in CURVES}
    marks = {
        SHORT[sign]: (float(alarms(whole, sign)[~truth].mean()), float(alarms(whole, sign)[truth].mean()))
        for sign in (*CURVES, "chance")
    }  # fmt: skip
    return Picture(
        "rates",
        "Hits and false alarms of common signs",
        lambda: draw_rates(curves, marks),
        alt=alt_text(
            "Line chart",
            "the share of hits against the share of false alarms while the threshold of each sign runs, "
            "with a large marker at the threshold in common use",
            f"{len(truth)} networks, {config.seeds} of each kind",
            "A loss plateau hits {recognise.plateau.hits} with {recognise.plateau.falsealarms} false "
            "alarms, small weight change {recognise.weightchange.hits} with "
            "{recognise.weightchange.falsealarms}, the gradient ratio {recognise.autotrainer.hits} with "
            "{recognise.autotrainer.falsealarms}, the slope rule {recognise.slope.hits} with "
            "{recognise.slope.falsealarms}.",
        ),
        caption="The nearer to the upper left corner, the better. Markers: thresholds in common use; the "
        "slope's marker is the rule with its interval, the ratio's also asks for a small first gradient.",
    )


def _causes(config: Config, parts: dict):
    import numpy as np

    from gradchain.experiments.recognise import SIGNS, alarms, joined, vanishing
    from gradchain.experiments.recognise_numbers import causes_of
    from gradchain.experiments.recognise_population import CAUSES
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.recognise import draw_causes

    whole, causes = joined(parts), causes_of(parts)
    truth = vanishing(whole)
    names = {
        "deep": "deep, healthy",
        "shallow": "shallow, healthy",
        "slow": "learning rate too small",
        "dead": "dead ReLU layers",
        "converged": "converged",
        "hopeless": "inseparable points",
    }
    groups = {"vanished": truth}
    groups |= {names[cause]: ~truth & (causes == cause) for cause in CAUSES}
    groups = {name: rows for name, rows in groups.items() if rows.any()}
    shares = np.array([[alarms(whole, s)[rows].mean() for s in SIGNS] for rows in groups.values()])
    columns = [SHORT[sign].replace(" ", "\n", 1) for sign in SIGNS]
    return Picture(
        "causes",
        "What fools which sign",
        lambda: draw_causes(list(groups), columns, shares),
        alt=alt_text(
            "Table in shades of grey",
            "the share of alarms by kind of network (rows) and sign (columns), at thresholds in common "
            "use",
            f"{len(truth)} networks",
            "In the first row, networks whose gradient has vanished, an alarm is right; in all others it "
            "is false. The loss plateau hits {recognise.plateau.hits}, with "
            "{recognise.plateau.falsealarms} false alarms over all rows below.",
        ),
        caption="Above the line an alarm is a hit, below it is a false alarm.",
    )


STUDY = Study(
    name="recognise",
    title="Recognising it",
    question="Which signs tell that a gradient vanishes, and how often are they wrong?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=200,
)

if __name__ == "__main__":
    main(STUDY)
