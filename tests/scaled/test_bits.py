"""Taking floats apart and putting them together, on every bit pattern that matters."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import scaled
from gradchain._errors import DtypeError
from gradchain.scaled import bits

# Compiled as wholes: op by op, every primitive of every shape and type is a program of its own. The
# tests of what `split` takes and of special values go op by op.
split, power_of_two, scale, join = (
    jax.jit(bits.split),
    jax.jit(bits.power_of_two, static_argnums=1),
    jax.jit(bits.scale),
    jax.jit(bits.join, static_argnums=2),
)
UNSIGNED = {"float16": np.uint16, "bfloat16": np.uint16, "float32": np.uint32, "float64": np.uint64}


def patterns(dtype: str, count: int = 60_000) -> np.ndarray:
    """Every bit pattern of a 16-bit type, random ones and the ends of the wider types."""
    unsigned = UNSIGNED[dtype]
    width = np.dtype(unsigned).itemsize * 8
    if width == 16:
        raw = np.arange(65_536, dtype=np.uint16)
    else:
        rng = np.random.default_rng(20)
        raw = rng.integers(0, 2**width, count, dtype=unsigned)
        layout = bits.FORMATS[dtype]
        ends = [0, 1, 2, 3, (1 << (layout.precision - 1)) - 1, 1 << (layout.precision - 1)]
        sub = rng.integers(0, 1 << (layout.precision - 1), count // 4, dtype=unsigned)
        raw = np.concatenate([raw, np.array(ends, unsigned), sub])
    values = raw.view(jnp.dtype(dtype))
    with np.errstate(invalid="ignore"):
        return values[np.isfinite(values.astype(np.float64))]


def as_fractions(values: np.ndarray) -> list[Fraction]:
    with np.errstate(invalid="ignore"):
        return [Fraction(v) for v in values.astype(np.float64).tolist()]


def x64_for(dtype: str):
    return jax.enable_x64(dtype == "float64")


@pytest.mark.parametrize("dtype", bits.FORMATS)
def test_split_is_wrong_for_no_finite_pattern(dtype):
    values = patterns(dtype)
    with x64_for(dtype):
        fraction, exponent = split(jnp.asarray(values))
        fraction, exponent = np.asarray(fraction), np.asarray(exponent)
    # NumPy's frexp is a channel of its own: it is right on subnormals, XLA's is not.
    reference, power = np.frexp(values.astype(np.float64))
    zero = values.astype(np.float64) == 0
    assert (fraction.astype(np.float64) == reference).all()
    assert (exponent == np.where(zero, 0, power)).all()
    assert (np.signbit(fraction.astype(np.float64)) == np.signbit(values.astype(np.float64))).all()


@pytest.mark.parametrize("dtype", bits.FORMATS)
def test_join_gives_back_what_split_took(dtype):
    values = patterns(dtype)
    with x64_for(dtype):
        back = np.asarray(bits.join(*bits.split(jnp.asarray(values)), values.dtype))
    assert (back.view(UNSIGNED[dtype]) == values.view(UNSIGNED[dtype])).all()


def rounded(value: Fraction, dtype: str) -> Fraction | float:
    """Round half-even to a format with gradual underflow, by rational arithmetic alone."""
    layout = bits.FORMATS[dtype]
    if value == 0:
        return Fraction(0)
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    while size >= Fraction(2) ** exponent:
        exponent += 1
    while size < Fraction(2) ** (exponent - 1):
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, layout.smallest_exponent) - layout.precision)
    result = round(size / unit) * unit
    top = Fraction(2) ** (layout.bias + 1)
    if result >= top:
        return float("inf") if value > 0 else float("-inf")
    return result if value > 0 else -result


@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("target", bits.FORMATS)
def test_join_rounds_half_even_with_gradual_underflow_once(source, target):
    rng = np.random.default_rng(5)
    layout = bits.FORMATS[target]
    count = 1_500
    span = layout.bias + layout.precision + 5
    exponents = rng.integers(-span, layout.bias + 3, count).astype(np.int32)
    mantissas = rng.uniform(0.5, 1, count) * rng.choice([-1, 1], count)
    # Exact ties are what half-even is about: few significant bits make many of them.
    mantissas[::3] = np.round(mantissas[::3] * 2**12) / 2**12
    mantissas[::5] = np.round(mantissas[::5] * 2**9) / 2**9
    values = mantissas.astype(source)
    with jax.enable_x64("float64" in (source, target)):
        got = np.asarray(join(jnp.asarray(values), jnp.asarray(exponents), jnp.dtype(target)))
    for m, e, g in zip(values.tolist(), exponents.tolist(), got.astype(np.float64), strict=True):
        expected = rounded(Fraction(m) * Fraction(2) ** e, target)
        actual = float(g) if np.isinf(g) else Fraction(float(g))
        assert actual == expected, (m, e)


@given(st.integers(-149, 127), st.integers(-300, 300))
def test_a_power_of_two_times_a_power_of_two_is_exact_or_out_of_range(power, shift):
    start = np.ldexp(np.float32(1), power)
    got = float(np.asarray(scale(jnp.asarray(start), np.int32(shift))))
    total = power + shift
    expected = 0.0 if total < -149 else float("inf") if total > 127 else 2.0**total
    assert got == expected


@pytest.mark.parametrize("dtype", bits.FORMATS)
def test_power_of_two_is_exact_over_the_normal_range(dtype):
    layout = bits.FORMATS[dtype]
    exponents = np.arange(1 - layout.bias, layout.bias + 1, dtype=np.int32)
    with x64_for(dtype):
        got = np.asarray(power_of_two(jnp.asarray(exponents), jnp.dtype(dtype)))
    assert (got.astype(np.float64) == np.ldexp(1.0, exponents)).all()


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_infinity_and_nan_are_neither_lost_nor_made_finite(special):
    x = jnp.asarray(np.float32(special))
    fraction, exponent = bits.split(x)
    assert np.array_equal(np.asarray(fraction), np.float32(special), equal_nan=True)
    assert int(exponent) == 0
    assert np.array_equal(np.asarray(bits.scale(x, jnp.int32(-5))), x, equal_nan=True)


def test_the_derivative_of_scaling_is_the_power_of_two():
    x = jnp.float32(3.0)
    assert float(jax.grad(lambda v: bits.scale(v, jnp.int32(-7)))(x)) == 2.0**-7
    assert float(jax.grad(lambda v: bits.split(v)[0])(x)) == 2.0**-2
    assert float(jax.jvp(lambda v: bits.scale(v, jnp.int32(5)), (x,), (jnp.float32(1),))[1]) == 32


def test_order_of_magnitudes_sees_subnormals_that_xla_flushes():
    tiny = np.array([1e-40, -3e-40, 0.0, 2e-45], np.float32)
    order = np.asarray(bits.magnitude_order(jnp.asarray(tiny)))
    assert list(np.argsort(order)) == [2, 3, 0, 1]
    assert (np.asarray(bits.from_order(jnp.asarray(order), jnp.float32)) == np.abs(tiny)).all()


def test_integers_are_refused_with_what_to_do():
    with pytest.raises(DtypeError, match=r"got x of type int32, expected a float array.*astype"):
        scaled.split(jnp.arange(3))


@pytest.mark.parametrize("dtype", list(bits.FORMATS))
def test_powers_of_two_past_the_range_clip_at_its_ends(dtype):
    if dtype == "float64" and not jax.config.jax_enable_x64:
        with jax.enable_x64(True):
            ends = np.asarray(bits.power_of_two(jnp.asarray([5000, -5000], jnp.int32), dtype))
    else:
        ends = np.asarray(bits.power_of_two(jnp.asarray([5000, -5000], jnp.int32), dtype))
    layout = bits.FORMATS[dtype]
    # The bits after those of 2**bias are infinity's.
    assert float(ends[0]) == 2.0**layout.bias
    assert float(ends[1]) == 2.0 ** (1 - layout.bias)


@pytest.mark.parametrize(
    ("kind", "said"), [(None, "None"), ("int32", "int32"), (object(), "object")]
)
def test_a_type_that_is_none_of_the_four_is_named(as_a_user, kind, said):
    with pytest.raises(DtypeError, match=f"got dtype.*{said}"):
        bits.format_of(kind)


def test_float64_in_32_bit_mode_says_what_to_write():
    with jax.enable_x64(False), pytest.raises(DtypeError, match="enable_x64"):
        bits.join(jnp.float32(0.5), jnp.int32(1), jnp.float64)
