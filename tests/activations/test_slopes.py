"""Slopes against mpmath, over the whole range of floats."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import activations
from gradchain.certify.facts import SELU_ALPHA, SELU_LAMBDA

# What the module docstring promises, in ulp of phi' (of its larger term for -2 < x < -1/2 where
# phi' crosses zero). The longest formula, gelu_tanh, has ten roundings of half an ulp each that
# survive into the result; each may weigh twice where the result's mantissa is short of 2.
PROMISE = 8
CROSSING = ("gelu", "gelu_tanh", "silu", "mish")
# Beyond this |x| the true slope equals its limit to more digits than any float holds, so the limit
# is the reference (mpmath would need as many digits as x has); sin needs none of that.
FAR = 1000.0


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def gelu_terms(x):
    return mpmath.ncdf(x), x * mpmath.npdf(x)


def silu_terms(x):
    return logistic(x), x * logistic(x) * logistic(-x)


def gelu_tanh_terms(x):
    root, third = mpmath.sqrt(2 / mpmath.pi), mpmath.mpf("0.044715")
    u, slope = root * (x + third * x**3), root * (1 + 3 * third * x**2)
    return logistic(2 * u), x * 2 * slope * logistic(2 * u) * logistic(-2 * u)


def mish_terms(x):
    w = mpmath.log1p(mpmath.exp(x)) if x < 40 else x + mpmath.exp(-x)
    return mpmath.tanh(w), x * mpmath.sech(w) ** 2 * logistic(x)


def ramp(left, right, at_zero):
    return lambda x: (mpmath.mpf(left if x < 0 else right if x > 0 else at_zero), 0)


def exponential(alpha, right, lam="1"):
    lam, alpha = mpmath.mpf(lam), mpmath.mpf(alpha)
    return lambda x: (lam * (alpha * mpmath.exp(x) if x <= 0 else mpmath.mpf(right)), 0)


def window(edge, inside):
    return lambda x: (inside(x) if abs(x) < edge else mpmath.mpf(0 if x < 0 else 1), 0)


# Two terms whose sum is phi'(x), written from the definitions and not from the package's formulas.
TERMS = {
    "sigmoid": lambda x: (logistic(x) * logistic(-x), 0),
    "tanh": lambda x: (mpmath.sech(x) ** 2, 0),
    "relu": ramp(0, 1, 0),
    "leaky_relu": ramp(0.01, 1, 1),
    "prelu": ramp(0.25, 1, 1),
    "elu": exponential(1, 1),
    "selu": exponential(SELU_ALPHA, 1, SELU_LAMBDA),
    "celu": exponential(1, 1),
    "gelu": gelu_terms,
    "gelu_tanh": gelu_tanh_terms,
    "silu": silu_terms,
    "mish": mish_terms,
    "softplus": lambda x: (logistic(x), 0),
    "softsign": lambda x: (1 / (1 + abs(x)) ** 2, 0),
    "erf": lambda x: (2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-(x**2)), 0),
    "sin": lambda x: (mpmath.cos(x), 0),
    "hard_tanh": lambda x: (mpmath.mpf(abs(x) <= 1), 0),
    "hard_sigmoid": lambda x: (mpmath.mpf(abs(x) < 3) / 6, 0),
    "hard_silu": window(3, lambda x: (2 * x + 3) / 6),
    "identity": lambda x: (mpmath.mpf(1), 0),
}


def reference(name, x):
    """Return phi'(x) and the size of its larger term, to 50 digits."""
    if abs(x) > FAR and name not in ("sin", "softsign"):
        x = FAR if x > 0 else -FAR
    # sin needs as many digits as its argument has, and the rest sums with little cancellation.
    with mpmath.workdps(360 if name == "sin" and abs(x) > FAR else 50):
        first, second = TERMS[name](mpmath.mpf(x))
        return first + second, max(abs(first), abs(mpmath.mpf(second)))


