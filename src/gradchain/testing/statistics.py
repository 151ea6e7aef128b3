"""Which statistics of drawn matrices are looked at, and what do they decide?

One drawn matrix is one observation. Each statistic below is one number a matrix, with a mean known
under the declared law, and Student's t compares its average over R matrices of independent keys
with that mean. So only the independence of keys is used: entries of one matrix may depend on each
other as they like (orthogonal: the mean square does not vary at all), and no kurtosis is assumed.

- variance: mean square over the declared variance, minus 1.
- mean: mean entry over the standard deviation.
- rows: product of the sum of the even and the sum of the odd rows, over what it is where all rows
  are equal; its mean is the correlation rho of rows that share a component. Columns likewise.
- row pairs: the product of every two rows likewise; the largest |t| counts, times their number.
- keys: product of the matrices of two successive keys, for R/2 separate pairs.

The t law is exact where the observation is normal. It is a sum over thousands of entries (the
products: over one row or column), and Student's t of R values errs by a factor of about
exp(skewness t^3/(3 sqrt(R))) in the tail. Products of rows drawn from a symmetric law have skewness
0, the mean's is tiny, the mean square's is sqrt(8/N) for N normal entries, 0.031 at 8192: a factor
1.4. Nominal rates add up to 2.5e-7, so the total stays below 1e-6 with a factor 4 to spare.
A difference below 16 eps of float32 plus eps^2 of the dtype is rounding and never counts.
"""

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

FALSE_ALARM_RATE = 1e-6
NOMINAL = FALSE_ALARM_RATE / 4
POWER = 0.999
_Z_POWER = 3.0902323061678132  # the normal quantile of 0.999


@dataclass(frozen=True)
class Part:
    """One statistic, averaged over matrices.

    Attributes:
        name: of the statistic.
        found: the average, 0 under the declared law: a relative deviation for "variance", standard
            deviations for "mean", else a correlation.
        error: standard error of `found`.
        t: Student's t, rounding allowed for.
        matrices: how many independent values went in.
        p_value: probability of so large a |t| under the declared law, times the number of pairs.
        detects: the deviation that is detected with probability 0.999.
        where: what stands out: pair of rows or columns, or None.
    """

    name: str
    found: float
    error: float
    t: float
    matrices: int
    p_value: float
    detects: float
    where: tuple[int, int] | None = None


def two_sided(t: np.ndarray, freedom: int) -> np.ndarray:
    """Return P(|T| >= |t|) for Student's T: the incomplete beta function I_x(n/2, 1/2).

    Args:
        t: any values.
        freedom: degrees of freedom n, x = n/(n + t^2).

    Returns:
        Probabilities, relatively accurate far into the tail.

    Example:
        >>> round(float(two_sided(np.array([2.0]), 60)[0]), 4)
        0.05
    """
    x = freedom / (freedom + np.square(np.asarray(t, np.float64)))
    with jax.enable_x64(True):
        a, b = jnp.full(x.shape, 0.5 * freedom), jnp.full(x.shape, 0.5)
        return np.asarray(jax.scipy.special.betainc(a, b, jnp.asarray(x)))


@functools.lru_cache(maxsize=64)
def critical(rate: float, freedom: int) -> float:
    """Return the t that |T| exceeds with that probability.

    Args:
        rate: between 1e-40 and 1.
        freedom: degrees of freedom.

    Returns:
        The quantile, to 1e-5 relatively.

    Example:
        >>> round(critical(0.05, 60), 3)
        2.0
    """
    # ln t on a grid: smooth enough for linear interpolation, and every t of interest is on it.
    t = np.exp(np.linspace(math.log(1e-3), math.log(1e6), 2**13))
    p = np.log(np.maximum(two_sided(t, freedom), 1e-300))
    return float(np.exp(np.interp(-math.log(rate), -p, np.log(t))))


def detectable(error: float, limit: float, freedom: int) -> float:
    """Return the deviation whose t exceeds the limit with probability 0.999.

    From the normal approximation of the noncentral t: Phi((delta - t (1 - 1/(4n)))/sqrt(1 +
    t^2/(2n))), accurate to a few per cent of the distance.

    Args:
        error: standard error.
        limit: critical t.
        freedom: degrees of freedom n.

    Returns:
        The deviation, in the unit of `error`.
    """
    spread = math.sqrt(1 + limit**2 / (2 * freedom))
    return error * (limit * (1 - 0.25 / freedom) + _Z_POWER * spread)


def power_against(part: Part, deviation: float, limit: float, widening: float = 1.0) -> float:
    """Return the probability that a deviation is detected, by the approximation of `detectable`.

    Args:
        part: the statistic, with its standard error.
        deviation: its mean under the alternative.
        limit: critical t.
        widening: standard error under the alternative over that under the declared law.

    Returns:
        A probability.
    """
    freedom = part.matrices - 1
    if part.error == 0:
        return 1.0
    spread = math.sqrt(1 + limit**2 / (2 * freedom))
    z = (deviation / (part.error * widening) - limit * (1 - 0.25 / freedom)) / spread
    return 0.5 * math.erfc(-z / math.sqrt(2))


