"""Does |phi'| stay below what was declared, and are phi and phi' finite, from end to end?

NaN is never right. Infinity is right only where the true value is beyond the float type: for
float32 that is read off from float64, and where a supremum s was declared from
|phi(x)| <= |phi(0)| + s |x|. The largest |phi'| on the grids is followed up to the peak by dividing
its neighbourhood twice by 256.
"""

from dataclasses import dataclass

import numpy as np

from gradchain.testing.failure import CheckFailedError
from gradchain.testing.points import FAR, Evaluator, Samples, first, holds_any

_PEAKS = 32


@dataclass(frozen=True)
class Claim:
    """What is declared of an activation; None where nothing is."""

    name: str
    sup: float | None
    inf: float | None
    kinks: tuple[float, ...]
    kink_slopes: tuple[float, ...] | None


def steepest_of(grid: Samples) -> float:
    """Return the largest |phi'| on a grid.

    Args:
        grid: samples.

    Returns:
        The maximum, NaN left out.
    """
    return float(np.nanmax(np.abs(grid.slope.astype(np.float64)), initial=0.0))


def check_ranges(
    claim: Claim, grids: tuple[Samples, ...], evaluate: Evaluator
) -> tuple[float, float]:
    """Check that phi and phi' are finite, and phi' between its declared ends.

    Args:
        claim: what is declared.
        grids: samples on even grids.
        evaluate: phi and phi', to look closer and to try the ends of the range.

    Returns:
        The largest |phi'| seen, and where.
    """
    kinks = evaluate(np.array([0.0, *claim.kinks]))
    sets = [*grids, kinks, evaluate.ends(np.dtype("float32")), evaluate.ends(evaluate.dtype)]
    # The bounds first: an infinite slope is then told from a number too large for the type.
    _check_bounds(claim, *_flat(sets))
    for samples in sets:
        _check_finite(claim, samples, float(kinks.value[0]))
        _check_reverse(claim, samples)
    sets += [_peaks(grid, evaluate) for grid in grids]
    x, slope = _flat(sets)
    _check_bounds(claim, x, slope)
    best = int(np.argmax(np.where(np.isfinite(slope), np.abs(slope), -1.0)))
    return float(np.abs(slope[best])), float(x[best])


def _flat(sets: list[Samples]) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([samples.x.ravel() for samples in sets])
    return x, np.concatenate([samples.slope.ravel() for samples in sets]).astype(np.float64)


def _what(claim: Claim, samples: Samples, part: str) -> str:
    return f"{claim.name} in {samples.x.dtype.name}: {part}"


def _check_finite(claim: Claim, samples: Samples, at_zero: float) -> None:
    x, value, slope = samples.x, samples.value, samples.slope
    limit = float(np.finfo(x.dtype).max)
    far = np.abs(x) > FAR
    with np.errstate(over="ignore"):
        may_overflow = far & (
            True
            if claim.sup is None
            else abs(at_zero) + claim.sup * np.abs(x.astype(np.float64)) > limit / 2
        )
    for part, seen, may in (
        ("phi", value, may_overflow),
        ("phi'", slope, far & (claim.sup is None)),
    ):
        i = first(x, np.isnan(seen) | (np.isinf(seen) & ~may))
        if i is not None:
            raise CheckFailedError(
                _what(claim, samples, part), "a finite number", f"{seen[i]}", float(x[i])
            )


def _check_reverse(claim: Claim, samples: Samples) -> None:
    if samples.reverse is None:
        return
    x, slope = samples.x, samples.slope.astype(np.float64)
    reverse = samples.reverse.astype(np.float64)
    room = np.sqrt(np.finfo(x.dtype).eps) * max(1.0, steepest_of(samples))
    with np.errstate(invalid="ignore"):
        bad = ~((np.abs(reverse - slope) <= room) | (reverse == slope))
    i = first(x, bad)
    if i is not None:
        raise CheckFailedError(
            _what(claim, samples, "jax.grad"),
            f"the derivative {slope[i]:.9g}",
            f"{reverse[i]:.9g}",
            float(x[i]),
        )


