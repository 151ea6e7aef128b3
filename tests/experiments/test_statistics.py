"""Intervals hold what they promise, and values that no float holds keep their digits."""

import math
import statistics as plain_statistics
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import statistics


@pytest.mark.parametrize("count", [6, 7, 20, 25, 99, 100, 101, 200, 1000])
def test_the_interval_of_the_median_covers_it_with_95_percent_and_no_narrower_one_does(count):
    low, high = statistics.median_ranks(count)
    assert (low, high) == (low, count + 1 - low)

    def coverage(rank):
        # The median lies below x_(rank) exactly if fewer than `rank` values lie below it.
        missed = sum(Fraction(math.comb(count, k), 2**count) for k in range(rank))
        return 1 - 2 * missed

    assert coverage(low) >= Fraction(95, 100)
    assert coverage(low + 1) < Fraction(95, 100)


def test_a_sample_too_small_for_an_interval_gets_its_whole_range():
    assert [statistics.median_ranks(count) for count in (1, 2, 5)] == [(1, 1), (1, 2), (1, 5)]


@pytest.mark.parametrize(("hits", "count"), [(0, 100), (1, 100), (58, 100), (100, 100), (3, 7)])
def test_the_ends_of_a_share_are_where_the_share_lies_just_within_1_96_standard_errors(hits, count):
    for end in statistics.wilson(hits, count):
        gap = (hits / count - end) ** 2
        # Wilson's ends solve (share - p)^2 = z^2 p (1 - p)/n; 0 and 1 solve it for no and all hits.
        assert math.isclose(gap, 1.959963984540054**2 * end * (1 - end) / count, abs_tol=1e-15)


@pytest.mark.parametrize(("hits", "count"), [(0, 9), (9, 9), (1, 3), (2, 3), (96, 100)])
def test_a_share_lies_between_its_ends_as_written(hits, count):
    found = statistics.share(hits, count)
    assert parse(found.uncertainty.low) <= parse(found.value) <= parse(found.uncertainty.high)


@pytest.mark.parametrize("log10", [-601.51, -61.9, -0.3767507, 0.0, 5.25, -1e-9, 300.0, 9000.123])
def test_text_of_a_logarithm_is_its_power_of_ten(log10):
    with mpmath.workdps(40):
        exact = mpmath.mpf(10) ** mpmath.mpf(log10)
        text = parse(statistics.decimal_text(log10, 6))
        error = abs(mpmath.mpf(text.numerator) / text.denominator / exact - 1)
        # Half a unit of the sixth digit, and a few ulp of the logarithm's fraction.
        assert error <= 5.0e-6 + abs(log10) * 1e-14


def test_no_logarithm_gives_no_text():
    for bad in (math.nan, math.inf):
        with pytest.raises(UsageError, match="expected a finite one"):
            statistics.decimal_text(bad)


def test_the_median_of_dead_and_living_chains_is_the_one_in_the_middle():
    found = statistics.median([-math.inf, -math.inf, -3.0, -2.0, -1.0])
    assert (found.value, found.uncertainty.low, found.uncertainty.high) == ("0.001", "0", "0.1")
    assert statistics.median([-math.inf, -math.inf, -math.inf, -1.0]).value == "0"


def test_mean_and_standard_error_are_those_of_the_textbook():
    values = np.random.default_rng(0).normal(3.0, 2.0, 50).tolist()
    middle, error = statistics.mean_and_error(values)
    assert math.isclose(middle, plain_statistics.fmean(values), rel_tol=1e-15)
    assert math.isclose(error, plain_statistics.stdev(values) / 50**0.5, rel_tol=1e-13)


def test_a_root_mean_square_far_below_the_floats_has_the_spread_of_one_of_ordinary_size():
    squares = np.random.default_rng(1).lognormal(0.0, 0.5, 400)
    logs = np.log10(squares)
    near, far = statistics.root_mean(logs), statistics.root_mean(logs - 800)
    root = float(np.sqrt(squares.mean()))
    assert math.isclose(float(parse(near.value)), root, rel_tol=1e-5)
    assert math.isclose(float(parse(far.value) * 10**400), root, rel_tol=1e-5)
    error = float(parse(near.uncertainty.value))
    assert math.isclose(error, squares.std(ddof=1) / 20 / 2 / root, rel_tol=1e-2)
    assert math.isclose(float(parse(far.uncertainty.value) * 10**400), error, rel_tol=1e-2)


def test_only_dead_chains_have_the_root_mean_square_0():
    assert statistics.root_mean([-math.inf] * 4).value == "0"


@pytest.mark.parametrize("call", [lambda: statistics.median([]), lambda: statistics.share(0, 0)])
def test_nothing_is_estimated_from_nothing(call):
    with pytest.raises(UsageError, match="at least one"):
        call()


def test_one_value_has_no_standard_error():
    with pytest.raises(UsageError, match="at least two"):
        statistics.mean([1.0])
