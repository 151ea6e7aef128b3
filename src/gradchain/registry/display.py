"""How a number reads: rounded half to even from the exact value, with its uncertainty.

Which question it answers: what does a person, a typesetter or a screen reader get for this
record? Trailing zeros are dropped only where rounding changed nothing, whole numbers of kind
exact are shown in full below a million, truncation never happens. An uncertainty is rounded by
the rule of the Particle Data Group and the value to the same place (by sciform, from exact
decimals).
"""

from decimal import Decimal
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._text import FORMS, Rounded, form_of, parse, rounded_text, significant
from gradchain.registry.record import Number

_PLUS_MINUS = {
    "ascii": "+/-",
    "plain": "+/-",
    "text": "±",
    "latex": "\\pm",
    "html": "&plusmn;",
    "typst": "plus.minus",
    "speech": "plus or minus",
}


def rounded(number: Number, digits: int | None = None) -> Rounded:
    """Round the value of a record for display.

    Args:
        number: the record.
        digits: significant digits; the record's own if not given.

    Returns:
        The rounded number. A whole number of kind exact below a million keeps all its digits.
    """
    value = number.rational
    count = digits or number.digits
    if number.kind == "exact" and value.denominator == 1 and abs(value) < 10**6:
        count = max(count, 7)
    found = significant(value, count)
    if found.exact and number.kind != "exact" and value.denominator != 1:
        # A measured 0.25 was not measured exactly: it keeps the zeros that its digits promise.
        return Rounded(found.negative, found.digits.ljust(count, "0"), found.exponent, False)
    return found


def shown(
    number: Number, form: str = "ascii", uncertainty: bool = True, digits: int | None = None
) -> str:
    """Write the value of a record as a person reads it.

    Args:
        number: the record.
        form: `ascii` (9.77e-4), `plain` (0.000977), `text` (Unicode), `latex` and `typst` (the
            inside of a formula), `html`, or `speech`.
        uncertainty: write it beside the value where there is one (not for an error bound too small
            to touch the digits shown).
        digits: significant digits; the record's own if not given.

    Returns:
        The text; ASCII for the forms ascii, plain, latex, html, typst and speech.

    Raises:
        UsageError: the form is unknown.
    """
    if form not in FORMS:
        raise UsageError(f"form {form!r} is unknown; expected one of {', '.join(FORMS)}")
    doubt = number.uncertainty
    if uncertainty and doubt is not None:
        if doubt.low is not None and doubt.high is not None:
            return _with_ends(number, form, digits, doubt.low, doubt.high)
        if doubt.value is not None and _matters(number, digits, parse(doubt.value)):
            return _with_error(number, form, doubt.value)
    return form_of(rounded(number, digits), form)


def _matters(number: Number, digits: int | None, size: Fraction) -> bool:
    """Return whether an error reaches half a unit of the last digit shown."""
    found = rounded(number, digits)
    last = found.exponent - (digits or number.digits) + 1
    unit = Fraction(10**last) if last >= 0 else Fraction(1, 10**-last)
    return size > 0 and 2 * size >= unit


def _with_ends(number: Number, form: str, digits: int | None, low: str, high: str) -> str:
    """Return `0.86 [0.80, 0.92]`."""
    count = digits or number.digits
    value = form_of(rounded(number, digits), form)
    ends = [form_of(_padded(parse(end), count), form) for end in (low, high)]
    match form:
        case "speech":
            return f"{value}, between {ends[0]} and {ends[1]}"
        case "latex":
            return f"{value}\\;[{ends[0]}, {ends[1]}]"
        case "typst":
            return f"{value} [{ends[0]}, {ends[1]}]"
        case _:
            return f"{value} [{ends[0]}, {ends[1]}]"


def _padded(value: Fraction, count: int) -> Rounded:
    """Return a measured value rounded, keeping its zeros."""
    found = significant(value, count)
    return Rounded(found.negative, found.digits.ljust(count, "0"), found.exponent, False)


def _with_error(number: Number, form: str, size: str) -> str:
    """Return value and error to the same place: `0.1234(12)` in ascii, with a sign elsewhere."""
    # sciform takes 30 ms to import, which a plain exact number need not pay.
    from sciform import Formatter

    value = number.rational
    exponent = significant(value, 1).exponent if value else 0
    scientific = not -4 < exponent < 6
    formatter = Formatter(
        round_mode="pdg",
        exp_mode="scientific" if scientific else "fixed_point",
        paren_uncertainty=form == "ascii",
        paren_uncertainty_trim=True,
    )
    exact = (Decimal(rounded_text(parse(text), 60)) for text in (number.value, size))
    text = str(formatter(*exact))
    if form != "ascii":
        return _typeset(text, form)
    body, _, power = text.partition("e")
    return f"{body}e{int(power)}" if power else body


def _typeset(text: str, form: str) -> str:
    """Return sciform's `(1.23 ± 0.04)e-05` in one of our forms."""
    body, _, power = text.partition("e")
    sign = _PLUS_MINUS[form]
    body = body.replace("±", sign).replace("+/-", sign)
    if form == "html":
        body = body.replace("-", "&minus;")
    if not power:
        return body
    one = form_of(Rounded(False, "1", int(power), False), form)
    if form == "plain":
        return f"{body}e{int(power)}"
    # Drop the leading mantissa 1 of `1 x 10^n`.
    return body + one[1:]
