"""What is shown is the exact value rounded once; an uncertainty is shown to the same place."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import registry
from gradchain._errors import UsageError
from gradchain._result import Uncertainty
from gradchain._text import FORMS, exact_text, parse
from gradchain.registry import Check, How, Number, shown

HOW = How.of("gradchain.certify.rational.power", base="1/4", exponent=1)


def exact(value: str, digits: int = 3) -> Number:
    return Number(
        key="a.b", kind="exact", statement="S.", value=value, exact="x", how=HOW,
        check=Check("equality"), digits=digits,
    )  # fmt: skip


def estimated(value: str, uncertainty: Uncertainty, digits: int = 3) -> Number:
    return Number(
        key="a.b", kind="estimated", statement="S.", value=value, uncertainty=uncertainty,
        how=HOW, check=Check("z", "4.5"), digits=digits,
    )  # fmt: skip


def error(value: str) -> Uncertainty:
    return Uncertainty("standard error", value=value, n=100, method="mean")


@given(
    value=st.fractions(min_value=-(10**9), max_value=10**9).filter(bool),
    digits=st.integers(1, 12),
)
def test_no_digit_shown_is_off_by_more_than_half_a_unit(value: Fraction, digits: int):
    number = exact(exact_text(value), digits)
    text = shown(number, "ascii")
    mantissa = text.split("e")[0].lstrip("-")
    read = parse(text)
    decimals = len(mantissa.partition(".")[2])
    exponent = int(text.partition("e")[2] or 0)
    assert 2 * abs(read - value) <= Fraction(10) ** (exponent - decimals)
    assert parse(shown(number, "plain")) == read


SHOWN = {
    "a power": (exact("0.0009765625"), "9.77e-4", "9.77 × 10⁻⁴"),
    "ends early": (exact("0.25"), "0.25", "0.25"),
    "a tie": (exact("0.0125", 2), "0.012", "0.012"),
    "a third": (exact("1/3"), "0.333", "0.333"),
    "whole": (exact("74141"), "74141", "74141"),
    "whole, large": (exact("1234567890"), "1.23e9", "1.23 × 10⁹"),
    "negative": (exact("-0.12890414"), "-0.129", "-0.129"),
    "zero": (exact("0"), "0", "0"),
    "never cut off": (exact("0.00099999"), "0.00100", "0.00100"),
    "error": (estimated("0.123456", error("0.0123")), "0.123(12)", "0.123 ± 0.012"),
    "small error": (
        estimated("-1.23456e-5", error("0.0123e-5")),
        "-1.235(12)e-5",
        "(-1.235 ± 0.012) × 10⁻⁵",
    ),
    "tiny beyond floats": (
        estimated("1.5e-3000", error("0.02e-3000")),
        "1.500(20)e-3000",
        "(1.500 ± 0.020) × 10⁻³⁰⁰⁰",
    ),
    "error below the digits": (estimated("0.250000001", error("1e-9")), "0.250", "0.250"),
    "measured exactly": (estimated("0.25", error("0")), "0.250", "0.250"),
    "ends": (
        estimated("0.8642", Uncertainty("interval 95%", low="0.8", high="0.9", n=9, method="m")),
        "0.864 [0.800, 0.900]",
        "0.864 [0.800, 0.900]",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_numbers_read_as_a_careful_person_writes_them(name: str):
    number, ascii_form, text_form = SHOWN[name]
    assert shown(number) == ascii_form
    assert shown(number, "text") == text_form


FORMS_OF_AN_ERROR = {
    "ascii": "1.235(12)e-5",
    "plain": "(1.235 +/- 0.012)e-5",
    "text": "(1.235 ± 0.012) × 10⁻⁵",
    "latex": "(1.235 \\pm 0.012) \\times 10^{-5}",
    "html": "(1.235 &plusmn; 0.012) &times; 10<sup>&minus;5</sup>",
    "typst": "(1.235 plus.minus 0.012) times 10^(-5)",
    "speech": "(1.235 plus or minus 0.012) times ten to the power minus 5",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_writes_value_and_error(form: str):
    assert shown(estimated("1.23456e-5", error("0.0123e-5")), form) == FORMS_OF_AN_ERROR[form]


@pytest.mark.parametrize("form", FORMS)
def test_only_the_text_form_of_the_packaged_numbers_leaves_ascii(form: str):
    for number in registry.load().values():
        text = shown(number, form)
        assert text
        assert text.isascii() or form == "text"
        assert "-->" not in text


def test_the_uncertainty_can_be_left_out_and_the_digits_chosen():
    number = estimated("0.123456", error("0.0123"))
    assert shown(number, uncertainty=False) == "0.123"
    assert shown(exact("1/3"), digits=6) == "0.333333"


def test_an_unknown_form_is_refused():
    with pytest.raises(UsageError, match="form 'roman' is unknown"):
        shown(exact("1"), "roman")


@pytest.mark.parametrize(
    ("size", "seen"), [("0.0005", True), ("0.00049", False), ("0.0002", False), ("0", False)]
)
def test_an_error_is_shown_from_half_a_unit_of_the_last_digit_on(size, seen):
    number = estimated("0.123", Uncertainty("standard error", size, n=4, method="m"))
    assert ("(" in shown(number, "ascii")) is seen
