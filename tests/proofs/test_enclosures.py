"""Constants and bounds of the theorems, enclosed by ball arithmetic (python-flint).

Where `gradchain.certify` searches the whole line, the constants are enclosed here once more by a
shorter route: a sign change of a monotone function, a closed form, or a rigorous integral.
"""

import json
import pathlib
from fractions import Fraction

import pytest
from flint import acb, arb, ctx

from gradchain.certify.balls import bounds, infimum, supremum
from gradchain.certify.derivatives import slope_case

INDEX = pathlib.Path(__file__).resolve().parents[2] / "proofs" / "index.json"
CONSTANTS = {
    (one["id"], name): text
    for one in json.loads(INDEX.read_text(encoding="utf-8"))["theorems"]
    for name, text in one["constants"].items()
}


@pytest.fixture(autouse=True)
def _enough_bits():
    with ctx.workprec(300):
        yield


def digits_of(low, high, places):
    """Decimal text cut off after some places; both ends must share it."""
    texts = set()
    for end in (low, high):
        sign = "-" if end < 0 else ""
        scaled = abs(end) * 10**places
        whole = str(scaled.numerator // scaled.denominator).rjust(places + 1, "0")
        texts.add(f"{sign}{whole[:-places]}.{whole[-places:]}" if places else f"{sign}{whole}")
    (text,) = texts
    return text


def agrees(key, low, high):
    """The stated digits are those of every value between low and high, cut off and not rounded."""
    text = CONSTANTS[key]
    if low != high and Fraction(text) in (low, high):  # an exact value, enclosed from outside
        return high - low < Fraction(1, 10**50)
    return digits_of(low, high, len(text.partition(".")[2])) == text


def ball(key, value):
    return agrees(key, *bounds(value))


def exactly(key, low, high):
    """A rational constant: an enclosure around it, as narrow as the precision allows."""
    return low <= Fraction(CONSTANTS[key]) <= high and high - low < Fraction(1, 10**50)


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def root(function, low, high):
    """Enclose where an increasing function changes sign, by bisection with certain signs."""
    low, high = Fraction(low), Fraction(high)

    def at(point):
        return function(arb(point.numerator) / point.denominator)

    assert at(low) < 0 < at(high)
    for _ in range(160):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) < 0 else (low, middle)
        assert at(low) < 0 < at(high)
    return low, high


def boxes(low, high, count):
    """Balls that together cover an interval."""
    step = Fraction(high - low, count)
    for k in range(count):
        left, right = low + k * step, low + (k + 1) * step
        yield (arb(left.numerator) / left.denominator).union(
            arb(right.numerator) / right.denominator
        )


def test_T01b_T02b_T03c_the_suprema_of_sigmoid_and_tanh_are_a_quarter_and_one():
    for key, name in ((("T01b", "sup"), "sigmoid"), (("T02b", "sup"), "tanh")):
        found = supremum(slope_case(name))
        assert exactly(key, found.low, found.high)
        assert bounds(found.places[0])[0] <= 0 <= bounds(found.places[0])[1]
    assert Fraction(CONSTANTS["T01b", "sup"]) ** 5 == Fraction("0.0009765625")


def test_T01c_T02c_slopes_are_below_their_maximum_away_from_zero():
    for box in boxes(Fraction(1, 4), 40, 2000):
        assert 1 / (2 * (box / 2).cosh()) ** 2 < arb(
            "0.25"
        )  # sigmoid'; tanh'(x) is 4 times it at 2x
    for x in (arb("1e-9"), arb("1e-3"), arb(1), arb(40)):
        for point in (x, -x):
            s = sigmoid(point)
            assert s * (1 - s) < arb("0.25")
            assert 1 - point.tanh() ** 2 < 1


def test_T01d_T02e_T10b_the_sigmoid_stays_strictly_between_zero_and_one():
    for box in boxes(-60, 60, 1000):
        assert 0 < sigmoid(box) < 1
    for share in ("0.9", "0.999999", "0.9999999999999999"):
        assert sigmoid((1 / (1 - arb(share))).log()) > arb(share)


def test_T05c_T05e_exponential_pieces_are_steepest_just_left_of_zero():
    assert supremum(slope_case("elu")).high - 1 < Fraction(1, 10**50)
    assert supremum(slope_case("elu(2)")).high - 2 < Fraction(1, 10**50)
    low, high = supremum(slope_case("selu")).low, supremum(slope_case("selu")).high
    assert agrees(("T11d", "lambda*alpha"), low, high)


def test_T06a_T06b_T06c_the_steepest_point_of_silu_is_the_only_one():
    low, high = root(lambda x: x * (x / 2).tanh() - 2, 2, 4)
    assert agrees(("T06c", "x0"), low, high)
    assert agrees(("T06c", "sup"), Fraction(1, 2) + low / 4, Fraction(1, 2) + high / 4)
    found = supremum(slope_case("silu"))
    (place,) = found.places
    assert agrees(("T06c", "x0"), *bounds(place))
    assert agrees(("T06c", "sup"), found.low, found.high)
    assert infimum(slope_case("silu")).low > -found.low


