"""One matrix for all steps, or a new one at each: where do linear chains of the two kinds differ?

W_ij ~ N(0, sigma^2 / n), W^t (tied, a recurrent network) beside W_t ... W_1 (untied, a deep one):

    untied   E||W_t .. W_1||_F^2 = n sigma^{2t}, exact;  typical growth a step, of log |Wu|:
             log sigma + (1/2) [log(2/n) + psi(n/2)] = log sigma - 1/(2n) - ..., exact (Newman)
    tied     E||W^t||_F^2 = sigma^{2t} [n^(t+2 rising) - n_(t+2 falling)] / ((t+1)(t+2) n^t), exact for
             complex entries; n sigma^{2t} sinh(s)/s, s = t^2/(2n), the leading order of both complex and
             real entries. Typical growth a step for t >> sqrt(n): log of the spectral radius of W,
             log sigma + a number *above* 0 at finite n.

So both keep n sigma^{2t} for t << sqrt(n); from t = O(sqrt n) on the tied chain grows: a Glorot or LeCun
recurrent matrix (sigma = 1) explodes where the deep network loses a little at each layer.

Sources: Newman, Comm. Math. Phys. 103 (1986) 121; R. Stanley, Ann. Comb. 15 (2011) 331, and D. Zagier,
Nieuw Arch. Wisk. 13 (1995) 489 (products of two long cycles); Kostlan, Linear Algebra Appl. 162 (1992)
385; Rider, J. Phys. A 36 (2003) 3401; Bar et al., arXiv:2505.19827 (explosion at t = O(sqrt n)).
"""

import math
from dataclasses import dataclass

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, in_short, whole_number
from gradchain.predicted.lyapunov import gaussian_lyapunov_exponents


@dataclass(frozen=True, eq=False)
class LinearChains:
    """Natural logarithms for t = 0 .. T, (T+1,) float64 each, relative to ||I||_F^2 = n.

    `untied`: of E||W_t .. W_1||_F^2 / n, *exact*. `tied`: of E||W^t||_F^2 / n, *leading order* for
    t = O(sqrt n), relative error O(1/sqrt n), real W above it. `tied_complex`: the same for complex
    Gaussian entries, *exact*. `untied_typical`: E log |W_t .. W_1 u|^2 for a unit vector u, *exact*.
    """

    untied: np.ndarray
    tied: np.ndarray
    tied_complex: np.ndarray
    untied_typical: np.ndarray


def _scale(sigma: object) -> float:
    """Return log sigma.

    Raises:
        UsageError: if sigma is not finite and above 0.
    """
    number = isinstance(sigma, (int, float, np.integer, np.floating))
    if not number or isinstance(sigma, bool) or not 0 < sigma < math.inf:  # type: ignore[operator]
        raise UsageError(f"got sigma={in_short(sigma)}, expected a finite number above 0")
    return math.log(sigma)  # type: ignore[arg-type]


def _log_complex(width: int, steps: int) -> float:
    """Return log of E||W^t||_F^2 / n for complex entries of variance 1/n."""
    j = np.arange(1, steps + 2)
    rising = float(np.log1p(j / width).sum())
    # The falling product has the factor 0 from t + 2 > n on.
    falling = float(np.log1p(-j / width).sum()) if steps + 2 <= width else -math.inf
    gap = math.exp(falling - rising)
    # n^(t+2 rising) = n^(t+2) prod (1 + j/n): what is left of the powers of n is n.
    return math.log(width) + rising + math.log1p(-gap) - math.log((steps + 1) * (steps + 2))


def linear_chains(width: int, steps: int, sigma: Real = 1.0) -> LinearChains:
    """Compare a linear recurrent network with a linear deep one of the same Gaussian weights.

    Args:
        width: n.
        steps: T.
        sigma: the scale, Var(W_ij) = sigma^2 / n.

    Returns:
        `LinearChains`: the formulas of the module's text. A mean over networks beyond t = O(sqrt n) is
        carried by few of them. Cost O(T^2).

    Raises:
        UsageError: if a size is no whole number of at least 1 or sigma not finite and above 0.

    Example:
        >>> found = linear_chains(100, 20)
        >>> float(found.untied[20]), round(float(np.exp(found.tied[20])), 4)
        (0.0, 1.8134)
    """
    n, steps = whole_number("width", width), whole_number("steps", steps)
    log_scale = _scale(sigma)
    t = np.arange(steps + 1)
    s = t**2 / (2.0 * n)
    safe = np.maximum(s, 1e-300)
    # log(sinh(s) / s) without overflow.
    growth = np.where(s < 1e-4, s**2 / 6, s + np.log(-np.expm1(-2 * safe) / (2 * safe)))
    exact = np.array([0.0] + [_log_complex(n, int(k)) for k in t[1:]])
    typical = 2 * float(gaussian_lyapunov_exponents(n, n**-0.5)[0])
    scale = 2 * log_scale * t
    return LinearChains(scale, scale + growth, scale + exact, scale + typical * t)


def spectral_radius(width: int, probability: Real = 0.5) -> float:
    """Return a quantile of the spectral radius of an n x n *complex* Gaussian matrix, variance 1/n.

    P(radius <= r) = prod_{k <= n} P(Gamma(k) <= n r^2).

    Args:
        width: n.
        probability: above 0 and below 1; 0.5 is the median.

    Returns:
        r, *exact* for complex entries. For real entries no formula of this kind is known; their median
        lies between 1 and this one, by 3 % below it at n = 10 and 1 % at n = 100 (drawn), and has the
        same limit 1 + O(sqrt(log n / n)). Its logarithm is the growth a step of a typical tied chain.

    Raises:
        UsageError: if width is no whole number of at least 1 or probability not between 0 and 1.

    Example:
        >>> float(round(spectral_radius(1) ** 2 / np.log(2), 12))
        1.0
    """
    n = whole_number("width", width)
    number = isinstance(probability, (int, float, np.floating)) and not isinstance(
        probability, bool
    )
    if not number or not 0 < probability < 1:
        raise UsageError(
            f"got probability={in_short(probability)}, expected a number between 0 and 1"
        )
    wanted = math.log(probability)
    log_factorial = np.cumsum(np.log(np.maximum(np.arange(n), 1)))
    low, high = 0.0, 40.0 / math.sqrt(n) + 1.0
    for _ in range(100):
        r = (low + high) / 2
        rate = n * r * r
        # P(Gamma(k) > x) = P(Poisson(x) < k).
        tails = np.cumsum(np.exp(np.arange(n) * math.log(rate) - rate - log_factorial))
        below = float(np.log1p(-np.minimum(tails, 1.0 - 1e-16)).sum())
        low, high = (r, high) if below < wanted else (low, r)
    return (low + high) / 2
