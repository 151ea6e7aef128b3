"""How steep is an activation on average, under a normal distribution? Certified integrals.

With Z a standard normal variable, E phi'(sqrt(q) Z)^2 is the factor by which one layer with
sigma_w = 1 multiplies the mean squared gradient (chi_1 of mean-field theory), and
E phi(sqrt(q) Z)^2 the mean squared signal that it passes on. Both are integrals against the density
of N(0, q), taken piece by piece between the joints with Arb's rigorous adaptive Gauss-Legendre
quadrature; what lies beyond 13 standard deviations is bounded through sup |phi'|. Gauss-Hermite
sums would be wrong at the joints. Some 1 to 300 ms each.

References: F. Johansson, Numerical integration in arbitrary-precision ball arithmetic,
arXiv:1802.07942; S. Schoenholz et al., Deep information propagation, arXiv:1611.01232.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import Any

from flint import acb, arb, ctx

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import parse as parse_number
from gradchain._text import shorten
from gradchain.certify.balls import (
    CertificationError,
    bounds,
    decimal_down,
    decimal_near,
    decimal_up,
    supremum,
)
from gradchain.certify.derivatives import slope_case
from gradchain.certify.pieces import Piece, parse, pieces

BITS = 160
DEVIATIONS = 13  # beyond, a normal variable has probability 1.2e-38
LARGEST = 10**6
DIGITS = 30
SHOWN = 20


@recomputable(activation=str, q=str)
def mean_square_slope(activation: str, q: str = "1") -> Result:
    """Enclose E phi'(sqrt(q) Z)^2 for a standard normal Z.

    Certified to some 30 decimals; needs no convention at kinks, since they have probability 0.
    Cost: some 10 to 100 ms.

    Args:
        activation: one of the twenty names, with or without parameter: "tanh", "celu(2)".
        q: the variance, a decimal or "p/q" between 1e-6 and 1e6.

    Returns:
        `value` to 20 decimals, `enclosure` rounded outward.

    Raises:
        ActivationError: unknown activation.
        UsageError: q is not a number between 1e-6 and 1e6.

    Example:
        >>> mean_square_slope("tanh").value
        '0.46440290244826824197'
        >>> mean_square_slope("relu", "10").value
        '0.5'
    """
    bound = supremum(slope_case(activation)).high

    def tail(beyond: arb, _: arb) -> arb:
        return _ball(bound) ** 2 * beyond

    return _expectation(activation, q, lambda piece: piece.slope, tail)


@recomputable(activation=str, q=str)
def mean_square_value(activation: str, q: str = "1") -> Result:
    """Enclose E phi(sqrt(q) Z)^2 for a standard normal Z, as `mean_square_slope` does for phi'.

    Args:
        activation: one of the twenty names, with or without parameter.
        q: the variance, a decimal or "p/q" between 1e-6 and 1e6.

    Returns:
        `value` to 20 decimals, `enclosure` rounded outward.

    Raises:
        ActivationError: unknown activation.
        UsageError: q is not a number between 1e-6 and 1e6.

    Example:
        >>> mean_square_value("gelu").value
        '0.42522148257029867492'
    """
    bound = supremum(slope_case(activation)).high

    def tail(beyond: arb, second: arb) -> arb:
        # |phi(x)| <= |phi(0)| + sup|phi'| |x| and (a + b)^2 <= 2a^2 + 2b^2; |phi(0)| <= 1 for all.
        return 2 * beyond + 2 * _ball(bound) ** 2 * second

    return _expectation(activation, q, lambda piece: piece.value, tail)


def _ball(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator


def _variance(q: str) -> Fraction:
    try:
        variance = parse_number(q)
    except ValueError:
        variance = Fraction(0)
    if not Fraction(1, LARGEST) <= variance <= LARGEST:
        raise UsageError(
            f'q must be a positive decimal or "p/q" between 1e-6 and 1e6, got {shorten(q)}; '
            "it is the variance of the pre-activation."
        )
    return variance


def _reach(variance: Fraction) -> Fraction:
    # An exact dyadic number at least 13 standard deviations out: exact ends of integration.
    scale = 1
    while variance * scale**2 < 64:
        scale *= 2
    return Fraction(isqrt(int(DEVIATIONS**2 * variance * scale**2)) + 1, scale)


def _expectation(
    activation: str,
    q: str,
    choose: Callable[[Piece], Callable[[Any], Any]],
    tail: Callable[[arb, arb], arb],
) -> Result:
    known, variance = parse(activation), _variance(q)
    with ctx.workprec(BITS):
        ball, reach = _ball(variance), _reach(variance)
        total = arb(0)
        for piece in pieces(known):
            low = -reach if piece.low is None else max(-reach, Fraction(piece.low))
            high = reach if piece.high is None else min(reach, Fraction(piece.high))
            if low < high:
                total += _integral(choose(piece), ball, low, high)
        # P(|X| > r) and E[X^2; |X| > r] for X ~ N(0, q), at r = reach.
        far = _ball(reach) / ball.sqrt()
        beyond = (far / arb(2).sqrt()).erfc()
        second = ball * (2 * far * (-far * far / 2).exp() / (2 * arb.pi()).sqrt() + beyond)
        total += arb(0).union(tail(beyond, second))
        return _result(f"mean square of {activation} at q = {q}", total)


def _integral(function: Callable[[Any], Any], variance: arb, low: Fraction, high: Fraction) -> arb:
    norm = (2 * arb.pi() * variance).sqrt()

    def integrand(x: acb, _: bool) -> acb:
        # Meromorphic on each piece (softplus reports its branch cut by a value that is not finite),
        # so the integrator's question whether it is analytic needs no answer of its own.
        return function(x) ** 2 * (-(x * x) / (2 * variance)).exp() / norm

    return acb.integral(integrand, _ball(low), _ball(high), abs_tol=arb((1, -140))).real


def _result(label: str, total: arb) -> Result:
    if not total.is_finite():
        raise CertificationError(f"No finite enclosure for the {label}; take a smaller q.")
    low, high = bounds(total)
    if high - low > Fraction(1, 10**16):
        raise CertificationError(
            f"The {label} is certified no better than {float(high - low):.1e}, expected 1e-16."
        )
    # Small values keep as many significant digits as large ones.
    shift = 0
    while shift < DIGITS and high * 10 ** (shift + 1) < 1:
        shift += 1
    places = min(DIGITS + shift, 38)  # the integrator's own tolerance is 7e-43
    enclosure = (decimal_down(max(low, Fraction(0)), places), decimal_up(high, places))
    return Result(decimal_near((low + high) / 2, min(SHOWN + shift, places)), enclosure)
