"""How far can clipping turn a gradient, and how steep is a wall on its ridge? Closed forms.

    by value    g_i -> max(-c, min(c, g_i))     turns (1, 10) at c = 1 by arctan(10) - 45 degrees
    by norm     g_k -> g_k min(1, c/|g_k|)      turns the whole likewise, for it scales arrays apart
    global      g   -> g min(1, c/|g|)          turns nothing

The first two turn by less than arccos(1/sqrt(N)) < 90 degrees, N the number of entries, or of arrays,
that are not 0. Let a_i > 0 be their sizes, A the largest, s_i = min(a_i, c) what is left, c < A. Then
s_i >= a_i c/A and |s| <= c sqrt(N), so that the cosine a.s/(|a||s|) >= |a|/(A sqrt(N)) > 1/sqrt(N) for
N > 1. One large entry among small ones that are all above the limit comes as near as you like.

The one-unit network x_t = w s(x_{t-1}) + b, s = sigmoid, stands still at x_0 = 1/2 if
b = 1/2 - w s(1/2). That is the ridge of a wall if m = w s'(1/2) > 1: x_T then moves by

    dx_T/dx_0 = m^T,   dx_T/db = (m^T - 1)/(m - 1),   dx_T/dw = s(1/2) dx_T/db.

Exact or certified, no JAX, microseconds. Source: Pascanu, Mikolov and Bengio, arXiv:1211.5063, section
2 and figure 6 (network, x_0 = 1/2, T = 50, E = (s(x_T) - 7/10)^2).
"""

import math
from fractions import Fraction

from flint import arb

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import parse, shorten
from gradchain.certify.constants import ball, settled
from gradchain.certify.rational import FORMATS, float_format

RIDGES = ("bias", "chain", "gradient")
CLIPS = ("value", "norm", "global")
MOST_ENTRIES = 1_000
MOST_STEPS = 100_000
_LARGEST = 10**6
# 1/s'(1/2) = 4.25525...: there m = 1.
LEAST_WEIGHT = Fraction(426, 100)
START = Fraction(1, 2)
GOAL = Fraction(7, 10)


def _entries(gradient: list[str]) -> list[Fraction]:
    """Read the entries of a gradient.

    Returns:
        The entries.

    Raises:
        UsageError: if there are none or too many, all are 0, or one is too large.
    """
    if not 1 <= len(gradient) <= MOST_ENTRIES:
        raise UsageError(f"got {len(gradient)} entries, expected 1 to {MOST_ENTRIES}")
    values = [parse(text) for text in gradient]
    if not any(values) or max(map(abs, values)) > _LARGEST:
        raise UsageError(
            f"got {shorten(', '.join(gradient))}, expected entries up to {_LARGEST}, not all 0"
        )
    return values


@recomputable(gradient=list, limit=str, clip=CLIPS)
def clip_angle(gradient: list[str], limit: str, clip: str) -> Result:
    """Compute the angle in degrees by which clipping turns a gradient.

    Args:
        gradient: its entries, decimals or quotients as text; each is an array of its own.
        limit: c, above 0.
        clip: "value", "norm" or "global".

    Returns:
        The angle: 0 exactly where nothing is turned, else to 40 digits with its enclosure.

    Raises:
        UsageError: for entries or a limit out of range.

    Example:
        >>> clip_angle(["1", "10"], "1", "value").value[:8], clip_angle(["1", "10"], "1", "global").value
        ('39.28940', '0')
    """
    before, c = _entries(gradient), parse(limit)
    if c <= 0:
        raise UsageError(f"got limit={shorten(limit)}, expected a number above 0")
    # An array of one entry has that entry's size as its norm: by norm is by value.
    after = before if clip == "global" else [max(-c, min(c, g)) for g in before]
    none = Fraction(0)
    dot = sum((g * a for g, a in zip(before, after, strict=True)), none)
    # Sizes up to a common factor; exact, so that equality is decided and not rounded.
    sizes = (sum((x * x for x in own), none) for own in (before, after))
    across = math.prod(sizes) - dot * dot
    if not across:
        return Result("0", exact="0")
    return settled(lambda: _degrees(ball(Fraction(across)).sqrt() / ball(dot)))


