"""Lengths, correlations, phases and depth scales on a whole grid of (sigma_w, sigma_b).

E phi^2, E phi'^2 and d/dq E phi^2 depend on q alone: they are integrated once, on a grid of
logarithms, and interpolated by polynomials of degree 13. For each pair of variances the length
reached from q0 = 1 is then a sign change and a few steps of Newton's method, and in the chaotic phase
the correlation is the root of a power series (smooth activations), of a closed form, or of double
integrals (activations with kinks: 0.1 to 1 s a point). Cost for 200 x 200 points of tanh: about a
second.
"""

import math
from typing import Any

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._types import pytree, static
from gradchain.activations import Activation
from gradchain.gaussian import closed, moment
from gradchain.predicted.mean_field.hermite import Series, correlations
from gradchain.predicted.mean_field.laws import Law, law, non_negative
from gradchain.predicted.mean_field.noun import CRITICAL, correlation_fixed_point

_STEP, _DEGREE = 0.1, 13
_LOWEST, _HIGHEST = 1e-15, 1e13
_BINOMIAL = np.array([(-1.0) ** k * math.comb(_DEGREE, k) for k in range(_DEGREE + 1)])


@pytree
class PhaseDiagram:
    """Mean field on a grid; arrays (sigma_w, sigma_b), entries as in `MeanField`.

    Attributes:
        sigma_w: (m,) given.
        sigma_b: (k,) given.
        q: (m, k) lengths reached from q0 = 1, infinite where they diverge.
        c: (m, k) correlations that two inputs tend to, NaN where q diverges.
        chi: (m, k) factor of the squared gradient.
        inverse_xi_q: (m, k) 1/xi_q = -log|V'(q)|; 0 where every length is kept.
        inverse_xi_c: (m, k) 1/xi_c = -log C'(c); 0 at the critical line.
        phase: (m, k) int8: -1 ordered, 0 critical, 1 chaotic.
        activation: the activation.
        error: *estimate* of the largest error relative to max(1, value), of all but c within 1e-4 of
            chi = 1.
    """

    sigma_w: Any
    sigma_b: Any
    q: Any
    c: Any
    chi: Any
    inverse_xi_q: Any
    inverse_xi_c: Any
    phase: Any
    activation: Activation = static()
    error: float = static(default=0.0)

    @property
    def xi_q(self) -> np.ndarray:
        """Depth scale of the length in layers."""
        return _inverse(self.inverse_xi_q)

    @property
    def xi_c(self) -> np.ndarray:
        """Depth scale of the correlation in layers."""
        return _inverse(self.inverse_xi_c)


