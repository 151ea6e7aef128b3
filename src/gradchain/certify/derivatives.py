"""How large can |phi'| be over the whole real line? Recomputed with a proof for every activation.

The line is cut at -16 and 16. Inside, branch and bound (`gradchain.certify.balls`); beyond, phi' is
bounded by exp(-|x|) and |x|*exp(-|x|), which fall from |x| = 1 on, through inequalities given
beside each. Where the supremum has a closed form, the enclosure found must hold it, and the closed
form is returned. About 0.01 s each.

References: the activations' own papers; D. Hendrycks and K. Gimpel, arXiv:1606.08415 (gelu), D.
Misra, arXiv:1908.08681 (mish), G. Klambauer et al., arXiv:1706.02515 (selu).
"""

from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx

from gradchain._result import Result, recomputable
from gradchain.certify.balls import (
    PRECISION,
    Case,
    CertificationError,
    Enclosure,
    Segment,
    Tail,
    bounds,
    decimal_down,
    decimal_near,
    decimal_up,
    infimum,
    supremum,
)
from gradchain.certify.facts import Fact
from gradchain.certify.pieces import parameter, parse, pieces, selu_constants

CUT = 16
DIGITS = 36
SHOWN = 30


def slope_case(activation: str) -> Case:
    """State phi' on the whole real line: its pieces within [-16, 16] and its tails beyond.

    Args:
        activation: name, with or without parameter.

    Returns:
        The case for `supremum` and `infimum`.
    """
    known = parse(activation)
    with ctx.workprec(PRECISION):
        segments = tuple(
            Segment(
                -CUT if piece.low is None else piece.low,
                CUT if piece.high is None else piece.high,
                piece.slope,
            )
            for piece in pieces(known)
        )
        return Case(segments, _tails(known))


def _tails(known: Fact) -> tuple[Tail, ...]:
    # t and w are the largest values of e = exp(-|x|) and of |x|e for |x| >= 16.
    zero, one, cut = arb(0), arb(1), arb(CUT)
    t = (-cut).exp()
    w = cut * t
    nothing, unit = Tail(zero, zero, zero), Tail(one, one, one)
    name = known.name
    # Slopes that fall to 0 on both sides: 0 <= phi' <= ceiling.
    ceilings: dict[str, Callable[[], arb]] = {
        "sigmoid": lambda: t,  # e/(1 + e)^2 <= e, with e = exp(-|x|)
        "tanh": lambda: 4 * t,  # 4s/(1 + s)^2 <= 4s, with s = exp(-2|x|) <= t
        "softsign": lambda: 1 / (1 + cut) ** 2,
        "erf": lambda: 2 / arb.pi().sqrt() * (-cut * cut).exp(),
    }
    if name in ceilings:
        both = Tail(zero, ceilings[name](), zero)
        return both, both
    # Slopes that go from 0 to 1: |phi'| <= gap on the left and |phi' - 1| <= gap on the right.
    gaps: dict[str, Callable[[], arb]] = {
        # phi' = s(1 + x(1 - s)) with s = sigmoid(x); left |phi'| <= e + |x|e, right likewise.
        "silu": lambda: t + w,
        "gelu": lambda: _gelu_gap(cut),
        "gelu_tanh": lambda: _gelu_tanh_gap(cut),
        # With r = sigmoid(-x): phi' = (1 - r^2)/(1 + r^2) + 4x r^2 s/(1 + r^2)^2, s = 1 - r. Left:
        # 1 - r^2 <= 2s <= 2e, and the second part is at most 4|x|e. Right: 1 - (first part) <= 2r^2
        # and the second is at most 4x r^2, with r <= e.
        "mish": lambda: 2 * t + 4 * w,
    }
    if name in gaps:
        gap = gaps[name]()
        return Tail(-gap, gap, zero), Tail(1 - gap, 1 + gap, one)
    if name == "softplus":
        return Tail(zero, t, zero), Tail(1 - t, one, one)
    if name == "sin":
        return ()  # cos has period 2*pi < 32: every value is taken within the cut
    if name == "selu":
        scale, alpha = selu_constants()
        return Tail(zero, scale * alpha * t, zero), Tail(scale, scale, scale)
    if name == "elu":
        return Tail(zero, parameter(known) * t, zero), unit
    if name == "celu":
        return Tail(zero, (-cut / parameter(known)).exp(), zero), unit
    if name in {"leaky_relu", "prelu"}:
        slope = parameter(known)
        return Tail(slope, slope, slope), unit
    if name in {"relu", "hard_silu"}:
        return nothing, unit
    return (unit, unit) if name == "identity" else (nothing, nothing)


