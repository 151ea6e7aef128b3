"""How fast do long products of random matrices grow, exactly, at finite width?

Products of independent n x n matrices with entries N(0, sigma^2) have the Lyapunov exponents

    lambda_k = log sigma + (1/2) [log 2 + psi((n - k + 1)/2)],     k = 1 .. n,

and a QR sweep sees log R_kk whose steps are independent with variance psi'((n - k + 1)/2) / 4. With
relu gates of probability 1/2 the same holds with the number K of live units in place of n, averaged
over K given that enough units live.

Sources: C. Newman, Comm. Math. Phys. 103 (1986) 121; J. Cohen and C. Newman, Ann. Probab. 12 (1984);
M. Isopi and C. Newman, Comm. Math. Phys. 143 (1992) 591 (the limit of large n).
"""

import math

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, whole_number
from gradchain.predicted.finite_width_gates import live_units
from gradchain.predicted.finite_width_special import digamma, trigamma


def _positive(name: str, value: object) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not 0 < value < math.inf:  # type: ignore[operator]
        raise UsageError(f"got {name}={in_short(value)}, expected a finite number above 0")
    return float(value)  # type: ignore[arg-type]


def gaussian_lyapunov_exponents(width: int, sigma: int | float = 1.0) -> np.ndarray:
    """Return all Lyapunov exponents of products of n x n Gaussian matrices, in nats a factor.

    lambda_k = log sigma + (1/2) [log 2 + psi((n - k + 1)/2)], k = 1 .. n; *exact*. With entries of
    variance 1/n take sigma = n**-0.5: the top one is then about -1/(2n).

    Args:
        width: n.
        sigma: standard deviation of an entry.

    Returns:
        (n,) float64, descending. Cost O(n).

    Raises:
        UsageError: if width is not a whole number of at least 1 or sigma not finite and above 0.

    Example:
        >>> gaussian_lyapunov_exponents(2).round(12).tolist()
        [0.057965757829, -0.635181422731]
    """
    n, sigma = whole_number("width", width), _positive("sigma", sigma)
    return (math.log(2) + digamma(np.arange(n, 0, -1) / 2)) / 2 + math.log(sigma)


def gaussian_lyapunov_variances(width: int) -> np.ndarray:
    """Return the variance of one step of log R_kk in a QR sweep of Gaussian matrices.

    psi'((n - k + 1)/2) / 4, k = 1 .. n; *exact*, whatever sigma. Steps and directions are independent,
    so an exponent estimated as a mean over L steps has variance (this) / L.

    Args:
        width: n.

    Returns:
        (n,) float64, in squared nats, ascending. Cost O(n).

    Raises:
        UsageError: if width is not a whole number of at least 1.

    Example:
        >>> bool(abs(gaussian_lyapunov_variances(1)[0] - math.pi**2 / 8) < 1e-14)
        True
    """
    n = whole_number("width", width)
    return trigamma(np.arange(n, 0, -1) / 2) / 4


def relu_lyapunov_exponents(
    width: int, rank: int = 1, sigma: int | float | None = None
) -> np.ndarray:
    """Return the exponents of D W with relu gates, given that each layer keeps `rank` live units.

    lambda_k = log sigma + (1/2) E[log 2 + psi((K - k + 1)/2) | K >= rank], K ~ Bin(n, 1/2),
    k = 1 .. rank; *exact* for gates that are independent coins, as those of a network with symmetric
    weights are. Their sum over k is the growth of rank-dimensional volumes. Without the condition
    every exponent is -inf, since sooner or later a layer has fewer live units.

    Args:
        width: n.
        rank: least number of live units in every layer, 1 .. n.
        sigma: standard deviation of an entry of W; sqrt(2 / n), He's, if left out.

    Returns:
        (rank,) float64, descending, in nats a layer. Cost O(sqrt(n) rank).

    Raises:
        UsageError: if width or rank is out of range, sigma not above 0, or K >= rank has a
            probability below 1e-30.

    Example:
        >>> round(float(relu_lyapunov_exponents(100)[0]), 15)
        -0.012710442811378
    """
    n, rank = whole_number("width", width), whole_number("rank", rank)
    if rank > n:
        raise UsageError(f"got rank {rank} for width {n}, expected at most the width")
    sigma = math.sqrt(2 / n) if sigma is None else _positive("sigma", sigma)
    k, weights = live_units(n)
    enough = k >= rank
    if not enough.any():
        raise UsageError(
            f"got rank {rank} for width {n}, of which half live: so many live with probability "
            "below 1e-30, expected a smaller rank"
        )
    k, weights = k[enough], weights[enough] / weights[enough].sum()
    psi = digamma((k[:, None] - np.arange(rank)) / 2)
    return (math.log(2) + weights @ psi) / 2 + math.log(sigma)
