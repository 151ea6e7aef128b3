"""The numbers of the residual study: growth a block and in all, and its spread over networks.

Keys: `residual.<family>.<kind>.block|total|spread.predicted|measured`. All kinds of a family share their
draws, which are kept while numbers follow each other.
"""

import math
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import residual, statistics
from gradchain.experiments.meeting import Pairs, mean_result, measured_result, predicted_result

QUANTITIES = ("block", "total", "spread")
_HOME = "gradchain.experiments.residual_numbers"
_LIMITS = {"width": 1024, "depth": 200, "seeds": 4000}


@lru_cache(maxsize=4)
def log_steps(family: str, width: int, depth: int, seeds: int, seed: int) -> np.ndarray:
    """Follow networks of all kinds of a family.

    Args:
        family: one of `residual.FAMILIES`.
        width: units or channels.
        depth: blocks.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        (seeds, kinds, L) natural logs of the factor of |J u|^2 of each block.

    Raises:
        UsageError: for a size out of range.
    """
    for name, value in (("width", width), ("depth", depth), ("seeds", seeds)):
        if not 1 <= value <= _LIMITS[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LIMITS[name]}")
    return residual.measured(family, width, depth, seeds, seed).log_step


def result_of(steps: np.ndarray, quantity: str) -> Result:
    """Take a quantity of some networks.

    Args:
        steps: (seeds, L) natural logs of the factors of the square.
        quantity: "block" (mean factor of the square a block), "total" (growth of the root mean
            square) or "spread" (standard deviation over networks of log10 |J u|).

    Returns:
        The estimate with its standard error.
    """
    if quantity == "block":
        return mean_result(np.exp(steps).mean(axis=1), "networks, of the mean over blocks")
    logs = steps.sum(axis=1) / math.log(10)
    if quantity == "total":
        return statistics.root_mean(logs.tolist())
    size = float(np.std(logs / 2, ddof=1))
    return measured_result(
        size,
        size / math.sqrt(2 * (len(logs) - 1)),
        len(logs),
        "standard deviation s over networks; its standard error s/sqrt(2(n-1)) for a log-normal law",
    )


@recomputable(
    family=residual.FAMILIES, kind=residual.ALL_KINDS, quantity=QUANTITIES, width=int, depth=int,
    seeds=int, seed=int,
)  # fmt: skip
def growth_measured(
    family: str, kind: str, quantity: str, width: int, depth: int, seeds: int, seed: int
) -> Result:
    """Estimate how a gradient grows through blocks.

    Args:
        family: one of `residual.FAMILIES`.
        kind: one of its kinds.
        quantity: one of `QUANTITIES`.
        width: units or channels.
        depth: blocks.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate with its standard error.

    Raises:
        UsageError: for a kind that the family does not have.
    """
    if kind not in residual.KINDS[family]:
        raise UsageError(f"got {kind!r}, expected one of {', '.join(residual.KINDS[family])}")
    steps = log_steps(family, width, depth, seeds, seed)
    return result_of(steps[:, residual.KINDS[family].index(kind)], quantity)


@recomputable(kind=residual.ALL_KINDS, quantity=QUANTITIES, width=int, depth=int)
def growth_predicted(kind: str, quantity: str, width: int, depth: int) -> Result:
    """Compute the law of a kind.

    Args:
        kind: one of `residual.ALL_KINDS`.
        quantity: one of `QUANTITIES`; "spread" for the linear and plain kinds of the dense family.
        width: n, of which only the spread depends.
        depth: blocks.

    Returns:
        The prediction.

    Raises:
        UsageError: for a spread that has no law here.
    """
    logs = residual.predicted_log_growth(kind, depth)
    if quantity == "total":
        return predicted_result(math.exp(float(logs[-1]) / 2), 1e-11)
    if quantity == "block":
        factors = np.exp(np.diff(np.concatenate([[0.0], logs])))
        return predicted_result(float(factors.mean()))
    if kind not in {"linear", "plain"}:
        raise UsageError(f"got the spread of {kind!r}, expected linear or plain")
    variance = residual.plain_log_law(width, depth, kind)[1]
    return predicted_result(math.sqrt(variance) / (2 * math.log(10)), 1e-9)


