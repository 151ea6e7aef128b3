"""The words around what the study of exploding gradients through time measured.

Keys: `rnn.exploding.start.<activation>.gain<g>.*` before training, and in it
`rnn.exploding.<optimizer>.<activation>.gain<g>.<what>` without clipping and
`clip.<kind>.<activation>.gain<g>.<what>` with it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradchain.experiments.exploding_through_time import (
    JUDGED,
    LEARNED,
    READ,
    VOCABULARY,
    Arm,
    Trained,
)
from gradchain.experiments.exploding_through_time_numbers import (
    factor,
    factor_predicted,
    measure,
    rescued,
)
from gradchain.experiments.grids import tag
from gradchain.experiments.meeting import Pairs
from gradchain.experiments.records import estimated, segment
from gradchain.registry.record import How, Number

STUDY = "exploding_through_time"
_HOME = f"gradchain.experiments.{STUDY}"
KINDS = {
    "value": "clipping every entry of the gradient at {:g}",
    "norm": "clipping the norm of each array's gradient at {:g}",
    "global": "clipping the norm of the whole gradient at {:g}",
}
_OPTIMIZERS = {"sgd": "SGD", "keras_adam": "Adam"}
_UNIT = {"turned": "degree", "angle": "degree"}
_FORMULAS = {
    "lost": ("P(loss infinite or NaN)", "\\mathrm{P}(L\\ \\text{infinite or NaN})"),
    "learned": (f"P(accuracy >= {LEARNED})", f"\\mathrm{{P}}(\\text{{accuracy}} \\ge {LEARNED})"),
    "turned": (
        "median angle(g, clip(g))",
        "\\operatorname{median}\\,\\angle(g, \\operatorname{clip}(g))",
    ),
    "peak": ("median max_k |g_k| / |g_1|", "\\operatorname{median}\\,\\max_k |g_k| / |g_1|"),
}
_SAID = {
    "lost": "the loss of a share of {value} becomes infinite or NaN.",
    "learned": f"a share of {{value}} learns, {LEARNED:.0%} of the answers right.",
    "turned": "a step that is clipped is turned by {value} degrees (median).",
    "peak": "the gradient's norm rises to {value} times that of the first step (median).",
}


def start_pairs(
    logs: Mapping[tuple[str, float], np.ndarray], distance: int, units: int, seed: int
) -> Pairs:
    """Make the factors a step before training, predicted and measured.

    Args:
        logs: activation and gain -> (S, T+1) natural logarithms from `exploding_through_time.start`.
        distance: steps from the first token to the answer.
        units: n.
        seed: seed of the draws.

    Returns:
        The pairs.
    """
    pairs = Pairs(f"{_HOME}_numbers", STUDY)
    formula = (
        "(||dL/dh_0||/||dL/dh_T||)^(1/T)",
        "(\\|\\partial L/\\partial h_0\\|/\\|\\partial L/\\partial h_T\\|)^{1/T}",
    )
    for (name, gain), rows in logs.items():
        given = {"gain": float(gain), "distance": distance, "units": units}
        network = f"a simple {name} RNN with recurrent weights {gain:g} times orthogonal"
        law = (
            f"{units} units, Glorot kernel, zero bias, recurrent weights {gain:g} times an orthogonal "
            f"matrix, {VOCABULARY} one-hot tokens, the first one asked for after {distance} more"
        )
        pairs.add(
            f"rnn.exploding.start.{name}.gain{tag(gain)}",
            (
                factor_predicted,
                {"activation": name} | given,
                f"Before training, mean field lets a gradient change by {{value}} a step back through "
                f"time in {network}; the bound is {gain:g}.",
            ),
            (
                factor(rows),
                "factor_measured",
                {"cell": name} | given | {"seeds": len(rows), "seed": seed},
                "Before training, a gradient changes by {value} a step back through time in "
                f"{network}.",
            ),
            (
                f"{law}. Infinite width, weights drawn anew at every step; root mean square.",
                f"{law}; {len(rows)} networks, mean over {READ} sequences of the norm at each state, "
                "float32. Geometric mean over networks and steps.",
            ),
            formula,
            ("rnn", name, "exploding"),
        )
    return pairs


def _network(arm: Arm) -> str:
    return (
        f"Simple {arm.activation} RNNs with recurrent weights {arm.gain:g} times orthogonal, asked for "
        f"the first token after {arm.distance} more, {_OPTIMIZERS[arm.optimizer]} at the learning rate "
        f"{arm.rate:g}"
    )


def _conditions(arm: Arm, seeds: int) -> str:
    return (
        f"{seeds} networks of {arm.units} units, {arm.steps} steps, each on {arm.batch} fresh sequences "
        f"of {VOCABULARY} tokens, float32; weights start as in Keras (recurrent ones times the gain), "
        f"accuracy on {JUDGED} fresh sequences, chance 1/{VOCABULARY}."
    )


def stem(arm: Arm) -> str:
    """Return how the keys of an arm begin.

    Args:
        arm: the arm.

    Returns:
        `clip.<kind>.<activation>.gain<g>`, with `.limit<c>` where it is not 1, or
        `rnn.exploding.<optimizer>.<activation>.gain<g>` without clipping.
    """
    end = f"{arm.activation}.gain{tag(arm.gain)}"
    if arm.clip == "none":
        family = "adam" if arm.optimizer == "keras_adam" else segment(arm.optimizer)
        return f"rnn.exploding.{family}.{end}"
    limit = "" if arm.limit == Arm.limit else f".limit{tag(arm.limit)}"
    return f"clip.{arm.clip}.{end}{limit}"


def _trained(key: str, result: Any, how: How, said: str, arm: Arm, what: str, **fields: Any) -> Any:
    return estimated(
        key, result, how, said, study=STUDY, dtype="float32", unit=_UNIT.get(what, "1"),
        tags=("rnn", arm.activation, "exploding", "training", *(("clipping",) * (arm.clip != "none"))),
        **fields,
    )  # fmt: skip


def trained_number(arm: Arm, trained: Trained, what: str, seed: int) -> Number:
    """Make a number of an arm.

    Args:
        arm: the arm.
        trained: its networks.
        what: one of `exploding_through_time_numbers.MEASURES`.
        seed: seed of the draws.

    Returns:
        The number.
    """
    seeds = len(trained.accuracy)
    how = How.of(f"{_HOME}_numbers.trained", arm=arm.text, name=what, seeds=seeds, seed=seed)
    words = _network(arm)
    if arm.clip != "none":
        words += f", {KINDS[arm.clip].format(arm.limit)}"
    text, latex = _FORMULAS[what]
    return _trained(
        f"{stem(arm)}.{what}", measure(trained, what), how, f"{words}: {_SAID[what]}", arm, what,
        conditions=_conditions(arm, seeds), formula_text=text, formula_latex=latex,
    )  # fmt: skip


def saved_number(arm: Arm, bare: Trained, trained: Trained, kept: str, seed: int) -> Number | None:
    """Make the share of failing networks that clipping saves.

    Args:
        arm: the arm with its clip.
        bare: its networks without clipping.
        trained: its networks.
        kept: "finite" (of those whose loss becomes NaN) or "learned" (of those that do not learn).
        seed: seed of the draws.

    Returns:
        The number; None if none fails.
    """
    if not (bare.lost if kept == "finite" else ~bare.learned).any():
        return None
    seeds = len(trained.accuracy)
    how = How.of(f"{_HOME}_numbers.saved", arm=arm.text, kept=kept, seeds=seeds, seed=seed)
    who, does, sign = (
        ("whose loss becomes infinite or NaN", "stays finite", "finite with clipping | NaN without")
        if kept == "finite"
        else ("that do not learn", "learns", "learns with clipping | does not without")
    )
    said = (
        f"{_network(arm)}: of those {who}, a share of {{value}} {does} with "
        f"{KINDS[arm.clip].format(arm.limit)}."
    )
    about = (
        f"{_conditions(arm, seeds)} The same networks and sequences with and without clipping; to learn "
        f"is to give {LEARNED:.0%} right answers."
    )
    latex = f"\\mathrm{{P}}(\\text{{{sign.replace(' | ', '} mid text{')}}})"
    return _trained(
        f"{stem(arm)}.{kept}", rescued(bare, trained, kept), how, said, arm, kept, conditions=about,
        formula_text=f"P({sign})", formula_latex=latex.replace(" mid text", "\\mid\\text"),
    )  # fmt: skip
