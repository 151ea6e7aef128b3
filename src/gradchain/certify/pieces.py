"""What are phi and phi' of each activation, as formulas that Arb can enclose?

Every activation is a few analytic pieces. A piece's functions take a real ball (`arb`), a truncated
Taylor series (`arb_series`, for derivatives of any order) or a complex ball (`acb`, for rigorous
integration), and use only operations that all three have. phi and phi' are written down separately,
so that one checks the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import acb, arb, arb_series, ctx

from gradchain._errors import ActivationError
from gradchain._text import shorten
from gradchain.certify.balls import PRECISION, jet
from gradchain.certify.facts import Fact, fact

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Piece:
    """phi and phi' between two joints; None stands for minus or plus infinity."""

    low: int | None
    high: int | None
    value: Function
    slope: Function


def parse(activation: str) -> Fact:
    """Read an activation's name with or without its parameter.

    Args:
        activation: "gelu", "leaky_relu(0.2)", "celu(2)".

    Returns:
        Its facts.

    Raises:
        ActivationError: unknown name, or a parameter that is not a number or out of range.

    Example:
        >>> parse("elu(2)").sup_exact
        '2'
    """
    name, bracket, rest = activation.partition("(")
    if not bracket:
        return fact(name)
    try:
        number = float(rest[:-1] if rest.endswith(")") else "")  # "" is no number: bracket missing
    except ValueError:
        raise ActivationError(
            f"{shorten(activation)} is not an activation; write for example leaky_relu(0.2)."
        ) from None
    return fact(name, number)


def parameter(known: Fact) -> arb:
    """Return the parameter of an activation as the ball of the decimal that Python prints for it.

    Args:
        known: facts of an activation that has a parameter.

    Returns:
        The ball.
    """
    return arb(repr(known.parameters[0][1]))


def selu_constants() -> tuple[arb, arb]:
    """Enclose lambda and alpha of selu from their closed forms (Klambauer et al. 2017, eq. 14).

    Returns:
        (lambda, alpha) at the current precision.
    """
    pi, e = arb.pi(), arb.const_e()
    c, d = (1 / arb(2).sqrt()).erfc(), arb(2).sqrt().erfc()
    root = e.sqrt()
    alpha = -(2 / pi).sqrt() / (c * root - 1)
    inner = 2 * d * e**2 + pi * c**2 * e - 2 * (2 + pi) * c * root + pi + 2
    return (1 - c * root) * (2 * pi).sqrt() / inner.sqrt(), alpha


def sigmoid(x: Any) -> Any:
    """Return 1/(1 + exp(-x)) on balls.

    Args:
        x: `arb`, `arb_series` or `acb`.

    Returns:
        The same type.
    """
    # The same function written twice: where Re x < 0, exp(-x) is huge and its ball would hold -1.
    if _lead(x) < 0:
        e = x.exp()
        return e / (1 + e)
    return 1 / (1 + (-x).exp())


def _lead(x: Any) -> arb:
    # What decides which of two equal formulas keeps balls narrow.
    return x[0] if isinstance(x, arb_series) else x.real


def _softplus(x: Any) -> Any:
    if _lead(x) > 0:  # log(1 + exp(x)) = x + log(1 + exp(-x))
        return x + _log_of_one_plus((-x).exp())
    return _log_of_one_plus(x.exp())


def _log_of_one_plus(x: Any) -> Any:
    # On complex balls that touch the branch cut the integrator must hear "not finite".
    return (1 + x).log(analytic=True) if isinstance(x, acb) else (1 + x).log()


def _mish(x: Any) -> Any:
    # tanh(log(1 + exp(x))) = (1 - r^2)/(1 + r^2) with r = sigmoid(-x): no logarithm, no branch cut,
    # and balls stay narrow, which they do not in powers of exp(x).
    r = sigmoid(-x)
    return x * (1 - r * r) / (1 + r * r)


def _mish_slope(x: Any) -> Any:
    r = sigmoid(-x)
    square = r * r
    return (1 - square) / (1 + square) + 4 * x * square * sigmoid(x) / (1 + square) ** 2


def _pdf(x: Any) -> Any:
    return (-(x * x) / 2).exp() / (2 * arb.pi()).sqrt()


def _cdf(x: Any) -> Any:
    return (1 + (x / arb(2).sqrt()).erf()) / 2


