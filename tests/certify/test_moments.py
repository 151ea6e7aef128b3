"""Certified Gaussian averages against published tables, closed forms and mpmath's quadrature."""

from fractions import Fraction

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain._errors import ActivationError, UsageError
from gradchain.certify.facts import FACTS, NAMES
from gradchain.certify.moments import mean_square_slope, mean_square_value

# E phi'^2 at q = 1, E phi^2 at q = 1, E phi'^2 at q = 0.1 and at q = 10: computed with 56 working
# digits by tanh-sinh quadrature in independent code.
TABLE = """
identity 1.00000000000000000 1.0000000000000 1.000000000 1.000000000
sigmoid 0.0448362413501943718 0.29337903585809 0.05962138610 0.01980675021
tanh 0.464402902448268242 0.39429449039784 0.8492070684 0.1655724208
hard_tanh 0.682689492137085897 0.51605855096171 0.9984345977 0.2481703660
hard_sigmoid 0.0277027834426872170 0.27763909105651 0.02777777778 0.01825606358
relu 0.500000000000000000 0.50000000000000 0.5000000000 0.5000000000
leaky_relu 0.500050000000000000 0.50005000000000 0.5000500000 0.5000500000
elu 0.668102001223170606 0.64494541749292 0.8218941361 0.5616069700
celu(2) 0.761578291865123372 0.74936248969731 0.8951883818 0.6161631472
selu 1.07157499245579926 1.0000000000000 1.546933146 0.7424080850
gelu 0.455850865649287122 0.42522148257030 0.3030119472 0.5112957699
gelu_tanh 0.455817845962950604 0.42519371103310 0.3029791817 0.5113392912
silu 0.379482351632829309 0.35577551981735 0.2727573299 0.4971634488
softplus 0.293379035858092963 0.92124590885930 0.2559578163 0.3897053576
mish 0.479083758373969775 0.45234219237588 0.3893878125 0.5158231864
erf 0.569410034733741647 0.46455905439754 1.076083819 0.1988466095
softsign 0.227671340422182500 0.18301402126655 0.4918523039 0.08164542775
sin 0.567667641618306346 0.43233235838169 0.9093653765 0.5000000010
hard_silu 0.358531517178605244 0.33156737513791 0.2611111111 0.5296645289
"""


def ends(result):
    return Fraction(result.enclosure[0]), Fraction(result.enclosure[1])


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_the_averages_agree_with_the_published_digits(row):
    name, slope, value, small, large = row.split()
    for printed, result in (
        (slope, mean_square_slope(name)),
        (value, mean_square_value(name)),
        (small, mean_square_slope(name, "0.1")),
        (large, mean_square_slope(name, "10")),
    ):
        half_unit = Fraction(1, 2 * 10 ** len(printed.partition(".")[2]))
        low, high = ends(result)
        assert Fraction(printed) - half_unit <= low <= high <= Fraction(printed) + half_unit
        assert high - low <= Fraction(1, 10**25)


def closed_slope(name, q):
    root = mpmath.sqrt(q)
    half = mpmath.mpf(1) / 2
    return {
        "relu": lambda: half,
        "leaky_relu": lambda: (1 + mpmath.mpf("0.01") ** 2) / 2,
        "hard_tanh": lambda: mpmath.erf(1 / mpmath.sqrt(2 * q)),
        "erf": lambda: 4 / mpmath.pi / mpmath.sqrt(1 + 4 * q),
        "sin": lambda: (1 + mpmath.exp(-2 * q)) / 2,
        "elu": lambda: half + mpmath.exp(2 * q) * mpmath.ncdf(-2 * root),
        "hard_sigmoid": lambda: mpmath.erf(3 / mpmath.sqrt(2 * q)) / 36,
        "gelu": lambda: (
            mpmath.mpf(1) / 4
            + mpmath.asin(q / (1 + q)) / (2 * mpmath.pi)
            + q / (mpmath.pi * (1 + q) * mpmath.sqrt(1 + 2 * q))
            + q / (2 * mpmath.pi * (1 + 2 * q) ** (3 * half))
        ),
    }[name]()


