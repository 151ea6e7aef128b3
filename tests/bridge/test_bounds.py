"""Where the towers meet: no drawn network breaks a bound, and the table of slack is honest."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import UsageError
from gradchain.bridge.bounds import chain_bounds
from gradchain.measured.build import concatenate, mlp, network_from_weights, residual, single
from gradchain.measured.layers import BatchNorm, Convolution, Custom, LayerNorm

SIZES = (3, 5, 5, 4, 4)


def assert_within(b):
    assert (b.log_exact <= b.log_upper_local + b.tolerance).all()
    assert (b.log_upper_local <= b.log_upper + b.tolerance).all()
    assert (b.log_lower <= b.log_exact + b.tolerance).all()
    assert (b.slack >= -b.tolerance).all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 100_000),
    name=st.sampled_from(activations.NAMES),
    scale=st.floats(0.01, 30.0),
)
def test_no_drawn_network_breaks_a_bound(seed, name, scale):
    rng = np.random.default_rng(seed)
    weights = [
        (scale * rng.normal(size=(o, i))).astype(np.float32) for i, o in itertools.pairwise(SIZES)
    ]
    biases = [rng.normal(size=o).astype(np.float32) for o in SIZES[1:]]
    b = chain_bounds(
        network_from_weights(weights, biases, name), rng.normal(size=3).astype(np.float32)
    )
    assert b.log_exact.shape == b.log_upper.shape == b.log_lower.shape == (5,)
    assert_within(b)


def test_exact_values_are_spectral_norms_by_numpy():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(o, i)).astype(np.float32) for i, o in itertools.pairwise(SIZES)]
    x = rng.normal(size=3).astype(np.float32)
    b = chain_bounds(network_from_weights(weights, activation="sigmoid"), x)
    h, factors = x.astype(float), []
    for w in weights:
        h = 1 / (1 + np.exp(-w @ h))
        factors.append((h * (1 - h))[:, None] * w)
    product = np.eye(4)
    upper = 0.0
    for l in range(3, -1, -1):
        product = product @ factors[l]
        upper += math.log(np.linalg.norm(weights[l].astype(float), 2) / 4)
        assert abs(b.log_exact[l] - math.log(np.linalg.norm(product, 2))) <= b.tolerance
        assert abs(b.log_upper[l] - upper) <= b.tolerance


def test_a_quarter_to_the_n_is_a_bound_for_unit_weights_and_not_for_glorot_ones():
    x = jnp.zeros(32)
    unit = chain_bounds(mlp(jax.random.key(0), 10, 32, "sigmoid", "unit_spectral"), x)
    assert unit.power_is_bound
    assert (unit.log_exact <= unit.log_slope_power + unit.tolerance).all()
    glorot = chain_bounds(mlp(jax.random.key(0), 10, 32, "sigmoid", "glorot_uniform"), x)
    assert not glorot.power_is_bound
    assert glorot.log_exact[-2] > glorot.log_slope_power[-2]


def test_bounds_are_tight_for_orthogonal_weights_at_rest():
    b = chain_bounds(mlp(jax.random.key(0), 20, 8, "tanh", "orthogonal"), jnp.zeros(8))
    for values in (b.log_exact, b.log_upper, b.log_upper_local, b.log_lower):
        assert np.abs(values).max() <= b.tolerance


def test_a_dead_chain_has_defined_slack():
    net = network_from_weights([-np.eye(2, dtype=np.float32)] * 3, activation="relu")
    b = chain_bounds(net, np.ones(2, np.float32))
    assert np.isneginf(b.log_exact[0])
    assert b.slack[0] == math.inf
    assert b.slack_local[0] == 0
    assert not np.isnan(b.slack).any()
    assert_within(b)


def test_residual_normalization_and_convolution_layers_obey_their_bounds():
    key = jax.random.key(1)
    block = residual(mlp(key, 2, 4, "tanh", "orthogonal"))
    small = residual(
        network_from_weights([0.1 * np.eye(4, dtype=np.float32)] * 2, activation="tanh")
    )
    kernel = {"weight": jax.random.normal(key, (2, 2, 3))}
    conv = single(Convolution(activations.get("gelu")), kernel)
    for network, x in [
        (
            concatenate(block, block, single(LayerNorm(), {"gain": jnp.full(4, 3.0)})),
            jnp.linspace(-1.0, 2, 4),
        ),
        (
            concatenate(mlp(key, 2, 4, "relu"), single(BatchNorm(), {})),
            jax.random.normal(key, (5, 4)),
        ),
        (concatenate(conv, conv), jax.random.normal(key, (2, 6))),
        (concatenate(small, small), jnp.linspace(-1.0, 1, 4)),
    ]:
        assert_within(chain_bounds(network, x))
    # A branch below 1 cannot cancel the skip: the lower bound is positive.
    assert chain_bounds(concatenate(small, small), jnp.ones(4)).log_lower[0] > -1


def flip(params, h):
    return params * h[::-1]


def test_what_has_no_bound_is_refused():
    with pytest.raises(UsageError, match="no bound is known for layer custom"):
        chain_bounds(single(Custom(flip), jnp.float32(1)), jnp.ones(3))
    mine = activations.from_function("mine", jnp.arctan)
    with pytest.raises(UsageError, match="declares no supremum"):
        chain_bounds(mlp(jax.random.key(0), 2, 3, mine), jnp.ones(3))
    net = mlp(jax.random.key(0), 2, 3)
    with pytest.raises(UsageError, match="outside"):
        jax.jit(lambda v: chain_bounds(net, v).log_exact)(jnp.ones(3))
