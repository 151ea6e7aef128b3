"""Constants against mpmath at 60 digits, and against the float types that they speak of."""

import jax
import jax.numpy as jnp
import ml_dtypes  # ruff: ignore[unused-import]  (makes bfloat16 known to NumPy)
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain._result import Result
from gradchain._text import parse
from gradchain.certify import constants
from gradchain.certify.balls import CertificationError

mp = mpmath.mp.clone()
mp.dps = 60


def holds(result: Result, truth: mpmath.mpf) -> bool:
    """The enclosure holds the true value, and the value is its rounding to 40 digits."""
    low, high = (mp.mpf(end) for end in result.enclosure)
    value = mp.mpf(result.value)
    close = abs(value - truth) <= abs(truth) * mp.mpf(10) ** -39
    return bool(low <= truth <= high and close)


def quotient(text: str) -> mpmath.mpf:
    value = parse(text)
    return mp.mpf(value.numerator) / value.denominator


CASES = {
    "ln 2": (lambda: constants.logarithm("2"), lambda: mp.log(2)),
    "ln 10": (lambda: constants.logarithm("10"), lambda: mp.log(10)),
    "log10 4": (lambda: constants.decimal_logarithm("4"), lambda: mp.log10(4)),
    "1 % of sigmoid'": (
        lambda: constants.sigmoid_slope_share("1/100"),
        lambda: 2 * mp.acosh(10),
    ),
    "3 % of sigmoid'": (
        lambda: constants.sigmoid_slope_share("0.03"),
        lambda: 2 * mp.acosh(mp.sqrt(mp.mpf(100) / 3)),
    ),
    "1 % of tanh'": (lambda: constants.tanh_slope_share("1/100"), lambda: mp.acosh(10)),
    "sigmoid'(5)": (
        lambda: constants.sigmoid_derivative("5"),
        lambda: mp.exp(-5) / (1 + mp.exp(-5)) ** 2,
    ),
    "tanh'(2)": (lambda: constants.tanh_derivative("2"), lambda: 1 - mp.tanh(2) ** 2),
    "half product": (constants.half_product_limit, lambda: mp.qp(mp.mpf(1) / 2)),
    "He edge": (lambda: constants.spectral_edge("2", "1"), lambda: 2 * mp.sqrt(2)),
    "He edge, wide": (
        lambda: constants.spectral_edge("2", "4"),
        lambda: mp.sqrt(2) * 3,
    ),
    "torch edge": (lambda: constants.spectral_edge("1/3", "1"), lambda: 2 / mp.sqrt(3)),
    "truncated normal": (
        lambda: constants.truncated_normal_std("2"),
        lambda: mp.sqrt(mp.quad(lambda x: x * x * mp.npdf(x), [-2, 2]) / (2 * mp.ncdf(2) - 1)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_enclosure_holds_what_mpmath_finds_another_way(name: str):
    result, truth = (call() for call in CASES[name])
    assert holds(result, truth)


@given(x=st.fractions(min_value=-40, max_value=40, max_denominator=100))
def test_slopes_are_enclosed_at_every_point(x):
    z = mp.mpf(x.numerator) / x.denominator
    assert holds(constants.sigmoid_derivative(str(x)), mp.sech(z / 2) ** 2 / 4)
    assert holds(constants.tanh_derivative(str(x)), mp.sech(z) ** 2)


def test_the_slope_is_one_percent_of_its_maximum_where_the_constant_says():
    x = mp.mpf(constants.sigmoid_slope_share("1/100").value)
    slope = mp.exp(-x) / (1 + mp.exp(-x)) ** 2
    assert abs(4 * slope - mp.mpf("0.01")) < mp.mpf(10) ** -38


def test_selu_constants_keep_mean_and_variance_of_a_normal_variable():
    alpha, scale = (mp.mpf(constants.selu_constant(name).value) for name in ("alpha", "lambda"))

    def selu(x):
        return scale * (x if x > 0 else alpha * mp.expm1(x))

    points = [-mp.inf, -4, 0, 4, mp.inf]
    mean = mp.quad(lambda x: selu(x) * mp.npdf(x), points)
    square = mp.quad(lambda x: selu(x) ** 2 * mp.npdf(x), points)
    assert abs(mean) < mp.mpf(10) ** -30
    assert abs(square - 1) < mp.mpf(10) ** -30


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_sigmoid_is_one_from_the_stated_x_on_in_numpy(dtype: str):
    x = np.longdouble(constants.sigmoid_one(dtype).value)
    one = np.ones((), np.dtype(dtype))
    # exp is rounded to the type here, at most 2^-9 relative: less than the step in x.
    step = np.longdouble(10) ** -2
    assert one + np.exp(-(x + step)).astype(one.dtype) == one
    assert one + np.exp(-(x - step)).astype(one.dtype) > one


def test_autodiff_of_sigmoid_is_exactly_zero_from_the_stated_x_on_in_xla():
    x = float(constants.sigmoid_one("float32").value)
    slope = jax.grad(jax.nn.sigmoid)
    assert slope(jnp.float32(x + 0.01)) == 0
    assert slope(jnp.float32(x - 0.5)) > 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_correctly_rounded_tanh_is_one_from_the_stated_x_on(dtype: str):
    x = mp.mpf(constants.tanh_one(dtype).value)
    largest_below_one = 1 - mp.mpf(2) ** -constants.float_format(dtype).p
    halfway = (1 + largest_below_one) / 2
    assert abs(mp.tanh(x) - halfway) < mp.mpf(10) ** -36


def test_rational_edges_are_exact():
    assert constants.spectral_edge("1", "1").value == "2"
    assert constants.spectral_edge("4", "1/4").value == "3"
    assert constants.spectral_edge("1", "1").enclosure is None


BAD = {
    "log of 0": (lambda: constants.logarithm("0"), "must be positive"),
    "share 1": (lambda: constants.sigmoid_slope_share("1"), "between 0 and 1"),
    "share 0": (lambda: constants.tanh_slope_share("0"), "between 0 and 1"),
    "type": (lambda: constants.sigmoid_one("float128"), "unknown"),
    "variance": (lambda: constants.spectral_edge("-1", "1"), "variance '-1' must be positive"),
    "cut": (lambda: constants.truncated_normal_std("0"), "must be positive"),
    "tiny cut": (lambda: constants.truncated_normal_std("1e-9000"), "not settled"),
}


def test_a_slope_too_small_to_write_out_is_refused_at_once():
    with pytest.raises(CertificationError, match="not written out"):
        constants.sigmoid_derivative("1e9")
    with pytest.raises(UsageError, match="not settled"):
        constants.sigmoid_derivative("4e1851")


def test_a_cut_far_out_leaves_the_normal_law_as_it_is():
    assert parse(constants.truncated_normal_std("4e1851").value) == 1


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_in_one_sentence(name: str):
    call, reason = BAD[name]
    with pytest.raises(UsageError, match=reason):
        call()
