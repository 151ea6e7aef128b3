"""The integrals against exact values, and their errors held to honesty."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gradchain import gaussian

SQRT_2_PI = math.sqrt(2 * math.pi)


def _tail(k):
    return float(mpmath.erfc(mpmath.mpf(k) / mpmath.sqrt(2)) / 2)


# name, f, kinks, q, exact value
TABLE = [
    ("one", lambda x: 1 + 0 * x, (), 1.0, 1.0),
    ("square", jnp.square, (), 2.0, 2.0),
    ("sixth power", lambda x: x**6, (), 0.5, 15 * 0.5**3),
    ("twentieth power", lambda x: x**20, (), 1.0, 654729075.0),
    ("absolute", jnp.abs, (0.0,), 3.0, math.sqrt(6 / math.pi)),
    ("shifted absolute", lambda x: jnp.abs(x - 0.3), (0.3,), 1.0,
     0.3 * math.erf(0.3 / math.sqrt(2)) + 2 * math.exp(-0.045) / SQRT_2_PI),
    ("step", lambda x: (x > 2.5).astype(x.dtype), (2.5,), 4.0, _tail(1.25)),
    ("far step", lambda x: (x > 9.0).astype(x.dtype), (9.0,), 1.0, _tail(9.0)),
    ("cosine", jnp.cos, (), 4.0, math.exp(-2.0)),
    ("exponential", jnp.exp, (), 2.0, math.exp(1.0)),
    ("steep exponential", jnp.exp, (), 100.0, math.exp(50.0)),
    ("gaussian", lambda x: jnp.exp(-x * x), (), 1e4, 1 / math.sqrt(20001.0)),
    ("growing gaussian", lambda x: jnp.exp(0.2 * x * x), (), 1.0, 0.6**-0.5),
    ("square root", lambda x: jnp.sqrt(jnp.abs(x)), (0.0,), 1.0,
     2**0.25 * math.gamma(0.75) / math.sqrt(math.pi)),
    ("undeclared kink", lambda x: jnp.abs(x - 0.3), (), 1.0,
     0.3 * math.erf(0.3 / math.sqrt(2)) + 2 * math.exp(-0.045) / SQRT_2_PI),
    ("undeclared step", lambda x: (x > 0.37).astype(x.dtype), (), 1.0, _tail(0.37)),
    ("fast cosine", jnp.cos, (), 2500.0, 0.0),
    ("erf squared", lambda x: jax.scipy.special.erf(x) ** 2, (), 1e6,
     2 / math.pi * math.atan2(2e6, math.sqrt(1 + 4e6))),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=[each[0] for each in TABLE])
def test_the_true_error_is_within_the_reported_one_and_that_is_no_excuse(case):
    _, f, kinks, q, exact = case
    value, error = gaussian.expectation(f, q, kinks)
    true = abs(float(value) - exact)
    assert true <= error
    # Relative to the size of what is integrated, which the rounding cannot beat.
    size = float(gaussian.expectation(lambda x: jnp.abs(f(x)), q, kinks).value)
    assert error <= max(1e-11 * max(1.0, size), 1000 * true)


@pytest.mark.parametrize("case", [c for c in TABLE if not c[0].startswith(("und", "fast", "square r"))],
                         ids=lambda case: case[0])  # fmt: skip
def test_twelve_digits_are_right_where_the_kinks_are_declared(case):
    _, f, kinks, q, exact = case
    assert float(gaussian.expectation(f, q, kinks).value) == pytest.approx(exact, rel=1e-12)


def test_a_mean_that_diverges_says_so_by_an_infinite_error():
    assert gaussian.expectation(lambda x: jnp.exp(x * x)).error == np.inf
    assert gaussian.expectation(jnp.exp, 1e4).error == np.inf


def test_at_variance_zero_the_mean_is_the_value_and_its_slope_the_half_curvature():
    with jax.enable_x64(True):
        zero = jnp.float64(0.0)
        assert float(gaussian.expect(jnp.cos, zero).value) == pytest.approx(1.0, rel=1e-15)
        slope = jax.grad(lambda q: gaussian.expect(jnp.cos, q).value)(zero)
        assert float(slope) == pytest.approx(-0.5, rel=1e-6)
        # One half of a square: the limit from above, kink at 0 and all.
        relu = jax.grad(lambda q: gaussian.expect(lambda x: jnp.maximum(x, 0) ** 2, q).value)
        assert float(relu(zero)) == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("q", [0.3, 1.0, 4.0, 50.0])
def test_gradients_in_q_follow_the_cuts_where_the_integrand_jumps(q):
    with jax.enable_x64(True):
        inside = lambda x: (jnp.abs(x) < 1).astype(x.dtype)
        found = jax.grad(lambda v: gaussian.expect(inside, v, (-1.0, 1.0)).value)(jnp.float64(q))
        exact = -math.exp(-1 / (2 * q)) / math.sqrt(2 * math.pi) / q**1.5
        assert float(found) == pytest.approx(exact, rel=1e-10)


def test_it_maps_and_compiles_and_keeps_the_callers_type():
    f = lambda q: gaussian.expect(jnp.tanh, q * q).error
    single = jnp.linspace(0.1, 2.0, 5, dtype=jnp.float32)
    assert jax.vmap(jax.jit(f))(single).dtype == jnp.float32
    means = jax.vmap(jax.jit(lambda q: gaussian.expect(jnp.square, q).value))(single)
    np.testing.assert_allclose(means, single, rtol=1e-5)


def test_a_parameter_inside_the_integrand_can_be_traced_and_differentiated():
    with jax.enable_x64(True):
        moment = lambda a: gaussian.expect(lambda x: jnp.exp(a * x), jnp.float64(1.0)).value
        assert float(jax.grad(moment)(jnp.float64(0.5))) == pytest.approx(
            0.5 * math.exp(0.125), rel=1e-12
        )
