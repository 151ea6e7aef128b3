"""Numbers as text: what is read is exact, what is rounded is rounded once, and nothing hangs."""

import decimal
import time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import _text
from gradchain._errors import UsageError

fractions = st.fractions(min_value=-(10**30), max_value=10**30)


@given(value=fractions)
def test_exact_text_reads_back_as_the_same_fraction(value: Fraction):
    assert _text.parse(_text.exact_text(value)) == value


@given(mantissa=st.integers(-(10**25), 10**25), power=st.integers(-3000, 3000))
def test_decimals_of_any_exponent_are_read_exactly(mantissa: int, power: int):
    expected = Fraction(mantissa) * Fraction(10) ** power
    assert _text.parse(f"{mantissa}e{power}") == expected


@given(value=fractions.filter(bool), digits=st.integers(1, 40))
def test_rounding_is_half_even_as_integer_arithmetic_does_it(value: Fraction, digits: int):
    # An independent channel: Python rounds a Fraction to an integer half to even.
    rounded = _text.significant(value, digits)
    unit = Fraction(10) ** (rounded.exponent - digits + 1)
    integer = round(abs(value) / unit)
    assert abs(_text.parse(_text.rounded_text(value, digits))) == integer * unit
    assert rounded.exact == (integer * unit == abs(value))


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (Fraction(25, 1000), 1, "0.02"),
        (Fraction(35, 1000), 1, "0.04"),
        (Fraction(25, 1000) + Fraction(1, 10**60), 1, "0.03"),
        (Fraction(1, 4) ** 6, 3, "0.000244"),
        (Fraction(-1, 3), 2, "-0.33"),
        (Fraction(999_999, 1000), 3, "1000"),
    ],
)
def test_ties_go_to_even_and_the_least_excess_goes_up(value: Fraction, digits: int, expected: str):
    assert _text.rounded_text(value, digits) == expected


@given(low=fractions, width=st.fractions(min_value=0, max_value=10), digits=st.integers(1, 45))
def test_an_outward_enclosure_never_loses_its_ends(low: Fraction, width: Fraction, digits: int):
    down, up = (_text.parse(end) for end in _text.outward(low, low + width, digits))
    assert down <= low <= low + width <= up
    for value, end, mode in ((low, down, ROUND_FLOOR), (low + width, up, ROUND_CEILING)):
        with localcontext() as context:
            context.prec, context.rounding = digits, mode
            expected = Decimal(value.numerator) / Decimal(value.denominator)
        assert Fraction(expected) == end


BAD_NUMBERS = {
    "empty": ("", "not a number"),
    "word": ("one", "not a number"),
    "not a number": ("NaN", "not a number"),
    "infinity": ("Infinity", "not a number"),
    "division by zero": ("1/0", "not a number"),
    "two signs": ("--1", "not a number"),
    "underscore": ("1_000", "not a number"),
    "space": (" 1", "not a number"),
    "newline": ("1\n", "not a number"),
    "full-width digits": ("１２", "not a number"),
    "bengali digits": ("১২", "not a number"),
    "no whole part": (".5", "not a number"),
    "no part": ("5.", "not a number"),
    "leading zero": ("007", "not a number"),
    "unicode minus": ("−1", "not a number"),
    "comment end": ("1-->", "not a number"),
    "quotient of decimals": ("1.5/2", "not a number"),
    "hexadecimal": ("0x10", "not a number"),
    "long exponent": ("1e-30000000", "out of range"),
    "endless exponent": ("1e999999999999", "out of range"),
    "too long": ("9" * 10_001, "out of range"),
}


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_text_that_is_no_number_is_refused_at_once_in_one_short_sentence(name: str):
    text, reason = BAD_NUMBERS[name]
    start = time.perf_counter()
    with pytest.raises(UsageError, match=reason) as caught:
        _text.parse(text)
    assert time.perf_counter() - start < 20
    assert len(str(caught.value)) < 200
    assert str(caught.value).isascii()
    assert not _text.is_number(text)


def test_the_longest_number_allowed_is_read_although_python_limits_int_to_4300_digits():
    digits = "7" * 10_000
    value = _text.parse(digits)
    assert _text.integer_text(value.numerator) == digits
    assert _text.parse(_text.exact_text(Fraction(1, 4) ** 10_000)) == Fraction(1, 4) ** 10_000


def test_the_largest_exponent_allowed_is_rounded_without_a_float():
    start = time.perf_counter()
    rounded = _text.significant(_text.parse("1.2345e-999999"), 3)
    assert time.perf_counter() - start < 20
    assert (rounded.digits, rounded.exponent) == ("123", -999999)


FORMS = {
    "ascii": ("9.77e-4", "-1.23e12", "0.25", "1024"),
    "plain": ("0.000977", "-1230000000000", "0.25", "1024"),
    "text": ("9.77 × 10⁻⁴", "-1.23 × 10¹²", "0.25", "1024"),
    "latex": ("9.77 \\times 10^{-4}", "-1.23 \\times 10^{12}", "0.25", "1024"),
    "html": (
        "9.77 &times; 10<sup>&minus;4</sup>",
        "&minus;1.23 &times; 10<sup>12</sup>",
        "0.25",
        "1024",
    ),
    "typst": ("9.77 times 10^(-4)", "-1.23 times 10^(12)", "0.25", "1024"),
    "speech": (
        "9.77 times ten to the power minus 4",
        "minus 1.23 times ten to the power 12",
        "0.25",
        "1024",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_writes_small_large_and_ordinary_numbers(form: str):
    values = (Fraction(1, 1024), Fraction(-1234567890123), Fraction(1, 4))
    written = [_text.form_of(_text.significant(value, 3), form) for value in values]
    written.append(_text.form_of(_text.significant(1024, 7), form))
    assert tuple(written) == FORMS[form]
    assert set(FORMS) == set(_text.FORMS)


@given(value=fractions, digits=st.integers(1, 20))
def test_ascii_and_plain_say_the_same_number(value: Fraction, digits: int):
    rounded = _text.significant(value, digits)
    texts = {_text.parse(_text.form_of(rounded, form)) for form in ("ascii", "plain")}
    assert texts == {_text.parse(_text.rounded_text(value, digits))}


def test_an_unknown_form_is_named_with_those_that_exist():
    with pytest.raises(UsageError, match="'roman' is unknown; expected one of ascii"):
        _text.form_of(_text.significant(1, 1), "roman")


@given(
    st.fractions(min_value=Fraction(1, 10**30), max_value=10**30),
    st.integers(1, 12),
)
def test_rounding_is_that_of_the_decimal_module_with_half_even(value, digits):
    # An independent channel: decimal divides exactly enough here, then rounds once.
    context = decimal.Context(prec=digits, rounding=decimal.ROUND_HALF_EVEN, Emin=-9999, Emax=9999)
    truth = context.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
    assert Fraction(_text.rounded_text(value, digits)) == Fraction(truth)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [("0.96", 2, "0.96"), ("0.9963", 3, "0.996"), ("0.9996", 3, "1.00")],
)
def test_numbers_just_below_a_power_of_ten_are_not_rounded_up_to_it(value, digits, text):
    rounded = _text.significant(Fraction(value), digits)
    assert _text.form_of(rounded, "plain") == text
