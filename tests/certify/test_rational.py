"""Powers and underflow depths, held against real float arithmetic of NumPy, ml_dtypes and XLA."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.certify import rational

TYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}


def as_numpy(value: Fraction, dtype: str) -> np.ndarray:
    """The nearest number of the type, via float64 (exact for the values drawn here)."""
    return np.asarray(float(value)).astype(TYPES[dtype])


def numpy_depth(factor: str, dtype: str) -> int:
    """Multiply until zero, with real arithmetic."""
    step = as_numpy(Fraction(factor), dtype)
    product, count = np.ones((), TYPES[dtype]), 0
    while product != 0:
        product = (product * step).astype(TYPES[dtype])
        count += 1
    return count


@given(
    base=st.fractions(min_value=-5, max_value=5, max_denominator=99), exponent=st.integers(0, 200)
)
def test_a_power_is_the_product_of_its_factors(base: Fraction, exponent: int):
    product = Fraction(1)
    for _ in range(exponent):
        product *= base
    assert parse(rational.power(str(base), exponent).value) == product


def test_powers_of_a_quarter_are_those_of_the_lecture_notes():
    assert rational.power("0.25", 4).value == "0.00390625"
    assert rational.power("1/4", 5).value == "0.0009765625"
    assert parse(rational.power("1/4", 50).value) == Fraction(1, 2**100)


@given(mantissa=st.integers(1, 2**24 - 1), exponent=st.integers(-190, 100))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_emulated_rounding_is_that_of_the_real_type(dtype: str, mantissa: int, exponent: int):
    value = Fraction(mantissa) * Fraction(2) ** exponent
    largest = Fraction(float(ml_dtypes.finfo(TYPES[dtype]).max))
    if value > largest:
        return
    with np.errstate(under="ignore"):
        expected = Fraction(float(as_numpy(value, dtype)))
    assert rational.round_to_format(value, dtype) == expected
    assert rational.round_to_format(-value, dtype) == -expected


@given(value=st.fractions(min_value=Fraction(1, 10**320), max_value=10**300))
def test_the_emulated_rounding_of_float64_is_that_of_python(value: Fraction):
    assert rational.round_to_format(value, "float64") == Fraction(float(value))


@pytest.mark.parametrize("factor", ["1/4", "1/2", "1/10", "3/10"])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_product_dies_where_numpy_says_it_dies(factor: str, dtype: str):
    with np.errstate(under="ignore"):
        expected = numpy_depth(factor, dtype)
    assert rational.underflow_depth(factor, dtype, True).value == str(expected)


def test_the_depths_of_a_quarter_are_those_that_the_types_ranges_imply():
    # 4^-n underflows to 0 at or below half of the smallest subnormal, 2^(emin - p), ties to even.
    for dtype, form in rational.FORMATS.items():
        expected = -(-(form.p - form.emin) // 2)
        assert rational.underflow_depth("1/4", dtype, True).value == str(expected)


@pytest.mark.parametrize("factor", ["1/4", "1/2", "1/10", "9/10"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_product_dies_where_xla_on_a_cpu_lets_it_die(factor: str, dtype: str):
    step = jnp.asarray(float(Fraction(factor)), dtype)
    product, count = jnp.ones((), dtype), 0
    while product != 0 and count < 900:
        product = product * step
        count += 1
    if product != 0:
        with pytest.raises(UsageError, match="never becomes zero"):
            rational.underflow_depth(factor, dtype, False)
    else:
        assert rational.underflow_depth(factor, dtype, False).value == str(count)


@pytest.mark.parametrize("factor", ["1/4", "1/2", "1/10"])
def test_xla_flushes_float64_at_the_smallest_normal_number(factor: str):
    with jax.enable_x64(True):
        product, count = jnp.ones((), jnp.float64), 0
        while product != 0:
            product, count = product * float(Fraction(factor)), count + 1
    assert rational.underflow_depth(factor, "float64", False).value == str(count)


@pytest.mark.parametrize("dtype", TYPES)
def test_factors_above_one_half_never_reach_zero_with_gradual_underflow(dtype: str):
    step = as_numpy(Fraction(9, 10), dtype)
    product = np.ones((), TYPES[dtype])
    with np.errstate(under="ignore"):
        while (following := (product * step).astype(TYPES[dtype])) != product:
            product = following
    multiple = Fraction(float(product)) / rational.FORMATS[dtype].tiny
    assert rational.stuck_at("9/10", dtype).value == str(multiple)
    with pytest.raises(UsageError, match=f"stays at {multiple} times the smallest"):
        rational.underflow_depth("9/10", dtype, True)


@pytest.mark.parametrize("name", ["power", "below", "lost", "stuck", "zero"])
def test_what_would_take_for_ever_is_refused_at_once(name: str):
    nearly = "0." + "9" * 15
    call = {
        "power": lambda: rational.power("0.5e-3339", 1284),
        "below": lambda: rational.depth_until_below("0.99" + "1" * 200, "1e-300"),
        "lost": lambda: rational.lost_depth("0.99" + "1" * 200, "float64", True),
        "stuck": lambda: rational.stuck_at(nearly, "float64"),
        "zero": lambda: rational.underflow_depth(nearly, "float64", False),
    }[name]
    with pytest.raises(UsageError, match=r"too long|more than 100000 factors"):
        call()


@pytest.mark.parametrize("factor", ["1/10", "1/4", "9/10", "99/100"])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_power_is_lost_exactly_when_the_type_rounds_it_to_zero(factor: str, dtype: str):
    depth = int(rational.lost_depth(factor, dtype, True).value)
    limit = rational.FORMATS[dtype].tiny / 2
    assert Fraction(factor) ** depth <= limit < Fraction(factor) ** (depth - 1)
    normal = int(rational.lost_depth(factor, dtype, False).value)
    smallest = Fraction(2) ** rational.FORMATS[dtype].emin
    # A value within half a unit below the smallest normal number still rounds up to it.
    lowest = smallest * (1 - Fraction(1, 2 ** (rational.FORMATS[dtype].p + 1)))
    assert Fraction(factor) ** normal < lowest <= Fraction(factor) ** (normal - 1)


@given(
    factor=st.fractions(min_value=Fraction(1, 50), max_value=Fraction(49, 50), max_denominator=50),
    share=st.fractions(
        min_value=Fraction(1, 10**6), max_value=Fraction(99, 100), max_denominator=10**6
    ),
)
def test_the_depth_below_a_share_is_the_first_one(factor: Fraction, share: Fraction):
    depth = int(rational.depth_until_below(str(factor), str(share)).value)
    assert factor**depth < share <= factor ** (depth - 1)


def test_exactly_one_percent_is_not_less_than_one_percent():
    assert rational.depth_until_below("0.1", "0.01").value == "3"


BAD = {
    "factor 0": (lambda: rational.depth_until_below("0", "1/2"), "between 0 and 1"),
    "factor 1": (lambda: rational.underflow_depth("1", "float32", True), "between 0 and 1"),
    "factor 2": (lambda: rational.lost_depth("2", "float32", True), "between 0 and 1"),
    "type": (lambda: rational.underflow_depth("1/4", "float8", True), "'float8' is unknown"),
    "exponent below": (lambda: rational.power("1/4", -1), "out of range"),
    "exponent above": (lambda: rational.power("1/4", 10**9), "out of range"),
    "no number": (lambda: rational.power("x", 2), "not a number"),
    "too slow": (lambda: rational.depth_until_below("0.99999999", "1/100"), "more than 100000"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_refused_in_one_sentence(name: str):
    call, reason = BAD[name]
    with pytest.raises(UsageError, match=reason):
        call()
