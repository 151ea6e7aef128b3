"""The kit on the package's own initializers, and on every slip that it promises to name."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import initializers
from gradchain._errors import InitializerError, UsageError
from gradchain.initializers import Initializer
from gradchain.testing import CheckFailedError, check_initializer
from gradchain.testing.initializer import fans_of


@pytest.mark.parametrize("name", [*initializers.NAMES, "orthogonal(2.0)", "normal(0.3)"])
def test_every_initializer_of_the_package_draws_the_law_it_declares(name):
    report = check_initializer(name)
    each = initializers.get(name)
    assert report.name == str(each)
    assert report.variance == each.variance(fan_in=128, fan_out=64)
    assert report.sample_size == 2**19
    assert report.false_alarm_rate == 1e-6
    assert report.power >= 0.999
    if name == "zeros":
        assert (report.variance_found, report.parts) == (0.0, ())
        return
    names = ["variance", "mean", "rows", "columns", "row pairs", "column pairs", "keys"]
    assert [part.name for part in report.parts] == names[each.law is None :]
    # What the module's text says of the default size.
    stated = {"variance": 0.0396, "mean": 0.02, "rows": 0.01, "columns": 0.01, "keys": 0.03}
    stated |= {"row pairs": 0.15, "column pairs": 0.2}
    for part in report.parts:
        assert part.detects <= stated[part.name]


@pytest.mark.parametrize("name", ["he_normal", "orthogonal"])
@pytest.mark.parametrize(
    "asked",
    [
        {"shape": (128, 64), "seed": 5},
        {"shape": (48, 8, 3, 3)},
        {"dtype": "float64"},
        {"dtype": "bfloat16"},
        {"shape": (40, 40)},
    ],
)
def test_other_shapes_types_and_seeds_pass_too(name, asked):
    report = check_initializer(name, **asked)
    assert report.power >= 0.999
    square = ("the shape is square, so swapped fans do not show.",)
    assert report.notes == (square if asked.get("shape") == (40, 40) else ())


def he(fan_in, fan_out):
    return 2 / fan_in


def test_a_callable_follows_jax_and_is_transposed_unless_it_says_otherwise():
    theirs = jax.nn.initializers.he_normal()
    check_initializer(theirs, variance=he)
    check_initializer(theirs, variance=he, shape=(32, 8, 3, 3))
    check_initializer(initializers.get(theirs), variance=he)
    ours = jax.nn.initializers.he_normal(in_axis=1, out_axis=0)
    check_initializer(ours, variance=he, layout="out_in")
    rejected(ours, "law with fan_in and fan_out swapped", variance=he)
    rejected(theirs, "law with fan_in and fan_out swapped", variance=he, layout="out_in")
    orthogonal = jax.nn.initializers.orthogonal()
    report = check_initializer(orthogonal, variance=lambda i, o: 1 / max(i, o))
    assert "does not draw bfloat16" in report.notes[0]
    assert fans_of((16, 8, 3, 3)) == (8 * 9, 16 * 9)


def test_without_a_declared_variance_the_rest_is_checked():
    report = check_initializer(jax.nn.initializers.lecun_normal())
    assert report.variance is None
    assert report.notes == ("no variance is declared, so it was not checked.",)
    assert "variance" not in report.checked
    rejected(lambda key, shape, dtype: normal(key, shape, dtype) + jnp.asarray(0.02, dtype), "mean")


def normal(key, shape, dtype):
    return jax.random.normal(key, shape, dtype)


def cut(key, shape, dtype):
    return jax.random.truncated_normal(key, -2, 2, shape, dtype) * math.sqrt(2 / shape[0])


def shared(key, shape, dtype, rho=0.01):
    # Columns as asked for are rows as (fan_out, fan_in).
    common = normal(jax.random.fold_in(key, 1), (shape[0], 1), dtype)
    return math.sqrt(1 - rho) * normal(key, shape, dtype) + math.sqrt(rho) * common


def two_equal(key, shape, dtype):
    drawn = normal(key, shape, dtype)
    return drawn.at[:, 44].set(drawn[:, 17])


FIXED = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)


def partly_fixed(key, shape, dtype):
    return normal(key, shape, dtype).at[:, 3].set(jnp.asarray(FIXED[:, 3], dtype))


def partly_common(key, shape, dtype):
    return math.sqrt(0.97) * normal(key, shape, dtype) + jnp.asarray(math.sqrt(0.03) * FIXED, dtype)


def unkeyed(key, shape, dtype):
    return normal(jax.random.key(0), shape, dtype)


def rejected(init, *words, seed=0, **declared):
    with pytest.raises(AssertionError) as caught:
        check_initializer(init, seed=seed, **declared)
    error = caught.value
    assert isinstance(error, CheckFailedError)
    for part in (error.expected, error.found, str(error.first_input), *words):
        assert part
        assert part in str(error)
    assert error.first_input.startswith(f"jax.random.split(jax.random.key({seed}), 64)")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error


@pytest.mark.parametrize(
    ("init", "variance", "words"),
    [
        (jax.nn.initializers.he_normal(in_axis=1, out_axis=0), he, "fan_out swapped"),
        (cut, he, "cut off at 2 standard deviations and not rescaled"),
        (lambda k, s, d: 0.98 * normal(k, s, d), 1.0, "a variance of 1"),
        (lambda k, s, d: 1.02 * normal(k, s, d), 1.0, "a variance of 1"),
        (lambda k, s, d: normal(k, s, d) + jnp.asarray(0.02, d), 1.0004, "a mean of 0"),
        (shared, 1.0, "shared by all rows"),
        (two_equal, 1.0, "between rows 17 and 44"),
        (partly_common, 1.0, "between successive keys"),
    ],
)
def test_a_wrong_law_is_rejected_and_named(init, variance, words):
    rejected(init, words, "standard error", variance=variance, seed=1)


def half(key, shape, dtype):
    return normal(key, shape, jnp.float32)


CALLS = []


def counts(key, shape, dtype):
    CALLS.append(0)
    return normal(jax.random.fold_in(key, len(CALLS)), shape, dtype)


@pytest.mark.parametrize(
    ("init", "words"),
    [
        (unkeyed, "ignores its key"),
        (lambda k, s, d: normal(jax.random.key(int(jax.random.bits(k) % 2)), s, d), "its key"),
        (partly_fixed, "(128 such entries)"),
        (jax.nn.initializers.constant(0.1), "the constant 0.1"),
        (jax.nn.initializers.zeros, "Declare variance=0"),
        (lambda k, s, d: normal(k, s[::-1], d), "layout='out_in'"),
        (lambda k, s, d: normal(k, (3,), d), "found (3,)"),
        (lambda k, s, d: normal(k, s, jnp.float16), "expected float32, found float16"),
        (half, "expected bfloat16, found float32"),
        (lambda k, s, d: normal(k, s, d).at[3, 4].set(jnp.nan), "nan at entry (3, 4)"),
        (lambda k, s, d: None, "NoneType"),
        (lambda k, s, d: 1 / 0, "ZeroDivisionError"),
        (lambda k, s, d: np.random.default_rng().normal(size=s).astype(d), "it keeps a state"),
        (counts, "it keeps a state"),
    ],
)
def test_what_is_no_initializer_at_all_is_named(init, words):
    rejected(init, words, variance=1.0 if "variance" not in words else None)


def test_a_declared_zero_means_zeros():
    assert check_initializer(jax.nn.initializers.zeros, variance=0).power == 1.0
    rejected(jax.nn.initializers.ones, "1.0 at entry (0, 0)", variance=0)


def test_an_initializer_noun_whose_sampler_is_off_is_rejected():
    lying = Initializer("lying", (), lambda i, o: 1 / i, lambda k, s, d: normal(k, s, d) * 0.12)
    error = rejected(lying, "lying of shape (64, 128): variance")
    assert "a variance of 0.0078125" in error.expected
    rejected(initializers.he_normal, "variance", variance=1.0)
    rejected("he_normal", "variance", variance=lambda fan_in, fan_out: 2 / fan_out)


def test_entries_may_be_dependent_or_heavy_tailed_without_false_alarms():
    check_initializer(lambda k, s, d: jax.random.laplace(k, s, d), variance=2.0)
    check_initializer(lambda k, s, d: jax.random.rademacher(k, s, d), variance=1.0)

    def sparse(key, shape, dtype):
        mask = jax.random.bernoulli(jax.random.fold_in(key, 1), 0.1, shape)
        return normal(key, shape, dtype) * mask.astype(dtype) * math.sqrt(10)

    check_initializer(sparse, variance=1.0)


def test_too_few_draws_are_said_to_have_no_power():
    report = check_initializer("he_normal", draws=8, shape=(3, 5))
    assert report.power < 0.5
    assert "pass more draws than 8" in report.notes[-1]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("init", "asked"),
    [
        (3, {}),
        ("no_such_name", {}),
        (normal, {"variance": -1.0}),
        (normal, {"variance": lambda fan_in, fan_out: math.nan}),
        (normal, {"variance": "much"}),
        (normal, {"shape": (3,)}),
        (normal, {"shape": (0, 3)}),
        (normal, {"draws": 3}),
        (normal, {"layout": "sideways"}),
    ],
)
def test_arguments_that_make_no_sense_are_not_taken_for_a_failed_check(init, asked):
    with pytest.raises(InitializerError, match=r"\.$"):
        check_initializer(init, **asked)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("seed", [2**32, -1, True, 0.5])
def test_a_seed_that_jax_would_take_for_another_is_refused(seed):
    with pytest.raises(UsageError, match=r"seed=.*from 0 to 4294967295"):
        check_initializer("he_normal", seed=seed)
