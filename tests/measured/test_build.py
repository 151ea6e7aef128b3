"""Building networks: what is drawn, how layers are stacked, and what is refused."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations, initializers
from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain.measured.build import concatenate, mlp, network_from_weights, residual, single
from gradchain.measured.layers import Custom, Dense, Residual, Stack
from gradchain.measured.network import Network, Run, forward

F32 = np.float32


def test_depth_counts_all_maps_and_output_dim_makes_the_last_linear():
    key = jax.random.key(0)
    for depth, into, out in [(1, None, None), (1, 3, 2), (2, 3, 2), (7, None, 2), (7, 3, None)]:
        net = mlp(key, depth, 5, "relu", input_dim=into, output_dim=out)
        trace = forward(net, jnp.ones(into or 5))
        assert net.depth == depth
        assert len(trace.h) == depth + 1
        assert trace.output.shape == (out or 5,)
        last = list(net.layers())[-1][0]
        assert last.activation.name == ("identity" if out else "relu")


def test_the_same_key_gives_the_same_weights_and_another_key_others():
    one, two, three = (mlp(jax.random.key(k), 3, 4) for k in (1, 1, 2))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), one, two)
    assert all(jax.tree.leaves(same))
    assert not bool((one.runs[0].params["weight"] == three.runs[0].params["weight"]).any())


def test_layers_of_one_run_are_drawn_independently():
    weights = mlp(jax.random.key(0), 4, 6).runs[0].params["weight"]
    assert len({float(w[0, 0]) for w in weights}) == 4


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_a_network_keeps_the_type_it_was_asked_for(dtype):
    net = mlp(jax.random.key(0), 2, 4, "tanh", dtype=dtype)
    assert net.dtype == dtype
    assert net(jnp.ones(4, dtype)).dtype == dtype


def test_forward_is_what_numpy_computes():
    rng = np.random.default_rng(0)
    sizes = [3, 4, 4, 2]
    weights = [rng.normal(size=(o, i)).astype(F32) for i, o in itertools.pairwise(sizes)]
    biases = [rng.normal(size=o).astype(F32) for o in sizes[1:]]
    net = network_from_weights(weights, biases, "tanh")
    h = x = rng.normal(size=3).astype(F32)
    trace = forward(net, x)
    for number, (w, b) in enumerate(zip(weights, biases, strict=True), 1):
        z = w.astype(float) @ h + b
        h = np.tanh(z)
        np.testing.assert_allclose(trace.z[number], z, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(trace.h[number], h, rtol=1e-5, atol=1e-6)


def test_missing_biases_and_different_activations_split_runs_and_keep_order():
    w = [np.eye(2, dtype=F32) * k for k in (1, 2, 3, 4)]
    b = [None, None, np.ones(2, F32), None]
    net = network_from_weights(w, b, ["relu", "relu", "relu", "identity"])
    assert [run.length for run in net.runs] == [2, 1, 1]
    assert net(np.ones(2, F32)).tolist() == [28.0, 28.0]


def test_residual_around_a_stack_adds_the_input_once():
    inner = network_from_weights([np.eye(2, dtype=F32) * 2] * 3, activation="identity")
    net = residual(inner)
    assert isinstance(net.runs[0].layer, Residual)
    assert isinstance(net.runs[0].layer.branch, Stack)
    assert net(np.ones(2, F32)).tolist() == [9.0, 9.0]
    mixed = concatenate(inner, single(Custom(double), jnp.float32(0)))
    assert residual(mixed)(np.ones(2, F32)).tolist() == [17.0, 17.0]


def double(params, h):
    return 2 * h + params


def test_concatenate_merges_equal_blocks_into_one_run():
    block = residual(mlp(jax.random.key(0), 2, 3, "tanh"))
    assert [run.length for run in concatenate(block, block, block).runs] == [3]
    assert concatenate(mlp(jax.random.key(0), 2, 3), mlp(jax.random.key(1), 2, 3)).depth == 4


def test_a_users_initializer_follows_jax_nn_and_is_transposed():
    net = mlp(jax.random.key(0), 1, 512, "relu", jax.nn.initializers.he_normal(), input_dim=32)
    weight = np.asarray(net.runs[0].params["weight"])[0]
    # Var = 2 / fan_in = 1/16 over 16 384 draws: relative standard error sqrt(2/16384) = 1.1 %; 6 of them.
    assert abs(weight.var() * 16 - 1) < 6 * np.sqrt(2 / 16_384)
    assert initializers.get("he_normal").variance(32, 512) == 2 / 32


BAD_WEIGHTS = [
    ([], None, UsageError, "depth 0"),
    ([np.ones((2, 2))[0].astype(F32)], None, ShapeError, r"weight 1 has shape \(2,\)"),
    ([np.ones((0, 2), F32)], None, ShapeError, "non-empty matrix"),
    ([np.ones((3, 2), F32), np.ones((3, 2), F32)], None, ShapeError, r"expected \(fan_out, 3\)"),
    ([np.ones((2, 2), F32)], [np.ones(3, F32)], ShapeError, r"bias 1 has shape \(3,\)"),
    ([np.ones((2, 2), F32)], [None, None], UsageError, "1 weights, 2 biases"),
    ([np.ones((2, 2), int)], None, DtypeError, "weight 1 has type int64"),
    ([np.ones((2, 2), complex)], None, DtypeError, "complex128"),
    ([np.ones((2, 2), object)], None, DtypeError, "object"),
    ([np.ones((2, 2), np.longdouble)], None, DtypeError, "weight 1 has type"),
    ([[[1.0, 2.0]]], None, DtypeError, "weight 1 has type list"),
    (
        [np.ones((2, 2), F32), np.ones((2, 2), np.float16)],
        None,
        DtypeError,
        r"\.astype\('float32'\)",
    ),
    (
        [np.array([[1, np.nan]], F32)],
        None,
        NonFiniteError,
        r"got nan at index \(0, 1\) of weight 1",
    ),
    ([np.array([[1, 0]], F32)], [np.array([np.inf], F32)], NonFiniteError, "bias 1"),
    (
        [np.eye(2, dtype=F32), [[1.0], [2.0, 3.0]]],
        None,
        ShapeError,
        "weight 2 has rows of different",
    ),
]


@pytest.mark.parametrize(("weights", "biases", "error", "words"), BAD_WEIGHTS)
def test_bad_weights_are_refused_naming_the_layer(as_a_user, weights, biases, error, words):
    with pytest.raises(error, match=words):
        network_from_weights(weights, biases)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 0}, "depth=0"),
        ({"width": -3}, "width=-3"),
        ({"depth": 2.5}, "depth=2.5"),
        ({"depth": True}, "depth=True"),
        ({"input_dim": 0}, "input_dim=0"),
        ({"output_dim": "two"}, "output_dim='two'"),
        ({"activation": "sigmiod"}, "sigmoid"),
        ({"initializer": "glorot"}, "glorot_uniform"),
        ({"dtype": int}, "not a float type"),
    ],
)
def test_bad_settings_are_refused_with_what_was_expected(as_a_user, options, words):
    settings = {"depth": 2, "width": 3} | options
    with pytest.raises(UsageError, match=words):
        mlp(jax.random.key(0), **settings)


def test_a_run_refuses_parameters_that_are_not_stacked_alike():
    layer = Dense(activations.get("relu"))
    with pytest.raises(ShapeError, match="one entry a layer"):
        Run(layer, {"weight": jnp.ones((3, 2, 2)), "bias": jnp.ones((2, 2))}, 3)
    with pytest.raises(UsageError, match="depth 0"):
        Network(())
    with pytest.raises(DtypeError, match="one float type"):
        Network((
            Run(layer, {"weight": jnp.ones((1, 2, 2)), "bias": jnp.ones((1, 2), jnp.float16)}, 1),
        ))


def test_a_layer_that_changes_the_shape_within_a_run_is_named():
    run = Run(Custom(half), jnp.ones(3), 3)
    with pytest.raises(ShapeError, match=r"layer custom maps a state of shape \(4,\).*to \(2,\)"):
        forward(Network((run,)), jnp.ones(4))


def half(params, h):
    return params * h[::2]


def test_changing_the_callers_array_later_changes_nothing():
    weights = [np.eye(2, dtype=F32)]
    net = network_from_weights(weights, activation="identity")
    weights[0][:] = 7
    assert net(np.ones(2, F32)).tolist() == [1.0, 1.0]


def test_a_network_goes_through_tree_map_jit_and_back():
    net = mlp(jax.random.key(0), 3, 4, "tanh")
    doubled = jax.jit(lambda n: jax.tree.map(lambda a: 2 * a, n))(net)
    assert doubled.depth == 3
    assert isinstance(jax.tree.map(lambda _: None, net), Network)
    assert jax.eval_shape(lambda n: n, net).runs[0].length == 3
