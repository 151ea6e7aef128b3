"""How is a product of a thousand matrices brought to triangular form without losing small directions?

From the first factor on, J_l Q_{l-1} = Q_l R_l, so that J_L ... J_1 = Q_L (R_L ... R_1). The product
of the triangular factors is kept as D U: row i of U has norm 1, D_i = mantissa_i 2**exponent_i. Two
permutations make this accurate (both exact):

- the columns of J_l Q_{l-1} come in decreasing order of the size they have in the product so far,
  ||J_l q_j|| D_j. Then D^-1 R D has entries of order 1, and U stays well-conditioned;
- the rows come in decreasing order of their largest entry. Then Householder's QR is stable row by
  row (Cox and Higham 1998), however small the slopes of saturated units are.

A pivot R_ii that is only rounding, R_ii <= `LOST` noise ||row||, marks a direction in which the
layer is singular though none of its rows is zero (batch norm): it is kept with that bound as its
size, and flagged. Cost: one QR and one triangular product a layer, O(L n^3).

References: Cox, Higham, "Stability of Householder QR factorization for weighted least squares
problems" (1998); Dieci, Van Vleck, "Lyapunov spectral intervals" (2002) on the QR recursion.
"""

from typing import NamedTuple

import numpy as np

from gradchain.measured.spectrum.factors import moderate

EPS = 2.0**-52
# A pivot of fewer than `LOST` roundings of its row has no digit left. It is also the size it gets.
LOST = 2.0
# What one Householder QR and one product may add to a pivot, in roundings of its row.
_GROWTH = 16.0
# Factors are multiplied together before a QR as long as no pivot should fall below its row by more
# than `_AIM`; where one does by more than `_LIMIT` the QR is done again with fewer. A group then adds
# 1e-13 to a logarithm, at worst.
_AIM = 30.0
_LIMIT = 100.0
_LONGEST = 8
# Factors whose rows are all within 2**-+100 can be multiplied eight at a time in plain floats.
_PLAIN = 100
# An entry of D^-1 R D above this says that a later column should have come earlier.
_LARGE = 2.0
# Rows within this factor of each other need no sorting.
_ALIKE = 16.0
# Sums of squares of numbers within 2**-+400 neither overflow nor underflow.
_MODEST = 2.0**400
_TINY = 2.0**-900
# In place of a pivot of zero.
_LEAST = 1e-290
# Exponents are compared within this range: beyond it one row is nothing beside the other, and
# subnormal numbers would be slow.
_RANGE = 300


class Graded(NamedTuple):
    """The product D U of the triangular factors: svd(D U) = svd of the product of all factors.

    `rows` (r, n_0) of norm 1; row i is to be multiplied by mantissa[i] * 2**exponent[i]. `squared`
    is the estimated square of each row's accumulated relative error, `lost` says whose size is
    only a bound on rounding.
    """

    mantissa: np.ndarray
    exponent: np.ndarray
    rows: np.ndarray
    squared: np.ndarray
    lost: np.ndarray


class _Moved(NamedTuple):
    """The next orthonormal basis, the product, and how far a pivot fell below its row at worst."""

    basis: np.ndarray
    state: Graded
    worst: float


def graded(
    triangle: np.ndarray,
    over: np.ndarray,
    over_power: np.ndarray,
    under: np.ndarray,
    under_power: np.ndarray,
) -> np.ndarray:
    """Return triangle[i, j] (over_j 2**over_power_j) / (under_i 2**under_power_i).

    A zero stays zero however large the ratio; a ratio below 2**-300 may be anything as small.
    """
    powers = over_power[None, :] - under_power[:, None]
    np.maximum(powers, -_RANGE, out=powers)
    np.minimum(powers, _RANGE, out=powers)
    # 2**powers, written on the bits: several times faster than ldexp.
    powers += 1023
    powers <<= 52
    shares = triangle * over
    shares /= under[:, None]
    shares *= powers.view(np.float64)
    return shares


