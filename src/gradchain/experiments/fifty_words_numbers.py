"""The measured numbers of the study of fifty words, as a function that computes them again.

Walks are kept in memory while numbers of one network follow each other. Cost: 3 to 6 s for the first
number of a network.
"""

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.fifty_words import NETWORKS, PATHS, WORDS, has_gate, walk


def left_of(logs: np.ndarray) -> Result:
    """Estimate the median of what is left at the end of the way.

    Args:
        logs: (S, 51) decimal logarithms.

    Returns:
        The median over networks with its 95 % interval.
    """
    return statistics.median(np.asarray(logs)[:, WORDS].tolist())


@recomputable(network=NETWORKS, path=PATHS, units=int, seeds=int, seed=int)
def left(network: str, path: str, units: int, seeds: int, seed: int) -> Result:
    """Estimate the median over networks of what is left of a gradient 50 words back.

    Args:
        network: one of `NETWORKS`.
        path: "total", "direct" along the product of gates, or "share" of the shared weights' gradient.
        units: n.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median with its 95 % interval.

    Raises:
        UsageError: for the direct path of a network without gates, or a size out of range.
    """
    if path == "direct" and not has_gate(network):
        raise UsageError(f"got path='direct' of {network}, expected a network with gates")
    return left_of(getattr(walk(network, units, seeds, seed), path))
