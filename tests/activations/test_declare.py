"""An activation of the user's own, and the slips that a declaration may hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gradchain import activations
from gradchain._errors import ActivationError


def hat(x):
    return jnp.maximum(1 - jnp.abs(x), 0)


def uphill(x):
    """Minus the slope of `hat`."""
    return jnp.where(jnp.abs(x) < 1, jnp.sign(x), 0)


def test_four_lines_add_an_activation():
    softish = activations.from_function(
        "softish", lambda x: x / jnp.sqrt(1 + x * x),
        derivative=lambda x: (1 + x * x) ** -1.5, derivative_sup=1.0,
    )  # fmt: skip
    x = jnp.asarray([-3.0, 0.0, 4.0], jnp.float32)
    assert_array_equal(jax.vmap(jax.grad(softish))(x), softish.derivative(x))
    assert_array_equal(softish.derivative_sup, 1.0)
    for dtype in ("float16", "bfloat16"):
        half = x.astype(dtype)
        assert softish(half).dtype == softish.derivative(half).dtype == half.dtype
    assert activations.get(softish) is softish


def test_without_a_derivative_autodiff_stands_in_and_no_supremum_is_invented():
    square = activations.from_function("square", lambda x: x * x)
    assert_array_equal(square.derivative(3.0), 6.0)
    assert square.derivative_sup is None
    # Reverse mode would give NaN at -1 here: 0 * inf from the branch that was not taken.
    root = activations.from_function("root", lambda x: jnp.where(x > 0.25, jnp.sqrt(x), x + 0.25))
    assert_array_equal(jax.grad(root)(-1.0), 1.0)
    bent = activations.from_function("hat", hat, kinks=[1, 0, -1.0], derivative_sup=1)
    assert bent.kinks == (-1.0, 0.0, 1.0)
    assert bent.kink_slopes == tuple(float(jax.grad(hat)(k)) for k in bent.kinks)


def test_the_same_name_with_another_function_is_another_activation():
    # Else jax.jit would run the first one's compiled program for the second.
    first = activations.from_function("mine", lambda x: 2 * x)
    second = activations.from_function("mine", lambda x: 3 * x)
    assert first != second
    compiled = jax.jit(lambda x, phi: phi(x), static_argnums=1)
    assert (float(compiled(jnp.ones(()), first)), float(compiled(jnp.ones(()), second))) == (2, 3)


@pytest.mark.parametrize(
    ("fn", "more", "words"),
    [
        (hat, {}, "jumps from 0.0 to 1.0 at x = -1.0"),
        (hat, {"kinks": (-1, 0, 1), "derivative_sup": 0.5}, "derivative_sup of mine is 0.5"),
        (lambda x: jnp.where(x < -100, 3 * x, x), {"derivative_sup": 1}, "(-128.0)| = 3.0"),
        (lambda x: jnp.where(x > 100, -3 * x, x), {"derivative_sup": 1}, "(128.0)| = 3.0"),
        (hat, {"kinks": (-1, 0, 1), "derivative": uphill}, "autodiff of fn gives"),
        (jnp.tanh, {"derivative": lambda x: 1 - jnp.tanh(x)}, "autodiff of fn gives"),
        (jnp.tanh, {"derivative": lambda x: jnp.sum(x)}, "derivative of mine turned float32"),
        (jnp.tanh, {"derivative": 1.0}, "derivative of mine is 1.0, expected a function"),
        (jnp.tanh, {"derivative_sup": float("nan")}, "expected a finite number >= 0"),
        (jnp.tanh, {"derivative_sup": -1}, "expected a finite number >= 0"),
        (jnp.tanh, {"kinks": (float("inf"),)}, "expected a tuple of finite numbers"),
        (jnp.log, {}, "is nan at x"),
        (jnp.tanh, {"derivative": jnp.log}, "phi' of mine is nan at x = -7.98"),
        (lambda x: jnp.sqrt(jnp.abs(x)), {"kinks": (0,)}, "phi' of mine is inf at x = 0.0"),
        (lambda x: x - jnp.mean(x), {}, "mixes entries"),
        (
            lambda x: jnp.sum(x),
            {},
            "fn of mine turned float32 of shape (2, 3) into float32 of shape ()",
        ),
        (lambda x: (x > 0).astype(jnp.int32), {}, "into int32 of shape ()"),
        (lambda x: x if x > 0 else 0 * x, {}, "jnp.where"),
        (lambda x: jnp.asarray(np.tanh(x)), {}, "jnp functions"),
        (lambda x: 1 / {}["missing"], {}, "KeyError"),
    ],
)
def test_a_wrong_declaration_is_named_with_the_point_where_it_fails(fn, more, words):
    with pytest.raises(ActivationError, match=r"[.'\]]$") as caught:
        activations.from_function("mine", fn, **more)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["Mine", "my act", "", "tanh", "1st"])
def test_a_name_that_cannot_be_a_key_or_is_taken_is_refused(name):
    with pytest.raises(ActivationError):
        activations.from_function(name, jnp.tanh)


def test_a_steep_smooth_function_is_not_taken_for_a_kink():
    assert activations.from_function("steep", lambda x: jnp.tanh(30 * x)).kinks == ()


@pytest.mark.parametrize("name", ["a" * 3000, "Big", "", None, np.ones((2, 2))])
def test_a_bad_name_gets_one_short_line(as_a_user, name):
    with pytest.raises(ActivationError, match=r"name is .* expected up to 100") as caught:
        activations.from_function(name, jnp.tanh)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_an_own_activation_says_where_its_slope_at_a_kink_comes_from():
    auto = activations.from_function("bent", hat, kinks=(-1, 0, 1))
    assert auto.convention == "what autodiff gives"
    told = activations.from_function("line", lambda x: 2 * x, derivative=lambda x: 0 * x + 2)
    assert told.convention == "what derivative gives"


@pytest.mark.parametrize("kink", [-1.0, 0.5])
def test_the_slope_at_a_declared_kink_is_the_users_own_choice(kink):
    # Autodiff of a maximum gives 1/2 where both are equal, which need not be the user's convention.
    kink = float(np.float32(kink + 0.0123))
    ramp = activations.from_function(
        "ramp",
        lambda x: jnp.maximum(x - jnp.float32(kink), 0),
        derivative=lambda x: (x > jnp.float32(kink)).astype(x.dtype),
        kinks=(kink,),
        derivative_sup=1.0,
    )
    assert (ramp.kinks, ramp.kink_slopes) == ((kink,), (0.0,))


def test_a_continuous_slope_that_rises_steeply_is_not_taken_for_a_jump():
    # phi' = sign(x) |x|^(1/8) is continuous, and vertical at 0.
    power = activations.from_function(
        "power",
        lambda x: jnp.abs(x) ** 1.125 / 1.125,
        derivative=lambda x: jnp.sign(x) * jnp.abs(x) ** 0.125,
    )
    assert power.kinks == ()


def test_the_rounding_noise_of_a_steep_slope_is_not_taken_for_a_jump():
    def noisy(x):
        return 1e4 * (1 + x / 3) - 1e4 * (x / 3)  # 10 000 up to a few ulp of 27 000

    steep = activations.from_function("steep", lambda x: 1e4 * x, derivative=noisy)
    assert steep.kinks == ()


def test_a_function_without_a_forward_derivative_needs_one_of_its_own():
    @jax.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    with pytest.raises(ActivationError, match=r"forward mode \(TypeError\); pass derivative="):
        activations.from_function("cube", cube)
    told = activations.from_function("cube", cube, derivative=lambda x: 3 * x**2)
    assert float(told.derivative(2.0)) == 12


def test_what_is_no_function_is_refused_as_what_it_is(as_a_user):
    with pytest.raises(ActivationError, match=r"fn of mine is 1\.0, expected a function"):
        activations.from_function("mine", 1.0)
