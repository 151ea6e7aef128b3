"""The twenty: facts read from the table, kinks as in jax.nn, names found."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from gradchain import activations
from gradchain._errors import ActivationError
from gradchain.certify.facts import FACTS

PLAIN = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "prelu": lambda x: jax.nn.leaky_relu(x, 0.25),
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": jax.nn.gelu,
    "silu": jax.nn.silu,
    "mish": jax.nn.mish,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "erf": jax.scipy.special.erf,
    "sin": jnp.sin,
    "hard_tanh": jax.nn.hard_tanh,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "identity": lambda x: x,
}


def test_the_twenty_are_attributes_and_the_certified_ones():
    assert tuple(FACTS) == activations.NAMES
    assert len(activations.NAMES) == len(PLAIN) == 20
    for name in activations.NAMES:
        assert activations.get(name) is getattr(activations, name)


@pytest.mark.parametrize("name", activations.NAMES)
def test_values_and_slopes_are_those_of_jax_nn_in_absolute_terms(name):
    eps = np.finfo(np.float32).eps
    x = jnp.asarray(np.linspace(-12, 12, 481).astype(np.float32))
    phi = activations.get(name)
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(PLAIN[name])))(x)
    room = 8 * eps * np.maximum(1.0, np.abs(value))
    assert np.all(np.abs(phi(x) - value) <= room)
    # JAX's own slope sums terms of size |x|: its rounding, not ours, sets the room. It also takes
    # the slope 0 or 1 within rounding of a kink at 3, where x + 3 rounds to 6.
    away = np.min([np.abs(x - k) for k in (*phi.kinks, 99.0)], axis=0) > 16 * eps
    room = 16 * eps * np.maximum(1.0, np.abs(x))
    assert np.all((np.abs(phi.derivative(x) - slope) <= room) | ~away)


@pytest.mark.parametrize("name", activations.NAMES)
def test_slope_at_a_kink_follows_jax_nn(name):
    phi = activations.get(name)
    fact = FACTS[name]
    assert (phi.kinks, phi.kink_slopes, phi.convention) == (
        fact.kinks,
        fact.kink_slopes,
        fact.kink_convention,
    )
    for kink, slope in zip(phi.kinks, phi.kink_slopes, strict=True):
        at = jnp.float32(kink)
        ours, by_autodiff, theirs = phi.derivative(at), jax.grad(phi)(at), jax.grad(PLAIN[name])(at)
        assert_array_equal([ours, by_autodiff], np.float32([slope, slope]))
        assert abs(float(theirs) - slope) <= 2 * np.finfo(np.float32).eps * abs(slope)


@pytest.mark.parametrize("name", activations.NAMES)
def test_supremum_and_infimum_are_rounded_to_the_safe_side(name):
    phi, fact = activations.get(name), FACTS[name]
    ulp = Fraction(float(np.spacing(phi.derivative_sup)))
    high = Fraction(fact.sup_enclosure[1])
    assert high <= Fraction(phi.derivative_sup) < high + ulp
    low = Fraction(fact.inf_enclosure[0])
    assert low - ulp < Fraction(phi.derivative_inf) <= low
    assert phi.derivative_sup_exact == fact.sup_exact
    assert (phi.attained_at, phi.attained, phi.theorem) == (
        fact.attained_at,
        fact.attained,
        fact.theorem,
    )
    assert all(abs(slope) <= phi.derivative_sup for slope in phi.kink_slopes)


@pytest.mark.parametrize("name", activations.NAMES)
def test_supremum_is_reached_where_the_table_says(name):
    phi, fact = activations.get(name), FACTS[name]
    if fact.argmax_enclosure is None:
        places = np.array([-1e-6, 0.0, 1e-6, 0.5, 2.9999999, 40.0])
    else:
        places = np.array([float(fact.argmax_enclosure[0])])
    with jax.enable_x64(True):
        slopes = np.asarray(phi.derivative(jnp.asarray(places, jnp.float64)))
    room = 1e-5 if fact.argmax_enclosure is None else 4 * np.finfo(np.float64).eps
    assert np.max(np.abs(slopes)) >= phi.derivative_sup * (1 - room)


def test_a_number_makes_the_activation_with_that_parameter():
    steep = activations.leaky_relu(0.2)
    assert str(steep) == "leaky_relu(0.2)"
    assert steep == activations.get("leaky_relu(0.2)") != activations.leaky_relu
    assert hash(steep) == hash(activations.get(" leaky_relu( 2e-1 ) "))
    assert activations.elu(1) == activations.elu
    # With its parameter given it is a plain function, also of a number.
    with jax.enable_x64(False):  # the type that a Python number becomes
        assert_array_equal([steep.derivative(-1.0), steep(-1.0)], np.float32([0.2, -0.2]))
    assert_array_equal(activations.leaky_relu(-3.0).derivative_sup, 3.0)
    assert_array_equal(activations.celu(2.0).derivative_sup, 1.0)
    two = activations.elu(2)
    assert_array_equal([two.derivative_sup, two.derivative(0.0), two.kink_slopes[0]], [2, 2, 2])
    array = jnp.asarray([-1.0, 2.0])
    assert isinstance(activations.leaky_relu(array), jax.Array)


@pytest.mark.parametrize(
    ("text", "name"),
    [("ReLU", "relu"), ("GELU", "gelu"), ("Swish", "silu"), ("hard_swish", "hard_silu"),
     ("LeakyReLU", "leaky_relu"), (" HardTanh ", "hard_tanh"), ("Hard_SiLU", "hard_silu")],
)  # fmt: skip
def test_other_spellings_are_the_same_activation(text, name):
    assert activations.get(text) is activations.get(name)
    assert activations.get(text).name == name


def test_a_parameter_goes_with_any_spelling():
    assert activations.get("LeakyReLU(0.2)") == activations.leaky_relu(0.2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sigmoyd", "nearest are sigmoid"),
        ("leaky relu", "leaky_relu"),
        ("LEAKY-RELU", "nearest are leaky_relu, "),
        ("zzzz", "known are sigmoid"),
        ("relu(2)", "relu has no parameter"),
        ("leaky_relu(x)", "needs one number"),
        ("leaky_relu(nan)", "needs one number"),
        ("leaky_relu(1e999)", "must be finite"),
        ("celu(-1)", "must be positive"),
        ("elu(-1)", "must not be negative"),
        ("", "unknown activation ''"),
        (3, "got int as activation"),
        (jnp.tanh, "from_function"),
    ],
)
def test_a_wrong_name_gets_one_sentence_with_what_to_do(text, words):
    with pytest.raises(ActivationError, match=r"\.$") as caught:
        activations.get(text)
    assert words in str(caught.value)
