"""E phi(u1) phi(u2) at many lengths and correlations at once, for smooth activations.

    E phi(u1) phi(u2) = sum_k a_k(q)^2 c^k,   a_k(q) = E phi(sqrt(q) Z) h_k(Z)

with h_k the orthonormal Hermite polynomials (Mehler's formula). The squares are tabulated at
Chebyshev nodes in sqrt(q) and interpolated; nodes and terms are doubled until the table reproduces
E phi^2 = sum_k a_k^2 between its nodes. For an activation with kinks a_k falls only like a power of
k, and the double integral of `gradchain.gaussian` is used instead.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain.gaussian import moment

_REACH, _SPACING = 14.0, 0.02
_NODES, _TERMS = (48, 96, 192), (192, 384, 768)
_WANTED = 1e-13


def coefficients(phi: Any, q: np.ndarray, terms: int) -> np.ndarray:
    """Return a_k(q) by the trapezoidal rule, which converges geometrically for smooth phi.

    Args:
        phi: an activation without kinks.
        q: (m,) variances.
        terms: how many k.

    Returns:
        (m, terms) float64.
    """
    z = np.arange(-_REACH, _REACH + _SPACING / 2, _SPACING)
    with jax.enable_x64(True):
        values = np.asarray(phi(jnp.asarray(np.sqrt(q)[:, None] * z[None, :])))
    # Half of the density goes with h_k, which would overflow alone, half with phi.
    half = np.exp(-z * z / 4) / (2 * math.pi) ** 0.25
    functions = np.empty((terms, z.size))
    functions[0] = half
    if terms > 1:
        functions[1] = z * half
    for k in range(1, terms - 1):
        step = z * functions[k] - math.sqrt(k) * functions[k - 1]
        functions[k + 1] = step / math.sqrt(k + 1)
    return (values * half[None, :] * _SPACING) @ functions.T


class Series:
    """The squares a_k(q)^2 for a range of lengths; made once, evaluated at thousands of points."""

    def __init__(self, phi: Any, low: float, high: float) -> None:
        """Tabulate until the sums of the squares are right between the nodes.

        Args:
            phi: an activation without kinks.
            low: smallest length.
            high: largest.
        """
        self._ends = (0.98 * math.sqrt(low), 1.02 * math.sqrt(high))
        check = np.linspace(*self._ends, 41)[1:-1] ** 2
        exact = moment(phi, "square", check).value
        for nodes, terms in zip(_NODES, _TERMS, strict=True):
            angles = (np.arange(nodes) + 0.5) * math.pi / nodes
            self._x = np.cos(angles)
            self._weights = np.sin(angles) * (-1.0) ** np.arange(nodes)
            points = self._ends[0] + (self._x + 1) / 2 * (self._ends[1] - self._ends[0])
            self._table = coefficients(phi, points**2, terms) ** 2
            self.error = float(np.abs(self.squares(check).sum(axis=1) / exact - 1).max())
            if self.error <= _WANTED:
                break

    def squares(self, q: np.ndarray) -> np.ndarray:
        """Interpolate a_k(q)^2.

        Args:
            q: (m,) lengths within the range.

        Returns:
            (m, terms).
        """
        return self._shares(q) @ self._table

    def _shares(self, q: np.ndarray) -> np.ndarray:
        low, high = self._ends
        x = 2 * (np.sqrt(q) - low) / (high - low) - 1
        apart = x[:, None] - self._x[None, :]
        apart[apart == 0] = 1e-300
        shares = self._weights[None, :] / apart
        return shares / shares.sum(axis=1, keepdims=True)


def correlations(
    series: Series, q: np.ndarray, weight: np.ndarray, bias: np.ndarray, chi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the root below 1 of C(c) = c, and the slope C'(c) there, where C'(1) > 1.

    C(c) = sum_k t_k c^k with sum_k t_k = 1. The root c = 1 is divided out: C(c) - c = (1 - c)(1 - D(c)),
    D(c) = sum_j T_j c^j with T_j = sum_{k>j} t_k. D rises and is convex, so Newton's method for
    D = 1 from the right never passes the root, which is a simple one however near to 1.

    Args:
        series: the table.
        q: (m,) lengths that the map keeps.
        weight: (m,) sigma_w^2.
        bias: (m,) sigma_b^2.
        chi: (m,) C'(1).

    Returns:
        Roots c and slopes C'(c) = 1 - (1 - c) D'(c), each (m,).
    """
    found, slopes = np.empty_like(q), np.empty_like(q)
    order = np.argsort(chi)  # small chi, large c, many terms: together
    for start in range(0, q.size, 512):
        rows = order[start : start + 512]
        terms = (series.squares(q[rows]) * (weight[rows] / q[rows])[:, None]).T.copy()
        terms[0] += bias[rows] / q[rows]
        # What the table leaves out of the sum lies beyond its last term: it belongs to every tail.
        missing = 1 - terms.sum(axis=0)
        tails = np.cumsum(terms[:0:-1], axis=0)[::-1] + missing
        found[rows], slopes[rows] = _descend(tails)
    return found, slopes


def _descend(tails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at_one = tails.sum(axis=0)
    slope = (np.arange(len(tails))[:, None] * tails).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Both are right of the root: the tangent at 1, and the chord that D lies above.
        c = np.minimum(1 - (at_one - 1) / slope, (1 - tails[0]) / tails[1])
    c = np.clip(np.where(np.isfinite(c), c, 0.0), 0.0, 1.0)
    largest = tails.max(axis=1)
    for _ in range(60):
        # Terms that no longer count at the largest c are left out.
        size = largest * float(c.max()) ** np.arange(len(tails))
        count = max(int(np.flatnonzero(size > 1e-18)[-1]) + 1, 2) if (size > 1e-18).any() else 2
        value, slope = _value_and_slope(tails[:count], c)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(slope > 0, (value - 1) / slope, 0.0)
        c = np.clip(c - step, 0.0, 1.0)
        if (step <= 2e-14).all():  # from the right: a negative step is rounding
            break
    return c, 1 - (1 - c) * _value_and_slope(tails, c)[1]


def _value_and_slope(terms: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = np.zeros_like(c)
    slope = np.zeros_like(c)
    for term in terms[::-1]:
        slope *= c
        slope += value
        value *= c
        value += term
    return value, slope
