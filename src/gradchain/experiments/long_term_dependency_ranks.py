"""Does a gradient at the start tell which runs will succeed? Rank correlations, with a bootstrap.

Let x_{kds} be the gradient at the clue of cell k, distance d and seed s at the start, relative to that at
the answer, and y_{kds} whether the run succeeded; X_kd the median and Y_kd the share over seeds.

    settings    Spearman's rank correlation of X and Y over all (k, d)
    distance    the mean over distances of Spearman's correlation over the cells, at one distance
    seeds       P(x of a success > x of a failure) for two runs of the same (k, d), ties counting half;
                1/2 if the seed's own gradient says nothing

Intervals: percentiles of 1000 bootstrap draws of seed numbers, the same draw for all cells and distances.
They speak of other seeds of these cells, not of other cells. Cost: about a second.
"""

from collections.abc import Callable

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty
from gradchain._types import one_of
from gradchain.experiments import statistics

DRAWS = 1000


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, ties sharing their mean rank.

    Args:
        values: (n,).

    Returns:
        (n,) ranks.

    Example:
        >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
        [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation of ranks.

    Args:
        x: (n,).
        y: (n,).

    Returns:
        From -1 to 1; NaN if one of them is constant.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.1, 9.0]))
        1.0
    """
    a, b = (own - own.mean() for own in (ranks(x), ranks(y)))
    size = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.clip(np.sum(a * b) / size, -1.0, 1.0)) if size > 0 else np.nan


def over_settings(x: np.ndarray, y: np.ndarray) -> float:
    """Correlate over all cells and distances.

    Args:
        x: (K, D, S) gradients at the clue.
        y: (K, D, S) successes.

    Returns:
        The rank correlation.
    """
    return spearman(np.median(x, axis=2).ravel(), np.mean(y, axis=2).ravel())


def at_one_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Correlate over cells at each distance, and take the mean over distances.

    Args:
        x: (K, D, S) gradients at the clue.
        y: (K, D, S) successes.

    Returns:
        The mean; distances at which all cells do alike say nothing and are left out.
    """
    gradients, shares = np.median(x, axis=2), np.mean(y, axis=2)
    found = [spearman(gradients[:, d], shares[:, d]) for d in range(x.shape[1])]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def over_seeds(x: np.ndarray, y: np.ndarray) -> float:
    """Compare successes with failures of the same cell and distance.

    Args:
        x: (K, D, S) gradients at the clue.
        y: (K, D, S) successes.

    Returns:
        The share of pairs in which the success had the larger gradient; NaN without pairs.
    """
    good = y.astype(bool)
    pairs = good[..., :, None] & ~good[..., None, :]
    gap = np.sign(x[..., :, None] - x[..., None, :])
    count = int(np.count_nonzero(pairs))
    return float(np.sum((gap + 1) / 2 * pairs) / count) if count else np.nan


QUANTITIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "settings": over_settings,
    "distance": at_one_distance,
    "seeds": over_seeds,
}


def estimate(quantity: str, x: np.ndarray, y: np.ndarray) -> Result:
    """Estimate one of the quantities.

    Args:
        quantity: a key of `QUANTITIES`.
        x: (K, D, S) gradients at the clue.
        y: (K, D, S) successes.

    Returns:
        The value with its bootstrap interval.

    Raises:
        UsageError: if all runs do alike, so that there is nothing to rank.
    """
    take = QUANTITIES[one_of("quantity", quantity, tuple(QUANTITIES))]
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    value = take(x, y)
    if not np.isfinite(value):
        raise UsageError(f"{quantity}: all runs succeed or all fail, so there is nothing to rank")
    seeds = x.shape[2]
    source = np.random.default_rng(0)
    draws = [source.integers(seeds, size=seeds) for _ in range(DRAWS)]
    found = np.array([take(x[..., own], y[..., own]) for own in draws])
    low, high = np.quantile(found[np.isfinite(found)], (0.025, 0.975))
    middle = statistics.plain(value)
    ends = [statistics.plain(float(end)) for end in (min(low, value), max(high, value))]
    # Six digits must not push an end past the value.
    return Result(
        middle,
        uncertainty=Uncertainty(
            "interval 95%",
            low=ends[0] if low < value else middle,
            high=ends[1] if high > value else middle,
            n=seeds,
            method=f"percentiles of {DRAWS} bootstrap draws of seeds; speaks of other seeds of the "
            f"same "
            "cells",
        ),
    )
