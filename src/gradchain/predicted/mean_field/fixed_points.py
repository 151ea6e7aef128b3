"""Which lengths does a layer leave as they are, and which of them does a network reach?

All roots of V(q) = q: the map is read on a grid of logarithms from 1e-16 (from below sigma_b^2 if
that is smaller: no root lies lower) to 1e12, every change of sign is cut into 64 until two
neighbouring floats are left, and a step of Newton's method polishes. The error of a root is the error
of V over |1 - V'(q)|, plus the rounding. Cost: about 1 000 values of V.
"""

from typing import NamedTuple

import numpy as np

from gradchain.gaussian import Estimate
from gradchain.predicted.mean_field.laws import Law

_LOWEST, _HIGHEST = 1e-16, 1e12
_GRID = 513
# |V(q) - q| below this share of q at every q of the grid: each length is kept.
_KEPT = 1e-12


class FixedPoint(NamedTuple):
    """A length that V leaves as it is, the slope there, and what follows from it.

    `stable` means that lengths nearby move towards it: |V'(q)| < 1, or, where V'(q) = 1, by the sign
    of V(q) - q on the sides that exist.
    """

    q: float
    error: float
    slope: float
    stable: bool


class Lengths(NamedTuple):
    """All fixed points, the one reached from q0 = 1, and which of four answers this is.

    `answer` is "one", "several", "any" (every length is kept) or "none" (no finite length is
    reached: q diverges). `reached` is then the length 1 itself, or infinity.
    """

    answer: str
    points: tuple[FixedPoint, ...]
    reached: float
    error: float


def roots(low: np.ndarray, high: np.ndarray, function) -> np.ndarray:
    """Cut brackets of sign changes into 64 parts until they are two neighbouring floats.

    Args:
        low: (m,) positive left ends.
        high: (m,) right ends.
        function: from an array of points to values; of opposite sign at the two ends.

    Returns:
        (m,) roots.
    """
    low, high = low.copy(), high.copy()
    for _ in range(12):
        inner = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 65)[None, :]
        signs = np.sign(function(inner.ravel())).reshape(inner.shape)
        # The first place where the sign is no longer that of the left end.
        change = np.argmax(signs != signs[:, :1], axis=1)
        rows = np.arange(low.size)
        change = np.maximum(change, 1)
        low, high = inner[rows, change - 1], inner[rows, change]
        if (high - low <= 4e-16 * high).all():
            break
    return (low + high) / 2


def _point(law: Law, q: float) -> FixedPoint:
    slope = law.length_slope(q)
    value, error = law.length(q)
    gap = 1.0 - float(slope.value)
    if gap != 0 and abs(value - q) < 1e-6 * abs(gap) * max(q, 1e-300):
        q = float(q + (value - q) / gap)
    rounding = float(error) + 4e-16 * q
    error = rounding / abs(gap) if abs(gap) > 1e-12 else np.inf
    return FixedPoint(q, min(float(error), q), float(slope.value), abs(float(slope.value)) < 1)


def _beside_zero(law: Law) -> FixedPoint:
    slope = law.length_slope(0.0)
    near = np.array([1e-9, 1e-6])
    growth = law.length(near).value - near
    marginal = abs(float(slope.value) - 1) <= 1e-12 + float(slope.error)
    stable = bool((growth <= 0).all()) if marginal else float(slope.value) < 1
    return FixedPoint(0.0, 0.0, float(slope.value), stable)


def lengths(law: Law) -> Lengths:
    """Find every fixed point of the length map and the one that a network reaches from q0 = 1.

    Args:
        law: activation and variances.

    Returns:
        The fixed points with their stability.
    """
    if law.sigma_w == 0:
        q = law.sigma_b**2
        return Lengths("one", (FixedPoint(q, 0.0, 0.0, True),), q, 0.0)
    grid = np.geomspace(_LOWEST, _HIGHEST, _GRID)
    if 0 < 0.25 * law.sigma_b**2 < _LOWEST:
        grid = np.concatenate([np.geomspace(0.25 * law.sigma_b**2, _LOWEST, 65)[:-1], grid])
    values = law.length(grid)
    excess = values.value - grid
    if (np.abs(excess) <= _KEPT * grid + values.error).all():
        return Lengths("any", (), 1.0, 0.0)
    left, right = _changes(grid, excess, values.error + 4e-16 * grid)
    found = roots(left, right, lambda q: law.length(q).value - q)
    points = [_point(law, float(q)) for q in found]
    if law.through_origin:
        points.insert(0, _beside_zero(law))
    reached = _reached(law, points)
    if reached is None:
        answer = "none"
        return Lengths(answer, tuple(points), np.inf, np.inf)
    return Lengths(
        "one" if len(points) == 1 else "several", tuple(points), reached.q, reached.error
    )


def _changes(grid: np.ndarray, excess: np.ndarray, noise: np.ndarray):
    # Neighbouring points of opposite sign. Signs lost in the rounding count for nothing: a single
    # lost one may hide a root, a stretch of them is a map that keeps every length there.
    known = np.flatnonzero(np.isfinite(excess) & (np.abs(excess) > noise))
    signs = np.sign(excess[known])
    turns = np.flatnonzero((signs[1:] * signs[:-1] < 0) & (np.diff(known) <= 3))
    return grid[known[turns]], grid[known[turns + 1]]


def _reached(law: Law, points: list[FixedPoint]) -> FixedPoint | None:
    """Follow the map from q0 = 1: up or down to the next fixed point, or away for good."""
    one = law.length(1.0)
    for point in points:
        if abs(point.q - 1) <= point.error + 1e-12:
            return point
    rising = float(one.value) > 1
    beyond = [p for p in points if (p.q > 1) == rising]
    if not beyond:
        return None
    target = min(beyond, key=lambda p: abs(p.q - 1))
    between = np.geomspace(max(min(1.0, target.q), 1e-12), max(1.0, target.q), 65)
    if (np.diff(law.length(between).value) >= -1e-12 * between[1:]).all():
        return target
    # V falls somewhere on the way: walk.
    q = 1.0
    for _ in range(2000):
        step: Estimate = law.length(q)
        if abs(float(step.value) - q) <= 1e-13 * q:
            break
        q = float(step.value)
    return min(points, key=lambda p: abs(p.q - q))
