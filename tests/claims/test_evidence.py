"""A check is decided exactly, and to the worse side of what a number may be."""

from dataclasses import replace
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gradchain._errors import UsageError
from gradchain._result import Uncertainty
from gradchain.claims.evidence import STANDARD_ERRORS, Support, ends
from gradchain.registry import Registry, load

EXACT = load()["sigmoid.chain.bound.n1"]
DRAWN = next(n for n in load().values() if n.kind == "estimated" and n.uncertainty.low is not None)
HOW = {"n": 10, "method": "for this test"}


def exact(key, value):
    return replace(EXACT, key=key, value=str(value), exact=str(value))


def drawn(key, centre, **doubt):
    return replace(DRAWN, key=key, value=centre, uncertainty=Uncertainty(**doubt, **HOW))


NUMBERS = Registry([
    exact("a.b", "0.25"),
    exact("neg", "-2"),
    drawn("wide", "1", type="interval 95%", low="0.5", high="2"),
    drawn("mean", "10", type="standard error", value="1"),
    drawn("zero", "0", type="interval 95%", low="-1", high="1"),
])


def test_an_interval_supports_only_what_both_ends_support():
    assert Support("wide > 0.49").holds(NUMBERS)
    assert not Support("wide > 1/2").holds(NUMBERS)
    assert Support("wide >= 1/2").holds(NUMBERS)
    assert not Support("wide == 1").holds(NUMBERS)
    assert not Support("wide < 2").holds(NUMBERS)
    assert Support("wide <= 2").holds(NUMBERS)


def test_each_kind_of_doubt_widens_a_number_as_it_says():
    assert ends(NUMBERS["a.b"]) == (Fraction(1, 4),) * 2
    assert ends(NUMBERS["wide"]) == (Fraction(1, 2), 2)
    assert ends(NUMBERS["mean"]) == (10 - STANDARD_ERRORS, 10 + STANDARD_ERRORS)
    computed = replace(NUMBERS["mean"], uncertainty=Uncertainty("error bound", value="1", **HOW))
    assert ends(computed) == (9, 11)
    enclosed = load()["product.half.limit"]
    low, high = ends(enclosed)
    assert low < high
    assert (low, high) == tuple(Fraction(end) for end in enclosed.enclosure)


def test_nothing_is_rounded_so_that_equality_means_equality():
    assert Support("a.b == 1/4").holds(NUMBERS)
    third = Registry([exact("third", "1/3")])
    assert Support("third == 1/3").holds(third)
    assert not Support("third == 0.33333333333333333333333333333333").holds(third)


@given(
    st.sampled_from(["a.b", "neg", "wide", "mean", "zero"]),
    st.sampled_from("*/"),
    st.sampled_from(["a.b", "neg", "wide", "mean"]),
    st.fractions(0, 1),
    st.fractions(0, 1),
)
def test_a_product_or_quotient_lies_between_its_ends(left, operator, right, s, t):
    """Whatever values within their intervals the two numbers have, both bounds of the check hold."""
    point = [
        ends(NUMBERS[key])[0] + share * (ends(NUMBERS[key])[1] - ends(NUMBERS[key])[0])
        for key, share in ((left, s), (right, t))
    ]
    value = point[0] * point[1] if operator == "*" else point[0] / point[1]
    side = f"{left} {operator} {right}"
    assert not Support(f"{side} < {value}").holds(NUMBERS)
    assert not Support(f"{side} > {value}").holds(NUMBERS)


def test_a_division_by_what_may_be_zero_is_refused():
    with pytest.raises(UsageError, match="'zero' may be 0"):
        Support("a.b / zero < 1").holds(NUMBERS)


@pytest.mark.parametrize("relation", ["<", "<=", ">", ">=", "=="])
def test_keys_are_those_of_both_sides_each_once(relation):
    support = Support(f"2 * a.b / c {relation} a.b * d.e")
    assert support.keys == ("a.b", "c", "d.e")
    assert support.relation == relation


@pytest.mark.parametrize(
    "text",
    ["", "a.b", "a.b<1", "a.b != 1", "a.b < ", " < 1", "a.b < A.B", "a.b < 1 < 2", "a.b ~ 1"],
)
def test_what_is_no_check_gets_a_sentence(text):
    with pytest.raises(UsageError, match="not a"):
        Support(text)
