"""What counts as a layer, and in which order, for the trees that people have."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import ShapeError, UsageError
from gradchain.bridge.grouping import group, leaves_of, mark_stacked, natural, pieces_of
from gradchain.measured.build import mlp

W, B = np.ones((2, 2), np.float32), np.ones(2, np.float32)


def names(tree, stacked=None, layers=None, order=None):
    leaves = mark_stacked(leaves_of(tree), stacked)
    numbers = [
        i for i, leaf in enumerate(leaves) if isinstance(leaf.value, (np.ndarray, jax.Array))
    ]
    pieces = pieces_of(leaves, numbers)
    found, left = group(pieces, layers, order)
    return {y.name: sorted(pieces[i].name for i in y.pieces) for y in found}, left


@given(
    st.lists(st.integers(0, 2000), unique=True), st.sampled_from(["layers_", "", "block.", "h-"])
)
def test_natural_order_is_the_order_of_the_numbers(numbers, stem):
    texts = sorted((f"{stem}{n}" for n in numbers), key=natural)
    assert texts == [f"{stem}{n}" for n in sorted(numbers)]


def test_flax_parameters_come_in_numerical_order_with_their_biases():
    tree = {"params": {f"Dense_{i}": {"kernel": W, "bias": B} for i in range(12)}}
    found, left = names(tree)
    assert list(found) == [f"params/Dense_{i}" for i in range(12)]
    assert found["params/Dense_10"] == ["params/Dense_10/bias", "params/Dense_10/kernel"]
    assert not left


class Dense(NamedTuple):
    zeta: object
    alpha: object


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Module:
    second_in_the_alphabet: object
    first: object
    activation: object = dataclasses.field(metadata={"static": True}, default=None)


def test_lists_tuples_and_dataclasses_keep_their_own_order():
    tree = Module([Dense(W, B) for _ in range(11)], (Dense(W, None),))
    found, _ = names(tree)
    assert list(found) == [f"second_in_the_alphabet/{i}" for i in range(11)] + ["first/0"]
    assert found["first/0"] == ["first/0/zeta"]


def test_kernels_in_one_folder_are_layers_and_biases_follow_their_numbers():
    found, left = names({"W1": W, "b1": B, "W2": W, "b2": B, "W10": W, "b10": B, "scale": B})
    assert found == {"W1": ["W1", "b1"], "W2": ["W2", "b2"], "W10": ["W10", "b10"]}
    assert left == ["scale"]


def test_normalizations_between_layers_are_left_out_and_said():
    tree = {"dense": {"kernel": W, "bias": B}, "norm": {"scale": B, "bias": B}}
    found, left = names(tree)
    assert list(found) == ["dense"]
    assert left == ["norm/bias", "norm/scale"]


def test_a_tree_of_scalars_has_a_layer_for_each_folder():
    one = np.ones((), np.float32)
    assert list(names([one] * 3)[0]) == ["0", "1", "2"]
    assert list(names([{"w": one, "b": one}] * 3)[0]) == ["0", "1", "2"]
    assert list(names(W)[0]) == ["the parameter"]


def test_stacked_parameters_are_split_into_layers_before_what_follows():
    tree = {
        "blocks": {
            "a": {"kernel": np.ones((3, 2, 2)), "bias": np.ones((3, 2))},
            "b": {"kernel": np.ones((3, 2, 2))},
        },
        "head": {"kernel": W},
    }
    found, _ = names(tree, stacked="blocks")
    assert list(found) == [f"blocks/{i}/{x}" for i in range(3) for x in "ab"] + ["head"]
    assert found["blocks/2/a"] == ["blocks/2/a/bias", "blocks/2/a/kernel"]
    assert list(names({"w": np.ones((2, 4, 2)), "b": np.ones((2, 4))}, stacked=1)[0]) == list(
        "0123"
    )
    whole, _ = names(tree, stacked={"blocks": 0}, layers=["blocks/0", "blocks/1", "blocks/2"])
    assert [len(x) for x in whole.values()] == [3, 3, 3]


@pytest.mark.parametrize(
    "bad", [3.5, True, object(), [1], {"w": "x"}, {"w": None}, {1: 0}, len, np.array("w")]
)
def test_options_that_name_nothing_get_one_sentence(as_a_user, bad):
    tree = {"w": np.ones((2, 2))}
    with pytest.raises(UsageError, match="got stacked="):
        names(tree, stacked=bad)
    if bad is len:
        return
    with pytest.raises(UsageError, match="got layers="):
        names(tree, layers=bad)
    with pytest.raises(UsageError, match="got order="):
        names(tree, order=bad)


def test_one_name_as_a_text_is_one_name():
    tree = {"stem": np.ones((2, 2))}
    assert list(names(tree, order="stem")[0]) == list(names(tree, layers="stem")[0]) == ["stem"]


def test_a_networks_runs_are_split_into_its_layers():
    net = mlp(jax.random.key(0), 12, 3, "tanh", input_dim=2, output_dim=1)
    assert len(net.runs) == 3
    found, _ = names(net)
    assert list(found) == [f"layer_{i}" for i in range(1, 13)]
    assert found["layer_12"] == ["layer_12/bias", "layer_12/weight"]
    assert list(names({"body": net, "head": W})[0])[-2:] == ["body/layer_12", "head"]


def test_layers_and_order_can_be_given():
    tree = {f"{part}_{i}": {"w": W, "b": B} for part in ("block", "embed") for i in range(2)}
    assert list(names(tree, order=["embed", "block"])[0]) == [
        "embed_0",
        "embed_1",
        "block_0",
        "block_1",
    ]
    assert list(names(tree, order=lambda name: name[::-1])[0]) == [
        "embed_0",
        "block_0",
        "embed_1",
        "block_1",
    ]
    assert list(names(tree, layers=["embed_1", "block_0"])[0]) == ["embed_1", "block_0"]
    found, left = names(tree, layers=lambda path: path[:5] if path.endswith("w") else None)
    assert list(found) == ["block", "embed"]
    assert len(left) == 4


def test_ten_thousand_parameters_side_by_side_are_grouped_in_no_time():
    flat = {f"{kind}{i}": W if kind == "W" else B for i in range(5000) for kind in "Wb"}
    found, left = names(flat)
    assert len(found) == 5000
    assert list(found)[4999] == "W4999"
    assert not left


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stacked": "bocks"}, UsageError, "bocks.*no parameter lies under"),
        ({"stacked": 0}, ShapeError, "holds 2 stacked layers and .* holds 3"),
        ({"stacked": 5}, ShapeError, "no axis 5"),
        (
            {"layers": ["head"]},
            UsageError,
            "head.*no parameter lies under; the parameters are a/b, a/w",
        ),
        ({"order": ["b"]}, UsageError, "layer a matches no entry"),
        ({"order": ["a", "b"]}, UsageError, "'b', which no layer's name begins with"),
    ],
)
def test_what_matches_nothing_gets_a_sentence(options, error, words):
    with pytest.raises(error, match=words):
        names({"a": {"b": np.ones(2), "w": np.ones((3, 2))}}, **options)


def test_an_order_that_itself_raises_is_refused_in_a_sentence():
    tree = {"b": np.zeros((2, 2)), "a": np.zeros((2, 2))}
    assert list(names(tree, order=str)[0]) == ["a", "b"]
    with pytest.raises(UsageError, match="order= raised ValueError"):
        names(tree, order=int)
