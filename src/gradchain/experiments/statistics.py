"""What may be said about all networks of a law, given a sample of them?

Medians with the interval between order statistics (no law is assumed), shares with Wilson's
interval, means with their standard error. Values that no float holds go in as decimal logarithms
and come out as decimal text. Cost: sorting. Standard library only.

References: David and Nagaraja, Order Statistics (2003), 7.1; Wilson, JASA 22 (1927) 209-212.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal

from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty

_Z95 = 1.959963984540054
_DIGITS = 6


def decimal_text(log10: float, digits: int = _DIGITS) -> str:
    """Write 10**log10 as decimal text, also where a float would underflow.

    Args:
        log10: the decimal logarithm; -inf gives "0".
        digits: significant digits.

    Returns:
        Text such as `1.23e-61`.

    Raises:
        UsageError: if log10 is NaN or +inf.

    Example:
        >>> decimal_text(-601.51, 3), decimal_text(-math.inf), decimal_text(0.0)
        ('3.09e-602', '0', '1')
    """
    if log10 == -math.inf:
        return "0"
    if not math.isfinite(log10):
        raise UsageError(f"got the logarithm {log10}, expected a finite one or -inf")
    exponent = math.floor(log10)
    mantissa = Decimal(10.0 ** (log10 - exponent))
    # Rounded once, in decimal: 9.999999 becomes 10 and not 1e+1 with a lost digit.
    value = Context(prec=digits).plus(mantissa.scaleb(exponent))
    return plain(value, max(digits, _DIGITS))


def plain(value: Decimal | float, digits: int = _DIGITS) -> str:
    """Write a value in the grammar of the registry, without trailing zeros.

    Args:
        value: a finite number.
        digits: significant digits.

    Returns:
        Text such as `0.25` or `1.2e-7`.

    Example:
        >>> plain(0.25), plain(1.23456789e-12), plain(3.0)
        ('0.25', '1.23457e-12', '3')
    """
    rounded = Context(prec=digits).plus(Decimal(value))
    if rounded == 0:
        return "0"
    rounded = Decimal(rounded).normalize()
    if -5 <= rounded.adjusted() < digits:
        return format(rounded, "f")
    mantissa, _, exponent = format(rounded, "e").partition("e")
    return f"{mantissa}e{int(exponent)}"


def median_ranks(count: int) -> tuple[int, int]:
    """Return the ranks of the two order statistics that enclose the median with at least 95 %.

    P(x_(r) <= median <= x_(count+1-r)) = 1 - 2 P(Binomial(count, 1/2) < r), for any continuous law.

    Args:
        count: how many values, at least 1.

    Returns:
        (r, count + 1 - r), counted from 1; (1, count) if the sample is too small for 95 %.

    Example:
        >>> median_ranks(100)
        (40, 61)
    """
    tail, rank = 0, 0
    while rank < count // 2:
        tail += math.comb(count, rank)
        # 2 * tail / 2**count <= 0.05, in whole numbers.
        if 40 * tail > 2**count:
            break
        rank += 1
    rank = max(rank, 1)
    return rank, count + 1 - rank


def median(log10_values: Iterable[float]) -> Result:
    """Estimate the median of positive values given by their decimal logarithms.

    Args:
        log10_values: one logarithm a network; -inf for a value of 0.

    Returns:
        The sample median (of an even number the geometric mean of the middle two), with the
        distribution-free 95 % interval between two order statistics.

    Raises:
        UsageError: if there is no value.

    Example:
        >>> found = median([0.0, 1.0, 2.0, 3.0, 4.0])
        >>> found.value, found.uncertainty.low, found.uncertainty.high
        ('100', '1', '10000')
    """
    ordered = sorted(float(value) for value in log10_values)
    count = len(ordered)
    if count == 0:
        raise UsageError("got no values, expected at least one network")
    middle = (ordered[(count - 1) // 2], ordered[count // 2])
    value = -math.inf if -math.inf in middle else sum(middle) / 2
    low, high = median_ranks(count)
    return Result(
        decimal_text(value),
        uncertainty=Uncertainty(
            "interval 95%",
            low=decimal_text(ordered[low - 1]),
            high=decimal_text(ordered[high - 1]),
            n=count,
            method=f"median over networks; interval between order statistics {low} and {high}",
        ),
    )


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share.

    (p + z^2/2n +- z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n).

    Args:
        hits: how many of the draws.
        count: how many draws.

    Returns:
        The two ends, inside [0, 1] and enclosing hits/count.

    Example:
        >>> [round(end, 4) for end in wilson(58, 100)]
        [0.4821, 0.672]
    """
    share, z2 = hits / count, _Z95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def share(hits: int, count: int) -> Result:
    """Estimate a probability from independent draws.

    Args:
        hits: how many draws have the property.
        count: how many draws.

    Returns:
        The share with Wilson's 95 % interval.

    Raises:
        UsageError: if there is no draw.
    """
    if count < 1:
        raise UsageError("got no draws, expected at least one network")
    low, high = wilson(hits, count)
    value = plain(hits / count)
    # Rounding to six digits must not push an end past the value.
    ends = plain(low) if hits else "0", plain(high) if hits < count else "1"
    return Result(
        value,
        uncertainty=Uncertainty(
            "interval 95%", low=ends[0], high=ends[1], n=count, method="Wilson interval"
        ),
    )


def mean(values: Sequence[float], what: str = "networks") -> Result:
    """Estimate a mean.

    Args:
        values: one value a network.
        what: what is averaged over, for the method's text.

    Returns:
        The mean with its standard error; no law is assumed beyond a finite variance.

    Raises:
        UsageError: if there are fewer than two values.
    """
    middle, error = mean_and_error(values)
    return Result(
        plain(middle),
        uncertainty=Uncertainty(
            "standard error",
            value=plain(error, 3),
            n=len(values),
            method=f"mean over {what}; standard deviation divided by sqrt(n)",
        ),
    )


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error.

    Args:
        values: at least two numbers.

    Returns:
        (mean, standard deviation / sqrt(n)).

    Raises:
        UsageError: if there are fewer than two values.
    """
    count = len(values)
    if count < 2:
        raise UsageError(f"got {count} values, expected at least two for a standard error")
    middle = math.fsum(values) / count
    spread = math.fsum((float(value) - middle) ** 2 for value in values) / (count - 1)
    return middle, math.sqrt(spread / count)


def root_mean(log10_squares: Iterable[float]) -> Result:
    """Estimate a root mean square, given decimal logarithms of the squares.

    Args:
        log10_squares: one logarithm of a square a network; -inf for 0.

    Returns:
        sqrt(mean of squares) with its standard error se(mean)/(2 sqrt(mean)). For heavy-tailed
        squares (deep chains) the standard error itself is uncertain, and mostly too small.

    Raises:
        UsageError: if there are fewer than two values.

    Example:
        >>> root_mean([2.0, 2.0, 2.0]).value
        '10'
    """
    logs = [float(value) for value in log10_squares]
    top = max(logs, default=-math.inf)
    if top == -math.inf:
        none = Uncertainty("standard error", value="0", n=max(1, len(logs)), method="all are 0")
        return Result("0", uncertainty=none)
    middle, error = mean_and_error([10.0 ** (value - top) for value in logs])
    root = (top + math.log10(middle)) / 2
    relative = error / (2 * middle)
    size = decimal_text(root + math.log10(relative), 3) if relative > 0 else "0"
    return Result(
        decimal_text(root),
        uncertainty=Uncertainty(
            "standard error",
            value=size,
            n=len(logs),
            method="root of the mean square over networks; standard error by the delta method",
        ),
    )
