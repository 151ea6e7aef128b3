"""The words of a figure agree with its data."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain.figures import alt_text, power_of_ten, trend


@given(st.floats(-1e4, 300))
def test_a_power_of_ten_reads_as_itself_to_two_digits(log10):
    written = Decimal(power_of_ten(log10))
    mantissa = written.scaleb(-math.floor(log10))
    true = 10 ** (log10 - math.floor(log10))
    # Two digits are shown: half a unit of the second one.
    assert abs(float(mantissa) - true) <= 0.05 + 1e-9


def test_dead_and_exploded_values_have_words():
    assert power_of_ten(-math.inf) == "0"
    assert power_of_ten(math.inf) == "infinity"
    assert power_of_ten(math.nan) == "not a number"


def test_a_trend_says_which_way_it_goes():
    assert "falls from 1.0 at depth 0 to 1.0e-5 at depth 10" in trend("x", [0, 10], [0, -5])
    assert "rises" in trend("x", [0, 10], [0, 5])
    assert "stays" in trend("x", [0, 10], [0, 0])
    assert "falls from 1.0 at depth 0 to 0 at depth 10" in trend("x", [0, 10], [0, -math.inf])


def test_alt_text_without_a_takeaway_is_refused():
    with pytest.raises(UsageError, match="without takeaway"):
        alt_text("Line chart", "a against b", "10 seeds", " ")


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], []), ([1], [1, 2])])
def test_a_trend_without_points_is_refused(x, y):
    with pytest.raises(UsageError, match="expected as many"):
        trend("x", x, y)
