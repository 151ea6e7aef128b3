"""The words around the numbers of the finite-width study: key, statement, conditions.

Keys: `finitewidth.<relu or linear>.width<n>.<mean, variance, typical, dead>.<predicted, measured>` and
`finitewidth.<...>.width<n>.band.measured`.
"""

import numpy as np

from gradchain.experiments import finite_width_numbers as numbers
from gradchain.experiments.records import computed, estimated
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.finite_width_numbers"
_NAMES = {"relu": "relu", "identity": "linear"}
_KINDS = {"relu": "He-initialized ReLU networks", "identity": "linear networks"}
_LAWS = {
    "relu": "W_ij ~ N(0, 2/n)",
    "identity": "W_ij ~ N(0, 1/n)",
}
_MINUS = "log |Ju|^2, the natural logarithm of the squared size of what is left of a direction,"
_SAID = {
    "mean": f"{_MINUS} has the mean {{value}}",
    "variance": f"{_MINUS} has the variance {{value}}",
    "typical": "the typical size of what is left of a direction of length 1 is {value} (geometric "
    "mean), although its mean square is 1",
    "dead": "a share of {value} has a layer without any active unit, so that the gradient is exactly "
    "0",
    "band": "a share of {value} lies inside the band that the exact law gives 90 percent",
}
_FORMULAS = {
    "mean": ("E log |Ju|^2", "\\mathrm{E}\\log|Ju|^2"),
    "variance": ("Var log |Ju|^2", "\\mathrm{Var}\\log|Ju|^2"),
    "typical": ("exp(E log |Ju|)", "\\exp(\\mathrm{E}\\log|Ju|)"),
    "dead": ("1 - (1 - 2^-n)^L", "1-(1-2^{-n})^L"),
    "band": ("P(q_05 <= log |Ju|^2 <= q_95)", "P(q_{0.05}\\le\\log|Ju|^2\\le q_{0.95})"),
}


def stem(activation: str, width: int) -> str:
    """Return how the keys of one kind of network begin.

    Args:
        activation: "relu" or "identity".
        width: n.

    Returns:
        Such as `finitewidth.relu.width100`.
    """
    return f"finitewidth.{_NAMES[activation]}.width{width}"


def _common(activation: str, width: int, depth: int, quantity: str, source: str) -> dict:
    theory = source == "predicted"
    given = "" if quantity == "dead" else " Given no dead layer." if activation == "relu" else ""
    how = (
        "Exact law for Gaussian weights, at every width."
        if theory
        else "Networks with real weights and a real forward pass."
    )
    text, latex = _FORMULAS[quantity]
    return {
        "conditions": f"{depth} square layers of width n = {width}, {_LAWS[activation]}, no biases, "
        f"one input, J = dh_{depth}/dh_0, u a fixed direction of length 1.{given} {how}",
        "formula_text": text,
        "formula_latex": latex,
        "digits": 4 if theory else 3,
        "study": "finite_width",
        "tags": (_NAMES[activation], "width", "spread"),
    }


def _statement(activation: str, width: int, depth: int, quantity: str, source: str) -> str:
    lead = f"In {_KINDS[activation]} of width {width}, after {depth} layers"
    if quantity in {"dead", "band"}:
        lead = f"Of {_KINDS[activation]} of width {width} and {depth} layers"
    tail = " (predicted)" if source == "predicted" else ""
    return f"{lead} {_SAID[quantity]}{tail}."


def predicted(activation: str, width: int, depth: int, quantity: str) -> Number:
    """Make the number of a prediction.

    Args:
        activation: "relu" or "identity".
        width: n.
        depth: L.
        quantity: one of `finite_width_numbers.PREDICTED`.

    Returns:
        The number.
    """
    settings = {"activation": activation, "width": width, "depth": depth, "quantity": quantity}
    return computed(
        f"{stem(activation, width)}.{quantity}.predicted",
        numbers.predicted(**settings),
        How.of(f"{_HOME}.predicted", **settings),
        "1e-10",
        _statement(activation, width, depth, quantity, "predicted"),
        role="prediction",
        **_common(activation, width, depth, quantity, "predicted"),
    )


def measured(
    log_square: np.ndarray, activation: str, width: int, depth: int, seed: int, quantity: str
) -> Number:
    """Make the number of a measurement.

    Args:
        log_square: (S,) natural logarithms of |Ju|^2; -inf for a dead chain.
        activation: "relu" or "identity".
        width: n.
        depth: L.
        seed: seed of the draws.
        quantity: one of `finite_width_numbers.MEASURED`.

    Returns:
        The number.
    """
    settings = {"activation": activation, "width": width, "depth": depth, "quantity": quantity}
    return estimated(
        f"{stem(activation, width)}.{quantity}.measured",
        numbers.measured_of(log_square, **settings),
        How.of(f"{_HOME}.measured", seeds=len(log_square), seed=seed, **settings),
        _statement(activation, width, depth, quantity, "measured"),
        dtype="float32",
        **_common(activation, width, depth, quantity, "measured"),
    )
