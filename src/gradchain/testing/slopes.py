"""Do phi and phi' belong together, and do both bend only where it was declared?

Three channels, none of them autodiff. (1) The increment of phi over a cell of five points against
Simpson's mean of phi' there: the central difference after one Richardson step. Its truncation is
measured, not assumed: three times the difference of Simpson on five and on three points, enough
also for a cell in which phi' jumps. (2) Cells where phi or phi' jumps are divided by 256 again and
again, down to neighbouring floats: a steep smooth function flattens, a jump stays. (3) Fourth
differences of phi' at half the width of the finest feature, against those at 4 times that width: a
smooth function shrinks 8**4 = 4096 times, one whose phi' has a corner 8 times, a narrower feature
hardly.
"""

from collections.abc import Callable

import numpy as np

from gradchain.testing.failure import CheckFailedError
from gradchain.testing.points import CHUNK, Evaluator, Samples, first, graded_cells, holds_any

_PARTS = 256
_SEATS = CHUNK // (_PARTS + 1)
_NARROW = 0.2


def simpson_cells(samples: Samples) -> Samples:
    """Cut an even grid of 4k + 1 points into k cells of five points, ends shared.

    Args:
        samples: phi and phi' on the grid.

    Returns:
        Samples in the shape (k, 5).
    """
    places = np.arange(0, samples.x.size - 4, 4)[:, None] + np.arange(5)
    return Samples(samples.x[places], samples.value[places], samples.slope[places], None)


def check_increments(
    name: str, cells: Samples, kinks: tuple[float, ...], steepest: float, evaluate: Evaluator
) -> float:
    """Hold the increments of phi over cells of five points against the integral of phi'.

    Args:
        name: whose, for the message.
        cells: samples in the shape (cells, 5).
        kinks: declared kinks; cells that hold one are left out.
        steepest: the largest |phi'| seen.
        evaluate: phi and phi', to look closer.

    Returns:
        The largest difference of phi' and the central difference, beyond truncation and rounding.

    Raises:
        CheckFailedError: phi jumps, or phi' is not its slope.
    """
    x = cells.x.astype(np.float64)
    keep = ~holds_any(x[:, 0], x[:, -1], kinks)
    x, value, slope = x[keep], cells.value[keep].astype(float), cells.slope[keep].astype(float)
    eps = float(np.finfo(cells.x.dtype).eps)
    width = x[:, -1] - x[:, 0]
    fine = slope @ np.array([1.0, 4.0, 2.0, 4.0, 1.0]) / 12.0
    coarse = slope @ np.array([1.0, 0.0, 4.0, 0.0, 1.0]) / 6.0
    central = (value[:, -1] - value[:, 0]) / width
    largest = np.maximum(1.0, np.maximum(np.abs(value).max(1), np.abs(x).max(1)))
    rounding = 64 * eps * largest / width * max(1.0, steepest)
    excess = np.abs(central - fine) - 3 * np.abs(fine - coarse) - rounding
    room = np.sqrt(eps) * max(steepest, float(np.finfo(np.float32).tiny))
    bad = ~(excess <= room)
    i = first(x[:, 2], bad)
    if i is None:
        return max(0.0, float(excess.max(initial=0.0)))
    low, high, low_value, high_value = _closest(evaluate, x[i, :1], x[i, -1:], _by_value)
    jump = float(abs(high_value[0] - low_value[0]))
    gap = 64 * eps * float(largest[i]) + 4 * steepest * float(high[0] - low[0])
    if jump > max(gap, 0.25 * float(width[i] * room)):
        raise CheckFailedError(
            f"{name}: value",
            "a continuous function",
            f"a jump from {low_value[0]} to {high_value[0]}",
            high[0],
        )
    raise CheckFailedError(
        f"{name}: derivative",
        f"{central[i]:.9g}, the mean slope of phi over [{x[i, 0]}, {x[i, -1]}]",
        f"{fine[i]:.9g}, the mean of phi' there (phi' = {slope[i, 2]:.9g} at its middle)",
        float(x[i, 2]),
        f"They may differ by {room:.1e}.",
    )


