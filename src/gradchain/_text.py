"""Exact decimal text: how a number is read, rounded and written without ever becoming a float.

Which question it answers: what does the text `0.25`, `9.77e-4` or `1/1024` mean exactly, and how
does an exact value read when rounded to n significant digits? A value is read by a regular
expression before any arithmetic, because `Fraction("1e-30000000")` takes half a minute and
`1e999999999` never ends. Rounding is half to even from the exact value, by the decimal module
(correctly rounded at any exponent). Cost: linear in the length of the text, except for a quotient
p/q of long integers.

Reference: IEEE 754-2019, 4.3.1 (roundTiesToEven); Goldberg, ACM Computing Surveys 23 (1991).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from gradchain._errors import UsageError

MAX_LENGTH = 10_000
MAX_EXPONENT_DIGITS = 6
HALF_EVEN, DOWN, UP = "half even", "down", "up"

_DECIMAL = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>0|[1-9][0-9]*)(?:\.(?P<part>[0-9]+))?(?:[eE](?P<exponent>[+-]?[0-9]+))?"
)
_QUOTIENT = re.compile(r"(?P<top>-?(?:0|[1-9][0-9]*))/(?P<bottom>[1-9][0-9]*)")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FORMS = ("ascii", "plain", "text", "latex", "html", "typst", "speech")


@dataclass(frozen=True)
class Rounded:
    """A decimal number d.ddd * 10**exponent: sign, digits without the point, and exponent.

    `exact` says whether rounding changed nothing.
    """

    negative: bool
    digits: str
    exponent: int
    exact: bool


def integer_text(value: int) -> str:
    """Write an integer of any length (Python's own `str` stops at 4 300 digits).

    Args:
        value: the integer.

    Returns:
        Its decimal digits.
    """
    return format(Decimal(value), "f")


def parse(text: str) -> Fraction:
    """Read a number by its grammar: `-12.5`, `9.77e-4` or `p/q`, exactly.

    Args:
        text: at most 10 000 ASCII characters; an exponent has at most 6 digits. No underscores, no
            spaces, no `NaN`, no `Infinity`, no digits of other scripts.

    Returns:
        The exact value.

    Raises:
        UsageError: the text is not a number of this grammar, or is out of range.

    Example:
        >>> parse("9.765625e-4")
        Fraction(1, 1024)
    """
    if len(text) > MAX_LENGTH:
        raise UsageError(
            f"value out of range: got {len(text)} characters, expected at most {MAX_LENGTH}"
        )
    quotient = _QUOTIENT.fullmatch(text)
    if quotient:
        return Fraction(int(Decimal(quotient["top"])), int(Decimal(quotient["bottom"])))
    found = _DECIMAL.fullmatch(text)
    if not found:
        raise UsageError(
            f"not a number: got {shorten(text)}, expected a decimal such as 9.77e-4 or a quotient "
            "such as 1/1024"
        )
    exponent = found["exponent"] or "0"
    if len(exponent.lstrip("+-")) > MAX_EXPONENT_DIGITS:
        raise UsageError(
            f"value out of range: got {shorten(text)}, expected an exponent of at most "
            f"{MAX_EXPONENT_DIGITS} digits"
        )
    part = found["part"] or ""
    digits = int(Decimal(found["whole"] + part))
    power = int(exponent) - len(part)
    value = Fraction(digits * 10**power) if power >= 0 else Fraction(digits, 10**-power)
    return -value if found["sign"] == "-" else value


def is_number(text: str) -> bool:
    """Say whether the text is a number of the grammar of `parse`.

    Args:
        text: any text.

    Returns:
        True if `parse` would read it.
    """
    try:
        parse(text)
    except UsageError:
        return False
    return True


def shorten(text: str, limit: int = 40) -> str:
    """Quote text for an error message: printable ASCII, at most `limit` characters.

    Args:
        text: any text.
        limit: how many characters to keep.

    Returns:
        The quoted text.
    """
    return ascii(text if len(text) <= limit else text[: limit - 3] + "...")


def exact_text(value: Fraction | int, digits: int = 60) -> str:
    """Write a rational number exactly: as a decimal if it ends within `digits`, else as p/q.

    Args:
        value: the exact value.
        digits: the longest decimal (significant digits) to write out.

    Returns:
        Text that `parse` reads back to the same value.

    Example:
        >>> exact_text(Fraction(1, 1024)), exact_text(Fraction(1, 3))
        ('0.0009765625', '1/3')
    """
    value = Fraction(value)
    rounded = significant(value, digits)
    if rounded.exact:
        return _positional(rounded) if -8 <= rounded.exponent < 21 else _scientific(rounded)
    return f"{integer_text(value.numerator)}/{integer_text(value.denominator)}"


def _scaled(value: Fraction, power: int, rounding: str) -> tuple[int, bool]:
    """Return value * 10**power for value > 0, rounded to an integer, and whether that was exact."""
    top, bottom = value.numerator, value.denominator
    if power >= 0:
        top *= 10**power
    else:
        bottom *= 10**-power
    whole, rest = divmod(top, bottom)
    up = {
        HALF_EVEN: 2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1),
        DOWN: False,
        UP: rest > 0,
    }[rounding]
    return whole + up, rest == 0


def significant(value: Fraction | int, digits: int, rounding: str = HALF_EVEN) -> Rounded:
    """Round an exact value to n significant digits, half to even, on integers, never on floats.

    Args:
        value: the exact value.
        digits: significant digits, at least 1.
        rounding: `half even`, `down` (toward minus infinity) or `up` (toward plus infinity).

    Returns:
        The rounded number; trailing zeros are dropped where `exact` is True.

    Example:
        >>> significant(Fraction(1, 1024), 3)
        Rounded(negative=False, digits='977', exponent=-4, exact=False)
    """
    value = Fraction(value)
    if value == 0:
        return Rounded(False, "0", 0, True)
    negative = value < 0
    if negative:
        rounding = {DOWN: UP, UP: DOWN}.get(rounding, rounding)
    size = abs(value)
    # 0.30103 is log10(2); the guess may be off by one either way.
    bits = size.numerator.bit_length() - size.denominator.bit_length()
    exponent = bits * 301029996 // 10**9
    # The exponent is settled on the exact value: 0.96 rounded at a guess too high would be 1.0.
    while _scaled(size, -exponent, DOWN)[0] < 1:
        exponent -= 1
    while _scaled(size, -exponent - 1, DOWN)[0] >= 1:
        exponent += 1
    whole, exact = _scaled(size, digits - 1 - exponent, rounding)
    if whole == 10**digits:
        whole, exponent = whole // 10, exponent + 1
    text = integer_text(whole)
    text = text.rstrip("0") if exact else text
    return Rounded(negative, text, exponent, exact)


def rounded_text(value: Fraction | int, digits: int, rounding: str = HALF_EVEN) -> str:
    """Write a value rounded to n significant digits, as text of the grammar of `parse`.

    Args:
        value: the exact value.
        digits: significant digits, at least 1.
        rounding: as for `significant`.

    Returns:
        Decimal text.

    Example:
        >>> rounded_text(Fraction(2, 3), 5)
        '0.66667'
    """
    rounded = significant(value, digits, rounding)
    return _positional(rounded) if -8 <= rounded.exponent < 21 else _scientific(rounded)


def outward(low: Fraction, high: Fraction, digits: int) -> tuple[str, str]:
    """Write an enclosure in decimal, its lower end rounded down and its upper end up.

    Args:
        low: the exact lower end.
        high: the exact upper end.
        digits: significant digits of each end.

    Returns:
        The two ends as decimal text; every number in [low, high] lies between them.

    Example:
        >>> outward(Fraction(1, 3), Fraction(2, 3), 3)
        ('0.333', '0.667')
    """
    return rounded_text(low, digits, DOWN), rounded_text(high, digits, UP)


def _positional(rounded: Rounded) -> str:
    """Return the number written without an exponent."""
    digits, exponent = rounded.digits, rounded.exponent
    if exponent < 0:
        body = "0." + "0" * (-exponent - 1) + digits
    elif exponent >= len(digits) - 1:
        body = digits + "0" * (exponent - len(digits) + 1)
    else:
        body = digits[: exponent + 1] + "." + digits[exponent + 1 :]
    return ("-" if rounded.negative else "") + body


def _mantissa(rounded: Rounded) -> str:
    """Return d.ddd with its sign."""
    body = rounded.digits[0] + ("." + rounded.digits[1:] if len(rounded.digits) > 1 else "")
    return ("-" if rounded.negative else "") + body


def _scientific(rounded: Rounded) -> str:
    """Return the number written as d.ddde-4."""
    return f"{_mantissa(rounded)}e{rounded.exponent}"


def _wants_exponent(rounded: Rounded) -> bool:
    """Return whether positional writing would be hard to read or would invent digits."""
    if rounded.exact and rounded.exponent >= 0:
        return rounded.exponent >= 7
    return rounded.exponent < -3 or rounded.exponent >= len(rounded.digits)


def form_of(rounded: Rounded, form: str) -> str:
    r"""Write a rounded number in one of the forms a person or a typesetter reads.

    Args:
        rounded: the number.
        form: `ascii` (9.77e-4), `plain` (0.000977), `text` (Unicode), `latex`, `html`, `typst` (the
            inside of a formula), or `speech`.

    Returns:
        The text. Small and large numbers take a power of ten, except in `plain`.

    Raises:
        UsageError: the form is unknown.

    Example:
        >>> form_of(significant(Fraction(1, 1024), 3), "latex")
        '9.77 \\times 10^{-4}'
    """
    if form not in FORMS:
        raise UsageError(
            f"form {shorten(str(form))} is unknown; expected one of {', '.join(FORMS)}"
        )
    if form == "plain" or not _wants_exponent(rounded):
        return _dress(_positional(rounded), form)
    power, mantissa = rounded.exponent, _mantissa(rounded)
    match form:
        case "latex":
            return f"{mantissa} \\times 10^{{{power}}}"
        case "text":
            return f"{mantissa} × 10{str(power).translate(_SUPERSCRIPTS)}"
        case "html":
            minus = str(power).replace("-", "&minus;")
            return f"{_dress(mantissa, form)} &times; 10<sup>{minus}</sup>"
        case "typst":
            return f"{mantissa} times 10^({power})"
        case "speech":
            return f"{_dress(mantissa, form)} times ten to the power {_dress(str(power), form)}"
        case _:
            return f"{mantissa}e{power}"


def _dress(text: str, form: str) -> str:
    """Return the text with its minus sign replaced where a form has its own."""
    if form == "html":
        return text.replace("-", "&minus;")
    return text.replace("-", "minus ") if form == "speech" else text
