"""Numbers of the study of two sentences: each a function of plain arguments that computes it again.

Sizes of gradients are spread over powers of ten: they are given as geometric means over networks, with a
standard error by the delta method. Cost: of what is trained some 10 s, of everything else a few seconds
of compilation.
"""

import math
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import statistics
from gradchain.experiments import two_sentences as own
from gradchain.experiments import two_sentences_cost as cost
from gradchain.experiments import two_sentences_tied as tied
from gradchain.experiments.meeting import mean_result, measured_result, predicted_result

NETWORKS = tuple(own.NETWORKS)
WHAT = ("carriers", "all", "kept", "direct")
ARRAYS = {"carriers": "carriers", "all": "all", "kept": "log_kept", "direct": "log_direct"}
# Of fewer networks that learned nothing is said about gates.
ENOUGH = 4


def geometric(logs: np.ndarray) -> Result:
    """Take the geometric mean over networks.

    Args:
        logs: (S,) natural logarithms.

    Returns:
        The mean with its standard error.

    Raises:
        UsageError: if a value is 0 or not a number.
    """
    values = np.asarray(logs, np.float64)
    if not np.isfinite(values).all():
        raise UsageError(
            "got a gradient that is 0 or not finite, expected a geometric mean of sizes"
        )
    middle, error = statistics.mean_and_error(values.tolist())
    method = "geometric mean over networks; standard error by the delta method"
    return measured_result(math.exp(middle), math.exp(middle) * error, len(values), method)


@recomputable(network=NETWORKS, distance=int, units=int)
def start_predicted(network: str, distance: int, units: int) -> Result:
    """Predict the gradient at the clue's word relative to the last word, before training.

    Args:
        network: one of `NETWORKS`.
        distance: words from the clue to the answer.
        units: n, which sets the scales of weights.

    Returns:
        The root mean square at infinite width, with the rounding of float64 as its error.
    """
    return predicted_result(math.exp(float(own.predicted_logs(network, distance, units)[0])))


@recomputable(network=NETWORKS, distance=int, units=int, seeds=int, seed=int)
def start_measured(network: str, distance: int, units: int, seeds: int, seed: int) -> Result:
    """Measure the gradient at the clue's word relative to the last word, before training.

    Args:
        network: one of `NETWORKS`.
        distance: words from the clue to the answer.
        units: n.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The geometric mean over networks.
    """
    return geometric(own.log_ratio(own.start_logs(network, distance, units, seeds, seed)))


@lru_cache(maxsize=8)
def _trained(
    network: str,
    distance: int,
    units: int,
    seeds: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
) -> dict[str, np.ndarray]:
    size = {"units": units, "seeds": seeds, "steps": steps, "batch": batch, "rate": rate}
    return own.train(network, distance, seed=seed, **size)