def check_jumps(
    name: str, grid: Samples, kinks: tuple[float, ...], steepest: float, evaluate: Evaluator
) -> None:
    """Find kinks that were not declared: places where phi' jumps between neighbouring floats.

    Args:
        name: whose, for the message.
        grid: samples on an even grid.
        kinks: declared kinks.
        steepest: the largest |phi'| seen.
        evaluate: phi and phi', to look closer.

    Raises:
        CheckFailedError: phi' jumps somewhere else.
    """
    x, slope = grid.x.astype(np.float64), grid.slope.astype(np.float64)
    step = np.abs(np.diff(slope))
    around = np.concatenate([step[1:2], step, step[-2:-1]])
    unusual = step - 0.5 * (around[:-2] + around[2:])
    unusual[holds_any(x[:-1], x[1:], kinks)] = -1.0
    places = np.argsort(-unusual, kind="stable")[:_SEATS]
    places = np.sort(places[unusual[places] > 0])
    if not places.size:
        return
    low, high, _, _ = _closest(evaluate, x[places], x[places + 1], _by_slope)
    ends = evaluate(np.stack([low, high], axis=1))
    left, right = ends.slope[:, 0].astype(float), ends.slope[:, 1].astype(float)
    eps = float(np.finfo(grid.x.dtype).eps)
    i = first(high, np.abs(right - left) > np.sqrt(eps) * steepest)
    if i is not None:
        at = float(low[i] if abs(low[i]) < abs(high[i]) else high[i])
        at = float(np.round(at, 12)) + 0.0
        raise CheckFailedError(
            f"{name}: phi'",
            f"no kink but {list(kinks)}",
            f"a jump of phi' from {left[i]:.9g} to {right[i]:.9g}",
            at,
            f"Declare it: kinks=({at}, ...).",
        )


def check_features(
    name: str, grid: Samples, kinks: tuple[float, ...], steepest: float, finest: float
) -> None:
    """Find features of phi' narrower than `finest` on an even grid.

    Args:
        name: whose, for the message.
        grid: samples on an even grid of at least 8 steps to `finest`.
        kinks: declared kinks; no difference reaches over one.
        steepest: the largest |phi'| seen.
        finest: width of the narrowest feature that is not a spike.

    Raises:
        CheckFailedError: there is a narrower one.
    """
    x, slope = grid.x.astype(np.float64), grid.slope.astype(np.float64)
    apart = max(1, round(finest / 2 / float(x[1] - x[0])))
    narrow, wide = (_fourth(x, slope, gap, kinks) for gap in (apart, 8 * apart))
    # The largest wide difference among windows that meet the narrow one, or lie next to it.
    reach = 48 * apart
    padded = np.concatenate([np.full(reach, -1.0), wide, np.full(reach + 28 * apart, -1.0)])
    around = np.lib.stride_tricks.sliding_window_view(padded, reach + 8 * apart).max(-1)
    around = around[: narrow.size]
    around = np.where(around < 0, steepest, around)
    eps = float(np.finfo(grid.x.dtype).eps)
    bad = (narrow > _NARROW * around) & (narrow > 16 * np.sqrt(eps) * steepest)
    middle = x[2 * apart : 2 * apart + narrow.size]
    if not bad.any():
        return
    # Of the windows around the spike nearest to 0, show the one that sees it best.
    i = first(middle, bad)
    i = int(np.argmax(np.where(np.abs(middle - middle[i or 0]) <= 2 * finest, narrow * bad, -1.0)))
    low, mid, high = slope[i + apart], slope[i + 2 * apart], slope[i + 3 * apart]
    raise CheckFailedError(
        f"{name}: phi'",
        f"no feature narrower than finest={finest}",
        f"phi' = {low:.6g}, {mid:.6g}, {high:.6g} at {middle[i] - apart * (x[1] - x[0]):.6g}, "
        f"{middle[i]:.6g}, {middle[i] + apart * (x[1] - x[0]):.6g}",
        float(middle[i]),
        "If it is meant, pass a smaller finest, or declare the point as a kink.",
    )


def _fourth(x: np.ndarray, slope: np.ndarray, gap: int, kinks: tuple[float, ...]) -> np.ndarray:
    # |fourth differences| with points `gap` steps apart; -1 where the window holds a kink.
    count = x.size - 4 * gap
    nodes = [slope[k * gap : k * gap + count] for k in range(5)]
    out = np.abs(nodes[0] - 4 * nodes[1] + 6 * nodes[2] - 4 * nodes[3] + nodes[4])
    out[holds_any(x[:count], x[4 * gap :], kinks)] = -1.0
    return out