def _tanh_argument(x: Any) -> tuple[Any, Any]:
    scale, cubic = (2 / arb.pi()).sqrt(), arb("0.044715")
    return scale * (x + cubic * x**3), scale * (1 + 3 * cubic * x**2)


def _gelu_tanh(x: Any) -> Any:
    return x * sigmoid(2 * _tanh_argument(x)[0])


def _gelu_tanh_slope(x: Any) -> Any:
    u, du = _tanh_argument(x)
    return sigmoid(2 * u) + 2 * x * du * sigmoid(2 * u) * sigmoid(-2 * u)


_SMOOTH: dict[str, tuple[Function, Function]] = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "tanh": (
        lambda x: 2 * sigmoid(2 * x) - 1,
        lambda x: 4 * sigmoid(2 * x) * sigmoid(-2 * x),
    ),
    "gelu": (lambda x: x * _cdf(x), lambda x: _cdf(x) + x * _pdf(x)),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_slope),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "mish": (_mish, _mish_slope),
    "softplus": (_softplus, sigmoid),
    "erf": (lambda x: x.erf(), lambda x: 2 * (-(x * x)).exp() / arb.pi().sqrt()),
    "sin": (lambda x: x.sin(), lambda x: x.cos()),
    "identity": (lambda x: x, lambda x: 0 * x + 1),
}


def _line(slope: Any, offset: Any = 0) -> tuple[Function, Function]:
    return lambda x: slope * x + offset, lambda x: 0 * x + slope


def _exponential(scale: Any, rate: Any) -> tuple[Function, Function]:
    # scale*(exp(x*rate) - 1) and its slope
    return lambda x: scale * ((x * rate).exp() - 1), lambda x: scale * rate * (x * rate).exp()


def _two(left: tuple[Function, Function], right: tuple[Function, Function]) -> tuple[Piece, ...]:
    return Piece(None, 0, *left), Piece(0, None, *right)


def _three(at: int, left: Any, middle: Any, right: Any) -> tuple[Piece, ...]:
    return Piece(None, -at, *left), Piece(-at, at, *middle), Piece(at, None, *right)


def pieces(known: Fact) -> tuple[Piece, ...]:
    """Return the analytic pieces of an activation, from left to right, touching at its joints.

    Args:
        known: its facts (name and parameter).

    Returns:
        The pieces; constants in them carry the precision that is current at the call.
    """
    name = known.name
    if name in _SMOOTH:
        return (Piece(None, None, *_SMOOTH[name]),)
    if name == "relu":
        return _two(_line(0), _line(1))
    if name in {"leaky_relu", "prelu"}:
        return _two(_line(parameter(known)), _line(1))
    if name == "elu":
        return _two(_exponential(parameter(known), 1), _line(1))
    if name == "celu":
        alpha = parameter(known)
        left = (lambda x: alpha * ((x / alpha).exp() - 1), lambda x: (x / alpha).exp())
        return _two(left, _line(1))
    if name == "selu":
        scale, alpha = selu_constants()
        return _two(_exponential(scale * alpha, 1), _line(scale))
    if name == "softsign":
        left = (lambda x: x / (1 - x), lambda x: 1 / (1 - x) ** 2)
        return _two(left, (lambda x: x / (1 + x), lambda x: 1 / (1 + x) ** 2))
    if name == "hard_tanh":
        return _three(1, _line(0, -1), _line(1), _line(0, 1))
    if name == "hard_sigmoid":
        return _three(3, _line(0), _line(arb(1) / 6, arb(1) / 2), _line(0, 1))
    middle = (lambda x: x * (x + 3) / 6, lambda x: (2 * x + 3) / 6)  # hard_silu
    return _three(3, _line(0), middle, _line(1))


def curvature(activation: str, x: arb) -> arb:
    """Enclose phi''(x) on a ball inside one piece, from the series of phi'.

    Args:
        activation: name, with or without parameter.
        x: a ball that lies within one piece.

    Returns:
        A ball that holds phi''(t) for every t in x.

    Raises:
        ActivationError: the ball touches a joint, where phi'' jumps.

    Example:
        >>> curvature("relu", arb(1))
        0
    """
    with ctx.workprec(max(ctx.prec, PRECISION)):
        for piece in pieces(parse(activation)):
            left = piece.low is None or x > piece.low
            right = piece.high is None or x < piece.high
            if left and right:
                return jet(piece.slope, x)[1]
    raise ActivationError(f"{x} touches a joint of {activation}; take a ball within one piece.")