def test_T06e_T06f_the_largest_slope_of_gelu_is_its_value_at_root_two():
    assert ball(("T06f", "sup"), (1 + arb(1).erf()) / 2 + arb(-1).exp() / arb.pi().sqrt())
    found = supremum(slope_case("gelu"))
    assert agrees(("T06f", "sup"), found.low, found.high)
    (place,) = found.places
    assert (place * place).overlaps(arb(2))
    mass = acb.integral(lambda t, _: (-t * t / 2).exp() / (2 * acb.pi()).sqrt(), 0, arb(2).sqrt())
    assert mass.real.overlaps(arb(1).erf() / 2)


def test_T06h_T11c_the_slopes_of_mish_have_the_digits_on_record():
    found, least = supremum(slope_case("mish")), infimum(slope_case("mish"))
    for key in (("T06h", "sup"), ("T11c", "sup")):
        assert agrees(key, found.low, found.high)
    assert agrees(("T11c", "inf"), least.low, least.high)
    assert agrees(("T11c", "argmax"), *bounds(found.places[0]))
    u = arb(CONSTANTS["T11c", "argmax"]).exp()
    q = u * u + 2 * u + 2
    slope = (u * u + 2 * u) / q + arb(CONSTANTS["T11c", "argmax"]) * 4 * u * (1 + u) / (q * q)
    assert ball(("T11c", "sup"), slope)


def test_T08f_the_limit_of_compound_factors_is_e():
    assert ball(("T08f", "e"), arb(1).exp())
    for n in (1, 2, 10, 1000):
        assert (1 + arb(1) / n) ** n < arb(1).exp()


def test_T09d_the_state_of_the_counterexample_rests():
    assert (arb(3).log() / 2).tanh().overlaps(arb("0.5"))
    assert (arb(3).log() / 2).tanh().rad() < arb("1e-60")


def test_T11a_the_slope_of_erf_is_largest_at_zero():
    assert ball(("T11a", "sup"), 2 / arb.pi().sqrt())
    found = supremum(slope_case("erf"))
    assert agrees(("T11a", "sup"), found.low, found.high)


def test_T11b_the_slopes_of_the_tanh_form_of_gelu_have_the_digits_on_record():
    found, least = supremum(slope_case("gelu_tanh")), infimum(slope_case("gelu_tanh"))
    assert agrees(("T11b", "sup"), found.low, found.high)
    assert agrees(("T11b", "inf"), least.low, least.high)
    assert agrees(("T11b", "argmax"), *bounds(found.places[0]))
    x, c, k = arb(CONSTANTS["T11b", "argmax"]), arb("0.044715"), (2 / arb.pi()).sqrt()
    inner = (k * (x + c * x**3)).tanh()
    slope = (1 + inner) / 2 + x / 2 * (1 - inner**2) * k * (1 + 3 * c * x * x)
    assert ball(("T11b", "sup"), slope)


def test_T11d_selu_keeps_mean_zero_and_variance_one_of_a_normal_variable():
    half = (arb(1) / 2).sqrt()
    alpha = -(2 / arb.pi()).sqrt() / (half.erfc() * (arb(1) / 2).exp() - 1)
    # E of the square: 1/2 on the right; alpha^2 (e^2 Q(2) - 2 e^(1/2) Q(1) + 1/2) on the left,
    # with Q(t) the upper tail of the normal law.
    q1, q2 = half.erfc() / 2, (2 * half).erfc() / 2
    left = arb(2).exp() * q2 - 2 * (arb(1) / 2).exp() * q1 + arb(1) / 2
    scale = 1 / (arb(1) / 2 + alpha**2 * left).sqrt()
    assert ball(("T11d", "alpha"), alpha)
    assert ball(("T11d", "lambda"), scale)
    assert ball(("T11d", "lambda*alpha"), scale * alpha)

    def density(t):
        return (-t * t / 2).exp() / (2 * acb.pi()).sqrt()

    def total(function_left, function_right):
        # Beyond 30 the density and what it multiplies are below 1e-190.
        parts = (
            acb.integral(lambda t, _: function_left(t) * density(t), -30, 0),
            acb.integral(lambda t, _: function_right(t) * density(t), 0, 30),
        )
        return (parts[0] + parts[1]).real

    mean = total(lambda t: alpha * (t.exp() - 1), lambda t: t)
    square = total(lambda t: (alpha * scale * (t.exp() - 1)) ** 2, lambda t: (scale * t) ** 2)
    assert abs(mean) < arb("1e-60")
    assert abs(square - 1) < arb("1e-60")


@pytest.mark.parametrize("name", ["softsign", "sin", "identity"])
def test_T11e_slopes_of_softsign_sin_and_identity_reach_one_and_no_more(name):
    found = supremum(slope_case(name))
    assert found.low <= 1 <= found.high
    assert found.high - found.low < Fraction(1, 10**50)