def floats(dtype, count, seed):
    """Draw floats of all sizes: random bit patterns, log-spaced, and where phi' bends."""
    rng = np.random.default_rng(seed)
    whole = np.uint32 if dtype == np.float32 else np.uint64
    patterns = rng.integers(0, np.iinfo(whole).max, count, dtype=whole, endpoint=True).view(dtype)
    deep = 105.0 if dtype == np.float32 else 760.0
    largest = np.finfo(dtype).max
    parts = (
        patterns[np.isfinite(patterns)],
        rng.uniform(-4, 4, count),
        rng.uniform(-14, 14, count) * (1 if dtype == np.float32 else 2.8),
        rng.uniform(-deep, deep, count),
        np.exp(rng.uniform(-8, 8, count)) * rng.choice([-1, 1], count),
        [0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, largest, -largest],
        [np.finfo(dtype).tiny, -np.finfo(dtype).tiny],
    )
    return np.concatenate([np.asarray(part).astype(dtype) for part in parts])


def worst_ulp(name, x, slopes):
    """Return the largest error in ulp, and where, after checking the ends of the range."""
    kind = np.finfo(slopes.dtype)
    tiny, worst, where = float(kind.tiny), 0.0, None
    for at, got in zip(x.tolist(), slopes.tolist(), strict=True):
        true, term = reference(name, at)
        assert np.isfinite(got), f"{name}'({at!r}) = {got}"
        if abs(true) < tiny:
            assert abs(got) <= tiny, f"{name}'({at!r}) = {got}, not flushed nor below tiny"
            continue
        if not got and abs(true) <= tiny * (1 + 8 * float(kind.eps)):
            continue
        scale = term if name in CROSSING and -2 < at < -0.5 else abs(true)
        ulp = float(np.spacing(np.asarray(float(scale), slopes.dtype)))
        error = float(abs(mpmath.mpf(got) - true)) / ulp
        if error > worst:
            worst, where = error, at
    return worst, where


