"""Closed forms against the quadrature, both against sampling and against mpmath."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gradchain import activations, gaussian
from gradchain._errors import UsageError
from gradchain.gaussian import closed

Q = np.array([1e-6, 0.1, 1.0, 12.0, 400.0])
# sin at 12 still moves slowly enough for the double rule.
PAIRS_Q = np.array([12.0, 0.3, 0.3, 1.0, 12.0, 2.0, 0.3, 12.0, 0.3])
C = np.array([-1.0, -0.9999, -0.3, 0.0, 0.5, 0.95, 0.9999, 1 - 1e-9, 1.0])


def _twin(name):
    """The same activation under a name that has no closed form."""
    own = activations.get(name)
    return activations.from_function(
        f"twin_{own.name}", own.function, derivative=own.slope, kinks=own.kinks
    )


@pytest.mark.parametrize("name", ["relu", "leaky_relu(0.2)", "erf", "gelu", "identity", "sin",
                                  "hard_tanh"])  # fmt: skip
def test_every_closed_form_on_the_line_is_what_the_quadrature_finds(name):
    own, twin = activations.get(name), _twin(name)
    for moment in closed.LINE[own.name]:
        exact, rounding = gaussian.moment(own, moment, Q)
        found, error = gaussian.moment(twin, moment, Q)
        # sin at q = 400 swings 20 times a unit; there its error says what the rule can.
        assert (np.abs(found - exact) <= error + rounding).all(), moment
        smooth = slice(None, 4) if name == "sin" else slice(None)
        np.testing.assert_allclose(found[smooth], exact[smooth], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ["relu", "leaky_relu(0.2)", "erf", "gelu", "identity", "sin"])
def test_every_closed_form_on_the_plane_is_what_the_quadrature_finds(name):
    own, twin = activations.get(name), _twin(name)
    for moment in closed.PLANE[own.name]:
        exact, rounding = gaussian.pair_moment(own, moment, PAIRS_Q, C)
        found, error = gaussian.pair_moment(twin, moment, PAIRS_Q, C)
        assert (np.abs(found - exact) <= error + rounding).all(), moment
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["sigmoid", "mish", "hard_silu", "celu", "softplus"])
def test_moments_agree_with_mpmath_where_no_closed_form_is_used(name):
    own, q = activations.get(name), 1.7
    plain = {
        "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
        "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
        "hard_silu": lambda x: x * min(max(x + 3, 0), 6) / 6,
        "celu": lambda x: x if x > 0 else mpmath.expm1(x),
        "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    }[name]
    with mpmath.workdps(30):
        deviation = mpmath.sqrt(q)
        cuts = sorted({
            -40,
            -10,
            -3,
            0,
            3,
            10,
            40,
            *(float(k) / float(deviation) for k in own.kinks),
        })
        mean = mpmath.quad(lambda z: plain(deviation * z) ** 2 * mpmath.npdf(z), cuts)
    found, error = gaussian.moment(own, "square", q)
    assert float(found) == pytest.approx(float(mean), rel=1e-13)
    assert abs(float(found) - float(mean)) <= error


@pytest.mark.parametrize("name", activations.NAMES)
def test_moments_of_every_activation_agree_with_sampling(name):
    # 1e6 draws; 20 activations x 6 moments at 6 standard errors: false alarms below 3e-7.
    own, q, c = activations.get(name), 1.3, 0.6
    rng = np.random.default_rng(7)
    z1, z2 = rng.normal(size=(2, 10**6))
    with jax.enable_x64(True):
        x = jnp.asarray(math.sqrt(q) * z1)
        y = jnp.asarray(math.sqrt(q) * (c * z1 + math.sqrt(1 - c * c) * z2))
        f, g, df, dg = (np.asarray(each) for each in
                        (own(x), own(y), own.derivative(x), own.derivative(y)))  # fmt: skip
    draws = {"mean": f, "square": f**2, "slope_mean": df, "slope_square": df**2,
             "slope_fourth": df**4}  # fmt: skip
    found = {moment: gaussian.moment(own, moment, q).value for moment in draws}
    draws |= {"product": f * g, "slope_product": df * dg}
    found |= {m: gaussian.pair_moment(own, m, q, c).value for m in gaussian.PAIR_MOMENTS}
    for moment, values in draws.items():
        standard_error = values.std() / 1000 + 1e-12
        assert abs(values.mean() - found[moment]) <= 6 * standard_error, moment


@pytest.mark.parametrize("name", ["tanh", "gelu", "hard_tanh", "selu", "sigmoid"])
def test_the_growth_of_the_square_is_its_derivative_in_q(name):
    own, h = activations.get(name), 1e-4
    q = np.array([0.2, 1.0, 9.0])
    low, high = (gaussian.moment(own, "square", q + step).value for step in (-h, h))
    growth = gaussian.moment(own, "square_growth", q).value
    # Central difference: error of order h^2 and of rounding over h.
    np.testing.assert_allclose((high - low) / (2 * h), growth, rtol=3e-7)


def test_what_no_gaussian_has_is_refused_in_a_sentence():
    for arguments in (("square", -1.0), ("square", math.nan), ("cube", 1.0), ("square", "much")):
        with pytest.raises(UsageError, match="got"):
            gaussian.moment(activations.relu, *arguments)
    with pytest.raises(UsageError, match="at most 1"):
        gaussian.pair_moment(activations.relu, "product", 1.0, 1.1)


def test_the_answer_is_float64_whatever_the_global_flag():
    for flag in (False, True):
        with jax.enable_x64(flag):
            value, error = gaussian.moment(activations.tanh, "square", [0.5, 1.0])
            assert value.dtype == error.dtype == np.float64
            assert value.shape == (2,)
