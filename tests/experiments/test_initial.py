"""The float64 gradients at the start are those that the compiled programs see and optax clips."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import centring, exploding, initial, lab, shapes
from gradchain.experiments.setting import setting_of
from gradchain.experiments.shifted import activation_of

BASE = lab.Setting(depth=3, epochs=10, slots=4)
SEEDS = 8


def layers(rng, sizes, seeds=3):
    pairs = pairwise(sizes)
    return [
        lab.Layer(rng.normal(size=(seeds, b, a)), rng.normal(size=(seeds, b))) for a, b in pairs
    ]


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return lab.columns(rng.normal(size=(20, 2)), rng.integers(0, 2, 20))


def test_networks_of_the_lab_start_with_these_weights_and_these_gradient_norms():
    outcome = lab.run(BASE, SEEDS, 3)
    drawn = initial.weights(BASE, SEEDS, 3)
    for ours, theirs in zip(drawn, outcome.start, strict=True):
        np.testing.assert_array_equal(ours.weight.astype(np.float32), theirs.weight)
    passes = initial.start_of(BASE, SEEDS, 3)
    norms = [np.linalg.norm(g, axis=(1, 2)) for g, _ in passes.gradients]
    # A few hundred roundings of float32 meet in a norm.
    np.testing.assert_allclose(
        np.log(np.stack(norms, 1)), outcome.log_gradient_norms[:, 0], atol=1e-4
    )
    np.testing.assert_allclose(passes.loss, outcome.full_loss[:, 0], rtol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "shifted_sigmoid"])
@pytest.mark.parametrize("head", ["linear_mse", "sigmoid_ce"])
def test_gradients_agree_with_finite_differences(points, activation, head):
    net = layers(np.random.default_rng(1), (2, 4, 3, 1))
    found = initial.passes(net, activation, head, points)
    step = 1e-6
    for place in range(3):
        for side in (0, 1):
            moved = []
            for sign in (1, -1):
                new = [lab.Layer(*(part.copy() for part in layer)) for layer in net]
                new[place][side].reshape(3, -1)[:, 0] += sign * step
                moved.append(initial.passes(new, activation, head, points).loss)
            slope = (moved[0] - moved[1]) / (2 * step)
            ours = found.gradients[place][side].reshape(3, -1)[:, 0]
            np.testing.assert_allclose(ours, slope, rtol=1e-5, atol=1e-8)


def test_clipping_is_that_of_optax(points):
    net = layers(np.random.default_rng(2), (2, 4, 3, 1))
    arrays = exploding.arrays_of(initial.passes(net, "relu", "linear_mse", points))
    for seed in range(3):
        own = [jnp.asarray(a[seed].astype(np.float32)) for a in arrays]
        for clip, tx in (
            ("value", optax.clip(0.3)),
            ("global", optax.clip_by_global_norm(0.3)),
            ("norm", None),
        ):
            ours = [a[seed] for a in exploding.clipped(arrays, clip, 0.3)]
            if tx is not None:
                theirs, _ = tx.update(own, tx.init(own))
            else:
                one = optax.clip_by_global_norm(0.3)
                theirs = [one.update([a], one.init([a]))[0][0] for a in own]
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, np.asarray(b), rtol=1e-5, atol=1e-7)


def test_only_the_global_norm_keeps_the_direction_and_the_others_reach_their_limits(points):
    net = layers(np.random.default_rng(3), (2, 4, 3, 1))
    arrays = exploding.arrays_of(initial.passes(net, "tanh", "linear_mse", points))
    raw = np.concatenate(arrays, axis=1)
    norm = np.linalg.norm(raw, axis=1)
    np.testing.assert_allclose(exploding.cosines(arrays, "global", 1e-6), 1.0, rtol=1e-12)
    signs = np.abs(raw).sum(axis=1) / (np.sqrt(raw.shape[1]) * norm)
    np.testing.assert_allclose(exploding.cosines(arrays, "value", 1e-9), signs, rtol=1e-9)
    parts = np.stack([np.linalg.norm(a, axis=1) for a in arrays])
    equal = parts.sum(axis=0) / (np.sqrt(len(arrays)) * norm)
    np.testing.assert_allclose(exploding.cosines(arrays, "norm", 1e-9), equal, rtol=1e-9)
    for clip in exploding.CLIPS:
        np.testing.assert_allclose(exploding.cosines(arrays, clip, 2 * norm), 1.0, rtol=1e-12)


def test_the_share_saved_counts_only_networks_that_were_lost():
    bare, kept = np.array([3, -1, 7, 0]), np.array([-1, 5, 9, -1])
    loss = np.array([0.1, np.nan, np.nan, 0.4])
    assert exploding.rescued(bare, kept, loss, 0.0).value == "0.666667"
    assert exploding.rescued(bare, kept, loss, 0.2).value == "0.333333"
    with pytest.raises(UsageError, match="no network"):
        exploding.rescued(np.array([-1]), kept[:1], loss[:1], 0.0)


def test_after_a_sigmoid_every_gradient_of_a_point_has_one_sign_and_centred_ones_hardly(points):
    net = layers(np.random.default_rng(4), (2, 8, 8, 1), seeds=20)
    shares = {
        name: centring.at_start(initial.passes(net, name, "sigmoid_ce", points))
        for name in ("sigmoid", "shifted_sigmoid")
    }
    assert np.all(shares["sigmoid"]["sign_second"] == 1)
    assert shares["shifted_sigmoid"]["sign_second"].mean() < 0.2
    # The first layer sees the data, whatever the activation.
    for found in shares.values():
        np.testing.assert_allclose(found["sign_first"], found["one_sided"])


def test_the_condition_number_of_uncentred_inputs_is_one_plus_n_m2_over_s2():
    rng, n, mean, spread = np.random.default_rng(5), 6, 0.5, 0.2
    # Columns in mirrored pairs and an orthonormal basis: the second moment is met to rounding.
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0] * np.sqrt(n) * spread
    states = mean + np.concatenate([basis, -basis], axis=1)[None]
    values = centring.spectrum(states)
    np.testing.assert_allclose(values[0, 0] / values[0, -1], 1 + n * mean**2 / spread**2)


def test_a_sigmoid_network_is_a_shifted_one_with_other_biases(points):
    net = layers(np.random.default_rng(6), (2, 5, 4, 1))
    moved = [net[0], *(lab.Layer(w, b + w.sum(axis=2) / 2) for w, b in net[1:])]
    first = initial.passes(net, "sigmoid", "sigmoid_ce", points)
    second = initial.passes(moved, "shifted_sigmoid", "sigmoid_ce", points)
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-12)
    for a, b in zip(first.deltas, second.deltas, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)


def test_the_sigmoid_moved_down_by_a_half_is_half_a_tanh_at_half_the_argument():
    x = jnp.linspace(-30, 30, 2001, dtype=jnp.float32)
    eps = float(jnp.finfo(jnp.float32).eps)
    one, other = activation_of("shifted_sigmoid"), activation_of("half_tanh")
    np.testing.assert_allclose(np.asarray(one(x)), np.asarray(other(x)), atol=2 * eps)
    np.testing.assert_allclose(
        np.asarray(one.derivative(x)), np.asarray(other.derivative(x)), rtol=8 * eps
    )


def test_pairs_of_epochs_are_compared_network_by_network():
    slow, fast = (
        np.array([20.0, np.inf, 30.0, np.inf, 8.0]),
        np.array([10.0, 5.0, 10.0, np.inf, 4.0]),
    )
    assert centring.slowdown_result(slow, fast).value == "2"
    with pytest.raises(UsageError, match="more than half"):
        centring.slowdown_result(np.full(3, np.inf), np.ones(3))


@pytest.mark.parametrize(("depth", "units"), [(1, 5), (3, 4)])
def test_parameters_are_counted_as_the_lab_draws_them_also_without_room_for_more(depth, units):
    setting = BASE.varied(depth=depth, units=units, slots=depth - 1 or -1)
    net = initial.weights(setting, 2, 0)
    counted = sum(layer.weight[0].size + layer.bias[0].size for layer in net)
    assert counted == shapes.parameters(depth, units)


def test_a_wide_network_without_room_for_more_layers_trains_and_starts_as_one_with_room():
    tight, roomy = BASE.varied(depth=1, slots=-1), BASE.varied(depth=1, slots=4)
    outcome = lab.run(tight, SEEDS, 2)
    norms = [np.linalg.norm(g, axis=(1, 2)) for g, _ in initial.start_of(roomy, SEEDS, 2).gradients]
    np.testing.assert_allclose(
        np.log(np.stack(norms, 1)), outcome.log_gradient_norms[:, 0], atol=1e-4
    )
    assert np.all(outcome.full_loss[:, -1] < outcome.full_loss[:, 0])


def test_what_has_no_plain_gradient_is_refused():
    with pytest.raises(UsageError, match="without normalization"):
        initial.weights(BASE.varied(norm="layer"), 2, 0)
    with pytest.raises(UsageError, match="expected relu"):
        initial.passes([], "gelu", "linear_mse", lab.points_of(BASE))
    with pytest.raises(UsageError, match="slots"):
        BASE.varied(slots=-1)
    for text in ("{", '{"depht": 3}'):
        with pytest.raises(UsageError, match="setting"):
            setting_of(text)