def _inverse(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.abs(1.0 / np.asarray(values))


class _Table:
    """E phi^2, E phi'^2 and d/dq E phi^2 between 1e-15 and 1e13."""

    def __init__(self, phi: Any, highest: float) -> None:
        self.start = math.log(_LOWEST)
        self.highest = highest
        count = int((math.log(highest) - self.start) / _STEP) + 1
        self.q = np.exp(self.start + _STEP * np.arange(count))
        found = [moment(phi, name, self.q) for name in ("square", "slope_square", "square_growth")]
        self.columns = np.stack([each.value for each in found], axis=1)
        self.columns[~np.isfinite(self.columns)] = np.inf
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = [each.error / np.abs(each.value) for each in found[:2]]
        inside = self.q < 1e6
        self.error = float(max(np.nanmax(each[inside]) for each in relative))

    def at(self, q: np.ndarray, column: int) -> np.ndarray:
        """Interpolate one column at lengths (m,) within the table."""
        place = (np.log(q) - self.start) / _STEP
        first = np.clip(place.astype(int) - _DEGREE // 2, 0, len(self.q) - _DEGREE - 1)
        apart = (place - first)[None, :] - np.arange(_DEGREE + 1.0)[:, None]
        apart[apart == 0] = 1e-200
        shares = _BINOMIAL[:, None] / apart
        values = self.columns[first[None, :] + np.arange(_DEGREE + 1)[:, None], column]
        return (shares * values).sum(axis=0) / shares.sum(axis=0)


def _needed(phi: Any, sigma_w: float, sigma_b: float) -> float:
    # Beyond the last length at which the largest variances still make it grow, nothing is reached.
    grid = np.geomspace(1e-3, _HIGHEST, 65)
    grows = sigma_w**2 * moment(phi, "square", grid).value + sigma_b**2 >= 0.5 * grid
    last = int(np.flatnonzero(grows)[-1]) if grows.any() else 0
    return _HIGHEST if last >= grid.size - 3 else 10 * max(float(grid[last + 1]), 1.0)


def _axis(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"got {type(values).__name__} as {name}, expected numbers") from None
    if array.ndim != 1 or array.size == 0:
        raise UsageError(f"got {name} of shape {array.shape}, expected (m,) with m at least 1")
    for value in array:
        non_negative(name, float(value))
    return array


def phase_diagram(activation: Any, sigma_w: Any, sigma_b: Any) -> PhaseDiagram:
    """Compute mean field for every pair of sigma_w and sigma_b.

    Args:
        activation: a name of `gradchain.activations.NAMES`, or an `Activation`.
        sigma_w: (m,) values of at least 0.
        sigma_b: (k,) values of at least 0.

    Returns:
        *Predictions* of infinite width on the grid, with an error estimate.

    Raises:
        UsageError: an axis that is not one-dimensional, negative or not finite.
        ActivationError: an unknown activation.

    Source: Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017.

    Example:
        >>> found = phase_diagram("erf", [0.5, 2.0], [0.0, 0.3])
        >>> found.phase.tolist()
        [[-1, -1], [1, 1]]
    """
    weights, biases = _axis("sigma_w", sigma_w), _axis("sigma_b", sigma_b)
    phi = activations.get(activation)
    law(phi, 1.0, 0.0)  # refuses an activation whose moments diverge
    table = _Table(phi, _needed(phi, float(weights.max()), float(biases.max())))
    start, growth = (float(moment(phi, m, 0.0).value) for m in ("square", "square_growth"))
    q, lost = _lengths(table, start, growth, weights, biases)
    shape = q.shape
    w2 = np.broadcast_to(weights[:, None] ** 2, shape)
    b2 = np.broadcast_to(biases[None, :] ** 2, shape)
    most = min(1e12, table.highest / 4)  # where q diverges chi is its limit
    inside = np.clip(np.where(np.isfinite(q), q, most), _LOWEST, most)
    chi = w2 * table.at(inside.ravel(), 1).reshape(shape)
    slope_q = w2 * table.at(inside.ravel(), 2).reshape(shape)
    at_zero = q == 0
    if at_zero.any():
        chi = np.where(at_zero, w2 * float(moment(phi, "slope_square", 0.0).value), chi)
        slope_q = np.where(at_zero, w2 * float(moment(phi, "square_growth", 0.0).value), slope_q)
    phase = np.where(np.abs(chi - 1) <= CRITICAL, 0, np.sign(chi - 1)).astype(np.int8)
    c, slope_c, series_error = _correlations(phi, q, w2, b2, chi, phase)
    diverges = np.isinf(q)
    with np.errstate(divide="ignore"):
        inverse_q = np.where(lost, 0.0, -np.log(np.abs(slope_q)))
        inverse_c = np.where(phase == 0, 0.0, -np.log(slope_c))
    return PhaseDiagram(
        sigma_w=weights,
        sigma_b=biases,
        q=q,
        c=np.where(diverges, np.nan, c),
        chi=chi,
        inverse_xi_q=np.where(diverges, np.nan, inverse_q),
        inverse_xi_c=np.where(diverges, np.nan, inverse_c),
        phase=phase,
        activation=phi,
        error=_worst(table, slope_q, diverges | lost | at_zero) + series_error,
    )


def _worst(table: _Table, slope_q: np.ndarray, without: np.ndarray) -> float:
    # An error of V moves the root by 1 / |1 - V'|.
    gaps = np.abs(1 - slope_q[~without])
    nearest = float(gaps.min()) if gaps.size else 1.0
    return (table.error + 4e-15) / max(nearest, 1e-12)


def _lengths(
    table: _Table, start: float, growth: float, weights: np.ndarray, biases: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the length reached from 1 for each pair, and where every length is kept."""
    shape = (weights.size, biases.size)
    q, kept = np.zeros(shape), np.zeros(shape, bool)
    grid, square = table.q, table.columns[:, 0]
    middle = int(np.searchsorted(grid, 1.0))
    low, high = np.zeros(shape), np.zeros(shape)
    for row, sigma_w in enumerate(weights):
        length = sigma_w**2 * square[None, :] + biases[:, None] ** 2
        excess = length - grid[None, :]
        noise = 1e-13 * (length + grid)
        kept[row] = (np.abs(excess) <= noise).all(axis=1)
        up = excess[:, middle] > 0
        # Going up: the first place with V < q; going down: the last one with V > q.
        falls = (excess[:, middle:] < 0) & (np.abs(excess[:, middle:]) > noise[:, middle:])
        above = middle + np.argmax(falls, axis=1)
        rises = (excess[:, middle::-1] > 0) & (np.abs(excess[:, middle::-1]) > noise[:, middle::-1])
        below = middle - np.argmax(rises, axis=1)
        reached = np.where(up, falls.any(axis=1), rises.any(axis=1))
        low[row] = np.where(up, grid[above - 1], grid[below])
        high[row] = np.where(up, grid[above], grid[np.minimum(below + 1, grid.size - 1)])
        # Below the table the map is a straight line.
        line = sigma_w**2 * start * (start > 1e-50) + biases**2
        gap = max(1 - sigma_w**2 * growth, 1e-16) if start <= 1e-50 else 1.0
        nowhere = np.where(up, np.inf, line / gap)
        q[row] = np.where(reached, -1.0, nowhere)
    q[kept] = 1.0
    todo = (q < 0) & ~kept
    if todo.any():
        w2 = np.broadcast_to(weights[:, None] ** 2, shape)[todo]
        b2 = np.broadcast_to(biases[None, :] ** 2, shape)[todo]
        q[todo] = _polished(table, low[todo], high[todo], w2, b2)
    return q, kept


def _polished(
    table: _Table, low: np.ndarray, high: np.ndarray, w2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    q = np.sqrt(low * high)
    for _ in range(12):
        value = w2 * table.at(q, 0) + b2
        excess = value - q
        low, high = np.where(excess > 0, q, low), np.where(excess > 0, high, q)
        gap = 1 - w2 * table.at(q, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = excess / gap
        moved = q + step
        # Newton's step where it stays between the ends, else half-way.
        moved = np.where((moved >= low) & (moved <= high), moved, (low + high) / 2)
        done = np.abs(moved - q) <= 4e-16 * q
        q = moved
        if done.all():
            break
    return q


def _correlations(phi, q, w2, b2, chi, phase) -> tuple[np.ndarray, np.ndarray, float]:
    c, slope, error = np.ones_like(q), chi.copy(), 0.0
    todo = (phase == 1) & np.isfinite(q) & (q > 0)
    if not todo.any():
        return c, slope, error
    lengths, weight, bias = q[todo], w2[todo], b2[todo]
    forms = closed.PLANE.get(phi.name)
    if forms is not None:
        c[todo], slope[todo] = _by_form(phi, forms, lengths, weight, bias)
    elif not phi.kinks:
        series = Series(phi, float(lengths.min()), float(lengths.max()))
        c[todo], slope[todo] = correlations(series, lengths, weight, bias, chi[todo])
        error = series.error
    else:
        found = [_by_integrals(phi, *each) for each in zip(lengths, weight, bias, strict=True)]
        c[todo], slope[todo] = np.array(found).T
    return c, slope, error


def _by_form(phi, forms, q, weight, bias) -> tuple[np.ndarray, np.ndarray]:
    c = np.zeros_like(q)
    for _ in range(60):
        value = (weight * forms["product"](q, q, c, phi.parameters) + bias) / q
        slope = weight * forms["slope_product"](q, q, c, phi.parameters)
        step = (value - c) / np.maximum(1 - slope, 1e-300)
        c = np.clip(c + step, 0.0, 1.0)
        if (np.abs(step) <= 1e-15).all():
            break
    return c, weight * forms["slope_product"](q, q, c, phi.parameters)


def _by_integrals(phi: Any, q: float, weight: float, bias: float) -> tuple[float, float]:
    own = Law(phi, math.sqrt(weight), math.sqrt(bias))
    c, _ = correlation_fixed_point(own, float(q))
    return c, float(own.correlation_slope(float(q), c).value)
