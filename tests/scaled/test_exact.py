"""Exact values and their decimal text: entry by entry, as short as the type allows."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import scaled
from gradchain._errors import DtypeError, NonFiniteError, UsageError


def test_an_array_is_read_and_written_entry_by_entry():
    array = jnp.asarray([[0.5, -2.0, 0.1], [3.0, 0.0, 2.0**-100]], jnp.float32)
    values, texts = scaled.to_fraction(array), scaled.to_decimal(array)
    assert values.shape == texts.shape == (2, 3)
    for value, text, entry in zip(values.flat, texts.flat, np.asarray(array).flat, strict=True):
        assert value == Fraction(float(entry))
        assert isinstance(text, str)
        assert np.float32(text) == entry
    assert texts[0].tolist() == ["0.5", "-2", "0.1"]
    assert texts[1, 1] == "0"
    assert scaled.to_fraction(jnp.zeros((0, 2))).shape == (0, 2)
    assert scaled.to_decimal(jnp.zeros((0, 2))).shape == (0, 2)


def test_a_scalar_is_one_fraction_and_one_text():
    for value in (jnp.float32(0.5), scaled.from_array(jnp.float32(0.5))):
        assert type(scaled.to_fraction(value)) is Fraction
        assert scaled.to_decimal(value) == "0.5"


def test_one_exponent_for_a_row_stands_for_every_entry_of_it():
    value = scaled.Scaled(jnp.asarray([[0.5, 0.75], [0.5, 0.0]]), jnp.asarray([[300], [-300]]))
    big, small = Fraction(2) ** 300, Fraction(1, 2**300)
    half, quarters = Fraction(1, 2), Fraction(3, 4)
    wanted = [[half * big, quarters * big], [half * small, Fraction(0)]]
    assert scaled.to_fraction(value).tolist() == wanted
    texts = scaled.to_decimal(value, digits=40)
    assert all(
        abs(Fraction(text) - exact) <= abs(exact) * Fraction(5, 10**40)
        for row, line in zip(texts, wanted, strict=True)
        for text, exact in zip(row, line, strict=True)
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_shortest_text_gives_the_entry_back_in_its_own_type(dtype):
    array = jnp.asarray([0.1, 1 / 3, 65504.0, 7e-5, 1.0]).astype(dtype)
    texts = scaled.to_decimal(array)
    again = jnp.asarray([float(text) for text in texts]).astype(dtype)
    assert (again == array).all()
    assert texts[4] == "1"
    # No shorter text is within a quarter of the spacing: one digit less misses it.
    third = Fraction(float(array[1]))
    digits = len(texts[1].removeprefix("0."))
    shorter = Fraction(scaled.to_decimal(array[1], digits=digits - 1))
    spacing = third / 2 ** (int(jnp.finfo(dtype).nmant) + 1)
    assert abs(shorter - third) * 2 >= spacing > abs(Fraction(texts[1]) - third) * 2


def test_digits_are_rounded_half_to_even_and_counted_from_one():
    assert scaled.to_decimal(jnp.float32(0.125), digits=2) == "0.12"
    assert scaled.to_decimal(jnp.float32(0.375), digits=2) == "0.38"
    assert scaled.to_decimal(jnp.float32(0.125), digits=1) == "0.1"
    assert Fraction(scaled.to_decimal(jnp.float32(0.0), digits=3)) == 0
    for bad in (0, -1):
        with pytest.raises(UsageError, match=r"\bdigits\b"):
            scaled.to_decimal(jnp.float32(1.0), digits=bad)


@pytest.mark.parametrize("read", [scaled.to_fraction, scaled.to_decimal])
def test_what_is_traced_endless_or_no_float_is_refused_with_what_was_got(read, as_a_user):
    for bad in (np.nan, np.inf):
        with pytest.raises(NonFiniteError, match="got NaN or infinity, expected finite values"):
            read(jnp.asarray([1.0, bad]))
    with pytest.raises(UsageError, match="got a traced value, expected a concrete one"):
        jax.jit(lambda v: read(v) and v)(jnp.float32(1))
    with pytest.raises(DtypeError, match="got a value of type str, expected a float array"):
        read("x")


def test_digits_without_end_are_refused_at_once():
    with pytest.raises(UsageError, match="at most 10000"):
        scaled.to_decimal(jnp.float32(0.1), digits=10**30)
