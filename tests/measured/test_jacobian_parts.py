"""What surrounds an exact chain: its tolerance and text, chunks, probes, routes, and refusals."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations
from gradchain._errors import NonFiniteError, UsageError
from gradchain.measured import jacobian as module
from gradchain.measured.build import concatenate, network_from_weights, single
from gradchain.measured.jacobian import jacobian_chain, layer_jacobians
from gradchain.measured.layers import BatchNorm, Convolution, Custom, Dense

EPS = 2.0**-23


def drawn(seed, sizes, name="tanh"):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(o, i)).astype(np.float32) for i, o in itertools.pairwise(sizes)]
    return network_from_weights(weights, activation=name), rng.normal(size=sizes[0]).astype("f4")


def convolutions():
    key = jax.random.key(0)
    kernel = {"weight": jax.random.normal(key, (2, 2, 3))}
    layers = [single(Convolution(activations.get(name)), kernel) for name in ("tanh", "relu")]
    return concatenate(*layers), jax.random.normal(key, (2, 3))


def test_depth_and_tolerance_count_layers_and_sides_and_not_the_batch():
    network, x = drawn(0, (3, 2, 2))
    one = jacobian_chain(network, x)
    many = jax.tree.map(lambda a: jnp.stack([a] * 7), one)  # as jax.vmap gives it
    for chain in (one, many):
        assert chain.depth == 2
        assert chain.tolerance == 4 * 2 * 3 * EPS


def test_the_text_of_a_chain_tells_depth_kind_and_power_of_ten():
    tenth = network_from_weights([np.full((1, 1), 0.1, np.float32)] * 30, activation="identity")
    chain = jacobian_chain(tenth, np.ones(1, np.float32), "max")
    # A float32 0.1 is 0.1 (1 + 1.5e-8).
    assert repr(chain) == (
        "Chain(30 layers, exact max norms: log10 ||dh_L/dh_0|| = -30; "
        ".log_norms (natural), .norms, .jacobian (1, 1))"
    )
    batch = jax.tree.map(lambda a: jnp.stack([a, a]), chain)
    assert repr(batch) == "Chain(norm='max', norms of shape (2, 31))"


def test_chunks_of_a_state_with_several_axes_add_up_to_the_whole():
    network, x = convolutions()
    whole, parts = jacobian_chain(network, x), jacobian_chain(network, x, chunk=4)
    assert parts.jacobian.shape == (6, 6)
    np.testing.assert_allclose(parts.log_norms, whole.log_norms, atol=20 * EPS)
    np.testing.assert_allclose(parts.jacobian.to_float(), whole.jacobian.to_float(), atol=8 * EPS)


def test_chains_of_half_floats_stay_in_their_type_whole_and_in_chunks():
    # Halves and quarters: every product is exact, also in eight bits.
    weights = [jnp.asarray([[0.5, 1.0], [0.25, -0.5]], "bfloat16")] * 2
    network = network_from_weights(weights, activation="identity")
    x = jnp.ones(2, "bfloat16")
    for chunk in (None, 1):
        chain = jacobian_chain(network, x, chunk=chunk)
        assert chain.jacobian.dtype == jnp.bfloat16
        assert chain.jacobian.to_float().tolist() == [[0.5, 0.0], [0.0, 0.5]]
        assert abs(float(chain.log_norms[0]) - math.log(0.5) / 2) <= 4 * EPS


def test_an_estimate_and_its_error_are_mean_and_standard_error_of_the_probed_rows():
    network, x = convolutions()
    probes = 2
    chain = jacobian_chain(network, x, probes=probes, key=jax.random.key(3))
    assert chain.jacobian.shape == (probes, 6)
    squares = (np.asarray(chain.jacobian.to_float(), np.float64) ** 2).sum(axis=1)
    mean = squares.mean()
    assert abs(float(chain.log_norms[0]) - math.log(mean) / 2) <= 8 * EPS
    # log sqrt(m) has half the relative error of m.
    error = squares.std(ddof=1) / math.sqrt(probes) / mean / 2
    assert abs(float(chain.log_norms_error[0]) - error) <= 64 * EPS * error


def test_probes_keep_their_error_far_below_the_float_range_and_are_sure_of_a_dead_chain():
    # |v| 0.1^400 for every probe v: the spread is that of |v|^2 at every depth but the dead one.
    tenth = network_from_weights([np.diag([0.1, 0.1]).astype("f4")] * 400, activation="identity")
    dead = network_from_weights([-np.eye(2, dtype=np.float32)], activation="relu")
    network = concatenate(dead, tenth)
    chain = jacobian_chain(network, np.ones(2, np.float32), probes=16, key=jax.random.key(1))
    assert np.isneginf(chain.log_norms[0])
    assert float(chain.log_norms_error[0]) == 0
    logs, errors = (
        np.asarray(chain.log_norms, np.float64)[1:],
        np.asarray(chain.log_norms_error)[1:],
    )
    falls = np.arange(400, -1, -1) * math.log(np.float64(np.float32(0.1)))
    np.testing.assert_allclose(logs - logs[-1], falls, rtol=16 * EPS, atol=16 * EPS)
    np.testing.assert_allclose(errors, errors[-1], rtol=1e-3)
    assert 0 < errors[-1] < 1


def test_auto_takes_the_rule_only_where_every_layer_has_one_and_the_state_is_a_vector():
    network, x = drawn(5, (3, 4, 4, 2))
    by_rule, auto = (layer_jacobians(network, x, how) for how in ("analytic", "auto"))
    for a, b in zip(by_rule, auto, strict=True):
        assert (np.asarray(a) == np.asarray(b)).all()
    batch = concatenate(single(BatchNorm(), {}), network)
    dense = single(Dense(activations.get("tanh")), {"weight": network.runs[0].params["weight"][0]})
    rows = np.stack([x, 2 * x, -x, 0.5 * x])
    for net in (batch, concatenate(single(Custom(double), jnp.float32(1)), dense)):
        for a, b in zip(
            layer_jacobians(net, rows, "auto"), layer_jacobians(net, rows), strict=True
        ):
            np.testing.assert_allclose(a, b, atol=8 * EPS)
    # Row by row the same matrix: the Jacobian of a batch through a dense layer is block diagonal.
    blocks = np.asarray(layer_jacobians(net, rows, "auto")[2]).reshape(4, 4, 4, 3)
    for i, row in enumerate(rows):
        alone = layer_jacobians(dense, 2 * row, "analytic")[1]
        np.testing.assert_allclose(blocks[i, :, i], alone, atol=8 * EPS)
        assert not blocks[i, :, i - 1].any()


def double(params, h):
    return 2 * params * h


def root(params, h):
    return params * jnp.sqrt(h)


def test_an_infinite_slope_of_a_layer_is_said_to_be_in_its_jacobian():
    network = single(Custom(root), jnp.float32(1))
    with pytest.raises(NonFiniteError, match="a layer's Jacobian holds NaN or infinity"):
        layer_jacobians(network, np.zeros(2, np.float32))
    with pytest.raises(NonFiniteError, match="the chain holds NaN or infinity"):
        jacobian_chain(network, np.zeros(2, np.float32))


def gathered(params, h):
    return params * jnp.sum(h, keepdims=True)


def spread(params, h):
    return params * jnp.broadcast_to(h, (11,))


def test_the_largest_of_input_and_output_is_what_an_exact_chain_must_hold(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_STATE", 10)
    many, few = (single(Custom(f), jnp.float32(1)) for f in (gathered, spread))
    told = r"got a state of 11 entries, exact up to 10: ask for probes=64 with key="
    for network, size in ((many, 11), (few, 1)):
        with pytest.raises(UsageError, match=told):
            jacobian_chain(network, np.ones(size, np.float32))
    assert jacobian_chain(many, np.ones(10, np.float32)).jacobian.shape == (1, 10)
    # An estimate needs no square matrix.
    estimate = jacobian_chain(many, np.ones(11, np.float32), probes=2, key=jax.random.key(0))
    assert estimate.jacobian.shape == (2, 11)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "nuclear"}, "got norm='nuclear', expected one of"),
        ({"how": "magic"}, "got how='magic', expected one of"),
        ({"chunk": 0}, "got chunk=0, expected a whole number of at least 1"),
        ({"probes": 1}, "got probes=1, expected a whole number of at least 2"),
        ({"probes": 4, "norm": "max"}, "got probes=4 with norm='max'"),
        ({"probes": 4}, "got NoneType as key"),
    ],
)
def test_a_refused_option_is_named_with_its_value(options, words):
    network, x = drawn(0, (3, 2, 2))
    with pytest.raises(UsageError, match=words):
        jacobian_chain(network, x, **options)


def test_the_rule_for_single_layers_is_refused_where_there_is_none():
    network, x = drawn(0, (3, 2, 2))
    with pytest.raises(UsageError, match="got how='magic', expected one of"):
        layer_jacobians(network, x, "magic")
    own = single(Custom(double), jnp.float32(1))
    with pytest.raises(UsageError, match="layer custom has no analytic rule"):
        layer_jacobians(own, x, "analytic")
    with pytest.raises(UsageError, match=r"got a state of shape \(2, 3\): how='analytic' is for"):
        layer_jacobians(concatenate(own, network), np.ones((2, 3), np.float32), "analytic")
