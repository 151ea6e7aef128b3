"""The numbers of the study of chains through time, each as a function that computes it again.

Chains are kept in memory while numbers of one network follow each other. Cost: 3 to 6 s for the first
number of a network, 10 to 20 s for one after training.
"""

import math

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics, time_chain
from gradchain.experiments.meeting import predicted_result
from gradchain.experiments.time_chain import LIMITS, NETWORKS
from gradchain.experiments.time_chain_theory import predicted

WHEN = ("before", "after")


def kept_of(total: np.ndarray, back: int) -> Result:
    """Estimate the median of what is left some steps back.

    Args:
        total: (S, T+1) decimal logarithms by steps back.
        back: steps back.

    Returns:
        The median over networks with its 95 % interval.
    """
    return statistics.median(np.asarray(total)[:, back].tolist())


def steps_of(counts: np.ndarray) -> Result:
    """Estimate the median of a number of steps.

    Args:
        counts: (S,) steps; infinite where none were enough.

    Returns:
        The median over networks with its 95 % interval.

    Raises:
        UsageError: if the interval is not finite.
    """
    if not known(counts):
        raise UsageError("too many networks do not fall below the limit: the median is not known")
    return statistics.median(np.log10(np.maximum(counts, 1)).tolist())


def known(counts: np.ndarray) -> bool:
    """Say whether `steps_of` has an answer.

    Args:
        counts: (S,) steps.

    Returns:
        True if the median and its interval are finite.
    """
    high = statistics.median_ranks(len(counts))[1]
    return bool(math.isfinite(np.sort(counts)[high - 1]))


@recomputable(network=NETWORKS, units=int, steps=int, back=int, seeds=int, seed=int)
def kept(network: str, units: int, steps: int, back: int, seeds: int, seed: int) -> Result:
    """Estimate the median over networks of what is left of a gradient some steps back.

    Args:
        network: one of `NETWORKS`.
        units: n.
        steps: T.
        back: steps back, at most T.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median with its 95 % interval.

    Raises:
        UsageError: if back is beyond T, or a size out of range.
    """
    if not 0 <= back <= steps:
        raise UsageError(f"got back={back} of {steps} steps, expected 0 to {steps}")
    return kept_of(time_chain.chains(network, units, steps, seeds, seed).total, back)


@recomputable(network=NETWORKS, units=int, steps=int, back=int, tied=bool)
def kept_predicted(network: str, units: int, steps: int, back: int, tied: bool) -> Result:
    """Predict what is left of a gradient some steps back, in root mean square at infinite width.

    Args:
        network: one of `NETWORKS`.
        units: n, for the spread of the kernels.
        steps: T.
        back: steps back, at most T.
        tied: one set of weights for all steps; False for new ones at each.

    Returns:
        The prediction with the error of its quadrature.

    Raises:
        UsageError: if back is beyond T.
    """
    if not 0 <= back <= steps:
        raise UsageError(f"got back={back} of {steps} steps, expected 0 to {steps}")
    value = 10.0 ** float(predicted(network, units, steps, tied=tied).total[back])
    return predicted_result(value, 1e-9 * value)


@recomputable(network=NETWORKS, limit=tuple(LIMITS), units=int, steps=int, seeds=int, seed=int)
def lost_steps(network: str, limit: str, units: int, steps: int, seeds: int, seed: int) -> Result:
    """Estimate the median number of steps until a gradient of size 1 falls below a limit.

    Args:
        network: one of `NETWORKS`.
        limit: one of `LIMITS`.
        units: n.
        steps: how many steps are gone back, at most (nine tenths of them are looked at).
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median with its 95 % interval.

    Raises:
        UsageError: if too many networks do not fall below it, or a size is out of range.
    """
    found = time_chain.lost(network, units, steps, seeds, seed)
    return steps_of(found[:, list(LIMITS).index(limit)])


@recomputable(
    network=NETWORKS,
    when=WHEN,
    units=int,
    distance=int,
    training_steps=int,
    steps=int,
    seeds=int,
    seed=int,
)
def trained_kept(
    network: str,
    when: str,
    units: int,
    distance: int,
    training_steps: int,
    steps: int,
    seeds: int,
    seed: int,
) -> Result:
    """Estimate the median of what is left at the distance trained for, before or after training.

    Args:
        network: one of `NETWORKS`.
        when: "before" or "after".
        units: n.
        distance: steps from the first token to the answer, and steps back.
        training_steps: steps of Adam.
        steps: T of the sequences looked at.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median with its 95 % interval.

    Raises:
        UsageError: if the distance is beyond T, or a size out of range.
    """
    if distance > steps:
        raise UsageError(f"got distance {distance} of {steps} steps, expected at most {steps}")
    found = time_chain.trained(network, units, distance, training_steps, steps, seeds, seed)
    return kept_of(getattr(found, when), distance)
