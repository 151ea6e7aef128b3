"""Declared variance against drawn weights, on shapes that are not square.

False alarms: draws are seeded, so a run repeats; over fresh seeds each z-test below fails a right
initializer with probability 2e-8 (|z| < 5.6) and each Kolmogorov test with 2e-8 (D sqrt(N) < 3.04),
so all of them together with less than 1e-6.
"""

import copy
import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import initializers
from gradchain._errors import DtypeError, InitializerError, ShapeError

Z, KOLMOGOROV = 5.6, 3.04
WIDE, TALL = (96, 320), (320, 96)
# (variance for fan_in = 320, fan_out = 96 and for the transpose; kind of law), from the papers.
EXPECTED = {
    "glorot_uniform": (2 / 416, 2 / 416, "uniform"),
    "glorot_normal": (2 / 416, 2 / 416, "truncated"),
    "he_uniform": (2 / 320, 2 / 96, "uniform"),
    "he_normal": (2 / 320, 2 / 96, "truncated"),
    "lecun_uniform": (1 / 320, 1 / 96, "uniform"),
    "lecun_normal": (1 / 320, 1 / 96, "truncated"),
    "torch_uniform": (1 / 960, 1 / 288, "uniform"),
    "normal(0.05)": (0.0025, 0.0025, "normal"),
    "truncated_normal(0.05)": (0.0025 * 0.773741303549923, 0.0025 * 0.773741303549923, "truncated"),
    "glorot_gaussian": (2 / 416, 2 / 416, "normal"),
    "he_gaussian": (2 / 320, 2 / 96, "normal"),
    "lecun_gaussian": (1 / 320, 1 / 96, "normal"),
    "he_fan_out_uniform": (2 / 96, 2 / 320, "uniform"),
    "he_fan_out_normal": (2 / 96, 2 / 320, "truncated"),
    "he_fan_out_gaussian": (2 / 96, 2 / 320, "normal"),
    "he_leaky_uniform(0.5)": (1.6 / 320, 1.6 / 96, "uniform"),
    "he_leaky_normal(-2)": (0.4 / 320, 0.4 / 96, "truncated"),
    "he_leaky_gaussian": (2 / 1.0001 / 320, 2 / 1.0001 / 96, "normal"),
    "haiku_truncated_normal": (0.773741303549923 / 320, 0.773741303549923 / 96, "truncated"),
    "1.5 * lecun_normal": (2.25 / 320, 2.25 / 96, "truncated"),
    "0.5 * normal(0.1)": (0.0025, 0.0025, "normal"),
}
# Variance of N(0, 1) kept to [-2, 2] is 0.7737413035; its fourth moment over that squared is the
# kurtosis, E Z^4 = 3 - (8 + 6) * 2 pdf(2)/(Phi(2) - Phi(-2)) by partial integration.
CUT = 0.773741303549923
_PDF_OVER_MASS = math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
KURTOSIS = {"uniform": 1.8, "normal": 3.0, "truncated": (3 - 28 * _PDF_OVER_MASS) / CUT**2}


def law_cdf(kind, x):
    """Return the distribution function of the law with variance 1."""
    phi = np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)))
    if kind == "uniform":
        return (x / math.sqrt(3) + 1) / 2
    if kind == "normal":
        return phi(x)
    return (phi(x * math.sqrt(CUT)) - phi(-2.0)) / math.erf(math.sqrt(2))


def second_moment_z(weights, variance, kurtosis):
    """Return how many standard errors the mean square lies from the declared variance."""
    squares = np.asarray(weights, np.float64) ** 2
    return (squares.mean() / variance - 1) / math.sqrt((kurtosis - 1) / squares.size)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_weights_have_the_declared_law_on_a_non_square_matrix(name, shape):
    each = initializers.get(name)
    wide, tall, kind = EXPECTED[name]
    variance = wide if shape == WIDE else tall
    assert each.variance(fan_in=shape[1], fan_out=shape[0]) == pytest.approx(variance, rel=1e-14)
    assert each.variance_of(shape) == each.variance(shape[1], shape[0])
    weights = np.asarray(each.sample(jax.random.key(7), shape, jnp.float32), np.float64)
    assert weights.shape == shape
    assert abs(second_moment_z(weights, variance, KURTOSIS[kind])) < Z
    assert abs(weights.mean()) < Z * math.sqrt(variance / weights.size)
    limit = {"uniform": math.sqrt(3), "truncated": 2 / math.sqrt(CUT), "normal": math.inf}[kind]
    assert np.abs(weights).max() <= limit * math.sqrt(variance) * (1 + 1e-6)
    assert each.bound(shape[1], shape[0]) == pytest.approx(limit * math.sqrt(variance), rel=1e-14)
    assert each.kurtosis == pytest.approx(KURTOSIS[kind], rel=1e-14)
    ordered = np.sort(weights.ravel()) / math.sqrt(variance)
    steps = np.arange(ordered.size + 1) / ordered.size
    distance = law_cdf(kind, ordered)
    gap = max(np.max(np.abs(distance - steps[1:])), np.max(np.abs(distance - steps[:-1])))
    assert gap * math.sqrt(ordered.size) < KOLMOGOROV