def sweep(factors: list[np.ndarray], noises: list[float] | None = None) -> Graded:
    """Bring the product of the factors to graded triangular form.

    Args:
        factors: J_1 .. J_L, without zero rows, none of them empty.
        noises: for each factor how far its entries may be off, relative to the largest of their
            row; None takes them as exact, so that only float64's own rounding counts.

    Returns:
        The product D U, up to an orthogonal matrix from the left. Rows come in no particular order.
    """
    size = factors[0].shape[1]
    basis = np.eye(size)
    state = Graded(
        np.ones(size), np.zeros(size, np.int64), np.eye(size), np.zeros(size), np.zeros(size, bool)
    )
    noises = [EPS] * len(factors) if noises is None else [max(EPS, own) for own in noises]
    place, each, failed = 0, np.log(_AIM), 0
    with np.errstate(divide="ignore"):
        while place < len(factors):
            length = _group(factors, place, min(_LONGEST, int(np.log(_AIM) / each)))
            part = slice(place, place + length)
            moved = _try(factors[part], basis, state, max(noises[part]))
            if length > 1 and moved.worst > _LIMIT:
                # Wait before trying again, the longer the more often it failed.
                failed, length = min(failed + 1, 6), 1
                each = max(each, np.log(_AIM)) * 1.5**failed
                moved = _try(factors[place : place + 1], basis, state, noises[place])
            elif length > 1:
                failed = 0
            basis, state = moved.basis, moved.state
            place += length
            # How far one factor of this kind lets a pivot fall, smoothed over the last few.
            each += 0.2 * (max(np.log(max(moved.worst, 1.0)) / length, 0.1) - each)
    return state


def _is_plain(factor: np.ndarray) -> bool:
    """Say whether every row's largest entry is of moderate size."""
    sizes = np.abs(factor).max(axis=1)
    return bool(sizes.min() > 2.0**-_PLAIN and sizes.max() < 2.0**_PLAIN)


def _group(factors: list[np.ndarray], place: int, length: int) -> int:
    """Return how many factors from `place` on, at most `length`, may be multiplied in plain floats."""
    last = min(place + length, len(factors))
    count = 0
    while length > 1 and place + count < last and _is_plain(factors[place + count]):
        count += 1
    return max(1, count)


def _try(factors: list[np.ndarray], basis: np.ndarray, state: Graded, noise: float) -> _Moved:
    """Put a few factors into the product with one QR."""
    moved, shift, level = basis, 0, 1.0
    for factor in factors[:-1]:
        moved = factor @ moved
    if len(factors) > 1:
        level = np.sqrt(moved.shape[0]) * max(moved.max(), -moved.min())
    moved = factors[-1] @ moved
    heights = np.abs(moved).max(axis=1)
    least, most = heights.min(), heights.max()
    if not (1 / _MODEST < most < _MODEST and least > _TINY):
        factor, shift = moderate(factors[0])
        moved = factor @ basis
        heights = np.abs(moved).max(axis=1)
    if len(factors) > 1:
        heights = np.maximum(heights, np.abs(factors[-1]).max(axis=1) * level)
    sizes = np.einsum("ij,ij->j", moved, moved)
    in_product = np.log2(sizes) * 0.5 + np.log2(state.mantissa) + state.exponent
    columns = np.argsort(-in_product, kind="stable")
    rows = None
    if most > _ALIKE * least:
        rows = np.argsort(-heights, kind="stable")
        moved, heights = moved.take(rows, 0), heights[rows]
    q, upper = np.linalg.qr(moved.take(columns, 1))
    triangle = _relative(state, upper, columns)
    if max(triangle.max(), -triangle.min()) > _LARGE:
        # Rare, and only before the sizes have spread: sizes alone do not tell the order.
        columns = columns[_greedy(upper, state, columns)]
        q, upper = np.linalg.qr(moved.take(columns, 1))
        triangle = _relative(state, upper, columns)
    heights = heights[: len(upper)]
    pivots = np.abs(upper.diagonal())
    worst = float((heights / np.maximum(pivots, 1e-100 * most)).max())
    if len(factors) > 1 and worst > _LIMIT:
        return _Moved(basis, state, worst)
    gone = None
    if worst * LOST * np.sqrt(len(columns)) * noise >= 1:
        # A row may even have come out as zero; the least that it can be is the rounding of one.
        heights = np.maximum(heights, EPS * most)
        doubt = LOST * np.sqrt(len(columns)) * noise * heights
        # A direction that the layer kills may come before living ones: put it behind them.
        columns, upper, q, gone = _behind(moved, columns, doubt, (q, upper))
        pivots = np.where(gone, doubt, np.abs(upper.diagonal()))
        triangle = _relative(state, upper, columns, pivots)
        np.fill_diagonal(triangle, np.where(gone, 1.0, triangle.diagonal()))
    if rows is not None:
        basis = np.empty_like(q)
        basis[rows] = q
        q = basis
    grown = (_GROWTH * EPS) * heights / pivots
    return _Moved(q, _joined(state, triangle, columns, pivots, gone, grown, shift), worst)


