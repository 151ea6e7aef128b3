"""Gradient chains: against jax.grad, against each other, and below every float's floor."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import DtypeError, ShapeError, UsageError
from gradchain.measured.build import concatenate, mlp, network_from_weights, residual, single
from gradchain.measured.factors import gradient_factors
from gradchain.measured.gradient import gradient_chain
from gradchain.measured.layers import BatchNorm, LayerNorm
from gradchain.measured.network import forward

EPS = 2.0**-23


NAMES = ("dense", "prelu", "no bias", "residual", "batch")


@functools.cache  # drawn once: each draw is some thirty small programs
def networks():
    key = jax.random.key(3)
    block = residual(mlp(key, 2, 4, "tanh"))
    made = {
        "dense": (mlp(key, 5, 4, "sigmoid", input_dim=3, output_dim=2), jnp.linspace(-1.0, 1, 3)),
        "prelu": (mlp(key, 3, 4, "prelu"), jnp.linspace(-1.0, 1, 4)),
        "no bias": (mlp(key, 3, 4, "tanh", use_bias=False), jnp.linspace(-1.0, 1, 4)),
        "residual": (concatenate(block, block, single(LayerNorm(), {})), jnp.linspace(-1.0, 1, 4)),
        "batch": (
            concatenate(mlp(key, 2, 4, "tanh"), single(BatchNorm(), {}), mlp(key, 1, 4, "gelu")),
            jax.random.normal(key, (5, 4)),
        ),
    }
    assert tuple(made) == NAMES
    return made


@pytest.mark.parametrize("how", ["auto", "autodiff"])
@pytest.mark.parametrize("name", NAMES)
def test_norms_are_those_of_jax_grad_through_the_whole_network(name, how):
    network, x = networks()[name]
    cotangent = jnp.cos(jnp.arange(float(network(x).size))).reshape(network(x).shape)
    chain = gradient_chain(network, x, cotangent, how=how)
    loss = lambda n, v: jnp.sum(n(v) * cotangent)
    gradients, into = jax.jit(jax.grad(loss, argnums=(0, 1)))(network, x)
    assert abs(float(chain.log_state_norms[0]) - math.log(np.linalg.norm(into))) <= 200 * EPS
    for run, logs in zip(gradients.runs, chain.log_leaf_norms, strict=True):
        truth = jax.tree.map(
            lambda a: np.linalg.norm(np.asarray(a).reshape(len(a), -1), axis=1), run.params
        )
        for t, got in zip(jax.tree.leaves(truth), jax.tree.leaves(logs), strict=True):
            np.testing.assert_allclose(np.exp(np.asarray(got)), t, rtol=400 * EPS, atol=1e-9)
    assert chain.log_parameter_norms.shape == (network.depth,)


@given(st.integers(-140, 120))
def test_the_size_of_the_cotangent_shifts_every_norm_and_nothing_else(power):
    network, x = networks()["dense"]
    one = gradient_chain(network, x, jnp.array([0.5, -1.0]))
    scale = np.ldexp(np.float32(1), power)
    two = gradient_chain(network, x, np.array([0.5, -1.0], np.float32) * scale)
    shift = power * math.log(2)
    for a, b in (
        (one.log_state_norms, two.log_state_norms),
        (one.log_parameter_norms, two.log_parameter_norms),
    ):
        np.testing.assert_allclose(b - a, shift, atol=4 * EPS * (abs(shift) + 20))


def test_a_gradient_of_1e_minus_300_is_seen_where_float32_gives_zero():
    network = network_from_weights([np.full((1, 1), 1e-3, np.float32)] * 100, activation="identity")
    x = np.ones(1, np.float32)
    plain = jax.grad(lambda v: network(v).sum())(jnp.asarray(x))
    chain = gradient_chain(network, x, np.ones(1, np.float32))
    assert float(plain[0]) == 0
    assert abs(float(chain.log_state_norms[0]) / math.log(10) + 300) < 1e-4


def test_a_dead_layer_has_gradient_minus_infinity_and_no_nan():
    network = network_from_weights([-np.eye(2, dtype=np.float32)] * 3, activation="relu")
    chain = gradient_chain(network, np.ones(2, np.float32), np.ones(2, np.float32))
    assert np.isneginf(chain.log_state_norms[0])
    assert not np.isnan(chain.log_parameter_norms).any()


def test_the_weight_gradient_is_error_times_input_and_only_the_error_shrinks():
    network = mlp(jax.random.key(0), 40, 16, "sigmoid")
    x = jnp.ones(16)
    factors = gradient_factors(network, x, jnp.ones(16))
    trace = forward(network, x)
    inputs = [math.log(np.linalg.norm(trace.h[l])) for l in range(40)]
    np.testing.assert_allclose(factors.log_input, inputs, atol=1e-5)
    slopes = [np.asarray(trace.h[l]) * (1 - np.asarray(trace.h[l])) for l in range(1, 41)]
    np.testing.assert_allclose(factors.mean_slope, [s.mean() for s in slopes], rtol=1e-5)
    np.testing.assert_allclose(
        factors.log_slope, [np.log(np.mean(s**2)) / 2 for s in slopes], atol=1e-5
    )
    upper = factors.log_error_signal + factors.log_input + np.log([s.max() for s in slopes])
    lower = factors.log_error_signal + factors.log_input + np.log([s.min() for s in slopes])
    assert (np.asarray(factors.log_weight_gradient) <= upper + 1e-5).all()
    assert (np.asarray(factors.log_weight_gradient) >= lower - 1e-5).all()
    # Forty factors of about 0.24: the error signal loses over 20 decades, the others none.
    assert float(factors.log_error_signal[-1] - factors.log_error_signal[0]) > 20 * math.log(10)
    assert float(jnp.ptp(factors.log_slope)) < 0.2
    assert float(jnp.ptp(factors.log_input)) < 1.5


def test_wrong_cotangents_and_layers_are_refused():
    network, x = networks()["dense"]
    with pytest.raises(ShapeError, match=r"cotangent of shape \(3,\), expected \(2,\)"):
        gradient_chain(network, x, jnp.ones(3))
    with pytest.raises(DtypeError, match="the cotangent of type float16"):
        gradient_chain(network, x, jnp.ones(2, jnp.float16))
    with pytest.raises(UsageError, match="no analytic rule"):
        gradient_chain(*networks()["residual"], jnp.ones(4), how="analytic")
    with pytest.raises(UsageError, match="for dense layers"):
        gradient_factors(*networks()["residual"], jnp.ones(4))