@pytest.mark.parametrize("shape", [WIDE, (320, 8, 3, 3)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_orthogonal_rows_or_columns_are_orthonormal_to_rounding(shape, dtype):
    with jax.enable_x64(dtype == "float64"):
        each = initializers.orthogonal(1.5)
        weights = each.sample(jax.random.key(3), shape, dtype)
        assert weights.dtype == dtype
        matrix = np.asarray(weights, np.float64).reshape(shape[0], -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    eps = float(jnp.finfo(dtype).eps)
    assert np.abs(gram - 2.25 * np.eye(len(gram))).max() <= 16 * eps * 2.25
    # The sum of squares is fixed, so the declared variance holds in every draw.
    assert np.mean(matrix**2) == pytest.approx(each.variance_of(shape), rel=16 * eps)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_unit_spectral_has_two_norm_one(dtype):
    with jax.enable_x64(dtype == "float64"):
        weights = initializers.unit_spectral.sample(jax.random.key(5), (12, 3, 2, 2), dtype)
        assert weights.dtype == dtype
        matrix = np.asarray(weights, np.float64).reshape(12, 12)
    assert abs(np.linalg.norm(matrix, 2) - 1) <= 16 * float(jnp.finfo(dtype).eps)
    assert initializers.unit_spectral.variance(12, 12) is None


@pytest.mark.parametrize("name", initializers.NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtype_asked_for_is_dtype_drawn(name, dtype):
    with jax.enable_x64(dtype == "float64"):
        weights = initializers.get(name).sample(jax.random.key(0), (3, 5), dtype)
        assert (weights.dtype, weights.shape) == (jnp.dtype(dtype), (3, 5))
        assert bool(jnp.isfinite(weights).all())
        assert (name == "zeros") == (not weights.any())


def test_bfloat16_weights_are_float32_weights_rounded_once():
    # JAX's own bfloat16 uniform has 128 values a sign; its variance is off by 1/128 at times.
    key = jax.random.key(11)
    half = initializers.he_uniform.sample(key, WIDE, jnp.bfloat16)
    full = initializers.he_uniform.sample(key, WIDE, jnp.float32)
    assert bool((half == full.astype(jnp.bfloat16)).all())


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform"])
def test_kernel_counts_its_receptive_field(name):
    shape = (40, 24, 3, 5)
    each = initializers.get(name)
    fans = {"he_normal": 24 * 15 / 2, "glorot_uniform": (24 + 40) * 15 / 2}
    assert each.variance_of(shape) == pytest.approx(1 / fans[name], rel=1e-14)
    weights = each.sample(jax.random.key(2), shape, jnp.float32)
    kurtosis = KURTOSIS["truncated" if name == "he_normal" else "uniform"]
    assert abs(second_moment_z(weights, each.variance_of(shape), kurtosis)) < Z


@pytest.mark.parametrize("shape", [(512, 128), (16, 8, 3, 3), (16, 8, 5)])
def test_a_users_callable_follows_jax_and_is_transposed(shape):
    key, theirs = jax.random.key(4), jax.nn.initializers.he_normal()
    mine = initializers.get(theirs)
    drawn = np.asarray(theirs(key, (*shape[2:], shape[1], shape[0]), jnp.float32))
    axes = (drawn.ndim - 1, drawn.ndim - 2, *range(drawn.ndim - 2))
    weights = mine.sample(key, shape, jnp.float32)
    np.testing.assert_array_equal(weights, drawn.transpose(axes))
    variance = initializers.he_normal.variance_of(shape)
    assert abs(second_moment_z(weights, variance, KURTOSIS["truncated"])) < Z
    assert mine.variance_of(shape) is None
    assert mine == initializers.get(theirs) != initializers.get(jax.nn.initializers.he_normal())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key, shape, dtype: jnp.zeros(shape[::-1], dtype), "asked for shape (5, 3)"),
        (lambda key, shape, dtype: jnp.zeros(shape, jnp.bfloat16), "returned bfloat16"),
        (lambda key, shape, dtype: None, "return an array"),
        (lambda key, shape, dtype: [[1.0], [2.0, 3.0]], "returned list; return an array"),
        (lambda key, shape: jnp.zeros(shape), "expected a function of (key, shape, dtype)"),
        (lambda key, shape, dtype: 1 / 0, "raised ZeroDivisionError (division by zero)"),
    ],
)
def test_a_callable_that_returns_something_else_is_named(call, words):
    with pytest.raises(InitializerError) as caught:
        initializers.get(call).sample(jax.random.key(0), (3, 5), jnp.float32)
    assert words in str(caught.value)


def test_names_parameters_and_equality():
    assert initializers.get("orthogonal") is initializers.orthogonal
    assert initializers.get("orthogonal(2.0)") == initializers.orthogonal(2)
    assert str(initializers.normal(0.05)) == "normal(0.05)"
    assert initializers.get("xavier_uniform") is initializers.glorot_uniform
    assert initializers.get("kaiming_normal") is initializers.he_normal
    assert initializers.get("HeNormal") is initializers.get("HE_NORMAL") is initializers.he_normal
    assert len({initializers.get(name) for name in initializers.NAMES}) == len(initializers.NAMES)
    for each in (initializers.he_normal, initializers.orthogonal(2.0)):
        assert copy.deepcopy(each) == each == pickle.loads(pickle.dumps(each))
        assert each(jax.random.key(0), (2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("he_norml", "nearest are he_normal"),
        ("he", "expected he_normal or he_uniform"),
        ("Kaiming", "expected he_normal or he_uniform"),
        ("glorot", "expected glorot_normal or glorot_uniform"),
        ("xavier", "expected glorot_normal or glorot_uniform"),
        ("zzzz", "known are"),
        ("orthogonal(x)", "needs one number"),
        ("orthogonal(0)", "expected a positive finite number"),
        ("normal(1e999)", "expected a positive finite number"),
        ("he_normal(2)", "takes no number"),
        ("he_leaky", "expected he_leaky_normal or he_leaky_uniform or he_leaky_gaussian"),
        ("he_leaky_normal(1e999)", "expected a finite number"),
        ("delta_orthogonal(-1)", "expected a positive finite number"),
        ("0 * he_normal", "gain is 0.0, expected a positive finite number"),
        ("1e999 * he_normal", "gain is inf, expected"),
        ("2 * he_norml", "nearest are he_normal"),
        ("2 he_normal", "unknown initializer"),
        ("* he_normal", "unknown initializer"),
        (3, "got int as initializer"),
    ],
)
def test_a_wrong_name_gets_one_sentence_with_what_to_do(asked, words):
    with pytest.raises(InitializerError, match=r"\.$") as caught:
        initializers.get(asked)
    assert words in str(caught.value)


def test_wrong_shapes_fans_types_and_keys_are_refused():
    key = jax.random.key(0)
    for shape in ((3,), (), (0, 3), (3, -1), (3, 2, 0)):
        with pytest.raises(ShapeError, match="expected"):
            initializers.he_normal.sample(key, shape)
        with pytest.raises(ShapeError, match="expected"):
            initializers.he_normal.variance_of(shape)
    for fans in ((0, 3), (3, -1)):
        with pytest.raises(ShapeError, match="expected a positive whole number"):
            initializers.he_normal.variance(*fans)
    for dtype in (jnp.int32, jnp.complex64, "nonsense"):
        with pytest.raises(DtypeError, match="use one of"):
            initializers.he_normal.sample(key, (2, 3), dtype)
    with jax.enable_x64(False), pytest.raises(DtypeError, match="enable_x64"):
        initializers.he_normal.sample(key, (2, 3), jnp.float64)
    with pytest.raises(InitializerError, match=r"use jax\.random\.key"):
        initializers.he_normal.sample(0, (2, 3))
