"""The words around the numbers of the study of fifty words: key, statement, conditions.

Keys: `rnn.fifty.<factor>.left` and `lstm.fifty.<gate>.left` for the arithmetic, and
`<cell>.fifty.<setting>.<left, direct or share>` for what was measured.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradchain._result import Result
from gradchain.certify import rational
from gradchain.experiments import fifty_words_exact as exact
from gradchain.experiments.fifty_words import WORDS, has_gate
from gradchain.experiments.fifty_words_numbers import left_of
from gradchain.experiments.records import estimated
from gradchain.registry.draft import Draft
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.fifty_words"
_STUDY = "fifty_words"
# Key segments of the gates' classroom values -> the value.
GATES = {"half": "1/2", "ninetenths": "9/10", "ninetyninehundredths": "99/100"}
_DECIMALS = {"1/4": "0.25", "1/10": "0.1", "1/2": "0.5", "9/10": "0.9", "99/100": "0.99"}
BIASES = (1, 5)
NAMES = {
    "rnn.sigmoid": "a simple RNN with sigmoid",
    "rnn.tanh": "a simple RNN with tanh",
    "lstm.bias0": "an LSTM with forget bias 0",
    "lstm.bias1": "an LSTM with forget bias 1",
    "lstm.bias5": "an LSTM with forget bias 5",
    "gru.bias0": "a GRU with update bias 0",
}


def _filled(
    run: Callable[..., Result], where: str, arguments: dict[str, Any], **fields: Any
) -> Number:
    draft = Draft(how=How.of(f"{where}.{run.__name__}", **arguments), **fields)
    return replace(draft.fill(run(**arguments)), study=_STUDY)


def _power(key: str, factor: str, statement: str, conditions: str, **fields: Any) -> Number:
    top, bottom = factor.split("/")
    return _filled(
        rational.power,
        "gradchain.certify.rational",
        {"base": factor, "exponent": WORDS},
        key=key,
        statement=statement.format(share=_DECIMALS[factor], value="{value}"),
        conditions=conditions,
        exact=f"({factor})^{WORDS}",
        formula_text=f"({factor})^{WORDS}",
        formula_latex=f"\\left(\\tfrac{{{top}}}{{{bottom}}}\\right)^{{{WORDS}}}",
        **fields,
    )


def classroom() -> list[Number]:
    """Make the numbers of the classroom's arithmetic: one factor to the power 50.

    Returns:
        Nine numbers, exact or enclosed.
    """
    alike = f"All {WORDS} factors equal; an arithmetic, not a network."
    made = [
        _power(
            "rnn.fifty.quarter.left",
            "1/4",
            f"Of a gradient that loses the factor {{share}} at each of {WORDS} words, {{value}} is "
            "left: the most that slopes of the sigmoid allow.",
            f"Bound of ||dh_T/dh_(T-{WORDS})||_2 for a simple sigmoid RNN if ||U||_2 <= 1, as with "
            "orthogonal recurrent weights; otherwise multiply by ||U||_2^50.",
            role="upper bound",
            theorem="T09a",
            tags=("rnn", "sigmoid", "vanishing", "bound"),
        ),
        _power(
            "rnn.fifty.tenth.left",
            "1/10",
            f"Of a gradient that loses the factor {{share}} at each of {WORDS} words, {{value}} is "
            "left.",
            alike,
            tags=("rnn", "vanishing", "underflow"),
        ),
        _filled(
            rational.lost_depth,
            "gradchain.certify.rational",
            {"factor": "1/10", "dtype": "float32", "gradual": True},
            key="rnn.fifty.tenth.lost",
            statement="A gradient that loses the factor 0.1 at each word is exactly 0 in float32 after "
            "{value} words.",
            conditions="The exact power rounded to float32 with gradual underflow.",
            exact="min{n : fl((1/10)^n) = 0}",
            formula_text="min{n : fl((1/10)^n) = 0}",
            formula_latex="\\min\\{n : \\mathrm{fl}(0.1^n) = 0\\}",
            unit="words",
            dtype="float32",
            tags=("rnn", "vanishing", "underflow"),
        ),
        _filled(
            exact.tanh_slope_power,
            f"{_HOME}_exact",
            {"x": "1", "words": WORDS},
            key="rnn.fifty.tanhone.left",
            kind="certified",
            statement=f"Of a gradient that meets the slope of tanh at 1 at each of {WORDS} words, "
            "{value} is left.",
            conditions=f"All {WORDS} pre-activations 1, factors tanh'(1) = 0.41997...; weights are not "
            "counted. The bound of a tanh slope is 1 and says nothing.",
            formula_text=f"tanh'(1)^{WORDS}",
            formula_latex=f"\\tanh'(1)^{{{WORDS}}}",
            theorem="T02a",
            tags=("rnn", "tanh", "vanishing"),
        ),
    ]
    for name, gate in GATES.items():
        made.append(
            _power(
                f"lstm.fifty.{name}.left",
                gate,
                f"A forget gate that stands at {{share}} keeps {{value}} of a cell's content over "
                f"{WORDS} words.",
                f"All {WORDS} gates equal; direct path dc_T/dc_(T-{WORDS}) of one cell, from step to "
                "step multiplied by the gate.",
                theorem="T10a",
                tags=("lstm", "gates"),
            )
        )
    for bias in BIASES:
        made.append(
            _filled(
                exact.gate_power,
                f"{_HOME}_exact",
                {"bias": str(bias), "words": WORDS},
                key=f"lstm.fifty.bias{bias}.standing",
                kind="certified",
                role="prediction",
                statement=f"A forget gate that stands still at its starting bias {bias} keeps {{value}} "
                f"of a cell's content over {WORDS} words.",
                conditions=f"Gate sigmoid({bias}) at every step, as if inputs and states did not move "
                "it; direct path of one cell.",
                formula_text=f"sigmoid({bias})^{WORDS}",
                formula_latex=f"\\sigma({bias})^{{{WORDS}}}",
                theorem="T10a",
                tags=("lstm", "gates", "bias"),
            )
        )
    return made


def standing_key(network: str) -> str | None:
    """Return the key of what gates that stand still would keep.

    Args:
        network: one of `fifty_words.NETWORKS`.

    Returns:
        The key; None for a network without gates.
    """
    if not has_gate(network):
        return None
    bias = network[-1]
    return "lstm.fifty.half.left" if bias == "0" else f"lstm.fifty.bias{bias}.standing"


def measured(network: str, path: str, logs: np.ndarray, units: int, seed: int) -> Number:
    """Make what real networks keep of a gradient 50 words back.

    Args:
        network: one of `fifty_words.NETWORKS`.
        path: "total", "direct" or "share".
        logs: (S, 51) decimal logarithms.
        units: n.
        seed: seed of the draws.

    Returns:
        The number.
    """
    family, setting = network.split(".")
    name, seeds = NAMES[network], len(logs)
    memory = "c" if family == "lstm" else "h"
    gate = {"lstm": "forget gates", "gru": "update gates"}.get(family, "")
    text, latex = (
        f"||d{memory}_T/d{memory}_(T-{WORDS})||_F/sqrt(n)",
        f"\\|\\partial {memory}_T/\\partial {memory}_{{T-{WORDS}}}\\|_F/\\sqrt{{n}}",
    )
    about = f"Root mean square over directions of the state {memory} that carries the memory."
    if path == "direct":
        about = f"{about[:-1]}, through the product of the gates alone."
        letter = "f" if family == "lstm" else "z"
        text = f"rms over units of prod_t {letter}_t"
        latex = f"\\operatorname{{rms}}\\prod_t {letter}_t"
    if path == "share":
        about = "All parameters of the cell and all entries of the state together."
        text = f"||ds_T/dW through step T-{WORDS}||_F / ||ds_T/dW through step T||_F"
        latex = f"\\frac{{\\|\\partial_W s_T|_{{t=T-{WORDS}}}\\|_F}}{{\\|\\partial_W s_T|_{{t=T}}\\|_F}}"
    said = {
        "total": f"Of a gradient, {{value}} is left {WORDS} words back in {name} (median).",
        "direct": f"Along the direct path of its {gate}, {{value}} of a gradient is left {WORDS} words "
        f"back in {name} (median).",
        "share": f"To the gradient of the weights that all words share, the word {WORDS} words back "
        f"adds {{value}} of what the last word adds in {name} (median).",
    }[path]
    return estimated(
        f"{family}.fifty.{setting}.{'left' if path == 'total' else path}",
        left_of(logs),
        How.of(
            f"{_HOME}_numbers.left", network=network, path=path, units=units, seeds=seeds, seed=seed
        ),
        said,
        conditions=f"{seeds} networks of {units} units at initialization, as in Keras: Glorot-uniform "
        "kernels, orthogonal recurrent weights, zero biases but for the keeping gate's; each reads a "
        f"sentence of {WORDS + 1} one-hot words of 35. {about}",
        dtype="float32",
        formula_text=f"median {text}",
        formula_latex=f"\\operatorname{{median}}\\,{latex}",
        study=_STUDY,
        tags=(family, "gradient", "initialization", *(("gates",) if has_gate(network) else ())),
    )
