"""At which sigma_w does the squared gradient neither vanish nor explode?

    chi = sigma_w^2 E phi'^2 = 1  and  q = V(q):   q - E phi^2 / E phi'^2 = sigma_b^2

The second line has one unknown; each root q gives a sigma_w = 1 / sqrt(E phi'^2). It can be reached
only if lengths nearby come back to it, V'(q) < 1: for gelu, silu and mish at small sigma_b none does.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from gradchain._types import Approximate, Real
from gradchain.gaussian import moment
from gradchain.predicted.mean_field.fixed_points import roots
from gradchain.predicted.mean_field.laws import law


class CriticalPoint(NamedTuple):
    """One solution of chi = 1 at a length that stays."""

    sigma_w: float
    q: float
    slope: float
    stable: bool
    error: float


class CriticalSigmaW(Approximate):
    """The critical sigma_w as a number, with what belongs to it.

    Attributes:
        sigma_w: the number itself, NaN where `status` is "none".
        q: the length there; NaN where every length is kept, or none.
        status: "stable", "unstable" (chi = 1 has solutions, none of which a network can reach: the
            number is the first of them), "any" (every length is kept) or "none".
        solutions: all solutions with their stability.
        error: *estimate* of how far the number may be off.
        explanation: one sentence.
    """

    q: float
    status: str
    solutions: tuple[CriticalPoint, ...]

    @property
    def sigma_w(self) -> float:
        """The number itself."""
        return float(self)

    @property
    def stable(self) -> bool:
        """Whether a network at this point stays there."""
        return self.status in {"stable", "any"}


def _made(value: float, q: float, status: str, solutions: tuple, sentence: str) -> CriticalSigmaW:
    error = min((s.error for s in solutions if s.sigma_w == value), default=4e-16 * abs(value))
    answer = CriticalSigmaW(value, error if value == value else math.inf, sentence)
    answer.q, answer.status, answer.solutions = q, status, solutions
    return answer


def critical_sigma_w(activation: Any, sigma_b: Real = 0.0) -> CriticalSigmaW:
    """Find the critical sigma_w for a sigma_b.

    Args:
        activation: a name of `gradchain.activations.NAMES`, or an `Activation`.
        sigma_b: standard deviation of the biases, at least 0.

    Returns:
        The stable solution as a number (a `float` with facts attached), a *prediction* of infinite
        width; or an answer whose `status` says "unstable" or "none" and whose `explanation` says why.

    Raises:
        UsageError: a sigma_b that is negative or not finite, or moments that diverge.
        ActivationError: an unknown activation.

    Source: Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017.

    Example:
        >>> round(critical_sigma_w("erf"), 12) == round(math.pi**0.5 / 2, 12)
        True
        >>> critical_sigma_w("gelu", 0.05).status
        'unstable'
    """
    own = law(activation, 1.0, sigma_b)
    phi = own.activation

    def excess(q: np.ndarray) -> np.ndarray:
        square, slope = moment(phi, "square", q), moment(phi, "slope_square", q)
        with np.errstate(divide="ignore", invalid="ignore"):
            return q - own.sigma_b**2 - square.value / slope.value

    grid = np.geomspace(1e-14, 1e10, 641)
    values = excess(grid)
    if own.sigma_b == 0 and (np.abs(values) <= 1e-11 * grid).all():
        sigma_w = 1 / math.sqrt(float(moment(phi, "slope_square", 1.0).value))
        return _made(sigma_w, math.nan, "any", (), "Every length is kept at this sigma_w.")
    noise = 2e-14 * (grid + own.sigma_b**2)
    known = np.flatnonzero(np.isfinite(values) & (np.abs(values) > noise))
    signs = np.sign(values[known])
    turns = np.flatnonzero((signs[1:] * signs[:-1] < 0) & (np.diff(known) <= 3))
    found: list[CriticalPoint | None]
    found = [_solution(phi, own.sigma_b, float(q)) for q in
             roots(grid[known[turns]], grid[known[turns + 1]], excess)]  # fmt: skip
    if own.through_origin:
        found.insert(0, _at_zero(phi))
    solutions = tuple(point for point in found if point is not None)
    stable = [point for point in solutions if point.stable]
    if stable:
        best = stable[0]
        return _made(best.sigma_w, best.q, "stable", solutions, "A network at this point stays.")
    if solutions:
        first = solutions[0]
        return _made(
            first.sigma_w, first.q, "unstable", solutions,
            f"chi = 1 is met only at lengths that a network of {phi} leaves again (V' above 1), so "
            "no stable critical sigma_w exists at this sigma_b.",
        )  # fmt: skip
    return _made(
        math.nan, math.nan, "none", (),
        f"chi = 1 is met at no length that a network of {phi} keeps at this sigma_b.",
    )  # fmt: skip


def _solution(phi: Any, sigma_b: Real, q: float) -> CriticalPoint:
    slope, doubt = (float(each) for each in moment(phi, "slope_square", q))
    sigma_w = 1 / math.sqrt(slope)
    growth = sigma_w**2 * float(moment(phi, "square_growth", q).value)
    # The root q is right to its last digits over |d excess/dq|, estimated by a difference.
    step = 1e-4 * q
    square = moment(phi, "square", np.array([q - step, q + step])).value
    slopes = moment(phi, "slope_square", np.array([q - step, q + step])).value
    rise = 1 - np.diff(square / slopes)[0] / (2 * step)
    q_error = 1e-14 * (q + sigma_b**2) / max(abs(rise), 1e-12)
    curve = abs(np.diff(slopes)[0]) / (2 * step)
    error = 0.5 * sigma_w * (doubt + curve * q_error) / slope + 4e-16 * sigma_w
    return CriticalPoint(sigma_w, q, growth, abs(growth) < 1, float(error))


def _at_zero(phi: Any) -> CriticalPoint | None:
    slope = float(moment(phi, "slope_square", 0.0).value)
    if slope <= 0:
        return None
    sigma_w = 1 / math.sqrt(slope)
    # V'(0) = 1 here, so the next order decides: lengths above 0 must shrink.
    near = np.array([1e-7, 1e-5, 1e-3])
    shrinks = sigma_w**2 * moment(phi, "square", near).value <= near * (1 + 1e-12)
    return CriticalPoint(sigma_w, 0.0, 1.0, bool(shrinks.all()), 4e-16 * sigma_w)
