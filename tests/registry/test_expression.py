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
