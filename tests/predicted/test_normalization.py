"""Rates of gradient growth through normalised layers, against mpmath, tables and drawn Jacobians."""

import copy
import math
import pickle

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import UsageError
from gradchain.predicted.normalization import batch_norm_rate, layer_norm_rate

RELU = {
    4: 3.08406094808773269,
    5: 2.27370664819316098,
    6: 2.00377862443705477,
    8: 1.78818997665874813,
    10: 1.69600986942032067,
    16: 1.58995041676516545,
    32: 1.52195283055187956,
    64: 1.49306293780359866,
    128: 1.47968127232246769,
    256: 1.47323426309578637,
    1024: 1.46850099197333255,
}
# activation: rate of batch norm for an infinite batch, rate of layer norm.
INFINITE = {
    "identity": (1.0, 1.0),
    "relu": (1.466942206924260, 1.0),
    "leaky_relu": (1.453370761055914, 1.0),
    "tanh": (1.177807232304180, 1.177807232304180),
    "erf": (1.225700003785691, 1.225700003785691),
    "sigmoid": (1.033592390039936, 0.1528270117155937),
    "hard_tanh": (1.322891541792774, 1.322891541792774),
    "sin": (1.313035285499331, 1.313035285499331),
    "gelu": (1.318844970865623, 1.072031598436292),
    "silu": (1.212081114757111, 1.066634241241915),
    "elu": (1.079013455479765, 1.035904718604347),
    "selu": (1.071574992455799, 1.071574992455799),
    "softplus": (1.080528052507467, 0.3184589836836931),
    "softsign": (1.244010370607587, 1.244010370607587),
}


@pytest.mark.parametrize("batch", RELU)
def test_relu_with_batch_norm_grows_as_the_published_theorem_says(batch):
    with mp.workdps(30):
        c = -mp.mpf(1) / (batch - 1)
        arc = (mp.sqrt(1 - c * c) + c * (mp.pi - mp.acos(c))) / mp.pi
        theorem = ((mp.pi - mp.acos(c)) / mp.pi + batch - 1) / ((batch - 3) * (1 - arc))
        theorem -= mp.mpf(1) / (batch - 3)
    found = batch_norm_rate("relu", batch)
    assert abs(found - float(theorem)) <= found.error + 2.3e-16 * found
    assert abs(found - RELU[batch]) <= found.error + 2.3e-16 * found


@given(st.integers(4, 10**6))
def test_linear_batch_norm_grows_by_one_part_in_the_batch(batch):
    found = batch_norm_rate("identity", batch)
    assert abs(found - (batch - 2) / (batch - 3)) <= found.error


@given(st.sampled_from(["identity", "relu", "leaky_relu(0.3)"]), st.integers(4, 10_000))
def test_larger_batches_explode_less_and_tend_to_the_infinite_one(name, batch):
    small, large, limit = (batch_norm_rate(name, b) for b in (batch, batch + 1, None))
    assert small > large > limit * (1 - 1e-14)
    assert small - limit < 8 / (batch - 3)


@pytest.mark.parametrize("name", INFINITE)
def test_rates_of_an_infinite_batch_and_of_layer_norm_are_ratios_of_moments(name):
    batch, layer = INFINITE[name]
    for found, exact in ((batch_norm_rate(name, None), batch), (layer_norm_rate(name), layer)):
        # The table gives 16 digits.
        assert abs(found - exact) <= found.error + 1e-15
        assert found.error < 1e-12
    assert batch_norm_rate(name, math.inf) == batch_norm_rate(name, None)


@pytest.mark.parametrize("name", activations.NAMES)
def test_batch_norm_never_lets_gradients_vanish(name):
    # The Gaussian Poincare inequality: Var phi <= E phi'^2, with equality for linear phi alone.
    rate = batch_norm_rate(name, None)
    assert rate >= 1 - rate.error
    assert (abs(rate - 1) <= rate.error) == (name == "identity")


@pytest.mark.parametrize("name", ["relu", "identity", "leaky_relu(0.3)"])
def test_the_rate_is_that_of_drawn_batches_through_jaxs_own_jacobian(name):
    batch, draws = 8, 20_000
    phi = activations.get(name)

    def normalised(x):
        centred = x - x.mean()
        return centred / jnp.sqrt((centred**2).mean())

    def one(x):
        h = normalised(x)
        jacobian = phi.derivative(h)[:, None] * jax.jacfwd(normalised)(x)
        passed = jacobian - jacobian.mean(axis=0, keepdims=True)
        out = phi(h)
        return (passed**2).sum() / (batch - 1), ((out - out.mean()) ** 2).sum() / (batch - 1)

    x = jnp.asarray(np.random.default_rng(3).normal(size=(draws, batch)), jnp.float32)
    top, below = (np.asarray(each, np.float64) for each in jax.vmap(one)(x))
    # Pre-activations of the next layer have variance sigma_w^2 `below`, the gradient sigma_w^2 `top`.
    ratio = top.mean() / below.mean()
    error = (top / below.mean() - ratio * below / below.mean()).std() / math.sqrt(draws)
    assert abs(ratio - batch_norm_rate(name, batch)) < 5 * error + 1e-5


def test_two_samples_have_no_gradient_and_three_an_infinite_one():
    for name in ("identity", "relu", "tanh"):
        assert batch_norm_rate(name, 2) == 0
    for name in ("identity", "relu"):
        assert batch_norm_rate(name, 3) == math.inf


@pytest.mark.usefixtures("as_a_user")
def test_rates_that_nobody_knows_are_refused_in_words():
    for batch in (1, 0, -4, 2.5, "8", True, math.nan):
        with pytest.raises(UsageError, match="at least 2"):
            batch_norm_rate("relu", batch)
    with pytest.raises(UsageError, match="batch=None"):
        batch_norm_rate("tanh", 8)
    constant = activations.from_function("constant", lambda x: 0 * x + 1)
    with pytest.raises(UsageError, match="varies"):
        batch_norm_rate(constant, None)
    wild = activations.from_function("wild", lambda x: jnp.exp(x * x))
    with pytest.raises(UsageError, match="diverge"):
        layer_norm_rate(wild)


def test_a_rate_is_a_float_that_keeps_its_error_through_copies():
    rate = batch_norm_rate("tanh", None)
    for copied in (copy.deepcopy(rate), pickle.loads(pickle.dumps(rate))):
        assert (copied, copied.error) == (rate, rate.error)
    assert isinstance(rate, float)