def closed_value(name, q):
    return {
        "relu": lambda: q / 2,
        "sin": lambda: (1 - mpmath.exp(-2 * q)) / 2,
        "erf": lambda: 2 / mpmath.pi * mpmath.asin(2 * q / (1 + 2 * q)),
        "gelu": lambda: (
            q / 4
            + q / (2 * mpmath.pi) * mpmath.asin(q / (1 + q))
            + q**2 / (mpmath.pi * (1 + q) * mpmath.sqrt(1 + 2 * q))
        ),
    }[name]()


def assert_encloses(result, truth):
    low, high = (mpmath.mpf(end) for end in result.enclosure)
    slack = mpmath.mpf("1e-45")
    assert low - slack <= truth <= high + slack


@settings(max_examples=15)
@given(st.integers(-3000, 3000))
def test_closed_forms_lie_in_the_enclosures_at_every_variance(exponent):
    q = f"{10.0 ** (exponent / 1000):.6f}"
    with mpmath.workdps(60):
        for name in (
            "relu",
            "leaky_relu",
            "hard_tanh",
            "erf",
            "sin",
            "elu",
            "hard_sigmoid",
            "gelu",
        ):
            assert_encloses(mean_square_slope(name, q), closed_slope(name, mpmath.mpf(q)))
        for name in ("relu", "sin", "erf", "gelu"):
            assert_encloses(mean_square_value(name, q), closed_value(name, mpmath.mpf(q)))


INDEPENDENT = {
    "sigmoid": lambda x: mpmath.sech(x / 2) ** 2 / 4,
    "tanh": lambda x: mpmath.sech(x) ** 2,
    "silu": lambda x: (1 + mpmath.tanh(x / 2)) / 2 + x * mpmath.sech(x / 2) ** 2 / 4,
    "softsign": lambda x: 1 / (1 + abs(x)) ** 2,
    "softplus": lambda x: (1 + mpmath.tanh(x / 2)) / 2,
    "hard_silu": lambda x: 0 if x < -3 else (2 * x + 3) / 6 if x < 3 else 1,
    "mish": lambda x: (
        mpmath.tanh(mpmath.log1p(mpmath.exp(x)))
        + x / (1 + mpmath.exp(-x)) * mpmath.sech(mpmath.log1p(mpmath.exp(x))) ** 2
    ),
}


@pytest.mark.parametrize("name", INDEPENDENT)
@pytest.mark.parametrize("q", ["0.3", "2.5"])
def test_the_average_slope_agrees_with_mpmath_quadrature(name, q):
    with mpmath.workdps(25):
        root = mpmath.sqrt(mpmath.mpf(q))
        cuts = [-40, -12, -4, -3, 0, 3, 4, 12, 40]
        total = mpmath.quad(lambda x: INDEPENDENT[name](x) ** 2 * mpmath.npdf(x, 0, root), cuts)
        low, high = (mpmath.mpf(end) for end in mean_square_slope(name, q).enclosure)
        assert low - mpmath.mpf("1e-18") <= total <= high + mpmath.mpf("1e-18")


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_square_slope_lies_between_the_extremes_of_the_square(name):
    low, high = ends(mean_square_slope(name, "7/3"))
    assert low >= 0
    assert high <= Fraction(FACTS[name].sup_enclosure[1]) ** 2 + Fraction(1, 10**29)


@pytest.mark.parametrize("name", [*NAMES, "celu(0.001)", "celu(100)", "elu(50)"])
@pytest.mark.parametrize("q", ["1e-6", "1e6"])
def test_every_average_is_certified_over_the_whole_range_of_variances(name, q):
    for result in (mean_square_slope(name, q), mean_square_value(name, q)):
        low, high = ends(result)
        assert high - low <= Fraction(1, 10**24)
        assert low <= Fraction(result.value) + Fraction(1, 10**20)
        assert Fraction(result.value) - Fraction(1, 10**20) <= high


def test_small_averages_keep_their_significant_digits():
    value = Fraction(mean_square_value("tanh", "1e-6").value)
    assert abs(value - Fraction("0.00000099999800000566664")) < Fraction(1, 10**22)


@pytest.mark.parametrize("q", ["0", "-1", "one", "1/0", "nan", "", "1e300", "1e-9", "1_0"])
def test_a_variance_that_is_none_gets_one_clear_sentence(q):
    with pytest.raises(UsageError, match="positive"):
        mean_square_slope("tanh", q)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ActivationError, match="swishh"):
        mean_square_value("swishh")