def _check_bounds(claim: Claim, x: np.ndarray, slope: np.ndarray) -> None:
    room = 256 * float(np.finfo(x.dtype).eps)
    name = f"{claim.name} in {x.dtype.name}"
    if claim.sup is not None:
        i = first(x, np.abs(slope) > claim.sup * (1 + room))
        if i is not None:
            worst = int(np.argmax(np.abs(slope)))
            raise CheckFailedError(
                f"{name}: derivative_sup",
                f"|phi'| <= {claim.sup}",
                f"|phi'| = {float(abs(slope[i]))!r}",
                float(x[i]),
                f"The largest seen is {float(abs(slope[worst]))!r}, at {float(x[worst])}.",
            )
    if claim.inf is not None:
        i = first(x, slope < claim.inf - room * max(abs(claim.inf), steep(slope)))
        if i is not None:
            raise CheckFailedError(
                f"{name}: derivative_inf", f"phi' >= {claim.inf}", f"{slope[i]:.9g}", float(x[i])
            )


def steep(slope: np.ndarray) -> float:
    """Return the largest finite |phi'| of an array.

    Args:
        slope: values of phi'.

    Returns:
        The maximum.
    """
    return float(np.max(np.abs(slope), where=np.isfinite(slope), initial=0.0))


def _peaks(grid: Samples, evaluate: Evaluator) -> Samples:
    x, size = grid.x.astype(np.float64), np.abs(grid.slope.astype(np.float64))
    top = np.flatnonzero((size[1:-1] >= size[:-2]) & (size[1:-1] >= size[2:])) + 1
    top = top[np.argsort(-size[top], kind="stable")[:_PEAKS]]
    low, high = x[top - 1], x[np.minimum(top + 1, x.size - 1)]
    rows = np.arange(top.size)
    seen = evaluate(x[:1])
    for _ in range(2 * bool(top.size)):
        points = low[:, None] + (high - low)[:, None] * (np.arange(257) / 256)
        seen = evaluate(points)
        best = np.clip(np.argmax(np.abs(seen.slope), axis=1), 1, 255)
        low, high = points[rows, best - 1], points[rows, best + 1]
    return seen


def check_single(
    claim: Claim, middle: Samples, steepest: float, single: Evaluator, double: Evaluator
) -> None:
    """Try float32 from end to end, and hold it against float64.

    Args:
        claim: what is declared.
        middle: float64 samples on the middle grid, whose points are float32 numbers too.
        steepest: the largest |phi'| on it.
        single: phi and phi' in float32.
        double: phi and phi' in float64.

    Raises:
        CheckFailedError: float32 gives something else.
    """
    at_zero = float(double(np.zeros(1)).value[0])
    kind = np.dtype("float32")
    for samples, true in ((single(middle.x), middle), (single.ends(kind), double.ends(kind))):
        limit = float(np.finfo(np.float32).max)
        # Where float64 says that the number is beyond float32, infinity is the right answer.
        masked = Samples(
            samples.x,
            np.where(np.isinf(samples.value) & ~(np.abs(true.value) < limit), 0, samples.value),
            np.where(np.isinf(samples.slope) & ~(np.abs(true.slope) < limit), 0, samples.slope),
            None,
        )
        _check_overflow(claim, masked, true)
        _check_finite(claim, masked, at_zero)
        _check_bounds(claim, samples.x, masked.slope.astype(np.float64))
        room = float(np.sqrt(np.finfo(np.float32).eps))
        known = np.isfinite(samples.value) & (np.abs(true.value) < limit)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(samples.value - true.value) > room * np.maximum(1, np.abs(true.value))
        i = first(samples.x, apart & known)
        if i is not None:
            expected = f"{true.value[i]:.9g}, its value in float64"
            raise CheckFailedError(
                _what(claim, samples, "phi"),
                expected,
                f"{samples.value[i]:.9g}",
                float(samples.x[i]),
            )
    samples = single(middle.x)
    _check_reverse(claim, samples)
    room = float(np.sqrt(np.finfo(np.float32).eps)) * max(1.0, steepest)
    away = ~holds_any(middle.x - 2.0**-12, middle.x + 2.0**-12, claim.kinks)
    i = first(middle.x, (np.abs(samples.slope - middle.slope) > room) & away)
    if i is not None:
        raise CheckFailedError(
            _what(claim, samples, "phi'"),
            f"{middle.slope[i]:.9g}, its value in float64",
            f"{samples.slope[i]:.9g}",
            float(samples.x[i]),
        )


def _check_overflow(claim: Claim, samples: Samples, true: Samples) -> None:
    for part, ours, exact in (
        ("phi", samples.value, true.value),
        ("phi'", samples.slope, true.slope),
    ):
        i = first(samples.x, np.isinf(ours))
        if i is not None:
            expected = f"{exact[i]:.9g}, its value in float64"
            raise CheckFailedError(
                _what(claim, samples, part), expected, f"{ours[i]}", float(samples.x[i])
            )
