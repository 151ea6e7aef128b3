"""At which distance do half of the runs fail, and how sure is that?

Shares of success at the distances tested are made non-increasing (pool adjacent violators) and crossed
with 1/2 on a straight line in log distance. The interval inverts the exact binomial test at 1/2: its
lower end is the largest distance at which more than half of the runs succeed, its upper end the smallest
at which less than half do, each test at level 0.025/k for k distances (Bonferroni). So it holds with at
least 95 % for any share of success that does not rise with distance, whatever its form. An end that the
runs do not tell is open. A bootstrap would give a width of 0 where all runs succeed at one distance and
none at the next; this gives the two distances. Standard library only; cost: counting.

Reference: Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions (1972).
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from gradchain._errors import UsageError

_HALF = Fraction(1, 2)


class Half(NamedTuple):
    """The distance at which half of the runs fail.

    `estimate`: the crossing, or the nearest distance tested if the shares do not cross 1/2 (`where` is
    then "below" or "above" instead of "inside"). `low`, `high`: ends of the 95 % interval, None where
    the runs do not tell.
    """

    estimate: float
    low: float | None
    high: float | None
    where: str

    @property
    def closed(self) -> bool:
        """Whether the crossing and both ends lie among the distances tested."""
        return self.where == "inside" and self.low is not None and self.high is not None


def half_distance(distances: Sequence[int], hits: Sequence[int], runs: int) -> Half:
    """Estimate the distance at which half of the runs fail; see the module's text.

    Args:
        distances: increasing.
        hits: how many runs succeed at each.
        runs: runs at each distance.

    Returns:
        The estimate with its interval. If runs contradict a share that does not rise, both ends are open.

    Raises:
        UsageError: if the lists do not fit.

    Example:
        >>> found = half_distance([10, 20, 40, 80], [16, 16, 4, 0], 16)
        >>> round(found.estimate, 6), found.low, found.high
        (31.748021, 20.0, 80.0)
        >>> half_distance([10, 20], [16, 15], 16)
        Half(estimate=20.0, low=20.0, high=None, where='above')
    """
    if not len(distances) == len(hits) > 0 or list(distances) != sorted(set(distances)):
        raise UsageError("expected increasing distances and as many counts")
    if runs < 1 or not all(0 <= count <= runs for count in hits):
        raise UsageError(f"got counts {list(hits)[:20]} of {runs} runs, expected 0 to {runs}")
    level = 0.025 / len(distances)
    more = [d for d, count in zip(distances, hits, strict=True) if _tail(count, runs) <= level]
    less = [
        d for d, count in zip(distances, hits, strict=True) if _tail(runs - count, runs) <= level
    ]
    low = float(max(more)) if more else None
    high = float(min(less)) if less else None
    if low is not None and high is not None and low >= high:
        low = high = None
    estimate, where = _crossing(distances, _falling([Fraction(count, runs) for count in hits]))
    # Shares that rise may put the crossing outside of what the tests say.
    estimate = min(max(estimate, low or estimate), high or estimate)
    return Half(estimate, low, high, where)


def _tail(count: int, runs: int) -> float:
    """Return P(X >= count) of a binomial X with share 1/2, from whole numbers."""
    return sum(math.comb(runs, k) for k in range(count, runs + 1)) / 2**runs


def _falling(shares: Sequence[Fraction]) -> list[Fraction]:
    """Return the nearest non-increasing shares (pool adjacent violators)."""
    pools: list[tuple[Fraction, int]] = []
    for share in shares:
        pools.append((share, 1))
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    return [share for share, size in pools for _ in range(size)]


def _crossing(distances: Sequence[int], shares: Sequence[Fraction]) -> tuple[float, str]:
    """Return where falling shares cross 1/2 in log distance, and on which side of those tested."""
    half = [float(d) for d, share in zip(distances, shares, strict=True) if share == _HALF]
    if half:
        return math.sqrt(half[0] * half[-1]), "inside"
    if shares[0] < _HALF:
        return float(distances[0]), "below"
    if shares[-1] > _HALF:
        return float(distances[-1]), "above"
    k = next(place for place, share in enumerate(shares) if share < _HALF)
    part = float((shares[k - 1] - _HALF) / (shares[k - 1] - shares[k]))
    near, far = math.log(distances[k - 1]), math.log(distances[k])
    return math.exp(near + part * (far - near)), "inside"
