"""The engine proves what is true, refuses what is false, and finds what sampling misses."""

from fractions import Fraction

import mpmath
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from gradchain.certify.balls import (
    Case,
    CertificationError,
    Segment,
    Tail,
    bounds,
    decimal_down,
    decimal_near,
    decimal_up,
    infimum,
    jet,
    supremum,
)
from gradchain.certify.derivatives import slope_case
from gradchain.certify.facts import FACTS

ZERO = Tail(arb(0), arb(0), arb(0))


def on(low, high, function, *tails):
    return Case((Segment(low, high, function),), tails)


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "silu", "mish", "erf"])
def test_a_bound_that_is_too_small_by_1e_20_is_rejected(name):
    found, (low, high) = supremum(slope_case(name)), FACTS[name].sup_enclosure
    assert found.within(low, high)
    small = Fraction(high) - Fraction(1, 10**20)
    assert not found.within("0", f"{small.numerator}/{small.denominator}")
    large = Fraction(low) + Fraction(1, 10**20)
    assert not found.within(f"{large.numerator}/{large.denominator}", "2")


@pytest.mark.parametrize("centre", ["3.3", "-7.123456", "11.75", "0.0042"])
def test_a_spike_of_width_one_hundredth_is_found(centre):
    base = slope_case("sigmoid")
    (segment,) = base.segments

    def spiked(x):
        offset = (x - arb(centre)) / arb("0.005")
        return segment.function(x) + (-(offset * offset)).exp() / 2

    with ctx.workprec(224):
        found = supremum(Case((Segment(segment.low, segment.high, spiked),), base.tails))
        at_centre = bounds(spiked(arb(centre)))[0]
    assert found.low > Fraction(1, 2)
    assert found.low >= at_centre
    assert found.high <= Fraction(3, 4)


def test_a_maximum_on_the_common_end_of_two_boxes_is_enclosed_not_bisected_for_ever():
    found = supremum(on(-8, 8, lambda x: 1 / (1 + x * x), Tail(arb(0), arb(1) / 65, arb(0))))
    assert found.low <= 1 <= found.high
    assert found.high - found.low < Fraction(1, 10**60)


def test_a_top_without_curvature_is_enclosed_although_newton_never_applies():
    beyond = Tail(arb(-2), arb(9), arb(0))
    least = infimum(on(-1, 2, lambda x: (x - arb("0.1")) ** 4 - 3, beyond))
    assert least.low <= -3 <= least.high
    assert least.high - least.low < Fraction(1, 10**60)


def test_the_sign_counts_supremum_of_the_modulus_infimum_of_the_value():
    case = on(-1, 1, lambda x: x * x * x - 2 + x, Tail(arb(-2), arb(0), arb(-1)))
    found, least = supremum(case), infimum(case)
    assert found.low <= 4 <= found.high
    assert least.low <= -4 <= least.high


def test_an_undecided_tail_is_an_error_and_not_a_guess():
    with pytest.raises(CertificationError, match="tail"):
        supremum(on(-1, 1, lambda x: 0 * x + 1, Tail(arb(0), arb("1.1"), arb(0))))


def test_a_tail_that_only_tends_to_its_bound_is_the_supremum_with_no_place():
    case = on(-1, 1, lambda x: 0 * x + arb("0.5"), Tail(arb("0.7"), arb(1), arb(1)))
    found = supremum(case)
    assert found.low == found.high == 1
    assert found.places == ()


def test_a_function_that_is_not_smooth_is_refused():
    def pole(x):
        return 1 / x

    with pytest.raises(CertificationError):
        supremum(on(-1, 2, pole))


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9)), min_size=1, max_size=4))
def test_no_sample_of_a_trigonometric_sum_exceeds_its_proved_supremum(terms):
    if all(a == 0 for a, _ in terms):
        terms = [*terms, (1, 1)]

    def wave(x):
        return sum(((a * (b * x + 1).sin()) for a, b in terms), 0 * x)

    found = supremum(on(-3, 3, wave, ZERO))
    slope = sum(abs(a) * b for a, b in terms)
    with mpmath.workdps(30):
        samples = [
            abs(sum(a * mpmath.sin(b * mpmath.mpf(k) / 100 + 1) for a, b in terms))
            for k in range(-300, 301)
        ]
        high = mpmath.mpf(found.high.numerator) / found.high.denominator
        low = mpmath.mpf(found.low.numerator) / found.low.denominator
        assert max(samples) <= high + mpmath.mpf("1e-28")
        assert low <= max(samples) + slope * mpmath.mpf("0.005")


def test_a_jet_holds_the_function_and_its_two_derivatives():
    value, slope, bend = jet(lambda x: x.exp() * x, arb(1).union(arb("1.001")))
    for point in ("1", "1.0003", "1.001"):
        e = arb(point).exp()
        assert value.overlaps(e * arb(point))
        assert slope.overlaps(e * (1 + arb(point)))
        assert bend.overlaps(e * (2 + arb(point)))


@given(st.fractions(max_denominator=10**6), st.integers(0, 40))
def test_decimal_rounding_is_outward_and_tight(value, digits):
    low, high = Fraction(decimal_down(value, digits)), Fraction(decimal_up(value, digits))
    assert low <= value <= high
    assert high - low <= Fraction(1, 10**digits)
    assert abs(Fraction(decimal_near(value, digits)) - value) <= Fraction(1, 2 * 10**digits)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e-3))
def test_the_ends_of_a_ball_enclose_what_it_was_made_of(middle, radius):
    low, high = bounds(arb(middle, radius))
    assert low <= Fraction(middle) - Fraction(radius)
    assert Fraction(middle) + Fraction(radius) <= high


def test_a_ball_that_no_fraction_can_hold_is_refused_and_a_tiny_radius_is_rounded_up():
    huge = arb(2) ** (10**12)
    for ball in (huge, 1 / huge, -huge, arb("nan"), arb("inf")):
        with pytest.raises(CertificationError):
            bounds(ball)
    low, high = bounds(arb(1, 1 / huge))
    assert low < 1 < high