def check_kinks(
    name: str,
    kinks: tuple[float, ...],
    kink_slopes: tuple[float, ...] | None,
    steepest: float,
    evaluate: Evaluator,
) -> tuple[float, tuple[str, ...]]:
    """Check value and slope at every declared kink, and phi' close to it.

    phi must be continuous there; phi' must be what was declared, or, if nothing was, lie between
    the slopes of the two sides.

    Args:
        name: whose, for the message.
        kinks: declared kinks.
        kink_slopes: declared slopes there, or None.
        steepest: the largest |phi'| seen.
        evaluate: phi and phi'.

    Returns:
        The largest difference of phi' and central differences near kinks, and notes.

    Raises:
        CheckFailedError: phi jumps at a kink, or phi' there is wrong.
    """
    eps = float(np.finfo(evaluate.dtype).eps)
    worst, notes = 0.0, []
    for i, kink in enumerate(kinks):
        at = [kink, -kink] if kink == 0 else [kink]
        near = max(1.0, abs(kink)) * 2.0 ** np.ceil(np.log2(eps) + 16)
        samples = evaluate(np.array([*at, kink - near, kink + near]))
        value, slope = samples.value.astype(float), samples.slope.astype(float)
        room = 4 * near * steepest + 64 * eps * max(1.0, abs(kink), float(np.abs(value).max()))
        sides = f"{value[-2]:.9g} and {value[-1]:.9g}, the values beside it"
        for j in range(len(at)):
            if not np.all(np.abs(value[-2:] - value[j]) <= room):
                raise CheckFailedError(
                    f"{name}: value at the kink", sides, f"{value[j]:.9g}", at[j]
                )
            _check_kink_slope(name, at[j], slope[j], slope[-2:], kink_slopes, i, steepest, eps)
        if abs(slope[-1] - slope[-2]) <= np.sqrt(eps) * steepest + 4 * near * steepest:
            notes.append(f"no jump of phi' was seen at the kink {kink}.")
        cells = evaluate(graded_cells(kink, kinks, eps))
        worst = max(worst, check_increments(name, cells, kinks, steepest, evaluate))
    return worst, tuple(notes)


def _check_kink_slope(
    name: str,
    at: float,
    found: float,
    sides: np.ndarray,
    declared: tuple[float, ...] | None,
    index: int,
    steepest: float,
    eps: float,
) -> None:
    what = f"{name}: slope at the kink"
    if declared is not None:
        expected = declared[index]
        if not abs(found - expected) <= 64 * eps * max(steepest, abs(expected)):
            raise CheckFailedError(what, f"{expected}, as declared", f"{found:.9g}", at)
        return
    room = np.sqrt(eps) * max(1.0, steepest)
    if not sides.min() - room <= found <= sides.max() + room:
        raise CheckFailedError(
            what,
            f"a value between {sides[0]:.9g} and {sides[1]:.9g}, the slopes of its sides",
            f"{found:.9g}",
            at,
        )


def _by_value(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    # phi, and what of its increments phi' does not explain.
    x, value, slope = (
        each.astype(np.float64) for each in (samples.x, samples.value, samples.slope)
    )
    trend = 0.5 * (slope[:, 1:] + slope[:, :-1]) * np.diff(x, axis=1)
    return value, np.abs(np.diff(value, axis=1) - trend)


def _by_slope(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    slope = samples.slope.astype(np.float64)
    return slope, np.abs(np.diff(slope, axis=1))


def _closest(
    evaluate: Evaluator,
    low: np.ndarray,
    high: np.ndarray,
    look_at: Callable[[Samples], tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    # Divide each [low, high] by 256 and keep the part over which the function changes most, until
    # its ends are neighbouring floats or nearly so.
    eps = float(np.finfo(evaluate.dtype).eps)
    rows = np.arange(low.size)
    rounds = int(np.ceil((np.log2(float((high - low).max())) - np.log2(eps)) / 8))
    left = right = np.zeros(low.size)
    for _ in range(max(1, rounds)):
        points = low[:, None] + (high - low)[:, None] * (np.arange(_PARTS + 1) / _PARTS)
        points[:, -1] = high
        points = points.astype(evaluate.dtype).astype(np.float64)
        seen, change = look_at(evaluate(points))
        best = np.argmax(change, axis=1)
        low, high = points[rows, best], points[rows, best + 1]
        left, right = seen[rows, best], seen[rows, best + 1]
    return low, high, left, right
