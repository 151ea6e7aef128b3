"""LSUV: pre-activations of variance 1 on the data, found by the network's own forward pass.

Tolerances: a mean of N squares in float32 is off by a few eps, and the factor of each layer feeds the
next one's states, so 1e-5 after a dozen layers is some 100 eps; in float64 1e-13.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradchain as gch
from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain.measured.lsuv import lsuv
from gradchain.training import deep
from gradchain.training.blocks import Design

KEY = jax.random.key(0)


def variances(network, data):
    """Return Var z_l over examples and units, by the public forward pass, one layer at a time."""
    trace = jax.vmap(lambda x: gch.forward(network, x).z)(data)
    return [float(np.var(np.asarray(block, np.float64)[:, i])) for block in trace.blocks
            for i in range(block.shape[1])]  # fmt: skip


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("tanh", "orthogonal"),
        ("sigmoid", "normal(1e-6)"),
        ("relu", "he_normal"),
        ("prelu", "normal(1e6)"),
        ("softplus", "unit_spectral"),
    ],
)
def test_every_layer_has_variance_one_whatever_it_started_from(activation, initializer):
    net = gch.mlp(KEY, 12, 20, activation, initializer, input_dim=7, output_dim=3)
    data = 5 * jax.random.normal(jax.random.key(1), (64, 7)) + 2
    for x in (data, np.asarray(data)):
        assert np.abs(np.array(variances(lsuv(net, x), data)) - 1).max() < 1e-5


def test_biases_are_counted_in_and_kept():
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(9, 9)) for _ in range(6)]
    biases = [rng.normal(size=9) * 0.5 for _ in range(6)]
    with jax.enable_x64(True):
        net = gch.network_from_weights(weights, biases, "tanh")
        data = rng.normal(size=(50, 9))
        done = lsuv(net, data)
        assert np.abs(np.array(variances(done, data)) - 1).max() < 1e-13
        np.testing.assert_array_equal(done.runs[0].params["bias"], np.stack(biases))
        # Weights were multiplied by one positive number each.
        ratios = np.asarray(done.runs[0].params["weight"]) / np.stack(weights)
    assert ratios.min() > 0
    assert np.ptp(ratios, axis=(1, 2)).max() < 1e-14 * ratios.max()


def test_a_large_signal_does_not_hide_a_small_bias():
    # z is 1e20 times b; (z + b) - z would be rounding error of size 1e13.
    data = np.linspace(-1, 1, 40, dtype=np.float32)[:, None] * np.float32(1e20)
    net = gch.network_from_weights(
        [np.ones((2, 1), np.float32)], [np.array([0.5, -0.25], np.float32)], "identity"
    )
    assert abs(variances(lsuv(net, data), data)[0] - 1) < 1e-5


def test_the_lab_scales_the_same_weights_by_the_same_factors():
    # Independent code: column layout, dynamic depth; it leaves the last, linear layer alone.
    design = Design(
        activation=gch.activations.tanh, units=10, inputs=2, outputs=1, slots=5, head="linear_mse"
    )
    law = gch.initializers.get("orthogonal")
    params = deep.draw(design, law, KEY, jnp.int32(6))
    data = jax.random.normal(jax.random.key(2), (30, 2))
    theirs = deep.unit_variances(design, params, jnp.int32(6), data.T)
    weights = [params["first"]["weight"], *params["hidden"]["weight"]]
    done = lsuv(gch.network_from_weights(weights, activation="tanh"), data)
    mine = [np.asarray(p["weight"]) for _, p in done.layers()]
    for own, other in zip(
        mine, [theirs["first"]["weight"], *theirs["hidden"]["weight"]], strict=True
    ):
        np.testing.assert_allclose(own, np.asarray(other), rtol=2e-5, atol=1e-7)


def test_branches_norms_and_kernels_are_scaled_where_they_have_weights():
    block = gch.residual(gch.mlp(KEY, 2, 8, "tanh", use_bias=False))
    net = gch.concatenate(block, block, gch.single(gch.LayerNorm(), {}), gch.mlp(KEY, 1, 8, "relu"))
    data = jax.random.normal(KEY, (40, 8))
    done = lsuv(net, data)
    layers, states = list(done.layers()), jax.vmap(lambda x: gch.forward(done, x).h)(data)
    for place in (1, 2):
        h = np.asarray(states.blocks[0][:, place - 1], np.float64)
        for weight in np.asarray(layers[place - 1][1]["weight"], np.float64):
            z = h @ weight.T
            assert abs(z.var() - 1) < 1e-5
            h = np.tanh(z)
    last = jax.vmap(lambda x: gch.forward(done, x).z[4])(data)
    assert abs(float(jnp.var(last)) - 1) < 1e-5
    kernel = gch.initializers.he_normal.sample(KEY, (4, 3, 3, 3))
    conv = gch.single(gch.Convolution(gch.activations.relu), {"weight": kernel})
    images = jax.random.normal(KEY, (6, 3, 5, 5))
    z = jax.vmap(lambda x: gch.forward(lsuv(conv, images), x).z[1])(images)
    assert abs(float(jnp.var(z)) - 1) < 1e-5


def test_with_batch_norm_the_batch_is_the_state():
    net = gch.concatenate(
        gch.mlp(KEY, 1, 8, "tanh"), gch.single(gch.BatchNorm(), {}), gch.mlp(KEY, 1, 8, "tanh")
    )
    data = jax.random.normal(KEY, (40, 8))
    trace = gch.forward(lsuv(net, data), data)
    for l in (1, 3):
        assert abs(float(jnp.var(trace.z[l])) - 1) < 1e-5


def test_scaling_the_data_or_the_weights_changes_nothing():
    net = gch.mlp(KEY, 5, 10, "tanh", "orthogonal")
    data = jax.random.normal(KEY, (30, 10))
    once = lsuv(net, data)
    twice, other = lsuv(once, data), lsuv(net, data * 1024)
    for a, b, c in zip(*map(jax.tree.leaves, (once, twice, other)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
        if a.shape[0] == 5 and a.ndim == 3:
            np.testing.assert_allclose(a[0], c[0] * 1024, rtol=1e-5)
            np.testing.assert_allclose(a[1:], c[1:], rtol=1e-5)


def test_unit_states_do_not_make_unit_gradients():
    # theory: E phi'^2 / E phi^2 = 1.1778 a layer for tanh at q = 1, at large width; 8 % for the rest.
    net = lsuv(
        gch.mlp(KEY, 9, 400, "tanh", "orthogonal", use_bias=False),
        jax.random.normal(KEY, (200, 400)),
    )
    x = jax.random.normal(jax.random.key(9), (400,))
    chain = gch.jacobian_chain(net, x)
    growth = math.exp(2 * float(chain.log_norms[1] - chain.log_norms[8]) / 7)
    assert abs(growth / (0.464402902448268 / 0.394294490397844) - 1) < 0.08


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_scaled_as_well_as_it_can_say(dtype):
    net = gch.mlp(KEY, 4, 30, "tanh", "normal(0.001)", dtype=dtype)
    data = (300 * jax.random.normal(KEY, (200, 30))).astype(dtype)
    # Four roundings a layer, the half-precision data through matrix products included.
    found = np.array(variances(lsuv(net, data), data))
    assert np.abs(found - 1).max() < 4 * 4 * float(jnp.finfo(dtype).eps)


@pytest.mark.usefixtures("as_a_user")
def test_what_cannot_be_scaled_is_named():
    net = gch.mlp(KEY, 3, 4, "tanh")
    data = jax.random.normal(KEY, (10, 4))
    off = gch.network_from_weights([-np.eye(4, dtype=np.float32)] * 3, activation="relu")
    biased = gch.network_from_weights([np.eye(4, dtype=np.float32)],
                                      [np.array([5, -5, 0, 0], np.float32)])  # fmt: skip
    for network, x, error, words in (
        (net, jnp.zeros((10, 4)), UsageError, "weight 1 does not vary"),
        (off, jnp.abs(data), UsageError, "weight 2 does not vary"),
        (biased, data, UsageError, "biases of weight 1 alone"),
        (net, data[0], ShapeError, r"expected \(examples"),
        (net, data[:, :3], ShapeError, "expected 4 entries"),
        (net, data.at[0, 0].set(jnp.nan), NonFiniteError, "finite"),
        (net, np.ones((3, 4)), DtypeError, "astype"),
        (net, [[1.0] * 4], DtypeError, "expected an array"),
        ("net", data, UsageError, "expected a Network"),
        (net, data * 3e38, NonFiniteError, "overflow|inf"),
    ):
        with pytest.raises(error, match=words):
            lsuv(network, x)
