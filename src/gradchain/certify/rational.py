"""Exact arithmetic with fractions: powers, and the depth at which a float type loses them.

Which questions it answers: how much is c^n exactly, how many factors c leave less than a given
share, and after how many factors does a float16, bfloat16, float32 or float64 hold exactly zero?

A float type is emulated on integers: precision p, smallest normal number 2^emin, rounding half to
even, subnormal numbers kept ("gradual") or replaced by zero ("flushed"). Flushed means what XLA
does on a CPU: float16 and bfloat16 products are computed in float32, whose subnormal results are
flushed, and then rounded to their own type, whose subnormal numbers are kept. So float16 loses
nothing by flushing (its smallest subnormal 2^-24 is far above 2^-126). Everything here is exact.
Cost: one multiplication of short integers a factor. Reference: IEEE 754-2019, sections 3.3, 4.3.1
and 7.5.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain._text import exact_text, parse, shorten

MAX_EXPONENT = 100_000
MAX_DEPTH = 100_000
# Longer powers, or longer texts of them, would take minutes; a record from a stranger must not stop
# a check.
MAX_BITS, MAX_TEXT_BITS = 4_000_000, 1_500_000


@dataclass(frozen=True)
class FloatFormat:
    """A binary float type: p significant bits, normal numbers from 2^emin to below 2^(emax+1)."""

    name: str
    p: int
    emin: int
    emax: int

    @property
    def tiny(self) -> Fraction:
        """The smallest positive number, which is subnormal: 2^(emin - p + 1)."""
        return Fraction(2) ** (self.emin - self.p + 1)


FORMATS = {
    "float16": FloatFormat("float16", 11, -14, 15),
    "bfloat16": FloatFormat("bfloat16", 8, -126, 127),
    "float32": FloatFormat("float32", 24, -126, 127),
    "float64": FloatFormat("float64", 53, -1022, 1023),
}


def float_format(dtype: str) -> FloatFormat:
    """Look up a float type by name.

    Args:
        dtype: `float16`, `bfloat16`, `float32` or `float64`.

    Returns:
        Its precision and exponent range.

    Raises:
        UsageError: another name.
    """
    if dtype not in FORMATS:
        raise UsageError(f"dtype {shorten(dtype)} is unknown; expected one of {', '.join(FORMATS)}")
    return FORMATS[dtype]


def floor_log2(value: Fraction) -> int:
    """Return the largest e with 2^e <= value, for value > 0, on integers.

    Args:
        value: a positive fraction.

    Returns:
        floor(log2(value)), exactly.

    Example:
        >>> floor_log2(Fraction(1, 3))
        -2
    """
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def round_to_format(value: Fraction, dtype: str, gradual: bool = True) -> Fraction:
    """Round an exact value to a float type, half to even, overflow left unbounded.

    Args:
        value: the exact value.
        dtype: the float type.
        gradual: keep subnormal results; else one that is below 2^emin after rounding with unbounded
            exponent becomes zero (flush to zero, as x86 decides it).

    Returns:
        The rounded value, exactly.

    Example:
        >>> round_to_format(Fraction(1, 3), "bfloat16")
        Fraction(171, 512)
    """
    form = float_format(dtype)
    if value == 0:
        return Fraction(0)
    size = abs(value)
    exponent = floor_log2(size)
    lowest = max(exponent, form.emin) if gradual else exponent
    step = Fraction(2) ** (lowest - form.p + 1)
    # round() of a Fraction is half to even, exactly the rule of IEEE 754.
    rounded = round(size / step) * step
    if not gradual and rounded < Fraction(2) ** form.emin:
        return Fraction(0)
    return rounded if value > 0 else -rounded


def _multiply(left: Fraction, right: Fraction, dtype: str, gradual: bool) -> Fraction:
    """Return the product as the type computes it; see the module's text for what flushed means."""
    product = left * right
    if gradual:
        return round_to_format(product, dtype)
    if dtype in {"float16", "bfloat16"}:
        return round_to_format(round_to_format(product, "float32", gradual=False), dtype)
    return round_to_format(product, dtype, gradual=False)


def _factor(text: str) -> Fraction:
    """Return the factor if it lies strictly between 0 and 1.

    Raises:
        UsageError: it does not.
    """
    factor = parse(text)
    if not 0 < factor < 1:
        raise UsageError(f"factor {shorten(text)} must lie between 0 and 1, both excluded")
    return factor


@recomputable(base=str, exponent=int)
def power(base: str, exponent: int) -> Result:
    """Compute base^exponent exactly.

    Args:
        base: a decimal or a quotient, as text.
        exponent: a whole number from 0 to 100 000.

    Returns:
        The exact power, as a decimal if that ends within 60 digits, else as a quotient.

    Raises:
        UsageError: the exponent is negative or too large, or the power would have more than some
            450 000 digits.

    Example:
        >>> power("1/4", 5).value
        '0.0009765625'
    """
    if not 0 <= exponent <= MAX_EXPONENT:
        raise UsageError(f"exponent {exponent} is out of range; expected 0 to {MAX_EXPONENT}")
    value = parse(base)
    _check_length(value, exponent, MAX_TEXT_BITS)
    return Result(value=exact_text(value**exponent), exact=f"({base})^{exponent}")


