"""Mean field of one law: lengths, correlations, the phase and the depth scales.

    q = V(q)            length that a layer keeps          xi_q = -1 / log|V'(q)|
    c = C(c)            correlation that a layer keeps     xi_c = -1 / log C'(c)
    chi = C'(1)         squared gradient, per layer        phase: the sign of chi - 1

A length moves to q, a correlation to c, by a factor exp(-1/xi) a layer. Ordered (chi < 1): gradients
vanish, c = 1. Chaotic (chi > 1): gradients explode, c < 1. All values are *predictions* of infinite
width, each with an *estimate* of its numerical error.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from gradchain._types import Real, pytree, static
from gradchain.activations import Activation
from gradchain.predicted.mean_field.fixed_points import FixedPoint, Lengths, lengths
from gradchain.predicted.mean_field.laws import Law, law

PHASES = {-1: "ordered", 0: "critical", 1: "chaotic"}
# chi this near to 1 is called critical: a sigma_w given to ten digits is no nearer.
CRITICAL = 1e-9


@dataclasses.dataclass(frozen=True)
class MeanFieldError:
    """How far the values of the same name may be off, absolutely; *estimates*."""

    q: float
    c: float
    chi: float
    xi_q: float
    xi_c: float


@pytree
class MeanField:
    """What an infinitely wide network with this activation and these variances tends to.

    Attributes:
        sigma_w: standard deviation of weights times sqrt(fan_in).
        sigma_b: standard deviation of biases.
        q: the length reached from q0 = 1; infinite where it diverges.
        c: the correlation that two inputs tend to; NaN only where `answer` is "none".
        chi: factor of the squared gradient norm per layer, at q (its limit where q is infinite).
        xi_q: depth scale of the length in layers; 0 where it is reached at once, infinite at V' = 1.
        xi_c: depth scale of the correlation in layers, infinite at the critical point.
        phase: -1 ordered, 0 critical, 1 chaotic (the sign of chi - 1).
        activation: the activation.
        answer: "one", "several" fixed points, "any" (each length is kept) or "none" (q diverges).
        fixed_points: all lengths that stay, each with the slope there and whether it is stable.
        error: errors of the values of the same name.
        explanation: one sentence on what was found.
    """

    sigma_w: Any
    sigma_b: Any
    q: Any
    c: Any
    chi: Any
    xi_q: Any
    xi_c: Any
    phase: Any
    activation: Activation = static()
    answer: str = static()
    fixed_points: tuple[FixedPoint, ...] = static()
    error: MeanFieldError = static()
    explanation: str = static()

    @property
    def phase_name(self) -> str:
        """The phase as a word."""
        return PHASES[int(self.phase)]

    @property
    def xi_gradient(self) -> float:
        """Depth scale of the squared gradient in layers: positive decays, negative explodes."""
        return depth_scale(float(self.chi), signed=True)

    def __str__(self) -> str:
        """Return the sentence and the values."""
        return (
            f"{self.activation}, sigma_w {self.sigma_w:g}, sigma_b {self.sigma_b:g}: "
            f"{self.explanation} q {self.q:.6g}, c {self.c:.6g}, chi {self.chi:.6g}, "
            f"xi_q {self.xi_q:.4g}, xi_c {self.xi_c:.4g}."
        )


def depth_scale(factor: float, signed: bool = False) -> float:
    """Return -1 / log|factor|: in how many layers a factor of e is lost.

    Args:
        factor: what one layer multiplies by.
        signed: return a negative scale for growth instead of its size.

    Returns:
        Layers; 0 for factor 0, infinity for 1.
    """
    size = abs(factor)
    if size == 0:
        return 0.0
    if size == 1:
        return math.inf
    scale = -1.0 / math.log(size)
    return scale if signed else abs(scale)


def scale_error(factor: float, error: float) -> float:
    """Carry an error of the factor over to the depth scale.

    Args:
        factor: what one layer multiplies by.
        error: how far it may be off.

    Returns:
        xi^2 error / factor; infinite where the scale is.
    """
    scale = depth_scale(factor)
    if not math.isfinite(scale):
        return math.inf
    return scale**2 * error / abs(factor) if factor else 0.0


def correlation_fixed_point(own: Law, q: float) -> tuple[float, float]:
    """Return the root of C(c) = c below 1, for chi > 1.

    C is a power series with coefficients of at least 0, so C(c) - c is convex: Newton's method from
    c = 0 climbs to the root without passing it.

    Args:
        own: activation and variances.
        q: the length, above 0.

    Returns:
        The root and an *estimate* of its error.
    """
    c, error = 0.0, math.inf
    for _ in range(60):
        value, doubt = own.correlation(q, c)
        slope = float(own.correlation_slope(q, c).value)
        gap = max(1.0 - slope, 1e-300)
        step = (float(value) - c) / gap
        error = (float(doubt) + 4e-16) / gap
        c = min(max(c + step, 0.0), 1.0)
        if abs(step) <= 1e-15 or abs(step) <= error:
            break
    return c, error


def mean_field(activation: Any, sigma_w: Real, sigma_b: Real = 0.0) -> MeanField:
    """Find lengths, correlations, phase and depth scales of a law of weights.

    Args:
        activation: a name of `gradchain.activations.NAMES`, or an `Activation`.
        sigma_w: Var(W_ij) = sigma_w^2 / fan_in.
        sigma_b: Var(b_i) = sigma_b^2.

    Returns:
        A *prediction* of infinite width with its numerical errors. Cost: 0.1 to 1 s, most of it
        double integrals where no closed form is known.

    Raises:
        UsageError: a number that is negative or not finite, or an activation whose moments diverge.
        ActivationError: an unknown activation.

    Source: Poole et al., NeurIPS 2016, arXiv:1606.05340; Schoenholz et al., ICLR 2017,
    arXiv:1611.01232.

    Example:
        >>> found = mean_field("relu", sigma_w=1.0, sigma_b=0.3)
        >>> found.phase_name, round(float(found.q), 12), round(float(found.chi), 12)
        ('ordered', 0.18, 0.5)
        >>> mean_field("relu", sigma_w=2.0**0.5).answer
        'any'
    """
    own = law(activation, sigma_w, sigma_b)
    found = lengths(own)
    at = found.reached if math.isfinite(found.reached) else 1e12
    chi, chi_error = (float(each) for each in own.chi(at))
    if math.isfinite(found.error) and found.error:
        sides = own.chi(np.array([max(at - found.error, 0.0), at + found.error])).value
        chi_error += float(abs(sides[1] - sides[0])) / 2
    distance = chi - 1.0
    phase = 0 if abs(distance) <= max(CRITICAL, chi_error) else int(math.copysign(1, distance))
    c, c_error, slope_c, slope_c_error = 1.0, 0.0, chi, chi_error
    if found.answer == "none":
        c = slope_c = math.nan
    elif phase == 1 and found.reached > 0 and own.sigma_w > 0:
        c, c_error = correlation_fixed_point(own, found.reached)
        slope_c, slope_c_error = (float(each) for each in own.correlation_slope(found.reached, c))
    slope_q = _slope_at(own, found)
    xi_q = math.nan if found.answer == "none" else depth_scale(slope_q)
    xi_c = math.nan if found.answer == "none" else depth_scale(slope_c)
    if phase == 0 and found.answer != "none":
        xi_c = math.inf
    rounding = 1e-15
    return MeanField(
        sigma_w=np.float64(own.sigma_w),
        sigma_b=np.float64(own.sigma_b),
        q=np.float64(found.reached),
        c=np.float64(c),
        chi=np.float64(chi),
        xi_q=np.float64(xi_q),
        xi_c=np.float64(xi_c),
        phase=np.int8(phase),
        activation=own.activation,
        answer=found.answer,
        fixed_points=found.points,
        error=MeanFieldError(
            q=found.error,
            c=c_error,
            chi=chi_error,
            xi_q=scale_error(slope_q, abs(slope_q) * 1e-14 + rounding),
            xi_c=math.inf if math.isinf(xi_c) else scale_error(slope_c, slope_c_error + rounding),
        ),
        explanation=_sentence(own, found, phase),
    )


def _slope_at(own: Law, found: Lengths) -> float:
    if found.answer == "any":
        return 1.0
    if found.answer == "none":
        return math.nan
    return next(point.slope for point in found.points if point.q == found.reached)


def _sentence(own: Law, found: Lengths, phase: int) -> str:
    word = PHASES[phase]
    if own.sigma_w == 0:
        return "Without weights nothing of the input is left: every state is the bias, chi is 0."
    if found.answer == "none":
        return (
            "No finite length is reached: q grows without bound from q0 = 1. chi is its limit for "
            "large q; c and the depth scales do not exist."
        )
    if found.answer == "any":
        return f"Every length is kept, so q stays what the input makes it (1 here); {word}."
    stable = [point for point in found.points if point.stable]
    if found.answer == "several":
        return (
            f"{len(found.points)} lengths stay, {len(stable)} of them stable; the one reached from "
            f"q0 = 1 is given; {word}."
        )
    return f"One length stays; {word}."