_NAMES = {
    "dense": "fully connected",
    "convolution": "convolutional",
    "deltaorthogonal": "delta-orthogonal convolutional",
}
_FORMS = {
    "linear": "V W x (no skip)",
    "plain": "V relu(W x) (no skip)",
    "skip": "x + V relu(W x)",
    "scaled": "x + V relu(W x)/sqrt(L)",
    "normed": "x + V relu(W layer_norm(x))",
    "zero": "x + 0 V relu(W x)",
    "tanh": "x + tanh(V x)",
}
_FORMULAS = {
    "block": ("E|J_l u|^2/|u|^2", "\\mathrm{E}|J_l u|^2/|u|^2"),
    "total": ("sqrt(E|J u|^2/|u|^2)", "\\sqrt{\\mathrm{E}|J u|^2/|u|^2}"),
    "spread": ("std log10 |J u|", "\\operatorname{std}\\log_{10}|J u|"),
}
_EXACT_WIDTH = "Exact at every width. "
_INFINITE = "Infinite width. "


def _words(family: str, kind: str, quantity: str, depth: int) -> str:
    block = f"{_NAMES[family]} block {_FORMS[kind]}"
    many = f"{depth} {_NAMES[family]} blocks {_FORMS[kind]}"
    return {
        "block": f"A {block} multiplies the mean square of a gradient by {{value}}",
        "total": f"Through {many} the root mean square of a gradient grows {{value}} times",
        "spread": f"After {many} the norm of a gradient scatters over networks by {{value}} decades",
    }[quantity]


def add(
    pairs: Pairs, family: str, kind: str, quantity: str, width: int, steps: np.ndarray, seed: int
) -> str:
    """Add one number, predicted where there is a law, and measured.

    Args:
        pairs: where to.
        family: one of `residual.FAMILIES`.
        kind: one of its kinds.
        quantity: one of `QUANTITIES`.
        width: units or channels.
        steps: (seeds, L) of this kind.
        seed: seed of the draws.

    Returns:
        The stem of the keys.
    """
    seeds, depth = steps.shape
    stem, said = f"residual.{family}.{kind}.{quantity}", _words(family, kind, quantity, depth)
    theory = {"kind": kind, "quantity": quantity, "width": width, "depth": depth}
    shape = (
        f"width {width}" if family == "dense" else
        f"{width} channels, 3 x 3 kernels, a {residual.SIDE} x {residual.SIDE} torus"
    )  # fmt: skip
    weights = "W of variance 2/fan_in, V of 1/fan_in" if kind != "linear" else "variance 1/fan_in"
    law = "delta-orthogonal" if family == "deltaorthogonal" else "Gaussian"
    common = f"{law} weights, {weights}, no biases, L = {depth} blocks, at initialization."
    exact = kind not in {"normed", "tanh"}
    has_law = quantity != "spread" or (family == "dense" and kind in {"linear", "plain"})
    pairs.add(
        stem,
        (growth_predicted, theory, f"{said} (prediction).") if has_law else None,
        None
        if kind == "zero"
        else (
            result_of(steps, quantity),
            "growth_measured",
            theory | {"family": family, "seeds": seeds, "seed": seed},
            f"{said} (measured).",
        ),
        (
            f"{_EXACT_WIDTH if exact else _INFINITE}{common}"
            + (f" Width {width}." if quantity == "spread" else ""),
            f"{seeds} networks of {shape}. {common} Measured forward along one random direction a "
            "network, which has the same mean square as a gradient sent back.",
        ),
        _FORMULAS[quantity],
        ("residual", family.replace("_", ""), kind),
        4,
    )
    return stem


def start_pairs() -> Pairs:
    """Start an empty collection of the study's pairs.

    Returns:
        The collection.
    """
    return Pairs(_HOME, "residual")
