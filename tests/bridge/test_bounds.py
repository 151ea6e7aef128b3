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
from gradchain.measured.layers import (
    BatchNorm,
    Chained,
    Convolution,
    Custom,
    Dense,
    LayerNorm,
    Stack,
)

SIZES = (3, 5, 5, 4, 4)
# Every activation stands in one of five networks of four: five programs, where a network of one
# activation would be a program for each of the twenty.
FOURS = [activations.NAMES[place::5] for place in range(5)]


def assert_within(b):
    assert (b.log_exact <= b.log_upper_local + b.tolerance).all()
    assert (b.log_upper_local <= b.log_upper + b.tolerance).all()
    assert (b.log_lower <= b.log_exact + b.tolerance).all()
    assert (b.slack >= -b.tolerance).all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 100_000),
    names=st.sampled_from(FOURS),
    scale=st.floats(0.01, 30.0),
)
def test_no_drawn_network_breaks_a_bound(seed, names, scale):
    rng = np.random.default_rng(seed)
    weights = [
        (scale * rng.normal(size=(o, i))).astype(np.float32) for i, o in itertools.pairwise(SIZES)
    ]
    biases = [rng.normal(size=o).astype(np.float32) for o in SIZES[1:]]
    b = chain_bounds(
        network_from_weights(weights, biases, names), rng.normal(size=3).astype(np.float32)
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
    with pytest.raises(UsageError, match="outside"):
        jax.jit(lambda n: chain_bounds(n, np.ones(3, np.float32)).log_exact)(net)


def diagonal(*entries):
    return np.diag(entries).astype(np.float32)


def close(got, wanted, b):
    return got == wanted or abs(got - wanted) <= b.tolerance


def test_one_dense_layer_has_the_sizes_of_its_singular_values_and_slopes():
    x = np.array([0.5, 0.25], np.float32)
    slopes = 1 - np.tanh([2.0, 0.5]) ** 2
    b = chain_bounds(network_from_weights([diagonal(4, 2)], activation="tanh"), x)
    assert close(b.log_upper[0], math.log(4), b)
    assert close(b.log_upper_local[0], math.log(4 * slopes.max()), b)
    assert close(b.log_lower[0], math.log(4 * slopes.min()), b)
    assert close(b.log_exact[0], math.log(max([4, 2] * slopes)), b)
    assert (b.log_upper[1], b.log_upper_local[1], b.log_lower[1], b.log_exact[1]) == (0, 0, 0, 0)
    assert close(b.slack[0], math.log(4) - b.log_exact[0], b)
    assert close(b.slack_local[0], math.log(4 * slopes.max()) - b.log_exact[0], b)
    assert b.log_slope_power.tolist() == [0.0, 0.0]
    values = (b.log_exact, b.log_upper, b.log_upper_local, b.log_lower, b.log_slope_power)
    assert {v.dtype.name for v in values} == {"float64"}  # sums over depth round no more
    # 8 L n eps, with one layer of side 2.
    assert b.tolerance == 8 * 1 * 2 * np.finfo(np.float32).eps


def test_two_layers_are_bounded_below_by_one_norm_and_the_others_stretch():
    linear = {"activation": "identity"}
    x = np.ones(2, np.float32)
    b = chain_bounds(network_from_weights([diagonal(4, 2), diagonal(3, 5)], **linear), x)
    assert close(b.log_lower[0], math.log(max(3 * 4, 5 * 2)), b)
    assert close(b.log_lower[1], math.log(5), b)
    assert close(b.log_upper[0], math.log(20), b)
    # Wider by a layer and narrower again: only the stretch of the tall layer, under the wide norm.
    tall = np.vstack([diagonal(4, 2), np.zeros((1, 2), np.float32)])
    wide = np.hstack([diagonal(3, 5), np.zeros((2, 1), np.float32)])
    up_down = chain_bounds(network_from_weights([tall, wide], **linear), x)
    assert up_down.log_lower[0] == -math.inf
    down_up = chain_bounds(network_from_weights([wide, tall], **linear), np.ones(3, np.float32))
    assert close(down_up.log_lower[0], math.log(max(5 * 2, 4 * 3)), down_up)
    assert down_up.tolerance == 8 * 2 * 3 * np.finfo(np.float32).eps


def test_a_trained_slope_is_its_own_supremum():
    for slope, sup in ((-3.0, 3.0), (0.25, 1.0)):
        layer = Dense(activations.get("prelu"))
        net = single(layer, {"weight": jnp.eye(2) * 2, "slope": jnp.float32(slope)})
        b = chain_bounds(net, np.ones(2, np.float32))
        assert close(b.log_upper[0], math.log(2 * sup), b)
        assert close(b.log_slope_power[0], math.log(sup), b)


def test_a_residual_block_adds_one_to_its_branch_and_subtracts_it_below():
    for size, low in ((0.5, math.log(0.5)), (2.0, -math.inf)):
        net = residual(network_from_weights([diagonal(size, size)], activation="identity"))
        b = chain_bounds(net, np.ones(2, np.float32))
        assert close(b.log_upper[0], math.log(1 + size), b)
        assert close(b.log_upper_local[0], math.log(1 + size), b)
        assert close(b.log_lower[0], low, b)
        assert b.log_slope_power[0] == 0


def test_a_normalization_divides_its_largest_gain_by_the_deviation():
    x = np.array([[1.0, 5.0], [3.0, -1.0], [8.0, 0.0]], np.float32)
    gain = jnp.asarray([-3.0, 2.0])
    layer = LayerNorm()
    b = chain_bounds(single(layer, {"gain": gain}), x[0])
    assert close(b.log_upper[0], math.log(3 / math.sqrt(layer.epsilon)), b)
    assert close(b.log_upper_local[0], math.log(3 / math.sqrt(x[0].var() + layer.epsilon)), b)
    assert b.log_lower[0] == -math.inf
    layer = BatchNorm()
    b = chain_bounds(single(layer, {"gain": gain}), x)
    deviation = np.sqrt(x.astype(float).var(axis=0) + layer.epsilon)
    assert close(b.log_upper_local[0], math.log(max(np.abs(gain) / deviation)), b)
    assert close(b.log_upper[0], math.log(3 / math.sqrt(layer.epsilon)), b)
    plain = chain_bounds(single(layer, {}), x)
    assert close(plain.log_upper[0], math.log(1 / math.sqrt(layer.epsilon)), plain)


def test_a_convolution_has_the_norm_of_the_matrix_it_is():
    kernel = np.array([[[1.0, -2.0, 0.5]]], np.float32)
    net = single(Convolution(activations.get("identity")), {"weight": jnp.asarray(kernel)})
    x = np.ones((1, 5), np.float32)
    b = chain_bounds(net, x)
    unit = [np.convolve(row, kernel[0, 0, ::-1], "same") for row in np.eye(5)]
    assert close(b.log_upper[0], math.log(np.linalg.norm(np.stack(unit), 2)), b)
    assert close(b.log_upper_local[0], b.log_exact[0], b)


def test_the_table_names_each_bound_in_powers_of_ten_and_says_whether_the_power_is_one():
    x = np.zeros(2, np.float32)
    for scale, told in ((1, "is"), (100, "is not")):
        b = chain_bounds(network_from_weights([diagonal(scale, scale)] * 3, activation="tanh"), x)
        size = f"{3 * math.log10(scale):.4g}"
        assert repr(b).splitlines() == [
            "ChainBounds of 3 layers, log10 ||dh_L/dh_0||_2:",
            f"  lower bound        {size}",
            f"  exact              {size}",
            f"  local upper bound  {size}",
            f"  upper bound        {size}",
            "  sup|phi'|^L        0",
            f"  the last {told} a bound for these weights; all layers: .log_exact, .log_upper, ...",
        ]
        assert b.power_is_bound is (scale == 1)


def test_a_refusal_says_what_to_do():
    mine = activations.from_function("mine", jnp.arctan)
    with pytest.raises(UsageError, match=r"activation mine declares no .* give derivative_sup="):
        chain_bounds(mlp(jax.random.key(0), 1, 3, mine), jnp.ones(3))
    taken = "dense, convolution, residual and normalization layers"
    with pytest.raises(UsageError, match=f"layer custom: chain_bounds takes {taken}"):
        chain_bounds(single(Custom(flip), jnp.float32(1)), jnp.ones(3))


TALL = np.vstack([diagonal(4, 2), np.zeros((1, 2), np.float32)])
WIDE = np.hstack([diagonal(3, 5), np.zeros((2, 1), np.float32)])


def one_layer(weights, names):
    """Dense layers after each other as one layer of a network."""
    layers = tuple(Dense(activations.get(name)) for name in names)
    return single(Chained(layers), tuple({"weight": jnp.asarray(w)} for w in weights))


def test_layers_in_a_row_multiply_their_sizes_each_at_its_own_state():
    x = np.array([0.5, 0.25], np.float32)
    b = chain_bounds(one_layer([diagonal(4, 2), diagonal(2, 1)], ("tanh", "sigmoid")), x)
    first = np.tanh([2.0, 0.5])
    second = 1 / (1 + np.exp(-first * [2, 1]))
    slopes, outer = 1 - first**2, second * (1 - second)
    assert close(b.log_upper[0], math.log(4 * 2 / 4), b)
    assert close(b.log_upper_local[0], math.log(4 * slopes.max() * 2 * outer.max()), b)
    assert close(b.log_lower[0], math.log(2 * slopes.min() * 1 * outer.min()), b)
    assert close(b.log_exact[0], math.log(max([4 * 2, 2 * 1] * slopes * outer)), b)
    assert b.log_slope_power[0] == 0


def test_layers_in_a_row_stretch_forwards_or_backwards_as_their_shapes_allow():
    taller = np.vstack([diagonal(1, 3, 2), np.zeros((1, 3), np.float32)])
    wider = np.hstack([diagonal(6, 3, 2), np.zeros((3, 1), np.float32)])
    for weights, size in (
        ([TALL, taller], 2 * 1),  # never shrinks a vector by more than its smallest stretches
        ([wider, WIDE], 3 * 2),  # nor does its transpose
        ([TALL, WIDE], 0),
    ):
        network = one_layer(weights, ("identity", "identity"))
        b = chain_bounds(network, np.ones(weights[0].shape[1], np.float32))
        assert close(b.log_lower[0], math.log(size) if size else -math.inf, b)
        assert_within(b)


def test_a_stack_has_the_sizes_of_its_layers_one_by_one():
    x = np.array([0.5, -1.0], np.float32)
    weights = [diagonal(2, 0.5), diagonal(1, 3), diagonal(0.25, 1)]
    apart = chain_bounds(network_from_weights(weights, activation="tanh"), x)
    params = {"weight": jnp.stack([jnp.asarray(w) for w in weights])}
    b = chain_bounds(single(Stack(Dense(activations.get("tanh"))), params), x)
    for name in ("log_exact", "log_upper", "log_upper_local"):
        assert close(getattr(b, name)[0], getattr(apart, name)[0], apart)
    slopes, h = 1.0, x.astype(float)
    for w in weights:
        h = np.tanh(w @ h)
        slopes *= (1 - h**2).min()
    assert close(b.log_lower[0], math.log(0.5 * 1 * 0.25 * slopes), b)


def test_a_residual_block_of_different_layers_takes_their_product_as_its_branch():
    for scale, low in ((0.01, 1 - 0.01 * 20), (1.0, 0)):
        branch = network_from_weights([TALL, scale * WIDE], activation="identity")
        b = chain_bounds(residual(branch), np.ones(2, np.float32))
        assert close(b.log_upper[0], math.log(1 + scale * 20), b)
        assert close(b.log_upper_local[0], math.log(1 + scale * 20), b)
        assert close(b.log_lower[0], math.log(low) if low else -math.inf, b)
        assert close(b.log_exact[0], math.log(1 + scale * 12), b)


def test_a_residual_branch_of_huge_layers_that_cancel_leaves_the_skip_alone():
    # Norms multiply to 1e360, past every float, while the branch itself is zero.
    branch = network_from_weights([diagonal(1e30, 0), diagonal(0, 1e30)] * 6, activation="identity")
    b = chain_bounds(residual(branch), np.ones(2, np.float32))
    assert close(b.log_upper[0], 360 * math.log(10), b)
    assert close(b.log_exact[0], 0, b)
    assert b.log_lower[0] == -math.inf


def test_layer_norm_of_several_rows_is_bounded_by_its_least_spread_row():
    x = np.array([[1.0, 5.0, 0.0], [3.0, -1.0, 2.0], [8.0, 0.5, 1.0], [2.0, 2.5, 9.0]], np.float32)
    gain = np.array([-3.0, 2.0, 0.5])
    first, second = BatchNorm(), LayerNorm()
    network = concatenate(single(first, {}), single(second, {"gain": jnp.asarray(gain, "float32")}))
    b = chain_bounds(network, x)
    wide = x.astype(float)
    h = (wide - wide.mean(axis=0)) / np.sqrt(wide.var(axis=0) + first.epsilon)
    deviation = np.sqrt(h.var(axis=1) + second.epsilon)
    assert close(b.log_upper_local[1], math.log(3 / deviation.min()), b)
    assert_within(b)


def test_a_small_spread_about_a_large_mean_is_not_lost():
    # In float32 the mean of these is off by more than their spread.
    x = (4096 + np.array([0, 1, 1]) * 2.0**-11).astype(np.float32)
    layer = LayerNorm(epsilon=1e-12)
    b = chain_bounds(single(layer, {}), x)
    assert close(b.log_upper_local[0], -math.log(2 / 9 * 2.0**-22 + 1e-12) / 2, b)