@pytest.mark.parametrize("name", activations.NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slope_keeps_its_relative_accuracy_where_the_unit_saturates(name, dtype):
    with jax.enable_x64(dtype == np.float64):
        x = floats(dtype, 120, seed=2024)
        phi = activations.get(name)
        slopes = np.asarray(phi.derivative(jnp.asarray(x)))
        # By autodiff the compiler fuses other operations, so accuracy has to be seen there too.
        by_autodiff = np.asarray(jax.vmap(jax.grad(phi))(jnp.asarray(x)))
    assert slopes.dtype == by_autodiff.dtype == dtype
    for how, values in (("derivative", slopes), ("autodiff", by_autodiff)):
        worst, where = worst_ulp(name, x, values)
        assert worst <= PROMISE, f"{name}' by {how} is {worst:.2f} ulp off at {where!r}"


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float32_has_an_accurate_slope(x):
    # One compile an activation: the shape never changes, only the value.
    for name in activations.NAMES:
        slope = activations.get(name).derivative(jnp.asarray([x], jnp.float32))
        worst, _ = worst_ulp(name, np.array([x], np.float32), np.asarray(slope))
        assert worst <= PROMISE, f"{name}' is {worst:.2f} ulp off at {x!r}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_slope_never_exceeds_its_stated_range_over_all_float64(x):
    room = 4 * np.finfo(np.float64).eps
    with jax.enable_x64(True):
        at = jnp.asarray([x], jnp.float64)
        for name in activations.NAMES:
            phi = activations.get(name)
            slope = float(phi.derivative(at)[0])
            assert abs(slope) <= phi.derivative_sup * (1 + room), f"|{name}'({x!r})| = {slope}"
            assert slope >= phi.derivative_inf - room * abs(phi.derivative_inf)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_slope_never_exceeds_its_stated_range_over_all_float32(x):
    room = 4 * np.finfo(np.float32).eps
    at = jnp.asarray([x], jnp.float32)
    for name in activations.NAMES:
        phi = activations.get(name)
        slope = float(phi.derivative(at)[0])
        assert abs(slope) <= phi.derivative_sup * (1 + room), f"|{name}'({x!r})| = {slope}"
        assert slope >= phi.derivative_inf - room * abs(phi.derivative_inf)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_slope_is_the_rounded_slope(dtype):
    kind = jnp.finfo(dtype)
    patterns = np.arange(0, 2**16, 7, dtype=np.uint16).view(jnp.dtype(dtype))
    x = patterns[np.isfinite(patterns.astype(np.float32))]
    x = x[(np.abs(x.astype(np.float32)) >= float(kind.tiny)) | (x == 0)]
    every = jax.jit(lambda x: [activations.get(name).derivative(x) for name in activations.NAMES])
    pairs = zip(every(jnp.asarray(x)), every(jnp.asarray(x.astype(np.float32))), strict=True)
    for name, (half, single) in zip(activations.NAMES, pairs, strict=True):
        assert half.dtype == x.dtype
        room = np.abs(single) * float(kind.eps) / 2 * 1.0001 + float(kind.tiny)
        error = np.abs(np.asarray(half, np.float32) - np.asarray(single))
        assert np.all(error <= room), f"{name}' off at {x[np.argmax(error - room)]}"


@pytest.mark.parametrize("alpha", [0.3, 1.7, 25.0])
def test_celu_slope_is_accurate_for_any_alpha(alpha):
    # The activation is the one whose alpha is rounded to float32, as JAX rounds it too.
    rounded = float(np.float32(alpha))
    x = (-alpha * np.linspace(0, 87, 400)).astype(np.float32)
    slopes = np.asarray(activations.celu(alpha).derivative(jnp.asarray(x)))
    with mpmath.workdps(40):
        true = [mpmath.exp(mpmath.mpf(at) / mpmath.mpf(rounded)) for at in x.tolist()]
    pairs = zip(slopes.tolist(), true, strict=True)
    errors = [float(abs(mpmath.mpf(got) / right - 1)) for got, right in pairs]
    assert max(errors) <= PROMISE * np.finfo(np.float32).eps


# phi'' from the definitions, where phi is smooth: the derivative rule must be differentiable again.
SECOND = ("sigmoid", "tanh", "softplus", "gelu", "gelu_tanh", "silu", "mish", "erf", "sin")


def test_slope_differentiates_again():
    x = np.array([-30.0, -9.0, -3.3, -1.0, -0.2, 0.0, 0.7, 2.5, 8.0, 30.0], np.float32)

    @jax.jit
    def second(x):
        every = [activations.get(name) for name in SECOND]
        return [jax.vmap(jax.grad(jax.grad(phi)))(x) for phi in every]

    for name, got in zip(SECOND, second(jnp.asarray(x)), strict=True):
        with mpmath.workdps(30):
            true = [mpmath.diff(lambda t, n=name: sum(TERMS[n](t)), at) for at in x.tolist()]
        room = 32 * np.finfo(np.float32).eps
        np.testing.assert_allclose(got, [float(t) for t in true], rtol=0, atol=room, err_msg=name)


def test_no_nan_at_the_ends_of_the_range():
    largest = float(np.finfo(np.float32).max)
    x = jnp.asarray([-largest, -1e30, -1e4, 0.0, 1e4, 1e30, largest], jnp.float32)

    @jax.jit
    def everything(x):
        every = [activations.get(name) for name in activations.NAMES]
        first = [jax.grad(phi) for phi in every]
        pairs = zip(every, first, strict=True)
        return [(p(x), jax.vmap(f)(x), jax.vmap(jax.grad(f))(x)) for p, f in pairs]

    for name, (value, slope, second) in zip(activations.NAMES, everything(x), strict=True):
        # lambda * max is beyond float32: infinity is selu's right answer there, and only there.
        assert np.isfinite(value).sum() == (6 if name == "selu" else 7), name
        assert not np.isnan(value).any(), name
        assert np.isfinite(slope).all(), name
        assert np.isfinite(second).all(), name
