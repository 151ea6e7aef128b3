"""Expressions typed by people: exact, bounded, never run as code."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain.registry.expression import evaluate, plain_formula


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.25^5", Fraction(1, 1024)),
        ("0.25**5", Fraction(1, 1024)),
        ("(1/4)^5", Fraction(1, 1024)),
        ("0.25⁵", Fraction(1, 1024)),
        ("0.25 × 0.25", Fraction(1, 16)),
        ("2^-100", Fraction(1, 2**100)),
        ("25%", Fraction(1, 4)),
        ("-2^2", Fraction(-4)),
        ("2^3^2", Fraction(512)),
        ("1 - 1/3", Fraction(2, 3)),
        ("1e-50", Fraction(1, 10**50)),
        ("007", Fraction(7)),
        ("1.", Fraction(1)),
        ("−1", Fraction(-1)),
    ],
)
def test_an_expression_has_its_school_value(text, value):
    assert evaluate(text) == value


@given(st.lists(st.integers(1, 99), min_size=1, max_size=5), st.data())
def test_sums_and_products_agree_with_python(numbers, data):
    signs = data.draw(
        st.lists(st.sampled_from("+-*/"), min_size=len(numbers), max_size=len(numbers))
    )
    typed = str(numbers[0]) + "".join(
        f"{s}{n}" for s, n in zip(signs[1:], numbers[1:], strict=True)
    )
    told = f"F({numbers[0]})" + "".join(
        f"{s}F({n})" for s, n in zip(signs[1:], numbers[1:], strict=True)
    )
    assert evaluate(typed) == eval(told, {"F": Fraction})


@pytest.mark.parametrize(
    "text",
    ["", "x", "1/0", "0^-1", "2^0.5", "1 2", "(1", "1)", "--", "9^9^9^9", "1e999999", "10^100000",
     "__import__('os')", "1;2", "1_000", "১", "(" * 290, "-" * 290 + "1", "1" * 301],
)  # fmt: skip
def test_anything_else_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(UsageError):
        evaluate(text)
    assert time.perf_counter() - start < 20


def test_spellings_of_one_formula_meet():
    spelt = {plain_formula(text) for text in ("(1/4)^5", "0.25**5", "0.25 ^ 5", "0.25⁵")}
    assert spelt == {"0.25^5"}
    assert plain_formula("ln 2") == plain_formula("log(2)") == plain_formula("LN(2)")
    assert plain_formula("9.77 × 10⁻⁴") == plain_formula("9.77e-4")
    assert plain_formula("(1/3)^2") == "(1/3)^2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1/0", "^division by zero: '1/0'"),
        ("0^-1", r"^division by zero: '0\^-1'"),
        ("2^0.5", r"the exponent must be a whole number of moderate size: '2\^0\.5'"),
        ("1 2", "not an expression: '1 2'"),
        ("(1", r"not an expression: '\(1'"),
        ("x", "not an expression: 'x'"),
        ("(" * 60 + "1" + ")" * 60, "^nested too deeply: "),
        ("-" * 60 + "1", "nested too deeply"),
        ("2^99999*2^99999*4", "^too large: "),
        ("2^100001", "the exponent must be a whole number of moderate size"),
        ("1" * 301, "at most 300 characters"),
    ],
)
def test_a_refusal_names_the_reason_and_the_text(text, reason):
    with pytest.raises(UsageError, match=reason):
        evaluate(text)


def test_the_limits_themselves_are_allowed():
    assert evaluate("1" + " " * 299) == 1
    for around in ("(" * 50 + "1" + ")" * 50, "-" * 50 + "1", "+".join(["(1)"] * 60)):
        assert evaluate(around) in {1, 60}
    assert evaluate("+".join(["-1"] * 60)) == -60
    assert evaluate("2^100000*2^99999") == 2**199999
    with pytest.raises(UsageError, match="too large"):
        evaluate("2^100000*2^99999*2")
    assert evaluate("0^0") == 1


def test_only_a_times_sign_before_a_power_of_ten_is_one():
    assert plain_formula("9.77 x 10^(-4)") == plain_formula("9.77x10^-4") == "9.77e-4"
    assert plain_formula("3 x 4") == "3x4"
    assert plain_formula("LOG 10") == "log(10)"
    assert plain_formula("2*(1/8)") == "2*0.125"
