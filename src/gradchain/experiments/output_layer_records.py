"""The words around the numbers of the output layer study: key, statement, conditions.

Keys: `outputlayer.<head>.<logit>.<what>` for the closed forms and what float32 gives for them,
`outputlayer.<head>.<start>.<what>` for trained networks.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from gradchain.experiments import lab_numbers, output_layer
from gradchain.experiments import output_layer_exact as closed
from gradchain.experiments.lab import Setting
from gradchain.experiments.records import computed, segment
from gradchain.registry.draft import Draft
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.output_layer_exact"
STUDY = "output_layer"
NAMES = {
    "sigmoid_ce": "sigmoid with cross-entropy",
    "sigmoid_mse": "sigmoid with squared error",
    "linear_mse": "linear output with squared error",
    "softmax_ce": "softmax with cross-entropy",
    "keras_bce": "sigmoid with Keras' clipped cross-entropy",
}
_FORMS = {
    "sigmoid_ce": ("1 - p", "1-p"),
    "sigmoid_mse": ("2 (1-p)^2 p", "2(1-p)^2p"),
    "linear_mse": ("2 |z - 1|", "2|z-1|"),
    "softmax_ce": ("1 - p", "1-p"),
    "keras_bce": ("(1 - p) [p >= 1e-7]", "(1-p)\\,[p \\ge 10^{-7}]"),
}
_POINT = "One example of class 1; z is the last layer's linear output, p = 1/(1 + exp(-z))."
LOGITS = {"logit0": "0", "minus5": "-5", "minus10": "-10", "minus20": "-20"}
TRAINED = {
    "gradient_first_start": "first",
    "gradient_last_start": "last",
    "gradient_ratio_start": "ratio",
    "accuracy": "accuracy",
}
_SAID = {
    "gradient_first_start": "the first kernel's gradient is {value} at the start",
    "gradient_last_start": "the last kernel's gradient is {value} at the start",
    "gradient_ratio_start": "the first kernel's gradient is {value} of the last one's at the start",
    "accuracy": "the accuracy after training is {value}",
}


def drafts() -> list[Draft]:
    """Draft the closed forms.

    Returns:
        Drafts of kinds exact and certified.
    """
    found = []
    for head in closed.HEADS:
        shown = ("minus20",) if head == "keras_bce" else LOGITS
        shown = ("minus10",) if head == "softmax_ce" else shown
        text, latex = _FORMS[head]
        for name in shown:
            found.append(
                _draft(
                    f"{segment(head)}.{name}.signal",
                    How.of(f"{_HOME}.error_signal", head=head, logit=LOGITS[name]),
                    f"With {NAMES[head]} the error signal |dE/dz| at logit {LOGITS[name]} of an "
                    "example of class 1 is {value}.",
                    (f"|dE/dz| = {text}, z = {LOGITS[name]}", f"{latex},\\ z={LOGITS[name]}"),
                    6,
                )
            )
    flow = "Gradient flow dz/dt = -dE/dz on the logit alone; a step with rate r is a time r."
    for head in closed.HEADS[:4]:
        end = "1/2" if head == "linear_mse" else "0"
        found.append(
            _draft(
                f"{segment(head)}.minus10.time",
                How.of(f"{_HOME}.recovery_time", head=head, logit="-10"),
                f"With {NAMES[head]}, gradient flow needs the time {{value}} to bring a wrong logit "
                f"from -10 to {end}, the point of no decision.",
                (
                    f"integral from -10 to {end} of dz/|dE/dz|",
                    f"\\int_{{-10}}^{{{end}}} dz/|E'(z)|",
                ),
                5,
                flow + (" Both logits move." if head == "softmax_ce" else ""),
            )
        )
    for quantity, said in (
        ("signal", "The largest error signal that sigmoid with squared error can send is {value}."),
        ("probability", "Sigmoid with squared error sends its largest error signal at probability "
         "{value} of the right class."),
    ):  # fmt: skip
        forms = {
            "signal": ("max over p of 2 (1-p)^2 p", "\\max_p 2(1-p)^2p"),
            "probability": ("argmax over p of 2 (1-p)^2 p", "\\arg\\max_p 2(1-p)^2p"),
        }[quantity]
        how = How.of(f"{_HOME}.largest_squared_signal", quantity=quantity)
        found.append(_draft(f"sigmoidmse.largest.{quantity}", how, said, forms, 4))
    for name in ("logit0", "minus10"):
        found.append(
            _draft(
                f"advantage.{name}",
                How.of(f"{_HOME}.advantage", logit=LOGITS[name]),
                f"At logit {LOGITS[name]} cross-entropy sends {{value}} times the gradient of squared "
                "error, both on a sigmoid, to every layer.",
                (f"2 cosh(z/2)^2, z = {LOGITS[name]}", f"2\\cosh^2(z/2),\\ z={LOGITS[name]}"),
                5,
            )
        )
    found.append(
        _draft(
            "kerasbce.clip.logit",
            How.of(f"{_HOME}.clip_edge"),
            "Keras clips probabilities at 1e-7: beyond |z| = {value} the gradient of its binary "
            "cross-entropy is exactly 0.",
            ("log(1e7 - 1)", "\\log(10^7-1)"),
            5,
        )
    )
    return found


def _draft(
    key: str, how: How, said: str, forms: tuple[str, str], digits: int, more: str = ""
) -> Draft:
    rational = ("logit0", "largest", "linearmse.minus", "kerasbce.minus")
    exact = any(part in key for part in rational) and not key.endswith("time")
    return Draft(
        key=f"outputlayer.{key}",
        kind="exact" if exact else "certified",
        how=how,
        statement=said,
        conditions=f"{_POINT} {more}".strip(),
        formula_text=forms[0],
        formula_latex=forms[1],
        digits=digits,
        tags=("output", "loss", "error signal"),
    )


def exact_numbers() -> list[Number]:
    """Compute the closed forms.

    Returns:
        The records.
    """
    from dataclasses import replace

    run = {
        f"{_HOME}.{name}": getattr(closed, name)
        for name in ("error_signal", "recovery_time", "largest_squared_signal", "advantage", "clip_edge")
    }  # fmt: skip
    made = [draft.fill(run[draft.how.function](**draft.how.kwargs)) for draft in drafts()]
    return [replace(number, study=STUDY) for number in made]


def measured_numbers() -> list[Number]:
    """Measure the error signal at logit -10 in float32, by each head.

    Returns:
        The records, of kind computed.
    """
    return [
        computed(
            f"outputlayer.{segment(head)}.minus10.measured",
            output_layer.measured_signal(head, -10.0),
            How.of("gradchain.experiments.output_layer.measured_signal", head=head, logit=-10.0),
            "1e-5",
            f"With {NAMES[head]}, float32 autodiff gives the error signal {{value}} at logit -10 of an "
            "example of class 1.",
            conditions=f"{_POINT} jax.grad of the lab's own loss.",
            formula_text=f"|dE/dz| = {_FORMS[head][0]}, z = -10",
            formula_latex=f"{_FORMS[head][1]},\\ z=-10",
            dtype="float32",
            digits=6,
            study=STUDY,
            tags=("output", "loss", "error signal"),
        )
        for head in closed.HEADS
    ]


def trained_numbers(
    head: str,
    start: str,
    kept: Mapping[str, np.ndarray],
    setting: Setting,
    seed: int,
    measures: Iterable[str],
) -> list[Number]:
    """Make the numbers of one setting's networks.

    Args:
        head: output and loss.
        start: the start's name, as it stands in keys.
        kept: arrays of the setting.
        setting: the setting.
        seed: seed of the draws.
        measures: keys of `TRAINED`.

    Returns:
        The records, of kind estimated.
    """
    seeds = len(kept["final_loss"])
    return [
        lab_numbers.number(
            f"outputlayer.{segment(head)}.{start}.{TRAINED[measure]}",
            kept,
            setting,
            seed,
            measure,
            f"With {NAMES[head]}, {_about(setting)}, {_SAID[measure]} (median).",
            conditions=lab_numbers.conditions(setting, seeds) + ".",
            dtype="float32",
            study=STUDY,
            tags=("output", "loss", head),
        )
        for measure in measures
    ]


def _about(setting: Setting) -> str:
    where = f"in ReLU networks of {setting.depth} hidden layers"
    if not setting.last_bias:
        return f"{where} that start undecided"
    return f"{where} whose last bias starts at {setting.last_bias:g}"
