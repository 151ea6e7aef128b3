"""What is the largest singular value of an infinitely wide network at chi_1 = 1?

With x = chi(y) the inverse of psi(x) = E v x / (1 - v x), v the squared slopes scaled to E v = 1, the
inverse moment function of J J^T is

    orthogonal   chi_J = x^L ((1 + y)/y)^(L-1),        Gaussian   chi_J = x^L y^(1-L) / (1 + y),

and the edge s_max^2 = 1 / max chi_J, at the first stationary point on 0 < x < 1 / sup v, or at the end
of that interval if there is none (an atom, or a law too thin at its end).

Sources: J. Pennington, S. Schoenholz, S. Ganguli, NeurIPS 2017, arXiv:1711.04735, and AISTATS 2018,
arXiv:1802.09979 (S-transforms); D. Voiculescu 1987.
"""

import math

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import Approximate, one_of, whole_number
from gradchain.activations.noun import Activation
from gradchain.predicted.isometry.critical import critical_slopes
from gradchain.predicted.isometry.slopes import SlopeLaw

WEIGHTS = ("gaussian", "orthogonal")
_FAR = 36.0


def _terms(law: SlopeLaw, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log x, y = psi(x) and x psi'(x) at x = 1 / (top (1 + e^-place))."""
    share = law.values / law.top
    left = 1 / (1 + np.exp(place))  # 1 - x top
    ratio = share / (1 + np.exp(-place))[..., None]
    gap = (1 - share) + share * left[..., None]
    log_x = -np.log1p(np.exp(-place)) - math.log(law.top)
    y = (law.weights * ratio / gap).sum(axis=-1)
    return log_x, y, (law.weights * ratio / gap**2).sum(axis=-1)


def _slope(law: SlopeLaw, depth: int, weights: str, place: np.ndarray) -> np.ndarray:
    # d log chi_J / d log x
    _, y, growth = _terms(law, place)
    if weights == "orthogonal":
        return depth - (depth - 1) * growth / (y * (1 + y))
    return depth - growth * ((depth - 1) / y + 1 / (1 + y))


def log_edge(law: SlopeLaw, depth: int, weights: str) -> float:
    """Return log s_max^2.

    Args:
        law: of the squared slopes, of known upper end.
        depth: L.
        weights: "gaussian" or "orthogonal".

    Returns:
        Natural logarithm of the largest squared singular value.
    """
    grid = np.linspace(-_FAR - math.log(depth), _FAR, 600)
    slope = _slope(law, depth, weights, grid)
    below = np.flatnonzero(slope <= 0)
    if below.size and below[0] > 0:
        low, high = float(grid[below[0] - 1]), float(grid[below[0]])
        for _ in range(100):
            middle = (low + high) / 2
            if high - low < 1e-14 * (1 + abs(middle)):
                break
            if _slope(law, depth, weights, np.array([middle]))[0] > 0:
                low = middle
            else:
                high = middle
        place = (low + high) / 2
    else:
        place = _FAR
    log_x, y, _ = (float(each[0]) for each in _terms(law, np.array([place])))
    if weights == "orthogonal":
        return -depth * log_x - (depth - 1) * math.log1p(1 / y)
    return -depth * log_x + (depth - 1) * math.log(y) + math.log1p(y)


def edge_of(
    slopes: tuple[SlopeLaw, SlopeLaw, SlopeLaw | None, float], depth: int, weights: str
) -> Approximate:
    """Return s_max with its error, from the laws that `critical_slopes` gives.

    Args:
        slopes: as returned there.
        depth: L.
        weights: "gaussian" or "orthogonal".

    Returns:
        The largest singular value.
    """
    law, coarse, moved, length_error = slopes
    log = log_edge(law, depth, weights)
    error = abs(log - log_edge(coarse, depth, weights)) + 4e-15 * (depth + abs(log))
    if moved is not None:
        error += abs(log_edge(moved, depth, weights) - log) * 1e4 * length_error
    value = math.exp(log / 2)
    return Approximate(value, value * error / 2)


def singular_value_edge(
    activation: str | Activation, depth: int, weights: str = "gaussian", sigma_b: int | float = 0.0
) -> Approximate:
    """Return the largest singular value s of J at chi_1 = 1, in the limit of infinite width.

    s, not s^2. linear Gaussian: s^2 = (L+1)^(L+1)/L^L; relu orthogonal: s^2 = L^L/(L-1)^(L-1). It
    grows like sqrt(L), never exponentially, though each Gaussian layer has norm 2 or more. At finite
    width n the edge lies lower by O(n^(-2/3)), and the law changes once L/n is not small
    (`log_norm_law`). With sigma_b = 0 the length of tanh and its like tends to 0, where they are
    linear; a finite depth is not there yet. Where the largest slope is far out in the Gaussian tail
    (gelu at small lengths) the edge is one that only astronomically wide networks come near. A
    `derivative_sup` of your own that is no supremum, only a bound, gives an *upper bound* of the edge.

    Args:
        activation: any with a bounded slope and a stable critical point at this sigma_b.
        depth: L, the number of factors D W.
        weights: "gaussian", or "orthogonal" (Haar).
        sigma_b: standard deviation of the biases.

    Returns:
        The edge, a *prediction* of infinite width, a float with `.error` (of the computation).
        Cost about a second where the critical length has to be found, else milliseconds.

    Raises:
        ActivationError: if the activation is not known.
        UsageError: if there is no stable critical point, if the supremum of |phi'| is not known (then
            the law has moments, see `singular_value_law`, but its edge has no equation), or if a
            number is out of range.

    Example:
        >>> round(singular_value_edge("relu", 1, "orthogonal"), 12)
        1.414213562373
        >>> round(singular_value_edge("identity", 10), 12)
        5.341457391115
    """
    known, depth = activations.get(activation), whole_number("depth", depth)
    weights = one_of("weights", weights, WEIGHTS)
    slopes = critical_slopes(known, sigma_b)
    if not math.isfinite(slopes[0].top):
        raise UsageError(
            f"got {known}, whose largest slope nobody has stated, expected one with derivative_sup: "
            "without it the edge has no equation; singular_value_law(...).moments(k) gives the moments"
        )
    return edge_of(slopes, depth, weights)