def _gelu_gap(cut: arb) -> arb:
    # Right: 1 - Phi(x) <= pdf(x) for x >= 1, and x*pdf(x) falls from x = 1 on. Left by the symmetry
    # phi'(x) + phi'(-x) = 1.
    return (1 + cut) * (-cut * cut / 2).exp() / (2 * arb.pi()).sqrt()


def _gelu_tanh_gap(cut: arb) -> arb:
    # With s = sigmoid(2u): phi' = s + 2*x*u'*s*(1 - s), where 1 - s <= exp(-2u) and x*u' <= 3u
    # (since x + 3c*x^3 <= 3(x + c*x^3)), and u*exp(-2u) falls from u = 1/2 on. Left by the same
    # symmetry.
    u = (2 / arb.pi()).sqrt() * (cut + arb("0.044715") * cut**3)
    return (1 + 6 * u) * (-2 * u).exp()


_CLOSED: dict[str, Callable[[], arb]] = {
    "lambda*alpha": lambda: selu_constants()[0] * selu_constants()[1],
    "2/sqrt(pi)": lambda: 2 / arb.pi().sqrt(),
    "1/2 + erf(1)/2 + exp(-1)/sqrt(pi)": lambda: (
        (1 + arb(1).erf()) / 2 + arb(-1).exp() / arb.pi().sqrt()
    ),
    "1/2 - erf(1)/2 - exp(-1)/sqrt(pi)": lambda: (
        (1 - arb(1).erf()) / 2 - arb(-1).exp() / arb.pi().sqrt()
    ),
}


@recomputable(activation=str)
def derivative_sup(activation: str) -> Result:
    """Enclose sup |phi'| over the whole real line.

    Certified to 36 decimals; exact, with the closed form, where there is one. A one-sided limit at
    a kink counts (selu: lambda*alpha from the left of 0). Cost about 0.01 s.

    Args:
        activation: one of the twenty names, with or without parameter: "gelu", "elu(2)".

    Returns:
        `value` is "p/q" where rational, else 30 decimals; `enclosure` is rounded outward.

    Raises:
        ActivationError: unknown activation.
        CertificationError: the enclosure does not hold the closed form on record.

    Example:
        >>> derivative_sup("sigmoid").value
        '1/4'
        >>> derivative_sup("silu").value
        '1.099839320128866916958184924321'
    """
    return _result(activation, supremum(slope_case(activation)), parse(activation).sup_exact)


@recomputable(activation=str)
def derivative_inf(activation: str) -> Result:
    """Enclose inf phi' (signed) over the whole real line, as `derivative_sup` does the supremum.

    Args:
        activation: one of the twenty names, with or without parameter.

    Returns:
        `value` is "p/q" where rational, else 30 decimals; `enclosure` is rounded outward.

    Raises:
        ActivationError: unknown activation.
        CertificationError: the enclosure does not hold the closed form on record.

    Example:
        >>> derivative_inf("mish").value
        '-0.112526122389462556407327901149'
    """
    return _result(activation, infimum(slope_case(activation)), parse(activation).inf_exact)


def _result(activation: str, found: Enclosure, exact: str | None) -> Result:
    low, high = found.low, found.high
    if exact is not None:
        with ctx.workprec(PRECISION):
            closed = (
                bounds(_CLOSED[exact]()) if exact in _CLOSED else (Fraction(exact), Fraction(exact))
            )
        if closed[1] < low or high < closed[0]:
            raise CertificationError(
                f"{exact} is not the bound of {activation}: the enclosure found is "
                f"[{decimal_down(low, DIGITS)}, {decimal_up(high, DIGITS)}]."
            )
        low, high = max(low, closed[0]), min(high, closed[1])
        if closed[0] == closed[1]:
            low = high = closed[0]
    enclosure = (decimal_down(low, DIGITS), decimal_up(high, DIGITS))
    if exact is not None and low == high:
        return Result(exact, enclosure, None, exact)
    return Result(decimal_near((low + high) / 2, SHOWN), enclosure, None, exact)