def _relative(
    state: Graded, upper: np.ndarray, columns: np.ndarray, pivots: np.ndarray | None = None
) -> np.ndarray:
    """Return D'^-1 R D, D' being D times the pivots; its diagonal is +-1."""
    count = len(upper)
    mantissa, exponent = state.mantissa[columns], state.exponent[columns]
    if pivots is None:
        pivots = np.maximum(np.abs(upper.diagonal()), _LEAST)
    return graded(upper, mantissa, exponent, mantissa[:count] * pivots, exponent[:count])


def _greedy(upper: np.ndarray, state: Graded, columns: np.ndarray) -> np.ndarray:
    """Return the order in which each column is the largest left outside the span of those before it.

    QR with column pivoting of R D, of which only the order is used. Cost O(n^3), n steps in Python.
    """
    logs = np.log2(state.mantissa[columns]) + state.exponent[columns]
    left, order = upper.copy(), np.arange(upper.shape[1])
    for place in range(len(upper)):
        rest = left[place:, place:]
        sizes = np.sqrt(np.einsum("ij,ij->j", rest, rest))
        best = place + int(np.argmax(np.log2(sizes) + logs[place:]))
        if best != place:
            # The others keep their order.
            turn = np.r_[best, place:best]
            order[place : best + 1], logs[place : best + 1] = order[turn], logs[turn]
            left[:, place : best + 1] = left[:, turn]
            rest = left[place:, place:]
        vector = rest[:, 0].copy()
        vector[0] += np.copysign(np.linalg.norm(vector), vector[0])
        square = vector @ vector
        if square > 0:
            rest -= np.outer(vector * (2 / square), vector @ rest)
    return order


def _joined(
    state: Graded,
    triangle: np.ndarray,
    columns: np.ndarray,
    pivots: np.ndarray,
    gone: np.ndarray | None,
    grown: np.ndarray,
    shift: int,
) -> Graded:
    """Return R 2**shift times the product D U, its columns taken in the given order."""
    kept = columns[: len(triangle)]
    lost = state.lost[kept]
    if gone is not None:
        lost |= gone
    product = triangle @ state.rows.take(columns, 0)
    norms = np.sqrt(np.einsum("ij,ij->i", product, product))
    product /= norms[:, None]
    own, more = np.frexp(state.mantissa[kept] * pivots * norms)
    power = state.exponent[kept] + more + shift
    return Graded(own, power, product, state.squared[kept] + grown * grown, lost)


def _behind(
    moved: np.ndarray, columns: np.ndarray, doubt: np.ndarray, found: tuple
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Put columns that lie in the span of those before them last, until nothing else is left.

    Args:
        moved: the matrix, rows in order.
        columns: the order of its columns so far.
        doubt: for each row, what is only rounding.
        found: Q and R for this order.

    Returns:
        The new order of columns, R, Q, and which pivots are lost.
    """
    q, upper = found
    gone = np.abs(np.diagonal(upper)) <= doubt
    for _ in range(len(columns)):
        first = int(np.argmax(gone))
        # Of the columns from there on, those with nothing left outside the span so far.
        dead = np.abs(upper[first:, first:]).max(axis=0) <= doubt[first]
        dead[0] = True
        if not gone.any() or dead.all():
            break
        behind = np.concatenate([np.zeros(first, bool), dead])
        columns = np.concatenate([columns[~behind], columns[behind]])
        q, upper = np.linalg.qr(moved.take(columns, 1))
        gone = np.abs(np.diagonal(upper)) <= doubt
    return columns, upper, q, gone
