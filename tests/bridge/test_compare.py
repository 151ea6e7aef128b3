"""Measured slopes beside predicted ones: they agree by standard errors, and a wrong one would not."""

import dataclasses

import jax
import numpy as np
import pytest

import gradchain as gch
from gradchain._errors import UsageError


@pytest.mark.parametrize(("activation", "initializer", "width"), [
    ("relu", "he_gaussian", 24), ("identity", "lecun_gaussian", 24), ("tanh", "glorot_gaussian", 64),
    ("tanh", "orthogonal", 64), ("relu", "orthogonal(1.4142135623730951)", 64),
])  # fmt: skip
def test_measured_slopes_agree_with_the_prediction_at_their_width(activation, initializer, width):
    found = gch.compare(activation, initializer, depth=20, width=width, seeds=160)
    # Five cases at 5.5 standard errors: false alarms below 4e-7; first order leaves 1/n^2 besides.
    left_over = 0.0 if found.correction_kind == "exact" else 8.0 / width**2
    assert abs(found.measured - found.predicted_at_width) <= 5.5 * found.standard_error + left_over
    assert found.slopes.std(ddof=1) == pytest.approx(found.spread, rel=0.4)
    low, high = found.interval
    assert low < found.measured < high


def test_the_infinite_width_prediction_alone_is_seen_to_miss():
    found = gch.compare("relu", "he_gaussian", depth=20, width=24, seeds=160)
    assert found.predicted == pytest.approx(0.0, abs=1e-12)
    assert found.z_infinite < -6
    wrong = dataclasses.replace(found, predicted=0.05)
    assert abs(wrong.z) > 6


def test_a_narrow_relu_network_counts_its_dead_and_leaves_them_out():
    found = gch.compare("relu", "he_gaussian", depth=12, width=4, seeds=120)
    expected = 1 - (1 - 2.0**-4) ** 12
    error = np.sqrt(expected * (1 - expected) / 120)
    assert abs(found.dead / 120 - expected) <= 5.5 * error
    assert found.slopes.size == 120 - found.dead
    assert "dead layer" in str(found)


def test_the_same_key_gives_the_same_slopes_and_another_does_not():
    one, same = (gch.compare("tanh", depth=4, width=8, seeds=4) for _ in range(2))
    np.testing.assert_array_equal(one.slopes, same.slopes)
    other = gch.compare("tanh", depth=4, width=8, seeds=4, key=jax.random.key(9))
    assert (one.slopes != other.slopes).all()
    assert "nats a layer" in str(one)


def test_what_cannot_be_compared_is_refused_in_a_sentence(as_a_user):
    for arguments, said in (
        ({"depth": 0}, "depth"), ({"width": 1}, "width"), ({"seeds": 1}, "seeds"),
        ({"initializer": "zeros"}, "all 0"), ({"initializer": "unit_spectral"}, "not declared"),
        ({"initializer": lambda key, shape, dtype: None}, "not declared"), ({"key": 3}, "key"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            gch.compare("tanh", **arguments)