def _check_length(value: Fraction, exponent: int, most: int) -> None:
    """Refuse a power of which numerator and denominator would be too long.

    Raises:
        UsageError: they would.
    """
    bits = value.numerator.bit_length() + value.denominator.bit_length()
    if bits * exponent > most:
        raise UsageError(
            f"a number of {bits} bits to the power {exponent} is too long; expected at most "
            f"{most} bits in all: give fewer digits or a smaller exponent"
        )


@recomputable(factor=str, share=str)
def depth_until_below(factor: str, share: str) -> Result:
    """Count the factors after which strictly less than a share of the start is left.

    Args:
        factor: the factor c, 0 < c < 1.
        share: the share s, 0 < s < 1.

    Returns:
        The smallest n with c^n < s, exactly.

    Raises:
        UsageError: a value outside its range, more than 100 000 factors, or too many digits.

    Example:
        >>> depth_until_below("1/4", "1/100").value
        '4'
    """
    value, limit = _factor(factor), _factor(share)
    count = _first_below(value, lambda size: size < limit, limit)
    return Result(value=str(count))


def _first_below(factor: Fraction, below: Callable[[Fraction], bool], limit: Fraction) -> int:
    """Return the smallest n for which `below(factor**n)` holds, from an estimate made exact.

    Raises:
        UsageError: n would exceed 100 000, or the power would be too long.
    """
    estimate = _log(limit) / _log(factor)
    if estimate > MAX_EXPONENT:
        raise UsageError(f"more than {MAX_EXPONENT} factors; choose a factor further from 1")
    count = max(int(estimate) - 2, 0)
    _check_length(factor, count, MAX_BITS)
    size = factor**count
    while not below(size):
        size *= factor
        count += 1
    return count


def _log(value: Fraction) -> float:
    """Return the natural logarithm of a positive fraction outside the range of floats too."""
    shift = floor_log2(value)
    return math.log(value / Fraction(2) ** shift) + shift * math.log(2.0)


@recomputable(factor=str, dtype=tuple(FORMATS), gradual=bool)
def underflow_depth(factor: str, dtype: str, gradual: bool) -> Result:
    """Count the factors after which a running product is exactly zero in a float type.

    The product starts at 1 and is multiplied by the factor (itself rounded to the type first), with
    rounding half to even after every step, exactly as a loop in that type does it.

    Args:
        factor: the factor c, 0 < c < 1.
        dtype: the float type.
        gradual: True for IEEE arithmetic (NumPy), False for XLA on a CPU, which flushes.

    Returns:
        The number of factors at the first zero.

    Raises:
        UsageError: more than 100 000 factors, or the product never becomes zero.
            With gradual underflow it never does for a factor above 1/2: 0.9 times the smallest
            subnormal number rounds back to it.

    Example:
        >>> [underflow_depth("1/4", "float32", gradual).value for gradual in (True, False)]
        ['75', '64']
    """
    step = round_to_format(_factor(factor), dtype)
    product, count = Fraction(1), 0
    while product:
        following = _multiply(product, step, dtype, gradual)
        count += 1
        _check_depth(count, factor)
        if following == product:
            multiple = exact_text(product / float_format(dtype).tiny)
            raise UsageError(
                f"the product of factors {shorten(factor)} never becomes zero in {dtype}: it stays at "
                f"{multiple} times the smallest positive number"
            )
        product = following
    return Result(value=str(count))


def _check_depth(count: int, factor: str) -> None:
    """Refuse to go on for ever with a factor close to 1.

    Raises:
        UsageError: it is more than 100 000 factors.
    """
    if count > MAX_DEPTH:
        raise UsageError(
            f"more than {MAX_DEPTH} factors {shorten(factor)}; choose a factor further from 1"
        )


@recomputable(factor=str, dtype=tuple(FORMATS))
def stuck_at(factor: str, dtype: str) -> Result:
    """Find where a running product stays for ever instead of reaching zero (gradual underflow).

    Args:
        factor: a factor above 1/2 and below 1.
        dtype: the float type.

    Returns:
        The multiple of the smallest positive number at which the product stays; 0 if it does reach
        zero.

    Raises:
        UsageError: more than 100 000 factors.

    Example:
        >>> stuck_at("9/10", "float32").value
        '4'
    """
    step = round_to_format(_factor(factor), dtype)
    product, count = Fraction(1), 0
    while product:
        following = _multiply(product, step, dtype, True)
        count += 1
        _check_depth(count, factor)
        if following == product:
            break
        product = following
    return Result(value=exact_text(product / float_format(dtype).tiny))


@recomputable(factor=str, dtype=tuple(FORMATS), gradual=bool)
def lost_depth(factor: str, dtype: str, gradual: bool) -> Result:
    """Count the factors after which the exact power c^n is zero when written in a float type.

    Unlike `underflow_depth` nothing is rounded on the way: this is the depth at which the type
    cannot hold the true value any more, however well it was computed.

    Args:
        factor: the factor c, 0 < c < 1.
        dtype: the float type.
        gradual: keep subnormal numbers; else count all below the smallest normal number as zero
            (in float16 too, unlike XLA).

    Returns:
        The smallest n for which c^n rounds to zero.

    Raises:
        UsageError: more than 100 000 factors, or too many digits.

    Example:
        >>> lost_depth("1/10", "float32", True).value
        '46'
    """
    form = float_format(dtype)
    value = _factor(factor)
    limit = form.tiny / 2 if gradual else Fraction(2) ** form.emin
    count = _first_below(value, lambda size: round_to_format(size, dtype, gradual) == 0, limit)
    return Result(value=str(count))