def _degrees(tangent: arb) -> arb:
    """Return the angle of a tangent, in degrees, at the current precision."""
    return tangent.atan() * 180 / arb.pi()


@recomputable(parts=int)
def largest_turn(parts: int) -> Result:
    """Compute the least upper bound of the angle by which clipping turns a gradient.

    Args:
        parts: N, the number of entries for clipping by value, of arrays for clipping by norm.

    Returns:
        arccos(1/sqrt(N)) in degrees, never reached for N > 1; to 40 digits with its enclosure.

    Raises:
        UsageError: if parts is not 2 to 10^9.

    Example:
        >>> [largest_turn(n).value[:6] for n in (2, 5, 1000)]
        ['45.000', '63.434', '88.187']
    """
    if not 2 <= parts <= 10**9:
        raise UsageError(f"got parts={parts}, expected 2 to 10^9")
    closed = f"atan(sqrt({parts - 1}))*180/pi"
    return settled(lambda: _degrees(arb(parts - 1).sqrt()), closed)


@recomputable(dtype=tuple(FORMATS))
def largest_clipped_norm(dtype: str) -> Result:
    """Compute from which size on the square of a number overflows, so that its norm is infinite.

    A clip c/|g| by a norm that was computed as the root of a sum of squares is 0 from there on: the
    gradient is not shortened but deleted.

    Args:
        dtype: float16, bfloat16, float32 or float64.

    Returns:
        The root of (2 - 2^-p) 2^emax, from which on squares round to infinity; 40 digits, enclosed.

    Example:
        >>> largest_clipped_norm("float32").value[:8]
        '18446743'
    """
    form = float_format(dtype)
    edge = (2 - Fraction(2) ** -form.p) * Fraction(2) ** form.emax
    return settled(lambda: ball(edge).sqrt(), f"sqrt((2-2^-{form.p})*2^{form.emax})")


def sigmoid_slope() -> tuple[arb, arb]:
    """Return s(1/2) and s'(1/2) as balls at the current precision.

    Returns:
        (value, slope).
    """
    value = 1 / (1 + (-ball(START)).exp())
    return value, value * (1 - value)


@recomputable(weight=str, steps=int, quantity=RIDGES)
def ridge(weight: str, steps: int, quantity: str) -> Result:
    """Compute what the one-unit network does on the ridge of its wall.

    Args:
        weight: w, a decimal or a quotient, as text.
        steps: T.
        quantity: "bias" (where the ridge is, b = 1/2 - w s(1/2)), "chain" (dx_T/dx_0 = m^T) or
            "gradient" (the length of (dE/dw, dE/db), E = (s(x_T) - 7/10)^2).

    Returns:
        The value to 40 digits, with its enclosure.

    Raises:
        UsageError: for a weight below 4.26 (without a wall), or an argument out of range.

    Example:
        >>> [ridge("6", 50, quantity).value[:8] for quantity in RIDGES]
        ['-3.23475', '28926683', '3028551.']
    """
    w = parse(weight)
    if not 1 <= steps <= MOST_STEPS or not LEAST_WEIGHT <= w <= 1000:
        raise UsageError(
            f"got weight={shorten(weight)} and steps={steps}, expected a weight of 4.26 (at 4.2552 and "
            f"below there is no wall) to 1000, and 1 to {MOST_STEPS} steps"
        )

    def compute() -> arb:
        value, slope = sigmoid_slope()
        factor = ball(w) * slope
        if quantity == "bias":
            return ball(START) - ball(w) * value
        if quantity == "chain":
            return factor**steps
        error = 2 * (ball(GOAL) - value) * slope
        return error * (1 + value * value).sqrt() * (factor**steps - 1) / (factor - 1)

    return settled(compute)
