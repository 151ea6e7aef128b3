"""Scaled values: norms, sums, products and logs over the whole range of every float type."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradchain import scaled
from gradchain._errors import NonFiniteError, ShapeError, UsageError
from gradchain.scaled import bits

DTYPES = list(bits.FORMATS)
KINDS = ["frobenius", "spectral", "max"]
SHAPE = (3, 4)

# Compiled as wholes: op by op, every primitive of every shape and type is a program of its own. That
# both ways give the same bits is a test below, and it goes op by op.
from_array = jax.jit(scaled.from_array, static_argnames="axis")
norm, log_norm = (jax.jit(f, static_argnames="kind") for f in (scaled.norm, scaled.log_norm))
multiply, add, total, matmul, log_abs = map(
    jax.jit, (scaled.multiply, scaled.add, scaled.total, scaled.matmul, scaled.log_abs)
)
to_float = jax.jit(scaled.Scaled.to_float)


def x64_for(dtype):
    return jax.enable_x64(dtype == "float64")


def eps_of(dtype):
    return max(float(jnp.finfo(dtype).eps) if dtype == "float64" else 2.0**-23, 2.0**-52)


def draw_matrix(dtype, seed, spread):
    """A matrix of random bit patterns whose entries lie within 2**spread of each other."""
    rng = np.random.default_rng(seed)
    layout = bits.FORMATS[dtype]
    low = layout.smallest_exponent - layout.precision
    centre = int(rng.integers(low + spread, layout.bias - spread))
    exponents = centre + rng.integers(-spread, spread + 1, SHAPE)
    values = np.ldexp(rng.uniform(0.5, 1, SHAPE) * rng.choice([-1, 1], SHAPE), exponents)
    return values.astype(jnp.dtype(dtype))


def exact_frobenius(array):
    with mpmath.workdps(60):
        return mpmath.sqrt(sum(mpmath.mpf(float(v)) ** 2 for v in array.astype(np.float64).ravel()))


def exact_norm(array, kind):
    entries = array.astype(np.float64)
    with mpmath.workdps(60):
        if kind == "frobenius":
            return exact_frobenius(array)
        if kind == "max":
            return mpmath.mpf(float(np.abs(entries).max()))
        top = np.abs(entries).max()
        matrix = mpmath.matrix([
            [mpmath.mpf(v) / mpmath.mpf(float(top)) for v in row] for row in entries.tolist()
        ])
        return max(mpmath.svd_r(matrix, compute_uv=False)) * mpmath.mpf(float(top))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_norms_are_those_of_exact_arithmetic_over_the_whole_range(dtype, kind):
    layout = bits.FORMATS[dtype]
    spread = min(6, layout.bias // 4)
    with x64_for(dtype):
        measure = jax.jit(lambda a: scaled.log_norm(scaled.from_array(a), kind))
        for seed in range(40):
            array = draw_matrix(dtype, seed, spread)
            if not np.any(array.astype(np.float64)):
                continue
            truth = exact_norm(array, kind)
            got = float(measure(jnp.asarray(array)))
            # Relative error of the norm: n eps; of log: that, plus one rounding of the logarithm.
            allowed = 16 * eps_of(dtype) * (1 + abs(float(mpmath.log(truth))))
            assert abs(got - float(mpmath.log(truth))) <= allowed


@pytest.mark.parametrize("dtype", DTYPES)
@given(factor=st.integers(-400, 400), seed=st.integers(0, 50))
def test_norms_are_homogeneous_for_powers_of_two_without_any_error(dtype, factor, seed):
    with x64_for(dtype):
        value = from_array(jnp.asarray(draw_matrix(dtype, seed, 3)))
        moved = scaled.Scaled(value.mantissa, value.exponent + jnp.int32(factor))
        one, two = norm(value), norm(moved)
        assert float(one.mantissa) == float(two.mantissa)
        assert int(two.exponent) - int(one.exponent) == (factor if float(one.mantissa) else 0)


@given(seed=st.integers(0, 200))
def test_norms_do_not_depend_on_the_order_of_rows_and_columns(seed):
    rng = np.random.default_rng(seed)
    array = draw_matrix("float32", seed, 5)
    shuffled = array[rng.permutation(3)][:, rng.permutation(4)]
    for kind in KINDS:
        one, two = (log_norm(from_array(jnp.asarray(a)), kind) for a in (array, shuffled))
        assert abs(float(one) - float(two)) <= 16 * 2.0**-23 * (1 + abs(float(one)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_ends_of_each_type_are_read_right(dtype):
    layout = bits.FORMATS[dtype]
    smallest = layout.smallest_exponent - layout.precision
    with x64_for(dtype):
        for power in (smallest, layout.smallest_exponent - 1, 0, layout.bias):
            one = np.ldexp(np.float64(1), power).astype(jnp.dtype(dtype))
            value = from_array(jnp.asarray(np.full((2, 2), one)))
            assert scaled.to_fraction(value)[0, 0] == Fraction(2) ** power
            assert scaled.to_fraction(norm(value)) == Fraction(2) ** (power + 1)
            back = np.asarray(to_float(value))
            assert (back.astype(np.float64) == np.ldexp(1.0, power)).all()
        minus = from_array(jnp.asarray(np.array(-0.0, jnp.dtype(dtype))))
        assert float(log_abs(minus)) == -math.inf


@given(
    hnp.arrays(
        np.float32, (4,), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    ),
    hnp.arrays(
        np.float32, (4,), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
    ),
)
def test_sums_and_products_are_within_a_rounding_of_exact_ones(a, b):
    left, right = (from_array(jnp.asarray(v), axis=()) for v in (a, b))
    exact_a, exact_b = scaled.to_fraction(left), scaled.to_fraction(right)
    assert [Fraction(float(v)) for v in a] == list(exact_a)
    product = scaled.to_fraction(multiply(left, right))
    both = scaled.to_fraction(add(left, right))
    for i in range(4):
        assert abs(product[i] - exact_a[i] * exact_b[i]) <= abs(exact_a[i] * exact_b[i]) / 2**23
        larger = max(abs(exact_a[i]), abs(exact_b[i]))
        assert abs(both[i] - exact_a[i] - exact_b[i]) <= larger / 2**22


@given(seed=st.integers(0, 100))
def test_the_sum_of_all_entries_is_that_of_exact_arithmetic(seed):
    rng = np.random.default_rng(seed)
    mantissa = rng.uniform(-1, 1, (3, 4)).astype(np.float32)
    exponent = rng.integers(-3000, -2900, (3, 1)).astype(np.int32)
    value = scaled.Scaled(jnp.asarray(mantissa), jnp.asarray(exponent))
    exact = scaled.to_fraction(value)
    error = abs(scaled.to_fraction(total(value)) - exact.sum())
    assert error <= 12 * sum(abs(v) for v in exact.ravel()) / 2**23


def test_a_product_of_10000_quarters_is_exact_where_every_float_has_lost_it():
    def step(carry, _):
        return scaled.multiply(carry, scaled.from_array(jnp.float32(0.25))), None

    start = scaled.from_array(jnp.float32(1.0))
    product, _ = jax.lax.scan(step, start, None, length=10_000)
    assert scaled.to_fraction(product) == Fraction(1, 4) ** 10_000
    with mpmath.workdps(20):
        assert scaled.to_decimal(product, digits=5) == mpmath.nstr(mpmath.mpf(0.25) ** 10_000, 5)
    assert float(product.to_float()) == 0.0


def test_matrix_products_at_depth_300_agree_with_exact_integers():
    rng = np.random.default_rng(3)
    factors = rng.integers(-3, 4, (300, 4, 4))
    exact = np.array([[Fraction(int(i == j)) for j in range(4)] for i in range(4)], object)
    value = scaled.identity(4)
    for factor in factors:
        exact = exact @ factor.astype(object)
        value = matmul(value, jnp.asarray(factor.astype(np.float32)))
    truth = sum(v * v for v in exact.ravel())
    with mpmath.workdps(50):
        log_truth = float(mpmath.log(mpmath.mpf(truth.numerator) / truth.denominator) / 2)
    assert abs(float(scaled.log_norm(value)) - log_truth) <= 300 * 4 * 2.0**-23


def test_gradients_flow_through_scaled_products_to_every_factor():
    with jax.enable_x64(True):
        rng = np.random.default_rng(4)
        factors = jnp.asarray(rng.normal(size=(5, 3, 3)))

        def log_of_product(ws, shrink):
            value = scaled.identity(3, jnp.float64)
            for w in ws:
                value = scaled.matmul(value, w * shrink)
            return scaled.log_norm(value)

        def plain(ws):
            product = jnp.eye(3)
            for w in ws:
                product = product @ w
            return jnp.log(jnp.sqrt(jnp.sum(product * product)))

        expected = jax.jit(jax.grad(plain))(factors)
        # Shrunk by 1e-200 a layer the plain product is 0; the logarithm's gradient stays the same.
        for shrink in (1.0, 1e-200):
            got = jax.jit(jax.grad(log_of_product))(factors, shrink)
            np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_a_dead_value_has_log_minus_infinity_and_gradient_zero_not_nan():
    for kind in KINDS:
        measure = lambda a, kind=kind: scaled.log_norm(scaled.from_array(a), kind)
        zero = jnp.zeros((2, 2))
        assert float(jax.jit(measure)(zero)) == -math.inf
        assert not np.asarray(jax.jit(jax.grad(measure))(zero)).any()


def test_spectral_gradient_is_not_nan_at_equal_singular_values():
    measure = lambda a: scaled.log_norm(scaled.from_array(a), "spectral")
    gradient = np.asarray(jax.jit(jax.grad(measure))(jnp.eye(3)))
    assert np.isfinite(gradient).all()
    assert abs(np.trace(gradient) - 1) <= 1e-6


def test_jit_vmap_and_scan_change_no_bit():
    values = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32) * 1e-30)
    measure = lambda a: scaled.norm(scaled.from_array(a, axis=-1))
    loop = [measure(v) for v in values]
    for batched in (
        jax.vmap(measure)(values),
        jax.jit(jax.vmap(measure))(values),
        jax.lax.map(measure, values),
    ):
        assert [int(v.exponent) for v in loop] == batched.exponent.tolist()
        np.testing.assert_allclose([float(v.mantissa) for v in loop], batched.mantissa, rtol=3e-7)


def test_logarithms_near_one_do_not_cancel():
    for x in (1 - 2.0**-24, 1 + 2.0**-23, 0.999, 1.001):
        got = float(log_abs(from_array(jnp.float32(x))))
        assert abs(got - math.log(float(np.float32(x)))) <= 2.0**-22 * abs(
            math.log(float(np.float32(x)))
        )


def test_each_row_keeps_entries_that_one_exponent_for_all_would_lose():
    array = np.array([[1.0, 0.5], [1e-44, 2e-44]], np.float32)
    rows = scaled.from_array(jnp.asarray(array), axis=-1)
    assert scaled.to_fraction(rows)[1, 0] == Fraction(float(array[1, 0]))
    # The stated limit: under one exponent an entry 2**-125 below the largest is lost, not garbled.
    assert scaled.to_fraction(scaled.from_array(jnp.asarray(array)))[1, 0] == 0


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(2.0**-100, 16, "7.888609052210118e-31"), (0.25**1000, 2, None), (1.0, None, "1")],
)
def test_decimal_text_is_rounded_from_the_exact_value(value, digits, text):
    if text is None:
        quarter = scaled.Scaled(jnp.float32(0.5), jnp.int32(-1999))
        assert scaled.to_decimal(quarter, digits=2) == "8.7e-603"
    else:
        assert scaled.to_decimal(jnp.float32(value), digits=digits) == text


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_shortest_text_gives_the_float_back(x):
    text = scaled.to_decimal(jnp.float32(x))
    if abs(x) >= 2.0**-126 or x == 0:
        assert np.float32(float(text)) == np.float32(x)


def test_what_has_no_exact_value_is_refused_with_a_sentence():
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        scaled.to_fraction(jnp.float32(np.nan))
    with pytest.raises(UsageError, match="outside of jit"):
        jax.jit(lambda v: scaled.to_fraction(v) and v)(jnp.float32(1))
    with pytest.raises(
        UsageError, match="got norm='nuclear', expected one of frobenius, spectral, max"
    ):
        scaled.norm(scaled.from_array(jnp.ones(3)), "nuclear")
    with pytest.raises(ShapeError, match="needs a matrix"):
        scaled.norm(scaled.from_array(jnp.ones(3)), "spectral")
    with pytest.raises(ShapeError, match="one exponent"):
        scaled.matmul(scaled.identity(2), scaled.identity(2))


@pytest.mark.parametrize("wild", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_infinity_and_nan_are_kept_beside_the_largest_floats(wild, dtype):
    largest = jnp.finfo(dtype).max
    value = from_array(jnp.asarray([wild, largest], dtype))
    assert not bool(jnp.isfinite(value.mantissa[0]))
    assert not np.isfinite(float(log_abs(norm(value))))


@pytest.mark.parametrize("axis", [None, -1, ()])
def test_zero_has_exponent_zero(axis):
    zero = from_array(jnp.zeros((2, 3), jnp.float32), axis=axis)
    assert (np.asarray(zero.exponent) == 0).all()
    moved = scaled.rescale(scaled.Scaled(zero.mantissa, zero.exponent + 7))
    assert (np.asarray(moved.exponent) == 0).all()


def test_the_methods_are_the_functions():
    value = from_array(jnp.asarray([[3.0, -0.25], [1.0, 0.0]], jnp.float32))
    assert np.array_equal(value.log_abs(), log_abs(value))
    assert float(value.log_norm("max")) == float(log_norm(value, "max"))


def test_a_product_with_a_vector_keeps_one_exponent_a_row():
    rows = np.asarray([[3.0, 1.0], [1e-30, -2e-30]], np.float32)
    product = matmul(from_array(jnp.asarray(rows), axis=-1), jnp.asarray([2.0, 4.0], jnp.float32))
    assert product.exponent.shape == (2,)
    exact = [Fraction(2) * Fraction(float(a)) + 4 * Fraction(float(b)) for a, b in rows]
    for ours, wanted in zip(scaled.to_fraction(product), exact, strict=True):
        assert abs(ours - wanted) <= 4 * abs(wanted) * Fraction(2) ** -24


def test_an_identity_of_no_whole_size_names_the_size(as_a_user):
    with pytest.raises(UsageError, match=r"got size=2\.5"):
        scaled.identity(2.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_an_array_without_entries_has_norm_zero(kind, dtype):
    size = scaled.norm(scaled.from_array(jnp.zeros((0, 3), dtype)), kind)
    assert (size.shape, size.dtype, float(size.mantissa), int(size.exponent)) == (
        (),
        jnp.float32,
        0.0,
        0,
    )
    assert float(scaled.log_abs(size)) == -math.inf


def test_rescaling_brings_every_row_to_canonical_form_by_itself():
    rough = scaled.Scaled(
        jnp.asarray([[8.0, 2.0], [0.0625, 0.0]], jnp.float32), jnp.asarray([[3], [-5]], jnp.int32)
    )
    fine = scaled.rescale(rough)
    assert fine.mantissa.tolist() == [[0.5, 0.125], [0.5, 0.0]]
    assert fine.exponent.tolist() == [[7], [-8]]


def test_a_vector_times_a_matrix_is_their_product_and_must_fit():
    left = from_array(jnp.asarray([1.0, 2.0, 3.0], jnp.float32))
    right = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], jnp.float32)
    assert matmul(left, right).to_float().tolist() == [4.0, 5.0]
    with pytest.raises(ShapeError, match="expected"):
        scaled.matmul(left, right.T)
