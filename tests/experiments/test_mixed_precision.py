"""What number types lose: float64 against gradchain's own chains, casts against NumPy's, and counts."""

import math

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import mixed_precision as mixed
from gradchain.experiments import mixed_precision_numbers as numbers
from gradchain.experiments.float_limits import float_limit
from gradchain.experiments.mixed_precision_records import Networks, limit_numbers, network_numbers
from gradchain.measured.build import network_from_weights
from gradchain.measured.gradient import gradient_chain
from gradchain.registry.collection import validate_all

SIZES = mixed.Sizes(width=12, depth=24, batch=6, seeds=24, seed=3)


@pytest.fixture(scope="module")
def sigmoid():
    """24 small sigmoid networks, in float64 and in the types."""
    found = mixed.truth("sigmoid", SIZES, numbers.all_floors())
    runs = [*(("float16", s) for s in numbers.EXPONENTS), ("bfloat16", 0), ("float32", 0)]
    counts = {run: mixed.measured("sigmoid", SIZES, *run) for run in runs}
    return Networks("sigmoid", SIZES, found, counts)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_the_limits_are_those_of_the_types_themselves(dtype):
    info = ml_dtypes.finfo(dtype)
    from gradchain._text import parse

    name = np.dtype(dtype).name
    ours = [
        float(parse(float_limit(name, limit).value)) for limit in ("normal", "subnormal", "largest")
    ]
    assert ours == [float(info.smallest_normal), float(info.smallest_subnormal), float(info.max)]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_a_floor_is_where_a_cast_gives_zero(dtype):
    limit, itself = mixed.floor_exponent(np.dtype(dtype).name, False)
    assert itself
    at = np.float64(2.0) ** limit
    # Not the very next number: ml_dtypes rounds twice on the way to bfloat16.
    values = np.array([at, 1.01 * at])
    assert (values.astype(dtype).astype(np.float64) == 0).tolist() == [True, False]


@pytest.mark.parametrize("activation", mixed.LAWS)
def test_the_true_gradients_are_those_of_the_measured_chains(activation):
    sizes = mixed.Sizes(width=7, depth=5, batch=1, seeds=2, seed=1)
    drawn = mixed.draw(activation, sizes)
    found = mixed.truth(activation, sizes, ())
    for k in range(2):
        network = network_from_weights(list(drawn.weights[k]), activation=activation)
        h = np.asarray(network(jnp.asarray(drawn.inputs[k, 0])), np.float64)
        p = 1 / (1 + math.exp(-float(h @ drawn.last[k])))
        cotangent = ((p - drawn.classes[k, 0]) * drawn.last[k]).astype(np.float32)
        chain = gradient_chain(network, drawn.inputs[k, 0], cotangent)
        logs = np.asarray(chain.log_leaf_norms[0]["weight"], np.float64) / math.log(2)
        # l n eps in a logarithm, some dozens of rounded operations a layer.
        assert np.abs(logs - found.log2_norms[k]).max() <= 100 * 5 * 7 * np.finfo(np.float32).eps


def test_shares_are_those_of_a_cast_by_numpy(sigmoid):
    sizes = mixed.Sizes(width=6, depth=16, batch=3, seeds=1, seed=2)
    drawn = mixed.draw("sigmoid", sizes)
    floors = ((*mixed.floor_exponent("float16", False),), (-25 - 8, True))
    found = mixed.truth("sigmoid", sizes, floors)
    h, states = drawn.inputs[0].astype(np.float64), []
    for weight in drawn.weights[0].astype(np.float64):
        states.append(h)
        h = 1 / (1 + np.exp(-h @ weight.T))
    p = 1 / (1 + np.exp(-h @ drawn.last[0].astype(np.float64)))
    back, after = (p - drawn.classes[0])[:, None] / 3 * drawn.last[0], h
    for layer in reversed(range(16)):
        error = back * after * (1 - after)
        gradient = error.T @ states[layer]
        for place, scale in enumerate((1.0, 256.0)):
            lost = ((gradient * scale).astype(np.float16) == 0).mean()
            assert found.lost[place, 0, layer] == lost
        back, after = error @ drawn.weights[0, layer].astype(np.float64), states[layer]


def test_deep_sigmoid_layers_are_lost_in_float16_and_only_there(sigmoid):
    assert (sigmoid.counts["float16", 0].zero[:, 0] == 1).all()
    assert (sigmoid.counts["float32", 0].zero[:, 0] == 0).all()
    assert (sigmoid.counts["bfloat16", 0].zero[:, 0] == 0).all()


def test_computed_and_cast_lose_the_same_layers_but_for_one_or_two(sigmoid):
    for exponent in (0, 8, 16):
        gap = sigmoid.kept("float16", exponent, "cast") - sigmoid.kept(
            "float16", exponent, "measured"
        )
        assert np.median(gap) > -0.5
        assert np.median(gap) < 2.5


def test_a_loss_scale_saves_its_bits_over_the_bits_a_layer(sigmoid):
    predicted = 16 / mixed.bits_a_layer(sigmoid.found.log2_norms)
    for by in ("cast", "measured"):
        saved = sigmoid.kept("float16", 16, by) - sigmoid.kept("float16", 0, by)
        error = (saved - predicted).std(ddof=1) / math.sqrt(len(saved))
        # The decay near the output differs a little from the mean over the depth: half a layer.
        assert abs((saved - predicted).mean()) <= 4.5 * error + 0.5


def test_too_large_a_loss_scale_overflows_as_predicted(sigmoid):
    largest = math.log2(65504) - sigmoid.found.log2_largest
    wrong = sigmoid.counts["float16", 24].wrong.any(axis=1)
    assert wrong[largest < 23.5].all()
    assert not sigmoid.counts["float16", 16].wrong[largest > 16.5].any()


def test_relu_units_that_are_off_for_every_example_do_not_count_as_lost():
    sizes = SIZES._replace(batch=1, seeds=4)
    found = mixed.truth("relu", sizes, numbers.all_floors())
    assert found.zero.mean() > 0.3
    counts = mixed.measured("relu", sizes, "float32", 0)
    assert mixed.lost_shares(counts, found.zero).max() < 0.05


def test_records_are_valid_and_agree_with_fresh_seeds(sigmoid):
    made = network_numbers(sigmoid)
    numbered = validate_all([*made, *limit_numbers()])
    assert "mixedprecision.sigmoid.float16.scale16.measured.saved" in numbered
    # bfloat16 and float32 keep 24 layers: there is no count to give.
    assert "mixedprecision.sigmoid.float32.measured.layers" not in numbered
    findings = recompute.check(numbered, "full")
    assert [found.sentence for found in findings if found.verdict != "agrees"] == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: mixed.draw("gelu", SIZES), "expected one of"),
        (lambda: mixed.draw("tanh", SIZES._replace(depth=1)), "expected 3 to"),
        (lambda: mixed.measured("tanh", SIZES, "float64", 0), "expected one of"),
        (lambda: numbers.saved("sigmoid", 4, 5, 2, 6, 0, 0, "cast"), "power of two above 1"),
        (lambda: numbers.count_of(np.array([np.inf, np.inf])), "lose no layer"),
    ],
)
def test_impossible_sizes_are_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call()
