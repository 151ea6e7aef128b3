"""Timing that survives a noisy machine: contenders take turns in one process, medians are compared.

A ratio is the median over rounds of the ratio within a round, so that a slow second hits both sides.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import jax


def seconds(call: Callable[[], object], repeat: int) -> float:
    """Return the mean wall time of `repeat` calls, waiting for the last result."""
    start = time.perf_counter()
    out = None
    for _ in range(repeat):
        out = call()
    jax.block_until_ready(out)
    return (time.perf_counter() - start) / repeat


def rounds(
    calls: Sequence[Callable[[], object]], count: int, budget: float = 0.05
) -> list[list[float]]:
    """Time the contenders in turns.

    Args:
        calls: the contenders.
        count: number of rounds.
        budget: seconds each contender should take in a round; short calls are repeated.

    Returns:
        For each contender its seconds a call, one number a round.
    """
    repeats = []
    for call in calls:
        jax.block_until_ready(call())
        repeats.append(max(1, int(budget / max(seconds(call, 1), 1e-6))))
    times: list[list[float]] = [[] for _ in calls]
    for number in range(count):
        # Alternate the order: the first after a pause finds colder caches.
        order = range(len(calls)) if number % 2 == 0 else range(len(calls) - 1, -1, -1)
        for place in order:
            times[place].append(seconds(calls[place], repeats[place]))
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over rounds of ours / theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write rows as a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
