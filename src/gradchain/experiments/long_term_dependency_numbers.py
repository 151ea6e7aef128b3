"""The numbers of the long-term dependency study, each as a function that computes it again.

Trained networks are kept in memory while numbers follow each other. Cost of the first number of a cell at
a distance: its training (see `long_term_dependency.train`); `predicts` trains all cells at all distances.
"""

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments import long_term_dependency as study
from gradchain.experiments import long_term_dependency_ranks as rank
from gradchain.experiments import statistics
from gradchain.experiments.long_term_dependency import KINDS, TASKS, Plan
from gradchain.experiments.long_term_dependency_half import Half, half_distance

_MOST = 20


def succeeded(accuracy: np.ndarray, task: str, distance: int, way: float) -> np.ndarray:
    """Tell which runs succeeded.

    Args:
        accuracy: (S,).
        task: one of `TASKS`.
        distance: its distance.
        way: share of the way from chance to 1.

    Returns:
        (S,) bool.
    """
    return np.asarray(accuracy) > study.threshold(study.task_of(task, distance), way)


def share_result(good: np.ndarray) -> Result:
    """Take the share of runs that succeed.

    Args:
        good: (S,) bool.

    Returns:
        The share with Wilson's interval.
    """
    return statistics.share(int(np.count_nonzero(good)), len(good))


def half_result(found: Half, runs: int, distances: list[int]) -> Result:
    """Put a half-failure distance into a result.

    Args:
        found: the estimate.
        runs: runs at each distance.
        distances: those tested.

    Returns:
        The distance with its interval; an open end is put at the nearest distance tested.
    """
    low = found.low if found.low is not None else float(min(distances))
    high = found.high if found.high is not None else float(max(distances))
    value = statistics.plain(found.estimate)
    return Result(
        value,
        uncertainty=Uncertainty(
            "interval 95%",
            low=statistics.plain(min(low, float(value))),
            high=statistics.plain(max(high, float(value))),
            n=runs * len(distances),
            method="isotonic shares crossed with 1/2 in log distance; exact binomial tests at 1/2 "
            f"inverted, level 2.5 % divided by {len(distances)} distances at each end",
        ),
    )


def start_result(log10: np.ndarray, distance: int) -> Result:
    """Take the median of what is left of the gradient d steps back.

    Args:
        log10: (S, D + 1) from `long_term_dependency.start`.
        distance: d.

    Returns:
        The median over networks with its order-statistic interval.
    """
    return statistics.median(log10[:, distance].tolist())


@recomputable(
    kind=tuple(KINDS), task=TASKS, distance=int, units=int, batch=int, steps=int,
    learning_rate=float, way=float, seeds=int, seed=int,
)  # fmt: skip
def success(
    kind: str, task: str, distance: int, units: int, batch: int, steps: int, learning_rate: float,
    way: float, seeds: int, seed: int,
) -> Result:  # fmt: skip
    """Train one cell on one task and count the runs that succeed.

    Args:
        kind: a key of `KINDS`.
        task: one of `TASKS`.
        distance: steps from the clue to its answer.
        units: n.
        batch: sequences a step.
        steps: optimizer steps.
        learning_rate: Adam's.
        way: share of the way from chance to 1 above which a run succeeds.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The share with Wilson's interval.
    """
    plan = Plan(units, batch, steps, float(learning_rate))
    found = study.train(kind, task, distance, plan, seeds, seed)
    return share_result(succeeded(found["accuracy"], task, distance, way))


def _checked(distances: list) -> list[int]:
    """Return distances of a record.

    Raises:
        UsageError: if they are none.
    """
    if not 1 <= len(distances) <= _MOST or not all(type(d) is int for d in distances):
        raise UsageError(f"got distances {distances!r:.80}, expected 1 to {_MOST} whole numbers")
    return distances


def _runs(
    kind: str, distances: list, plan: Plan, way: float, seeds: int, seed: int
) -> list[np.ndarray]:
    return [
        succeeded(
            study.train(kind, "first_token", d, plan, seeds, seed)["accuracy"],
            "first_token",
            d,
            way,
        )
        for d in _checked(distances)
    ]


@recomputable(
    kind=tuple(KINDS), distances=list, units=int, batch=int, steps=int, learning_rate=float,
    way=float, seeds=int, seed=int,
)  # fmt: skip
def half(
    kind: str, distances: list, units: int, batch: int, steps: int, learning_rate: float,
    way: float, seeds: int, seed: int,
) -> Result:  # fmt: skip
    """Estimate the distance at which half of the runs of a cell fail to recall the first token.

    Args:
        kind: a key of `KINDS`.
        distances: those tested, increasing.
        units: n.
        batch: sequences a step.
        steps: optimizer steps.
        learning_rate: Adam's.
        way: share of the way from chance to 1 above which a run succeeds.
        seeds: number of networks at each distance.
        seed: seed of the draws.

    Returns:
        The distance with its interval, inside the distances tested.
    """
    plan = Plan(units, batch, steps, float(learning_rate))
    runs = _runs(kind, distances, plan, way, seeds, seed)
    hits = [int(np.count_nonzero(good)) for good in runs]
    return half_result(half_distance(distances, hits, seeds), seeds, distances)


@recomputable(
    kind=tuple(KINDS), distance=int, longest=int, units=int, batch=int, seeds=int, seed=int
)
def start_left(
    kind: str, distance: int, longest: int, units: int, batch: int, seeds: int, seed: int
) -> Result:
    """Estimate how much of the loss' gradient is left d steps before the answer, at the start.

    Args:
        kind: a key of `KINDS`.
        distance: d.
        longest: distance of the sequences, at least d.
        units: n.
        batch: sequences a network.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The median over networks with its interval.

    Raises:
        UsageError: if d is not a distance of these sequences.
    """
    if not 0 <= distance <= longest:
        raise UsageError(f"got distance {distance}, expected 0 to {longest}")
    return start_result(study.start(kind, longest, units, batch, seeds, seed), distance)


@recomputable(
    quantity=tuple(rank.QUANTITIES), kinds=list, distances=list, units=int, batch=int, steps=int,
    learning_rate=float, way=float, seeds=int, seed=int,
)  # fmt: skip
def predicts(
    quantity: str, kinds: list, distances: list, units: int, batch: int, steps: int,
    learning_rate: float, way: float, seeds: int, seed: int,
) -> Result:  # fmt: skip
    """Estimate how well the gradient at the start tells which runs succeed.

    Args:
        quantity: a key of `long_term_dependency_ranks.QUANTITIES`.
        kinds: keys of `KINDS`.
        distances: those tested, increasing.
        units: n.
        batch: sequences a step.
        steps: optimizer steps.
        learning_rate: Adam's.
        way: share of the way from chance to 1 above which a run succeeds.
        seeds: number of networks of each cell at each distance.
        seed: seed of the draws.

    Returns:
        The estimate with its bootstrap interval.

    Raises:
        UsageError: for a kind that there is not.
    """
    if not 0 < len(kinds) <= len(KINDS) or not set(map(str, kinds)) <= set(KINDS):
        raise UsageError(f"got kinds {kinds!r:.80}, expected among {', '.join(KINDS)}")
    plan = Plan(units, batch, steps, float(learning_rate))
    good = np.stack([_runs(kind, distances, plan, way, seeds, seed) for kind in kinds])
    longest = max(distances)
    left = np.stack([
        study.start(kind, longest, units, batch, seeds, seed)[:, distances].T for kind in kinds
    ])
    return rank.estimate(quantity, left, good)
