"""The numbers of the finite-width study, each as a function that computes it again.

Quantities: `mean` and `variance` of log |Ju|^2 (natural logarithm, given no dead layer), `typical`
|Ju| = exp(mean/2), `dead` the probability of a dead layer, `band` the share of networks inside the
law's central 90 %. Measured and predicted side by side.
"""

import math
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.finite_width import NETWORKS, inside, law_of, log_squares, moments

PREDICTED = ("mean", "variance", "typical", "dead")
MEASURED = (*PREDICTED, "band")
BAND = 0.9
_LARGEST = {"width": 2000, "depth": 1000, "seeds": 20000}
_NORMAL_DRAWS = 2e10


def _checked(width: int, depth: int, seeds: int = 1) -> None:
    for name, value in (("width", width), ("depth", depth), ("seeds", seeds)):
        if not 1 <= value <= _LARGEST[name]:
            raise UsageError(f"{name} {value}: expected 1 to {_LARGEST[name]}")
    if width**2 * depth * seeds > _NORMAL_DRAWS:
        raise UsageError(
            f"{seeds} networks of {depth} layers of width {width}: more than ten minutes of draws; "
            "expected fewer"
        )


@lru_cache(maxsize=8)
def _drawn(width: int, depth: int, seeds: int, seed: int) -> np.ndarray:
    _checked(width, depth, seeds)
    return log_squares(NETWORKS, width, depth, seeds, seed)[:, :, -1]


@recomputable(activation=NETWORKS, width=int, depth=int, quantity=PREDICTED)
def predicted(activation: str, width: int, depth: int, quantity: str) -> Result:
    """Compute what the exact law says.

    Args:
        activation: "relu" (He) or "identity".
        width: n.
        depth: L.
        quantity: one of `PREDICTED`.

    Returns:
        The value with an error bound.
    """
    _checked(width, depth)
    law = law_of(activation, width, depth)
    value, error = {
        "mean": (law.mean, law.error),
        "variance": (law.variance, law.error),
        "typical": (law.typical_norm, law.typical_norm * law.error),
        "dead": (law.dead_probability, 1e-14 * law.dead_probability),
    }[quantity]
    doubt = Uncertainty(
        "error bound", value=f"{max(error, 1e-16):.2g}", method="rounding of a closed form"
    )
    return Result(statistics.plain(value, 12), uncertainty=doubt)


def measured_of(log_square: np.ndarray, activation: str, width: int, depth: int, quantity: str):
    """Estimate a quantity from networks.

    Args:
        log_square: (S,) natural logarithms of |Ju|^2; -inf for a dead chain.
        activation: one of `NETWORKS`.
        width: n.
        depth: L.
        quantity: one of `MEASURED`.

    Returns:
        The estimate with its uncertainty, a `Result`.
    """
    if quantity == "dead":
        return statistics.share(int(np.isneginf(log_square).sum()), log_square.size)
    if quantity == "band":
        return statistics.share(*inside(log_square, law_of(activation, width, depth), BAND))
    found = moments(log_square)
    among = "networks without a dead layer"
    value, error, method = {
        "mean": (found.mean, found.mean_error, f"mean over {among}"),
        "variance": (
            found.variance,
            found.variance_error,
            f"variance over {among}; standard error from the fourth moment",
        ),
        "typical": (
            math.exp(found.mean / 2),
            math.exp(found.mean / 2) * found.mean_error / 2,
            f"geometric mean over {among}; standard error by the delta method",
        ),
    }[quantity]
    doubt = Uncertainty("standard error", value=f"{error:.3g}", n=found.alive, method=method)
    return Result(statistics.plain(value), uncertainty=doubt)


@recomputable(activation=NETWORKS, width=int, depth=int, seeds=int, seed=int, quantity=MEASURED)
def measured(
    activation: str, width: int, depth: int, seeds: int, seed: int, quantity: str
) -> Result:
    """Draw networks and estimate a quantity.

    Args:
        activation: "relu" (He) or "identity".
        width: n.
        depth: L.
        seeds: number of networks.
        seed: seed of the draws.
        quantity: one of `MEASURED`.

    Returns:
        The estimate with its uncertainty. Cost: n^2 L normal draws a network, 50 million a second.
    """
    own = _drawn(width, depth, seeds, seed)[:, NETWORKS.index(activation)]
    return measured_of(own, activation, width, depth, quantity)


def z_score(
    log_square: np.ndarray, activation: str, width: int, depth: int, quantity: str
) -> float:
    """Return (measured - predicted) / standard error.

    For `dead` and `band` the standard error is the binomial one of the prediction.

    Args:
        log_square: (S,) natural logarithms of |Ju|^2; -inf for a dead chain.
        activation: one of `NETWORKS`.
        width: n.
        depth: L.
        quantity: one of `MEASURED` without typical.

    Returns:
        The score; NaN where the prediction leaves nothing to chance.
    """
    law = law_of(activation, width, depth)
    if quantity in {"dead", "band"}:
        hits, count = int(np.isneginf(log_square).sum()), log_square.size
        chance = law.dead_probability
        if quantity == "band":
            (hits, count), chance = inside(log_square, law, BAND), BAND
        spread = math.sqrt(count * chance * (1 - chance))
        return (hits - count * chance) / spread if spread > 1e-3 else math.nan
    found = moments(log_square)
    if quantity == "mean":
        return (found.mean - law.mean) / found.mean_error
    return (found.variance - law.variance) / found.variance_error
