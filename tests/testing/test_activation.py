"""The kit on the package's own activations, and on every slip that it promises to name."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations
from gradchain._errors import ActivationError
from gradchain.testing import CheckFailedError, check_activation


@pytest.mark.parametrize("name", [*activations.NAMES, "leaky_relu(-3)", "elu(5)", "celu(0.1)"])
def test_every_activation_of_the_package_is_what_it_declares(name):
    phi = activations.get(name)
    report = check_activation(phi, tight=True)
    assert report.name == str(phi)
    assert report.derivative_sup == phi.derivative_sup
    # The supremum, attained or a limit, is met to a millionth by the numbers tried.
    assert phi.derivative_sup * (1 - 1e-6) <= report.derivative_sup_found
    assert report.derivative_sup_found <= phi.derivative_sup * (1 + 256 * np.finfo(float).eps)
    assert report.derivative_error <= report.tolerance
    assert (report.false_alarm_rate, report.notes) == (0.0, ())
    assert report.points > 100_000
    assert not jax.config.jax_enable_x64


PLAIN = {
    "relu6": (0.0, 6.0),
    "softplus": (),
    "silu": (),
    "log_sigmoid": (),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_functions_of_jax_pass_and_their_kinks_must_be_declared(name):
    fn = getattr(jax.nn, name)
    check_activation(fn, kinks=PLAIN[name])
    if PLAIN[name]:
        with pytest.raises(CheckFailedError, match="Declare it") as caught:
            check_activation(fn)
        assert abs(caught.value.first_input) in {abs(kink) for kink in PLAIN[name]}


def rejected(fn, *words, at=None, **declared):
    with pytest.raises(AssertionError) as caught:
        check_activation(fn, **declared)
    error = caught.value
    assert isinstance(error, CheckFailedError)
    assert error.expected
    assert error.found
    assert error.first_input is not None
    for part in (error.expected, error.found, str(error.first_input), *words):
        assert part in str(error)
    if at is not None:
        assert abs(error.first_input - at[0]) <= at[1], error
    return error


@pytest.mark.parametrize(
    ("fn", "supremum"),
    [
        (jax.nn.sigmoid, 0.25),
        (jax.nn.softplus, 1.0),  # approached at infinity
        (activations.hard_silu, 1.5),  # approached at a kink
        (lambda x: 100 * x, 100.0),
    ],
)
def test_a_supremum_a_thousandth_too_small_is_rejected(fn, supremum):
    for declared in (supremum * (1 - 1e-3), supremum - 1e-3):
        rejected(fn, "derivative_sup", derivative_sup=max(0.0, declared))
    check_activation(fn, derivative_sup=supremum)


def test_a_supremum_a_hundredth_too_large_is_noted_and_with_tight_rejected():
    loose = check_activation(jnp.sin, derivative_sup=1.01)
    assert "hardly the supremum" in loose.notes[0]
    rejected(jnp.sin, "tight", derivative_sup=1.01, tight=True)


def bump(x, centre):
    # A smooth hump of height 1 and width 0.01, 0 outside.
    u = jnp.clip((x - centre) / 0.005, -1.0, 1.0)
    return (1 - u * u) ** 4


def bump_integral(x, centre):
    u = jnp.clip((x - centre) / 0.005, -1.0, 1.0)
    return 0.005 * (u - 4 * u**3 / 3 + 6 * u**5 / 5 - 4 * u**7 / 7 + u**9 / 9)


H = 1e-3
SPIKES = {
    "in value": lambda c: (lambda x: jnp.tanh(x) + H * bump(x, c), {"derivative_sup": 1.0}),
    "in slope, below the supremum": lambda c: (
        lambda x: jnp.tanh(x) + H * bump_integral(x, c),
        {"derivative_sup": 2.0},
    ),
    "in slope, beside a kink": lambda c: (
        lambda x: jax.nn.relu(x) + H * bump_integral(x, c),
        {"kinks": (0.0,)},
    ),
    "square": lambda c: (
        lambda x: jnp.tanh(x) + jnp.where(jnp.abs(x - c) < 0.005, H, 0.0),
        {"derivative_sup": 1.0},
    ),
    "in the derivative alone": lambda c: (
        jnp.tanh,
        {"derivative": lambda x: activations.tanh.derivative(x) - H * bump(x, c)},
    ),
}


@pytest.mark.parametrize("kind", SPIKES)
@pytest.mark.parametrize("centre", [-9.995, 0.007, 9.9951])
def test_a_spike_of_width_one_hundredth_is_rejected_wherever_it_sits(kind, centre):
    fn, declared = SPIKES[kind](centre)
    rejected(fn, at=(centre, 0.011), **declared)


def test_a_feature_that_is_meant_passes_with_a_smaller_finest():
    check_activation(lambda x: jnp.tanh(30 * x), derivative_sup=30.0)
    rejected(lambda x: jnp.tanh(300 * x), "finest=0.01", derivative_sup=300.0)
    check_activation(lambda x: jnp.tanh(300 * x), derivative_sup=300.0, finest=0.001)


def test_a_wrong_value_at_a_kink_is_rejected():
    def off(x):
        return jnp.where(x == 0, 1e-6, jax.nn.relu(x))

    rejected(off, "value at the kink", kinks=(0.0,), at=(0.0, 0.0))

    def step(x):
        return jnp.where(x > 2, x, 0.5 * x)

    rejected(step, "value at the kink", kinks=(2.0,), at=(2.0, 0.0))
    at_two = rejected(lambda x: jnp.where(x == 2, 5.0, jnp.tanh(x)), "a jump", at=(2.0, 1e-9))
    assert "5.0" in at_two.found


def test_a_wrong_slope_at_a_kink_is_rejected():
    def slope(at_zero):
        return lambda x: jnp.where(x > 0, 1.0, jnp.where(x == 0, at_zero, 0.0)).astype(x.dtype)

    check_activation(jax.nn.relu, derivative=slope(0.5), kinks=(0.0,))
    for wrong in (-0.1, 2.0):
        rejected(jax.nn.relu, "slopes of its sides", derivative=slope(wrong), kinks=(0.0,))
    check_activation(lambda x: jnp.maximum(x, 0), kinks=(0.0,), kink_slopes=(0.5,))
    rejected(jax.nn.relu, "0.5, as declared", kinks=(0.0,), kink_slopes=(0.5,), at=(0.0, 0.0))
    rejected(activations.relu, "1.0, as declared", kinks=(0.0,), kink_slopes=(1.0,))
    notes = check_activation(jnp.tanh, kinks=(1.0,)).notes
    assert notes == ("no jump of phi' was seen at the kink 1.0.",)


@pytest.mark.parametrize(
    ("fn", "declared", "size"),
    [
        (lambda x: jnp.where(jnp.abs(x) >= 1e30, jnp.nan, jnp.tanh(x)), {}, 1e30),
        (
            lambda x: jnp.where(x == jnp.float32(1e30).astype(x.dtype), jnp.nan, jnp.tanh(x)),
            {},
            1e30,
        ),
        (
            jnp.tanh,
            {"derivative": lambda x: jnp.where(x >= 1e30, jnp.nan, 1 - jnp.tanh(x) ** 2)},
            1e30,
        ),
        (lambda x: jnp.where(x == -3, jnp.inf, x), {}, 3),
        (jax.nn.gelu, {"dtypes": ("float32",)}, 2.0**64),  # x * x leaves float32
        (lambda x: x / jnp.sqrt(1 + x * x), {"dtypes": ("float32",)}, 2.0**127),
    ],
)
def test_nan_far_out_is_rejected(fn, declared, size):
    error = rejected(fn, "a finite number", **declared)
    assert abs(error.first_input) == pytest.approx(size, rel=1e-6)


def test_infinity_is_right_only_beyond_the_type():
    check_activation(lambda x: x * x)
    check_activation(jnp.exp)
    rejected(lambda x: jnp.log(1 + jnp.exp(x)), "phi")
    collapsed = rejected(lambda x: x / jnp.sqrt(1 + x * x), "its value in float64", largest=1e30)
    assert collapsed.first_input == pytest.approx(2.0**64)
    rejected(lambda x: x * x, "derivative_sup", derivative_sup=1e9)
    check_activation(lambda x: x / jnp.sqrt(1 + x * x), derivative_sup=1.0, largest=1e6)


def test_a_derivative_that_is_not_the_derivative_is_rejected():
    def exact(x):
        return 1 - jnp.square(jnp.tanh(x))

    check_activation(jnp.tanh, derivative=exact)
    # sqrt(eps) of float64 is 1.5e-8: a relative error of 1e-6 shows, one of 1e-9 does not.
    check_activation(jnp.tanh, derivative=lambda x: exact(x) * (1 + 1e-9))
    for wrong in (lambda x: 1 - jnp.tanh(x), lambda x: exact(x) * (1 + 1e-6)):
        error = rejected(jnp.tanh, "the mean slope of phi", derivative=wrong)
        assert abs(error.first_input) < 0.01
    far = rejected(
        lambda x: jnp.where(x > 60, 60.0, x),
        "no kink",
        derivative=lambda x: (x <= 60).astype(x.dtype),
    )
    assert abs(far.first_input - 60) < 1e-9


@jax.custom_vjp
def reverse_only(x):
    return jnp.tanh(x)


reverse_only.defvjp(lambda x: (jnp.tanh(x), x), lambda x, g: (g * (1 - jnp.tanh(x) ** 2),))


def test_either_mode_of_autodiff_will_do_but_they_must_agree():
    check_activation(reverse_only, derivative_sup=1.0)

    def root(x):
        return jnp.where(x > 0.25, jnp.sqrt(x), x + 0.25)

    rejected(root, "jax.grad", "nan", kinks=(0.25,))

    def guarded(x):
        return jnp.where(x > 0.25, jnp.sqrt(jnp.where(x > 0.25, x, 1.0)), x + 0.25)

    check_activation(guarded)


LEAKED = []
CALLS = []


def leaks(x):
    LEAKED.append(x)
    return jnp.tanh(x)


def counts(x):
    CALLS.append(0)
    return x * len(CALLS)


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (lambda x: x if x > 0 else 0 * x, "jnp.where"),
        (lambda x: jnp.asarray(np.tanh(x)), "jnp functions"),
        (lambda x: x - jnp.mean(x), "each entry alone"),
        (lambda x: jnp.cumsum(x, axis=0) if x.ndim == 2 else x, "each entry alone"),
        (lambda x: jnp.sum(x), "the shape and dtype of x"),
        (lambda x: (x > 0).astype(jnp.int32), "found int32[]"),
        (lambda x: x.astype(jnp.float32), "found float32[]"),
        (jax.nn.softmax, "ValueError"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: x + float(np.random.default_rng().random()), "It keeps a state"),
        (counts, "It keeps a state"),
        (leaks, "no side effects"),
    ],
)
def test_what_is_no_activation_at_all_is_named(fn, words):
    rejected(fn, words)
    LEAKED.clear()


def test_a_function_wrong_in_float32_alone_is_rejected():
    def rough(x):
        return jnp.tanh(x) + (
            jnp.where(x > 4, 1e-3, 0.0).astype(x.dtype) if x.dtype == "float32" else 0
        )

    rejected(rough, "its value in float64")
    check_activation(lambda x: jnp.tanh(x.astype(jnp.float32)), dtypes=("float32",))


def test_the_outcome_is_the_same_every_time_whatever_the_flags():
    first = check_activation(jax.nn.silu, derivative_sup=1.1)
    with jax.enable_x64(True), jax.debug_nans(True):
        again = check_activation(jax.nn.silu, derivative_sup=1.1)
    assert first == again


def test_a_failure_survives_pickling():
    error = rejected(jnp.tanh, derivative_sup=0.5)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.first_input) == (str(error), error.first_input)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("fn", "declared"),
    [
        (3, {}),
        ("no_such_name", {}),
        (jnp.tanh, {"derivative_sup": -1}),
        (jnp.tanh, {"derivative_sup": float("nan")}),
        (jnp.tanh, {"derivative_sup": "much"}),
        (jnp.tanh, {"derivative": 1.0}),
        (jnp.tanh, {"kinks": (float("inf"),)}),
        (jnp.tanh, {"kinks": (0.0,), "kink_slopes": (1.0, 2.0)}),
        (jnp.tanh, {"finest": 0.0}),
        (jnp.tanh, {"largest": 10.0}),
        (jnp.tanh, {"dtypes": ("float16",)}),
    ],
)
def test_arguments_that_make_no_sense_are_not_taken_for_a_failed_check(fn, declared):
    with pytest.raises(ActivationError, match=r"\.$"):
        check_activation(fn, **declared)
