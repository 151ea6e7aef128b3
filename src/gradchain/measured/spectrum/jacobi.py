"""What are the singular values of D U, when D spans thousands of powers of ten?

One-sided Jacobi: rows are rotated in pairs until all are orthogonal; then their norms are the
singular values. Row i is d_i w_i with |w_i| = 1 and log d_i kept apart. With c = w_i . w_j and
rho = d_j / d_i <= 1 the rotation that makes the pair orthogonal is

    w_i <- w_i + rho^2 tau w_j,   w_j <- w_j - tau w_i,
    tau = 2 c / (1 - rho^2 + sqrt((1 - rho^2)^2 + 4 c^2 rho^2)),

both then brought back to norm 1. Nothing in it underflows: as rho -> 0 it takes from the small row
its part along the large one and leaves the large one alone. Before that one QR of (D U)^T, rows in
decreasing order, makes rows of far apart scales orthogonal at once: these need no rotation.

Disjoint pairs are rotated together, n - 1 rounds a sweep. Cost O(n^3) a sweep, few sweeps.

References: Demmel and Veselic, "Jacobi's method is more accurate than QR" (1992); Drmac and
Veselic, "New fast and accurate Jacobi SVD algorithm" (2008).
"""

import numpy as np

from gradchain.measured.spectrum.sweep import EPS, Graded, graded

_SWEEPS = 40
_LEAST = 1e-300
_LOG2 = float(np.log(2.0))


def log_norms_of_orthogonal_rows(product: Graded) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the logarithms of the singular values of D U.

    Args:
        product: D U with r rows.

    Returns:
        (logs, order, condition): natural logarithms (r,) in decreasing order, the row of D U that
        each began as, and an estimate of the condition of U, by which errors in its rows grow.
    """
    size = np.log2(product.mantissa) + product.exponent
    order = np.argsort(-size, kind="stable")
    sorted_ = Graded(*(part[order] for part in product))
    triangle = np.asarray(np.linalg.qr(sorted_.rows.T, mode="r"))
    condition = _condition(triangle)
    # Row i of R D is D_i times (R_ij D_j / D_i)_j.
    rows = graded(triangle, *sorted_[:2], *sorted_[:2])
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    # A zero row comes from one that was lost to rounding, and has nothing to say beyond that.
    norms = np.maximum(norms, _LEAST)
    rows, small = _orthogonal(rows / norms[:, None], sorted_, np.log(norms))
    logs = np.log(sorted_.mantissa) + small + sorted_.exponent * _LOG2
    again = np.argsort(-logs, kind="stable")
    return logs[again], order[again], condition


def _condition(triangle: np.ndarray) -> float:
    """Return the condition number of a triangle with columns of norm 1."""
    values = np.linalg.svd(triangle, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else np.inf


def _rounds(count: int) -> np.ndarray:
    """Return a round-robin of `count` (even) players: (count - 1, 2, count / 2), all pairs once."""
    ring = np.arange(count - 1)
    rounds = np.empty((count - 1, 2, count // 2), np.int64)
    for turn in range(count - 1):
        seats = np.concatenate([[count - 1], np.roll(ring, turn)])
        pairs = np.stack([seats[: count // 2], seats[: count // 2 - 1 : -1]])
        rounds[turn] = np.sort(pairs, axis=0)
    return rounds


def _orthogonal(
    rows: np.ndarray, scales: Graded, small: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate rows in pairs until all are orthogonal.

    Returns:
        The rows and the logarithms of what their norms are beside the scales.
    """
    count = len(rows)
    if count < 2:
        return rows, small
    enough = EPS * max(count, 8)
    rounds = _rounds(count + count % 2)
    for _ in range(_SWEEPS):
        gram = np.abs(rows @ rows.T)
        np.fill_diagonal(gram, 0.0)
        if gram.max() <= enough:
            break
        for turn in rounds:
            first, second = turn[:, turn[1] < count]
            cosine = np.einsum("ij,ij->i", rows[first], rows[second])
            needed = np.abs(cosine) > EPS
            if not needed.any():
                continue
            first, second, cosine = first[needed], second[needed], cosine[needed]
            between = _between(scales, small, first, second)
            swap = between > 1
            first, second = np.where(swap, second, first), np.where(swap, first, second)
            between = np.where(swap, 1 / np.where(swap, between, 1.0), between)
            _rotate(rows, small, first, second, cosine, between)
    return rows, small


def _between(
    scales: Graded, small: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return d_second / d_first for each pair, cut off at 2**+-300."""
    powers = np.clip(scales.exponent[second] - scales.exponent[first], -300, 300)
    own = scales.mantissa[second] / scales.mantissa[first]
    return np.ldexp(own * np.exp(small[second] - small[first]), powers)


def _rotate(
    rows: np.ndarray,
    small: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    cosine: np.ndarray,
    between: np.ndarray,
) -> None:
    """Make disjoint pairs of rows orthogonal, in place; |row first| >= |row second|."""
    gap = (1 - between) * (1 + between)
    tau = 2 * cosine / (gap + np.hypot(gap, 2 * cosine * between))
    large, little = rows[first], rows[second]
    grown = large + (between * between * tau)[:, None] * little
    rest = little - tau[:, None] * large
    for place, new in ((first, grown), (second, rest)):
        norms = np.sqrt(np.einsum("ij,ij->i", new, new))
        rows[place] = new / norms[:, None]
        small[place] += np.log(norms)
    # The rotation keeps the product of the two norms, so the cosine of its angle belongs to both.
    turned = -0.5 * np.log1p((tau * between) ** 2)
    small[first] += turned
    small[second] += turned