def has_learned(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Say which networks learned.

    Args:
        arrays: what `two_sentences.train` returned.

    Returns:
        (S,) true for 90 % right answers at the end.
    """
    return arrays["accuracy"][:, -1] >= own.LEARNED


_TRAINED = {
    "network": NETWORKS,
    "distance": int,
    "units": int,
    "seeds": int,
    "steps": int,
    "batch": int,
    "rate": float,
    "seed": int,
}


@recomputable(**_TRAINED)
def learned(
    network: str,
    distance: int,
    units: int,
    seeds: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
) -> Result:
    """Train networks and return the share that learns.

    Args:
        network: one of `NETWORKS`.
        distance: words from the clue to the answer.
        units: n.
        seeds: number of networks.
        steps: optimizer steps.
        batch: sentences a step.
        rate: learning rate.
        seed: seed of the draws.

    Returns:
        The share with at least 90 % of the answers right.
    """
    arrays = _trained(network, distance, units, seeds, steps, batch, rate, seed)
    return share_of(arrays)


def share_of(arrays: dict[str, np.ndarray]) -> Result:
    """Take the share of networks that learned.

    Args:
        arrays: what `two_sentences.train` returned.

    Returns:
        The share with Wilson's interval.
    """
    good = has_learned(arrays)
    return statistics.share(int(good.sum()), len(good))


def gate_of(arrays: dict[str, np.ndarray], what: str) -> Result:
    """Take a quantity of the gates over the networks that learned.

    Args:
        arrays: what `two_sentences.train` returned for a gated network.
        what: one of `WHAT`.

    Returns:
        The mean gate of carriers or of all units; or the geometric mean of what the carriers' gates keep
        over the sentence, or of what the direct path passes relative to all.

    Raises:
        UsageError: if fewer than four networks learned.
    """
    good = has_learned(arrays)
    if good.sum() < ENOUGH:
        raise UsageError(f"got {good.sum()} networks that learned, expected at least {ENOUGH}")
    values = arrays[ARRAYS[what]][good]
    return mean_result(values) if what in {"carriers", "all"} else geometric(values)


@recomputable(**_TRAINED | {"network": own.GATED}, what=WHAT)
def gate(
    network: str,
    distance: int,
    units: int,
    seeds: int,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    what: str,
) -> Result:
    """Train networks and follow their keeping gates.

    Args:
        network: a gated one of `NETWORKS`.
        distance: words from the clue to the answer.
        units: n.
        seeds: number of networks.
        steps: optimizer steps.
        batch: sentences a step.
        rate: learning rate.
        seed: seed of the draws.
        what: one of `WHAT`.

    Returns:
        As `gate_of`.
    """
    return gate_of(_trained(network, distance, units, seeds, steps, batch, rate, seed), what)


@recomputable(cell=("lstm", "gru"), units=int, inputs=int)
def arithmetic(cell: str, units: int, inputs: int) -> Result:
    """Count the operations of a step, forward and backward, relative to the simple RNN.

    Args:
        cell: "lstm" or "gru".
        units: n.
        inputs: d.

    Returns:
        The ratio of two exact counts, rounded to six digits.
    """
    ratio = cost.operations(cell, units, inputs) / cost.operations("rnn", units, inputs)
    method = "both counts are exact; rounded to six digits"
    return Result(
        statistics.plain(ratio),
        uncertainty=Uncertainty("error bound", value="1e-5", method=method),
    )


@recomputable(kind=tuple(tied.KINDS), width=int)
def growth_predicted(kind: str, width: int) -> Result:
    """Predict the factor a step of untied networks.

    Args:
        kind: one of `two_sentences_tied.KINDS`.
        width: n.

    Returns:
        exp of the predicted growth.
    """
    value, error = tied.predicted_growth(kind, width)
    return predicted_result(math.exp(value), math.exp(value) * error)


@lru_cache(maxsize=4)
def _chains(kind: str, width: int, steps: int, seeds: int, seed: int) -> tied.Chains:
    return tied.chains(kind, width, steps, seeds, seed)


@recomputable(
    kind=tuple(tied.KINDS), weights=("tied", "untied"), width=int, steps=int, seeds=int, seed=int
)
def growth_measured(
    kind: str, weights: str, width: int, steps: int, seeds: int, seed: int
) -> Result:
    """Measure the factor a step over the farther half of the distances.

    Args:
        kind: one of `two_sentences_tied.KINDS`.
        weights: "tied" or "untied".
        width: n.
        steps: T.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The geometric mean over networks.
    """
    found = _chains(kind, width, steps, seeds, seed)
    return geometric(tied.growth(getattr(found, weights)))


@recomputable(width=int, seeds=int, seed=int)
def radius_measured(width: int, seeds: int, seed: int) -> Result:
    """Compute the spectral radii of the tied linear networks' matrices.

    Args:
        width: n.
        seeds: number of matrices.
        seed: seed of the draws.

    Returns:
        Their geometric mean.
    """
    return geometric(_chains("linear", width, 2, seeds, seed).radius)