def studentize(
    sums: np.ndarray, squares: np.ndarray, count: int, margin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn sums into averages, standard errors and t.

    Args:
        sums: sum of the values.
        squares: sum of their squares.
        count: how many.
        margin: what counts as rounding.

    Returns:
        Averages, standard errors and t, each in the shape of `sums`.
    """
    average = sums / count
    spread = np.maximum(squares / count - np.square(average), 0.0) * count / (count - 1)
    # What is left of identical values is rounding.
    spread[spread <= 1e-14 * squares / count] = 0.0
    error = np.sqrt(spread / count)
    beyond = np.sign(average) * np.maximum(np.abs(average) - margin, 0.0)
    sure = np.where(beyond == 0, 0.0, np.copysign(np.inf, beyond))
    return average, error, np.divide(beyond, error, out=sure, where=error > 0)


def pieces_of(matrix: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """Return the statistics of one matrix, or of each one in a stack, that are single numbers.

    Args:
        matrix: float64 (..., fan_out, fan_in).
        scale: the variance of its entries.

    Returns:
        "variance", "mean", "rows" and "columns" (the last two only where there are two or more),
        each of shape (...).
    """
    found = {
        "variance": np.mean(np.square(matrix), axis=(-2, -1)) / scale - 1,
        "mean": np.mean(matrix, axis=(-2, -1)) / math.sqrt(scale),
    }
    for name, each in (("rows", matrix), ("columns", np.swapaxes(matrix, -1, -2))):
        count, length = each.shape[-2:]
        if count > 1:
            even, odd = each[..., ::2, :].sum(-2), each[..., 1::2, :].sum(-2)
            pairs = (count - count // 2) * (count // 2)
            found[name] = np.sum(even * odd, axis=-1) / (pairs * length * scale)
    return {name: np.asarray(value) for name, value in found.items()}


def pairs_of(matrix: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """Return the products of every two rows and every two columns, as correlations.

    Args:
        matrix: float64 (fan_out, fan_in).
        scale: the variance of its entries.

    Returns:
        "row pairs" (fan_out, fan_out) and "column pairs" (fan_in, fan_in), where there are two.
    """
    found = {}
    for name, each in (("row pairs", matrix), ("column pairs", matrix.T)):
        if each.shape[0] > 1:
            found[name] = each @ each.T / (each.shape[1] * scale)
    return found


def examine(
    matrices: Iterable[np.ndarray], variance: float | None, dtype_eps: float
) -> tuple[Part, ...]:
    """Compute every statistic of a sequence of matrices drawn with independent keys.

    Args:
        matrices: float64 (fan_out, fan_in) each, at least 8.
        variance: the declared one, or None: then the first matrix's mean square sets the scale,
            and "variance" is left out.
        dtype_eps: eps of the type that was drawn.

    Returns:
        The parts. Cost O(R fan_out fan_in (fan_out + fan_in)).
    """
    sums: dict[str, np.ndarray] = {}
    squares: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    scale, before = variance, None
    for index, matrix in enumerate(matrices):
        scale = float(np.mean(np.square(matrix))) if scale is None else scale
        pieces = pieces_of(matrix, scale) | pairs_of(matrix, scale)
        if variance is None:
            del pieces["variance"]
        if index % 2 and before is not None:
            pieces["keys"] = np.asarray(np.mean(before * matrix) / scale)
        before = matrix
        for name, piece in pieces.items():
            sums[name] = sums.get(name, 0.0) + np.atleast_1d(piece)
            squares[name] = squares.get(name, 0.0) + np.square(np.atleast_1d(piece))
            counts[name] = counts.get(name, 0) + 1
    margin = 16 * float(np.finfo(np.float32).eps) + dtype_eps**2
    rate = NOMINAL / len(sums)
    return tuple(
        _part(name, sums[name], squares[name], counts[name], margin, rate) for name in sums
    )


def _part(
    name: str, sums: np.ndarray, squares: np.ndarray, count: int, margin: float, rate: float
) -> Part:
    average, error, t = studentize(sums, squares, count, margin)
    chosen, tries, where, typical = (0,), 1, None, float(error.flat[0])
    if sums.ndim == 2:
        upper = np.triu(np.ones(sums.shape, bool), 1)
        tries = int(upper.sum())
        flat = int(np.argmax(np.where(upper, np.abs(t), -1.0)))
        where = (flat // sums.shape[1], flat % sums.shape[1])
        chosen, typical = where, float(np.median(error[upper]))
    p_value = float(min(1.0, tries * two_sided(np.array([t[chosen]]), count - 1)[0]))
    return Part(
        name,
        float(average[chosen]),
        float(error[chosen]),
        float(t[chosen]),
        count,
        p_value,
        margin + detectable(typical, critical(rate / tries, count - 1), count - 1),
        where,
    )
